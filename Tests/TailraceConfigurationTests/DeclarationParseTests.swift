import TailraceConfiguration
import TailraceCore
import Testing

/// One key of each kind.
struct WidgetConfiguration: ComponentConfiguration {
    enum Mode: String, Choice { case none, lz4, zstd }
    var size = 100
    var bind = ""
    var mode = Mode.none
    var topic: String?
    var keep = false
    var names: [String] = []
    var passed: [String: String] = [:]
    var generic: [String: String] = [:]
    var headers: [String] = []
    var priorities: [String: Int] = [:]
    var parts: [ConfiguredPart] = []
    var password = 0

    func problems() -> [ConfigurationProblem] {
        guard mode == .zstd, size < 10 else { return [] }
        return [
            ConfigurationProblem(
                .error, code: "widget.size", key: "size", message: "size \(size) is too small for zstd", fix: "raise it")
        ]
    }

    static let declaration = Declaration<WidgetConfiguration>(
        type: "widget", otherTypes: [KeyNote("gadget", "gadget is called widget now")], classNames: ["org.apache.flume.Widget"],
        summary: "For tests.",
        keys: [
            .value(
                "batchSize", \.size, .within(1...1000), unit: "events", otherNames: [KeyNote("batch-size")],
                "Events of a batch."),
            .value("bind", \.bind, .notEmpty, isRequired: true, "Address it listens at."),
            .value("mode", \.mode, .anything, "Compression."),
            .value(
                "kafka.topic", \.topic, .anything,
                otherNames: [KeyNote("topic", "deprecated since Flume 1.7: write kafka.topic"), KeyNote("kafka.topics")],
                "Topic."),
            .custom("keepFields", unit: "all or none", initial: "none", "Which fields stay.") {
                target, _, text throws(TailraceError) in
                switch text {
                case "all": target.keep = true
                case "none": target.keep = false
                case "true":
                    target.keep = true
                    return "true means all"
                default:
                    throw TailraceError(code: "widget.fields", message: "\"\(text)\" is no choice", fix: "write all or none")
                }
                return nil
            },
            .value("names", \.names, .anything, "Names."),
            .value("keystore-password", \.password, .anything, "Number, for the test."),
            .family("kafka.*", "Anything else of Kafka.") { target, captured, text throws(TailraceError) in
                target.generic[captured[0]] = text
                return nil
            },
            .family("kafka.producer.*", otherNames: [KeyNote("producer.*", "write kafka.producer.")], "Passed on.") {
                target, captured, text throws(TailraceError) in
                if captured[0] == "acks", text != "all" {
                    throw TailraceError(code: "widget.acks", message: "acks \(text) is not safe")
                }
                target.passed[captured[0]] = text
                return nil
            },
            .family("headers.<group>.<key>", "Headers.") { target, captured, text throws(TailraceError) in
                target.headers.append(captured.joined(separator: "|") + "=" + text)
                return nil
            },
            .family("priority.<sink>", "Priority.") { target, captured, text throws(TailraceError) in
                guard let value = Int(text) else { throw TailraceError(code: "widget.priority", message: "no number") }
                target.priorities[captured[0]] = value
                return nil
            },
            .parts("interceptors", \.parts, of: [BoltConfiguration.declaration.partKind], "Chain."),
            .ignored("threads", because: "the loop needs none"),
            .ignored("old.*", because: "old keys do nothing"),
        ])
}

struct BoltConfiguration: InterceptorConfiguration {
    var length = 1
    func makeInterceptor(_ environment: Environment) throws(TailraceError) -> any Interceptor { fatalError("not used") }
    static let declaration = Declaration<BoltConfiguration>(
        type: "bolt", classNames: ["org.apache.flume.interceptor.Bolt$Builder"], summary: "A part.",
        keys: [.value("length", \.length, .within(1...9), isRequired: true, "How long.")])
}

@Suite struct DeclarationParseTests {
    /// Lines "key = value"; line numbers from 1. Problems as "line severity code key: message | fix".
    private func parse(_ text: String) -> (WidgetConfiguration, [String]) {
        var set = PropertySet(), problems: [ConfigurationProblem] = []
        set.add(Array(text.utf8), file: "f")
        let configuration = WidgetConfiguration.declaration.parse(set.entries, prefix: "a.sinks.k", &problems)
        #expect(problems.allSatisfy { $0.file == "f" && $0.line > 0 })
        return (
            configuration,
            problems.map { "\($0.line) \($0.severity) \($0.code) \($0.key): \($0.message) | \($0.fix ?? "-")" }
        )
    }
    private func mistakes(_ text: String) -> [String] { parse("type = widget\nbind = x\n" + text).1 }

    @Test func defaultsAndScalars() {
        var (parsed, problems) = parse("type = widget\nbind = 0.0.0.0")
        var expected = WidgetConfiguration()
        expected.bind = "0.0.0.0"
        #expect(parsed == expected)
        #expect(problems.isEmpty)
        (parsed, problems) = parse("bind = b\nbatchSize = 7\nmode = LZ4\nkeepFields = all\nnames = a \\t b\nkafka.topic = t")
        #expect(problems.isEmpty)
        #expect((parsed.size, parsed.mode, parsed.keep, parsed.topic) == (7, .lz4, true, "t"))
        #expect(parsed.names == ["a", "b"])
    }

    @Test func families() {
        let (parsed, problems) = parse(
            "bind=x\nkafka.producer.acks = all\nkafka.producer.ssl.key = k\nkafka.bootstrap.servers=h:1\nheaders.g1.env=prod\nheaders.g1.a.b=c\npriority.k1 = 5\npriority.k.2 = 6"
        )
        #expect(problems.isEmpty)
        #expect(parsed.passed == ["acks": "all", "ssl.key": "k"])
        #expect(parsed.generic == ["bootstrap.servers": "h:1"])
        #expect(parsed.headers == ["g1|env=prod", "g1|a.b=c"])
        #expect(parsed.priorities == ["k1": 5, "k.2": 6])
    }

    @Test func otherNamesAreNotedAndTheNewNameWins() {
        var (parsed, problems) = parse("bind=x\ntopic = old\nbatch-size = 3")
        #expect(parsed.topic == "old")
        #expect(parsed.size == 3)
        #expect(
            problems == ["2 note configuration.other-name a.sinks.k.topic: deprecated since Flume 1.7: write kafka.topic | -"])
        (parsed, problems) = parse("bind=x\nkafka.topic = new\ntopic = old")
        #expect(parsed.topic == "new")
        #expect(
            problems == [
                "3 warning configuration.overridden-key a.sinks.k.topic: is not used: kafka.topic (line 2) says the same thing, and counts | remove the line"
            ])
        (parsed, problems) = parse("bind=x\nproducer.a = 1\nkafka.producer.a = 2\nproducer.b = 3")
        #expect(parsed.passed == ["a": "2", "b": "3"])
        #expect(problems.count == 2)
    }

    @Test(
        arguments: [
            (
                "bachSize = 5",
                "3 error configuration.unknown-key a.sinks.k.bachSize: widget has no key \"bachSize\" | did you mean \"batchSize\"?"
            ),
            (
                "BatchSize = 5",
                "3 error configuration.unknown-key a.sinks.k.BatchSize: widget has no key \"BatchSize\" | did you mean \"batchSize\"?"
            ),
            ("kafka.producr = 5", nil),
            (
                "header.g1.env = 5",
                "3 error configuration.unknown-key a.sinks.k.header.g1.env: widget has no key \"header.g1.env\" | did you mean \"headers.g1.env\"?"
            ),
            (
                "prioriti.k1 = 5",
                "3 error configuration.unknown-key a.sinks.k.prioriti.k1: widget has no key \"prioriti.k1\" | did you mean \"priority.k1\"?"
            ),
            (
                "nonsense = 5",
                "3 error configuration.unknown-key a.sinks.k.nonsense: widget has no key \"nonsense\" | remove the line; the manual lists the keys of widget"
            ),
            (
                "headers.g1 = 5",
                "3 error configuration.unknown-key a.sinks.k.headers.g1: widget has no key \"headers.g1\" | remove the line; the manual lists the keys of widget"
            ),
            (
                "batchSize = 5000",
                "3 error configuration.range a.sinks.k.batchSize: \"5000\" is not allowed here; allowed: events, 1 to 1000 | write batchSize = <events, 1 to 1000>, or leave it out for 100"
            ),
            (
                "batchSize = ten",
                "3 error configuration.range a.sinks.k.batchSize: \"ten\" is not allowed here; allowed: events, 1 to 1000 | write batchSize = <events, 1 to 1000>, or leave it out for 100"
            ),
            (
                "mode = gzip",
                "3 error configuration.range a.sinks.k.mode: \"gzip\" is not allowed here; allowed: none, lz4, zstd | write mode = <none, lz4, zstd>, or leave it out for none"
            ),
            ("keepFields = some", "3 error widget.fields a.sinks.k.keepFields: \"some\" is no choice | write all or none"),
            ("keepFields = true", "3 note configuration.note a.sinks.k.keepFields: true means all | -"),
            (
                "kafka.producer.acks = 1",
                "3 error widget.acks a.sinks.k.kafka.producer.acks: acks 1 is not safe | see the manual"
            ),
            (
                "threads = 5",
                "3 note configuration.ignored-key a.sinks.k.threads: has no effect: the loop needs none | remove the line"
            ),
            (
                "old.x.y = 5",
                "3 note configuration.ignored-key a.sinks.k.old.x.y: has no effect: old keys do nothing | remove the line"
            ),
            (
                "keystore-password = hunter2",
                "3 error configuration.range a.sinks.k.keystore-password: \"***\" is not allowed here; allowed: whole number | write keystore-password = <whole number>, or leave it out for 0"
            ),
            ("mode = zstd\nbatch-size = 5", "1 error widget.size a.sinks.k.size: size 5 is too small for zstd | raise it"),
        ] as [(String, String?)])
    func mistake(line: String, expected: String?) {
        #expect(mistakes(line) == (expected.map { [$0] } ?? []))
    }

    @Test func missingKeysAreToldAtTheComponent() {
        #expect(
            parse("size = 1\ntype = widget").1 == [
                "1 error configuration.unknown-key a.sinks.k.size: widget has no key \"size\" | remove the line; the manual lists the keys of widget",
                "2 error configuration.missing-key a.sinks.k.bind: widget needs this key: Address it listens at. | add a.sinks.k.bind = <text, not empty>",
            ])
    }

    @Test func aNearMissOfARequiredKeyIsOneMistake() {
        #expect(
            parse("type = widget\nbnid = 5").1 == [
                "2 error configuration.unknown-key a.sinks.k.bnid: widget has no key \"bnid\" | did you mean \"bind\"?"
            ])
    }

    @Test func allMistakesAtOnce() {
        #expect(mistakes("bachSize=1\nmode=x\nthreads=1\nkafka.producer.acks=0\ninterceptors=a").count == 5)
    }

    @Test func parts() {
        let (parsed, problems) = parse(
            "bind=x\ninterceptors = b\ta\ninterceptors.a.type = BOLT\ninterceptors.a.length = 2\ninterceptors.b.type = org.apache.flume.interceptor.bolt\ninterceptors.b.length=3"
        )
        #expect(problems.isEmpty)
        #expect(parsed.parts.map(\.name) == ["b", "a"])
        #expect(parsed.parts.map(\.type) == ["bolt", "bolt"])
        #expect(parsed.parts.compactMap { ($0.configuration as? BoltConfiguration)?.length } == [3, 2])
    }

    @Test(arguments: [
        (
            "interceptors = a",
            [
                "3 error configuration.no-lines a.sinks.k.interceptors: \"a\" is in the list, but no line configures it | add a.sinks.k.interceptors.a.type = …, or take it out of the list"
            ]
        ),
        (
            "interceptors = a\ninterceptors.a.type = blot",
            [
                "4 error configuration.unknown-type a.sinks.k.interceptors.a.type: there is no interceptor \"blot\" | did you mean \"bolt\"?"
            ]
        ),
        (
            "interceptors = a\ninterceptors.a.type = bolt",
            [
                "4 error configuration.missing-key a.sinks.k.interceptors.a.length: bolt needs this key: How long. | add a.sinks.k.interceptors.a.length = <whole number, 1 to 9>"
            ]
        ),
        (
            "interceptors.a.type = bolt",
            [
                "3 warning configuration.not-listed a.sinks.k.interceptors.a.type: \"a\" is not in the list a.sinks.k.interceptors, so it is not used | add it to the list, or remove its lines"
            ]
        ),
        (
            "interceptors = a1\ninterceptors.al.type = bolt",
            [
                "4 error configuration.not-listed a.sinks.k.interceptors.al.type: \"al\" is not in the list a.sinks.k.interceptors, so it is not used | did you mean \"a1\"?"
            ]
        ),
        (
            "interceptors = a a\ninterceptors.a.type=bolt\ninterceptors.a.length=1",
            ["3 warning configuration.listed-twice a.sinks.k.interceptors: \"a\" is in the list twice | leave it in once"]
        ),
        (
            "interceptors = a\ninterceptors.a.tpye = bolt",
            [
                "4 error configuration.missing-type a.sinks.k.interceptors.a.tpye: \"a\" has no type | did you mean a.sinks.k.interceptors.a.type?"
            ]
        ),
        (
            "interceptors = a\ninterceptors.a.length = 2",
            [
                "4 error configuration.missing-type a.sinks.k.interceptors.a.type: \"a\" has no type | add a.sinks.k.interceptors.a.type = <bolt>"
            ]
        ),
        (
            "interceptors.a = 1",
            [
                "3 error configuration.unknown-key a.sinks.k.interceptors.a: is neither the list nor a key of one of its parts | write a.sinks.k.interceptors.<name>.<key>"
            ]
        ),
    ])
    func mistakesOfParts(text: String, expected: [String]) { #expect(mistakes(text) == expected) }

    /// Any mix of keys ends in a configuration and problems, and the order of the lines of different keys does not matter.
    @Test(arguments: 0..<200)
    func garbage(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let words = [
            "batchSize", "bind", "kafka", "producer", "topic", "interceptors", "a", "type", "headers", "", "*", "<x>", "é",
            "priority",
        ]
        let entries = (0..<Int.random(in: 0...20, using: &random)).map { line in
            let key = (0..<Int.random(in: 1...5, using: &random)).map { _ in words.randomElement(using: &random)! }.joined(
                separator: ".")
            return ConfigurationEntry(
                key: key, value: ["1", "a b", "all", "bolt", "-"].randomElement(using: &random)!, file: "f", line: line + 1)
        }
        var problems: [ConfigurationProblem] = []
        _ = WidgetConfiguration.declaration.parse(entries, prefix: "a", &problems)
        #expect(problems.count <= entries.count * 4 + 4)
    }
}
