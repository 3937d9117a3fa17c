import TailraceCommandLine

#if canImport(Glibc)
    import Glibc
#endif

let version = "0.1.0"

/// Called by the name `flume-ng` it is Flume's command: the same program, other words in its help.
let program = CommandLine.arguments[0].split(separator: "/").last.map(String.init) == "flume-ng" ? "flume-ng" : "tailrace"
let commands = makeCommands(program: program)
let set = CommandSet(program: program, summary: "A multi-agent tiered log collector.", commands.map(\.table))
do throws(ArgumentError) {
    switch try set.choose(Array(CommandLine.arguments.dropFirst())) {
    case .help(let text): print(text)
    case .version: print("tailrace \(version)")
    case .run(let arguments):
        let command = commands.first { $0.table.command == arguments.table.command }!
        exit(command.run(arguments))
    }
} catch {
    printError("\(program): \(error)")
    exit(ArgumentError.exitCode)
}
