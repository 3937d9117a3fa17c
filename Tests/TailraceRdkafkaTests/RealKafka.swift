import Glibc
import TailraceCore
import TailraceIO

/// A real Apache Kafka for the tests that want one: by `TAILRACE_SHARED`, or in the folder `shared` beside the checkout.
struct RealKafka {
    static let script: String? = {
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        let shared = getenv("TAILRACE_SHARED").map { String(cString: $0) } ?? root + "/../shared"
        let path = shared + "/servers/kafka/cluster"
        return access(path, X_OK) == 0 ? path : nil
    }()
    static var isPresent: Bool { script != nil }
    /// Real log lines, some with CR LF, some not UTF-8.
    static var logs: [String] {
        guard let script,
            let names = script.range(ofSuffix: "/servers/kafka/cluster").map({ String(script[$0]) + "/data/logs" })
        else { return [] }
        return ["Android", "Apache", "HDFS", "Hadoop", "Linux", "OpenSSH", "Windows"].map { "\(names)/\($0).log" }
            .filter { access($0, R_OK) == 0 }
    }

    let loop: EpollLoop
    let directory: String
    let port: UInt16

    init(_ loop: EpollLoop) {
        self.loop = loop
        let template = Array("/tmp/tailrace-kafka-XXXXXX".utf8CString)
        directory = template.withUnsafeBufferPointer { template in
            let path = strdup(template.baseAddress!)!
            defer { free(path) }
            return String(cString: mkdtemp(path))
        }
        port = Self.freePort()
    }

    var bootstraps: String { "127.0.0.1:\(port)" }

    /// Below 32768, with the next one free too, which is the controller's.
    private static func freePort() -> UInt16 {
        func isFree(_ port: UInt16) -> Bool {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            return withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
        }
        let first = UInt16(22_000 + Int(getpid()) % 500 * 16)
        return stride(from: first, to: 32_000, by: 16).first { isFree($0) && isFree($0 + 1) } ?? first
    }

    /// Runs the script to its end; the loop goes on meanwhile. True: it exited with 0.
    func cluster(_ arguments: String...) async -> Bool {
        guard let script = Self.script else { return false }
        return await run([script, arguments[0], "--data", directory] + arguments.dropFirst())
    }

    /// Stops it and removes what it stored.
    func end() async -> Bool {
        let isStopped = await cluster("stop")
        return await run(["/bin/rm", "-rf", directory]) && isStopped
    }

    private func run(_ words: [String]) async -> Bool {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        var process = pid_t()
        let pointers = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        guard posix_spawn(&process, words[0], &actions, nil, pointers, environ) == 0 else { return false }
        var status: Int32 = 0
        let isOver = await loop.run(limit: .seconds(120)) { waitpid(process, &status, WNOHANG) == process }
        if !isOver { kill(process, SIGKILL) }
        return isOver && status == 0
    }
}

extension String {
    fileprivate func range(ofSuffix suffix: String) -> Range<String.Index>? {
        hasSuffix(suffix) ? startIndex..<index(endIndex, offsetBy: -suffix.count) : nil
    }
}
