import FoundationEssentials
import Glibc
import TailraceCore
import TailraceIO
import TailraceRdkafka

/// The seams for real: a loop that the test's thread drives, and an embedded broker once somebody asks for it.
final class RealFixture: SeamFixture {
    let environment: Environment
    let directory: String
    private let realLoop: EpollLoop
    private var embedded: EmbeddedBroker?

    init() throws {
        realLoop = try EpollLoop()
        var template = Array("/tmp/tailrace-seams-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestFailure(text: "mkdtemp: \(errno)") }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let log = ListLog()
        environment = Environment(
            component: "test", loop: realLoop, network: EpollNetwork(realLoop), files: LocalFileSystem(realLoop),
            processes: PosixProcesses(realLoop), broker: RdkafkaBroker(realLoop, log), log: log, metrics: NoMetrics(),
            memory: Unbounded(), stateDirectory: directory, random: SeededRandom(seed: 1))
    }

    func run(while condition: () -> Bool, limit: Duration) -> Bool {
        realLoop.turn(waitingAtMost: .zero)  // (its time may be that of long ago)
        let deadline = realLoop.now + limit
        while condition() {
            let left = deadline - realLoop.now
            guard left > .zero else { return false }
            realLoop.turn(waitingAtMost: left)
        }
        return true
    }
    func end() {
        for sender in senders.values { close(sender) }
        realLoop.stop()
        realLoop.run()  // drops what is queued
        embedded?.close()
        do { try FileManager.default.removeItem(atPath: directory) } catch { fatalError("\(directory): \(error)") }
    }

    var others: any OtherPrograms { RealPrograms() }
    func command(_ script: ChildScript) -> [String] {
        switch script {
        case .prints: ["/bin/sh", "-c", "printf 'one\\ntwo\\n'; printf 'bad\\n' >&2; exit 3"]
        case .echoes: ["/bin/cat"]
        case .waits: ["/bin/sh", "-c", "echo ready; exec sleep 1000"]
        case .prints1MB: ["/bin/sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x"]
        case .missing: ["/nonexistent/program"]
        }
    }

    private var senders: [Int: Int32] = [:]
    func sendDatagram(_ bytes: [UInt8], from program: Int, to endpoint: Endpoint) throws {
        guard case .host("127.0.0.1", let port) = endpoint else { throw TestFailure(text: "\(endpoint)") }
        let sender = senders[program] ?? socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
        senders[program] = sender
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let sent = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(sender, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard sent == bytes.count else { throw TestFailure(text: "sendto: errno \(errno)") }
    }

    private func broker() throws -> EmbeddedBroker {
        if let embedded { return embedded }
        let broker = try EmbeddedBroker()
        embedded = broker
        return broker
    }
    func makeTopic(_ name: String, partitions: Int) throws { try broker().createTopic(name, partitions: partitions) }
    var brokerSettings: [String: String] { ["bootstrap.servers": embedded?.bootstraps ?? ""] }
}

/// By the calls that other programs make.
struct RealPrograms: OtherPrograms {
    private func check(_ result: Int32, _ what: String) throws {
        guard result >= 0 else { throw TestFailure(text: "\(what): errno \(errno)") }
    }
    private func put(_ path: String, _ text: String, _ flags: Int32) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | flags, 0o644)
        try check(descriptor, path)
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else { throw TestFailure(text: path) }
    }
    func write(_ path: String, _ text: String) throws { try put(path, text, O_TRUNC) }
    func append(_ path: String, _ text: String) throws { try put(path, text, O_APPEND) }
    func rename(_ from: String, to: String) throws { try check(Glibc.rename(from, to), from) }
    func remove(_ path: String) throws { try check(unlink(path), path) }
    func truncate(_ path: String, to size: Int) throws { try check(Glibc.truncate(path, size), path) }
    func link(_ existing: String, _ new: String) throws { try check(Glibc.link(existing, new), new) }
    func symlink(_ path: String, to target: String) throws { try check(Glibc.symlink(target, path), path) }
    func makeFifo(_ path: String) throws { try check(mkfifo(path, 0o644), path) }
    func makeDirectory(_ path: String) throws { try check(mkdir(path, 0o755), path) }
}

final class ListLog: Log {
    private(set) var lines: [String] = []
    func write(_ level: LogLevel, _ component: String, _ text: @autoclosure () -> String) {
        lines.append("\(level) \(component) \(text())")
    }
}
final class NoMetrics: Metrics {
    func counter(_ name: String, _ component: String) -> Counter { Counter() }
    func gauge(_ name: String, _ component: String, _ read: @escaping () -> Int) {}
}
final class Unbounded: MemoryBudget {
    func reserve(_ bytes: Int, _ told: @escaping () -> Void) -> Bool { true }
    func giveBack(_ bytes: Int) {}
}
