import TailraceBench
import TailraceCommandLine
import TailraceCore
import TailraceStatus

#if canImport(Glibc)
    import Glibc
#endif

/// `tailrace bench …`: measures this machine.
enum BenchCommand {
    static let all: [Command] = [chain, latency, PieceCommands.channel, PieceCommands.parse, plainProducer]

    private static let chain = Command(
        table: ArgumentTable(
            command: "bench chain",
            summary: "CPU per event of file → edge → RPC → aggregator → Kafka, beside a plain librdkafka producer, in turns.",
            options: [
                .value("events", "N", initial: "1000000", "Lines of the input."),
                .value("rounds", "R", initial: "5", "How often each of the two runs."),
                .value("bytes", "B", initial: "141", "Bytes of a line, its end included."),
                .value("kafka-home", "DIR", "The Apache Kafka to start. Default: $KAFKA_HOME."),
                .value("bootstrap-servers", "HOST:PORT", "A Kafka that runs already, instead."),
                .value("samples", "DIR", "Real lines: the *.log files of a folder."),
                .value("directory", "DIR", initial: "/tmp/tailrace-bench", "Where input, logs and Kafka's data go."),
                .value("channel", "TYPE", choices: ["memory", "file"], initial: "memory", "The channels of both tiers."),
                .value(
                    "compression", "TYPE", choices: ["none", "lz4", "zstd"], initial: "none", "On the wire between the tiers."),
                .value(
                    "kafka-compression", "TYPE", choices: ["none", "lz4", "zstd", "gzip", "snappy"], initial: "none",
                    "In Kafka, of both."),
                .flag("idempotence", "Idempotent producers, both."),
                .flag("identity", "The chain's records carry their identity."),
                .flag("json", "For programs: one JSON document on standard output."),
            ],
            example: "KAFKA_HOME=/opt/kafka tailrace bench chain --rounds 5"),
        run: { arguments in
            do throws(TailraceError) {
                return try run(arguments)
            } catch {
                printError("\(error)")
                return 1
            }
        })

    private static let latency = Command(
        table: ArgumentTable(
            command: "bench latency",
            summary: "Milliseconds from the write of a line to a consumer of the topic, over edge and aggregator, linger.ms 1.",
            options: [
                .value("rate", "N", initial: "10000", "Lines per second."),
                .value("seconds", "S", initial: "10", "How long, after 2 s that do not count."),
                .value("bytes", "B", initial: "141", "Bytes of a line, its end included."),
                .value("kafka-home", "DIR", "The Apache Kafka to start. Default: $KAFKA_HOME."),
                .value("bootstrap-servers", "HOST:PORT", "A Kafka that runs already, instead."),
                .value("directory", "DIR", initial: "/tmp/tailrace-bench", "Where input, logs and Kafka's data go."),
                .value("channel", "TYPE", choices: ["memory", "file"], initial: "file", "The channels of both tiers."),
                .flag("json", "For programs: one JSON document on standard output."),
            ],
            example: "KAFKA_HOME=/opt/kafka tailrace bench latency --rate 10000"),
        run: { arguments in
            do throws(TailraceError) {
                return try runLatency(arguments)
            } catch {
                printError("\(error)")
                return 1
            }
        })

    private static func runLatency(_ arguments: ParsedArguments) throws(TailraceError) -> Int32 {
        var options = ChainBench.Options(program: executable(), directory: arguments.value("directory")!)
        let rate: Int, seconds: Int
        do throws(ArgumentError) {
            rate = try arguments.integer("rate", within: 1...1_000_000)!
            seconds = try arguments.integer("seconds", within: 1...3600)!
            options.bytesPerLine = try arguments.integer("bytes", within: 40...(1 << 20))!
        } catch {
            printError("tailrace: \(error)")
            return ArgumentError.exitCode
        }
        options.servers = arguments.value("bootstrap-servers")
        options.kafkaHome = arguments.value("kafka-home") ?? getenv("KAFKA_HOME").map { String(cString: $0) }
        options.settings.channel = arguments.value("channel")!
        options.settings.lingerMilliseconds = 1
        let showsProgress = isatty(2) == 1
        let bench = ChainBench(options) { if showsProgress { printError($0) } }
        let result = try bench.latency(rate: rate, seconds: seconds)
        if arguments.flag("json") {
            print(JSON.text(result))
        } else {
            print(
                "\(result.lines) lines, \(result.linesPerSecond)/s, \(options.settings.channel) channels: "
                    + "p50 \(figure(result.p50)), p90 \(figure(result.p90)), p99 \(figure(result.p99)), "
                    + "most \(figure(result.most)) ms; \(figure(result.cpu)) µs/event")
        }
        return result.lost == 0 ? 0 : 1
    }

    private static func run(_ arguments: ParsedArguments) throws(TailraceError) -> Int32 {
        var options = ChainBench.Options(program: executable(), directory: arguments.value("directory")!)
        do throws(ArgumentError) {
            options.lines = try arguments.integer("events", within: 1000...100_000_000)!
            options.rounds = try arguments.integer("rounds", within: 1...1000)!
            options.bytesPerLine = try arguments.integer("bytes", within: 20...(4 << 20))!
        } catch {
            printError("tailrace: \(error)")
            return ArgumentError.exitCode
        }
        options.servers = arguments.value("bootstrap-servers")
        options.kafkaHome = arguments.value("kafka-home") ?? getenv("KAFKA_HOME").map { String(cString: $0) }
        options.samples = arguments.value("samples")
        options.settings.channel = arguments.value("channel")!
        options.settings.compression = arguments.value("compression")!
        options.settings.kafkaCompression = arguments.value("kafka-compression")!
        options.settings.isIdempotent = arguments.flag("idempotence")
        options.settings.identityHeaders = arguments.flag("identity")
        let showsProgress = isatty(2) == 1
        let result = try ChainBench(options) { if showsProgress { printError($0) } }.run()
        print(arguments.flag("json") ? JSON.text(result) : text(result))
        return 0
    }

    private static func figure(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        let thousandths = Int((value * 1000).rounded()), digits = String(thousandths % 1000)
        return "\(thousandths / 1000).\(String(repeating: "0", count: 3 - digits.utf8.count))\(digits)"
    }

    private static func text(_ result: ChainBench.Result) -> String {
        func row(_ name: String, _ run: ChainBench.Run) -> String {
            var text = "\(name)  \(figure(run.cpu)) µs/event  \(Int(run.eventsPerSecond)) events/s"
            if run.edge > 0 {
                text +=
                    "  (edge \(figure(run.edge)), \(Int(run.edgeMemory)) MiB; aggregator \(figure(run.aggregator)), \(Int(run.aggregatorMemory)) MiB)"
            }
            return text
        }
        var lines = ["\(result.lines) lines of \(result.bytesPerLine) bytes"]
        for (producer, chain) in zip(result.producer, result.chain) {
            lines += [row("producer", producer), row("chain   ", chain)]
        }
        lines.append(
            "median: producer \(figure(result.producerMedian)), chain \(figure(result.chainMedian)) µs/event: ratio \(figure(result.ratio))"
        )
        return lines.joined(separator: "\n")
    }

    static func executable() -> String {
        var path = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        return String(decoding: path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static let plainProducer = Command(
        table: ArgumentTable(
            command: "bench plain-producer", summary: "One run of the plain producer; its figures as JSON.",
            options: [
                .value("file", "FILE", isRequired: true, "Its lines."),
                .value("bootstrap-servers", "HOST:PORT", isRequired: true, "Kafka."),
                .value("topic", "TOPIC", isRequired: true, "The topic."),
                .definitions("A setting of librdkafka; linger.ms=5 and acks=all are given."),
            ],
            example: "tailrace bench plain-producer --file x.log --bootstrap-servers 127.0.0.1:9092 --topic bench",
            isHidden: true),
        run: { arguments in
            do throws(TailraceError) {
                let settings = ["linger.ms": "5", "acks": "all"].merging(arguments.definitions) { $1 }
                let run = try PlainRun.run(
                    file: arguments.value("file")!, servers: arguments.value("bootstrap-servers")!,
                    topic: arguments.value("topic")!,
                    settings: settings)
                print(JSON.text(run))
                return 0
            } catch {
                printError("\(error)")
                return 1
            }
        })
}
