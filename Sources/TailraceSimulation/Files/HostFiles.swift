package import TailraceCore

/// The files of a host, as other programs there see them: a test's way to write logs, rotate them, and look at what an agent
/// has written. What is done here is durable at once. A call that cannot be done is a mistake of the test, and traps.
package final class HostFiles {
    let tree: FileTree
    /// Decides for each operation of the agent on this host whether it fails. `number`: from 0 on, in order.
    package var fault: ((_ operation: FileOperation, _ path: String, _ number: Int) -> TailraceError?)?
    package internal(set) var operations = 0
    /// Directories that another process has locked.
    package var lockedByOthers: Set<String> = []

    init(_ host: String, _ timeline: Timeline) { tree = FileTree(host, timeline) }

    package var reusesInodes: Bool {
        get { tree.reusesInodes }
        set { tree.reusesInodes = newValue }
    }
    /// Bytes that all files together may have.
    package var capacity: Int {
        get { tree.capacity }
        set { tree.capacity = newValue }
    }
    package var usedBytes: Int { tree.used }

    private func must<R>(_ body: () throws(TailraceError) -> R) -> R {
        do throws(TailraceError) { return try body() } catch { fatalError("\(tree.host): \(error)") }
    }
    private func place(_ path: String, follow: Bool = true) -> FileTree.Place {
        must { () throws(TailraceError) in try tree.place(path, follow: follow) }
    }
    private func found(_ path: String, follow: Bool = true) -> FileTree.Place {
        let place = place(path, follow: follow)
        if place.inode == nil { fatalError("\(tree.host) has no \(path)") }
        return place
    }

    package func makeDirectory(_ path: String) { _ = must { () throws(TailraceError) in try tree.makeDirectory(path) } }
    /// Made if missing; else it keeps its inode and gets other content.
    package func write(_ path: String, _ bytes: some Collection<UInt8>) { change(path) { $0.content.set(Array(bytes)) } }
    package func write(_ path: String, _ text: String) { write(path, text.utf8) }
    package func append(_ path: String, _ bytes: some Collection<UInt8>) { change(path) { $0.content.add(bytes) } }
    package func append(_ path: String, _ text: String) { append(path, text.utf8) }
    package func truncate(_ path: String, to size: Int) {
        _ = found(path)
        change(path) {
            $0.content.set(Array($0.content.bytes.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - $0.content.count)))
        }
    }
    private func change(_ path: String, _ body: (Inode) -> Void) {
        let place = place(path), inode = place.inode ?? tree.make(.file)
        precondition(inode.kind == .file, "\(path) is not a file")
        if place.inode == nil { tree.add(inode, to: place, durable: true) }
        body(inode)
        inode.modified = tree.wallTime
        tree.changed(place.directory, place.name)
    }

    package func rename(_ from: String, to: String) {
        let source = found(from, follow: false), target = place(to, follow: false), inode = source.inode!
        if source.directory === target.directory {
            tree.rename(source.name, to: target.name, in: source.directory)
            tree.sync(source.directory)
        } else {
            tree.add(inode, to: target, durable: true)
            tree.remove(source, durable: true)
            if inode.kind == .directory { inode.parent = target.directory }
        }
    }
    package func remove(_ path: String) {
        let place = found(path, follow: false)
        precondition(place.inode!.kind != .directory || place.inode!.entries.names.isEmpty, "\(path) is not empty")
        tree.remove(place, durable: true)
    }
    /// A second name of a file.
    package func link(_ existing: String, _ new: String) { tree.add(found(existing).inode!, to: place(new), durable: true) }
    package func symlink(_ path: String, to target: String) {
        tree.add(tree.make(.link(target)), to: place(path, follow: false), durable: true)
    }
    package func makeFifo(_ path: String) { tree.add(tree.make(.fifo), to: place(path), durable: true) }

    /// nil: no such file.
    package func read(_ path: String) -> [UInt8]? { place(path).inode?.content.bytes }
    package func text(_ path: String) -> String? { read(path).map { String(decoding: $0, as: UTF8.self) } }
    func isDirectory(_ path: String) -> Bool { place(path, follow: false).inode?.kind == .directory }
    package func exists(_ path: String) -> Bool { place(path, follow: false).inode != nil }
    package func names(_ directory: String) -> [String] { found(directory).inode!.entries.names }
    package func inode(_ path: String) -> UInt64 { found(path).inode!.number }

    /// What the agent is about to do: counted, and perhaps hit by a fault.
    func check(
        _ operation: FileOperation, _ path: String, _ probability: Double, _ random: inout SeededRandom
    ) throws(TailraceError) {
        defer { operations += 1 }
        if let error = fault?(operation, path, operations) { throw error }
        guard random.chance(probability) else { return }
        tree.timeline.note("disk error", operation.rawValue + " " + path)
        throw FileErrors.failed(operation.rawValue, path)
    }
}
