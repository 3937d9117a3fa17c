package import TailraceCore

extension MetricsRegistry {
    /// Of a counter or a gauge; nil: there is none.
    package func value(_ name: String, _ component: String) -> Int? {
        snapshot().first { $0.name == name && $0.component == component }?.value
    }
}
