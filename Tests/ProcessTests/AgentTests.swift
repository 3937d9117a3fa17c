import Glibc
import TailraceStatus
import Testing

/// `tailrace agent` and `tailrace check` as programs: exit codes, messages, signals.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct AgentTests {
    /// A sequence that nobody needs, into nothing.
    static let idle = """
        a.sources = s
        a.channels = c
        a.sinks = k
        a.sources.s.type = netcat
        a.sources.s.bind = 127.0.0.1
        a.sources.s.port = 0
        a.sources.s.channels = c
        a.channels.c.type = memory
        a.sinks.k.type = null
        a.sinks.k.channel = c

        """

    static let broken = """
        a.sources = s
        a.channels = c
        a.sinks = k
        a.sources.s.type = taildirr
        a.sources.s.channels = c
        a.channels.c.type = memory
        a.channels.c.capacty = 12
        a.sinks.k.type = rpc
        a.sinks.k.channel = c
        a.sinks.k.hostname = h
        a.sinks.k.port = 99999

        """

    @Test("Wrong arguments: 64, with the way out")
    func usage() async throws {
        try await Workplace.use { place in
            let unnamed = try await place.tailrace(["agent", "-f", "a.properties"])
            #expect(unnamed.status == 64 && unnamed.errors.contains("-n/--name NAME"), "\(unnamed.story)")
            #expect(unnamed.errors.contains("fix: for example: tailrace agent -n edge -f edge.properties"), "\(unnamed.story)")
            let unknown = try await place.tailrace(["agent", "-n", "a", "-f", "a.properties", "--confg", "x"])
            #expect(unknown.status == 64 && unknown.errors.contains("--confg"), "\(unknown.story)")
            let nothing = try await place.tailrace([])
            #expect(nothing.status == 64, "\(nothing.story)")
            let misspelt = try await place.tailrace(["agnet"])
            #expect(misspelt.status == 64 && misspelt.errors.contains("agent"), "\(misspelt.story)")
            let number = try await place.tailrace(
                ["agent", "-n", "a", "-f", try write(Self.idle, place), "-Dtailrace.stop.seconds=soon", "--state-dir", "s"])
            #expect(
                number.status == 64
                    && number.errors.contains(
                        "-Dtailrace.stop.seconds: \"soon\" is not allowed. Fix: give a whole number from 1 to 3600"),
                "\(number.story)")
        }
    }

    @Test("A file that cannot be read: 66; mistakes in it: 78, all at once with line and remedy")
    func configuration() async throws {
        try await Workplace.use { place in
            let missing = try await place.tailrace(["agent", "-n", "a", "-f", "/none.properties"])
            #expect(missing.status == 66 && missing.errors.contains("/none.properties cannot be read"), "\(missing.story)")
            let file = try write(Self.broken, place)
            let broken = try await place.tailrace(["agent", "-n", "a", "-f", file, "--state-dir", "s"])
            #expect(broken.status == 78, "\(broken.story)")
            for text in [
                ":4: error: a.sources.s.type: there is no source \"taildirr\"", "fix: did you mean \"taildir\"?",
                ":7: error: a.channels.c.capacty: memory has no key \"capacty\"", "fix: did you mean \"capacity\"?",
                ":11: error: a.sinks.k.port: \"99999\" is not allowed here; allowed: whole number, 1 to 65535",
                "3 errors",
            ] { #expect(broken.errors.contains(text), "\(text) in \(broken.errors)") }
            #expect(access(place.file("s"), F_OK) != 0, "no state was made")
            let other = try await place.tailrace(["agent", "-n", "b", "-f", file])
            #expect(other.status == 78 && other.errors.contains("\"b\""), "\(other.story)")

            let check = try await place.tailrace(["check", "-f", file, "--json"])
            struct Document: Decodable {
                struct Problem: Decodable {
                    var severity, code, file, key, message: String
                    var line: Int
                }
                var errors: Int
                var problems: [Problem]
            }
            #expect(check.status == 78)
            let document = try JSON.read(Document.self, Files.read(check.outPath), from: "check")
            #expect(document.errors == 3)
            #expect(document.problems.filter { $0.severity == "error" }.map(\.line) == [4, 7, 11])
            let fine = try await place.tailrace(["check", "-f", try write(Self.idle, place)])
            #expect(fine.status == 0, "\(fine.story)")
        }
    }

    @Test("The shipped samples have no mistakes", arguments: ["sink", "source"])
    func samples(_ name: String) async throws {
        try await Workplace.use { place in
            let file = "\(Program.checkout)/topologies/samples/flume-kafka-\(name).properties"
            let check = try await place.tailrace(["check", "-f", file])
            #expect(check.status == 0 && check.output.contains("agents that can start: agentckafka"), "\(check.story)")
        }
    }

    @Test("A port that is taken: 71; a state directory that another agent has: 73; a component that cannot start: 69")
    func taken() async throws {
        try await Workplace.use { place in
            let first = try Agent("a", Self.idle, in: place)
            try await first.isReady()
            let file = place.file("a.properties")
            let second = try await place.tailrace(["agent", "-n", "a", "-f", file, "--state-dir", place.file("a.state")])
            #expect(second.status == 73 && second.errors.contains(place.file("a.state")), "\(second.story)")
            #expect(try first.status()?.state == .running, "the first one goes on, and answers")

            let port = try await first.port()
            let same = try write(Self.idle.replacing("port = 0", with: "port = \(port)"), place)
            let third = try await place.tailrace(["agent", "-n", "a", "-f", same, "--state-dir", place.file("other")])
            #expect(third.status == 71 && third.errors.contains("\(port)"), "\(third.story)")

            try Files.write("", to: place.file("plain"))
            let inside = try await place.tailrace(["agent", "-n", "a", "-f", file, "--state-dir", place.file("plain/state")])
            #expect(
                inside.status == 73 && inside.errors.contains("Fix: choose another folder with --state-dir"), "\(inside.story)")
            let long = place.file(String(repeating: "x", count: 120))
            let far = try await place.tailrace(["agent", "-n", "a", "-f", file, "--state-dir", long])
            #expect(far.status == 73 && far.errors.contains("has 1 to 107 bytes"), "\(far.story)")
            let exec = Self.idle.replacing("netcat", with: "exec").replacing("bind = 127.0.0.1", with: "command = /none/tail")
                .replacing("a.sources.s.port = 0\n", with: "")
            let fourth = try await place.tailrace(
                ["agent", "-n", "a", "-f", try write(exec, place), "--state-dir", place.file("other")])
            #expect(fourth.status == 69 && fourth.errors.contains("cannot run /none/tail"), "\(fourth.story)")
            #expect(try await first.stop() == 0)
        }
    }

    @Test("SIGTERM and SIGINT: 0; a second signal while it still stops: 130", arguments: [SIGTERM, SIGINT])
    func signals(_ number: Int32) async throws {
        try await Workplace.use { place in
            let agent = try Agent("a", Self.idle, in: place)
            try await agent.isReady()
            agent.child.signal(SIGHUP)
            try await eventually("SIGHUP is told and survived") { agent.child.errors.contains("SIGHUP") }
            agent.child.signal(number)
            #expect(try await agent.child.ended() == 0, "\(agent.child.story)")
            #expect(try agent.status() == nil)

            // Nobody takes the events: it drains until its time is over.
            let stuck = try Agent(
                "b",
                """
                b.sources = s
                b.channels = c
                b.sinks = k
                b.sources.s.type = seq
                b.sources.s.totalEvents = 100
                b.sources.s.channels = c
                b.channels.c.type = memory
                b.sinks.k.type = rpc
                b.sinks.k.hostname = 127.0.0.1
                b.sinks.k.port = 1
                b.sinks.k.channel = c

                """, in: place)
            try await stuck.isReady()
            try await eventually("events wait") { try stuck.component("channels.c")?.gauges["events"] == 100 }
            stuck.child.signal(number)
            try await eventually("it stops") { try stuck.status()?.state == .stopping }
            stuck.child.signal(number)
            #expect(try await stuck.child.ended() == 130, "\(stuck.child.story)")
        }
    }

    @Test("Stopped with events that nobody took: 75")
    func undelivered() async throws {
        try await Workplace.use { place in
            try Files.write(
                """
                b.sources = s
                b.channels = c
                b.sinks = k
                b.sources.s.type = seq
                b.sources.s.totalEvents = 100
                b.sources.s.channels = c
                b.channels.c.type = memory
                b.sinks.k.type = rpc
                b.sinks.k.hostname = 127.0.0.1
                b.sinks.k.port = 1
                b.sinks.k.channel = c

                """, to: place.file("b.properties"))
            let agent = try place.start(
                [Program.path, "agent", "-n", "b", "-f", "b.properties", "--state-dir", "b.state", "-Dtailrace.stop.seconds=1"])
            try await eventually("events wait") { try Agent.status(of: place.file("b.state"))?.streams.first?.submitted == 100 }
            agent.signal(SIGTERM)
            #expect(try await agent.ended() == 75, "\(agent.story)")
            #expect(
                agent.errors.contains("stopped with 100 events that were not delivered"), "it says how many: \(agent.errors)")
        }
    }

    @Test(
        "Each command's help has an example",
        arguments: [
            "agent", "check", "components", "topology up", "topology status", "topology send", "topology audit",
            "topology kill",
            "topology restart", "topology logs", "topology down",
        ])
    func help(_ command: String) async throws {
        try await Workplace.use { place in
            let words = command.split(separator: " ").map(String.init)
            let help = try await place.tailrace(words + ["--help"])
            #expect(help.status == 0 && help.output.contains("Example:\n  tailrace \(command)"), "\(help.story)")
            if command == "agent" {
                #expect(help.output.contains("  71 ") && help.output.contains("  tailrace.stop.seconds=N "), "\(help.output)")
            }
            let all = try await place.tailrace(["--help"])
            #expect(all.output.contains("  \(command) "), "\(all.output)")
        }
    }

    private func write(_ text: String, _ place: Workplace) throws -> String {
        let path = place.file("written-\(text.hashValue).properties")
        try Files.write(text, to: path)
        return path
    }
}
