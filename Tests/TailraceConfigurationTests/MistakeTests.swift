import TailraceConfiguration
import TailraceCore
import Testing

/// Every mistake that Flume's observed behaviour lists, one by one, made to a file that is right.
@Suite struct MistakeTests {
    static let right = """
        a1.sources = r1
        a1.channels = c1
        a1.sinks = k1
        a1.sources.r1.type = seq
        a1.sources.r1.channels = c1
        a1.channels.c1.type = memory
        a1.sinks.k1.type = logger
        a1.sinks.k1.channel = c1
        """

    @Test func theRightFileHasNoProblems() {
        let (agents, problems) = load(Self.right)
        #expect(problems.isEmpty)
        #expect(agents.map(\.name) == ["a1"])
    }

    /// `change`: "old => new" for one line, or a line that is added (as line 9).
    @Test(
        arguments: [
            (
                "a1.sources.r1.type = seq => a1.sources.r1.type = sequ",
                ["4 error a1.sources.r1.type: there is no source \"sequ\" | did you mean \"seq\"?"]
            ),
            (
                "a1.sinks.k1.type = logger => a1.sinks.k1.type = loger",
                ["7 error a1.sinks.k1.type: there is no sink \"loger\" | did you mean \"logger\"?"]
            ),
            (
                "a1.channels.c1.type = memory => a1.channels.c1.type = memroy",
                ["6 error a1.channels.c1.type: there is no channel \"memroy\" | did you mean \"memory\"?"]
            ),
            (
                "a1.sources.r1.channels = c1 => ",
                [
                    "4 error a1.sources.r1.channels: a source needs this key: The channels that it puts its events into. | add a1.sources.r1.channels = <names separated by blanks, at least one>",
                    "6 warning a1.channels.c1.type: no source puts into this channel | add it to the channels of a source",
                ]
            ),
            (
                "a1.sources.r1.channels = c1 => a1.sources.r1.channel = c1",
                ["5 error a1.sources.r1.channel: seq has no key \"channel\" | did you mean \"channels\"?"]
            ),
            (
                "a1.sources.r1.channels = c1 => a1.sources.r1.channels = c2",
                [
                    "5 error a1.sources.r1.channels: there is no channel \"c2\"; the channels are: c1 | did you mean \"c1\"?",
                    "6 warning a1.channels.c1.type: no source puts into this channel | add it to the channels of a source",
                ]
            ),
            (
                "a1.sources.r1.channels = c1 => a1.sources.r1.channels = c1 other",
                [
                    "5 error a1.sources.r1.channels: there is no channel \"other\"; the channels are: c1 | add it to a1.channels, or name one that is there"
                ]
            ),
            (
                "a1.sinks.k1.channel = c1 => ",
                [
                    "6 warning a1.channels.c1.type: no sink takes from this channel: it fills up and stays full | give a sink the line channel = c1",
                    "7 error a1.sinks.k1.channel: a sink needs this key: The one channel that it takes events from. | add a1.sinks.k1.channel = <text, not empty>",
                ]
            ),
            (
                "a1.sinks.k1.channel = c1 => a1.sinks.k1.channels = c1",
                ["8 error a1.sinks.k1.channels: logger has no key \"channels\" | did you mean \"channel\"?"]
            ),
            (
                "a1.sinks.k1.channel = c1 => a1.sinks.k1.channel = c9",
                [
                    "6 warning a1.channels.c1.type: no sink takes from this channel: it fills up and stays full | give a sink the line channel = c1",
                    "8 error a1.sinks.k1.channel: there is no channel \"c9\"; the channels are: c1 | did you mean \"c1\"?",
                ]
            ),
            (
                "a1.channels = c1 => ",
                [
                    "1 error a1.channels: every agent needs a channel | add a1.channels = <names>",
                    "5 error a1.sources.r1.channels: there is no channel \"c1\"; the channels are:  | add it to a1.channels, or name one that is there",
                    "6 warning a1.channels.c1.type: \"c1\" is not in the list a1.channels, so it is not used | add it to the list, or remove its lines",
                    "8 error a1.sinks.k1.channel: there is no channel \"c1\"; the channels are:  | add it to a1.channels, or name one that is there",
                ]
            ),
            (
                "a1.sources = r1 => ",
                [
                    "2 warning a1.sources: it has no sources: nothing comes into its channels | add a1.sources = <names>",
                    "4 warning a1.sources.r1.type: \"r1\" is not in the list a1.sources, so it is not used | add it to the list, or remove its lines",
                ]
            ),
            (
                "a1.sinks = k1 => ",
                [
                    "1 warning a1.sinks: it has no sinks: its channels fill up and stay full | add a1.sinks = <names>",
                    "7 warning a1.sinks.k1.type: \"k1\" is not in the list a1.sinks, so it is not used | add it to the list, or remove its lines",
                ]
            ),
            (
                "a1.sources.r1.bachSize = 5",
                ["9 error a1.sources.r1.bachSize: seq has no key \"bachSize\" | did you mean \"batchSize\"?"]
            ),
            (
                "a1.channels.c1.capasity = 5",
                ["9 error a1.channels.c1.capasity: memory has no key \"capasity\" | did you mean \"capacity\"?"]
            ),
            (
                "a1.sinks.k1.maxBytes = 5",
                [
                    "9 error a1.sinks.k1.maxBytes: logger has no key \"maxBytes\" | remove the line; the manual lists the keys of logger"
                ]
            ),
            (
                "a1.sources.r1.chanels = c1",
                ["9 error a1.sources.r1.chanels: seq has no key \"chanels\" | did you mean \"channels\"?"]
            ),
            (
                "a1.source.r2.type = seq",
                ["9 error a1.source.r2.type: there is nothing called \"source\" in an agent | did you mean a1.sources.r2.type?"]
            ),
            (
                "a1.chanels = c2",
                ["9 error a1.chanels: there is nothing called \"chanels\" in an agent | did you mean a1.channels?"]
            ),
            (
                "a1.foo.bar.baz = 1",
                [
                    "9 warning a1.foo.bar.baz: \"foo\" is none of sources, channels, sinks, sinkgroups, configfilters; the line has no effect | remove the line"
                ]
            ),
            (
                "a1.sources.r1 = seq",
                [
                    "9 error a1.sources.r1: names no key of a component; the line has no effect | write a1.sources.<name>.<key>, for example a1.sources.x1.type"
                ]
            ),
            (
                "a1.channels.c1.capacity = 10",
                [
                    "6 error a1.channels.c1.transactionCapacity: transactionCapacity 100 is larger than capacity 10 | raise capacity"
                ]
            ),
            (
                "a1.sources.r1.batchSize = 1000",
                [
                    "9 note a1.sources.r1.batchSize: a batch of 1000 events is cut into pieces of 100 (transactionCapacity of c1) | raise a1.channels.c1.transactionCapacity to 1000, or leave it"
                ]
            ),
            (
                "a1.sources.r1.type = seq => a1.sources.r1.type = netcat\\na1.sources.r1.port = 1",
                ["4 error a1.sources.r1.bind: netcat needs this key: Address. | add a1.sources.r1.bind = <text, not empty>"]
            ),
            (
                "a1.sinks.k1.type = logger => a1.sinks.k1.type = avro\\na1.sinks.k1.port = 4545",
                ["7 error a1.sinks.k1.hostname: rpc needs this key: Where to. | add a1.sinks.k1.hostname = <text, not empty>"]
            ),
            (
                "a1.sinks.k1.type = logger => a1.sinks.k1.type = avro\\na1.sinks.k1.port = abc\\na1.sinks.k1.hostname = h",
                [
                    "8 error a1.sinks.k1.port: \"abc\" is not allowed here; allowed: whole number, 1 to 65535 | write port = <whole number, 1 to 65535>"
                ]
            ),
            (
                "a1.sinks.k1.type = logger => a1.sinks.k1.type = avro\\na1.sinks.k1.port = 1\\na1.sinks.k1.hostname = h\\na1.sinks.k1.batch-size = 1000",
                [
                    "10 note a1.sinks.k1.batch-size: a batch of 1000 events is never full: the channel has batches of at most 100 (transactionCapacity of c1) | raise a1.channels.c1.transactionCapacity to 1000, or leave it"
                ]
            ),
            (
                "a1.sinks.k1.type = logger => a1.sinks.k1.type = avro\\na1.sinks.k1.port = 1\\na1.sinks.k1.hostname = h\\na1.sinks.k1.truststore-password = geheim",
                [
                    "10 error a1.sinks.k1.truststore-password: \"***\" is not allowed here; allowed: text, 8 letters or more | write truststore-password = <text, 8 letters or more>"
                ]
            ),
            (
                "a1.sinks.k1.type = logger => a1.sinks.k1.type = thrift\\na1.sinks.k1.port = 1\\na1.sinks.k1.hostname = h",
                ["7 note a1.sinks.k1.type: thrift is spoken as rpc here | -"]
            ),
            (
                "a1.channels.c1.capacity = ten",
                [
                    "9 error a1.channels.c1.capacity: \"ten\" is not allowed here; allowed: events, 1 to 1000000 | write capacity = <events, 1 to 1000000>, or leave it out for 1000"
                ]
            ),
            (
                "a1.sources.r1.type = seq => ",
                ["5 error a1.sources.r1.type: \"r1\" has no type | add a1.sources.r1.type = <seq, netcat>"]
            ),
            (
                "a1.sources.r1.type = seq => a1.sources.r1.tpye = seq",
                ["4 error a1.sources.r1.tpye: \"r1\" has no type | did you mean a1.sources.r1.type?"]
            ),
            (
                "a1.sources.r1.interceptors = i1\\na1.sources.r1.interceptors.i1.type = timestmap",
                [
                    "10 error a1.sources.r1.interceptors.i1.type: there is no interceptor \"timestmap\" | did you mean \"timestamp\"?"
                ]
            ),
            (
                "a1.sources.r1.interceptors = i1\\na1.sources.r1.interceptors.i1.type = timestamp\\na1.sources.r1.interceptors.i1.preserveExisting = true",
                [
                    "10 error a1.sources.r1.interceptors.i1.type: Flume's interceptor \"timestamp\" is not supported by this version of Tailrace | take it out"
                ]
            ),
            (
                "a1.sources.r1.interceptors = i1\\na1.sources.r1.interceptors.i1.type = org.apache.flume.sink.solr.morphline.UUIDInterceptor$Builder",
                [
                    "10 error a1.sources.r1.interceptors.i1.type: Flume's interceptor \"org.apache.flume.sink.solr.morphline.UUIDInterceptor$Builder\" is not supported by this version of Tailrace | take it out"
                ]
            ),
            (
                "a1.sources.r1.selector.type = multiplexing\\na1.sources.r1.selector.header = state\\na1.sources.r1.selector.mapping.CZ = c1",
                [
                    "9 error a1.sources.r1.selector.type: Flume's channel selector \"multiplexing\" is not supported by this version of Tailrace | use one of replicating"
                ]
            ),
            (
                "a1.sources.r1.selector.type = replicting",
                [
                    "9 error a1.sources.r1.selector.type: there is no channel selector \"replicting\" | did you mean \"replicating\"?"
                ]
            ),
            (
                "a1.sources.r1.selector.header = state",
                [
                    "9 error a1.sources.r1.selector.header: replicating has no key \"header\" | remove the line; the manual lists the keys of replicating"
                ]
            ),
            (
                "a1.sources.r1.selector.optional = c2",
                [
                    "9 error a1.sources.r1.selector.optional: \"c2\" is not among the source's channels: c1 | did you mean \"c1\"?"
                ]
            ),
            (
                "a1.sources.r1.selector.optional = c1",
                [
                    "9 warning a1.sources.r1.selector.optional: all channels are optional: what they refuse is lost, and the source is told that it is safe | take one of them out of selector.optional"
                ]
            ),
            (
                "a1.sources.r1.acknowledge = committed",
                [
                    "9 note a1.sources.r1.acknowledge: committed answers for events that are in memory only: a crash loses what is in c1 | write acknowledge = safe, or use a file channel"
                ]
            ),
            (
                "a1.sinkgroups = g1",
                [
                    "9 error a1.sinkgroups: \"g1\" is in the list, but no line configures it | add a1.sinkgroups.g1.sinks = …, or take it out of the list"
                ]
            ),
            (
                "a1.sources.r1.acknowledge = always",
                [
                    "9 error a1.sources.r1.acknowledge: \"always\" is not allowed here; allowed: safe, committed | write acknowledge = <safe, committed>, or leave it out for safe"
                ]
            ),
            (
                "a1.sources.r1.config = x.Y",
                [
                    "9 note a1.sources.r1.config: has no effect: Flume's configuration stubs are not used; all keys are checked anyway | remove the line"
                ]
            ),
            (
                "a1.sources.r1.type = seq => a1.sources.r1.type = seq\\na1.sources.r1.type = seq",
                ["5 warning a1.sources.r1.type: set twice, in lines 4 and 5 | remove one of the two lines"]
            ),
            (
                "garbage line without sense",
                [
                    "9 warning garbage: belongs to no agent, and no ${garbage} refers to it | write <agent>.<kind>.<name>.<key> = <value>, or remove the line"
                ]
            ),
            (
                "al.sources.r1.batchSize = 5",
                [
                    "9 error al.sources.r1.batchSize: \"al\" is no agent: it lists no sources, channels or sinks; its lines have no effect | did you mean \"a1\"?"
                ]
            ),
            (
                "log4j.rootLogger = INFO",
                [
                    "9 warning log4j.rootLogger: \"log4j\" is no agent: it lists no sources, channels or sinks; its lines have no effect | remove its lines"
                ]
            ),
            ("a1.sources = r1 => a1.sources = r1 r1", ["1 warning a1.sources: \"r1\" is in the list twice | leave it in once"]),
            (
                "a1.sources = r1 => a1.sources = r1 r2",
                [
                    "1 error a1.sources: \"r2\" is in the list, but no line configures it | add a1.sources.r2.type = …, or take it out of the list"
                ]
            ),
            (
                "a1.sources = r1 => a1.sources = rl",
                ["4 error a1.sources.r1.type: \"r1\" is not in the list a1.sources, so it is not used | did you mean \"rl\"?"]
            ),
            (
                "a1.channels.c2.type = memory",
                [
                    "9 warning a1.channels.c2.type: \"c2\" is not in the list a1.channels, so it is not used | add it to the list, or remove its lines"
                ]
            ),
            (
                "a1.channels = c1 => a1.channels = c1 c2\\na1.channels.c2.type = memory",
                [
                    "3 warning a1.channels.c2.type: no source and no sink uses this channel | connect it, or take it out of a1.channels"
                ]
            ),
            (
                "a1.channels.c1.type = memory => a1.channels.c1.type = file",
                [
                    "6 error a1.channels.c1.type: Flume's channel \"file\" is not supported by this version of Tailrace | use one of memory"
                ]
            ),
            (
                "a1.sinks.k1.type = logger => a1.sinks.k1.type = org.apache.flume.sink.hdfs.HDFSEventSink",
                [
                    "7 error a1.sinks.k1.type: Flume's sink \"hdfs\" is not supported: the clients of HDFS are Java libraries, which this program cannot load | use type = kafka, and a connector of Kafka Connect from there to HDFS"
                ]
            ),
            (
                "a1.sinks.k1.type = logger => a1.sinks.k1.type = com.example.MySink",
                [
                    "7 error a1.sinks.k1.type: the sink \"com.example.MySink\" is a Java class, which this program cannot load | use one of logger, rpc"
                ]
            ),
            (
                "a1.sinks.k1.note = \\\\u12",
                [
                    "9 error a1.sinks.k1.note: \"\\u12\" is not a \\u with four hexadecimal digits | write \\\\u for a backslash and a u, or all four digits",
                    "9 error a1.sinks.k1.note: logger has no key \"note\" | remove the line; the manual lists the keys of logger",
                ]
            ),
            (
                "a1.sources = r1 => a1.sources = r.1 r1",
                [
                    "1 error a1.sources: the name \"r.1\" has a dot in it | give it a name without dots; names are separated by blanks"
                ]
            ),
        ] as [(String, [String])])
    func mistake(change: String, expected: [String]) {
        let parts = change.split(separator: " => ", maxSplits: 1, omittingEmptySubsequences: false)
        func unquoted(_ text: Substring) -> String {
            text.split(separator: "\\n", omittingEmptySubsequences: false).joined(separator: "\n").replacing("\\\\", with: "\\")
        }
        let text =
            parts.count == 1
            ? Self.right + "\n" + unquoted(parts[0])
            : Self.right.split(separator: "\n").map { $0 == parts[0] ? unquoted(parts[1]) : String($0) }.joined(separator: "\n")
        #expect(text != Self.right)
        let (agents, problems) = load(text)
        #expect(problems == expected)
        #expect(agents.isEmpty == expected.contains { $0.contains(" error ") })
    }

    @Test func noSourcesAndNoSinks() {
        #expect(
            load("a1.channels = c1\na1.channels.c1.type = memory").problems == [
                "1 error a1.sources: it has neither sources nor sinks, so there is nothing to do | add a1.sources = <names>",
                "2 warning a1.channels.c1.type: no source and no sink uses this channel | connect it, or take it out of a1.channels",
            ])
    }

    @Test func anAgentThatIsNotThere() {
        #expect(
            load(Self.right, agent: "b1").problems == [
                "0 error b1: there is no agent \"b1\" in f; the agents there are: a1 | did you mean \"a1\"?"
            ])
        #expect(
            load(Self.right, agent: "collector").problems == [
                "0 error collector: there is no agent \"collector\" in f; the agents there are: a1 | start with -n a1"
            ])
        let expected =
            "0 error a1: there is no agent in f | an agent is declared by its lists: a1.sources = …, .channels = … and .sinks = …"
        #expect(load("").problems == [expected])
        #expect(load("# nothing\n\n", agent: "a1").problems == [expected])
    }
}

@Suite struct GroupMistakeTests {
    private func problems(_ lines: String) -> [String] {
        let sinks = (1...3).map { "a1.sinks.k\($0).type = logger\na1.sinks.k\($0).channel = c1" }.joined(separator: "\n")
        return load(
            """
            a1.sources = r1
            a1.channels = c1 c2
            a1.sinks = k1 k2 k3
            a1.sources.r1.type = seq
            a1.sources.r1.channels = c1 c2
            a1.channels.c1.type = memory
            a1.channels.c2.type = memory
            a1.sinkgroups = g1
            \(sinks)
            a1.sinks.k3.channel = c2
            \(lines)
            """
        ).problems.filter { !$0.hasPrefix("15 warning a1.sinks.k3.channel: set twice") }.map {
            String($0.drop { $0.isNumber }.dropFirst())
        }
    }

    @Test(
        arguments: [
            (
                "sinks = k1 k2",
                [
                    "error a1.sinkgroups.g1.processor.type: a group of 2 sinks needs a processor | add a1.sinkgroups.g1.processor.type = <failover, load_balance>"
                ]
            ),
            ("sinks = k1", []),
            ("sinks = k1\tk2\nprocessor.type = failover", []),
            (
                "sinks = k1 k2\nprocessor.type = default",
                ["error a1.sinkgroups.g1.processor.type: default takes exactly one sink | use failover"]
            ),
            (
                "sinks = k1\nprocessor.type = load_balance",
                ["error a1.sinkgroups.g1.processor.type: load_balance needs two sinks or more | list another one"]
            ),
            (
                "sinks = k1 k2\nprocessor.type = loadbalance",
                [
                    "error a1.sinkgroups.g1.processor.type: there is no sink processor \"loadbalance\" | did you mean \"load_balance\"?"
                ]
            ),
            (
                "sinks = k1 k2\nprocessor.type = failover\nprocessor.priority.k1 = 5\nprocessor.priority.k2 = 5",
                ["error a1.sinkgroups.g1.processor.priority.k2: given twice | change it"]
            ),
            (
                "sinks = k1 k2\nprocessor.type = failover\nprocessor.priority.k9 = 5",
                ["error a1.sinkgroups.g1.processor.type: no sink k9 in the group | its sinks are [\"k1\", \"k2\"]"]
            ),
            (
                "sinks = k1 k2\nprocessor.type = failover\nprocessor.prioriti.k1 = 5",
                [
                    "error a1.sinkgroups.g1.processor.prioriti.k1: failover has no key \"prioriti.k1\" | did you mean \"priority.k1\"?"
                ]
            ),
            (
                "sinks = k1 k2 kk\nprocessor.type = failover",
                ["error a1.sinkgroups.g1.sinks: there is no sink \"kk\"; the sinks are: k1, k2, k3 | did you mean \"k1\"?"]
            ),
            (
                "sinks = k1 other\nprocessor.type = failover",
                [
                    "error a1.sinkgroups.g1.sinks: there is no sink \"other\"; the sinks are: k1, k2, k3 | take it out of the list, or add it to a1.sinks"
                ]
            ),
            (
                "sinks = k1 k3\nprocessor.type = failover",
                [
                    "error a1.sinkgroups.g1.sinks: the sinks of a group take from one channel, these from c1, c2 | give all of them the same channel"
                ]
            ),
            (
                "processor.type = failover",
                [
                    "error a1.sinkgroups.g1.sinks: a sink group needs this key: Its sinks; all take from one channel. | add a1.sinkgroups.g1.sinks = <names separated by blanks, at least one>"
                ]
            ),
            (
                "sink = k1\nprocessor.type = failover",
                ["error a1.sinkgroups.g1.sink: a sink group has no key \"sink\" | did you mean \"sinks\"?"]
            ),
        ] as [(String, [String])])
    func mistake(lines: String, expected: [String]) {
        let text = lines.split(separator: "\n").map { "a1.sinkgroups.g1.\($0)" }.joined(separator: "\n")
        #expect(problems(text) == expected)
    }

    @Test func aSinkInTwoGroups() {
        let text = "a1.sinkgroups = g1\tg2\na1.sinkgroups.g1.sinks = k1\na1.sinkgroups.g2.sinks = k1"
        #expect(
            problems(text).filter { $0.contains("error") } == [
                "error a1.sinkgroups.g2.sinks: the sink \"k1\" is in the group \"g1\" already | leave it in one of the two"
            ])
    }
}
