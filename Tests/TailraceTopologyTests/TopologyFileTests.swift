import TailraceCore
import Testing

@testable import TailraceTopology

struct TopologyFileTests {
    static let whole = """
        name: two-tier
        broker: embedded
        topics:
          - {name: logs, partitions: 64}
        tiers:
          - name: edge
            count: 2
            agent: edge
            configuration: edge.properties
            environment: {RACK: "rack-{instance}"}
          - name: aggregator
            agent: agg
            configuration: agg.properties
        generator: {tier: edge, bytes: 200}
        audit: {deadline: 30}
        """

    private func read(_ text: String) throws(TopologyFile.Mistakes) -> Topology {
        try TopologyFile.read(Array(text.utf8), file: "t.yaml", hasFile: { $0 != "missing.properties" })
    }
    private func mistakes(_ text: String) -> [String] {
        do throws(TopologyFile.Mistakes) {
            _ = try read(text)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test func aWholeFileIsRead() throws {
        let topology = try read(Self.whole)
        #expect(topology.name == "two-tier")
        #expect(topology.broker == .embedded)
        #expect(topology.topics == [Topology.Topic(name: "logs", partitions: 64)])
        #expect(topology.instances.map { $0.tier.instanceName($0.number) } == ["edge-1", "edge-2", "aggregator-1"])
        #expect(topology.tiers[0].environment == [["RACK": "rack-{instance}"], ["RACK": "rack-{instance}"]])
        #expect(topology.tiers[1].environment == [[:]])
        #expect(topology.generator == Topology.Generator(tier: "edge", bytes: 200))
        #expect(topology.audit.deadlineSeconds == 30)
    }

    @Test(arguments: [
        ("broker: {kind: home, home: /opt/kafka, port: 19092}", Topology.Broker.home("/opt/kafka")),
        ("broker: home", .home(nil)), ("broker: {kind: bootstrap, servers: \"a:9092\"}", .bootstrap("a:9092")),
    ])
    func brokers(_ line: String, _ broker: Topology.Broker) throws {
        #expect(try read(Self.whole.replacing("broker: embedded", with: line)).broker == broker)
    }

    @Test(arguments: [
        ("name: two-tier", "nam: x", ["t.yaml:1:1: 'nam' is no key of the topology. Fix: did you mean 'name'?"]),
        ("name: two-tier", "name: Two", ["t.yaml:1:7: 'name' is \"Two\". Fix: use 1 to 40 small letters"]),
        ("broker: embedded", "broker: embeded", ["t.yaml:2:9: there is no broker 'embeded'. Fix: did you mean 'embedded'?"]),
        ("broker: embedded", "broker: bootstrap", ["t.yaml:2:9: a broker of kind 'bootstrap' needs 'servers'"]),
        (
            "broker: embedded", "broker: {kind: embedded, servers: x}",
            ["t.yaml:2:35: 'servers' is for a broker of kind 'bootstrap'"]
        ),
        ("count: 2", "count: 0", ["t.yaml:7:12: 'count' is the text \"0\". Fix: write a whole number from 1 to 64"]),
        ("count: 2", "cuont: 2", ["t.yaml:7:5: 'cuont' is no key of a tier. Fix: did you mean 'count'?"]),
        ("partitions: 64", "partitions: [1]", ["t.yaml:4:30: 'partitions' is a list"]),
        ("name: logs", "name: \"a b\"", ["t.yaml:4:12: 'a b' is no name for a topic"]),
        ("edge.properties", "missing.properties", ["t.yaml:9:20: 'missing.properties' cannot be read"]),
        ("{instance}", "{instanse}", ["t.yaml:10:25: there is no placeholder {instanse}. Fix: did you mean {instance}?"]),
        ("RACK:", "TAILRACE_PORT:", ["t.yaml:10:19: 'TAILRACE_PORT': the cluster itself sets"]),
        ("{RACK: \"rack-{instance}\"}", "[{A: b}]", ["t.yaml:10:18: 'environment' lists 1 instances and 'count' says 2"]),
        ("name: aggregator", "name: edge", ["t.yaml:11:11: tier 'edge': listed twice"]),
        ("name: aggregator", "name: auditor", ["t.yaml:11:11: tier 'auditor': the cluster uses this name itself"]),
        ("tier: edge", "tier: egde", ["t.yaml:14:19: there is no tier 'egde'. Fix: did you mean 'edge'?"]),
        ("bytes: 200", "file: a/b", ["t.yaml:14:31: 'file' is a path"]),
        ("deadline: 30", "deadline: 0", ["t.yaml:15:19: 'deadline' (seconds) is the text \"0\""]),
    ])
    func aMistakeIsToldWithPlaceAndRemedy(_ from: String, _ to: String, _ expected: [String]) {
        let found = mistakes(Self.whole.replacing(from, with: to))
        for text in expected { #expect(found.contains { $0.hasPrefix(text) }, "\(found)") }
    }

    @Test func allMistakesComeAtOnceInTheOrderOfTheFile() {
        let found = mistakes(
            Self.whole.replacing("count: 2", with: "count: x").replacing("agent: agg", with: "agent: []").replacing(
                "broker: embedded", with: "broker: [a]"))
        #expect(found.map { $0.split(separator: " ")[0] } == ["t.yaml:2:9:", "t.yaml:7:12:", "t.yaml:12:12:"])
    }

    @Test func whatIsMissingIsNamed() {
        #expect(
            mistakes("broker: home").map { $0.prefix(36) }.sorted() == [
                "t.yaml:1:1: 'name' is missing. Fix: ", "t.yaml:1:1: 'tiers' is missing. Fix:",
                "t.yaml:1:1: 'topics' is missing. Fix",
            ])
    }

    @Test func placeholdersAreFilled() {
        #expect(
            Placeholders.fill("{tier}/{instance} {name} {cluster} {x} {} { {", tier: "edge", instance: 2, cluster: "c")
                == "edge/2 edge-2 c {x} {} { {")
    }

    /// Whatever is written where a value stands: read or told, never a crash.
    @Test(arguments: 0..<6 as Range<UInt64>)
    func changedFilesAreReadOrTold(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let pieces = ["[]", "{}", "x", "''", "-1", "99999999999999999999", "[{}]", "{a: b}", "{name: {}}", "\n", "- a"]
        for _ in 0..<200 {
            var lines = Self.whole.split(separator: "\n").map(String.init)
            let index = Int.random(in: lines.indices, using: &random)
            let piece = pieces.randomElement(using: &random)!
            lines[index] = (lines[index].split(separator: ":").first.map(String.init) ?? "") + ": " + piece
            _ = mistakes(lines.joined(separator: "\n"))
        }
    }
}
