extension GuideExample {
    /// Keys of older versions, which files still have.
    static let oldKeys: [GuideExample] = [
        .source(
            "Kafka source, ZooKeeper",
            """
            type = org.apache.flume.source.kafka.KafkaSource
            kafka.bootstrap.servers = localhost:9092
            zookeeperConnect = zk-1:2181
            topic = orders
            groupId = flume
            """, .refused(key: "a1.sources.r1.zookeeperConnect", because: "ZooKeeper", instead: "kafka.bootstrap.servers")),
        .source(
            "Kafka source, names",
            """
            type = org.apache.flume.source.kafka.KafkaSource
            kafka.bootstrap.servers = localhost:9092
            topic = orders
            groupId = flume
            migrateZookeeperOffsets = false
            """),
        .sink(
            "Kafka sink",
            """
            type = org.apache.flume.sink.kafka.KafkaSink
            topic = orders
            brokerList = localhost:9092
            requiredAcks = 1
            batchSize = 20
            """),
        .channel(
            "Kafka channel",
            """
            type = org.apache.flume.channel.kafka.KafkaChannel
            brokerList = localhost:9092
            topic = channel
            groupId = flume
            readSmallestOffset = true
            """),
        .channel(
            "file channel, encryption",
            """
            type = file
            checkpointDir = /mnt/flume/checkpoint
            dataDirs = /mnt/flume/data
            encryption.activeKey = key-0
            """,
            .refused(
                key: "a1.channels.c1.encryption.activeKey", because: "encryption is not built",
                instead: "encrypt the file system")),
        .source("syslog, keepFields as a switch", "type = syslogtcp\nport = 5140\nkeepFields = true"),
        .source(
            "spooldir, line length",
            "type = spooldir\nspoolDir = /srv/in\nbufferMaxLines = 100\nbufferMaxLineLength = 4096"),
        .source("avro source, threads", "type = avro\nbind = 0.0.0.0\nport = 4141\nthreads = 10"),
        .sink("avro sink, workers", "type = avro\nhostname = collector\nport = 4141\nmaxIoWorkers = 8"),
        .source(
            "http, old names of TLS",
            "type = http\nport = 5140\nenableSSL = false\nexcludeProtocols = SSLv3\nkeystorePassword = x"),
    ]
}
