import TailraceCommandLine
import TailraceRuntime

/// `tailrace channel …`: looks into a file channel, also while an agent uses it.
enum ChannelCommand {
    static let all: [Command] = [inspect, verify]

    private static let json = ArgumentOption.flag("json", "For programs: one JSON document on standard output.")
    private static let directories = Positional(
        "DIR", isRepeated: true,
        "The channel's directory, or all of its dataDirs and its checkpointDir. Nothing in it is changed.")

    private static let inspect = Command(
        table: ArgumentTable(
            command: "channel inspect",
            summary: "Shows segments, records, numbers, what is read and what is damaged in a file channel.",
            options: [json, .flag("dump", "Prints the events instead: stream, number, headers, body.")],
            positionals: [directories], example: "tailrace channel inspect ~/.tailrace/edge/file-channel/edge.channels.c1"),
        run: { arguments in
            ChannelProgram.inspect(arguments.positionals, json: arguments.flag("json"), dump: arguments.flag("dump"))
        })

    private static let verify = Command(
        table: ArgumentTable(
            command: "channel verify", summary: "Reads all of a file channel; exit code 0, or 1 when something is damaged.",
            options: [json], positionals: [directories],
            example: "tailrace channel verify ~/.tailrace/edge/file-channel/edge.channels.c1"),
        run: { arguments in ChannelProgram.verify(arguments.positionals, json: arguments.flag("json")) })
}
