extension GuideExample {
    private static func java(_ type: String, _ system: String) -> Outcome {
        notSupported("sink", type, "the clients of \(system) are Java libraries", instead: "type = kafka")
    }

    private static let avroFile = Outcome.refused(
        key: "a1.sinks.k1.sink.serializer", because: "this program writes no Avro files", instead: "header_and_text")

    static let sinks: [GuideExample] = [
        .sink(
            "hdfs",
            """
            type = hdfs
            hdfs.path = /flume/events/%y-%m-%d/%H%M/%S
            hdfs.filePrefix = web-
            hdfs.round = true
            hdfs.roundValue = 10
            hdfs.roundUnit = minute
            """, java("hdfs", "HDFS")),
        .sink(
            "hive",
            """
            type = hive
            hive.metastore = thrift://127.0.0.1:9083
            hive.database = logs
            hive.table = visits
            hive.partition = asia,%{country},%y-%m-%d-%H-%M
            useLocalTimeStamp = false
            serializer = DELIMITED
            serializer.delimiter = "\\t"
            serializer.fieldnames = id,,message
            """, java("hive", "Hive")),
        .sink("logger", "type = logger\nmaxBytesToLog = 64"),
        .sink("avro", "type = avro\nhostname = 10.10.10.10\nport = 4545\nbatch-size = 100"),
        .sink(
            "thrift", "type = thrift\nhostname = 10.10.10.10\nport = 4545",
            notSupported("sink", "thrift", "this program does not speak Thrift", instead: "type = rpc")),
        .sink(
            "irc", "type = irc\nhostname = irc.example.net\nnick = flume\nchan = flume",
            notSupported("sink", "irc", "a chat has no answers", instead: "type = kafka")),
        .sink(
            "file_roll, Avro",
            """
            type = file_roll
            sink.directory = /var/log/flume
            sink.serializer = avro_event
            sink.serializer.compressionCodec = snappy
            """, avroFile),
        .sink("null", "type = null\nbatchSize = 100"),
        .sink(
            "hbase",
            """
            type = hbase
            table = events
            columnFamily = raw
            serializer = org.apache.flume.sink.hbase.RegexHbaseEventSerializer
            """, java("hbase", "HBase")),
        .sink(
            "hbase2",
            """
            type = hbase2
            table = events
            columnFamily = raw
            serializer = org.apache.flume.sink.hbase2.RegexHBase2EventSerializer
            """, java("hbase2", "HBase")),
        .sink(
            "asynchbase",
            """
            type = asynchbase
            table = events
            columnFamily = raw
            serializer = org.apache.flume.sink.hbase.SimpleAsyncHbaseEventSerializer
            """, java("asynchbase", "HBase")),
        .sink(
            "Solr",
            """
            type = org.apache.flume.sink.solr.morphline.MorphlineSolrSink
            morphlineFile = /etc/flume/morphline.conf
            batchSize = 1000
            batchDurationMillis = 1000
            """, java("morphline_solr", "Solr")),
        .sink(
            "Elasticsearch",
            """
            type = elasticsearch
            hostNames = 127.0.0.1:9200,127.0.0.2:9300
            indexName = logs
            indexType = entry
            clusterName = search
            batchSize = 500
            ttl = 5d
            serializer = org.apache.flume.sink.elasticsearch.ElasticSearchDynamicSerializer
            """, java("elasticsearch", "Elasticsearch")),
        .sink(
            "Kite", "type = org.apache.flume.sink.kite.DatasetSink\nkite.dataset.uri = dataset:hdfs:/data/events",
            java("org.apache.flume.sink.kite.DatasetSink", "HDFS")),
        .sink(
            "Kudu", "type = org.apache.flume.sink.kudu.KuduSink\nmasterAddresses = kudu-1\ntableName = events",
            java("org.apache.flume.sink.kudu.KuduSink", "Kudu")),
        .sink(
            "Kafka",
            """
            type = org.apache.flume.sink.kafka.KafkaSink
            kafka.topic = orders
            kafka.bootstrap.servers = localhost:9092
            kafka.flumeBatchSize = 20
            kafka.producer.acks = 1
            kafka.producer.linger.ms = 1
            kafka.producer.compression.type = snappy
            """),
        .sink(
            "Kafka, SASL without TLS",
            """
            type = org.apache.flume.sink.kafka.KafkaSink
            kafka.bootstrap.servers = kafka-1:9093,kafka-2:9093
            kafka.topic = orders
            kafka.producer.security.protocol = SASL_PLAINTEXT
            kafka.producer.sasl.mechanism = SCRAM-SHA-256
            kafka.producer.sasl.jaas.config = org.apache.kafka.common.security.scram.ScramLoginModule required username="flume" password="secret";
            """),
        .sink("rolling files", "type = file_roll\nsink.directory = /var/log/flume"),
        .sink(
            "rolling files, all that it has",
            """
            type = org.apache.flume.sink.RollingFileSink
            sink.directory = /var/log/flume
            sink.pathManager = ROLLTIME
            sink.pathManager.extension = log
            sink.pathManager.prefix = web-
            sink.rollInterval = 0
            sink.batchSize = 100
            sink.serializer = text
            sink.serializer.appendNewline = false
            """),
        .sink(
            "a class of one's own", "type = org.example.MySink",
            .refused(
                key: "a1.sinks.k1.type", because: "is a Java class, which this program cannot load", instead: "use one of rpc")),
    ]
}
