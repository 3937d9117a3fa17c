import TailraceCore
import TailraceInterceptors
import TailraceSimulation
import Testing

@Suite struct SelectorTests {
    private let world: SimulatedWorld
    private let environment: Environment
    init() {
        world = SimulatedWorld(seed: 1)
        environment = world.makeHost("h").makeEnvironment(component: "s")
    }

    private func shares(_ lines: String, _ channels: [String], _ batch: EventBatch) -> [String] {
        let (configuration, problems) = parse(MultiplexingSelectorConfiguration.declaration, lines)
        #expect(problems == [])
        return configuration.makeSelector(channels, environment).select(batch).map { share in
            share.map { "\($0.events) \($0.isRequired ? "required" : "optional")" } ?? "-"
        }
    }
    private func states(_ values: String?...) -> EventBatch {
        makeBatch(values.map { ("x", $0.map { [Header("State", $0)] } ?? []) })
    }

    /// Flume's guide: CZ to one, US to two, the rest to another.
    @Test func multiplexing() {
        let lines = "header = State\nmapping.CZ = c1\nmapping.US = c2  c3\ndefault = c4"
        let channels = ["c1", "c2", "c3", "c4"]
        #expect(
            shares(lines, channels, states("CZ", "CZ", "US", "cz", nil, "CZ"))
                == [
                    "[Range(0..<2), Range(5..<6)] required", "[Range(2..<3)] required", "[Range(2..<3)] required",
                    "[Range(3..<5)] required",
                ])
        let shared = makeBatch(shared: [Header("State", "US")], [("a", []), ("b", [])])
        #expect(
            shares(lines, channels, shared) == [
                "[] required", "[Range(0..<2)] required", "[Range(0..<2)] required", "[] required",
            ])
        #expect(shares(lines, channels, states()) == Array(repeating: "[] required", count: 4))
    }

    @Test func whatIsMappedNowhereIsCounted() {
        #expect(shares("header = State\nmapping.CZ = c1", ["c1"], states("US", "CZ", "US")) == ["[Range(1..<2)] required"])
        #expect(environment.counter("unrouted_events_total").value == 2)
    }

    /// Optional for a value; one that is required for another value stays required.
    @Test func optionalChannels() {
        let lines = "header = State\nmapping.CZ = c1\nmapping.US = c1 c2\noptional.CZ = c2 c3\ndefault = c1"
        #expect(
            shares(lines, ["c1", "c2", "c3"], states("CZ", "US"))
                == ["[Range(0..<2)] required", "[Range(0..<2)] required", "[Range(0..<1)] optional"])
        #expect(shares(lines, ["c1", "c2", "c3"], states("US"))[2] == "-")
    }

    @Test func loadBalancing() {
        var configuration = LoadBalancingSelectorConfiguration()
        let robin = configuration.makeSelector(["a", "b"], environment)
        let batch = states("x", "y")
        let turns = (0..<4).map { _ in robin.select(batch).map { $0!.events.isEmpty ? 0 : 1 } }
        #expect(turns == [[1, 0], [0, 1], [1, 0], [0, 1]])
        configuration.policy = .random
        let random = configuration.makeSelector(["a", "b", "c"], environment)
        var counts = [0, 0, 0]
        for _ in 0..<300 {
            let shares = random.select(batch)
            #expect(shares.count { $0!.events == [0..<2] } == 1 && shares.allSatisfy { $0!.isRequired })
            counts[shares.firstIndex { !$0!.events.isEmpty }!] += 1
        }
        #expect(counts.allSatisfy { $0 > 60 }, "\(counts)")
    }
}
