import CLinux
import Glibc
import TailraceIO

/// A process that a test starts, the leader of a group of its own; what it prints goes into files.
///
/// Whatever happens to the test process, the group is killed: by ``end()``, or by a keeper that waits for our end.
final class Child {
    let words: [String]
    let process: pid_t
    let outPath: String
    let errorPath: String
    /// 128 + signal, or the exit status.
    private(set) var status: Int32?

    /// `folder`: where it runs; `environment`: on top of ours; `log`: the start of its two output files' paths.
    init(
        _ words: [String], in folder: String, log: String, environment: [String: String] = [:], input: String = "/dev/null"
    ) throws {
        self.words = words
        (outPath, errorPath) = (log + ".out", log + ".err")
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outPath, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Other tests of this process ignore and block signals.
        var none = sigset_t(), all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))
        // env, because posix_spawn of Swift's Glibc module cannot change the folder.
        let command = ["/usr/bin/env", "-C", folder] + environment.map { "\($0.key)=\($0.value)" } + words
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        defer { for pointer in arguments { free(pointer) } }
        var number = pid_t()
        let result = posix_spawn(&number, command[0], &actions, &attributes, &arguments, clinux_environment())
        guard result == 0 else { throw TestFailure("\(words[0]) cannot be started: \(errnoText(result))") }
        process = number
        Self.keeper.add(process)
    }
    deinit { end() }

    var isRunning: Bool { poll() == nil }
    var output: String { String(decoding: Files.read(outPath), as: UTF8.self) }
    var errors: String { String(decoding: Files.read(errorPath), as: UTF8.self) }
    /// For the text of a failure.
    var story: String { "\(words.joined(separator: " ")) [\(process)]\n\(output.suffix(3_000))\(errors.suffix(3_000))" }

    func signal(_ number: Int32) { if isRunning { Glibc.kill(process, number) } }

    /// Waits for its end.
    @discardableResult
    func ended(within limit: Duration = patience) async throws -> Int32 {
        do { return try await value("the end", within: limit) { poll() } } catch { throw TestFailure("\(error): \(story)") }
    }

    /// kill -9, and its end.
    func kill() async throws {
        signal(SIGKILL)
        try await ended()
    }

    /// Kills what is left of its group. Waits: a killed process ends at once.
    func end() {
        Glibc.kill(-process, SIGKILL)
        guard status == nil else { return }
        var word: Int32 = 0
        while waitpid(process, &word, 0) < 0, errno == EINTR {}
        reaped(word)
    }

    private func poll() -> Int32? {
        if let status { return status }
        var word: Int32 = 0
        guard waitpid(process, &word, WNOHANG) == process else { return nil }
        reaped(word)
        return status
    }
    private func reaped(_ word: Int32) {
        let signal = word & 0x7F
        status = signal == 0 ? (word >> 8) & 0xFF : 128 + signal
        Self.keeper.remove(process)
    }

    static let keeper = Keeper()

    /// Kills groups of processes when the test process is gone.
    struct Keeper: Sendable {
        private let descriptor: Int32
        fileprivate init() {
            // As in the program: a peer or a keeper that is gone is an error of that call, and not the end of all tests.
            Glibc.signal(SIGPIPE, SIG_IGN)
            var descriptor: Int32 = -1
            if clinux_start_keeper(&descriptor) < 0 { descriptor = -1 }
            self.descriptor = descriptor
        }
        func add(_ group: pid_t) { tell(group) }
        func remove(_ group: pid_t) { tell(-group) }
        private func tell(_ number: Int32) {
            guard descriptor >= 0 else { return }
            withUnsafeBytes(of: number) { _ = write(descriptor, $0.baseAddress!, $0.count) }
        }
    }
}
