import Glibc
package import TailraceCore
import TailraceRdkafka
import TailraceStatus
import TailraceTopology

/// `tailrace bench chain`: what an event costs from a file over an edge and an aggregator into Kafka, beside a plain librdkafka
/// producer that sends the same lines to the same broker, in turns.
package struct ChainBench {
    package struct Options: Sendable {
        package var program: String
        package var lines = 1_000_000
        package var bytesPerLine = 141
        package var rounds = 5
        package var partitions = 4
        /// An Apache Kafka to start, or the address of one that runs.
        package var kafkaHome: String?
        package var servers: String?
        package var samples: String?
        package var directory: String
        package var settings = ChainBenchConfiguration()
        package init(program: String, directory: String) { (self.program, self.directory) = (program, directory) }
    }

    package struct Run: Codable, Sendable {
        /// User and system time per event, in microseconds; of a chain: edge and aggregator.
        package var cpu: Double
        package var edge = 0.0
        package var aggregator = 0.0
        package var eventsPerSecond: Double
        /// Peak resident memory in MiB.
        package var edgeMemory = 0.0
        package var aggregatorMemory = 0.0
    }
    package struct Result: Codable, Sendable {
        package var lines: Int
        package var bytesPerLine: Int
        package var producer: [Run] = []
        package var chain: [Run] = []
        package var producerMedian: Double { Self.median(producer.map(\.cpu)) }
        package var chainMedian: Double { Self.median(chain.map(\.cpu)) }
        package var ratio: Double { chainMedian / producerMedian }

        package static func median(_ values: [Double]) -> Double {
            let sorted = values.sorted(), middle = sorted.count / 2
            guard !sorted.isEmpty else { return .nan }
            return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
        }
    }

    private static let topic = "bench"
    private static let runLimit = 300
    let options: Options
    /// Ours alone, below what the user named.
    var directory: String { "\(options.directory)/run" }
    private let progress: (String) -> Void

    package init(_ options: Options, progress: @escaping (String) -> Void) {
        (self.options, self.progress) = (options, progress)
    }

    package func run() throws(TailraceError) -> Result {
        try prepareDirectory()
        let samples = options.samples.map { LineFile.samples(in: $0) } ?? []
        progress("writing \(options.lines) lines of \(options.bytesPerLine) bytes")
        let file = try LineFile.make(
            "\(directory)/input.log", lines: options.lines, bytesPerLine: options.bytesPerLine, samples: samples)
        let kafka = try startKafka()
        defer {
            kafka.process?.signal(SIGTERM)
            _ = kafka.process?.wait()
        }
        try TopicAdministration.create([(Self.topic, options.partitions)], at: kafka.servers, within: .seconds(60))
        var result = Result(lines: file.lines, bytesPerLine: options.bytesPerLine)
        // One of each before anything counts: the broker's code is compiled and its files are there.
        _ = try plainRun(file, kafka.servers, 0)
        for round in 1...options.rounds {
            progress("round \(round) of \(options.rounds)")
            result.producer.append(try plainRun(file, kafka.servers, round))
            result.chain.append(try chainRun(file, kafka.servers, round))
        }
        return result
    }

    // MARK: Kafka

    func startKafka() throws(TailraceError) -> (process: MeasuredProcess?, servers: String) {
        if let servers = options.servers { return (nil, servers) }
        guard let home = options.kafkaHome else {
            throw TailraceError(
                code: "bench.kafka", message: "there is no Kafka to measure against",
                fix: "set KAFKA_HOME, or give --bootstrap-servers")
        }
        var ports = Ports(seed: UInt64(getpid()))
        let kafka = KafkaHome(
            home: home, directory: "\(directory)/kafka", port: try ports.next(), controllerPort: try ports.next())
        try makeDirectory(kafka.directory)
        try makeDirectory(kafka.dataDirectory)
        try write(kafka.properties, to: kafka.propertiesFile)
        progress("starting Kafka in \(kafka.directory)")
        let log = "\(kafka.directory)/server.out", environment = kafka.environment(heap: nil)
        let format = try MeasuredProcess(
            kafka.formatCommand(clusterID: "MkU3OEVBNTcwNTJENDM2Qg"), environment: environment, output: log)
        guard format.wait().exitCode == 0 else {
            throw TailraceError(code: "bench.kafka", message: "Kafka's storage could not be formatted", fix: "see \(log)")
        }
        return (try MeasuredProcess(kafka.startCommand, environment: environment, output: log), "127.0.0.1:\(kafka.port)")
    }

    // MARK: Runs

    private func plainRun(_ file: LineFile, _ servers: String, _ round: Int) throws(TailraceError) -> Run {
        let output = "\(directory)/plain-\(round).json"
        unlink(output)
        let process = try MeasuredProcess(
            [
                options.program, "bench", "plain-producer", "--file", file.path, "--bootstrap-servers", servers, "--topic",
                Self.topic,
                "-Denable.idempotence=\(options.settings.isIdempotent)",
                "-Dcompression.type=\(options.settings.kafkaCompression)",
            ],
            // The yardstick has the C library's malloc: its symbols come first then, before those of mimalloc.
            environment: ["LD_PRELOAD": "libc.so.6"], output: output)
        guard process.wait().exitCode == 0 else {
            throw TailraceError(code: "bench.producer", message: "the plain producer failed", fix: "see \(output)")
        }
        // Behind what the client library says on standard error.
        let last = try read(output).split(separator: 0x0A).last { $0.first == UInt8(ascii: "{") } ?? []
        return try JSON.read(Run.self, Array(last), from: "the plain producer")
    }

    /// What a former run left (a Kafka's storage belongs to its cluster) must not be in the way.
    func prepareDirectory() throws(TailraceError) {
        try makeDirectory(options.directory)
        try SystemCall.removeTree(directory)
        try makeDirectory(directory)
    }

    struct Agents {
        let edge: MeasuredProcess
        let aggregator: MeasuredProcess
        let directory: String
    }
    /// Both run when it returns.
    func startAgents(_ file: String, _ servers: String, _ topic: String, round: Int) throws(TailraceError) -> Agents {
        let directory = "\(self.directory)/round-\(round)"
        try makeDirectory(directory)
        var ports = Ports(seed: UInt64(getpid()) + UInt64(round))
        let port = try ports.next()
        try write(
            options.settings.aggregator(port: port, servers: servers, topic: topic, directory: directory),
            to: "\(directory)/aggregator.properties")
        try write(options.settings.edge(port: port, file: file, directory: directory), to: "\(directory)/edge.properties")
        let aggregator = try agent("aggregator", directory)
        try waitUntil("the aggregator runs", aggregator) { () throws(TailraceError) in
            try status("aggregator", directory).state == .running
        }
        return Agents(edge: try agent("edge", directory), aggregator: aggregator, directory: directory)
    }
    func stop(
        _ agents: Agents
    ) throws(TailraceError) -> (edge: MeasuredProcess.Usage, aggregator: MeasuredProcess.Usage) {
        agents.edge.signal(SIGTERM)
        let edge = agents.edge.wait()
        agents.aggregator.signal(SIGTERM)
        let aggregator = agents.aggregator.wait()
        guard edge.exitCode == 0, aggregator.exitCode == 0 else {
            throw TailraceError(
                code: "bench.agent", message: "exit codes \(edge.exitCode) and \(aggregator.exitCode)",
                fix: "see the logs in \(agents.directory)")
        }
        // What the channels hold on the disk, and so in the kernel's memory, must not make the next round slower.
        for agent in ["edge", "aggregator"] {
            try SystemCall.removeTree("\(agents.directory)/\(agent)-data")
            try SystemCall.removeTree("\(agents.directory)/\(agent)-checkpoint")
        }
        return (edge, aggregator)
    }

    private func chainRun(_ file: LineFile, _ servers: String, _ round: Int) throws(TailraceError) -> Run {
        let agents = try startAgents(file.path, servers, Self.topic, round: round), begin = now()
        try waitUntil("\(file.lines) events are delivered", agents.aggregator) { () throws(TailraceError) in
            let sink = try status("aggregator", agents.directory).components.first { $0.name == "aggregator.sinks.k1" }
            return sink?.counters["delivered_events_total"] ?? 0 >= file.lines
        }
        let seconds = now() - begin, (edgeUsage, aggregatorUsage) = try stop(agents)
        let events = Double(file.lines) / 1e6
        return Run(
            cpu: (edgeUsage.cpuSeconds + aggregatorUsage.cpuSeconds) / events, edge: edgeUsage.cpuSeconds / events,
            aggregator: aggregatorUsage.cpuSeconds / events, eventsPerSecond: Double(file.lines) / seconds,
            edgeMemory: edgeUsage.peakMebibytes, aggregatorMemory: aggregatorUsage.peakMebibytes)
    }

    private func agent(_ name: String, _ directory: String) throws(TailraceError) -> MeasuredProcess {
        try MeasuredProcess(
            [
                options.program, "agent", "-n", name, "-f", "\(directory)/\(name).properties", "--state-dir",
                "\(directory)/\(name)",
            ], output: "\(directory)/\(name).log")
    }
    private func status(_ name: String, _ directory: String) throws(TailraceError) -> AgentStatus {
        let path = "\(directory)/\(name)/\(AgentStatus.socketName)"
        return try AgentStatus.read(try ControlClient.ask(AgentStatus.request, at: path, seconds: 5), from: name)
    }

    /// Asked 20 times a second: what is asked costs the agent well under a thousandth of a core.
    private func waitUntil(
        _ what: String, _ process: MeasuredProcess, _ isTrue: () throws(TailraceError) -> Bool
    ) throws(TailraceError) {
        for _ in 0..<Self.runLimit * 20 {
            do throws(TailraceError) {
                if try isTrue() { return }
            } catch {
                // Nobody listens yet.
                guard !process.hasEnded, error.code == "topology.not-running" else { throw error }
            }
            poll(nil, 0, 50)
        }
        throw TailraceError(
            code: "bench.time", message: "waited \(Self.runLimit) s until \(what)", fix: "see the logs in \(directory)")
    }

    // MARK: Small things

    private func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
    private func makeDirectory(_ path: String) throws(TailraceError) {
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw failure("\(path) cannot be made") }
    }
    private func write(_ text: String, to path: String) throws(TailraceError) {
        guard let file = fopen(path, "w") else { throw failure("\(path) cannot be written") }
        defer { fclose(file) }
        guard fputs(text, file) >= 0 else { throw failure("\(path) cannot be written") }
    }
    private func read(_ path: String) throws(TailraceError) -> [UInt8] {
        guard let file = fopen(path, "r") else { throw failure("\(path) cannot be read") }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes[..<count])
    }
    private func failure(_ what: String) -> TailraceError {
        TailraceError(
            code: "bench.file", message: "\(what): \(String(cString: strerror(errno)))", fix: "give another --directory")
    }
}
