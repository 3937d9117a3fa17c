import CLinux
import Glibc
import TailraceCore

/// The process that kills our children's groups when we are gone, and what it has been told. Started with the first child.
///
/// If it is killed itself, a new one is started at the next child, and told about those that live.
final class ProcessKeeper {
    private(set) var process: Int32
    private var descriptor: Int32
    private(set) var groups: Set<Int32> = []

    /// Where a child puts itself on the list.
    var messages: Int32 { descriptor }

    init() throws(TailraceError) { (process, descriptor) = try Self.start() }

    /// What still lives is killed then, by the keeper.
    deinit {
        close(descriptor)
        waitpid(process, nil, 0)
    }

    /// The child has put itself on the list.
    func added(_ group: Int32) { groups.insert(group) }

    /// Before its leader's number can be given to another process.
    func remove(_ group: Int32) {
        groups.remove(group)
        // A keeper that does not read would kill somebody else some day.
        if !send(-group) { stop() }
    }

    /// Makes sure that one runs.
    func restart() throws(TailraceError) {
        stop()
        (process, descriptor) = try Self.start()
        for group in groups.sorted() where !send(group) {
            throw TailraceError(code: "process.spawn", message: "cannot tell the keeper process \(process) of group \(group)")
        }
    }

    private func send(_ message: Int32) -> Bool {
        var message = message
        let size = MemoryLayout<Int32>.size
        return descriptor >= 0 && restarting { write(descriptor, &message, size) } == size
    }

    /// By SIGKILL: one that saw the pipe closed would kill everybody.
    private func stop() {
        guard descriptor >= 0 else { return }
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
        close(descriptor)
        descriptor = -1
    }

    private static func start() throws(TailraceError) -> (Int32, Int32) {
        var process: Int32 = -1
        let descriptor = clinux_start_keeper(&process)
        guard descriptor >= 0 else { throw systemError("process.spawn", "start the keeper process", errno) }
        return (process, descriptor)
    }
}
