import TailraceCore
import TailraceSimulation

/// What goes wrong in a chain: when, what, with whom and for how long, all from the seed.
struct ChainTrouble {
    enum Kind: CaseIterable {
        case killAggregator, killEdge, drainAggregator, drainEdge
        case cutEdge, cutBroker, pauseAggregator, pauseEdge
        case brokerDown, leaderless
        /// Every operation of a kind fails on one machine's disks; its disks are full; every sync of all disks takes long.
        case failDisk, fillDisk, stallDisks
        /// Only where the shape wants it.
        case restoreEdge
    }
    var kind: Kind
    /// From the begin of the trouble.
    var begin: Duration
    var length: Duration
    /// Chooses the machine, the partition, the operation.
    var choice: Int

    /// Crashes are the rule.
    private static let common: [Kind] =
        Kind.allCases.filter { $0 != .restoreEdge } + [.killAggregator, .killAggregator, .killEdge]

    static func plan(_ shape: ChainScenario.Shape, _ random: inout SeededRandom) -> [ChainTrouble] {
        guard !shape.isCalm else { return [] }
        let span = shape.trouble.milliseconds
        var plan = (0..<Int.random(in: 2...12, using: &random)).map { _ in
            ChainTrouble(
                kind: common.randomElement(using: &random)!,
                begin: .milliseconds(Int64.random(in: 0..<span, using: &random)),
                length: .milliseconds(Int64.random(in: 10...20_000, using: &random)),
                choice: Int.random(in: 0..<1_000, using: &random))
        }
        if shape.restoresBackup {
            plan.append(
                ChainTrouble(
                    kind: .restoreEdge, begin: .milliseconds(Int64.random(in: 0..<span / 2, using: &random)),
                    length: .milliseconds(Int64.random(in: 10...span / 2, using: &random)),
                    choice: Int.random(in: 0..<1_000, using: &random)))
        }
        return plan
    }

    /// What goes wrong now and then, all the time.
    static func faults(_ shape: ChainScenario.Shape, _ random: inout SeededRandom) -> FaultPlan {
        var faults = FaultPlan()
        if shape.disksLie { faults.syncLie = 1 }
        guard !shape.isCalm else { return faults }
        func maybe(_ most: Double, _ path: WritableKeyPath<FaultPlan, Double>, one in: Int = 2) {
            let isOn = Int.random(in: 0..<`in`, using: &random) == 0
            let value = Double.random(in: 0...most, using: &random)
            if isOn { faults[keyPath: path] = value }
        }
        maybe(0.02, \.reset)
        maybe(0.1, \.delay)
        maybe(0.01, \.stall)
        maybe(0.3, \.refuse)
        maybe(0.3, \.loseConnect)
        maybe(0.2, \.brokerError)
        maybe(0.01, \.brokerFatal)
        maybe(0.2, \.watchOverflow)
        maybe(0.01, \.openError, one: 4)
        maybe(0.01, \.writeError, one: 4)
        maybe(0.01, \.readError, one: 4)
        maybe(0.01, \.syncError, one: 4)
        maybe(0.02, \.renameError, one: 4)
        maybe(0.02, \.removeError, one: 4)
        maybe(0.02, \.slowSync, one: 4)
        return faults
    }
}
