/// The shipped two-tier topology with changes of a test's own.
enum TopologyCopy {
    /// `edge`, `aggregator`: lines behind those of the shipped .properties files; `replaced`: texts of the topology file.
    static func write(
        edge: String = "", aggregator: String = "", replaced: [(String, String)] = [], in place: Workplace
    ) throws -> String {
        let folder = "\(Program.checkout)/topologies"
        for (name, more) in [("two-tier-edge.properties", edge), ("two-tier-aggregator.properties", aggregator)] {
            try Files.write(Files.text("\(folder)/\(name)") + more + "\n", to: place.file(name))
        }
        var topology = Files.text("\(folder)/two-tier.yaml")
        for (old, new) in replaced {
            guard topology.contains(old) else { throw TestFailure("two-tier.yaml has no \"\(old)\"") }
            topology = topology.replacing(old, with: new)
        }
        try Files.write(topology, to: place.file("copy.yaml"))
        return place.file("copy.yaml")
    }
}
