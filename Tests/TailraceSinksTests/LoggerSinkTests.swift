import TailraceCore
import TailraceSinks
import Testing

@Suite struct LoggerSinkTests {
    private func dump(_ body: String, _ headers: [Header] = [], maxBytes: Int = 16) -> String {
        var builder = EventBatchBuilder(shared: headers)
        builder.append(body.utf8)
        return LoggerSink.dump(builder.finish()[0], maxBytes: maxBytes)
    }

    /// Lines that a real Flume wrote.
    @Test func theFormIsFlumes() {
        #expect(dump("1") == "{ headers:{} body: 31                                              1 }")
        #expect(dump("Hello world!\r") == "{ headers:{} body: 48 65 6C 6C 6F 20 77 6F 72 6C 64 21 0D          Hello world!. }")
        #expect(
            dump("abcdefghijklmnopqrs")
                == "{ headers:{} body: 61 62 63 64 65 66 67 68 69 6A 6B 6C 6D 6E 6F 70 abcdefghijklmnop }")
    }
    @Test func headersAndTheEmptyBody() {
        #expect(dump("", [Header("a", "1"), Header("b", "2")]).hasPrefix("{ headers:{a=1, b=2} body: "))
    }
    @Test func maxBytesToLogIsObeyed() {
        #expect(dump("abcdef", maxBytes: 3).hasSuffix(" abc }"))
        #expect(dump(String(repeating: "x", count: 40), maxBytes: 32).hasSuffix(" " + String(repeating: "x", count: 32) + " }"))
    }
}
