package import TailraceCore
import TailracePatterns
package import TailraceSerializers

package struct SpoolDirectorySourceConfiguration: BatchingConfiguration {
    package enum DeletePolicy: String, Choice { case never, immediate }
    package enum TrackingPolicy: String, Choice { case rename, trackerDirectory = "tracker_dir" }
    package enum ConsumeOrder: String, Choice { case oldest, youngest, random }

    package var directory = ""
    package var fileSuffix = ".COMPLETED"
    package var deletePolicy = DeletePolicy.never
    package var trackingPolicy = TrackingPolicy.rename
    package var trackerDirectory = ".flumespool"
    package var includePattern = "^.*$"
    package var ignorePattern = "^$"
    package var consumeOrder = ConsumeOrder.oldest
    package var recursiveDirectorySearch = false
    package var pollDelayMilliseconds = 500
    package var batchSize = 10_000
    package var fileHeader = false
    package var fileHeaderKey = "file"
    package var basenameHeader = false
    package var basenameHeaderKey = "basename"
    package var input = TextInput()
    package var deserializer = ConfiguredPart(
        name: "deserializer", type: "line", configuration: LineDeserializerConfiguration())
    /// The old name of the line deserializer's `maxLineLength`.
    package var bufferMaxLineLength: Int?
    package init() {}

    package var batchEvents: Int { min(batchSize, Limits.batchEvents) }

    /// Without a slash at its end, but for the root.
    package var spoolPath: String { Self.trimmed(directory) }
    package var trackerPath: String {
        trackerDirectory.hasPrefix("/") ? Self.trimmed(trackerDirectory) : "\(spoolPath)/\(Self.trimmed(trackerDirectory))"
    }
    private static func trimmed(_ path: String) -> String {
        let rest = path.split(separator: "/", omittingEmptySubsequences: true).joined(separator: "/")
        return path.hasPrefix("/") ? "/" + rest : rest
    }

    package func problems() -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        if deletePolicy == .immediate, trackingPolicy == .trackerDirectory {
            problems.append(
                ConfigurationProblem(
                    .error, code: "configuration.relation", key: "trackingPolicy",
                    message: "trackingPolicy = tracker_dir leaves files as they are, deletePolicy = immediate deletes them",
                    fix: "set deletePolicy = never, or remove trackingPolicy"))
        }
        for (key, text) in [("includePattern", includePattern), ("ignorePattern", ignorePattern)] {
            do throws(TailraceError) {
                _ = try Pattern(text, .whole)
            } catch {
                problems.append(
                    ConfigurationProblem(.error, code: error.code, key: key, message: error.message, fix: error.fix))
            }
        }
        if bufferMaxLineLength != nil, deserializer.type != "line" {
            problems.append(
                ConfigurationProblem(
                    .warning, code: "configuration.unused", key: "bufferMaxLineLength",
                    message: "bufferMaxLineLength is for the line deserializer only", fix: "remove the line"))
        }
        return problems
    }

    /// What makes the deserializer of each file.
    func deserializerConfiguration() throws(TailraceError) -> any DeserializerConfiguration {
        if var line = deserializer.configuration as? LineDeserializerConfiguration {
            if let bufferMaxLineLength, line == LineDeserializerConfiguration() { line.maxLineLength = bufferMaxLineLength }
            return line
        }
        guard let other = deserializer.configuration as? any DeserializerConfiguration else {
            throw TailraceError(
                code: "configuration.type", message: "\(deserializer.type) is no deserializer of files",
                fix: "set deserializer to \(SpoolDirectorySource.deserializers.map(\.type).joined(separator: " or "))")
        }
        return other
    }
}
