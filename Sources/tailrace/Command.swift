import TailraceCommandLine

#if canImport(Glibc)
    import Glibc
#endif

/// A subcommand: what may be typed, and what it does. `run` gives the exit code.
struct Command: Sendable {
    let table: ArgumentTable
    let run: @Sendable (ParsedArguments) -> Int32
}

/// All of them, in the order of the help. A file per subcommand.
func makeCommands(program: String) -> [Command] {
    [.agent(program: program), .check(program: program), .components(program: program)] + TopologyCommand.all
        + ChannelCommand.all + BenchCommand.all + SimulateCommand.all
}

func printError(_ text: String) {
    let line = Array((text + "\n").utf8)
    line.withUnsafeBytes { _ = write(2, $0.baseAddress!, $0.count) }
}
