import CYAML

/// YAML text as nodes, over libyaml's events. The part of YAML that a configuration needs: one document of mappings, lists
/// and text. Anchors, aliases, tags and keys that are not text are refused, so a small file is never a large tree.
package enum YAMLReader {
    /// Longer files are refused unread.
    package static let largestFileBytes = 1 << 20
    package static let largestDepth = 64
    package static let mostNodes = 100_000

    package struct Result {
        /// nil: the text cannot be read at all; `problems` says why.
        package var root: YAMLNode?
        /// In the order of the file.
        package var problems: [FileProblem]
    }

    package static func read(_ bytes: [UInt8], file: String) -> Result {
        guard bytes.count <= largestFileBytes else {
            let problem = FileProblem(
                file: file, place: .start, message: "the file has \(bytes.count) bytes; at most \(largestFileBytes) are read",
                fix: "name a topology file")
            return Result(root: nil, problems: [problem])
        }
        return bytes.withUnsafeBufferPointer { buffer in
            var events = YAMLEvents(buffer, file: file)
            var builder = YAMLTreeBuilder(file: file)
            do throws(FileProblem) {
                let root = try builder.document(&events)
                return Result(root: root, problems: builder.problems)
            } catch {
                return Result(root: nil, problems: builder.problems + [error])
            }
        }
    }
}

extension FileProblem: Error {}

/// What an event of libyaml means to us.
enum YAMLEvent {
    case scalar(String, anchored: Bool, tagged: Bool)
    case sequenceStart(anchored: Bool, tagged: Bool)
    case mappingStart(anchored: Bool, tagged: Bool)
    case alias
    case end  // of a list or mapping
    case documentStart
    case streamEnd
    case other
}

/// The parser of libyaml: the only place that touches it.
struct YAMLEvents: ~Copyable {
    // On the heap: libyaml keeps its address. Ended and freed by `deinit`.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let file: String

    /// `text` must outlive it.
    init(_ text: UnsafeBufferPointer<UInt8>, file: String) {
        self.file = file
        parser = .allocate(capacity: 1)
        precondition(yaml_parser_initialize(parser) == 1, "no memory for a YAML parser")
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, text.baseAddress, text.count)
    }
    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    mutating func next() throws(FileProblem) -> (event: YAMLEvent, place: FilePlace) {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw syntaxProblem() }
        defer { yaml_event_delete(&event) }
        let place = FilePlace(line: event.start_mark.line + 1, column: event.start_mark.column + 1)
        return (meaning(event), place)
    }

    private func meaning(_ event: yaml_event_t) -> YAMLEvent {
        switch event.type {
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let text = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            return .scalar(String(decoding: text, as: UTF8.self), anchored: scalar.anchor != nil, tagged: scalar.tag != nil)
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            return .sequenceStart(anchored: start.anchor != nil, tagged: start.tag != nil)
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            return .mappingStart(anchored: start.anchor != nil, tagged: start.tag != nil)
        case YAML_ALIAS_EVENT: return .alias
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: return .end
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_STREAM_END_EVENT: return .streamEnd
        default: return .other
        }
    }

    private func syntaxProblem() -> FileProblem {
        let failed = parser.pointee
        let what = failed.problem.map { String(cString: $0) } ?? "it is no YAML"
        if failed.error == YAML_READER_ERROR {
            // These have no mark, only an offset in bytes.
            return FileProblem(
                file: file, place: .start, message: "\(what), at byte \(failed.problem_offset)",
                fix: "remove that byte; the file is UTF-8 text")
        }
        let context = failed.context.map { "\(String(cString: $0)) (line \(failed.context_mark.line + 1)): " } ?? ""
        let place = FilePlace(line: failed.problem_mark.line + 1, column: failed.problem_mark.column + 1)
        return FileProblem(
            file: file, place: place, message: context + what,
            fix: "look at the indentation, the quotes and the brackets at this place")
    }
}
