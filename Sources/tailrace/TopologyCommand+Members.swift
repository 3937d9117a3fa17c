import TailraceCommandLine
import TailraceTopology

extension TopologyCommand {
    static let status = Command(
        table: ArgumentTable(
            command: "topology status",
            summary:
                "Who runs, how much went through, how full the channels are; exit code 1 if somebody does not run, 69 without a cluster.",
            options: [json, stateDirectory], example: "tailrace topology status"),
        run: { StatusCommand(stateDirectory: $0.value("state-dir"), json: $0.flag("json")).run() })

    static let audit = Command(
        table: ArgumentTable(
            command: "topology audit",
            summary: "What was sent against what is in Kafka; exit code 0 only if nothing is missing and nothing unverified.",
            options: [
                .flag("wait", short: "w", "Waits until the counts have settled: all lines read, sent, answered and counted."),
                .value("deadline", "SECONDS", "How long it waits. Default: as the topology file says."),
                json, stateDirectory,
            ],
            example: "tailrace topology audit --wait"),
        run: { arguments in
            checked { () throws(ArgumentError) in
                AuditCommand(
                    stateDirectory: arguments.value("state-dir"), json: arguments.flag("json"), wait: arguments.flag("wait"),
                    seconds: try arguments.integer("deadline", within: 1...86_400)
                ).run()
            }
        })

    static let kill = Command(
        table: ArgumentTable(
            command: "topology kill", summary: "Sends a signal to an agent, as a machine that fails would end it.",
            options: [
                .value("signal", short: "s", "NAME", initial: "KILL", "KILL, TERM, STOP, CONT … or a number."), stateDirectory,
            ],
            positionals: [Positional("AGENT", "Its name in 'topology status'.")],
            example: "tailrace topology kill aggregator-1"),
        run: { arguments in
            checked { () throws(ArgumentError) in
                let name = arguments.value("signal")!
                guard let signal = KillCommand.signal(named: name) else {
                    throw ArgumentError("there is no signal \"\(name)\"", fix: "use KILL, TERM, INT, STOP, CONT, or a number")
                }
                return KillCommand(
                    stateDirectory: arguments.value("state-dir"), member: arguments.positional(0)!, signal: signal
                ).run()
            }
        })

    static let restart = Command(
        table: ArgumentTable(
            command: "topology restart", summary: "Ends an agent if it runs, and starts it again with its state.",
            options: [stateDirectory], positionals: [Positional("AGENT", "Its name in 'topology status'.")],
            example: "tailrace topology restart aggregator-1"),
        run: { RestartCommand(stateDirectory: $0.value("state-dir"), member: $0.positional(0)!).run() })

    static let logs = Command(
        table: ArgumentTable(
            command: "topology logs", summary: "What an agent printed.",
            options: [
                .flag("follow", short: "f", "Goes on with what it prints from now on."),
                .value("lines", short: "n", "N", initial: "50", "Lines from the end."), stateDirectory,
            ],
            positionals: [Positional("AGENT", "Its name in 'topology status', or supervisor.")],
            example: "tailrace topology logs edge-1 -f"),
        run: { arguments in
            checked { () throws(ArgumentError) in
                LogsCommand(
                    stateDirectory: arguments.value("state-dir"), member: arguments.positional(0)!,
                    follow: arguments.flag("follow"), lines: try arguments.integer("lines", within: 0...1_000_000)!
                ).run()
            }
        })
}
