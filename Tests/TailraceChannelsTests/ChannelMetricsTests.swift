import TailraceChannels
import TailraceCore
import TailraceSimulation
import Testing

/// The same names for every channel.
@Suite struct ChannelMetricsTests {
    enum Kind: CaseIterable, Sendable { case memory, file, spillable }
    private static let common = [
        "events", "bytes", "capacity_events", "oldest_event_age_seconds", "put_events_total", "taken_events_total",
        "duplicate_events_total", "forgotten_number_runs",
    ]
    private static let ofDisk = [
        "syncs_total", "sync_microseconds_total", "quarantined_events_total", "unsynced_bytes", "segments",
    ]

    @Test(arguments: Kind.allCases) func everyChannelSaysHowMuchItHolds(kind: Kind) throws {
        let bench = FileBench()
        if kind == .spillable {
            var spillable = SpillableMemoryChannelConfiguration()
            (spillable.memoryCapacity, spillable.overflowTimeoutSeconds) = (10, 0)
            bench.spillable = spillable
        }
        if kind == .memory {
            let environment = bench.host.makeEnvironment(component: FileBench.name)
            bench.channel = try MemoryChannel(MemoryChannelConfiguration(), environment)
        } else {
            #expect(try bench.start())
        }
        func value(_ name: String) -> Int? { bench.host.metrics.value(name, FileBench.name) }
        for name in Self.common + (kind == .memory ? [] : Self.ofDisk) { #expect(value(name) != nil, "\(name)") }
        #expect(value("capacity_events")! >= 10_000)
        for start in [0, 5, 10] as [UInt64] { #expect(bench.put(numbered(start..<start + 5))) }
        bench.world.run(for: .seconds(7))
        bench.host.loop.enqueue {}  // a turn, which has the time of now
        bench.world.run(for: .milliseconds(100))
        let bytes = numbered(0..<15).size.bytes
        #expect(value("events") == 15 && value("bytes") == bytes)
        #expect(value("oldest_event_age_seconds") == 7)
        bench.channel.take(upTo: BatchSize(events: 3, bytes: .max))!.settle(.delivered)
        #expect(value("events") == 12 && value("put_events_total") == 15 && value("taken_events_total") == 3)
        #expect(numbers(bench.drain()).count == 12)
        #expect(value("events") == 0 && value("bytes") == 0 && value("oldest_event_age_seconds") == 0)
        guard kind != .memory else { return }
        // Events per sync: what was put, by the syncs.
        #expect((1...3).contains(value("syncs_total")!) && value("sync_microseconds_total")! >= 1000)
        #expect(value("quarantined_events_total") == 0)
    }
}
