import TailraceCore

/// One file that is followed, by whatever names it has.
final class TailedFile {
    enum Phase {
        /// Not looked into since it was found; `skip`: begin at its end.
        case found(skip: Bool)
        /// All it has is also in another file: perhaps a copy made by a rotation that has not truncated the original yet.
        case held(since: Instant, size: Int64)
        case reading
    }

    let identity: FileIdentity
    let directory: TailedDirectory
    /// Full paths that match, in order; the first one is reported.
    private(set) var paths: [String] = []
    /// Where it was seen last when no name matches.
    var outsidePath: String?
    var group: FileGroup
    var headers: [Header] = []
    var phase: Phase
    var track: FileTrack
    /// Up to ``FilePlace/evidenceBytes`` bytes from its start, of what was read.
    var firstBytes = Bytes()
    /// No line end stands between the read position and here; ≥ the read position.
    var scannedTo: Int64 = 0
    /// The size of the next read.
    var blockBytes = BlockReader.blockBytes
    var handle: (any ReadableFile)?
    var seenSize: Int64 = -1
    var seenModified = WallTime(milliseconds: .min)
    var links = 1
    /// Its writes may come by a name that nobody watches.
    var isReachedByLink = false
    var lastActivity: Instant
    var retryAt: Instant?
    var errorTold: String?
    var needsReopening = false
    /// In one of the queues.
    var isInLookQueue = false, isInReadQueue = false
    /// Look closely although size and time are unchanged.
    var isChanged = true
    /// It is gone for good and was read to its end: what stands there without line end is a line.
    var isFinal = false
    var blocksInARow = 0
    var isDropped = false
    var cutTold = false

    init(
        _ identity: FileIdentity, _ directory: TailedDirectory, _ group: FileGroup, _ track: FileTrack, _ phase: Phase,
        _ now: Instant
    ) {
        (self.identity, self.directory, self.group, self.track) = (identity, directory, group, track)
        (self.phase, lastActivity) = (phase, now)
    }

    var hasName: Bool { !paths.isEmpty }
    /// Whether it is a file of its own or a copy is not known yet.
    var isUndecided: Bool {
        switch phase {
        case .found: seenSize != 0
        case .held: true
        case .reading: false
        }
    }
    var path: String { paths.first ?? outsidePath ?? track.path }
    var place: FilePlace { track.read }
    /// Bytes that are there and not yet read, as far as known.
    var lag: Int64 { max(0, seenSize - place.offset) }

    func add(_ path: String) {
        guard !paths.contains(path) else { return }
        paths.append(path)
        paths.sort()
        (outsidePath, isFinal) = (nil, false)
    }
    func remove(_ path: String) { paths.removeAll { $0 == path } }

    func close() {
        handle?.close()
        handle = nil
    }
}
