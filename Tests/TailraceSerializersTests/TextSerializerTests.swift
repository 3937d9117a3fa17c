import TailraceCore
import TailraceSerializers
import Testing

@Suite struct TextSerializerTests {
    private func written(_ serializer: any EventSerializer, _ batches: [EventBatch]) -> String {
        var output = BufferBuilder(capacity: 0)
        serializer.begin(&output)
        for batch in batches {
            let rejected = serializer.append(batch, to: &output)
            #expect(rejected.isEmpty)
        }
        serializer.end(&output)
        return output.finish().text
    }
    private func batch(shared: [Header] = [], _ events: [(String, [Header])]) -> EventBatch {
        var builder = EventBatchBuilder(shared: shared)
        for (body, headers) in events { builder.append(body.utf8, headers: headers) }
        return builder.finish()
    }

    @Test func bodies() {
        let batches = [batch([("a", []), ("", []), ("bc", [Header("k", "v")])]), batch([("d", [])])]
        #expect(written(TextSerializer(withHeaders: false, appendNewline: true), batches) == "a\n\nbc\nd\n")
        #expect(written(TextSerializer(withHeaders: false, appendNewline: false), batches) == "abcd")
    }

    /// `{k=v, k2=v2} body`, as Flume writes it; only the events that are left of a batch.
    @Test func headersAndBodies() {
        let shared = [Header("host", "h"), Header("file", "f")]
        let serializer = TextSerializer(withHeaders: true, appendNewline: true)
        #expect(written(serializer, [batch([("a", [])])]) == "{} a\n")
        #expect(
            written(serializer, [batch(shared: shared, [("a", []), ("b", [])])]) == "{host=h, file=f} a\n{host=h, file=f} b\n")
        let own = batch(shared: shared, [("a", []), ("b", [Header("host", "x"), Header("n", "1")]), ("c", [])])
        #expect(
            written(serializer, [own.keeping([1..<3])]) == "{host=x, n=1, file=f} b\n{host=h, file=f} c\n")
    }
}
