import TailraceConfiguration
import TailraceCore
import TailraceInterceptors
import TailraceSimulation
import Testing

@Suite struct RegexInterceptorTests {
    private let world: SimulatedWorld
    private let host: SimulatedHost
    init() {
        world = SimulatedWorld(seed: 1)
        host = world.makeHost("h")
    }

    /// Made as the program makes it: from lines, by its declaration. Problems fail the test.
    private func make<C: InterceptorConfiguration>(_ declaration: Declaration<C>, _ lines: String) throws -> any Interceptor {
        let (configuration, problems) = parse(declaration, lines)
        #expect(problems == [])
        return try configuration.makeInterceptor(host.makeEnvironment(component: "i"))
    }
    private func bodies(_ batch: EventBatch) -> [String] {
        (0..<batch.count).map { batch[$0].body.text }
    }
    private func events(_ texts: String...) -> EventBatch { makeBatch(texts.map { ($0, []) }) }

    @Test func filters() throws {
        let batch = events("INFO a", "ERROR b", "ERROR c", "INFO d").numbered(StreamID(value: 1), from: 10)
        let keeps = run(try make(RegexFilterInterceptorConfiguration.declaration, "regex = ERROR"), batch)
        #expect(bodies(keeps) == ["ERROR b", "ERROR c"] && keeps.identity?.sequences == [11..<13])
        #expect(keeps.identity?.span == 10..<14 && keeps.storage.buffer === batch.storage.buffer)
        let drops = run(
            try make(RegexFilterInterceptorConfiguration.declaration, "regex = ERROR\nexcludeEvents = true"), batch)
        #expect(bodies(drops) == ["INFO a", "INFO d"] && drops.identity?.sequences == [10..<11, 13..<14])
        #expect(run(try make(RegexFilterInterceptorConfiguration.declaration, ""), batch).count == 4)
        #expect(run(try make(RegexFilterInterceptorConfiguration.declaration, "regex = xyz"), batch).identity?.dropped == 4)
    }

    /// Whether it would have matched is not known: it is kept either way, and the batch is soon over.
    @Test(arguments: [false, true]) func anEventAtTheLimitIsKept(excludes: Bool) throws {
        let evil = String(repeating: "a", count: 5_000) + "b"
        let host = world.makeHost("limits"), environment = host.makeEnvironment(component: "i")
        let (configuration, _) = parse(
            RegexFilterInterceptorConfiguration.declaration, "regex = (a+)+$\nexcludeEvents = \(excludes)")
        let result = run(try configuration.makeInterceptor(environment), makeBatch((0..<200).map { _ in (evil, []) }))
        #expect(result.count == 200)
        #expect(environment.counter("pattern_limit_events_total").value == 200)
    }

    @Test(arguments: [
        ("searchPattern = b", "abcb", "ac"), ("searchPattern = \\d+\nreplaceString = N", "1 22 x", "N N x"),
        ("searchPattern = (\\w+)=(\\w+)\nreplaceString = $2=$1", "a=b c=d", "b=a d=c"),
        ("searchPattern = (?<k>\\w)\nreplaceString = <${k}>", "ab", "<a><b>"),
        ("searchPattern = a\nreplaceString = \\$1\\\\", "a", "$1\\"),
        ("searchPattern = x*\nreplaceString = -", "abé", "-a-b-é-"),
        ("searchPattern = (a)|b\nreplaceString = [$1]", "ab", "[a][]"), ("searchPattern = (a)\nreplaceString = $12", "a", "a2"),
        ("searchPattern = nothing", "abc", "abc"), ("searchPattern = ^[A-Za-z0-9_]+", "abc def", " def"),
    ])
    func replaces(lines: String, body: String, expected: String) throws {
        let interceptor = try make(SearchReplaceInterceptorConfiguration.declaration, lines)
        #expect(bodies(run(interceptor, events(body))) == [expected])
        // In the middle of others, some of which are not in the batch: they and their headers keep their places.
        let batch = makeBatch([("q", []), ("~", [Header("n", "1")]), (body, [Header("n", "2")]), ("~", [])]).keeping([1..<4])
        let changed = run(interceptor, batch)
        #expect(changed[1].body.text == expected && headers(changed, 1) == ["n=2"] && headers(changed, 0) == ["n=1"])
    }

    @Test func aBatchWithoutAMatchIsNotCopied() throws {
        let batch = events("a", "b")
        let interceptor = try make(SearchReplaceInterceptorConfiguration.declaration, "searchPattern = x")
        #expect(run(interceptor, batch).storage === batch.storage)
    }

    @Test func extracts() throws {
        let interceptor = try make(
            RegexExtractorInterceptorConfiguration.declaration,
            """
            regex = (\\d):(\\d):(\\d)
            serializers = s1 s2 s3
            serializers.s1.name = one
            serializers.s2.name = two
            serializers.s2.type = org.apache.flume.interceptor.RegexExtractorInterceptorPassThroughSerializer
            serializers.s3.name = three
            serializers.s3.type = DEFAULT
            """)
        let batch = makeBatch(
            shared: [Header("host", "h"), Header("two", "old")],
            [("1:2:3.4foobar5", [Header("one", "old"), Header("n", "1")]), ("none", [Header("n", "2")]), ("x 7:8:9", [])])
        let changed = run(interceptor, batch)
        #expect(headers(changed, 0) == ["n=1", "one=1", "two=2", "three=3", "host=h"])
        #expect(headers(changed, 1) == ["n=2", "host=h", "two=old"])
        #expect(headers(changed, 2) == ["one=7", "two=8", "three=9", "host=h"])
        #expect(changed.storage.buffer === batch.storage.buffer)
        #expect(run(interceptor, events("a", "b")).storage.eventHeaders == nil)
    }

    @Test(
        arguments: [
            ("yyyy-MM-dd HH:mm", "2012-10-18 18:47", "1350586020000"), ("yyyy-MM-dd", "1970-01-02", "86400000"),
            ("yyyyMMddHHmmssSSS", "20000229123456789", "951827696789"),
            ("dd/MMM/yyyy:HH:mm:ss Z", "10/Oct/2000:13:55:36 -0700", "971211336000"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSSZZ", "2003-08-24T05:14:15.250-07:00", "1061727255250"),
            ("EEE, d MMMM yy h:mm a", "Mon, 2 January 06 3:04 PM", "1136214240000"), ("yyyy", "2012 ", nil), ("MM", "13", nil),
            ("yyyy-MM-dd", "2023-02-29", nil), ("HH", "24", nil), ("yyyy-MM-dd", "", nil),
        ] as [(String, String, String?)])
    func dates(pattern: String, text: String, expected: String?) throws {
        let interceptor = try make(
            RegexExtractorInterceptorConfiguration.declaration,
            """
            regex = ^(.*)$
            serializers = s1
            serializers.s1.type = org.apache.flume.interceptor.RegexExtractorInterceptorMillisSerializer
            serializers.s1.name = timestamp
            serializers.s1.pattern = \(pattern)
            serializers.s1.timeZone = UTC
            """)
        #expect(headers(run(interceptor, events(text)), 0) == (expected.map { ["timestamp=\($0)"] } ?? []))
    }

    @Test func uuids() throws {
        let interceptor = try make(UUIDInterceptorConfiguration.declaration, "prefix = p-")
        let batch = makeBatch((0..<1_000).map { ("x", $0 == 5 ? [Header("id", "mine")] : []) })
        let ids = (0..<2).flatMap { _ in
            let changed = run(interceptor, batch)
            return (0..<1_000).map { changed[$0].header("id")!.text }
        }
        #expect(ids[5] == "mine" && Set(ids).count == 1_999)
        let form = /p-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/
        #expect(ids.allSatisfy { $0 == "mine" || $0.wholeMatch(of: form) != nil })
    }

    @Test(arguments: [
        ("withName = a", ["b=2", "host=h", "aa=3"]), ("fromList = a , host", ["b=2", "aa=3"]),
        ("matching = a.*", ["b=2", "host=h"]),
        ("fromList = a;b\nfromListSeparator = ;", ["host=h", "aa=3"]), ("matching = .*", []),
        ("matching = h", ["a=1", "b=2", "host=h", "aa=3"]),
    ])
    func removes(lines: String, expected: [String]) throws {
        let batch = makeBatch(
            shared: [Header("host", "h"), Header("aa", "3")], [("x", [Header("a", "1"), Header("b", "2")]), ("y", [])])
        let changed = run(try make(RemoveHeaderInterceptorConfiguration.declaration, lines), batch)
        #expect(headers(changed, 0) == expected)
    }

    @Test func theHost() {
        let environment = world.makeHost("web7").makeEnvironment(component: "i")
        let (byName, _) = parse(HostInterceptorConfiguration.declaration, "useIP = false\nhostHeader = from")
        #expect(headers(run(byName.makeInterceptor(environment), events("a")), 0) == ["from=web7"])
        #expect(
            headers(run(HostInterceptorConfiguration().makeInterceptor(environment), events("a")), 0) == ["host=127.0.0.1"])
    }

    /// Any chain over any batch: order, numbers and headers of the others stay, and no event comes in.
    @Test(arguments: 0..<40 as Range<UInt64>) func anyChain(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let words = ["a", "b", "7", "=", "é", "\u{1F600}", " ", "host"]
        func word() -> String {
            (0..<Int.random(in: 0..<6, using: &random)).map { _ in words.randomElement(using: &random)! }.joined()
        }
        let texts = (0..<Int.random(in: 0..<30, using: &random)).map { _ in word() }
        var batch = makeBatch(
            shared: [Header("host", "h")],
            texts.enumerated().map {
                ($1, $0 % 3 == 0 ? [Header("index", "\($0)"), Header(word(), word())] : [Header("index", "\($0)")])
            })
        batch = batch.numbered(StreamID(value: 9), from: 100)
        let chain = try [
            make(
                RegexFilterInterceptorConfiguration.declaration, "regex = \(["a", "b|7", "^é"].randomElement(using: &random)!)"),
            make(SearchReplaceInterceptorConfiguration.declaration, "searchPattern = [a7]*\nreplaceString = .$0"),
            make(
                RegexExtractorInterceptorConfiguration.declaration,
                "regex = (b)(.)\nserializers = s t\nserializers.s.name = x\nserializers.t.name = y"),
            make(UUIDInterceptorConfiguration.declaration, ""),
            make(RemoveHeaderInterceptorConfiguration.declaration, "withName = x"),
            make(StaticInterceptorConfiguration.declaration, "key = host\npreserveExisting = false"),
        ].shuffled(using: &random)
        for interceptor in chain {
            let before = batch
            batch = run(interceptor, batch)
            #expect(batch.count <= before.count && batch.identity?.span == before.identity?.span)
            #expect(batch.identity?.sequences.reduce(0) { $0 + $1.count } == batch.count)
        }
        let indices = (0..<batch.count).map { batch[$0].header("index")!.text }
        let numbers = batch.identity!.sequences.flatMap { $0.map { "\($0 - 100)" } }
        #expect(indices == numbers, "an event keeps its number and its headers")
    }
}

func parse<C: ComponentConfiguration>(_ declaration: Declaration<C>, _ lines: String) -> (C, [String]) {
    var problems: [ConfigurationProblem] = []
    let entries = lines.split(separator: "\n").enumerated().map { index, line in
        let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        func trimmed(_ text: Substring) -> String {
            String(text.drop(while: { $0 == " " }).reversed().drop(while: { $0 == " " }).reversed())
        }
        return ConfigurationEntry(key: trimmed(parts[0]), value: trimmed(parts[1]), file: "f", line: index + 1)
    }
    let type = ConfigurationEntry(key: "type", value: declaration.type, file: "f", line: 0)
    let configuration = declaration.parse([type] + entries, prefix: "i", &problems)
    return (configuration, problems.map { "\($0.severity) \($0.key): \($0.message) | \($0.fix ?? "-")" })
}
