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

    /// As it is now; nil: there is none.
    package func value(_ name: String, _ component: String) -> Int? {
        switch entries[Key(component: component, name: name)] {
        case .counter(let counter): counter.value
        case .gauge(let read): read()
        case nil: nil
        }
    }

    /// The sum over all components.
    package func total(_ name: String) -> Int {
        var sum = 0
        for key in entries.keys where key.name == name { sum += value(name, key.component) ?? 0 }
        return sum
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
