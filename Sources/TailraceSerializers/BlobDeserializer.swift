package import TailraceCore

package struct BlobDeserializerConfiguration: DeserializerConfiguration {
    package var maxBlobLength = Limits.eventBytes
    package init() {}

    package static let declaration = Declaration<Self>(
        type: "blob", classNames: ["org.apache.flume.sink.solr.morphline.BlobDeserializer$Builder"],
        summary: "The whole file is one event; a longer one becomes several, of which only the last is shorter.",
        keys: [
            .custom(
                "maxBlobLength", unit: "bytes", allowed: "1 or more; an event has at most \(Limits.eventBytes)",
                initial: "\(Limits.eventBytes)", "The largest event. (Flume's default is 100000000.)"
            ) { target, _, text throws(TailraceError) in
                guard let bytes = Int(configured: text), bytes > 0 else {
                    throw TailraceError(
                        code: "configuration.range", message: "\"\(text)\" is not allowed here; allowed: bytes, 1 or more")
                }
                target.maxBlobLength = min(bytes, Limits.eventBytes)
                guard bytes > Limits.eventBytes else { return nil }
                return "an event has at most \(Limits.eventBytes) bytes here: a file that is longer becomes several events"
            }
        ])

    package func makeDeserializer(
        _ input: TextInput, at place: DeserializerPlace, _ environment: Environment
    ) -> any EventDeserializer {
        BlobDeserializer(maxBlobLength, at: place)
    }
}

/// A file is one event, without a copy.
package final class BlobDeserializer: EventDeserializer {
    package private(set) var offset: Int64
    package let wanted: Int
    package var place: DeserializerPlace { DeserializerPlace(offset: offset) }

    package init(_ maxBlobLength: Int, at place: DeserializerPlace) { (offset, wanted) = (place.offset, maxBlobLength) }

    package func next(_ block: Bytes, isEnd: Bool, upTo limit: BatchSize) -> EventBatch {
        guard !block.isEmpty, isEnd || block.count >= wanted else { return EventBatch(.empty, []) }
        let count = min(block.count, wanted)
        offset += Int64(count)
        let body = BodyRange(start: UInt32(block.startIndex), end: UInt32(block.startIndex + count))
        return EventBatch(block.buffer, [body])
    }
}
