import CLinux
import Glibc
package import TailraceCore
import Synchronization

/// Child processes for real. Each leads a process group that is killed as a whole: when the child has ended, when its object
/// is let go, and when the agent is gone, however it ended (``ProcessKeeper``).
///
/// To be used on a loop whose thread lives as long as the process: the kernel kills the children of a thread that ends.
package final class PosixProcesses: Processes {
    private let loop: EpollLoop
    /// Those that have not yet answered.
    private var running: [ObjectIdentifier: ChildState] = [:]

    package init(_ loop: EpollLoop) { self.loop = loop }

    /// Started with the first child.
    private(set) var keeper: ProcessKeeper?

    /// `environment` is added to the agent's own. The program is looked for in the agent's PATH.
    package func spawn(
        _ arguments: [String], environment: [String: String], _ exited: @escaping (Int32) -> Void
    ) throws(TailraceError) -> any ChildProcess {
        guard let program = arguments.first, !program.isEmpty else {
            throw TailraceError(code: "process.spawn", message: "cannot run nothing", fix: "give the command a program.")
        }
        guard !arguments.contains(where: { $0.utf8.contains(0) }) else {
            throw TailraceError(
                code: "process.spawn", message: "cannot run \(program): an argument has a byte 0", fix: "correct the command.")
        }
        let pipes = try ChildPipes(program)
        let process = try start(arguments, merged(environment), pipes)
        do throws(TailraceError) {
            let descriptor = clinux_process_descriptor(process)
            guard descriptor >= 0 else { throw spawnError(program, errno) }
            let state = ChildState(process, OwnedDescriptor(descriptor), exited)
            state.watch = loop.onReadable(descriptor) { [weak self] in
                if let self { ended(state) } else { state.watch?.cancel() }
            }
            running[ObjectIdentifier(state)] = state
            return PosixChild(loop, state, pipes) { [weak self] in self?.answerIfDone(state) }
        } catch {
            kill(-process, SIGKILL)
            keeper?.remove(process)
            while waitpid(process, nil, 0) < 0 && errno == EINTR {}
            throw error
        }
    }

    private func start(_ arguments: [String], _ environment: [String], _ pipes: ChildPipes) throws(TailraceError) -> Int32 {
        if keeper == nil { keeper = try ProcessKeeper() }
        let keeper = keeper!
        for attempt in 1...2 {
            let process = withCStrings(arguments) { arguments in
                withCStrings(environment) { environment in
                    var spawn = clinux_spawn(
                        arguments: arguments, environment: environment, input: pipes.input.read, output: pipes.output.write,
                        errors: pipes.errors.write, keeper: keeper.messages,
                        descriptor_limit: originalDescriptorLimit.load(ordering: .relaxed))
                    return clinux_start(&spawn)
                }
            }
            if process > 0 {
                keeper.added(process)
                return process
            }
            let code = errno
            // Its pipe is broken (or closed by us): somebody has killed the keeper.
            guard attempt == 1 && (code == EPIPE || code == EBADF) else { throw spawnError(arguments[0], code) }
            try keeper.restart()
        }
        throw spawnError(arguments[0], EPIPE)
    }

    private func spawnError(_ program: String, _ code: Int32) -> TailraceError {
        let fix =
            switch code {
            case ENOENT: "install the program, or correct the command (it is looked for in PATH)."
            case EACCES, ENOEXEC: "make it executable, or correct the command."
            default: nil as String?
            }
        return systemError("process.spawn", "run \(program)", code, fix: fix)
    }

    /// "NAME=value", the agent's own first, each name once.
    private func merged(_ added: [String: String]) -> [String] {
        var all: [String] = []
        var next = clinux_environment()
        while let entry = next?.pointee {
            let text = String(cString: entry)
            if added[String(text.prefix { $0 != "=" })] == nil { all.append(text) }
            next = next?.successor()
        }
        return all + added.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    }

    /// The child has ended; what it leaves in its group ends with it.
    private func ended(_ state: ChildState) {
        state.watch?.cancel()
        state.watch = nil
        // Until it is reaped its number is nobody else's.
        kill(-state.process, SIGKILL)
        keeper?.remove(state.process)
        let status = clinux_reap(state.process)
        precondition(status >= 0, "waitid of a process that has ended: \(errnoText(errno))")
        state.status = status
        answerIfDone(state)
    }

    private func answerIfDone(_ state: ChildState) {
        guard let status = state.status, state.openOutputs == 0, let exited = state.exited else { return }
        state.exited = nil
        running[ObjectIdentifier(state)] = nil
        loop.enqueue { exited(status) }
    }
}

/// What is known of a child; lives until it has ended and has been answered for.
final class ChildState {
    let process: Int32
    let descriptor: OwnedDescriptor
    var exited: ((Int32) -> Void)?
    var watch: (any Cancellable)?
    var openOutputs = 2
    /// nil: it runs.
    var status: Int32?

    init(_ process: Int32, _ descriptor: OwnedDescriptor, _ exited: @escaping (Int32) -> Void) {
        (self.process, self.descriptor, self.exited) = (process, descriptor, exited)
    }

    func signal(_ number: Int32) {
        // Once reaped, the number may be somebody else's.
        if status == nil { kill(-process, number) }
    }
}

/// Three pipes to a child, closed as far as nobody took them over.
final class ChildPipes {
    struct Pipe {
        var read: Int32 = -1
        var write: Int32 = -1
        func close() {
            for end in [read, write] where end >= 0 { Glibc.close(end) }
        }
    }
    var input = Pipe()
    var output = Pipe()
    var errors = Pipe()

    init(_ program: String) throws(TailraceError) {
        input = try Self.make(program)
        output = try Self.make(program)
        errors = try Self.make(program)
        for end in [input.write, output.read, errors.read] where clinux_set_nonblocking(end) != 0 {
            throw systemError("process.spawn", "run \(program): pipe", errno)
        }
    }
    deinit { for pipe in [input, output, errors] { pipe.close() } }

    private static func make(_ program: String) throws(TailraceError) -> Pipe {
        var ends: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &ends) { clinux_pipe($0.baseAddress!.assumingMemoryBound(to: Int32.self)) }
        guard result == 0 else { throw systemError("process.spawn", "run \(program): pipe", errno) }
        return Pipe(read: ends.0, write: ends.1)
    }

    /// Our ends, which are the caller's from then on.
    func takeOurs() -> (input: Int32, output: Int32, errors: Int32) {
        defer { (input.write, output.read, errors.read) = (-1, -1, -1) }
        return (input.write, output.read, errors.read)
    }
}

final class PosixChild: ChildProcess {
    let input: any ByteStream
    let output: any ByteStream
    let errors: any ByteStream
    private let state: ChildState

    /// `outputEnded`: in a later turn, once for each of the two outputs.
    init(_ loop: EpollLoop, _ state: ChildState, _ pipes: ChildPipes, _ outputEnded: @escaping () -> Void) {
        self.state = state
        let ours = pipes.takeOurs()
        let ended = {
            state.openOutputs -= 1
            outputEnded()
        }
        input = DescriptorStream(loop, ours.input, peer: nil, isSocket: false)
        output = DescriptorStream(loop, ours.output, peer: nil, isSocket: false, readingEnded: ended)
        errors = DescriptorStream(loop, ours.errors, peer: nil, isSocket: false, readingEnded: ended)
    }
    /// Nobody can read from it or end it any more.
    deinit { state.signal(SIGKILL) }

    func signal(_ number: Int32) { state.signal(number) }
}

/// As C wants them, with NULL at the end, for the time of the call.
private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    let copies = strings.map { strdup($0) } + [nil]
    defer { for copy in copies { free(copy) } }
    return copies.withUnsafeBufferPointer { body($0.baseAddress!) }
}
