import TailraceCore

/// Files of segments that were read to their end, kept for the next ones: their blocks are there, and so are their pages in the
/// kernel. Writing over them takes a third of the time of writing into new ones, and its syncs change no metadata.
///
/// A spare has another name than a segment, so no recovery looks into it. Before it gets its new number its prologue is wiped,
/// synced. What else it holds belongs to the old number, with which every frame's checksum begins.
final class SpareSegments {
    /// In one data directory: one for the segment that is opened next, and one while that is being done.
    static let limit = 2

    private let disks: [any Disk]
    /// By data directory.
    private var numbers: [[UInt64]]
    /// Never reused: a write or a sync of them failed, or they were damaged.
    private var distrusted: Set<UInt64> = []

    init(_ disks: [any Disk], _ found: [SegmentInfo]) {
        self.disks = disks
        numbers = disks.map { _ in [] }
        for spare in found { numbers[spare.disk].append(spare.number) }
    }

    func distrust(_ segment: SegmentInfo) { distrusted.insert(segment.number) }
    /// It is deleted.
    func forget(_ segment: SegmentInfo) { distrusted.remove(segment.number) }

    func wants(_ segment: SegmentInfo) -> Bool {
        numbers[segment.disk].count < Self.limit && !distrusted.contains(segment.number)
    }
    /// Gives a segment the name of a spare.
    func add(_ segment: SegmentInfo, _ done: @escaping Completion) {
        let old = FileFormat.name(ofSegment: segment.number), new = FileFormat.name(ofSpare: segment.number)
        disks[segment.disk].rename(old, to: new) { [self] result in
            if case .success = result { numbers[segment.disk].append(segment.number) }
            done(result)
        }
    }

    /// Makes a spare of the disk into the file of that segment, or does nothing if there is none. What goes wrong costs the
    /// spare and nothing else. Neither the new name nor the file's content is synced yet, but for the wiped prologue.
    func use(for segment: SegmentInfo, _ done: @escaping () -> Void) {
        guard let number = numbers[segment.disk].popLast() else { return done() }
        let name = FileFormat.name(ofSpare: number), disk = disks[segment.disk]
        disk.open(name, preallocating: 0) { [self] result in
            guard case .success(let file) = result else { return discard(name, disk, done) }
            let wiped = Bytes(copying: [UInt8](repeating: 0, count: SegmentPrologue.byteCount))
            file.append([wiped], at: 0, sync: true) { [self] result in
                file.close()
                guard case .success = result else { return discard(name, disk, done) }
                disk.rename(name, to: FileFormat.name(ofSegment: segment.number)) { [self] result in
                    guard case .success = result else { return discard(name, disk, done) }
                    done()
                }
            }
        }
    }
    /// If that fails, too, the next start finds it.
    private func discard(_ name: String, _ disk: any Disk, _ done: @escaping () -> Void) { disk.remove(name) { _ in done() } }
}
