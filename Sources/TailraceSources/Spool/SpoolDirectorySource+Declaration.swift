package import TailraceCore
import TailracePatterns
import TailraceSerializers

extension SpoolDirectorySource {
    /// What ``SpoolDirectorySourceConfiguration/deserializer`` may be.
    package static let deserializers: [PartKind] = [
        LineDeserializerConfiguration.declaration.partKind, BlobDeserializerConfiguration.declaration.partKind,
    ]

    package static let declaration = Declaration<SpoolDirectorySourceConfiguration>(
        type: "spooldir", classNames: ["org.apache.flume.source.SpoolDirectorySource"],
        summary: """
            Reads files that are put into a directory whole, and renames, deletes or marks each one when all its events are \
            safe. A file must not change after it is there: write it elsewhere on the same file system and move it in. One that \
            changes while it is read, whose name is taken among the finished ones, or that cannot be read is set aside with an \
            error until it changes; the others go on (Flume stops). An empty file is one event without a body, as in Flume. With \
            durable channels nothing is read twice after a crash; with memory channels what was delivered in the last second \
            may be.
            """,
        keys: fileKeys + endKeys + readingKeys + headerKeys)

    private static let fileKeys: [Key<SpoolDirectorySourceConfiguration>] = [
        .value("spoolDir", \.directory, .notEmpty, unit: "path", isRequired: true, "The directory. It must be there."),
        .value(
            "includePattern", \.includePattern, .anything, unit: "regular expression",
            "Must match a file's whole name. Names that begin with a dot, or end with fileSuffix, are never read."),
        .value(
            "ignorePattern", \.ignorePattern, .anything, unit: "regular expression",
            "Files and directories whose whole name matches are left alone; it wins over includePattern."),
        .value(
            "recursiveDirectorySearch", \.recursiveDirectorySearch, .anything,
            "Read the directories inside too, but for those whose names begin with a dot or match ignorePattern."),
        .value(
            "consumeOrder", \.consumeOrder, .anything, "By the time of a file's last change, then by its name; or at random."),
        .value(
            "pollDelay", \.pollDelayMilliseconds, .within(0...3_600_000), unit: "ms",
            """
            A new file is read when its last change is so old, or it did not change for so long: it may be a copy under way. \
            (Flume looks into the directory so often; here the kernel tells what is new.)
            """),
    ]

    private static let endKeys: [Key<SpoolDirectorySourceConfiguration>] = [
        .value("fileSuffix", \.fileSuffix, suffix, unit: "text", "Appended to the name of a file that is finished."),
        .value("deletePolicy", \.deletePolicy, .anything, "What becomes of a finished file: it is kept, or deleted."),
        .value(
            "trackingPolicy", \.trackingPolicy, .anything,
            "rename: a finished file gets fileSuffix. tracker_dir: it stays as it is, and an empty file in trackerDir, <path in spoolDir><fileSuffix>, marks it."
        ),
        .value(
            "trackerDir", \.trackerDirectory, .notEmpty, unit: "path",
            "For tracker_dir; in spoolDir unless absolute. Flume also keeps its position there, which is not taken over: let Flume finish its file first."
        ),
    ]

    private static let suffix = Allowed<String>("not empty, without /") {
        !$0.isEmpty && !$0.utf8.contains(UInt8(ascii: "/")) && !$0.utf8.contains(0)
    }

    private static let readingKeys: [Key<SpoolDirectorySourceConfiguration>] = [
        .value(
            "batchSize", \.batchSize, .within(1...Int.max), unit: "events",
            "The most events of one batch. (Flume: 100; small batches only cost speed.)"),
        .custom(
            "inputCharset", unit: "charset", allowed: Charset.allCases.map(\.rawValue).joined(separator: ", "),
            initial: Charset.utf8.rawValue, "What the files are written in."
        ) { target, _, text throws(TailraceError) in
            guard let charset = Charset(configured: text) else {
                throw TailraceError(
                    code: "configuration.range",
                    message: "the charset \"\(text)\" cannot be read: there are tables for "
                        + Charset.allCases.map(\.rawValue).joined(separator: ", ") + " only",
                    fix: "convert the files before they are moved into spoolDir: iconv -f \(text) -t UTF-8")
            }
            target.input.charset = charset
            return nil
        },
        .value(
            "decodeErrorPolicy", \.input.onError, .anything,
            "Bytes that are no text: the file is set aside there (in Flume the source stops), they become U+FFFD, or are left out."
        ),
        .part("deserializer", \.deserializer, of: deserializers, "How a file becomes events."),
        .custom(
            "bufferMaxLineLength", unit: "characters", allowed: "1 to \(Limits.eventBytes)",
            "Old name of deserializer.maxLineLength, which wins."
        ) { target, _, text throws(TailraceError) in
            guard let length = Int(configured: text), (1...Limits.eventBytes).contains(length) else {
                throw TailraceError(
                    code: "configuration.range",
                    message: "\"\(text)\" is not allowed here; allowed: characters, 1 to \(Limits.eventBytes)")
            }
            target.bufferMaxLineLength = length
            return "the name is old: use deserializer.maxLineLength"
        },
        .ignored("bufferMaxLines", because: "Flume ignores it too."),
        .ignored("maxBackoff", because: "Not needed: a full channel tells when it has room again."),
    ]

    private static let headerKeys: [Key<SpoolDirectorySourceConfiguration>] = [
        .value("fileHeader", \.fileHeader, .anything, "Add a header with the file's absolute path."),
        .value("fileHeaderKey", \.fileHeaderKey, .notEmpty, unit: "name", "Name of that header."),
        .value("basenameHeader", \.basenameHeader, .anything, "Add a header with the file's name."),
        .value("basenameHeaderKey", \.basenameHeaderKey, .notEmpty, unit: "name", "Name of that header."),
    ]
}
