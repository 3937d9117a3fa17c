import TailraceCommandLine
import TailraceTopology

extension TopologyCommand {
    static let chaos = Command(
        table: ArgumentTable(
            command: "topology chaos",
            summary:
                "Breaks a cluster at random, from a seed, while lines flow; then counts: exit code 0 only if nothing is missing.",
            options: [
                .value(
                    "seconds", "N", initial: "60", "How long faults and load last; then all members run again, and it counts."),
                .value("seed", "S", "Same seed, same members, same options: same faults. Default: any; it is told."),
                .value("rate", "R", initial: "2000", "Lines per second, also for edges that are down."),
                .value("every", "SECONDS", initial: "5", "From the beginning of one fault to that of the next, on average."),
                .value(
                    "stop", "SECONDS", initial: "25",
                    "A stop lasts so long and up to a quarter more, a kill at most so long. To be longer than every time-out."),
                .value("most-down", "N", initial: "2", "The most members that are down or stopped at once."),
                .value("deadline", "SECONDS", "How long the audit may take. Default: as the topology file says."),
                json, stateDirectory,
            ],
            positionals: [
                Positional(
                    "FILE", isRequired: false,
                    "A topology that is brought up, and ended afterwards. Default: the cluster that runs, which stays up.")
            ],
            sections: [
                HelpSection(
                    "Faults",
                    [
                        ("kill", "SIGKILL, and later started again"),
                        ("stop", "SIGSTOP, and later SIGCONT"),
                        ("restart", "SIGTERM, and started again at once"),
                        (
                            "who",
                            "every edge and aggregator, and the broker if the cluster started a real one (broker: home). Not the "
                                + "embedded broker, which forgets its records when it ends, nor one that runs elsewhere."
                        ),
                        ("log", "each fault with its time: chaos.log in the cluster's folder"),
                    ]),
                HelpSection(
                    "Exit codes",
                    [
                        ("0", "everything that was written is in Kafka"),
                        ("1", "something is missing or unverified, or a member ended by itself"),
                        ("69", "no cluster runs"), ("78", "mistakes in FILE"),
                        ("130", "interrupted: all members were put up again, nothing was counted"),
                    ]),
            ],
            example: "tailrace topology chaos topologies/durable.yaml --seconds 120 --seed 7"),
        run: { arguments in
            checked { () throws(ArgumentError) in
                ChaosCommand(
                    file: arguments.positional(0), stateDirectory: arguments.value("state-dir"), json: arguments.flag("json"),
                    seconds: try arguments.integer("seconds", within: 1...604_800)!,
                    seed: try arguments.integer("seed", within: 0...Int.max).map { UInt64($0) },
                    rate: try arguments.integer("rate", within: 1...1_000_000)!,
                    pause: try arguments.integer("every", within: 1...3_600)!,
                    stop: try arguments.integer("stop", within: 1...3_600)!,
                    mostDown: try arguments.integer("most-down", within: 1...64)!,
                    deadline: try arguments.integer("deadline", within: 1...86_400)
                ).run()
            }
        })
}
