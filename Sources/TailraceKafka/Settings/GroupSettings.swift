import TailraceCore

extension ClientSettings {
    /// What a member of a group gets: the file's settings over our defaults. `reset`: where to begin without an offset;
    /// `readAhead`: events of one partition.
    func groupSettings(
        _ servers: String, group: String, reset: String, readAhead: Int = 0
    ) throws(TailraceError) -> [String: String] {
        let defaults = [
            "bootstrap.servers": servers,
            "group.id": group,
            "auto.offset.reset": reset,
            // The Java client reads what aborted transactions wrote; nobody wants that in his logs.
            "isolation.level": "read_committed",
            "socket.nagle.disable": "true",
            // Read ahead per partition: bounded by bytes, and enough for some batches.
            "queued.min.messages": String(max(10_000, readAhead)),
            "queued.max.messages.kbytes": "8192",
            // A topic that is made later, or gets partitions, is found within this time.
            "topic.metadata.refresh.interval.ms": "30000",
        ]
        var settings = defaults.merging(try resolved()) { _, given in given }
        // Offsets are committed when the events are safe, and by us alone.
        settings["enable.auto.commit"] = "false"
        settings["enable.auto.offset.store"] = "false"
        return settings
    }

    static let emptyGroup = ConfigurationProblem(
        .error, code: "kafka.no-group", key: "kafka.consumer.group.id", message: "the group's name is empty",
        fix: "give it a name, or remove the line for \"flume\"")
    static let zookeeper = TailraceError(
        code: "kafka.zookeeper", message: "brokers and offsets are not looked up in ZooKeeper",
        fix: "remove the line and set kafka.bootstrap.servers")
}
