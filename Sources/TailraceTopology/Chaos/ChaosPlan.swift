import TailraceCore

/// A fault of one member, from its beginning until the member is to go on.
package struct ChaosFault: Codable, Hashable, Sendable {
    package enum Kind: String, Codable, Sendable, CaseIterable {
        /// SIGKILL; started again at the end of the fault.
        case kill
        /// SIGSTOP; SIGCONT at the end.
        case stop
        /// SIGTERM, and started again as soon as it has ended.
        case restart
    }
    package var kind: Kind
    package var member: String
    /// Milliseconds since the beginning of the run.
    package var start: Int
    package var end: Int
}

/// Which faults a run has, and when: a function of a seed, the members and the settings alone, so that a run can be repeated.
///
/// All pairs of member and kind come in a shuffled order, and then in another one: a run that is long enough has them all.
package struct ChaosPlan: Hashable, Sendable {
    package struct Target: Hashable, Sendable {
        package var name: String
        /// How long it takes, about, until it works again after its fault; it gets no other fault before.
        package var recovery: Int
        package init(name: String, recovery: Int) { (self.name, self.recovery) = (name, recovery) }
    }
    /// In milliseconds.
    package struct Settings: Hashable, Sendable {
        /// All faults end within it.
        package var length: Int
        /// On average, from the beginning of one fault to that of the next.
        package var pause: Int
        /// A stop lasts so long and up to a quarter more, so that it can be longer than every time-out.
        package var stop: Int
        /// The most members that are down or stopped at once.
        package var mostDown: Int
        package init(length: Int, pause: Int, stop: Int, mostDown: Int) {
            (self.length, self.pause, self.stop, self.mostDown) = (length, pause, stop, mostDown)
        }
    }

    /// By their start.
    package private(set) var faults: [ChaosFault] = []

    package init(seed: UInt64, _ targets: [Target], _ settings: Settings) {
        var random = SeededRandom(seed: seed).split("chaos")
        let pairs = targets.flatMap { target in ChaosFault.Kind.allCases.map { (target, $0) } }
        var deck: [(Target, ChaosFault.Kind)] = [], free: [String: Int] = [:], misfits = 0
        var earliest = Int.random(in: 0...settings.pause, using: &random)
        while !pairs.isEmpty, misfits < 2 * pairs.count {
            if deck.isEmpty { deck = pairs.shuffled(using: &random) }
            let (target, kind) = deck.removeLast()
            let lasting = Self.lasting(kind, settings, &random)
            let start = room(max(earliest, free[target.name] ?? 0), settings.mostDown, targets)
            guard start + lasting <= settings.length else {
                misfits += 1
                continue
            }
            misfits = 0
            faults.append(ChaosFault(kind: kind, member: target.name, start: start, end: start + lasting))
            // Now and then the next one comes before it is quite there again.
            free[target.name] = start + lasting + Int.random(in: target.recovery / 2...2 * target.recovery, using: &random)
            earliest = start + Int.random(in: 1...max(1, 2 * settings.pause - 1), using: &random)
        }
    }

    private static func lasting(_ kind: ChaosFault.Kind, _ settings: Settings, _ random: inout SeededRandom) -> Int {
        switch kind {
        case .kill: Int.random(in: 100...max(100, settings.stop), using: &random)
        case .stop: Int.random(in: settings.stop...settings.stop + settings.stop / 4, using: &random)
        case .restart: 0
        }
    }

    /// The first moment from `start` on at which less than the most are down.
    private func room(_ start: Int, _ most: Int, _ targets: [Target]) -> Int {
        var start = start
        while true {
            let ends = faults.compactMap { fault in
                let end = fault.end + targets.first { $0.name == fault.member }!.recovery
                return fault.start <= start && end > start ? end : nil
            }
            guard ends.count >= most else { return start }
            start = ends.min()!
        }
    }

    // MARK: Steps

    /// What is done at one moment.
    package struct Step: Hashable, Sendable {
        package enum Action: Hashable, Sendable { case signal(Int32), start }
        package var time: Int
        package var member: String
        package var action: Action
        package var fault: ChaosFault
        /// The fault begins with it; else the member goes on.
        package var isBeginning: Bool
    }

    /// By their time.
    package var steps: [Step] {
        faults.flatMap { fault in
            switch fault.kind {
            case .kill: [Self.step(fault, true, .signal(Self.kill)), Self.step(fault, false, .start)]
            case .stop: [Self.step(fault, true, .signal(Self.stop)), Self.step(fault, false, .signal(Self.goOn))]
            case .restart: [Self.step(fault, true, .start)]
            }
        }.sorted { ($0.time, $0.member) < ($1.time, $1.member) }
    }
    private static func step(_ fault: ChaosFault, _ isBeginning: Bool, _ action: Step.Action) -> Step {
        Step(
            time: isBeginning ? fault.start : fault.end, member: fault.member, action: action, fault: fault,
            isBeginning: isBeginning)
    }
    static let kill: Int32 = 9, goOn: Int32 = 18, stop: Int32 = 19
}

extension ClusterPlan {
    /// Who may be broken: all agents, and the broker if it is a Kafka that the cluster started. The embedded broker forgets its
    /// records when it ends, one that runs elsewhere is not ours, and the auditor is who counts.
    package var chaosTargets: [ChaosPlan.Target] {
        agents.map { ChaosPlan.Target(name: $0.name, recovery: 1_000) }
            + (brokerKind == "home" ? [ChaosPlan.Target(name: "broker", recovery: 8_000)] : [])
    }
}
