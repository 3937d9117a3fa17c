package import TailraceCore

/// The components of one agent, wired, over any seams: the real ones of this machine, or simulated ones.
///
/// Start: channels (all of them ready), then sinks, then sources. Stop, so that nothing acknowledged is lost and as much as
/// possible is delivered: sources, their outputs (until all is answered), sink runners (until the channels are empty), sinks,
/// channels. Each step has its share of the time; what is open at its end is given back.
package final class Agent {
    package enum State: Hashable, Sendable { case new, starting, running, stopping, stopped }

    struct Source {
        let source: any EventSource
        let output: SourceOutput
        let type: String
    }
    struct Sink {
        let sink: any EventSink
        let type: String
    }
    struct Channel {
        let channel: any EventChannel
        let type: String
    }
    struct Group {
        let name: String
        let runner: SinkRunner
        let channel: any EventChannel
    }

    package let name: String
    package private(set) var state = State.new
    let environment: Environment
    private let assembly: AgentAssembly
    private(set) var channels: [Channel] = []
    private(set) var sinks: [Sink] = []
    private(set) var groups: [Group] = []
    private(set) var sources: [Source] = []

    package init(_ assembly: AgentAssembly, _ environment: Environment) {
        (name, self.assembly, self.environment) = (assembly.name, assembly, environment)
    }

    private var loop: any EventLoop { environment.loop }

    // MARK: Start

    /// Failure: one component could not start; the others were stopped again.
    package func start(_ done: @escaping Completion) {
        precondition(state == .new)
        state = .starting
        environment.log(.info, "agent \(name) starts")
        run([startChannels, startSinks, startSources]) { [self] result in
            switch result {
            case .success:
                guard state == .starting else { return done(.failure(.stopped)) }
                state = .running
                environment.log(
                    .info, "agent \(name) runs: \(sources.count) sources, \(channels.count) channels, \(sinks.count) sinks")
                done(.success(()))
            case .failure(let error):
                stop(within: .seconds(1)) { _ in done(.failure(error)) }
            }
        }
    }

    /// One step behind the other, up to the first that fails.
    private func run(_ steps: [(@escaping Completion) -> Void], _ done: @escaping Completion) {
        guard let first = steps.first else { return done(.success(())) }
        first { [self] result in
            guard case .success = result else { return done(result) }
            run(Array(steps.dropFirst()), done)
        }
    }

    private func startChannels(_ done: @escaping Completion) {
        do throws(TailraceError) {
            // By name: the order in which source outputs reserve.
            for plan in assembly.channels.sorted(by: { $0.name < $1.name }) {
                channels.append(Channel(channel: try plan.make(environment.named(plan.name)), type: plan.type))
            }
        } catch { return fail(error, done) }
        startAll(channels.map(\.channel), done)
    }

    private func startSinks(_ done: @escaping Completion) {
        do throws(TailraceError) {
            for plan in assembly.sinks {
                sinks.append(Sink(sink: try plan.make(environment.named(plan.name)), type: plan.type))
            }
            for plan in assembly.groups {
                let members = plan.sinks.map { name in sinks.first { $0.sink.name == name }!.sink }
                let channel = channels.first { $0.channel.name == plan.channel }!.channel
                let window = SinkRunner.Window(
                    takes: 64 * members.count, size: BatchSize(events: .max, bytes: 64 << 20))
                let runner = SinkRunner(
                    channel, members, try plan.makeProcessor(), window: window, environment.named(plan.name))
                groups.append(Group(name: plan.name, runner: runner, channel: channel))
            }
        } catch { return fail(error, done) }
        startAll(sinks.map(\.sink)) { [self] result in
            if case .success = result { for group in groups { group.runner.pump() } }
            done(result)
        }
    }

    private func startSources(_ done: @escaping Completion) {
        do throws(TailraceError) {
            for plan in assembly.sources {
                let own = environment.named(plan.name)
                let targets = channels.map(\.channel).filter { plan.channels.contains($0.name) }
                var interceptors: [any Interceptor] = []
                for part in plan.interceptors { interceptors.append(try part.make(environment.named(part.name))) }
                let selector = plan.makeSelector(targets.map(\.name), own)
                let output = SourceOutput(targets, interceptors, selector, acknowledge: plan.acknowledge, own)
                let source = try plan.make(output, own)
                output.source = source
                sources.append(Source(source: source, output: output, type: plan.type))
            }
        } catch { return fail(error, done) }
        startAll(sources.map(\.source), done)
    }

    private func fail(_ error: TailraceError, _ done: @escaping Completion) {
        loop.enqueue { done(.failure(error)) }
    }

    /// All at once; the first failure, in their order, once all have answered.
    private func startAll(_ components: [any Component], _ done: @escaping Completion) {
        var open = components.count
        var failures: [Int: TailraceError] = [:]
        guard open > 0 else { return loop.enqueue { done(.success(())) } }
        for (index, component) in components.enumerated() {
            component.start { [self] result in
                if case .failure(let error) = result {
                    let named = error.named(component.name)
                    environment.log.write(.error, component.name, "could not start. \(named)")
                    failures[index] = named
                }
                open -= 1
                guard open == 0 else { return }
                done(failures.min { $0.key < $1.key }.map { .failure($0.value) } ?? .success(()))
            }
        }
    }

    // MARK: Stop

    /// `done` gets the number of events that are left undelivered and were not acknowledged as safe.
    package func stop(within time: Duration, _ done: @escaping (_ left: Int) -> Void) {
        guard state != .stopping, state != .stopped else { return }
        state = .stopping
        let begin = loop.now
        func deadline(_ percent: Int64) -> Instant { begin + .nanoseconds(time.nanoseconds / 100 * percent) }
        environment.log(.info, "agent \(name) stops, within \(time.text)")
        stopAll(sources.map { source in { source.source.stop(by: deadline(50), $0) } }) { [self] in
            stopAll(sources.map { source in { source.output.stop(by: deadline(70), $0) } }) { [self] in
                let drains = groups.map { group in
                    { group.runner.stop(draining: group.channel.isDrainedAtStop, by: deadline(85), $0) }
                }
                stopAll(drains) { [self] in
                    stopAll(sinks.map { sink in { sink.sink.stop(by: deadline(95), $0) } }) { [self] in
                        let left = channels.reduce(0) { $0 + $1.channel.held.events }
                        stopAll(channels.map { channel in { channel.channel.stop(by: deadline(100), $0) } }) { [self] in
                            state = .stopped
                            environment.log(
                                .info, "agent \(name) stopped after \((loop.now - begin).text), \(left) events left in channels"
                            )
                            done(left)
                        }
                    }
                }
            }
        }
    }

    private func stopAll(_ stops: [(@escaping () -> Void) -> Void], _ done: @escaping () -> Void) {
        var open = stops.count
        guard open > 0 else { return loop.enqueue(done) }
        for stop in stops {
            stop {
                open -= 1
                if open == 0 { done() }
            }
        }
    }
}
