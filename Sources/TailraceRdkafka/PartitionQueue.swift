import CRdkafka
import TailraceCore

/// The records of one assigned partition: librdkafka's queue, which is not forwarded to the consumer's, so that a batch is
/// of one partition without sorting, and the few that were taken from it and did not fit into the last batch.
final class PartitionQueue {
    /// Records taken from librdkafka at a time.
    static let refill = 512

    let partition: TopicPartition
    var isPaused = false
    private let queue: OpaquePointer
    private let wake: WakeDescriptor
    private let messages = UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>.allocate(capacity: refill)
    private var next = 0
    private var end = 0

    /// Before the partition is assigned: librdkafka forwards a queue when fetching starts, unless told otherwise.
    init?(_ partition: TopicPartition, _ client: ClientHandle, _ wake: WakeDescriptor) {
        guard let queue = rd_kafka_queue_get_partition(client.pointer, partition.topic, partition.partition) else { return nil }
        (self.partition, self.queue, self.wake) = (partition, queue, wake)
        messages.initialize(repeating: nil, count: Self.refill)
        rd_kafka_queue_forward(queue, nil)
        wake.watch(queue)
    }

    /// What was not handed out is forgotten: the next owner of the partition reads it again.
    deinit {
        wake.unwatch(queue)
        while next < end { drop() }
        messages.deallocate()
        rd_kafka_queue_destroy(queue)
    }

    var hasRecords: Bool { next < end || rd_kafka_queue_length(queue) > 0 }

    /// Consecutive records up to `limit`, at least one if there is one. `errors`: what the broker says of the partition.
    func take(_ limit: BatchSize, errors: inout [rd_kafka_resp_err_t]) -> ConsumedBatch? {
        var builder: ConsumedBatchBuilder?
        while true {
            if next == end { fetch() }
            guard next < end, let message = messages[next] else { break }
            if message.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR {
                errors.append(message.pointee.err)
                drop()
                continue
            }
            if builder == nil { builder = ConsumedBatchBuilder(capacity: min(bytesAtHand, limit.bytes)) }
            guard builder!.append(message, limit) else { break }
            drop()
        }
        return builder?.finish(partition)
    }

    private var bytesAtHand: Int { (next..<end).reduce(0) { $0 + messages[$1]!.pointee.len } }

    private func fetch() {
        next = 0
        end = max(0, rd_kafka_consume_batch_queue(queue, 0, messages, Self.refill))
    }
    private func drop() {
        rd_kafka_message_destroy(messages[next])
        messages[next] = nil
        next += 1
    }
}
