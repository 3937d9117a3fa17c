import TailraceCore
import TailraceSimulation
import TailraceTopology

/// What arrived in the topics of a chain, beside what was fed: the truth that the program's own figures must agree with.
struct ChainTruth {
    struct Number: Hashable {
        var stream: StreamID
        var number: UInt64
    }
    /// Per topic, the texts that are there.
    private(set) var texts: [Set<String>] = []
    private(set) var numbers: [StreamID: Set<UInt64>] = [:]
    private(set) var records = 0
    /// Records whose number was there already.
    private(set) var duplicates = 0
    /// Texts that came under a further number: they were read again from their source.
    private(set) var readAgain = 0
    /// Numbers with two different texts, and records without one.
    private(set) var reused: [String] = []
    /// The program's own audit of the same records.
    private(set) var audit = AuditLedger(startsAtZero: true)

    init(_ broker: SimulatedBroker, _ topics: [String]) {
        var contents: [Number: Bytes] = [:]
        for topic in topics {
            var texts: Set<String> = [], distinct = 0
            for record in broker.records(topic) {
                records += 1
                texts.insert(record.value.text)
                let header = record.headers.last { $0.name == RecordSet.identityHeaderName }?.value
                audit.record(record.partition, offset: record.offset, identity: header, body: record.value)
                guard let identity = record.identity else {
                    reused.append("\(record.partition)/\(record.offset) has no number")
                    continue
                }
                let number = Number(stream: identity.stream, number: identity.sequence)
                if let known = contents[number] {
                    duplicates += 1
                    if known != record.value { reused.append("\(number.stream)/\(number.number)") }
                } else {
                    contents[number] = record.value
                    numbers[number.stream, default: []].insert(number.number)
                    distinct += 1
                }
            }
            readAgain += max(0, distinct - texts.count)
            self.texts.append(texts)
        }
    }

    func missing(_ owed: [String]) -> [String] { owed.filter { text in !texts.allSatisfy { $0.contains(text) } } }
    func invented(_ known: Set<String>) -> Int { texts.reduce(0) { $0 + $1.count { !known.contains($0) } } }
    func missingSafe(_ agents: [SimulatedAgent]) -> [String] {
        var missing: [String] = []
        for agent in agents {
            for (stream, reached) in agent.streams.sorted(by: { $0.key < $1.key }) {
                let arrived = numbers[stream] ?? []
                for number in 0..<reached.safe where !arrived.contains(number) { missing.append("\(stream)/\(number)") }
            }
        }
        return missing
    }
    var outOfOrder: UInt64 { audit.streams.values.reduce(0) { $0 + $1.outOfOrder } }

    /// What the audit says otherwise than the truth.
    var disagreements: [String] {
        var found: [String] = []
        let counted = audit.streams.values.reduce(0) { $0 + $1.duplicates }
        if counted != UInt64(duplicates) { found.append("the audit counts \(counted) duplicates, there are \(duplicates)") }
        for (stream, numbers) in numbers.sorted(by: { $0.key < $1.key }) {
            let seen = audit.streams[stream]?.seen.count ?? 0
            if seen != UInt64(numbers.count) { found.append("the audit has \(seen) of \(numbers.count) numbers of \(stream)") }
        }
        return found
    }
}
