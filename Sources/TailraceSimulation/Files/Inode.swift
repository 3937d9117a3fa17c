import TailraceCore

/// A file, directory, link or pipe of a simulated host.
final class Inode {
    enum Kind: Equatable {
        case file, directory, fifo
        case link(String)
    }
    let number: UInt64
    let kind: Kind
    var content = FileContent()
    var entries = Entries()
    /// Names that lead to it now, and those that would after a loss of power.
    var links = 0
    var durableLinks = 0
    var opens = 0
    var modified: WallTime
    weak var parent: Inode?

    init(_ number: UInt64, _ kind: Kind, _ modified: WallTime) {
        (self.number, self.kind, self.modified) = (number, kind, modified)
    }

    func information(_ name: String) -> FileInformation {
        let kind: FileKind
        var size = content.count
        switch self.kind {
        case .file: kind = .file
        case .directory: kind = .directory
        case .fifo: kind = .other
        case .link(let target): (kind, size) = (.link, target.utf8.count)
        }
        return FileInformation(
            name: name, kind: kind, identity: FileIdentity(device: 1, inode: number), size: Int64(size), modified: modified,
            links: links)
    }
}

/// The names in a directory: as they are, and as a loss of power may leave them.
struct Entries {
    private enum Change {
        case link(String, Inode)
        case unlink(String)
        case rename(String, String, Inode)
    }
    private(set) var current: [String: Inode] = [:]
    private var durable: [String: Inode] = [:]
    private var changes: [Change] = []

    /// In an order that is always the same.
    var names: [String] { current.keys.sorted() }
    subscript(name: String) -> Inode? { current[name] }

    mutating func link(_ name: String, _ inode: Inode) { change(.link(name, inode)) }
    mutating func unlink(_ name: String) { change(.unlink(name)) }
    /// Within this directory.
    mutating func rename(_ from: String, to: String) { change(.rename(from, to, current[from]!)) }

    private mutating func change(_ change: Change) {
        changes.append(change)
        Self.apply(change, to: &current) { $0.links += $1 }
    }
    /// Those that a durable name led to and may not any more: their memory can be released.
    @discardableResult
    mutating func sync() -> [Inode] {
        var lost: [Inode] = []
        for change in changes {
            Self.apply(change, to: &durable) {
                $0.durableLinks += $1
                if $1 < 0 { lost.append($0) }
            }
        }
        changes = []
        return lost
    }
    /// As for the sectors of a file: nothing, all, a prefix, or any of the changes survive.
    mutating func losePower(_ random: inout SeededRandom) {
        let mode = random.below(4), prefix = random.below(changes.count + 1)
        for (index, change) in changes.enumerated() {
            let survives: Bool
            switch mode {
            case 0: survives = false
            case 1: survives = true
            case 2: survives = index < prefix
            default: survives = random.chance(0.5)
            }
            if survives { Self.apply(change, to: &durable) { $0.durableLinks += $1 } }
        }
        changes = []
        for (_, inode) in current { inode.links -= 1 }
        current = durable
        for (_, inode) in current { inode.links += 1 }
    }

    private static func apply(_ change: Change, to names: inout [String: Inode], _ count: (Inode, Int) -> Void) {
        func set(_ name: String, _ inode: Inode?) {
            if let old = names[name] { count(old, -1) }
            if let inode { count(inode, 1) }
            names[name] = inode
        }
        switch change {
        case .link(let name, let inode): set(name, inode)
        case .unlink(let name): set(name, nil)
        case .rename(let from, let to, let inode):
            if names[from] === inode { set(from, nil) }
            set(to, inode)
        }
    }
}
