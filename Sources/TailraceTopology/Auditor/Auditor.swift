package import TailraceCore
import TailraceStatus

/// Reads all topics of the cluster from the first record on and keeps the counts, because the embedded broker forgets.
/// `GET status` at its socket gives a ``HelperStatus``, `GET audit` an ``AuditSnapshot``.
package final class Auditor: ConsumerOwner {
    package static let auditRequest = "GET audit"
    /// Batches of one turn; what is left comes in the next.
    private static let batchesPerTurn = 8
    private static let batchLimit = BatchSize(events: 10_000, bytes: 4 << 20)

    private let plan: ClusterPlan
    private let loop: any EventLoop
    private let processID: Int32
    private let partitions: Int
    private var ledger: AuditLedger
    private var client: (any ConsumerClient)?
    private var server: DocumentServer?
    private var assigned: Set<TopicPartition> = []
    private var trouble = ""
    private var isReading = false
    private var isClosing = false

    /// `group`: its own, new with each process.
    package init(
        _ plan: ClusterPlan, _ loop: any EventLoop, _ network: any Network, _ broker: any Broker, servers: String,
        group: String, processID: Int32
    ) throws(TailraceError) {
        (self.plan, self.loop, self.processID) = (plan, loop, processID)
        partitions = plan.topics.reduce(0) { $0 + $1.partitions }
        ledger = AuditLedger(startsAtZero: plan.brokerKind != "bootstrap")
        client = try broker.makeConsumer(Self.settings(servers, group), self)
        try client!.subscribe(plan.topics.map(\.name), pattern: nil)
        server = try DocumentServer(loop, network, path: plan.member("auditor")!.socket) { [weak self] request, reply in
            self?.answer(request, reply)
        }
    }

    private static func settings(_ servers: String, _ group: String) -> [String: String] {
        [
            "bootstrap.servers": servers, "group.id": group, "client.id": "tailrace-auditor", "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": "50", "reconnect.backoff.max.ms": "1000", "allow.auto.create.topics": "true",
            // What a broker that forgets may drop must be fetched, not announced: little is queued, and read at once.
            "queued.max.messages.kbytes": "4096", "queued.min.messages": "1000",
        ]
    }

    package func close(_ done: @escaping () -> Void) {
        server?.close()
        isClosing = true
        guard let client else { return loop.enqueue(done) }
        client.close(done)
    }

    // MARK: ConsumerOwner

    package func clientHasRecords() { read() }

    package func assigned(
        _ partitions: [(TopicPartition, Int64?)], _ start: @escaping ([(TopicPartition, Int64?)]) -> Void
    ) {
        assigned.formUnion(partitions.map(\.0))
        // After a rebalance it goes on where it was: reading again would look like duplicates.
        start(partitions.map { ($0.0, ledger.partitions[$0.0]?.next) })
        loop.enqueue { [weak self] in self?.read() }
    }
    package func revoked(_ partitions: [TopicPartition], mayCommit: Bool, _ done: @escaping () -> Void) {
        assigned.subtract(partitions)
        done()
    }
    package func failed(_ error: TailraceError) { trouble = error.description }

    private func read() {
        guard !isReading, !isClosing, let client else { return }
        for _ in 0..<Self.batchesPerTurn {
            guard let batch = client.poll(upTo: Self.batchLimit) else { return }
            count(batch)
        }
        isReading = true
        loop.enqueue { [weak self] in
            self?.isReading = false
            self?.read()
        }
    }

    private func count(_ batch: ConsumedBatch) {
        batch.events.forEach { index, event in
            let identity = batch.headers[index].first { $0.name == RecordSet.identityHeaderName }?.value
            ledger.record(batch.partition, offset: batch.offsets[index], identity: identity, body: event.body)
        }
    }

    // MARK: Answers

    /// All partitions of all topics: a part would be read late, when the broker may have dropped its first records.
    private var hasAll: Bool { !assigned.isEmpty && (assigned.count >= partitions || plan.brokerKind == "bootstrap") }

    private func answer(_ request: String, _ reply: (String) -> Void) {
        switch request + "\n" {
        case AgentStatus.request:
            var status = HelperStatus(pid: processID, isReady: hasAll)
            status.records = ledger.records
            status.dropped = ledger.partitions.values.reduce(0) { $0 + $1.dropped }
            status.trouble = hasAll ? "" : trouble
            reply(JSON.text(status))
        case Self.auditRequest + "\n":
            var snapshot = ledger.snapshot
            snapshot.isReading = hasAll
            snapshot.trouble = trouble
            reply(JSON.text(snapshot))
        default: reply(#"{"error":"unknown request; known: GET status, GET audit"}"#)
        }
    }
}
