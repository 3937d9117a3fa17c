import TailraceCommandLine
import TailraceScenarios

/// `tailrace simulate`: plays or replays a whole chain from a seed, in one thread on virtual time.
enum SimulateCommand {
    static let all: [Command] = [
        Command(
            table: ArgumentTable(
                command: "simulate",
                summary:
                    "Plays a simulated chain (edge, aggregators, Kafka, faults) from a seed; exit code 1 if anything is missing.",
                options: [
                    .value("seed", "N", initial: "0", "The first seed."),
                    .value(
                        "chain", "NAME", choices: ChainScenario.Chain.allCases.map(\.rawValue),
                        initial: ChainScenario.Chain.file.rawValue, "Channels and sources of the chain."),
                    .value("count", "N", initial: "1", "How many seeds, one after the other."),
                    .flag("log", "Also prints what the agents logged."),
                    .value(
                        "acknowledge", "CUSTODY", choices: ["safe", "committed"], initial: "safe", "Of the aggregators' source."
                    ),
                ],
                example: "tailrace simulate --seed 42", isHidden: true),
            run: { arguments in
                do throws(ArgumentError) {
                    let first = try arguments.integer("seed", within: 0...Int.max / 2)!
                    let count = try arguments.integer("count", within: 1...1_000_000_000)!
                    let chain = ChainScenario.Chain(rawValue: arguments.value("chain")!)!
                    return play(
                        chain, first..<first + count, acknowledge: arguments.value("acknowledge")!,
                        showsLog: arguments.flag("log"))
                } catch {
                    printError("tailrace: \(error)")
                    return ArgumentError.exitCode
                }
            })
    ]

    private static func play(
        _ chain: ChainScenario.Chain, _ seeds: Range<Int>, acknowledge: String, showsLog: Bool
    ) -> Int32 {
        var wrong = 0, duplicates = 0, crashes = 0, delivered = 0
        for seed in seeds {
            var shape = chain.shape(seed: UInt64(seed))
            shape.acknowledge = acknowledge
            let scenario = ChainScenario(seed: UInt64(seed), shape), report = scenario.run()
            if showsLog { print(scenario.logs.joined(separator: "\n")) }
            (duplicates, crashes, delivered) = (
                duplicates + report.duplicates, crashes + report.crashes, delivered + report.delivered
            )
            if !report.isCorrect { wrong += 1 }
            if seeds.count == 1 || !report.isCorrect { print(report) }
        }
        print("\(seeds.count) seeds: \(wrong) wrong; \(delivered) records, \(duplicates) duplicates, \(crashes) crashes")
        return wrong == 0 ? 0 : 1
    }
}
