import TailraceBench
import TailraceCommandLine
import TailraceCore
import TailraceStatus
import TailraceTopology

/// `tailrace bench channel` and `tailrace bench parse`: single pieces, each beside its floor.
enum PieceCommands {
    private static let sizes: [ArgumentOption] = [
        .value("events", "N", initial: "1000000", "Events of a round."),
        .value("rounds", "R", initial: "5", "How often each runs."),
        .value("bytes", "B", initial: "141", "Bytes of an event."),
        .flag("json", "For programs: one JSON document on standard output."),
    ]

    static let parse = Command(
        table: ArgumentTable(
            command: "bench parse",
            summary: "Nanoseconds per event of lines, encoding, decoding and checksum, beside one copy.",
            options: sizes, example: "tailrace bench parse --bytes 2048"),
        run: { arguments in
            ended { () throws(TailraceError) in
                let (events, bytes, rounds) = try numbers(arguments)
                let result = try ParseBench.run(events: events, bytes: bytes, rounds: rounds)
                print(arguments.flag("json") ? JSON.text(result) : text(result))
            }
        })

    static let channel = Command(
        table: ArgumentTable(
            command: "bench channel", summary: "A file channel, synced before it answers, beside plain writes and syncs.",
            options: sizes + [.value("directory", "DIR", initial: "/tmp/tailrace-bench", "Where its files go.")],
            example: "tailrace bench channel --directory /var/tmp"),
        run: { arguments in
            ended { () throws(TailraceError) in
                let (events, bytes, rounds) = try numbers(arguments)
                let directory = arguments.value("directory")!
                let result = try ChannelBench(events: events, bytes: bytes, rounds: rounds, directory: directory).run()
                guard !arguments.flag("json") else { return print(JSON.text(result)) }
                print(text(result.pieces))
                let speed = Int(result.eventsPerSecond), syncs = Int(result.syncsPerSecond), group = Int(result.eventsPerSync)
                print("\(speed) events/s, \(syncs) syncs/s, \(group) events per sync")
            }
        })

    private static func ended(_ body: () throws(TailraceError) -> Void) -> Int32 {
        do throws(TailraceError) {
            try body()
            return 0
        } catch {
            printError("\(error)")
            return 1
        }
    }

    private static func numbers(_ arguments: ParsedArguments) throws(TailraceError) -> (Int, Int, Int) {
        do throws(ArgumentError) {
            return (
                try arguments.integer("events", within: 2_000...1_000_000_000)!,
                try arguments.integer("bytes", within: 12...65_536)!, try arguments.integer("rounds", within: 1...1_000)!
            )
        } catch {
            throw TailraceError(code: "bench.arguments", message: "\(error)", fix: "see --help")
        }
    }

    private static func text(_ result: PieceResult) -> String {
        func tenths(_ value: Double) -> String {
            let tenths = Int((value * 10).rounded())
            return "\(tenths / 10).\(tenths % 10)"
        }
        var table = TextTable(["piece", "ns/event", "least", "most", "× floor"])
        for row in result.rows {
            table.add([row.name, tenths(row.median), tenths(row.least), tenths(row.most), tenths(row.ratio)])
        }
        let title = "\(result.events) events of \(result.bytesPerEvent) bytes, median of \(result.rounds) rounds"
        return ([title] + table.lines).joined(separator: "\n")
    }
}
