import CRdkafka
import TailraceCore

/// What became of the events of one record set, as runs of indices: it costs runs, not events.
struct Outcomes {
    private struct Run {
        var events: Range<Int>
        var code: rd_kafka_resp_err_t
    }
    private let count: Int
    private var runs: [Run] = []
    /// Events without a report.
    private(set) var missing: Int

    init(count: Int) { (self.count, missing) = (count, count) }

    /// Each event once, in any order.
    mutating func add(_ events: Range<Int>, _ code: rd_kafka_resp_err_t) {
        precondition(events.upperBound <= count && events.count <= missing, "a report for an event that has one")
        missing -= events.count
        if let last = runs.last, last.events.upperBound == events.lowerBound, last.code == code {
            runs[runs.count - 1].events = last.events.lowerBound..<events.upperBound
        } else if !events.isEmpty {
            runs.append(Run(events: events, code: code))
        }
    }

    /// Gives `code` to all events that have no report.
    mutating func giveUp(_ code: rd_kafka_resp_err_t) {
        runs.sort { $0.events.lowerBound < $1.events.lowerBound }
        var holes: [Range<Int>] = [], start = 0
        for run in runs {
            if start < run.events.lowerBound { holes.append(start..<run.events.lowerBound) }
            start = run.events.upperBound
        }
        if start < count { holes.append(start..<count) }
        for hole in holes { add(hole, code) }
    }

    /// Confirmed, rejected and to be sent again, each ascending. `topic`: of the event at an index, for error texts.
    mutating func result(topic: (Int) -> String) -> ProduceResult {
        precondition(missing == 0)
        runs.sort { $0.events.lowerBound < $1.events.lowerBound }
        var result = ProduceResult(confirmed: [], rejected: [], retriable: [])
        var index = 0
        while index < runs.count {
            let code = runs[index].code, start = runs[index].events.lowerBound
            var end = runs[index].events.upperBound
            index += 1
            while index < runs.count, runs[index].code == code, runs[index].events.lowerBound == end {
                end = runs[index].events.upperBound
                index += 1
            }
            if code == RD_KAFKA_RESP_ERR_NO_ERROR {
                result.confirmed.append(start..<end)
                continue
            }
            let error = KafkaErrors.delivery(code, events: end - start, topic: topic(start))
            let rejection = Rejection(events: start..<end, error: error)
            if KafkaErrors.verdict(code) == .reject {
                result.rejected.append(rejection)
            } else {
                result.retriable.append(rejection)
            }
        }
        return result
    }
}

/// One record set on its way: keeps the memory that librdkafka's messages point into until their last report.
final class Flight {
    let records: RecordSet
    let done: (ProduceResult) -> Void
    /// Ascending in the order of `produce`.
    let number: UInt64
    /// Events handed to librdkafka so far. Less than all only for the one set that is larger than the whole queue.
    var fed = 0
    var outcomes: Outcomes

    init(_ records: RecordSet, number: UInt64, _ done: @escaping (ProduceResult) -> Void) {
        (self.records, self.number, self.done) = (records, number, done)
        outcomes = Outcomes(count: records.batch.count)
    }

    var isDone: Bool { outcomes.missing == 0 }
    func answer() -> () -> Void {
        let result = outcomes.result { records.topic[$0] }
        return { [done] in done(result) }
    }
}

/// The record sets on their way, by slot. A message's opaque is slot and event index in one word (``ReportTag``), not a
/// pointer: nothing is retained, looked up by hash or allocated per message, and a wrong report could not crash.
struct FlightTable {
    private var slots: [Flight?] = []
    private var free: [Int] = []

    var count: Int { slots.count - free.count }
    subscript(slot: Int) -> Flight? { slot < slots.count ? slots[slot] : nil }
    var all: [Flight] { slots.compactMap { $0 } }

    mutating func insert(_ flight: Flight) -> Int {
        if let slot = free.popLast() {
            slots[slot] = flight
            return slot
        }
        slots.append(flight)
        return slots.count - 1
    }
    mutating func remove(_ slot: Int) {
        slots[slot] = nil
        free.append(slot)
    }
    mutating func removeAll() { (slots, free) = ([], []) }
}

/// Slot + 1 in the upper half, event index in the lower: reports of neighbours differ by one.
enum ReportTag {
    static func make(slot: Int, event: Int) -> UInt { UInt(slot + 1) << 32 | UInt(event) }
    static func slot(_ tag: UInt) -> Int { Int(tag >> 32) - 1 }
    static func event(_ tag: UInt) -> Int { Int(tag & 0xFFFF_FFFF) }
}
