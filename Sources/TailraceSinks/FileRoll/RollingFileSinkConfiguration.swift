package import TailraceCore
import TailraceSerializers

package struct RollingFileSinkConfiguration: BatchingConfiguration {
    /// How files are named.
    package enum PathManager: String, Choice { case start = "DEFAULT", rollTime = "ROLLTIME" }

    package var directory = ""
    package var rollIntervalSeconds = 30
    package var batchSize = 1_000
    package var serializer = ConfiguredPart(
        name: "sink.serializer", type: "text", configuration: TextSerializerConfiguration())
    package var pathManager = PathManager.start
    package var prefix = ""
    package var fileExtension = ""
    package init() {}

    package var batchEvents: Int { batchSize }
    package static var batchKey: String { "sink.batchSize" }
}

extension RollingFileSink {
    /// What ``RollingFileSinkConfiguration/serializer`` may be.
    package static let serializers: [PartKind] = [
        TextSerializerConfiguration.declaration.partKind, HeaderAndTextSerializerConfiguration.declaration.partKind,
    ]

    package static let declaration = Declaration<RollingFileSinkConfiguration>(
        type: "file_roll", classNames: ["org.apache.flume.sink.RollingFileSink"],
        summary: """
            Writes events to files of a directory. Delivered means synced: events that were delivered survive a loss of power. A \
            file is made by the first events after the last one was closed, so that there are no empty files. Of what failed, \
            nothing stays in a file: it is cut back, and the events come again in the next one. Only a crash can leave events \
            behind (the last perhaps torn) at the end of the file then open, which come again.
            """,
        keys: [
            .value("sink.directory", \.directory, .notEmpty, unit: "path", isRequired: true, "Made if it is missing."),
            .value(
                "sink.rollInterval", \.rollIntervalSeconds, .within(0...(1 << 31)), unit: "s",
                "A file is closed when it is so old; 0: one file until the agent stops."),
            .value(
                "sink.batchSize", \.batchSize, .within(1...Limits.batchEvents), unit: "events",
                "Most events taken at once (Flume: 100). What waits is written and synced together."),
            .part("sink.serializer", \.serializer, of: serializers, "What the files look like."),
            .value(
                "sink.pathManager", \.pathManager, .anything,
                """
                DEFAULT: <prefix><milliseconds of the start>-<n>.<extension>. ROLLTIME: <prefix><yyyyMMddHHmmss>-<n>.<extension>, \
                the time at which the file was made, in UTC. n counts from 1; no name is ever used twice.
                """),
            .value("sink.pathManager.prefix", \.prefix, partOfName, unit: "text", "What the names begin with."),
            .value(
                "sink.pathManager.extension", \.fileExtension, partOfName, unit: "text",
                "What the names end with, behind a dot."),
        ])

    private static let partOfName = Allowed<String>("without /, at most 100 bytes") {
        !$0.utf8.contains(UInt8(ascii: "/")) && !$0.utf8.contains(0) && $0.utf8.count <= 100
    }
}
