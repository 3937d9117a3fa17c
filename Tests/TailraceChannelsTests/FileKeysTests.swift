import TailraceChannels
import TailraceCore
import Testing

/// Every key of the file channel: what it sets, and what it refuses. The spillable channel has them, too.
@Suite struct FileKeysTests {
    private typealias Configuration = FileChannelConfiguration
    /// A key, a text, what it sets (as text), and a text that is refused.
    private static let table: [(key: String, text: String, set: @Sendable (Configuration) -> String, refused: String?)] = [
        ("checkpointDir", "/c", { $0.checkpointDirectory ?? "" }, nil),
        ("dataDirs", "/a, /b", { $0.dataDirectories.joined(separator: ", ") }, " , "),
        ("capacity", "77", { String($0.capacity) }, "0"),
        ("transactionCapacity", "66", { String($0.transactionCapacity!) }, "1000001"),
        ("maxFileSize", "4096", { String($0.maxFileSize) }, "4095"),
        ("minimumRequiredSpace", "1048576", { String($0.minimumRequiredSpace) }, "1"),
        ("keep-alive", "9", { String($0.keepAliveSeconds) }, "3601"),
        ("syncMode", "never", { $0.syncMode.rawValue }, "sometimes"),
        ("fsyncPerTransaction", "false", { $0.syncMode == .interval ? "false" : "true" }, "perhaps"),
        ("syncInterval", "30", { String($0.syncIntervalMilliseconds) }, "0"),
        ("fsyncInterval", "30", { String($0.syncIntervalMilliseconds / 1000) }, "0"),
        ("checkpointInterval", "500", { String($0.checkpointIntervalMilliseconds) }, "0"),
        ("unsyncedBytes", "5000", { String($0.unsyncedBytes) }, "4095"),
        ("memoryBytes", "5000", { String($0.memoryBytes) }, "4095"),
        ("patience", "50", { String($0.patienceMilliseconds) }, "60001"),
        ("rememberFor", "600", { String($0.rememberSeconds) }, "59"),
    ]
    private static let ignored = [
        "useDualCheckpoints", "backupCheckpointDir", "compressBackupCheckpoint", "checkpointOnClose", "use-log-replay-v1",
        "use-fast-replay",
    ]

    @Test func everyKeyDoesWhatItSays() throws {
        let keys = Configuration.declaration.keys
        #expect(Set(keys.map(\.name)) == Set(Self.table.map(\.key) + Self.ignored + ["encryption.*"]))
        for entry in Self.table {
            let key = try #require(keys.first { $0.name == entry.key })
            var configuration = Configuration()
            _ = try key.apply(&configuration, [], entry.text)
            #expect(entry.set(configuration) == entry.text, "\(entry.key)")
            guard let refused = entry.refused else { continue }
            #expect(throws: TailraceError.self, "\(entry.key)") { try key.apply(&configuration, [], refused) }
        }
        for name in Self.ignored {
            let key = try #require(keys.first { $0.name == name })
            guard case .ignored = key.kind else {
                Issue.record("\(name) is not ignored")
                continue
            }
        }
        let encryption = try #require(keys.first { $0.name == "encryption.*" })
        var configuration = Configuration()
        #expect(throws: TailraceError.self) { try encryption.apply(&configuration, ["keyProvider"], "JCEKSFILE") }
    }

    @Test func theSpillableChannelHasThemButForThoseOfItsOwn() throws {
        let keys = SpillableMemoryChannelConfiguration.declaration.keys
        #expect(Set(keys.map(\.name)).count == keys.count)
        for entry in Self.table where !["capacity", "keep-alive", "patience"].contains(entry.key) {
            let key = try #require(keys.first { $0.name == entry.key })
            var configuration = SpillableMemoryChannelConfiguration()
            _ = try key.apply(&configuration, [], entry.text)
            #expect(entry.set(configuration.file) == entry.text, "\(entry.key)")
        }
        let own: [(String, String, (SpillableMemoryChannelConfiguration) -> Int, String)] = [
            ("memoryCapacity", "0", \.memoryCapacity, "-1"), ("byteCapacity", "7", \.byteCapacity, "0"),
            ("overflowCapacity", "0", \.overflowCapacity, "-1"),
            ("overflowTimeout", "0", \.overflowTimeoutSeconds, "3601"),
            ("overflowDeactivationThreshold", "50", \.overflowDeactivationThreshold, "101"),
        ]
        for (name, text, value, refused) in own {
            let key = try #require(keys.first { $0.name == name })
            var configuration = SpillableMemoryChannelConfiguration()
            _ = try key.apply(&configuration, [], text)
            #expect(String(value(configuration)) == text, "\(name)")
            #expect(throws: TailraceError.self, "\(name)") { try key.apply(&configuration, [], refused) }
        }
        for name in ["avgEventSize", "byteCapacityBufferPercentage", "capacity", "keep-alive", "patience"] {
            let key = try #require(keys.first { $0.name == name })
            guard case .ignored = key.kind else {
                Issue.record("\(name) is not ignored")
                continue
            }
        }
    }
}
