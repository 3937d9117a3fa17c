import TailraceCommandLine
package import TailraceCore

/// What the files say, checked.
package struct LoadedConfiguration: Sendable {
    /// Only agents without an error.
    package var agents: [AgentPlan] = []
    /// Of the files, and of all agents that were asked for; in no order (``ProblemReport`` sorts them).
    package var problems: [ConfigurationProblem] = []
    package var hasErrors: Bool { problems.contains { $0.severity == .error } }
}

/// From the bytes of configuration files to agents. Reads nothing else: environment and definitions are handed in.
package enum ConfigurationLoader {
    /// `files`: in order, later ones override. `agent`: nil: all agents of the files. `definitions`: of `-D`.
    package static func load(
        files: [(name: String, bytes: [UInt8])], agent: String?, definitions: [String: String] = [:],
        environment: [String: String] = [:], catalogue: Catalogue
    ) -> LoadedConfiguration {
        var loaded = LoadedConfiguration(), properties = PropertySet()
        for file in files { properties.add(file.bytes, file: file.name) }
        loaded.problems = properties.problems
        let (all, others) = AgentLines.read(properties.entries)
        tellUnused(others, properties.entries, &loaded.problems)
        let names = all.filter(\.isDeclared).map(\.name)
        tellUndeclared(all, names, asked: agent, &loaded.problems)

        let chosen = all.filter { $0.isDeclared && (agent ?? $0.name) == $0.name }
        if chosen.isEmpty { loaded.problems.append(noAgent(agent, names, files.map(\.name))) }
        let isReadable = !loaded.hasErrors
        var told = Set(loaded.problems)
        for lines in chosen {
            var problems: [ConfigurationProblem] = []
            let expanded = expand(lines, properties, definitions, environment, &problems)
            var reader = AgentReader(expanded, catalogue)
            let plan = reader.read()
            problems += reader.problems
            if isReadable, !problems.contains(where: { $0.severity == .error }) { loaded.agents.append(plan) }
            // Agents that refer to the same line tell of it once.
            for problem in problems where told.insert(problem).inserted { loaded.problems.append(problem) }
        }
        return loaded
    }

    /// First the config filters, then everything else with them.
    private static func expand(
        _ lines: AgentLines, _ properties: PropertySet, _ definitions: [String: String], _ environment: [String: String],
        _ problems: inout [ConfigurationProblem]
    ) -> AgentLines {
        func expand(_ lines: AgentLines, _ kinds: [AgentLines.Kind], _ filters: [String: ConfigurationFilter]) -> AgentLines {
            var substitution = Substitution(
                properties, environment: environment, definitions: definitions, filters: filters)
            return lines.mapped(kinds) { entry in
                var expanded = substitution.expand(entry, &problems)
                expanded.value = PropertySet.trim(expanded.value)
                guard expanded.value.isEmpty else { return expanded }
                problems.append(
                    entry.problem(
                        .warning, "configuration.empty-value", "\(entry.value) gives nothing; the line is ignored",
                        fix: "give it a value, or remove the line"))
                return nil
            }
        }
        let first = expand(lines, [.configfilters], [:])
        let filters = ConfigurationFilter.read(first[.configfilters], prefix: "\(lines.name).configfilters", &problems)
        return expand(first, AgentLines.Kind.allCases.filter { $0 != .configfilters }, filters)
    }

    /// Keys without a dot are for `${key}`; one that nothing refers to is most often a line that lost its key.
    private static func tellUnused(
        _ others: [ConfigurationEntry], _ entries: [ConfigurationEntry], _ problems: inout [ConfigurationProblem]
    ) {
        let used = Template.names(in: entries.map(\.value))
        for entry in others where !used.contains(entry.key) {
            problems.append(
                entry.problem(
                    .warning, "configuration.unused-line", "belongs to no agent, and no ${\(entry.key)} refers to it",
                    fix: "write <agent>.<kind>.<name>.<key> = <value>, or remove the line"))
        }
    }

    /// Lines of a name that lists nothing: most often a mistyped agent.
    private static func tellUndeclared(
        _ all: [AgentLines], _ names: [String], asked: String?, _ problems: inout [ConfigurationProblem]
    ) {
        for lines in all where !lines.isDeclared {
            let near = Spelling.nearest(to: lines.name, in: names)
            if let asked, let near, near != asked { continue }  // another agent's business
            problems.append(
                lines.first.problem(
                    near == nil ? .warning : .error, "configuration.undeclared-agent",
                    "\"\(lines.name)\" is no agent: it lists no sources, channels or sinks; its lines have no effect",
                    fix: near.map { "did you mean \"\($0)\"?" } ?? "remove its lines"))
        }
    }

    private static func noAgent(_ asked: String?, _ names: [String], _ files: [String]) -> ConfigurationProblem {
        let place = files.joined(separator: ", "), file = files.first ?? ""
        guard let asked, !names.isEmpty else {
            return ConfigurationProblem(
                .error, code: "configuration.no-agent", file: file, key: asked ?? "",
                message: "there is no agent in \(place.isEmpty ? "no file" : place)",
                fix: "an agent is declared by its lists: \(asked ?? "a1").sources = …, .channels = … and .sinks = …")
        }
        let near = Spelling.nearest(to: asked, in: names).map { "did you mean \"\($0)\"?" }
        return ConfigurationProblem(
            .error, code: "configuration.no-agent", file: file, key: asked,
            message: "there is no agent \"\(asked)\" in \(place); the agents there are: \(names.joined(separator: ", "))",
            fix: near ?? "start with -n \(names[0])")
    }
}
