import TailraceCommandLine
import Testing

@Suite struct ArgumentParserTests {
    static let agent = ArgumentTable(
        command: "agent", summary: "runs an agent",
        options: [
            .value("name", short: "n", "NAME", isRequired: true, "name of the agent in the file"),
            .repeated("conf-file", short: "f", "FILE", isRequired: true, "configuration file; later ones override"),
            .value("conf", short: "c", "DIR", "directory of flume-env.sh; accepted and not used"),
            .value(
                "poll-interval", short: "i", otherNames: ["poll"], "SECONDS", initial: "30", "how often the file is looked at"),
            .value("level", "LEVEL", choices: ["debug", "info", "warning"], initial: "info", "least level that is logged"),
            .flag("no-reload-conf", "does not look at the file again"),
            .definitions("sets a property"),
            .attached("jvm", short: "X", "accepted and not used"),
        ],
        example: "tailrace agent -n edge -f conf/edge.properties")

    static let verify = ArgumentTable(
        command: "channel verify", summary: "looks into a file channel",
        options: [.value("signal", short: "s", "N", "signal"), .flag("json", "as JSON")],
        positionals: [
            Positional("DIR", "the channel's directory"), Positional("FILE", isRequired: false, isRepeated: true, "segments"),
        ],
        example: "tailrace channel verify /var/lib/tailrace/c1")

    private func parse(_ table: ArgumentTable, _ line: String) throws -> ParsedArguments {
        try #require(try table.parse(line.split(separator: " ").map(String.init)))
    }
    private func message(_ table: ArgumentTable, _ line: String) -> String {
        do throws(ArgumentError) {
            _ = try table.parse(line.split(separator: " ").map(String.init))
            return "no error"
        } catch { return error.description }
    }

    @Test(arguments: [
        "-n a1 -f x.conf", "--name a1 --conf-file x.conf", "--name=a1 --conf-file=x.conf", "-name a1 -conf-file x.conf",
        "-f x.conf -n a1", "-name=a1 -conf-file=x.conf",
    ])
    func formsOfNames(line: String) throws {
        let parsed = try parse(Self.agent, line)
        #expect(parsed.value("name") == "a1")
        #expect(parsed.values("conf-file") == ["x.conf"])
        #expect(parsed.value("conf") == nil)
        #expect(parsed.value("poll-interval") == "30")
        #expect(!parsed.flag("no-reload-conf"))
    }

    @Test func everythingAtOnce() throws {
        let parsed = try parse(
            Self.agent, "-c conf -n a1 -f a -f b --no-reload-conf -Dx=1 -Dy -D z=2 -Dx=a=b -Xmx20m --poll 5 --level=debug")
        #expect(parsed.values("conf-file") == ["a", "b"])
        #expect(parsed.definitions == ["x": "a=b", "y": "", "z": "2"])
        #expect(parsed.flag("no-reload-conf"))
        #expect(parsed.values("jvm") == ["mx20m"])
        #expect(try parsed.integer("poll-interval", within: 1...60) == 5)
        #expect(parsed.value("level") == "debug")
    }

    @Test func positionalsAndTheDoubleDash() throws {
        let parsed = try parse(Self.verify, "--json dir -- --json -x")
        #expect(parsed.positionals == ["dir", "--json", "-x"])
        #expect(parsed.positional(0) == "dir")
        #expect(parsed.positional(3) == nil)
        #expect(try parse(Self.verify, "- -s -9").positionals == ["-"])
        #expect(try parse(Self.verify, "d -s -9").value("signal") == "-9")
        #expect(try parse(Self.verify, "d --signal=--odd").value("signal") == "--odd")
    }

    @Test(arguments: [
        (
            "-f x", "tailrace agent needs -n/--name NAME: name of the agent in the file",
            "tailrace agent -n edge -f conf/edge.properties"
        ),
        ("-n a1", "needs -f/--conf-file FILE", "for example"),
        ("-n a1 -f x --nmae b", "tailrace agent has no option --nmae", "did you mean --name?"),
        ("-n a1 -f x --bogus", "tailrace agent has no option --bogus", "see tailrace agent --help"),
        ("-n a1 -f x -q", "has no option -q", "--help"),
        ("-n a1 -f x -conf-fil=y", "has no option -conf-fil=y", "did you mean --conf-file?"),
        ("-n -f x", "-n/--name needs a value, but -f follows", "write --name=NAME"),
        ("-f x -n", "-n/--name needs a value", "write --name=NAME"),
        ("-n --bogus -f x", "-n/--name needs a value, but --bogus follows", "write --name=NAME"),
        ("-n a -n b -f x", "-n/--name is given twice: \"a\" and \"b\"", "leave one of them out"),
        ("-n a -f x --no-reload-conf=yes", "--no-reload-conf takes no value, but got \"yes\"", "write --no-reload-conf alone"),
        (
            "-n a -f x --level=warnin", "--level: \"warnin\" is not one of debug, info, warning; did you mean \"warning\"?",
            "--help"
        ),
        ("-n a -f x -D=1", "-D=1 has no key", "write it as -Dkey=value"),
        ("-n a -f x extra", "tailrace agent does not know what \"extra\" is for", "--help"),
    ])
    func mistakes(line: String, text: String, fix: String) {
        let message = message(Self.agent, line)
        #expect(message.contains(text), "\(message)")
        #expect(message.contains("fix: ") && message.contains(fix), "\(message)")
    }

    @Test func mistakesOfPositionalsAndNumbers() throws {
        #expect(message(Self.verify, "--json").contains("tailrace channel verify needs DIR: the channel's directory"))
        let parsed = try parse(Self.agent, "-n a -f x -i ten")
        #expect {
            try parsed.integer("poll-interval", within: 1...60)
        } throws: { "\($0)".contains("-i/--poll-interval: \"ten\" is not a whole number from 1 to 60") }
        #expect(ArgumentError.exitCode == 64)
    }

    @Test(arguments: ["--help", "-h", "-n a --help", "--bogus -h", "-f x -help"])
    func helpWinsOverMistakes(line: String) throws {
        #expect(try Self.agent.parse(line.split(separator: " ").map(String.init)) == nil)
    }

    @Test func helpBehindTheDoubleDashIsAPositional() throws {
        #expect(try parse(Self.verify, "-- --help").positionals == ["--help"])
    }

    @Test(arguments: 0..<200)
    func garbageNeverTraps(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let pieces = ["-", "--", "n", "name", "=", "D", "é", "", " ", "conf-file", "f", "X", "--json", "\u{0}", "👍", "help"]
        let arguments = (0..<random(8)).map { _ in (0..<random(5)).map { _ in pieces[random(pieces.count)] }.joined() }
        for table in [Self.agent, Self.verify] {
            do throws(ArgumentError) { _ = try table.parse(arguments) } catch { #expect(!error.fix.isEmpty) }
        }
    }
}

extension ArgumentTable: CustomTestStringConvertible {
    package var testDescription: String { command }
}
