import CRdkafka
import Glibc
package import TailraceCore

/// The yardstick of `tailrace bench`: what a plain program does with librdkafka and nothing else. One `rd_kafka_produce` with
/// copy for each line, the partition left to the library, its queue served when it is full, a flush at the end.
///
/// It waits: run it in a process or thread of its own, never on a loop. CPU is that of the whole process meanwhile.
package enum PlainProducer {
    package struct Figures: Hashable, Sendable {
        package var lines = 0
        package var failed = 0
        /// User and system time, librdkafka's threads included.
        package var cpu = Duration.zero
        package var wall = Duration.zero
    }

    /// librdkafka's defaults, but:
    package static let settings = ["linger.ms": "5", "acks": "all"]

    /// Sends the lines, without their line ends, and returns when each has its delivery report.
    package static func run(
        _ lines: Bytes, bootstraps: String, topic: String, settings: [String: String] = Self.settings
    ) throws(TailraceError) -> Figures {
        let before = (cpu: processCPU(), wall: clock())
        let failed = UnsafeMutablePointer<Int>.allocate(capacity: 1)
        failed.initialize(to: 0)
        defer { failed.deallocate() }
        let client = try ClientSettings(settings, defaults: ["bootstrap.servers": bootstraps], forced: [:])
            .makeHandle(RD_KAFKA_PRODUCER) { conf in
                rd_kafka_conf_set_opaque(conf, failed)
                rd_kafka_conf_set_dr_msg_cb(conf) { _, message, opaque in
                    guard let message, message.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
                    opaque!.assumingMemoryBound(to: Int.self).pointee += 1
                }
            }
        defer { rd_kafka_destroy(client) }
        guard let handle = rd_kafka_topic_new(client, topic, nil) else {
            throw KafkaErrors.client(rd_kafka_last_error(), "topic \(topic)")
        }
        defer { rd_kafka_topic_destroy(handle) }
        var figures = Figures()
        lines.withUnsafeBytes { figures.lines = send($0, client, handle, failed) }
        while rd_kafka_outq_len(client) > 0 { rd_kafka_flush(client, 1000) }
        (figures.failed, figures.cpu, figures.wall) = (failed.pointee, processCPU() - before.cpu, clock() - before.wall)
        return figures
    }

    private static func send(
        _ bytes: UnsafeRawBufferPointer, _ client: OpaquePointer, _ topic: OpaquePointer, _ failed: UnsafeMutablePointer<Int>
    ) -> Int {
        guard var line = bytes.baseAddress else { return 0 }
        let end = line + bytes.count
        var lines = 0
        while line < end {
            let stop = memchr(line, 0x0A, end - line).map { UnsafeRawPointer($0) } ?? end
            while rd_kafka_produce(
                topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, UnsafeMutableRawPointer(mutating: line), stop - line, nil, 0,
                nil
            ) != 0 {
                guard rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL else {
                    failed.pointee += 1
                    break
                }
                rd_kafka_poll(client, 100)
            }
            lines += 1
            line = stop + 1
        }
        return lines
    }

    /// User and system time of this process so far.
    package static func processCPU() -> Duration {
        var usage = rusage()
        getrusage(0, &usage)  // RUSAGE_SELF, which is not imported with the type that the call wants
        func time(_ value: timeval) -> Duration { .seconds(value.tv_sec) + .microseconds(value.tv_usec) }
        return time(usage.ru_utime) + time(usage.ru_stime)
    }

    private static func clock() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
