/// Files that wait for their turn, first come, first served.
struct FileQueue {
    private var files: [TailedFile] = []
    private var first = 0

    var isEmpty: Bool { first == files.count }
    var count: Int { files.count - first }

    mutating func append(_ file: TailedFile) { files.append(file) }

    mutating func popFirst() -> TailedFile? {
        guard first < files.count else { return nil }
        defer {
            first += 1
            if first == files.count {
                files.removeAll(keepingCapacity: true)
                first = 0
            } else if first >= 1024 {
                files.removeFirst(first)
                first = 0
            }
        }
        return files[first]
    }

    mutating func sort(by isBefore: (TailedFile, TailedFile) -> Bool) {
        files.removeFirst(first)
        first = 0
        files.sort(by: isBefore)
    }
    mutating func removeAll() { (files, first) = ([], 0) }
}
