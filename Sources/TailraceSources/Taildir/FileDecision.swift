package import TailraceCore

/// What becomes of a file of which something is remembered. Pure: the file's evidence comes as a closure.
package enum FileDecision: Hashable, Sendable {
    /// The bytes that were read are still there: go on behind them.
    case goOn
    /// It is shorter than what was read: it was truncated, or it is another file with the same inode.
    case shorter
    /// It is long enough, but other bytes stand there: truncated and written again, or another file.
    case rewritten

    /// `found`: what the file holds at the remembered offset (nil: it ends before).
    package static func check(_ place: FilePlace, size: Int64, found: FilePlace?) -> FileDecision {
        if size < place.offset { return .shorter }
        return found == place ? .goOn : .rewritten
    }

    /// Which of several memories of one inode is this file's: the one that got furthest among those whose evidence is there.
    /// nil: none, it is another file. A memory of another device number counts only with full evidence or the same path,
    /// because numbers of devices can change at a reboot, and inode numbers are not rare.
    package static func choose<E: Error>(
        _ entries: [TaildirEntry], identity: FileIdentity, path: String, size: Int64,
        found: (_ offset: Int64) throws(E) -> FilePlace?
    ) throws(E) -> Int? {
        let order = entries.indices.sorted { (entries[$0].place.offset, $1) > (entries[$1].place.offset, $0) }
        for index in order {
            let entry = entries[index]
            guard entry.identity.inode == identity.inode else { continue }
            let isTrusted =
                entry.identity == identity || entry.path == path || entry.place.offset >= Int64(FilePlace.evidenceBytes)
            guard isTrusted, size >= entry.place.offset else { continue }
            let place = entry.place.offset == 0 ? .start : try found(entry.place.offset)
            if check(entry.place, size: size, found: place) == .goOn { return index }
        }
        return nil
    }

    /// Where to begin by an entry of Flume's position file, which has no evidence; and a line for the log, if it is not the
    /// entry's own offset. `before`: the byte before the offset, nil if the file ends before.
    package static func begin(
        _ entry: FlumePosition, path: String, size: Int64, before: UInt8?
    ) -> (offset: Int64, note: String?) {
        if entry.offset == 0 { return (0, nil) }
        if entry.offset > size {
            return (0, "Flume's position \(entry.offset) is beyond the end (\(size) bytes): it is read from its start")
        }
        if entry.path == path { return (entry.offset, nil) }
        // Renamed since then, or another file with the same inode. Flume's positions stand behind a line end.
        if before == 0x0A { return (entry.offset, "Flume knew it as \(entry.path): it goes on at \(entry.offset)") }
        return (0, "it is not \(entry.path), which had its inode: it is read from its start")
    }
}
