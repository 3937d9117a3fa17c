import TailraceConfiguration
import TailraceCore
import TailraceKafka

/// The configuration files as the agent and the check both see them: read, parsed, and compared where a problem shows only
/// between two components.
enum LoadedAgents {
    static func load(
        _ files: [String], agent: String?, definitions: [String: String], _ catalogue: Catalogue
    ) throws(TailraceError) -> LoadedConfiguration {
        var loaded = ConfigurationLoader.load(
            files: try ConfigurationFiles.read(files), agent: agent, definitions: definitions,
            environment: ConfigurationFiles.environment, catalogue: catalogue)
        for plan in loaded.agents { loaded.problems += kafkaLoops(plan) }
        return loaded
    }

    static func kafkaLoops(_ plan: AgentPlan) -> [ConfigurationProblem] {
        plan.sources.flatMap { source -> [ConfigurationProblem] in
            guard let from = source.part.configuration as? KafkaSourceConfiguration else { return [] }
            return plan.sinks.compactMap { sink in
                guard source.channels.contains(sink.channel), let to = sink.part.configuration as? KafkaSinkConfiguration,
                    var problem = KafkaLoop.problem(from, to: to, named: sink.fullName)
                else { return nil }
                problem.key = "\(source.fullName).\(problem.key)"
                return problem
            }
        }
    }
}
