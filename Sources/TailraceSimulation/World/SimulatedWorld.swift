package import TailraceCore

/// Hosts, their loops, network, disks and a broker, in one thread on virtual time. Everything that chance decides comes from
/// the seed: the same seed and the same calls give the same ``transcript``.
///
///     let world = SimulatedWorld(seed: 7)
///     let edge = world.makeHost("edge-1")
///     let sink = try RPCSink(configuration, edge.makeEnvironment(component: "edge.sinks.k1"))
///     world.run(while: { !isDelivered })
///
/// Keep the world as long as anything of it is used: with it, all that waits in its loops is dropped.
package final class SimulatedWorld {
    package let timeline: Timeline
    package let fabric: Fabric
    /// The Kafka cluster that all hosts' clients reach.
    package let broker: SimulatedBroker
    private var hosts: [SimulatedHost] = []
    /// Steps that one call of a `run` function may take. More means that something spins: the program ends with a message.
    package var stepLimit = 5_000_000

    package init(seed: UInt64) {
        timeline = Timeline(seed: seed)
        fabric = Fabric(timeline)
        broker = SimulatedBroker(timeline, fabric)
        fabric.changed = { [weak broker] in broker?.changed() }
    }
    deinit {
        for host in hosts { host.end() }
        broker.end()
        timeline.drop()
    }

    package var now: Instant { timeline.now }
    package var transcript: Transcript {
        get { timeline.transcript }
        set { timeline.transcript = newValue }
    }
    package var faults: FaultPlan {
        get { timeline.faults }
        set { timeline.faults = newValue }
    }
    package func random(_ name: String) -> SeededRandom { timeline.random("test " + name) }

    /// A machine with one agent on it; resolvable by `name`.
    package func makeHost(_ name: String) -> SimulatedHost {
        precondition(!hosts.contains { $0.name == name }, "two hosts \(name)")
        let host = SimulatedHost(name, timeline, fabric, broker)
        hosts.append(host)
        return host
    }

    /// For tests that need one component's environment and no more; makes the host if there is none of that name.
    package func makeEnvironment(host: String, component: String) -> Environment {
        let host = hosts.first { $0.name == host } ?? makeHost(host)
        return host.makeEnvironment(component: component)
    }

    /// An action of the test itself at a time: crash a host, change the faults.
    package func at(_ time: Instant, _ body: @escaping () -> Void) { timeline.at(time, body) }
    package func after(_ delay: Duration, _ body: @escaping () -> Void) { timeline.after(delay, body) }
    package func note(_ text: String, _ first: Int = 0, _ second: Int = 0) { timeline.note("test", text, first, second) }

    /// No packet gets from one to the other until ``heal(_:_:)``; what was on its way arrives then.
    package func partition(_ a: SimulatedHost, _ b: SimulatedHost) { fabric.partition(a.name, b.name) }
    package func heal(_ a: SimulatedHost, _ b: SimulatedHost) { fabric.heal(a.name, b.name) }
    /// Cuts a host off from Kafka, or ends that.
    package func setBrokerReachable(_ isReachable: Bool, from host: SimulatedHost) {
        if isReachable { fabric.heal(host.name, broker.host) } else { fabric.partition(host.name, broker.host) }
    }
    package func healAll() { fabric.healAll() }

    /// The next turn of a loop, or the next thing that happens outside of them. False: nothing is left.
    @discardableResult
    package func step() -> Bool {
        guard !timeline.isIdle else { return false }
        timeline.step()
        return true
    }
    /// Everything up to `deadline`, which is then the time.
    package func run(until deadline: Instant) {
        var steps = 0
        while let next = timeline.next, next <= deadline { counted(&steps) }
        timeline.advance(to: deadline)
    }
    package func run(for time: Duration) { run(until: now + time) }

    /// True when `condition` became false within `limit` of virtual time; false also when nothing is left that could change it.
    @discardableResult
    package func run(while condition: () -> Bool, limit: Duration = .seconds(3600)) -> Bool {
        let deadline = now + limit
        var steps = 0
        while condition() {
            guard let next = timeline.next, next <= deadline else { return false }
            counted(&steps)
        }
        return true
    }
    /// Until nothing is left: no timer, no bytes on their way. Periodic work never ends; it meets the step limit.
    package func runUntilIdle() {
        var steps = 0
        while !timeline.isIdle { counted(&steps) }
    }

    private func counted(_ steps: inout Int) {
        timeline.step()
        steps += 1
        if steps == stepLimit {
            let last = timeline.transcript.lines.suffix(20).joined(separator: "\n")
            fatalError(
                "livelock in the world of seed \(timeline.seed)? \(steps) steps in one run; time \(now.nanoseconds / 1000) us, "
                    + "\(timeline.pending) things wait. The last lines:\n\(last)")
        }
    }
}
