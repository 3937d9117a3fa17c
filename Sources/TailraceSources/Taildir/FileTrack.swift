import TailraceCore

/// How far one file was read, and how far it is safe. It outlives the open file: batches on their way refer to it, and a copy
/// of the file can take it over.
final class FileTrack {
    let incarnation: UInt64
    var identity: FileIdentity
    var path: String
    /// Behind the last batch that was submitted.
    var read: FilePlace
    /// Behind the last batch that was answered, in order: what survives.
    private(set) var safe: FilePlace
    private(set) var unanswered = 0
    /// After a failure (stopped) no later answer counts.
    private var hasFailed = false
    var isFinished = false
    /// Some file of this run goes on with it.
    var isOwned = false
    /// Nothing will ever go on with it; it is kept until its batches are answered.
    var isGone = false

    init(_ entry: TaildirEntry) {
        (incarnation, identity, path) = (entry.incarnation, entry.identity, entry.path)
        (read, safe, isFinished) = (entry.place, entry.place, entry.isFinished)
    }

    var key: String { TaildirEntry.key(incarnation) }
    /// What to go on with in this run.
    var entry: TaildirEntry {
        TaildirEntry(identity: identity, incarnation: incarnation, place: read, path: path, isFinished: isFinished)
    }
    var safeEntry: TaildirEntry {
        TaildirEntry(
            identity: identity, incarnation: incarnation, place: safe, path: path, isFinished: isFinished && unanswered == 0)
    }

    func submitted(_ place: FilePlace) {
        read = place
        unanswered += 1
    }
    func answered(_ place: FilePlace, _ result: Result<Void, TailraceError>) {
        unanswered -= 1
        switch result {
        case .success: if !hasFailed { safe = place }
        case .failure: hasFailed = true
        }
    }
    /// Begins there without having submitted what is before.
    func begin(at place: FilePlace) { (read, safe) = (place, place) }
}
