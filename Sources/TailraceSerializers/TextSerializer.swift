package import TailraceCore

package struct TextSerializerConfiguration: SerializerConfiguration {
    package var appendNewline = true
    package init() {}

    package static let declaration = Declaration<Self>(
        type: "text", classNames: ["org.apache.flume.serialization.BodyTextEventSerializer$Builder"],
        summary: "The bodies alone; headers are lost.",
        keys: [.value("appendNewline", \.appendNewline, .anything, "Write a line end (LF) behind each body.")])

    package func makeSerializer(_ environment: Environment) -> any EventSerializer {
        TextSerializer(withHeaders: false, appendNewline: appendNewline)
    }
}

package struct HeaderAndTextSerializerConfiguration: SerializerConfiguration {
    package var appendNewline = true
    package init() {}

    package static let declaration = Declaration<Self>(
        type: "header_and_text", classNames: ["org.apache.flume.serialization.HeaderAndBodyTextEventSerializer$Builder"],
        summary: "`{k=v, k2=v2} body`: the event's own headers first, then those of its batch.",
        keys: [.value("appendNewline", \.appendNewline, .anything, "Write a line end (LF) behind each body.")])

    package func makeSerializer(_ environment: Environment) -> any EventSerializer {
        TextSerializer(withHeaders: true, appendNewline: appendNewline)
    }
}

/// Bodies as they are, perhaps with their headers in front. Nothing is escaped, as in Flume: what has line ends of its own
/// cannot be told apart afterwards.
package final class TextSerializer: EventSerializer {
    private let withHeaders: Bool
    private let appendNewline: Bool

    package init(withHeaders: Bool, appendNewline: Bool) {
        (self.withHeaders, self.appendNewline) = (withHeaders, appendNewline)
    }

    package func begin(_ output: inout BufferBuilder) {}
    package func end(_ output: inout BufferBuilder) {}

    package func append(_ batch: EventBatch, to output: inout BufferBuilder) -> [Rejection] {
        output.reserve(batch.size.bytes + batch.count)
        // One text for the whole batch while no event has headers of its own.
        var prefix = withHeaders ? Self.prefix(batch.storage.sharedHeaders) : []
        let areShared = batch.storage.eventHeaders == nil
        for run in batch.runs {
            for index in run {
                if withHeaders {
                    if !areShared { prefix = Self.prefix(Event(storage: batch.storage, index: index).headers) }
                    output.append(prefix)
                }
                let body = batch.storage.bodies[index]
                output.append(
                    UnsafeRawBufferPointer(start: batch.storage.buffer.base + Int(body.start), count: body.count))
                if appendNewline { output.append(UInt8(ascii: "\n")) }
            }
        }
        return []
    }

    private static func prefix(_ headers: [Header]) -> [UInt8] {
        Array("{\(headers.map { "\($0.name)=\($0.value)" }.joined(separator: ", "))} ".utf8)
    }
}
