package import TailraceCore

/// Counters and gauges of one process, by name and component.
package final class SimulatedMetrics: Metrics {
    private struct Name: Hashable { var name: String, component: String }
    private var counters: [Name: Counter] = [:]
    private var gauges: [Name: () -> Int] = [:]

    init() {}

    package func counter(_ name: String, _ component: String) -> Counter {
        let key = Name(name: name, component: component)
        if let counter = counters[key] { return counter }
        let counter = Counter()
        counters[key] = counter
        return counter
    }
    package func gauge(_ name: String, _ component: String, _ read: @escaping () -> Int) {
        gauges[Name(name: name, component: component)] = read
    }
    /// Of a counter or a gauge; nil: there is none.
    package func value(_ name: String, _ component: String) -> Int? {
        let key = Name(name: name, component: component)
        return counters[key]?.value ?? gauges[key]?()
    }
    func end() { gauges = [:] }
}
