import TailraceCore

/// What is to happen, earliest first; equal times in the order they were added. A binary heap: O(log n) each.
struct TimeQueue<Element> {
    private struct Item {
        var time: Instant
        var number: UInt64
        var element: Element
        func isBefore(_ other: Item) -> Bool { (time, number) < (other.time, other.number) }
    }
    private var items: [Item] = []
    private var nextNumber: UInt64 = 0

    var isEmpty: Bool { items.isEmpty }
    var count: Int { items.count }
    var first: Instant? { items.first?.time }

    mutating func add(_ element: Element, at time: Instant) {
        items.append(Item(time: time, number: nextNumber, element: element))
        nextNumber += 1
        var child = items.count - 1
        while child > 0, items[child].isBefore(items[(child - 1) / 2]) {
            items.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeFirst() -> (time: Instant, element: Element) {
        items.swapAt(0, items.count - 1)
        let first = items.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in 2 * parent + 1..<2 * parent + 3 where child < items.count && items[child].isBefore(items[least]) {
                least = child
            }
            if least == parent { return (first.time, first.element) }
            items.swapAt(parent, least)
            parent = least
        }
    }

    mutating func removeAll() { items = [] }
}
