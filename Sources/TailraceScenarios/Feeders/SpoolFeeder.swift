package import TailraceSimulation

/// Files that are moved into a directory of each edge, which renames them when all their events are safe.
package final class SpoolFeeder: ChainFeeder {
    private let edges: [SimulatedHost]
    private var files = 0
    package private(set) var owed: [String] = []
    package let outlivesAgent = true

    package init(_ edges: [SimulatedHost]) {
        self.edges = edges
        for edge in edges {
            edge.files.makeDirectory("/spool")
            edge.files.makeDirectory("/outside")
        }
    }
    package func configuration(ofEdge edge: Int) -> [(key: String, value: String)] {
        [("type", "spooldir"), ("spoolDir", "/spool"), ("batchSize", "7"), ("pollDelay", "100")]
    }
    package func feed(_ texts: [String]) {
        guard !texts.isEmpty else { return }
        let edge = edges[files % edges.count]
        files += 1
        owed += texts
        edge.files.write("/outside/\(files)", texts.joined(separator: "\n"))
        edge.files.rename("/outside/\(files)", to: "/spool/\(files).log")
    }
}
