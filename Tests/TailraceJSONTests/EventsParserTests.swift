import TailraceCore
import TailraceJSON
import Testing

struct EventsParserTests {
    private let parser = EventsParser()

    private func array(_ text: [UInt8]) throws(TailraceError) -> [String] {
        var builder = EventBatchBuilder()
        var failure: TailraceError?
        text.withUnsafeBytes {
            do throws(TailraceError) { try parser.readArray($0, into: &builder) } catch { failure = error }
        }
        if let failure { throw failure }
        return described(builder.finish())
    }
    private func lines(_ text: String) throws(TailraceError) -> [String] {
        var builder = EventBatchBuilder()
        var failure: TailraceError?
        Array(text.utf8).withUnsafeBytes {
            do throws(TailraceError) { try parser.readLines($0, into: &builder) } catch { failure = error }
        }
        if let failure { throw failure }
        return described(builder.finish())
    }
    private func described(_ batch: EventBatch) -> [String] {
        var events: [String] = []
        batch.forEach { _, event in
            events.append(event.headers.map { "\($0.name)=\($0.value) " }.joined() + "|" + event.body.text)
        }
        return events
    }

    /// What Flume 1.11.0 made of each of them; differences are said.
    @Test(
        "Flume's vectors",
        arguments: [
            (#"[{"headers":{"host":"web1"},"body":"hello"}]"#, ["host=web1 |hello"]),
            (#"[{"body":"a"},{"headers":{"k":"v"},"body":"b"}]"#, ["|a", "k=v |b"]),
            ("[]", []),
            ("[{}]", ["|"]),
            (#"[{"headers":null,"body":null}]"#, ["|"]),
            // Flume: a header without value, at which an avro sink fails for ever.
            (#"[{"headers":{"k":null},"body":"x"}]"#, ["k= |x"]),
            (#"[{"headers":{"n":5,"f":1.50,"b":true},"body":12}]"#, ["n=5 f=1.50 b=true |12"]),
            (#"[{"foo":1,"body":"x"}]"#, ["|x"]),
            (#"[{"foo":{"body":[1,{"a":2}]},"body":"x"}]"#, ["|x"]),
            (#"[{"body":"z\u00fcrich ☃ 😀"}]"#, ["|zürich ☃ 😀"]),
            (#"[{"body":"a","body":"b","headers":{"k":"1","k":"2"}}]"#, ["k=2 |b"]),
            (" [ { \"body\" : 1.5e3 } , {\"body\":false} ] \n", ["|1.5e3", "|false"]),
            (#"[{"body":"\ud83d\ude00\n\t\"\\\/"}]"#, ["|😀\n\t\"\\/"]),
        ])
    func vectors(_ text: String, _ events: [String]) throws {
        #expect(try array(Array(text.utf8)) == events)
    }

    @Test("Bytes that are not UTF-8 become U+FFFD")
    func badBytes() throws {
        #expect(try array(Array(#"[{"body":"a"#.utf8) + [0xFF] + Array(#""}]"#.utf8)) == ["|a\u{FFFD}"])
    }

    @Test(
        "Refused, with the reason",
        arguments: [
            (#"[{"headers":{"k":{}},"body":"x"}]"#, "json.event", "event 0: a header's value is an array or an object"),
            (#"[{"body":"a"},{"body":[1]}]"#, "json.event", "event 1: its body is not text"),
            (#"[{"headers":[]}]"#, "json.event", "event 0: its headers are not an object"),
            (#"{"body":"x"}"#, "json.syntax", "it is an object, not an array of events"),
            ("null", "json.syntax", "it is null, not an array of events"),
            ("[null]", "json.event", "event 0 is null, not an object"),
            (#"[{"headers":{},"body":"x""#, "json.syntax", "not valid JSON"),
            ("hello", "json.syntax", "not valid JSON"),
            (#"[{"body":"x"}] xyz"#, "json.syntax", "not valid JSON"),
            (#"[{"body":"x"},]"#, "json.syntax", "not valid JSON"),
            (#"[{headers:{a:'b'},body:'x'}]"#, "json.syntax", "not valid JSON"),
            (#"[{"foo":tru,"body":"x"}]"#, "json.syntax", "not valid JSON"),
            (#"[{"foo":[[1,2},"body":"x"}]"#, "json.syntax", "not valid JSON"),
            ("", "json.syntax", "not valid JSON"),
        ])
    func refused(_ text: String, _ code: String, _ message: String) {
        let error = #expect(throws: TailraceError.self) { try array(Array(text.utf8)) }
        #expect(error?.code == code)
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test("One event a line; empty lines are none")
    func jsonLines() throws {
        #expect(try lines("{\"body\":\"a\"}\r\n\n{\"headers\":{\"k\":\"v\"},\"body\":\"b\"}") == ["|a", "k=v |b"])
        let error = #expect(throws: TailraceError.self) { try lines("{\"body\":\"a\"}\n\n[1]\n") }
        #expect(error?.message == "line 3: not valid JSON: it is an array, not an event")
    }

    @Test("More headers than an event may have are refused")
    func manyHeaders() {
        let headers = (0...Limits.headers).map { "\"h\($0)\":1" }.joined(separator: ",")
        let error = #expect(throws: TailraceError.self) { try array(Array("[{\"headers\":{\(headers)}}]".utf8)) }
        #expect(error?.code == "json.headers")
        #expect(error?.message == "an event has 257 headers; at most 256 are taken")
    }

    @Test("Cut and changed at every byte: an error or events, never a crash", arguments: 0..<20 as Range<UInt64>)
    func garbage(_ seed: UInt64) {
        let text = Array(#"[{"headers":{"k":"v","n":1.5},"body":"hel\u00fclo"},{"body":null,"x":[{}]}]"#.utf8)
        var random = SeededRandom(seed: seed)
        for end in 0...text.count {
            _ = try? array(Array(text[..<end]))
            var changed = text
            changed[Int(random.next() % UInt64(text.count))] = UInt8(truncatingIfNeeded: random.next())
            _ = try? array(changed)
            _ = try? lines(String(decoding: changed, as: UTF8.self))
        }
        let nested = [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
        #expect(throws: TailraceError.self) { try array(nested) }
    }
}
