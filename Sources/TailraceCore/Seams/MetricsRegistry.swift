/// The counters and gauges of an agent.
package final class MetricsRegistry: Metrics {
    private struct Key: Hashable {
        var component: String
        var name: String
    }
    private enum Entry {
        case counter(Counter)
        case gauge(() -> Int)
    }
    private var entries: [Key: Entry] = [:]

    package init() {}

    package func counter(_ name: String, _ component: String) -> Counter {
        let key = Key(component: component, name: name)
        if case .counter(let counter)? = entries[key] { return counter }
        precondition(entries[key] == nil, "\(component).\(name) is a gauge")
        let counter = Counter()
        entries[key] = .counter(counter)
        return counter
    }

    package func gauge(_ name: String, _ component: String, _ read: @escaping () -> Int) {
        let key = Key(component: component, name: name)
        if case .counter? = entries[key] { preconditionFailure("\(component).\(name) is a counter") }
        entries[key] = .gauge(read)
    }

    /// Lets go of what belongs to a component that was removed by a reload.
    package func forget(_ component: String) { entries = entries.filter { $0.key.component != component } }

    /// All values as they are now, sorted by component and name.
    package func snapshot() -> [(component: String, name: String, value: Int)] {
        entries.sorted { ($0.key.component, $0.key.name) < ($1.key.component, $1.key.name) }.map { key, entry in
            switch entry {
            case .counter(let counter): (key.component, key.name, counter.value)
            case .gauge(let read): (key.component, key.name, read())
            }
        }
    }
}
