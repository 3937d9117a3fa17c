import Synchronization

/// The memory that an agent spends on what it receives: one number, and a line of those who got a no.
///
/// Confined to its loop, but for giving back: a buffer is freed by whatever thread has the last reference, so ``returned`` is
/// for any thread. It costs one atomic subtraction; the loop is woken only when somebody waits.
package final class BudgetedMemory: MemoryBudget {
    /// Bytes. A change counts from the next question on.
    package var limit: Int
    /// Bytes that are out now.
    package var used: Int { shared.used.load(ordering: .relaxed) }
    /// For the metrics: how many got a no.
    package private(set) var refusals = 0

    private final class Shared: Sendable {
        let used = Atomic<Int>(0)
        /// Somebody waits, and the loop has not been woken for it.
        let isAwaited = Atomic<Bool>(false)
    }
    private let shared = Shared()
    private var line: [(bytes: Int, told: () -> Void)] = []
    private var isTelling = false
    private var wake: LoopPort<Void>!

    package init(_ limit: Int, _ loop: any EventLoop) {
        self.limit = limit
        wake = loop.openPort { [weak self] in self?.tell() }
    }

    package func reserve(_ bytes: Int, _ told: @escaping () -> Void) -> Bool {
        // Nobody overtakes the line; who is being told has left it.
        if (line.isEmpty || isTelling) && fits(bytes) {
            shared.used.add(bytes, ordering: .sequentiallyConsistent)
            return true
        }
        refusals += 1
        line.append((bytes, told))
        askToBeWoken()
        return false
    }

    package func giveBack(_ bytes: Int) { returned(bytes) }

    /// The same as ``giveBack(_:)``, for any thread: as a buffer's `released`.
    package var returned: @Sendable (Int) -> Void {
        { [shared, wake = wake!] bytes in
            let rest = shared.used.subtract(bytes, ordering: .sequentiallyConsistent).newValue
            precondition(rest >= 0, "more memory was given back than was reserved")
            if shared.isAwaited.exchange(false, ordering: .sequentiallyConsistent) { wake.post(()) }
        }
    }

    private func fits(_ bytes: Int) -> Bool {
        let used = shared.used.load(ordering: .sequentiallyConsistent)
        return used == 0 || used + bytes <= limit
    }

    /// Asks to be woken. What was given back before that woke nobody, so it looks once more.
    private func askToBeWoken() {
        guard let first = line.first else { return }
        shared.isAwaited.store(true, ordering: .sequentiallyConsistent)
        if fits(first.bytes), shared.isAwaited.exchange(false, ordering: .sequentiallyConsistent) { wake.post(()) }
    }

    private func tell() {
        while let first = line.first, fits(first.bytes) {
            line.removeFirst()
            isTelling = true
            first.told()
            isTelling = false
        }
        askToBeWoken()
    }
}
