import TailraceCommandLine
import Testing

@Suite struct HelpTests {
    @Test func helpOfACommand() {
        #expect(
            ArgumentParserTests.agent.help == """
                tailrace agent: runs an agent

                Usage: tailrace agent -n NAME -f FILE… [options]

                Options:
                  -n, --name NAME              name of the agent in the file (required)
                  -f, --conf-file FILE         configuration file; later ones override (required; may be repeated)
                  -c, --conf DIR               directory of flume-env.sh; accepted and not used
                  -i, --poll-interval SECONDS  how often the file is looked at (default 30)
                      --level LEVEL            least level that is logged (one of debug, info, warning; default
                                               info)
                      --no-reload-conf         does not look at the file again
                  -Dkey=value                  sets a property
                  -h, --help                   shows this text

                Example:
                  tailrace agent -n edge -f conf/edge.properties

                """)
        #expect(ArgumentParserTests.verify.help.contains("Usage: tailrace channel verify DIR [FILE…] [options]"))
        #expect(ArgumentParserTests.verify.help.contains("Arguments:\n  DIR      the channel's directory\n"))
    }
}

@Suite struct CommandSetTests {
    static let program = CommandSet(
        summary: "a log collector",
        [
            ArgumentParserTests.agent, ArgumentParserTests.verify,
            ArgumentTable(command: "channel inspect", summary: "shows a channel", example: "tailrace channel inspect DIR"),
            ArgumentTable(command: "simulate", summary: "replays", example: "tailrace simulate", isHidden: true),
        ])

    private func run(_ line: String) -> String {
        do throws(ArgumentError) {
            switch try Self.program.choose(line.split(separator: " ").map(String.init)) {
            case .run(let parsed): return "run " + parsed.table.command
            case .help(let text): return "help " + text
            case .version: return "version"
            }
        } catch { return "error " + error.description }
    }

    @Test(arguments: [
        ("agent -n a -f b", "run agent"), ("channel verify d", "run channel verify"), ("simulate", "run simulate"),
        ("--version", "version"), ("version", "version"),
        ("agent --help", "help tailrace agent: runs an agent"), ("help agent", "help tailrace agent: runs an agent"),
        ("--help", "help tailrace: a log collector"), ("help", "help tailrace: a log collector"),
        ("help channel", "help Usage: tailrace channel COMMAND"), ("channel -h", "help Usage: tailrace channel COMMAND"),
        ("help channel verify", "help tailrace channel verify"),
        ("", "error tailrace needs a command\n    fix: one of agent, channel"),
        ("agnet -n a", "error tailrace has no command agnet\n    fix: did you mean agent?"),
        ("bogus", "error tailrace has no command bogus\n    fix: one of agent, channel"),
        ("channel", "error tailrace channel needs a command\n    fix: one of verify, inspect"),
        ("channel verfy", "error tailrace channel has no command verfy\n    fix: did you mean verify?"),
        ("help channel bogus", "error tailrace channel has no command bogus"),
        ("agent -n a", "error tailrace agent needs -f/--conf-file FILE"),
    ])
    func chooses(line: String, expected: String) {
        #expect(run(line).hasPrefix(expected), "\(run(line))")
    }

    @Test func hiddenCommandsAreNotListed() {
        #expect(!Self.program.help.contains("simulate"))
        #expect(Self.program.help.contains("  channel verify   looks into a file channel\n"))
    }
}
