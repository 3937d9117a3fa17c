import Glibc
package import TailraceCore
import TailraceIO
import TailraceRdkafka

/// `tailrace bench latency`: from the write of a line to a consumer of the topic, at a steady rate, over edge and aggregator.
extension ChainBench {
    package struct Latency: Codable, Sendable {
        package var lines: Int
        package var linesPerSecond: Int
        /// Milliseconds.
        package var p50: Double
        package var p90: Double
        package var p99: Double
        package var most: Double
        /// User and system time of both tiers per event, in microseconds, their start included.
        package var cpu: Double
        package var lost: Int
    }
    /// Of this run alone, so that it is read from its begin: a consumer that waits for the first record at the end may miss it.
    private static var latencyTopic: String { "bench-latency-\(getpid())" }
    /// Lines before the ones that count: connections are made, and files opened.
    private static let warmUpSeconds = 2

    /// `rate`: lines per second. Throws when not every line arrived.
    package func latency(rate: Int, seconds: Int) throws(TailraceError) -> Latency {
        try prepareDirectory()
        let kafka = try startKafka()
        defer {
            kafka.process?.signal(SIGTERM)
            _ = kafka.process?.wait()
        }
        try TopicAdministration.create(
            [(Self.latencyTopic, options.partitions)], at: kafka.servers, within: .seconds(60))
        let file = "\(directory)/latency.log"
        let probe = try LatencyProbe(
            file, rate: rate, warmUp: rate * Self.warmUpSeconds, lines: rate * seconds, bytes: options.bytesPerLine,
            servers: kafka.servers, topic: Self.latencyTopic)
        let agents = try startAgents(file, kafka.servers, Self.latencyTopic, round: 1)
        try probe.run()
        let usage = try stop(agents)
        let sorted = probe.delays.sorted()
        func at(_ share: Double) -> Double { sorted.isEmpty ? .nan : sorted[Int(Double(sorted.count - 1) * share)] }
        return Latency(
            lines: probe.lines, linesPerSecond: rate, p50: at(0.5), p90: at(0.9), p99: at(0.99), most: at(1),
            cpu: (usage.edge.cpuSeconds + usage.aggregator.cpuSeconds) * 1e6 / Double(probe.written),
            lost: probe.lines - sorted.count)
    }
}

/// Writes lines that hold the time of their write, and reads them from Kafka, on one loop.
private final class LatencyProbe: ConsumerOwner {
    private let loop: EpollLoop
    private let descriptor: Int32
    private let path: String
    private let rate: Int, warmUp: Int
    let lines: Int
    private let padding: String
    private var client: (any ConsumerClient)?
    private var isAssigned = false
    private(set) var written = 0
    private var received = 0
    /// Of the lines that count, in milliseconds.
    private(set) var delays: [Double] = []
    private var begin = Instant(nanoseconds: 0)
    private static let patience = Duration.seconds(20)

    init(
        _ path: String, rate: Int, warmUp: Int, lines: Int, bytes: Int, servers: String, topic: String
    ) throws(TailraceError) {
        loop = try EpollLoop()
        (self.path, self.rate, self.warmUp, self.lines) = (path, rate, warmUp, lines)
        padding = String(repeating: "x", count: max(0, bytes - 32))
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw TailraceError(
                code: "bench.file", message: "\(path) cannot be made: \(String(cString: strerror(errno)))",
                fix: "give another --directory")
        }
        delays.reserveCapacity(lines)
        let settings = [
            "bootstrap.servers": servers, "group.id": "bench-\(getpid())", "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": "100", "socket.nagle.disable": "true",
        ]
        client = try RdkafkaBroker(loop, StandardLog(.error)).makeConsumer(settings, self)
        try client!.subscribe([topic], pattern: nil)
        try wait("the consumer has its partitions") { isAssigned }
    }
    deinit { close(descriptor) }

    func run() throws(TailraceError) {
        begin = loop.now
        try writeDue()
        while written < warmUp + lines {
            let next = begin + .nanoseconds(Int64(written + 1) * 1_000_000_000 / Int64(rate))
            loop.turn(waitingAtMost: max(.milliseconds(1), next - loop.now))
            try writeDue()
        }
        try wait("all lines have arrived") { received >= warmUp + lines }
        var isClosed = false
        client?.close { isClosed = true }
        try wait("the consumer has left") { isClosed }
    }
    private func wait(_ what: String, _ isTrue: () -> Bool) throws(TailraceError) {
        let end = loop.now + Self.patience
        while !isTrue() {
            guard loop.now < end else {
                throw TailraceError(
                    code: "bench.time", message: "waited \(Self.patience.text) until \(what): \(received) of \(written) lines")
            }
            loop.turn(waitingAtMost: .milliseconds(10))
        }
    }

    /// What should have been written by now.
    private func writeDue() throws(TailraceError) {
        let due = min(warmUp + lines, Int((loop.now - begin).nanoseconds / 1000) * rate / 1_000_000)
        guard due > written else { return }
        var text = ""
        let now = String(Self.clock()), zeros = String(repeating: "0", count: max(0, 19 - now.utf8.count))
        for number in written..<due { text += "\(zeros)\(now) \(number) \(padding)\n" }
        written = due
        let bytes = Array(text.utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count else {
            throw TailraceError(code: "bench.file", message: "\(path) cannot be written", fix: "give another --directory")
        }
    }
    private static func clock() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    func clientHasRecords() { read() }
    private func read() {
        while let batch = client?.poll(upTo: BatchSize(events: 4096, bytes: 1 << 20)) {
            let now = Self.clock()
            batch.events.forEach { _, event in
                received += 1
                let fields = event.body.prefix(40).split(separator: 0x20, maxSplits: 2)
                guard fields.count >= 2, let time = Int64(String(decoding: fields[0], as: UTF8.self)),
                    let number = Int(String(decoding: fields[1], as: UTF8.self)), number >= warmUp
                else { return }
                delays.append(Double(now - time) / 1e6)
            }
        }
    }
    func assigned(
        _ partitions: [(TopicPartition, Int64?)], _ start: @escaping ([(TopicPartition, Int64?)]) -> Void
    ) {
        start(partitions)
        isAssigned = true
        loop.enqueue { [weak self] in self?.read() }
    }
    func revoked(_ partitions: [TopicPartition], mayCommit: Bool, _ done: @escaping () -> Void) { done() }
    func failed(_ error: TailraceError) {}
}
