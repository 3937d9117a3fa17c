extension ChainScenario {
    /// Which chain is played: what feeds it, its channels, its tiers, and what goes wrong.
    package struct Shape: Sendable {
        package enum Source: String, Sendable, CaseIterable { case taildir, seq, kafka, spool }
        package enum Group: String, Sendable, CaseIterable { case loadBalance, failover }
        package enum Channel: String, Sendable, CaseIterable { case memory, file, spillable }

        package var source = Source.taildir
        /// Of an edge. Several: each is required and gets everything, and has an aggregator and a topic of its own.
        package var edgeChannels = [Channel.memory]
        package var aggregatorChannel = Channel.memory
        package var group = Group.loadBalance
        package var compression = "none"
        /// More than one: members of one consumer group.
        package var edges = 1
        package var aggregators = 2
        package var lines = 400
        /// What the aggregators' source answers for: `committed` is the planted bug "acknowledge before safe".
        package var acknowledge = "safe"
        /// The planted bug "answer before the sync": syncs of all disks succeed and do nothing.
        package var disksLie = false
        /// Of the edges' file channels.
        package var syncMode = "commit"
        /// How long things go wrong, and whether they do.
        package var trouble = Duration.seconds(60)
        package var isCalm = false
        /// The state of an edge comes back from a backup, after it went on.
        package var restoresBackup = false
        /// Over the files that are there, which keep their inodes.
        package var restoresInPlace = false
        package init() {}

        /// The names of the topics: one for each channel of the edges.
        package var topics: [String] { edgeChannels.count == 1 ? ["events"] : edgeChannels.indices.map { "events-\($0 + 1)" } }
        /// Which of them an aggregator writes to, from 0.
        func topic(ofAggregator index: Int) -> String { topics[index % topics.count] }
        /// Positions and events are in one commit: nothing is read twice after a crash.
        var readsOnce: Bool {
            edgeChannels == [.file] && syncMode == "commit" && !restoresBackup && edges == 1 && !disksLie
        }
    }

    /// The chains that are played over many seeds. All sources, groups and codecs come up in each where they fit.
    package enum Chain: String, Sendable, CaseIterable {
        /// Channels of edge and aggregators.
        case memory
        case file
        case fileEdge = "file-edge"
        case fileAggregator = "file-aggregator"
        /// A file channel and a memory channel, both required, from one source.
        case both
        /// Memory first, and a file channel behind it: on the edge, on the aggregators, or both.
        case spillable
        /// From a topic over the tiers to another topic, with any channels, and one or two edges in the group.
        case kafka
        /// An edge whose state is restored from a backup, and one whose channel does not sync each commit.
        case restored

        /// What a seed plays of it.
        package func shape(seed: UInt64) -> Shape {
            var shape = Shape()
            shape.source = seed % 4 == 3 ? .seq : .taildir
            shape.group = seed / 4 % 2 == 0 ? .loadBalance : .failover
            shape.compression = ["none", "lz4", "zstd"][Int(seed / 8 % 3)]
            shape.aggregators = seed % 5 == 4 ? 3 : 2
            switch self {
            case .memory: break
            case .file: (shape.edgeChannels, shape.aggregatorChannel) = ([.file], .file)
            case .fileEdge: shape.edgeChannels = [.file]
            case .fileAggregator: shape.aggregatorChannel = .file
            case .both:
                shape.edgeChannels = [.file, .memory]
                shape.aggregatorChannel = seed % 2 == 0 ? .memory : .file
                shape.aggregators = 2
            case .spillable:
                shape.edgeChannels = [[.spillable], [.file], [.spillable], [.memory]][Int(seed % 4)]
                shape.aggregatorChannel = seed % 4 == 2 ? .file : .spillable
            case .kafka:
                shape.source = .kafka
                shape.edgeChannels = [[.file], [.file], [.memory], [.file, .memory]][Int(seed % 4)]
                shape.aggregatorChannel = seed / 4 % 2 == 0 ? .file : .memory
                shape.edges = seed % 3 == 2 ? 2 : 1
                shape.aggregators = 2
            case .restored:
                shape.source = .taildir
                (shape.edgeChannels, shape.aggregatorChannel) = ([.file], .file)
                shape.restoresBackup = seed % 3 != 2
                shape.syncMode = ["commit", "interval", "never"][Int(seed % 3)]
            }
            return shape
        }
    }
}
