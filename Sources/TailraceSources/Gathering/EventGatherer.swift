import TailraceCore

/// Makes batches of events that arrive one by one, from many peers: one is submitted when it is full, or old enough. What
/// finds no open slot waits here, bounded; then ``isBlocked`` says that nothing more is to be read.
///
/// Nobody is answered: what is here at a crash is lost.
final class EventGatherer {
    struct Limits: Equatable {
        /// Events of a batch.
        var events = 100
        /// How long an event waits for others.
        var time = Duration.milliseconds(20)
        /// Bytes of full batches that may wait for a slot; the batch that is being filled comes on top.
        var waitingBytes = 0
    }
    private let limits: Limits
    private let output: SourceOutput
    private let environment: Environment
    private let lost: Counter
    var batch = GatheredBatch()
    private var waiting: [EventBatch] = []
    private(set) var waitingBytes = 0
    private var timer: TimerID?
    private var draining: (() -> Void)?

    init(_ limits: Limits, _ output: SourceOutput, _ environment: Environment) {
        (self.limits, self.output, self.environment) = (limits, output, environment)
        lost = environment.counter("lost_at_stop_events_total")
        environment.gauge("gathered_bytes") { [weak self] in self.map { $0.waitingBytes + $0.batch.size.bytes } ?? 0 }
    }

    private var isFull: Bool { batch.size.events >= limits.events || batch.size.bytes >= TailraceCore.Limits.batchBytes }
    /// Nothing more is to be added before ``outputHasRoom()``; one read's events may come on top.
    var isBlocked: Bool { isFull && waitingBytes >= limits.waitingBytes && output.openSlots == 0 }

    /// After each event that was added to ``batch``. `@inline`: it is a comparison, but for the last event of a batch.
    @inline(__always)
    func added() { if isFull { close() } }

    /// After each read: what is there is submitted in a while at the latest.
    func addedLast() {
        guard timer == nil, !batch.isEmpty else { return }
        timer = environment.loop.schedule(at: environment.loop.now + limits.time) { [weak self] in
            self?.timer = nil
            self?.submitAll()
        }
    }

    /// A full batch goes, or waits, or (one read's events) goes on growing.
    private func close() {
        submitWaiting()
        if output.openSlots > 0 || waitingBytes < limits.waitingBytes { take() }
        submitWaiting()
    }
    private func take() {
        let full = replace()
        waiting.append(full)
        waitingBytes += full.size.bytes
    }
    private func replace() -> EventBatch {
        var full = GatheredBatch(capacity: min(batch.size.bytes + 1024, 1 << 20), events: limits.events)
        swap(&full, &batch)
        return full.finish()
    }
    private func submitWaiting() {
        var count = 0
        while count < waiting.count, output.openSlots > 0 {
            waitingBytes -= waiting[count].size.bytes
            output.submit(waiting[count]) { _ in }
            count += 1
        }
        waiting.removeFirst(count)
    }
    private func submitAll() {
        submitWaiting()
        guard waiting.isEmpty, !batch.isEmpty, output.openSlots > 0 else { return }  // outputHasRoom follows
        if let timer { environment.loop.cancel(timer) }
        timer = nil
        take()
        submitWaiting()
    }

    /// To be called when the output has room.
    func outputHasRoom() {
        if isFull || timer == nil || draining != nil { submitAll() } else { submitWaiting() }
        finishDraining()
    }

    /// Submits what is here until the deadline; what found no slot by then is lost, and counted.
    func drain(by deadline: Instant, _ done: @escaping () -> Void) {
        draining = done
        submitAll()
        environment.loop.schedule(at: deadline) { [self] in
            let left = waiting.reduce(batch.size.events) { $0 + $1.count }
            guard draining != nil else { return }
            if left > 0 {
                lost.add(left)
                environment.log(.error, "\(left) events are lost: they had arrived, and no channel had room until the stop")
            }
            (waiting, waitingBytes) = ([], 0)
            batch = GatheredBatch()
            finishDraining()
        }
        finishDraining()
    }
    private func finishDraining() {
        guard let done = draining, waiting.isEmpty, batch.isEmpty else { return }
        draining = nil
        environment.loop.enqueue(done)
    }
}
