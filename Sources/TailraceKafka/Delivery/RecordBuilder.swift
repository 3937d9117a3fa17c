import TailraceAvro
import TailraceCore

/// Makes record sets of batches: topic, partition, key, record headers and time of each event, as the configuration says.
///
/// A batch whose events have no headers of their own is decided once, by the headers it shares: no work per event at all,
/// unless bodies are encoded. Events of which no record can be made (a topic's name that Kafka does not allow, a partition that
/// is no number) are rejected.
struct RecordBuilder {
    struct Built {
        /// nil: no event is left.
        var records: RecordSet?
        /// The events in it, as indices of the batch; nil: all.
        var kept: [Range<Int>]?
        var rejected: [Rejection] = []
        /// Partitions were chosen here, by what the table says.
        var isChosen = false
        /// Those that were chosen freely.
        var pinned: [TopicPartition] = []
        var topics: [String] = []
        /// The header was no time: these records have none of their own.
        var timesIgnored = 0
    }
    struct Route {
        var topic: String
        /// As header, configuration or key say; nil: nobody says.
        var partition: Int32?
        var key: Bytes?
        var headers: [RecordHeader] = []
        var timestamp: WallTime?
        var isTimeIgnored = false
        var isChosen = false
    }

    private let configuration: KafkaSinkConfiguration
    private let template: TopicTemplate
    private let defaultPartition: Int32?

    init(_ configuration: KafkaSinkConfiguration) throws(TailraceError) {
        self.configuration = configuration
        template = try TopicTemplate(configuration.topic)
        defaultPartition = configuration.defaultPartitionId.map { Int32(clamping: $0) }
    }

    /// The topic of events without a header that names another one, if it is always the same.
    var usualTopic: String? { configuration.allowTopicOverride ? template.constant : configuration.topic }

    /// `isAgain`: the first try failed, so that a partition above those that are known is a reason to reject.
    func build(_ batch: EventBatch, _ table: inout PartitionTable, isAgain: Bool) -> Built {
        batch.storage.eventHeaders == nil
            ? buildWhole(batch, &table, isAgain: isAgain) : buildEach(batch, &table, isAgain: isAgain)
    }

    private func buildWhole(_ batch: EventBatch, _ table: inout PartitionTable, isAgain: Bool) -> Built {
        var built = Built()
        do throws(TailraceError) {
            let shared = batch.storage.sharedHeaders
            let route = try route(table, isAgain: isAgain) { name in
                shared.first { $0.name == name }.map { Bytes($0.value) }
            }
            built.topics = [route.topic]
            let headers = configuration.sendsAllHeaders ? Self.recordHeaders(shared) : route.headers
            var partition = route.partition
            if partition == nil, route.key == nil, !isAgain {
                partition = table.choose(route.topic, bytes: batch.size.bytes)
                if let partition { built.pinned = [TopicPartition(topic: route.topic, partition: partition)] }
            }
            var records = RecordSet(batch, topic: .all(route.topic))
            records.partition = .all(partition)
            records.key = .all(route.key)
            records.headers = .all(headers)
            records.timestamp = .all(route.timestamp)
            records.encoded = encoded(batch)
            records.identityHeader = configuration.identityHeaders
            built.records = records
            built.isChosen = route.isChosen || !built.pinned.isEmpty
            built.timesIgnored = route.isTimeIgnored ? batch.count : 0
        } catch { built.rejected = [Rejection(events: 0..<batch.count, error: error)] }
        return built
    }

    private func buildEach(_ batch: EventBatch, _ table: inout PartitionTable, isAgain: Bool) -> Built {
        var built = Built(), routes: [Route] = [], kept = Runs<Int>(), choices: [String: Int32?] = [:]
        routes.reserveCapacity(batch.count)
        batch.forEach { index, event in
            do throws(TailraceError) {
                var route = try route(table, isAgain: isAgain) { event.header($0) }
                if choices[route.topic] == nil {
                    built.topics.append(route.topic)
                    choices[route.topic] = .some(nil)
                }
                if route.partition == nil, route.key == nil, !isAgain {
                    if case .some(.some(let chosen)) = choices[route.topic] {
                        route.partition = chosen
                    } else if let chosen = table.choose(route.topic, bytes: batch.size.bytes) {
                        choices[route.topic] = chosen
                        built.pinned.append(TopicPartition(topic: route.topic, partition: chosen))
                        route.partition = chosen
                    }
                }
                if route.isTimeIgnored { built.timesIgnored += 1 }
                if configuration.sendsAllHeaders { route.headers = Self.recordHeaders(event.headers) }
                routes.append(route)
                kept.insert(index..<index + 1)
            } catch { built.rejected.append(Rejection(events: index..<index + 1, error: error)) }
        }
        guard !routes.isEmpty else { return built }
        let rest = built.rejected.isEmpty ? batch : batch.keeping(kept.ranges)
        if !built.rejected.isEmpty { built.kept = kept.ranges }
        var records = RecordSet(rest, topic: Self.column(routes.map(\.topic)))
        records.partition = Self.column(routes.map(\.partition))
        records.key = Self.column(routes.map(\.key))
        records.headers = Self.column(routes.map(\.headers))
        records.timestamp = Self.column(routes.map(\.timestamp))
        records.encoded = encoded(rest)
        records.identityHeader = configuration.identityHeaders
        built.records = records
        built.isChosen = !built.pinned.isEmpty || routes.contains(where: \.isChosen)
        return built
    }
    private static func recordHeaders(_ headers: [Header]) -> [RecordHeader] {
        headers.map { RecordHeader(name: $0.name, value: Bytes($0.value)) }
    }
    private static func column<Value: Equatable & Sendable>(_ values: [Value]) -> Column<Value> {
        let first = values[0]
        return values.allSatisfy { $0 == first } ? .all(first) : .each(values)
    }

    /// Where an event goes. Throws what makes it a dead letter.
    func route(_ table: PartitionTable, isAgain: Bool, _ header: (String) -> Bytes?) throws(TailraceError) -> Route {
        var topic = configuration.topic
        if configuration.allowTopicOverride {
            if let named = header(configuration.topicHeader) {
                topic = named.text
            } else {
                topic = try template.expanded(configuration.timeZone, header)
            }
        }
        guard TopicName.isValid(topic) else { throw TopicName.invalid(topic) }
        var route = Route(topic: topic, partition: defaultPartition, key: header("key"))
        let count = table.count(of: topic)
        if let name = configuration.partitionIdHeader, let value = header(name) {
            guard let partition = Int32(value.text), partition >= 0 else {
                throw TailraceError(
                    code: "kafka.partition",
                    message: "the header \"\(name)\" (\(value.count) bytes) is not a partition's number",
                    fix: "write a whole number from 0 on, or leave the header out")
            }
            route.partition = partition
        }
        if let partition = route.partition, isAgain, let count, partition >= count {
            throw TailraceError(
                code: "kafka.partition", message: "topic \(topic) has \(count) partitions, and none of number \(partition)",
                fix: "add partitions to the topic, or correct the number")
        }
        if route.partition == nil, !isAgain, let key = route.key, let count {
            (route.partition, route.isChosen) = (Murmur2.partition(key, of: count), true)
        }
        for wanted in configuration.recordHeaders {
            if let value = header(wanted.name) { route.headers.append(RecordHeader(name: wanted.value, value: value)) }
        }
        if let name = configuration.timestampHeader, let value = header(name) {
            if let time = Int64(value.text), time >= 0 {
                route.timestamp = WallTime(milliseconds: time)
            } else {
                route.isTimeIgnored = true
            }
        }
        return route
    }

    /// Flume's event format, one datum for each event, all in one buffer.
    private func encoded(_ batch: EventBatch) -> [Bytes]? {
        guard configuration.useFlumeEventFormat else { return nil }
        let shared = batch.storage.sharedHeaders, hasOwn = batch.storage.eventHeaders != nil
        var prefix = BufferBuilder(capacity: 256)
        AvroDatum.append(headers: shared, to: &prefix)
        let common = prefix.finish()
        var builder = BufferBuilder(capacity: batch.size.bytes + batch.count * (common.count + 8)), ends: [Int] = []
        batch.forEach { _, event in
            if hasOwn {
                AvroDatum.append(headers: event.headers, to: &builder)
            } else {
                builder.append(common)
            }
            AvroDatum.append(body: event.body, to: &builder)
            ends.append(builder.count)
        }
        let buffer = builder.finishBuffer()
        var start = 0
        return ends.map { end in
            defer { start = end }
            return Bytes(buffer, start..<end)
        }
    }
}
