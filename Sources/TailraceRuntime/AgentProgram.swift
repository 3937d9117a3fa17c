import Glibc
import TailraceConfiguration
import TailraceCore
import TailraceHTTP
import TailraceIO
import TailraceRdkafka

/// `tailrace agent`: from files and flags to a running agent, on this thread's loop, until a signal ends it.
package enum AgentProgram {
    package struct Options: Sendable {
        package var name: String
        package var files: [String]
        package var definitions: [String: String]
        package var stateDirectory: String?
        /// Called as `flume-ng`.
        package var isFlume: Bool
        package init(
            name: String, files: [String], definitions: [String: String], stateDirectory: String?, isFlume: Bool
        ) {
            (self.name, self.files, self.definitions) = (name, files, definitions)
            (self.stateDirectory, self.isFlume) = (stateDirectory, isFlume)
        }
    }
    /// See ``ExitCode``.
    package static func run(_ options: Options) -> Int32 {
        let catalogue = Catalogue.standard()
        let plan: AgentPlan, log: StandardLog, settings: AgentSettings
        do throws(TailraceError) {
            settings = try AgentSettings(options.definitions)
            let loaded = try LoadedAgents.load(
                options.files, agent: options.name, definitions: options.definitions, catalogue)
            if !loaded.problems.isEmpty {
                ConfigurationFiles.writeError(
                    ProblemReport(loaded.problems, files: options.files).text(colours: isatty(2) == 1))
            }
            guard !loaded.hasErrors, let first = loaded.agents.first else { return ExitCode.configuration }
            plan = first
            log = try LogChoice(options.definitions, isFlume: options.isFlume).open()
        } catch {
            ConfigurationFiles.writeError("\(error)\n")
            return error.code == "configuration.range" ? ExitCode.usage : ExitCode.noInput
        }
        do throws(TailraceError) {
            return try run(plan, catalogue, log, options, settings)
        } catch {
            log.write(.error, options.name, "\(error)")
            return ExitCode.of(error)
        }
    }

    private static func run(
        _ plan: AgentPlan, _ catalogue: Catalogue, _ log: StandardLog, _ options: Options, _ settings: AgentSettings
    ) throws(TailraceError) -> Int32 {
        try SignalWatcher.block([SIGTERM, SIGINT, SIGHUP])
        try raiseDescriptorLimit()
        let loop = try EpollLoop()
        let metrics = MetricsRegistry()
        let broker = RdkafkaBroker(loop, log)
        let environment = RealEnvironment.make(
            loop: loop, broker: broker, http: RealHTTP(loop), component: plan.name,
            stateDirectory: stateDirectory(plan.name, options),
            memoryBytes: settings.receiveBytes, log: log, metrics: metrics)
        let lock = try inState { () throws(TailraceError) in try environment.files.disk(environment.stateDirectory).lock() }
        defer { lock.release() }

        let agent = Agent(AgentAssembly(plan, catalogue), environment)
        let admin = AdminServer(environment) { agent.status(pid: getpid(), values: metrics.snapshot()) }
        try inState { () throws(TailraceError) in try admin.start() }
        var code = ExitCode.stopped
        agent.start { result in
            guard case .failure(let error) = result, error != .stopped else { return releaseStartCode() }
            code = ExitCode.of(error)
            log.write(.error, plan.name, "the agent ends: \(error)")
            loop.stop()
        }
        let signals = try SignalWatcher([SIGTERM, SIGINT, SIGHUP], loop) { number in
            if number == SIGHUP {
                return log.write(.info, plan.name, "SIGHUP: the configuration is read at the start only; nothing is reloaded")
            }
            guard agent.state != .stopping else {
                log.write(.warning, plan.name, "a second signal (\(number)): ends at once")
                code = ExitCode.interrupted
                return loop.stop()
            }
            agent.stop(within: settings.stopTime) { left in
                if left > 0 { code = ExitCode.undelivered }
                loop.stop()
            }
        }
        loop.run()
        signals.cancel()
        admin.stop()
        return code
    }

    /// One code for all reasons: whoever starts the agent has to look at that folder.
    private static func inState<Value>(_ body: () throws(TailraceError) -> Value) throws(TailraceError) -> Value {
        do throws(TailraceError) { return try body() } catch {
            guard ExitCode.of(error) != ExitCode.stateDirectory else { throw error }
            throw TailraceError(
                code: "disk.directory", message: "the state directory cannot be used: \(error.message)",
                fix: error.fix ?? "choose another folder with --state-dir, or correct its permissions")
        }
    }

    /// `--state-dir`, else `$TAILRACE_STATE_DIR/NAME`, else `~/.tailrace/NAME`.
    private static func stateDirectory(_ name: String, _ options: Options) -> String {
        if let directory = options.stateDirectory { return directory }
        let variables = ConfigurationFiles.environment
        if let parent = variables["TAILRACE_STATE_DIR"] { return "\(parent)/\(name)" }
        return "\(variables["HOME"] ?? "/var/lib")/.tailrace/\(name)"
    }
}
