/// Moves batches from one channel to one sink group. Hands each take on under its own backend: so it sees each outcome
/// first, tells the processor, then settles in the channel. Knows which sinks refuse which stream.
package final class SinkRunner: ChannelConsumer, SinkObserver, TakeBackend {
    /// A take is opened while fewer than `takes` and less than `size` are open. Strict order: takes 1.
    package struct Window: Sendable {
        package var takes: Int
        package var size: BatchSize
        package init(takes: Int, size: BatchSize) { (self.takes, self.size) = (takes, size) }
    }
    private final class Open {
        var channelTake: TakeTransaction?
        let sink: Int
        let stream: StreamID
        let size: BatchSize
        init(_ take: consuming TakeTransaction, _ sink: Int, _ head: BatchHead) {
            (self.sink, stream, size) = (sink, head.stream, take.batch.size)
            channelTake = consume take
        }
    }
    private struct Route {
        var refused: Set<Int> = []
        var hint: Endpoint?
        var until: Instant?
    }
    private let channel: any EventChannel
    private let sinks: [any EventSink]
    private let window: Window
    private var processor: any SinkProcessor
    private var environment: Environment
    private var open: [UInt64: Open] = [:]
    private var openSize = BatchSize.zero
    private var routes: [StreamID: Route] = [:]
    private var nextID: UInt64 = 0
    private var timer: TimerID?
    private var isQueued = false
    private var isStopped = false
    private var stopped: (() -> Void)?
    /// Per sink, for the log: one line when it begins to fail, one when it delivers again.
    private var isFailing: [Bool]
    private let delivered: [Counter], deliveredBytes: [Counter], retried: [Counter], rejected: [Counter], batches: [Counter]

    package init(
        _ channel: any EventChannel, _ sinks: [any EventSink], _ processor: any SinkProcessor, window: Window,
        _ environment: Environment
    ) {
        (self.channel, self.sinks, self.processor, self.window) = (channel, sinks, processor, window)
        self.environment = environment
        isFailing = sinks.map { _ in false }
        let metrics = environment.metrics
        delivered = sinks.map { metrics.counter("delivered_events_total", $0.name) }
        deliveredBytes = sinks.map { metrics.counter("delivered_bytes_total", $0.name) }
        batches = sinks.map { metrics.counter("delivered_batches_total", $0.name) }
        retried = sinks.map { metrics.counter("retried_events_total", $0.name) }
        rejected = sinks.map { metrics.counter("rejected_events_total", $0.name) }
        for (index, sink) in sinks.enumerated() {
            sink.observer = self
            metrics.gauge("failing", sink.name) { [weak self] in self?.isFailing[index] == true ? 1 : 0 }
        }
    }

    /// At most a window per turn, since a sink may settle within `deliver`.
    package func pump() {
        let now = environment.loop.now
        for _ in 0..<window.takes {
            if isStopped { return open.isEmpty ? end() : () }
            guard open.count < window.takes, (openSize + BatchSize(events: 1, bytes: 1)).fits(in: window.size) else { return }
            guard let head = channel.next(self) else { return open.isEmpty ? end() : () }
            let route = routes[head.stream] ?? Route()
            if let until = route.until, until > now { return wait(until) }
            let views = sinks.enumerated().map { index, sink in
                SinkView(
                    openSlots: sink.openSlots, refusesStream: route.refused.contains(index),
                    isHinted: route.hint != nil && sink.peer == route.hint)
            }
            let choice = processor.choose(views, for: head, now: now, random: &environment.random)
            if case .wait(let until?) = choice { wait(until) }
            guard case .sink(let index) = choice, let take = channel.take(upTo: sinks[index].largestTake) else { return }
            let id = nextID, batch = take.batch
            nextID += 1
            openSize += batch.size
            open[id] = Open(take, index, head)
            processor.offered(index)
            sinks[index].deliver(TakeTransaction(batch, id: id, self))
        }
        queuePump()
    }
    private func wait(_ until: Instant) {
        if let timer { environment.loop.cancel(timer) }
        timer = environment.loop.schedule(at: until) { [weak self] in
            self?.timer = nil
            self?.pump()
        }
    }
    private func queuePump() {
        guard !isQueued else { return }
        isQueued = true
        environment.loop.enqueue { [weak self] in
            self?.isQueued = false
            self?.pump()
        }
    }

    package func settleTake(_ id: UInt64, _ outcome: TakeOutcome) {
        guard let entry = open.removeValue(forKey: id) else { return }  // given back at the stop deadline
        openSize -= entry.size
        processor.settled(entry.sink, outcome, now: environment.loop.now)
        count(entry, outcome)
        learn(entry, outcome)
        entry.channelTake.take()!.settle(outcome)
        queuePump()
    }

    private func count(_ entry: Open, _ outcome: TakeOutcome) {
        switch outcome {
        case .delivered(let refused):
            let lost = refused.reduce(0) { $0 + $1.events.count }
            delivered[entry.sink].add(entry.size.events - lost)
            deliveredBytes[entry.sink].add(entry.size.bytes)
            batches[entry.sink].add(1)
            rejected[entry.sink].add(lost)
            guard isFailing[entry.sink] else { return }
            isFailing[entry.sink] = false
            environment.log.write(.info, sinks[entry.sink].name, "delivers again")
        case .retry(let error, _):
            retried[entry.sink].add(entry.size.events)
            guard !isFailing[entry.sink], error != .stopped else { return }
            isFailing[entry.sink] = true
            environment.log.write(.warning, sinks[entry.sink].name, "does not deliver; its batches are offered again. \(error)")
        case .notOwner: break
        }
    }

    /// A refusal is remembered until an error shows that owners may have changed; if all refuse, nobody is asked for a while.
    private func learn(_ entry: Open, _ outcome: TakeOutcome) {
        switch outcome {
        case .delivered: break
        case .retry: routes[entry.stream] = nil
        case .notOwner(let hint):
            if routes.count >= Limits.routes { routes = [:] }  // forgetting is harmless
            var route = routes[entry.stream] ?? Route()
            route.refused.insert(entry.sink)
            route.hint = hint
            let all = route.refused.count == sinks.count
            routes[entry.stream] = all ? Route(until: environment.loop.now + .seconds(1)) : route
        }
    }
    package func channelHasEvents(_ channel: any EventChannel) { pump() }
    package func sinkHasSlots(_ sink: any EventSink) { queuePump() }

    /// `draining`: goes on until the channel is empty. At `deadline` it gives back what is open; what sinks settle later is
    /// ignored. Then it leaves the channel.
    package func stop(draining: Bool, by deadline: Instant, _ done: @escaping () -> Void) {
        (isStopped, stopped) = (!draining, done)
        environment.loop.schedule(at: deadline) { self.end() }
        queuePump()
    }
    private func end() {
        guard let stopped else { return }
        (self.stopped, isStopped) = (nil, true)
        for id in open.keys.sorted() { settleTake(id, .retry(.stopped, after: nil)) }
        if let timer { environment.loop.cancel(timer) }
        channel.remove(self)
        stopped()
    }
}
