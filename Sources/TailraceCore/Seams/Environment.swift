package enum LogLevel: Int, Comparable, Sendable, CaseIterable {
    case debug, info, warning, error
    package static func < (a: LogLevel, b: LogLevel) -> Bool { a.rawValue < b.rawValue }
}

/// ERROR: data lost or a person must act. WARN: unexpected, nothing lost. INFO: state changes. Nothing per event.
package protocol Log: AnyObject {
    func write(_ level: LogLevel, _ component: String, _ text: @autoclosure () -> String)
}

/// A plain integer on the loop, changed once per batch; it only grows.
package final class Counter {
    package private(set) var value = 0
    package init() {}
    package func add(_ amount: Int) { value += amount }
}

package protocol Metrics: AnyObject {
    /// The one of that name and component, made at the first call. Unit in the name, ends in `_total`.
    func counter(_ name: String, _ component: String) -> Counter
    /// A value that is read when somebody asks; replaces an earlier one of that name and component.
    func gauge(_ name: String, _ component: String, _ read: @escaping () -> Int)
}

/// This machine, as others know it; read once, when the agent starts.
package struct LocalHost: Hashable, Sendable {
    /// As `hostname` prints it.
    package var name: String
    /// Of the first network interface that is not the loopback.
    package var address: String
    package init(name: String = "localhost", address: String = "127.0.0.1") { (self.name, self.address) = (name, address) }
}

/// All that is not deterministic, handed to each component at its making.
package struct Environment {
    /// Unique in the agent: "edge.sources.r1".
    package let component: String
    package let loop: any EventLoop
    package let network: any Network
    package let files: any FileSystem
    package let processes: any Processes
    package let broker: any Broker
    package let http: any HTTP
    package let log: any Log
    package let metrics: any Metrics
    package let memory: any MemoryBudget
    /// The agent's own directory: positions, dead letters, admin socket.
    package let stateDirectory: String
    /// What `~` stands for in a path of the configuration.
    package let homeDirectory: String
    /// What the variable TZ says; empty: /etc/localtime counts.
    package let localTimeZone: String
    package let localHost: LocalHost
    package var random: SeededRandom

    package init(
        component: String, loop: any EventLoop, network: any Network, files: any FileSystem, processes: any Processes,
        broker: any Broker, http: any HTTP = NoHTTP(), log: any Log, metrics: any Metrics, memory: any MemoryBudget,
        stateDirectory: String, homeDirectory: String = "/", localTimeZone: String = "",
        localHost: LocalHost = LocalHost(), random: SeededRandom
    ) {
        (self.component, self.loop, self.network, self.files) = (component, loop, network, files)
        (self.processes, self.broker, self.http, self.log, self.metrics) = (processes, broker, http, log, metrics)
        (self.memory, self.stateDirectory) = (memory, stateDirectory)
        (self.homeDirectory, self.localTimeZone, self.localHost) = (homeDirectory, localTimeZone, localHost)
        self.random = random
    }

    package func named(_ name: String) -> Environment {
        Environment(
            component: name, loop: loop, network: network, files: files, processes: processes, broker: broker, http: http,
            log: log, metrics: metrics, memory: memory, stateDirectory: stateDirectory, homeDirectory: homeDirectory,
            localTimeZone: localTimeZone, localHost: localHost, random: random.split(name))
    }

    package func log(_ level: LogLevel, _ text: @autoclosure () -> String) { log.write(level, component, text()) }
    package func counter(_ name: String) -> Counter { metrics.counter(name, component) }
    package func gauge(_ name: String, _ read: @escaping () -> Int) { metrics.gauge(name, component, read) }
}
