import TailraceCommandLine
import TailraceTopology

/// `tailrace topology …`: the local cluster, for trying out, for demonstrations and for tests that kill.
enum TopologyCommand {
    static let all: [Command] = [up, status, send, audit, kill, restart, chaos, logs, down, supervise, broker, auditor]

    static let stateDirectory = ArgumentOption.value(
        "state-dir", "DIR", "The cluster's folder. Default: the one cluster below .topology, or .topology/NAME for 'up'.")
    static let json = ArgumentOption.flag("json", "For programs: one JSON document on standard output.")

    /// Wrong values are told like other wrong arguments.
    static func checked(_ body: () throws(ArgumentError) -> Int32) -> Int32 {
        do throws(ArgumentError) { return try body() } catch {
            printError("tailrace: \(error)")
            return ArgumentError.exitCode
        }
    }

    private static let up = Command(
        table: ArgumentTable(
            command: "topology up", summary: "Starts a local cluster: edges, aggregators, Kafka, and an auditor that counts.",
            options: [
                .flag(
                    "detach", short: "d",
                    "Returns when all agents are ready. Default: shows the cluster live until q or Ctrl-C."),
                stateDirectory,
                .value(
                    "timeout", "SECONDS", initial: String(UpCommand.usualSeconds),
                    "How long the agents may take until they are ready."),
            ],
            positionals: [
                Positional(
                    "FILE", isRequired: false,
                    "The topology; all mistakes in it are told at once (exit code 78). Default: topologies/two-tier.yaml.")
            ],
            example: "tailrace topology up -d topologies/failover.yaml"),
        run: { arguments in
            checked { () throws(ArgumentError) in
                let seconds = try arguments.integer("timeout", within: 1...86_400)!
                return UpCommand(
                    file: arguments.positional(0), stateDirectory: arguments.value("state-dir"),
                    detach: arguments.flag("detach"), seconds: seconds
                ).run()
            }
        })

    private static let send = Command(
        table: ArgumentTable(
            command: "topology send",
            summary: "Appends numbered lines to the edges' log files, no faster than the auditor reads them from Kafka.",
            options: [
                .value("events", short: "n", "N", isRequired: true, "Lines in all, spread over the edges."),
                .value("rate", "R", "Lines per second; 0: no limit. Default: as the topology file says."),
                .value("bytes", "B", "Bytes of a line. Default: as the topology file says."),
                stateDirectory,
            ],
            example: "tailrace topology send --events 100000 --rate 5000"),
        run: { arguments in
            checked { () throws(ArgumentError) in
                SendCommand(
                    stateDirectory: arguments.value("state-dir"),
                    events: UInt64(try arguments.integer("events", within: 1...1_000_000_000_000)!),
                    rate: try arguments.integer("rate", within: 0...10_000_000),
                    bytes: try arguments.integer("bytes", within: 64...65_536)
                ).run()
            }
        })

    private static let down = Command(
        table: ArgumentTable(
            command: "topology down", summary: "Ends the cluster and all its processes; logs and state stay in its folder.",
            options: [stateDirectory], example: "tailrace topology down"),
        run: { DownCommand(stateDirectory: $0.value("state-dir")).run() })

    // MARK: The processes behind `up`

    private static func hidden(_ name: String, _ summary: String, _ run: @escaping @Sendable (String) -> Int32) -> Command {
        Command(
            table: ArgumentTable(
                command: "topology \(name)", summary: summary,
                options: [.value("state-dir", "DIR", isRequired: true, "The cluster's folder.")],
                example: "tailrace topology \(name) --state-dir .topology/two-tier", isHidden: true),
            run: { run($0.value("state-dir")!) })
    }
    private static let supervise = hidden("supervise", "Owns the processes of a cluster; started by 'up'.") {
        SuperviseCommand(stateDirectory: $0).run()
    }
    private static let broker = hidden("broker", "The cluster's broker; started by 'supervise'.") {
        BrokerCommand(stateDirectory: $0).run()
    }
    private static let auditor = hidden("auditor", "Counts what is in Kafka; started by 'supervise'.") {
        AuditorCommand(stateDirectory: $0).run()
    }
}
