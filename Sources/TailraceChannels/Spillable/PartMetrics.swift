import TailraceCore

/// What a channel that is a part of another one may show under the other's name; what the whole counts itself stays inside.
final class PartMetrics: Metrics {
    /// They mean the same for the part and the whole.
    private static let shown: Set<String> = [
        "syncs_total", "sync_microseconds_total", "write_failures_total", "quarantined_events_total", "unsynced_bytes",
        "segments",
    ]
    private let whole: any Metrics

    init(_ whole: any Metrics) { self.whole = whole }

    func counter(_ name: String, _ component: String) -> Counter {
        Self.shown.contains(name) ? whole.counter(name, component) : Counter()
    }
    func gauge(_ name: String, _ component: String, _ read: @escaping () -> Int) {
        if Self.shown.contains(name) { whole.gauge(name, component, read) }
    }
}

extension Environment {
    /// For a component that is a part of another one, and shares its name.
    var ofPart: Environment {
        Environment(
            component: component, loop: loop, network: network, files: files, processes: processes, broker: broker, log: log,
            metrics: PartMetrics(metrics), memory: memory, stateDirectory: stateDirectory, homeDirectory: homeDirectory,
            random: random)
    }
}
