import TailraceCore

/// Closures by deadline; equal deadlines in the order they were set. A heap of numbers, with the bodies in a table, so that
/// cancelling is a removal from the table: the heap's entry is dropped when its time comes, or when more than half are such.
struct TimerQueue {
    private struct Entry {
        var deadline: Instant
        var id: UInt64
        static func precedes(_ a: Entry, _ b: Entry) -> Bool {
            a.deadline == b.deadline ? a.id < b.id : a.deadline < b.deadline
        }
    }
    private var heap: [Entry] = []
    private var bodies: [UInt64: () -> Void] = [:]
    private var lastID: UInt64 = 0

    var count: Int { bodies.count }
    /// Entries with and without body: for tests of the bound.
    var heapCount: Int { heap.count }

    /// The deadline of the first timer; nil: there is none.
    mutating func next() -> Instant? {
        while let first = heap.first {
            if bodies[first.id] != nil { return first.deadline }
            removeFirst()
        }
        return nil
    }

    mutating func add(at deadline: Instant, _ body: @escaping () -> Void) -> TimerID {
        lastID += 1
        bodies[lastID] = body
        heap.append(Entry(deadline: deadline, id: lastID))
        rise(from: heap.count - 1)
        return TimerID(value: lastID)
    }

    mutating func cancel(_ timer: TimerID) {
        guard bodies.removeValue(forKey: timer.value) != nil else { return }
        if heap.count > 64 && heap.count > bodies.count * 2 { compact() }
    }

    /// Takes out the timers that are due, in order. Their bodies stay until ``takeBody(_:)``, so that they can be cancelled.
    mutating func popDue(_ now: Instant, into due: inout [UInt64]) {
        while let first = heap.first, first.deadline <= now {
            if bodies[first.id] != nil { due.append(first.id) }
            removeFirst()
        }
    }

    /// nil: cancelled.
    mutating func takeBody(_ id: UInt64) -> (() -> Void)? { bodies.removeValue(forKey: id) }

    mutating func removeAll() { (heap, bodies) = ([], [:]) }

    private mutating func compact() {
        heap.removeAll { bodies[$0.id] == nil }
        heap.sort(by: Entry.precedes)  // a sorted array is a heap
    }

    private mutating func removeFirst() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        sink(from: 0)
    }

    private mutating func rise(from start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard Entry.precedes(heap[index], heap[parent]) else { return }
            heap.swapAt(index, parent)
            index = parent
        }
    }

    private mutating func sink(from start: Int) {
        var index = start
        while true {
            var smallest = index
            for child in (2 * index + 1)...(2 * index + 2) where child < heap.count {
                if Entry.precedes(heap[child], heap[smallest]) { smallest = child }
            }
            guard smallest != index else { return }
            heap.swapAt(index, smallest)
            index = smallest
        }
    }
}
