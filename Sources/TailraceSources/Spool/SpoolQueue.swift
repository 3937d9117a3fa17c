import TailraceCore

/// Files that wait to be read: the one with the least priority is next (a binary heap).
struct SpoolQueue {
    struct Item {
        var directory: SpooledDirectory
        var name: String
        /// Smaller is earlier; of equals, the one with the smaller path.
        var priority: Int64
        var path: String
        /// Read in part before it was set aside.
        var file: SpooledFile?

        func isBefore(_ other: Item) -> Bool { (priority, path) < (other.priority, other.path) }
    }
    private var items: [Item] = []

    var isEmpty: Bool { items.isEmpty }
    var count: Int { items.count }

    mutating func insert(_ item: Item) {
        items.append(item)
        var index = items.count - 1
        while index > 0, items[index].isBefore(items[(index - 1) / 2]) {
            items.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func popFirst() -> Item? {
        guard let first = items.first else { return nil }
        let last = items.removeLast()
        guard !items.isEmpty else { return first }
        items[0] = last
        var index = 0
        while true {
            var least = index
            for child in [index * 2 + 1, index * 2 + 2] where child < items.count && items[child].isBefore(items[least]) {
                least = child
            }
            if least == index { return first }
            items.swapAt(index, least)
            index = least
        }
    }
}
