extension GuideExample {
    static let channels: [GuideExample] = [
        .channel(
            "memory",
            "type = memory\ncapacity = 10000\ntransactionCapacity = 10000\nbyteCapacityBufferPercentage = 20\nbyteCapacity = 800000"
        ),
        .channel(
            "jdbc", "type = jdbc",
            notSupported("channel", "jdbc", "it keeps events in an embedded Java database", instead: "type = file")),
        .channel(
            "Kafka",
            """
            type = org.apache.flume.channel.kafka.KafkaChannel
            kafka.bootstrap.servers = kafka-1:9092,kafka-2:9092,kafka-3:9092
            kafka.topic = channel1
            kafka.consumer.group.id = flume-consumer
            """),
        .channel("file", "type = file\ncheckpointDir = /mnt/flume/checkpoint\ndataDirs = /mnt/flume/data"),
        .channel(
            "file, two checkpoints",
            """
            type = file
            checkpointDir = /mnt/flume/checkpoint
            useDualCheckpoints = true
            backupCheckpointDir = /mnt/flume/backup
            dataDirs = /mnt/flume/data
            capacity = 200000000
            transactionCapacity = 10000
            keep-alive = 30
            checkpointInterval = 300000
            maxFileSize = 2146435071
            """),
        .channel(
            "spillable memory",
            """
            type = SPILLABLEMEMORY
            memoryCapacity = 10000
            overflowCapacity = 1000000
            byteCapacity = 800000
            checkpointDir = /mnt/flume/checkpoint
            dataDirs = /mnt/flume/data
            """),
        .channel(
            "spillable memory, disk only",
            "type = SPILLABLEMEMORY\nmemoryCapacity = 0\noverflowCapacity = 1000000\ndataDirs = /mnt/flume/data"),
        .channel(
            "spillable memory, memory only", "type = SPILLABLEMEMORY\nmemoryCapacity = 100000\noverflowCapacity = 0"),
        .channel(
            "pseudo transactions", "type = org.apache.flume.channel.PseudoTxnMemoryChannel",
            notSupported(
                "channel", "org.apache.flume.channel.PseudoTxnMemoryChannel", "it has no transactions",
                instead: "type = memory")),
        .channel(
            "a class of one's own", "type = org.example.MyChannel",
            .refused(
                key: "a1.channels.c1.type", because: "is a Java class, which this program cannot load",
                instead: "use one of memory, file")),
    ]
}
