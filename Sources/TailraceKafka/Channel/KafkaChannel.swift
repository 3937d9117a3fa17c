package import TailraceCore

/// A topic as channel: what is put is produced to it, what is taken is consumed from it, by a consumer group. It may have a
/// source or a sink only, and others (another agent, a Flume, a program of one's own) may write to the topic or read it.
///
/// **Custody.** A put is answered when the brokers have confirmed each of its events (``KafkaPuts``); so "safe" and "committed"
/// are the same here, and no crash of this process loses anything. What is taken counts as delivered when its take is settled:
/// offsets follow the prefix of each partition that is delivered (``KafkaTakes``). After a crash, or when the group moves a
/// partition, what was delivered and not committed comes a second time.
///
/// **Identity.** With `parseAsFlumeEvent` a record's value is Flume's Avro datum, byte for byte, so that both can share a topic;
/// without it the value is the body, and the event's headers are the record's. In both cases the stream and the number of the
/// event travel in the record header `tailrace.id`, which Flume does not look at, and come out of the topic as they went in: a
/// file channel or an audit further down recognises what came twice. Records of others get numbers of ours (``RecordStreams``).
///
/// It keeps no positions of sources: they keep their own, synced after the answer.
package final class KafkaChannel: DeclaredComponent, EventChannel {
    package let name: String
    /// Its puts survive a crash, but it has no place for the positions of sources.
    package let isDurable = false
    package let largestPut = KafkaPuts.largest
    package let keepAlive = Duration.seconds(3)
    private var environment: Environment
    private let puts: KafkaPuts
    private let takes: KafkaTakes
    private var origins: [String: StreamID] = [:]

    package init(_ configuration: KafkaChannelConfiguration, _ environment: Environment) throws(TailraceError) {
        (name, self.environment) = (environment.component, environment)
        puts = try KafkaPuts(configuration, environment)
        takes = KafkaTakes(configuration, environment)
        puts.channel = self
        takes.channel = self
        environment.gauge("events") { [weak self] in self?.held.events ?? 0 }
        environment.gauge("bytes") { [weak self] in self?.held.bytes ?? 0 }
    }

    package var health: Health {
        if case .ok = puts.health { takes.health } else { puts.health }
    }
    /// Fails when one of the clients refuses a setting. No broker need be there.
    package func start(_ done: @escaping Completion) {
        var result: Result<Void, TailraceError> = .success(())
        do throws(TailraceError) {
            try puts.start()
            try takes.start()
        } catch { result = .failure(error) }
        environment.loop.enqueue { [result] in done(result) }
    }
    /// What is in the topic stays there.
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        var open = 2
        func ended() {
            open -= 1
            if open == 0 { done() }
        }
        puts.stop(by: deadline, ended)
        takes.stop(by: deadline, ended)
    }
    /// Others may fill it for ever.
    package var isDrainedAtStop: Bool { false }

    package var room: BatchSize { puts.room }
    /// What is here of it: not confirmed yet, or read and not delivered. How much is in the topic is for Kafka's tools to say.
    package var held: BatchSize { puts.held + takes.size }

    package func put(_ batch: EventBatch, _ producer: (any ChannelProducer)?) -> PutTransaction? { puts.put(batch, producer) }
    package func stopWaiting(_ producer: any ChannelProducer) { puts.stopWaiting(producer) }
    package func next(_ consumer: any ChannelConsumer) -> BatchHead? { takes.next(consumer) }
    package func take(upTo limit: BatchSize) -> TakeTransaction? { takes.take(upTo: limit) }

    /// A stream of this run: what a topic holds of an earlier one is not looked up.
    package func origin(of source: String) -> (stream: StreamID, next: UInt64) {
        if let stream = origins[source] { return (stream, puts.next(of: stream)) }
        let stream = StreamID(value: environment.random.next())
        origins[source] = stream
        puts.begin(stream)
        return (stream, 0)
    }
    package func positions(of source: String) -> [SourcePositionKey: StoredPosition] { [:] }
    package func forget(_ key: SourcePositionKey) {}
    package func remove(_ producer: any ChannelProducer) { puts.stopWaiting(producer) }
    package func remove(_ consumer: any ChannelConsumer) { takes.remove(consumer) }
}
