import TailraceCore

/// All files of one host. They outlive its processes.
final class FileTree {
    let host: String
    let timeline: Timeline
    let root: Inode
    private var inodes: [UInt64: Inode] = [:]
    private var freeNumbers: [UInt64] = []
    private var nextNumber: UInt64 = 2
    /// ext4 gives the number of a deleted file to the next new one; others do not.
    var reusesInodes = true
    var capacity = Int.max
    private var watches: [Watch] = []

    init(_ host: String, _ timeline: Timeline) {
        (self.host, self.timeline) = (host, timeline)
        root = Inode(1, .directory, WallTime(milliseconds: 0))
        (root.links, root.durableLinks) = (1, 1)
    }

    var wallTime: WallTime { WallTime(milliseconds: 1_767_225_600_000 + timeline.now.nanoseconds / 1_000_000) }
    var used: Int { inodes.values.reduce(0) { $0 + $1.content.count } }
    var free: Int { max(0, capacity - used) }

    func make(_ kind: Inode.Kind) -> Inode {
        let number = reusesInodes ? freeNumbers.popLast() ?? nextNumber : nextNumber
        if number == nextNumber { nextNumber += 1 }
        let inode = Inode(number, kind, wallTime)
        inodes[number] = inode
        return inode
    }
    /// Its number may be given away if nothing leads to it any more.
    func release(_ inode: Inode) {
        guard inode.links == 0, inode.durableLinks == 0, inode.opens == 0, inodes[inode.number] === inode else { return }
        inodes[inode.number] = nil
        freeNumbers.append(inode.number)
    }

    // MARK: Paths

    struct Place {
        var directory: Inode
        var name: String
        var inode: Inode?
    }
    /// Where a path leads: its last name's directory, and what is there.
    func place(_ path: String, follow: Bool = true, links: Int = 0) throws(TailraceError) -> Place {
        guard links < 40 else { throw FileErrors.kind("open", path, "Too many levels of symbolic links") }
        var directory = root, rest = path.split(separator: "/").filter { $0 != "." }.map(String.init)[...]
        while let name = rest.popFirst() {
            if name == ".." {
                directory = directory.parent ?? root
                continue
            }
            let found = directory.entries[name]
            if case .link(let target)? = found?.kind, follow || !rest.isEmpty {
                let prefix = target.hasPrefix("/") ? "" : self.path(of: directory) + "/"
                return try place(([prefix + target] + rest).joined(separator: "/"), follow: follow, links: links + 1)
            }
            if rest.isEmpty { return Place(directory: directory, name: name, inode: found) }
            guard let found, found.kind == .directory else { throw FileErrors.missing("find", path) }
            directory = found
        }
        return Place(directory: directory.parent ?? root, name: "/", inode: directory)
    }
    func inode(_ path: String, _ action: String, follow: Bool = true) throws(TailraceError) -> Inode {
        guard let inode = try place(path, follow: follow).inode else { throw FileErrors.missing(action, path) }
        return inode
    }
    private func path(of directory: Inode) -> String {
        guard let parent = directory.parent else { return "" }
        let name = parent.entries.names.first { parent.entries[$0] === directory }
        return path(of: parent) + "/" + (name ?? "(deleted)")
    }

    /// With its parents. Durable at once: what a test is about lies inside of it.
    func makeDirectory(_ path: String) throws(TailraceError) -> Inode {
        var made = ""
        var directory = root
        for name in path.split(separator: "/") {
            made += "/" + name
            let place = try place(made)
            if let inode = place.inode {
                guard inode.kind == .directory else { throw FileErrors.kind("make directory", made, "Not a directory") }
                directory = inode
            } else {
                directory = make(.directory)
                directory.parent = place.directory
                add(directory, to: place, durable: true)
            }
        }
        return directory
    }

    // MARK: Names

    func add(_ inode: Inode, to place: Place, durable: Bool) {
        place.directory.entries.link(place.name, inode)
        if durable { sync(place.directory) }
        if let old = place.inode { release(old) }
        changed(place.directory, place.name)
    }
    func remove(_ place: Place, durable: Bool) {
        place.directory.entries.unlink(place.name)
        if durable { sync(place.directory) }
        if let old = place.inode { release(old) }
        changed(place.directory, place.name)
        if place.inode?.kind == .directory { for watch in watches where watch.directory === place.inode { watch.lost() } }
    }
    func rename(_ from: String, to: String, in directory: Inode) {
        let replaced = directory.entries[to]
        directory.entries.rename(from, to: to)
        if let replaced, replaced !== directory.entries[to] { release(replaced) }
        changed(directory, from)
        changed(directory, to)
    }

    func sync(_ directory: Inode) { for inode in directory.entries.sync() { release(inode) } }

    // MARK: Watches

    func add(_ watch: Watch) { watches.append(watch) }
    func remove(_ watch: Watch) { watches.removeAll { $0 === watch } }
    func changed(_ directory: Inode, _ name: String) {
        for watch in watches where watch.directory === directory { watch.noted(name) }
    }

    // MARK: Loss of power

    func losePower(_ random: inout SeededRandom) {
        for number in inodes.keys.sorted() { inodes[number]!.content.losePower(&random) }
        root.entries.losePower(&random)
        for number in inodes.keys.sorted() { inodes[number]!.entries.losePower(&random) }
        for number in inodes.keys.sorted() { release(inodes[number]!) }
    }
}

/// A watch of a directory: collects names and tells them in a later turn, together.
final class Watch: Cancellable {
    let directory: Inode
    private weak var tree: FileTree?
    private let loop: SimulatedLoop
    private let timeline: Timeline
    private var random: SeededRandom
    private var changed: (([String]?) -> Void)?
    private var names: [String] = []
    private var isLost = false
    private var isPlanned = false
    private static let limit = 16_384

    init(
        _ directory: Inode, _ tree: FileTree, _ loop: SimulatedLoop, _ random: SeededRandom,
        _ changed: @escaping ([String]?) -> Void
    ) {
        (self.directory, self.tree, self.loop, self.random) = (directory, tree, loop, random)
        (self.timeline, self.changed) = (tree.timeline, changed)
    }

    func noted(_ name: String) {
        if names.count >= Self.limit { isLost = true }
        if !isLost, !names.contains(name) { names.append(name) }
        plan()
    }
    func lost() {
        isLost = true
        plan()
    }
    private func plan() {
        guard !isPlanned else { return }
        isPlanned = true
        timeline.after(random.duration(timeline.faults.watchTime)) { [weak self] in
            guard let self else { return }
            loop.enqueue { [weak self] in self?.tell() }
        }
    }
    private func tell() {
        isPlanned = false
        guard let changed else { return }
        let isLost = isLost || random.chance(timeline.faults.watchOverflow), names = names
        (self.isLost, self.names) = (false, [])
        changed(isLost ? nil : names)
    }
    func cancel() {
        changed = nil
        tree?.remove(self)
    }
}
