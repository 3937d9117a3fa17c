/// What a source of this agent has put into one channel, for the audit and for people.
package struct StreamStatus: Sendable {
    package var channel: String
    package var stream: StreamID
    /// Numbers given: 0..<submitted.
    package var submitted: UInt64
    /// Answered as safe, without a gap: 0..<safe.
    package var safe: UInt64
}

/// What a source writes to: interceptors, selector, numbers, puts, retries. Confined to the loop; batches stay in order.
///
/// A batch is *all or nothing over the required channels*: none is committed before all have room. One that a required
/// channel could never take whole is cut first, into entries that are each all-or-nothing; the caller is answered after the
/// last. Outputs reserve channel by channel in the order of their names and keep what they have while they wait: nobody holds
/// a later channel while waiting for an earlier one, so there is no circle.
package final class SourceOutput: ChannelProducer {
    private enum Part {
        case none
        case reserve(EventBatch)
        case committing(EventBatch)
    }
    /// A batch, or a piece of one that was cut.
    private final class Entry {
        let order: UInt64
        /// Of a batch that was cut; pieces share the order.
        let piece: Int
        let stream: StreamID?
        let done: Completion
        var batch: EventBatch
        var stage = 0
        var isReady = false
        var isCommitted = false
        /// Once set, nothing more happens to it but the answer, in its order.
        var outcome: Result<Void, TailraceError>?
        var optional: [(channel: Int, batch: EventBatch)] = []
        /// One for each channel; nil until it was first in line.
        var parts: [Part]?
        /// Of each required channel, where its own numbers end: what ``StreamStatus/safe`` becomes.
        var ends: [UInt64?] = []
        var numbersBefore: [UInt64] = []
        var giveUpAt: Instant?
        var giveUp: TimerID?

        init(_ order: UInt64, piece: Int = 0, _ batch: EventBatch, _ done: @escaping Completion) {
            (self.order, self.piece, self.batch) = (order, piece, batch)
            (stream, self.done) = (batch.identity?.stream, done)
        }
        func isBefore(_ other: Entry) -> Bool { (order, piece) < (other.order, other.piece) }
    }
    /// (A noncopyable value cannot be an element of an array.)
    private final class Held {
        let channel: Int
        var put: PutTransaction?
        init(_ channel: Int, _ put: consuming PutTransaction) {
            self.channel = channel
            self.put = consume put
        }
    }

    package weak var source: (any EventSource)?
    package let channels: [any EventChannel]
    private let interceptors: [any Interceptor]
    private let selector: any ChannelSelector
    private let slots: Int
    private let acknowledge: Custody?
    private let environment: Environment
    private let largest: BatchSize
    private let lost: Counter, accepted: Counter, acceptedBytes: Counter, answered: Counter, givenUp: Counter
    private var origins: [(stream: StreamID, next: UInt64)] = []
    private var safe: [UInt64]
    /// Not wholly in the hands of the channels; in order.
    private var waiting: [Entry] = []
    /// Reserved for the first of them, and for no other.
    private var held: [Held] = []
    private var unanswered: [StreamID?: [Entry]] = [:]
    private var nextOrder: UInt64 = 0
    private var failures = 0
    private var backoff: TimerID?
    private var wasFull = false
    private var stopped: (() -> Void)?
    private var isStopping = false

    /// `channels`: started, and in the order of their names. `acknowledge`: nil means "safe", each channel in its way.
    package init(
        _ channels: [any EventChannel], _ interceptors: [any Interceptor] = [], _ selector: any ChannelSelector,
        slots: Int = Limits.outputSlots, acknowledge: Custody? = nil, _ environment: Environment
    ) {
        (self.channels, self.interceptors, self.selector) = (channels, interceptors, selector)
        (self.slots, self.acknowledge, self.environment) = (slots, acknowledge, environment)
        precondition(zip(channels, channels.dropFirst()).allSatisfy { $0.name < $1.name })
        largest = channels.reduce(.unlimited) { $0.clamped(to: $1.largestPut) }
        lost = environment.counter("optional_channel_lost_events_total")
        accepted = environment.counter("accepted_events_total")
        acceptedBytes = environment.counter("accepted_bytes_total")
        answered = environment.counter("safe_events_total")
        givenUp = environment.counter("given_up_events_total")
        origins = channels.map { $0.origin(of: environment.component) }
        safe = origins.map(\.next)
        environment.gauge("unanswered_batches") { [weak self] in self?.unanswered.values.reduce(0) { $0 + $1.count } ?? 0 }
    }

    /// How many batches it accepts now. 0: the source pauses; ``EventSource/outputHasRoom()`` follows.
    package var openSlots: Int {
        let free = isStopping ? 0 : max(0, slots - waiting.count)
        if free == 0 { wasFull = true }
        return free
    }
    /// The least of the required channels' free space: what a window can be granted from.
    package var room: BatchSize { channels.reduce(.unlimited) { $0.clamped(to: $1.room) } }
    /// The longest that one of the channels wants a source that answers somebody to wait.
    package var keepAlive: Duration { channels.map(\.keepAlive).max() ?? .seconds(3) }
    /// Batches accepted whose answer is still owed.
    package var isIdle: Bool { unanswered.isEmpty }

    /// Of the streams that begin here; empty for a source that forwards numbered batches.
    package var streams: [StreamStatus] {
        channels.indices.filter { origins[$0].next > 0 }.map {
            StreamStatus(
                channel: channels[$0].name, stream: origins[$0].stream, submitted: origins[$0].next, safe: safe[$0])
        }
    }

    /// Where to go on: the least position that *all* required channels have answered for, never one that a single channel has
    /// merely stored. Empty if one of them is not durable: then that is the source's own synced state, written after `done`.
    /// (A channel that was ahead at a crash gets the events between twice.)
    package var positions: [SourcePositionKey: SourcePosition] {
        guard channels.allSatisfy(\.isDurable), let first = channels.first else { return [:] }
        var least = first.positions(of: environment.component).mapValues(\.position)
        for channel in channels.dropFirst() {
            let stored = channel.positions(of: environment.component)
            for (key, position) in least {
                least[key] = stored[key].map { min($0.position, position) }
            }
        }
        return least
    }

    /// `done`: safe in all required channels; in the order of `submit` within a stream (unnumbered batches are one stream), so
    /// that the last answer is the source's position. Failed puts are tried again here: a failure means stopped, or given up.
    ///
    /// `giveUpAt`: for sources that answer somebody. While nothing of it is committed at that time, it is given up whole: its
    /// reservations go back, its numbers are unused, the answer is `channel.full`.
    package func submit(_ batch: EventBatch, giveUpAt: Instant? = nil, _ done: @escaping Completion) {
        precondition(!isStopping && waiting.count < slots, "submit without an open slot")
        accepted.add(batch.count)
        acceptedBytes.add(batch.size.bytes)
        let entry = Entry(nextOrder, batch, done)
        nextOrder += 1
        waiting.append(entry)
        unanswered[entry.stream, default: []].append(entry)
        if let giveUpAt { setGiveUp(entry, at: giveUpAt) }
        intercept(entry)
    }
    private func setGiveUp(_ entry: Entry, at giveUpAt: Instant) {
        entry.giveUpAt = giveUpAt
        entry.giveUp = environment.loop.schedule(at: giveUpAt) { [weak self] in self?.giveUp(entry) }
    }

    private func intercept(_ entry: Entry) {
        let stage = entry.stage
        guard stage < interceptors.count else {
            entry.isReady = true
            return advance()
        }
        interceptors[stage].intercept(entry.batch) { [weak self] batch in
            precondition(entry.stage == stage, "an interceptor answered twice")
            entry.batch = batch
            entry.stage += 1
            self?.intercept(entry)
        }
    }

    private func advance() {
        guard backoff == nil else { return }
        while let entry = waiting.first, entry.isReady {
            if entry.parts == nil, cut(entry) { continue }
            guard reserve(entry) else { break }
            waiting.removeFirst()
            commit(entry)
        }
        guard wasFull, !isStopping, waiting.count < slots else { return }
        wasFull = false
        environment.loop.enqueue { [weak self] in self?.source?.outputHasRoom() }
    }

    /// Replaces an entry that a channel could never take whole by its pieces. The last one has the caller's answer.
    private func cut(_ entry: Entry) -> Bool {
        let limit = limit(entry.batch)
        guard !entry.batch.size.fits(in: limit), entry.batch.count > 1 else { return false }
        var pieces: [Entry] = [], start = 0
        while start < entry.batch.count {
            let range = entry.batch.prefix(from: start, fitting: limit)
            start = range.upperBound
            let isLast = start == entry.batch.count
            let piece = Entry(
                entry.order, piece: pieces.count, entry.batch.part(range), isLast ? entry.done : { _ in })
            piece.isReady = true
            pieces.append(piece)
        }
        guard pieces.count > 1 else { return false }
        // Given up whole or not at all: only while the first piece waits.
        if let giveUpAt = entry.giveUpAt { setGiveUp(pieces[0], at: giveUpAt) }
        if let timer = entry.giveUp { environment.loop.cancel(timer) }
        waiting.replaceSubrange(0..<1, with: pieces)
        let index = unanswered[entry.stream]!.firstIndex { $0 === entry }!
        unanswered[entry.stream]!.replaceSubrange(index...index, with: pieces)
        return true
    }

    /// No part of a numbered batch may have more runs of numbers than a record or a frame takes: with every other event
    /// dropped, or routed elsewhere, each event is a run.
    private func limit(_ batch: EventBatch) -> BatchSize {
        guard let runs = batch.identity?.sequences.count, batch.count > Limits.runs,
            runs > Limits.runs || !(selector is ReplicatingSelector)
        else { return largest }
        return largest.clamped(to: BatchSize(events: Limits.runs, bytes: .max))
    }

    private func reserve(_ entry: Entry) -> Bool {
        if entry.parts == nil { prepare(entry) }
        for index in (held.last.map { $0.channel + 1 } ?? 0)..<channels.count {
            guard case .reserve(let part) = entry.parts![index] else { continue }
            guard let put = channels[index].put(part, self) else { return false }  // channelHasRoom follows
            held.append(Held(index, put))
        }
        return true
    }

    /// When it is first in line: so numbers are given in order, and once.
    private func prepare(_ entry: Entry) {
        entry.parts = channels.map { _ in .none }
        entry.ends = channels.map { _ in nil }
        entry.numbersBefore = origins.map(\.next)
        for (index, share) in selector.select(entry.batch).enumerated() {
            guard let share else { continue }
            let part = entry.batch.keeping(share.events)
            // Says nothing to anybody: an interceptor dropped all of it, or none of it is for this channel.
            if part.identity == nil, part.count == 0, part.positions.isEmpty { continue }
            if share.isRequired {
                let numbered = number(part, index)
                entry.parts![index] = .reserve(numbered)
                if part.identity == nil { entry.ends[index] = numbered.identity!.span.upperBound }
            } else {
                entry.optional.append((index, part))
            }
        }
    }
    private func number(_ part: EventBatch, _ index: Int) -> EventBatch {
        guard part.identity == nil else { return part }
        defer { origins[index].next += UInt64(part.count) }
        return part.numbered(origins[index].stream, from: origins[index].next)
    }

    private func commit(_ entry: Entry) {
        entry.isCommitted = true
        if let timer = entry.giveUp { environment.loop.cancel(timer) }
        for reservation in held {
            let index = reservation.channel
            guard case .reserve(let part) = entry.parts![index] else { preconditionFailure("reserved without a part") }
            entry.parts![index] = .committing(part)
            reservation.put.take()!.commit(until: acknowledge ?? .safe) { [weak self] in self?.answered(entry, index, part, $0)
            }
        }
        if held.isEmpty { environment.loop.enqueue { [weak self] in self?.finish(entry) } }  // no channel was required
        held = []
        for (index, part) in entry.optional {
            let before = origins[index].next
            if let put = channels[index].put(number(part, index), nil) {
                put.commit(until: .committed) { [lost] in if case .failure = $0 { lost.add(part.count) } }
            } else {
                origins[index].next = before
                lost.add(part.count)
            }
        }
        entry.optional = []
    }

    private func answered(_ entry: Entry, _ index: Int, _ part: EventBatch, _ result: Result<Void, TailraceError>) {
        guard entry.outcome == nil else { return }  // stopped meanwhile
        if case .failure(let error) = result {
            entry.parts![index] = .reserve(part)  // again, to this channel only
            held = []  // gives back: an earlier entry is first
            if !waiting.contains(where: { $0 === entry }) {
                waiting.insert(entry, at: waiting.firstIndex { entry.isBefore($0) } ?? waiting.count)
            }
            guard backoff == nil else { return }
            failures += 1
            let delay = Backoff.standard.delay(failures)
            environment.log(
                .warning, "\(channels[index].name) refused a batch of \(part.count), again in \(delay.text): \(error)")
            backoff = environment.loop.schedule(at: environment.loop.now + delay) { [weak self] in
                self?.backoff = nil
                self?.advance()
            }
            return
        }
        failures = 0
        entry.parts![index] = .none
        finish(entry)
    }

    private func finish(_ entry: Entry) {
        guard entry.outcome == nil, entry.parts!.allSatisfy({ if case .none = $0 { true } else { false } }) else { return }
        entry.outcome = .success(())
        answerInOrder(entry.stream)
    }

    private func answerInOrder(_ stream: StreamID?) {
        while let first = unanswered[stream]?.first, let outcome = first.outcome {
            unanswered[stream]!.removeFirst()
            if case .success = outcome {
                answered.add(first.batch.count)
                for (index, end) in first.ends.enumerated() { if let end { safe[index] = end } }
            }
            first.done(outcome)
        }
        if unanswered[stream]?.isEmpty == true { unanswered[stream] = nil }
        if unanswered.isEmpty { end() }
    }

    private func giveUp(_ entry: Entry) {
        guard !entry.isCommitted, entry.outcome == nil, let index = waiting.firstIndex(where: { $0 === entry }) else { return }
        if index == 0, entry.parts != nil {
            held = []
            for channel in channels { channel.stopWaiting(self) }
            for (index, before) in entry.numbersBefore.enumerated() { origins[index].next = before }
        }
        // With all pieces of a batch that was cut.
        let pieces = waiting.filter { $0.order == entry.order }
        waiting.removeAll { $0.order == entry.order }
        let blocked = channels.filter { $0.room.events <= 0 || $0.room.bytes <= 0 }.map(\.name)
        let size = pieces.reduce(BatchSize.zero) { $0 + $1.batch.size }
        let error = TailraceError(
            code: "channel.full",
            message: "no room for \(size.events) events (\(size.bytes) bytes) within the channel's keep-alive"
                + (blocked.isEmpty ? "" : "; full: \(blocked.joined(separator: ", "))"),
            fix: "see why its sinks deliver slowly, or raise the channel's capacity", component: environment.component)
        givenUp.add(size.events)
        for piece in pieces { piece.outcome = .failure(error) }
        environment.loop.enqueue { [weak self] in
            self?.answerInOrder(entry.stream)
            self?.advance()
        }
    }

    package func channelHasRoom(_ channel: any EventChannel) { advance() }

    /// Accepts nothing more. What is not safe at `deadline` is answered with a failure, and late answers are ignored.
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        (isStopping, stopped) = (true, done)
        environment.loop.schedule(at: deadline) { self.end() }  // (keeps it until it has answered)
        environment.loop.enqueue { if self.unanswered.isEmpty { self.end() } }
    }
    private func end() {
        guard let stopped else { return }
        let failed = unanswered.values.joined().sorted { $0.isBefore($1) }  // (the order of a dictionary is chance)
        (self.stopped, held, waiting, unanswered) = (nil, [], [], [:])
        for entry in failed {
            if let timer = entry.giveUp { environment.loop.cancel(timer) }
            entry.outcome = .failure(.stopped)
        }
        for entry in failed { entry.done(.failure(.stopped)) }
        for channel in channels { channel.remove(self) }
        stopped()
    }
}
