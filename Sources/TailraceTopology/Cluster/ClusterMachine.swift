package import TailraceCore

/// Who runs, who is started or stopped next. Decides only; the ``Supervisor`` acts.
///
/// Start: stage by stage, each when the one before is ready. Stop: the reverse, each when the one before is gone. An agent
/// that ends is not started again by itself: what a crash does is to be seen, and `restart` is a command.
package struct ClusterMachine: Sendable {
    package enum MemberState: Hashable, Sendable {
        /// Its stage has not begun. Can transition to: starting.
        case waiting
        /// Can transition to: ready, exited, ending.
        case starting
        /// Can transition to: exited, ending.
        case ready
        /// Was told to end, and is killed at `kill`. Can transition to: exited, starting.
        case ending(kill: Instant, startAgain: Bool)
        /// Can transition to: starting.
        case exited(status: Int32)
    }
    package enum Phase: Hashable, Sendable { case new, starting, running, stopping, stopped }
    package enum Action: Hashable, Sendable {
        case start(String)
        case signal(String, Int32)
        /// A member ended before the cluster was up.
        case failed(member: String, status: Int32)
        case finished
    }

    package private(set) var phase = Phase.new
    package private(set) var states: [String: MemberState] = [:]
    private let stages: [[String]]
    private let isEmbedded: Bool
    /// How long a member may take after SIGTERM.
    package static let grace = Duration.seconds(15)

    package init(_ plan: ClusterPlan) {
        let last = plan.members.map(\.stage).max() ?? 0
        stages = (0...last).map { stage in plan.members.filter { $0.stage == stage }.map(\.name) }
        isEmbedded = plan.forgets
        for member in plan.members { states[member.name] = .waiting }
    }

    private func isGone(_ name: String) -> Bool {
        switch states[name]! {
        case .waiting, .exited: true
        case .starting, .ready, .ending: false
        }
    }

    // MARK: Inputs

    package mutating func start() -> [Action] {
        precondition(phase == .new)
        phase = .starting
        return startStages()
    }

    package mutating func memberIsReady(_ name: String) -> [Action] {
        guard states[name] == .starting else { return [] }
        states[name] = .ready
        return phase == .starting ? startStages() : []
    }

    package mutating func memberExited(_ name: String, status: Int32, now: Instant) -> [Action] {
        let before = states[name]!
        states[name] = .exited(status: status)
        if case .ending(_, startAgain: true) = before, phase != .stopping {
            states[name] = .starting
            return [.start(name)]
        }
        switch phase {
        case .starting: return [.failed(member: name, status: status)]
        case .stopping: return stopStages(now: now)
        case .new, .running, .stopped: return []
        }
    }

    /// Throws `topology.member`: there is no such member, it does not run, or it must not be started again.
    package mutating func signal(_ name: String, _ number: Int32) throws(TailraceError) -> [Action] {
        try know(name)
        guard !isGone(name) else {
            throw TailraceError(
                code: "topology.member", message: "\(name) does not run",
                fix: "start it with: tailrace topology restart \(name)")
        }
        return [.signal(name, number)]
    }

    package mutating func restart(_ name: String, now: Instant) throws(TailraceError) -> [Action] {
        try know(name)
        guard phase == .running else {
            throw TailraceError(
                code: "topology.member", message: "the cluster is \(phase)",
                fix: "wait until it runs; see tailrace topology status")
        }
        if isEmbedded, name == "broker" || name == "auditor" {
            throw TailraceError(
                code: "topology.member",
                message: "the embedded broker forgets all records when it ends, and the auditor with it",
                fix: "use a topology with broker: home, or start the cluster anew with down and up")
        }
        if isGone(name) {
            states[name] = .starting
            return [.start(name)]
        }
        states[name] = .ending(kill: now + Self.grace, startAgain: true)
        return [.signal(name, ClusterMachine.terminate)]
    }

    package mutating func stop(now: Instant) -> [Action] {
        guard phase != .stopping, phase != .stopped else { return [] }
        phase = .stopping
        return stopStages(now: now)
    }

    /// Kills whoever was told to end and has not.
    package mutating func tick(now: Instant) -> [Action] {
        var actions: [Action] = []
        for name in stages.joined() {
            guard case .ending(let deadline, let again) = states[name]!, now >= deadline else { continue }
            states[name] = .ending(kill: now + Self.grace, startAgain: again)
            actions.append(.signal(name, Self.kill))
        }
        return actions
    }

    // MARK: Decisions

    private mutating func startStages() -> [Action] {
        for stage in stages {
            let waiting = stage.filter { states[$0] == .waiting }
            if !waiting.isEmpty {
                for name in waiting { states[name] = .starting }
                return waiting.map { .start($0) }
            }
            guard stage.allSatisfy({ states[$0] == .ready }) else { return [] }
        }
        phase = .running
        return []
    }

    private mutating func stopStages(now: Instant) -> [Action] {
        for stage in stages.reversed() where !stage.allSatisfy(isGone) {
            var actions: [Action] = []
            for name in stage where !isGone(name) {
                if case .ending(let deadline, _) = states[name]! {
                    states[name] = .ending(kill: deadline, startAgain: false)
                    continue
                }
                states[name] = .ending(kill: now + Self.grace, startAgain: false)
                actions.append(.signal(name, Self.terminate))
            }
            return actions
        }
        phase = .stopped
        return [.finished]
    }

    private func know(_ name: String) throws(TailraceError) {
        guard states[name] == nil else { return }
        throw TailraceError(
            code: "topology.member", message: "there is no '\(name)' in this cluster",
            fix: "use one of \(states.keys.sorted().joined(separator: ", "))")
    }

    private static let terminate: Int32 = 15, kill: Int32 = 9
}
