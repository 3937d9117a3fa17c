package import TailraceCore
package import TailracePatterns

package struct TaildirSourceConfiguration: BatchingConfiguration {
    /// Names; where a file matches several, the first one's headers count.
    package var fileGroups: [String] = []
    /// Absolute path by group; its last part is a regular expression.
    package var paths: [String: String] = [:]
    /// By group, in the order of the file.
    package var headers: [String: [Header]] = [:]
    package var positionFile = "~/.flume/taildir_position.json"
    package var batchSize = 10_000
    package var maxBatchCount = 16
    package var skipToEnd = false
    package var byteOffsetHeader = false
    package var byteOffsetHeaderKey = "byteoffset"
    package var fileHeader = false
    package var fileHeaderKey = "file"
    package var idleTimeoutMilliseconds = 120_000
    package var writePosIntervalMilliseconds = 3_000
    package var maxLineBytes = Limits.eventBytes
    package var maxOpenFiles = 1_000
    package init() {}

    package var batchEvents: Int { min(batchSize, Limits.batchEvents) }

    package func problems() -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        for group in fileGroups {
            let key = "filegroups.\(group)"
            guard let path = paths[group] else {
                problems.append(
                    ConfigurationProblem(
                        .error, code: "configuration.missing-key", key: key, message: "file group \(group) has no path",
                        fix: "set \(key) = /directory/pattern, or leave \(group) out of filegroups"))
                continue
            }
            do throws(TailraceError) {
                _ = try FileGroup(name: group, path: path, headers: [])
            } catch {
                problems.append(
                    ConfigurationProblem(
                        .error, code: "configuration.range", key: key, message: error.message, fix: error.fix))
            }
        }
        for group in Set(paths.keys).union(headers.keys).subtracting(fileGroups).sorted() {
            problems.append(
                ConfigurationProblem(
                    .warning, code: "configuration.unused",
                    key: paths[group] == nil ? "headers.\(group)" : "filegroups.\(group)",
                    message: "file group \(group) is not in filegroups: it is not read",
                    fix: "add \(group) to filegroups, or remove its keys"))
        }
        return problems
    }
}

/// One of the source's groups of files: a directory, and which names in it.
package struct FileGroup {
    package let name: String
    /// Without a slash at its end, but for the root.
    package let directory: String
    package let pattern: Pattern
    package let headers: [Header]

    package init(name: String, path: String, headers: [Header]) throws(TailraceError) {
        guard path.hasPrefix("/"), let slash = path.lastIndex(of: "/"), path.index(after: slash) < path.endIndex else {
            throw TailraceError(
                code: "taildir.path", message: "\"\(path)\" is not an absolute path with a pattern as its last part",
                fix: "write a directory and a regular expression for the names in it: /var/log/app/.*\\.log")
        }
        let parts = path[..<slash].split(separator: "/")
        (self.name, self.headers) = (name, headers)
        directory = "/" + parts.joined(separator: "/")
        pattern = try Pattern(String(path[path.index(after: slash)...]), .whole)
    }
}

extension TaildirSourceConfiguration {
    /// Where the position file is; `~/` as a shell has it.
    func positionPath(home: String) -> String {
        positionFile.hasPrefix("~/") ? home + positionFile.dropFirst() : positionFile
    }
}

extension TaildirSource {
    package static let declaration = Declaration<TaildirSourceConfiguration>(
        type: "taildir", classNames: ["org.apache.flume.source.taildir.TaildirSource"],
        summary: "Follows the files of directories line by line, over rotation, truncation and restarts.",
        keys: fileKeys + readingKeys + headerKeys)

    private static let fileKeys: [Key<TaildirSourceConfiguration>] = [
        .value(
            "filegroups", \.fileGroups, Allowed("not empty") { !$0.isEmpty }, isRequired: true, "Names of the groups of files."),
        .family(
            "filegroups.<group>",
            "Absolute path. Its last part is a regular expression that must match a file's whole name; the directory is literal."
        ) { target, captured, text throws(TailraceError) in
            target.paths[captured[0]] = text
            return nil
        },
        .value(
            "positionFile", \.positionFile, .notEmpty, unit: "path",
            "Flume's position file: read at the first start, and kept as a copy of Tailrace's own state, which rules."),
        .value(
            "skipToEnd", \.skipToEnd, .anything,
            "Begin at the end of files that are there at the first start and have no position yet."),
        .value(
            "idleTimeout", \.idleTimeoutMilliseconds, .within(1...86_400_000), unit: "ms",
            "Close files that did not change for so long; a renamed file that no longer matches is given up then."),
        .value(
            "writePosInterval", \.writePosIntervalMilliseconds, .within(1...86_400_000), unit: "ms",
            "How often positions are written, when they changed."),
        .value(
            "maxOpenFiles", \.maxOpenFiles, .within(1...1_000_000), unit: "files",
            "Open at once; beyond it the file that was quiet for longest is closed, and opened again when it changes."),
    ]

    private static let readingKeys: [Key<TaildirSourceConfiguration>] = [
        .value(
            "batchSize", \.batchSize, .within(1...Int.max), unit: "events",
            """
            The most events of one batch. Flume's default is 100; here a batch is what one read of 256 KiB gives, and small \
            batches only cost speed.
            """),
        .value(
            "maxBatchCount", \.maxBatchCount, .within(1...Int.max), unit: "batches",
            "Batches from one file before others have their turn. Flume has no limit, so that a busy file can starve others."),
        .value(
            "maxLineBytes", \.maxLineBytes, .within(1...Limits.eventBytes), unit: "bytes",
            "A longer line is cut into several events, counted and logged."),
        .ignored("cachePatternMatching", because: "Not needed: changes of a directory are told by the kernel."),
        .ignored("backoffSleepIncrement", because: "Not needed: the source does not poll."),
        .ignored("maxBackoffSleep", because: "Not needed: the source does not poll."),
    ]

    private static let headerKeys: [Key<TaildirSourceConfiguration>] = [
        .family("headers.<group>.<key>", "A header of all events of that group.") {
            target, captured, text throws(TailraceError) in
            target.headers[captured[0], default: []].removeAll { $0.name == captured[1] }
            target.headers[captured[0], default: []].append(Header(captured[1], text))
            return nil
        },
        .value("fileHeader", \.fileHeader, .anything, "Add a header with the file's absolute path."),
        .value("fileHeaderKey", \.fileHeaderKey, .notEmpty, unit: "name", "Name of that header."),
        .value("byteOffsetHeader", \.byteOffsetHeader, .anything, "Add a header with the offset at which the line begins."),
        .value("byteOffsetHeaderKey", \.byteOffsetHeaderKey, .notEmpty, unit: "name", "Name of that header."),
    ]
}
