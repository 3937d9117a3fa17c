package import TailraceCore

extension ClusterPlan {
    /// What the outside decides.
    package struct Place: Sendable {
        /// Absolute.
        package var topologyFile: String
        package var topologyDirectory: String
        package var stateDirectory: String
        /// This program.
        package var executable: String
        /// `$KAFKA_HOME`, if it is set.
        package var kafkaHome: String?
        package init(
            topologyFile: String, topologyDirectory: String, stateDirectory: String, executable: String, kafkaHome: String?
        ) {
            (self.topologyFile, self.topologyDirectory) = (topologyFile, topologyDirectory)
            (self.stateDirectory, self.executable, self.kafkaHome) = (stateDirectory, executable, kafkaHome)
        }
    }

    /// `freePort`: a port of this machine that nobody uses, another one at each call.
    package static func make(
        _ topology: Topology, at place: Place, freePort: () throws(TailraceError) -> Int
    ) throws(TailraceError) -> ClusterPlan {
        var plan = ClusterPlan(
            name: topology.name, topologyFile: place.topologyFile, stateDirectory: place.stateDirectory, brokerKind: "",
            kafkaHome: "", servers: "", controllerPort: 0,
            topics: topology.topics.map { Topic(name: $0.name, partitions: $0.partitions) },
            members: [],
            generator: Generator(
                tier: topology.generator.tier, file: topology.generator.file, bytes: topology.generator.bytes,
                rate: topology.generator.rate, ahead: topology.generator.ahead),
            auditDeadlineSeconds: topology.audit.deadlineSeconds)
        try plan.choose(topology, place, freePort)
        plan.members.append(plan.own("broker", .broker, stage: 0, place))
        plan.members.append(plan.own("auditor", .auditor, stage: 1, place))
        try plan.addAgents(topology, place, freePort)
        let longest = plan.members.map(\.socket).max { $0.utf8.count < $1.utf8.count } ?? ""
        guard longest.utf8.count <= StateFiles.longestSocketPath else {
            throw TailraceError(
                code: "topology.state-directory",
                message:
                    "\(longest) has \(longest.utf8.count) bytes; a Unix socket's path has at most \(StateFiles.longestSocketPath)",
                fix: "choose a shorter folder with --state-dir")
        }
        return plan
    }

    private mutating func choose(
        _ topology: Topology, _ place: Place, _ freePort: () throws(TailraceError) -> Int
    ) throws(TailraceError) {
        switch topology.broker {
        case .embedded: brokerKind = "embedded"
        case .bootstrap(let address): (brokerKind, servers) = ("bootstrap", address)
        case .home(let path):
            guard let home = path ?? place.kafkaHome, !home.isEmpty else {
                throw TailraceError(
                    code: "topology.kafka-home", message: "the broker is 'home', and $KAFKA_HOME is not set",
                    fix: "set KAFKA_HOME to the folder of an Apache Kafka, or write broker: {kind: home, home: PATH}")
            }
            brokerKind = "home"
            kafkaHome = home.hasPrefix("/") ? home : "\(place.topologyDirectory)/\(home)"
            let port = topology.brokerPort > 0 ? topology.brokerPort : try freePort()
            servers = "127.0.0.1:\(port)"
            controllerPort = try freePort()
        }
    }

    private func own(_ name: String, _ role: Role, stage: Int, _ place: Place) -> Member {
        let arguments = [place.executable, "topology", name, "--state-dir", place.stateDirectory]
        return Member(
            name: name, role: role, stage: stage, tier: "", instance: 1, arguments: arguments, environment: [:],
            directory: "\(place.stateDirectory)/\(name)", port: 0)
    }

    private mutating func addAgents(
        _ topology: Topology, _ place: Place, _ freePort: () throws(TailraceError) -> Int
    ) throws(TailraceError) {
        var ports: [String: String] = [:]
        for (index, tier) in topology.tiers.enumerated() {
            // The last tier is next to Kafka and starts first, so that nobody finds its peer missing.
            let stage = 2 + topology.tiers.count - 1 - index
            for number in 1...tier.count {
                let port = try freePort(), name = tier.instanceName(number)
                ports["TAILRACE_\(Self.variable(name))_PORT"] = String(port)
                let path = tier.configuration
                let configuration = path.hasPrefix("/") ? path : "\(place.topologyDirectory)/\(path)"
                var member = Member(
                    name: name, role: .agent, stage: stage, tier: tier.name, instance: number,
                    arguments: [place.executable, "agent", "-n", tier.agent, "-f", configuration], environment: [:],
                    directory: "\(place.stateDirectory)/agents/\(name)", port: port)
                member.environment = environment(of: member, tier.environment[number - 1])
                member.arguments += ["--state-dir", member.stateDirectory]
                members.append(member)
            }
        }
        for index in members.indices where members[index].role == .agent {
            members[index].environment.merge(ports) { own, _ in own }
        }
    }

    private func environment(of member: Member, _ own: [String: String]) -> [String: String] {
        var result = own.mapValues {
            Placeholders.fill($0, tier: member.tier, instance: member.instance, cluster: name)
        }
        result["TAILRACE_CLUSTER"] = name
        result["TAILRACE_INSTANCE"] = member.name
        result["TAILRACE_HOST"] = "127.0.0.1"
        result["TAILRACE_PORT"] = String(member.port)
        result["TAILRACE_STATE_DIR"] = member.stateDirectory
        result["TAILRACE_LOG_DIR"] = member.logDirectory
        return result
    }

    /// "aggregator-1": AGGREGATOR_1.
    private static func variable(_ name: String) -> String {
        String(decoding: name.uppercased().utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }, as: UTF8.self)
    }
}
