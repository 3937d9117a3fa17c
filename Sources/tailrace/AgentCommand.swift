import TailraceCommandLine
import TailraceRuntime

extension Command {
    static func agent(program: String) -> Command {
        Command(
            table: ArgumentTable(
                program: program, command: "agent", summary: "Runs an agent.",
                options: [
                    .value("name", short: "n", "NAME", isRequired: true, "The agent of the file to run."),
                    .repeated(
                        "conf-file", short: "f", "FILE", isRequired: true,
                        "Its configuration; a later file overrides an earlier one."),
                    .value("conf", short: "c", "DIR", "Accepted for Flume's sake; nothing is read from it."),
                    .definitions("A property: ${sys:key} in the configuration, or one of the properties below."),
                    .value("state-dir", "DIR", "Where the agent keeps its state. Default: ~/.tailrace/NAME."),
                    .flag("no-reload-conf", "Accepted; a configuration is read once, at the start."),
                    .value("classpath", short: "C", "PATH", isHidden: true, "Accepted for Flume's sake."),
                    .value("plugins-path", "PATH", isHidden: true, "Accepted for Flume's sake."),
                    .value("poll-interval", short: "i", "SECONDS", isHidden: true, "Accepted for Flume's sake."),
                    .attached("java-option", short: "X", "Accepted for Flume's sake."),
                ],
                sections: [HelpSection("Properties", AgentSettings.properties), HelpSection("Exit codes", ExitCode.list)],
                example: "\(program) agent -n edge -f edge.properties -Dflume.root.logger=DEBUG,console"),
            run: { arguments in
                let options = AgentProgram.Options(
                    name: arguments.value("name")!, files: arguments.values("conf-file"), definitions: arguments.definitions,
                    stateDirectory: arguments.value("state-dir"), isFlume: program == "flume-ng")
                return AgentProgram.run(options)
            })
    }

    static func check(program: String) -> Command {
        Command(
            table: ArgumentTable(
                program: program, command: "check",
                summary: "Shows all mistakes of a configuration at once; exit code 0, or 78.",
                options: [
                    .repeated(
                        "conf-file", short: "f", "FILE", isRequired: true,
                        "A configuration file; a later one overrides an earlier one."),
                    .value("name", short: "n", "NAME", "Only this agent. Default: all agents of the files."),
                    .definitions("A property, as the agent would get it."),
                    .flag("json", "For programs: one JSON document on standard output."),
                ],
                example: "\(program) check -f edge.properties"),
            run: { arguments in
                CheckProgram.run(
                    files: arguments.values("conf-file"), agent: arguments.value("name"), definitions: arguments.definitions,
                    json: arguments.flag("json"))
            })
    }

    static func components(program: String) -> Command {
        Command(
            table: ArgumentTable(
                program: program, command: "components", summary: "Prints the reference of all components and their keys.",
                options: [.flag("markdown", "All of it as the documentation's article, \(CheckProgram.documentationPath).")],
                positionals: [Positional("NAME", isRequired: false, "Only this type: taildir, regex_extractor …")],
                example: "\(program) components taildir"),
            run: { arguments in
                if let name = arguments.positional(0) { return CheckProgram.printManual(of: name) }
                print(
                    arguments.flag("markdown") ? CheckProgram.article() : CheckProgram.manual(), terminator: "")
                return 0
            })
    }
}
