import TailraceCore

/// The bytes that a process may have out for what it receives.
package final class SimulatedMemoryBudget: MemoryBudget {
    private let loop: SimulatedLoop
    private var line: [(bytes: Int, told: () -> Void)] = []
    private var isTelling = false
    package private(set) var used = 0
    package var limit: Int

    init(_ limit: Int, _ loop: SimulatedLoop) { (self.limit, self.loop) = (limit, loop) }

    package func reserve(_ bytes: Int, _ told: @escaping () -> Void) -> Bool {
        if line.isEmpty, fits(bytes) {
            used += bytes
            return true
        }
        line.append((bytes, told))
        tell()
        return false
    }
    package func giveBack(_ bytes: Int) {
        used -= bytes
        precondition(used >= 0, "more memory was given back than was reserved")
        tell()
    }

    private func fits(_ bytes: Int) -> Bool { used == 0 || used + bytes <= limit }

    /// One a turn: the next is told when the first has asked again.
    private func tell() {
        guard !isTelling, let first = line.first, fits(first.bytes) else { return }
        isTelling = true
        loop.enqueue { [self] in
            isTelling = false
            guard let first = line.first, fits(first.bytes) else { return }
            line.removeFirst()
            first.told()
            tell()
        }
    }
    func end() { line = [] }
}
