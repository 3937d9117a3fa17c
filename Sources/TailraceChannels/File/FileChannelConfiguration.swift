package import TailraceCore

/// When what was put is synced to the disk, and so what a crash can cost. A killed process alone costs nothing in any mode:
/// the kernel has what was written.
package enum SyncMode: String, Choice, Sendable {
    /// Each put is answered after its sync; all that wait share one. A crash of the machine costs nothing that was answered.
    case commit
    /// A put is answered when it is written; a sync follows within `syncInterval`. A crash of the machine costs what was
    /// answered since the last sync.
    case interval
    /// As `interval`, but synced only when a segment is full and at an orderly stop: a crash of the machine costs up to a
    /// segment.
    case never
}

package struct FileChannelConfiguration: ComponentConfiguration, DurableChannelConfiguration, ChannelCapacityConfiguration {
    package var checkpointDirectory: String?
    package var dataDirectories: [String] = []
    package var capacity = 1_000_000
    package var transactionCapacity: Int?
    package var maxFileSize = 16 << 20
    package var minimumRequiredSpace = 500 << 20
    package var keepAliveSeconds = 3
    package var syncMode = SyncMode.commit
    package var syncIntervalMilliseconds = 5_000
    package var checkpointIntervalMilliseconds = 1_000
    package var unsyncedBytes = 4 << 20
    package var memoryBytes = 4 << 20
    package var patienceMilliseconds = 200
    package var rememberSeconds = 7 * 86_400

    package init() {}

    /// Events that one put may have.
    package var largestPutEvents: Int { transactionCapacity ?? min(10_000, capacity) }

    package func problems() -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        if largestPutEvents > capacity {
            problems.append(
                ConfigurationProblem(
                    .error, code: "configuration.relation", key: "transactionCapacity",
                    message: "transactionCapacity \(largestPutEvents) is larger than capacity \(capacity)",
                    fix: "raise capacity to \(largestPutEvents), or lower transactionCapacity"))
        }
        if syncMode != .commit {
            problems.append(
                ConfigurationProblem(
                    .warning, code: "configuration.durability", key: "syncMode",
                    message:
                        "with syncMode \(syncMode.rawValue) a crash of the machine loses events that were answered as safe",
                    fix: "use syncMode commit, which costs one sync for all batches that wait"))
        }
        if let duplicate = dataDirectories.first(where: { path in dataDirectories.count { $0 == path } > 1 }) {
            problems.append(
                ConfigurationProblem(
                    .error, code: "configuration.relation", key: "dataDirs", message: "\(duplicate) is there twice",
                    fix: "name each directory once"))
        }
        return problems
    }

    private static func refused(_ what: String) -> TailraceError {
        TailraceError(
            code: "configuration.refused", message: "\(what) is not built", fix: "encrypt the file system (LUKS) instead")
    }

    package static let declaration = Declaration<FileChannelConfiguration>(
        type: "file", classNames: ["org.apache.flume.channel.file.FileChannel"],
        summary: "Keeps events on disk. What it has answered survives a crash of the process and of the machine.",
        keys: placeKeys + sizeKeys + syncKeys + flumeKeys)

    private static let placeKeys: [Key<FileChannelConfiguration>] = [
        .value(
            "checkpointDir", \.checkpointDirectory, .anything,
            "The directory of the read position. Default: file-channel/<channel>/checkpoint in the agent's state directory "
                + "(Flume: ~/.flume/file-channel/checkpoint, which two channels cannot share)."),
        .custom(
            "dataDirs", unit: "directories separated by commas",
            initial: "file-channel/<channel>/data in the agent's state directory",
            "Where the events are: segments go to them in turn, so each may be a disk of its own."
        ) { (target, _, text) throws(TailraceError) in
            target.dataDirectories = text.split(separator: ",").map(trimmed).filter { !$0.isEmpty }
            guard target.dataDirectories.isEmpty else { return nil }
            throw TailraceError(code: "configuration.range", message: "\"\(text)\" names no directory")
        },
    ]

    private static let sizeKeys: [Key<FileChannelConfiguration>] = [
        .value(
            "capacity", \.capacity, .within(1...1_000_000_000), unit: "events",
            "Most events it holds, those being delivered included."),
        .value(
            "transactionCapacity", \.transactionCapacity,
            Allowed("1 to 1000000, at most capacity") { ($0 ?? 1) >= 1 && ($0 ?? 1) <= 1_000_000 }, unit: "events",
            "Most events of one put; a larger batch is cut. Default: 10000, or capacity if that is less."),
        .value(
            "maxFileSize", \.maxFileSize, .within(4096...2_146_435_071), unit: "bytes",
            "Size of a segment, which is reserved when it is opened, and used again when it was read. Flume's default is 1623195647."
        ),
        .value(
            "minimumRequiredSpace", \.minimumRequiredSpace, .within(1 << 20...1 << 50), unit: "bytes",
            "While less is free in a data directory, puts wait. Takes go on, and so do puts when space is there again."),
        .value(
            "keep-alive", \.keepAliveSeconds, .within(0...3600), unit: "s",
            "How long a source that answers somebody waits for room before it answers \"failed\"."),
    ]

    private static let syncKeys: [Key<FileChannelConfiguration>] = [
        .value(
            "syncMode", \.syncMode, .anything,
            "commit: each put is answered after its sync, all that wait share one; a crash costs nothing that was answered. "
                + "interval: answered when written, synced every syncInterval; a crash of the machine costs what was "
                + "answered since. never: synced when a segment is full and at a stop; a crash of the machine costs up to "
                + "a segment. A killed process costs nothing in any mode."),
        .custom(
            "fsyncPerTransaction", unit: "true or false", initial: "true",
            "Flume's name: true is syncMode commit, false interval."
        ) { (target, _, text) throws(TailraceError) in
            guard let value = Bool(configured: text) else {
                throw TailraceError(
                    code: "configuration.range", message: "\"\(text)\" is not allowed here; allowed: true or false")
            }
            target.syncMode = value ? .commit : .interval
            return "use syncMode = \(target.syncMode.rawValue)"
        },
        .value(
            "syncInterval", \.syncIntervalMilliseconds, .within(1...3_600_000), unit: "ms",
            "The longest that written events wait for their sync in syncMode interval."),
        .custom(
            "fsyncInterval", unit: "s", allowed: "1 to 3600", initial: "5", "Flume's name of syncInterval, in seconds."
        ) { (target, _, text) throws(TailraceError) in
            guard let value = Int(configured: text), (1...3600).contains(value) else {
                throw TailraceError(
                    code: "configuration.range", message: "\"\(text)\" is not allowed here; allowed: s, 1 to 3600")
            }
            target.syncIntervalMilliseconds = value * 1000
            return nil
        },
        .value(
            "checkpointInterval", \.checkpointIntervalMilliseconds, .within(1...300_000), unit: "ms",
            "How often the read position is stored, if it moved. A crash repeats what was delivered since."),
        .value(
            "unsyncedBytes", \.unsyncedBytes, .within(4096...(1 << 34)), unit: "bytes",
            "Most bytes that wait for the disk, in memory; above it puts wait. A single larger batch is let in alone."),
        .value(
            "memoryBytes", \.memoryBytes, .within(4096...(1 << 34)), unit: "bytes",
            "Most bytes kept in memory for the sinks; what is behind that is read from the disk when its turn comes."),
        .value(
            "patience", \.patienceMilliseconds, .within(0...60_000), unit: "ms",
            "How long puts wait, when memoryBytes are full, for the sinks to take half of it: what is taken from memory "
                + "is never read back. Sinks that are slower, or away, hold up nothing more until they have caught up."),
        .value(
            "rememberFor", \.rememberSeconds, .within(60...31_536_000), unit: "s",
            "How long the numbers of a quiet stream are remembered, to recognise what is sent again."),
    ]

    private static let flumeKeys: [Key<FileChannelConfiguration>] = [
        .ignored(
            "useDualCheckpoints", because: "the read position has two slots, and is rebuilt from the data if both are lost"),
        .ignored(
            "backupCheckpointDir", because: "the read position has two slots, and is rebuilt from the data if both are lost"),
        .ignored("compressBackupCheckpoint", because: "the read position takes 8 KiB"),
        .ignored("checkpointOnClose", because: "the read position is always stored at a stop"),
        .ignored("use-log-replay-v1", because: "there is one way to read the log at start"),
        .ignored("use-fast-replay", because: "there is one way to read the log at start, and it reads one segment"),
        .family("encryption.*", "Refused: encryption is not built.") { (_, _, _) throws(TailraceError) in
            throw refused("encryption")
        },
    ]

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
