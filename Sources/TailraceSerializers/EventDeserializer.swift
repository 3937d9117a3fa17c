package import TailraceCore

/// Where to go on in a file: read from `offset`, and leave out the first `skip` events that begin there. (An Avro container
/// can be entered at the start of a block only.)
package struct DeserializerPlace: Hashable, Sendable {
    /// In bytes from the start of the file.
    package var offset: Int64
    package var skip: Int

    package init(offset: Int64 = 0, skip: Int = 0) { (self.offset, self.skip) = (offset, skip) }

    package static let start = DeserializerPlace()
}

/// How the text of a file is read, before a deserializer sees its lines.
package struct TextInput: Hashable, Sendable {
    /// What becomes of bytes that are no text in the charset.
    package enum ErrorPolicy: String, Choice { case fail = "FAIL", replace = "REPLACE", ignore = "IGNORE" }

    package var charset = Charset.utf8
    package var onError = ErrorPolicy.fail
    package init() {}
}

/// Cuts the bytes of one file into events; it sees no file. Its owner reads a block from `offset` on, asks for events until
/// none come, and reads the next block:
///
///     block = read at least `wanted` bytes at `offset`, or all there are
///     batch = next(block, isEnd: the block reaches the end of the file, upTo: …)   // `offset` moves on
///     put the batch, with `place` as the position behind it
///
/// An empty batch: it has moved on without an event (a header was read), it wants a block from `offset` on with `wanted`
/// bytes, or, if `isEnd` and the block was empty, the file is at its end.
package protocol EventDeserializer: AnyObject {
    /// Where the next block has to begin.
    var offset: Int64 { get }
    /// Bytes that it must see at once to be sure of the next event; fewer only at the end of the file.
    var wanted: Int { get }
    /// Behind all events that it gave.
    var place: DeserializerPlace { get }
    /// The next events of the block, which begins at ``offset``: at most `limit`, but one if there is one. An event is never
    /// larger than ``Limits/eventBytes``. Throws when the file is damaged (`deserializer.…`, with the offset): all that
    /// stood before was given, and nothing will follow.
    func next(_ block: Bytes, isEnd: Bool, upTo limit: BatchSize) throws(TailraceError) -> EventBatch
}

package protocol DeserializerConfiguration: ComponentConfiguration {
    /// One for each file. `place`: of an earlier one, to go on behind its events. `environment`: the source's.
    func makeDeserializer(
        _ input: TextInput, at place: DeserializerPlace, _ environment: Environment
    ) throws(TailraceError) -> any EventDeserializer
}
