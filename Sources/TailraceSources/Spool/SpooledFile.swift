import TailraceCore
import TailraceSerializers

/// A file that is being read, or was read and waits for its end.
final class SpooledFile {
    let directory: SpooledDirectory
    let name: String
    let headers: [Header]
    /// As it was when it was opened; it must stay so.
    var found: FileInformation
    /// Behind what was submitted.
    var entry: SpoolEntry
    var handle: (any ReadableFile)?
    var deserializer: (any EventDeserializer)?
    /// What was read and not yet given out; it begins where the deserializer is.
    var block = Bytes()
    var isBlockLast = false
    var unanswered = 0
    /// All of it was submitted.
    var isRead = false
    /// An answer was no: the agent stops.
    var isAbandoned = false
    /// It has its final name, which may not survive a crash yet.
    var isMoved = false
    /// Attempts to rename or remove it that failed.
    var failures = 0
    /// Its name was told while it was in work: perhaps another file has it by now.
    var isNoted = false

    init(_ directory: SpooledDirectory, _ name: String, _ headers: [Header], _ found: FileInformation, _ entry: SpoolEntry) {
        (self.directory, self.name, self.headers, self.found, self.entry) = (directory, name, headers, found, entry)
    }

    var path: String { directory.fullPath(name) }
    var isSafe: Bool { isRead && unanswered == 0 && !isAbandoned }

    func isUnchanged(_ now: FileInformation) -> Bool {
        now.identity == found.identity && now.size == found.size && now.modified == found.modified
    }
    func close() {
        handle?.close()
        (handle, deserializer, block, isBlockLast) = (nil, nil, Bytes(), false)
    }
}

/// A file that had an error, and is left alone until it changes.
final class AsideFile {
    let directory: SpooledDirectory
    let name: String
    let error: TailraceError
    /// As it was then; nil: it could not even be looked at.
    let seen: FileInformation?
    /// It is tried again from time to time, also without a change.
    let isRetried: Bool
    /// What was read of it.
    let file: SpooledFile?
    var checkAt: Instant

    init(
        _ directory: SpooledDirectory, _ name: String, _ error: TailraceError, _ seen: FileInformation?, isRetried: Bool,
        _ file: SpooledFile?, _ checkAt: Instant
    ) {
        (self.directory, self.name, self.error, self.seen) = (directory, name, error, seen)
        (self.isRetried, self.file, self.checkAt) = (isRetried, file, checkAt)
    }
    func isUnchanged(_ now: FileInformation) -> Bool {
        guard let seen else { return false }
        return now.identity == seen.identity && now.size == seen.size && now.modified == seen.modified
    }
}
