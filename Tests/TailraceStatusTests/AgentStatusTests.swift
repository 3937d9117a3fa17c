import TailraceCore
import TailraceStatus
import Testing

struct AgentStatusTests {
    static let sample = AgentStatus(
        agent: "edge", pid: 4711, state: .running,
        components: [
            AgentStatus.Component(
                name: "edge.sources.r1", kind: .source, type: "taildir", health: .ok, counters: ["accepted_events_total": 5]),
            AgentStatus.Component(
                name: "edge.sinks.k1", kind: .sink, type: "rpc",
                health: .degraded(TailraceError(code: "rpc.down", message: "no answer from \"h\"/1")), gauges: ["window": 3]),
        ],
        streams: [
            AgentStatus.Stream(
                source: "edge.sources.r1", channel: "edge.channels.c1", stream: StreamID(value: .max), submitted: .max, safe: 90
            )
        ])

    @Test func theDocumentIsWrittenAsSpecified() {
        let text = AgentStatus(
            agent: "edge", pid: 1, state: .running,
            streams: [
                AgentStatus.Stream(source: "s", channel: "c", stream: StreamID(value: 0xAB), submitted: 100, safe: 90)
            ]
        ).json()
        #expect(
            text == """
                {"agent":"edge","components":[],"pid":1,"state":"running","streams":[{"channel":"c","safe":90,"source":"s",\
                "stream":"00000000000000ab","submitted":100}]}

                """)
    }

    @Test func whatIsWrittenIsReadBackTheSame() throws {
        #expect(try AgentStatus.read(Array(Self.sample.json().utf8), from: "test") == Self.sample)
    }

    @Test func unknownKeysAreSkipped() throws {
        let text = #"{"agent":"a","components":[],"pid":1,"state":"stopping","streams":[],"new":{"x":[1]}}"#
        #expect(try AgentStatus.read(Array(text.utf8), from: "test").state == .stopping)
    }

    @Test func tooMuchIsRefusedWithTheNumber() {
        #expect {
            try JSON.read(AgentStatus.self, Array(repeating: 32, count: 11), limit: 10, from: "edge-1")
        } throws: {
            ($0 as? TailraceError)?.message == "edge-1 answered with more than 10 bytes"
        }
    }

    @Test(arguments: ["", "ab", "00000000000000ab0", "+0000000000000ab", "-0000000000000ab", "0000000000000xab"])
    func aStreamIsSixteenDigits(_ text: String) { #expect(StreamID(digits: text) == nil) }

    /// A property: cut and changed documents are refused or read, and never stop the program.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func garbageIsRefused(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let whole = Array(Self.sample.json().utf8)
        for _ in 0..<300 {
            var bytes = Array(whole.prefix(Int.random(in: 0...whole.count, using: &random)))
            for _ in 0..<Int.random(in: 0...4, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            do {
                _ = try AgentStatus.read(bytes, from: "test")
            } catch {
                #expect(error.code == "status.json")
            }
        }
    }
}
