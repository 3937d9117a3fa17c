/// What Flume has, so that a type which is not in the catalogue is refused by its name instead of called unknown.
enum FlumeTypes {
    struct Known: Sendable {
        /// nil: files use the class name.
        var alias: String?
        var className: String
        var names: [String] { (alias.map { [$0] } ?? []) + [className] }
        func isNamed(_ text: String) -> Bool { names.contains { TypeName.same($0, text) } }
        /// Why it will not be supported, and the nearest thing that works; nil: nothing special.
        let refusal: (reason: String, instead: String)?
        init(_ alias: String?, _ className: String, refusal: (reason: String, instead: String)? = nil) {
            (self.alias, self.className) = (alias, "org.apache.flume." + className)
            self.refusal = refusal
        }
    }

    static let sources = [
        Known("avro", "source.AvroSource"), Known("thrift", "source.ThriftSource", refusal: thriftSource),
        Known("exec", "source.ExecSource"),
        Known(
            "jms", "source.jms.JMSSource",
            refusal: (
                "the clients of Java's message service are Java libraries, which this program cannot load",
                "bring the messages to Kafka and use type = kafka; or let a program of your own post them to type = http"
            )), Known("spooldir", "source.SpoolDirectorySource"),
        Known("taildir", "source.taildir.TaildirSource"), Known(nil, "source.kafka.KafkaSource"),
        Known("netcat", "source.NetcatSource"), Known("netcatudp", "source.NetcatUdpSource"),
        Known("seq", "source.SequenceGeneratorSource"), Known("syslogtcp", "source.SyslogTcpSource"),
        Known("multiport_syslogtcp", "source.MultiportSyslogTCPSource"), Known("syslogudp", "source.SyslogUDPSource"),
        Known("http", "source.http.HTTPSource"), Known(nil, "source.StressSource"),
        Known(
            nil, "source.scribe.ScribeSource",
            refusal: (
                "Scribe and its protocol were given up by their makers",
                "put an agent with type = taildir beside the program that logs; or let it post to type = http"
            )),
        Known(nil, "source.avroLegacy.AvroLegacySource", refusal: legacySource),
        Known(nil, "source.thriftLegacy.ThriftLegacySource", refusal: legacySource),
        Known(
            nil, "source.twitter.TwitterSource",
            refusal: (
                "the interface of Twitter that it read no longer exists",
                "let a program of your own fetch the posts and send them to type = http"
            )), Known(nil, "rpc.avro.source.AvroSource"),
        Known(nil, "rpc.thrift.source.ThriftSource", refusal: thriftSource),
    ]
    private static let thriftSource = (
        reason: "this program does not speak Thrift",
        instead: "use type = rpc here and in the sinks of the agents that send; or type = http for programs of your own"
    )
    private static let legacySource = (
        reason: "it serves clients of Flume 0.9, which have not been maintained since 2012",
        instead: "replace the old agents by agents of this program, and use type = rpc here and in their sinks"
    )
    static let channels = [
        Known("memory", "channel.MemoryChannel"), Known("file", "channel.file.FileChannel"),
        Known(
            "jdbc", "channel.jdbc.JdbcChannel",
            refusal: (
                "it keeps events in an embedded Java database",
                "use type = file, which is durable too, or type = org.apache.flume.channel.kafka.KafkaChannel"
            )), Known("spillablememory", "channel.SpillableMemoryChannel"),
        Known(nil, "channel.kafka.KafkaChannel"),
        Known(
            nil, "channel.PseudoTxnMemoryChannel",
            refusal: (
                "it has no transactions: what a sink could not deliver is lost; Flume has it for tests only",
                "use type = memory, with the same capacity"
            )),
    ]
    static let sinks = [
        Known("avro", "sink.AvroSink"), Known("thrift", "sink.ThriftSink", refusal: thriftSink),
        Known("logger", "sink.LoggerSink"), Known("file_roll", "sink.RollingFileSink"), Known("null", "sink.NullSink"),
        Known("http", "sink.http.HttpSink"), Known(nil, "sink.kafka.KafkaSink"),
        Known("hdfs", "sink.hdfs.HDFSEventSink", refusal: behindKafka("HDFS")),
        Known("hive", "sink.hive.HiveSink", refusal: behindKafka("Hive")),
        Known("hbase", "sink.hbase.HBaseSink", refusal: behindKafka("HBase")),
        Known("asynchbase", "sink.hbase.AsyncHBaseSink", refusal: behindKafka("HBase")),
        Known("hbase2", "sink.hbase2.HBase2Sink", refusal: behindKafka("HBase")),
        Known("morphline_solr", "sink.solr.morphline.MorphlineSolrSink", refusal: behindKafka("Solr")),
        Known("elasticsearch", "sink.elasticsearch.ElasticSearchSink", refusal: behindKafka("Elasticsearch")),
        Known(
            "irc", "sink.irc.IRCSink",
            refusal: (
                "a chat has no answers, so nothing there is ever delivered for certain",
                "use type = kafka, and let a program of your own post what it reads there"
            )), Known(nil, "sink.kudu.KuduSink", refusal: behindKafka("Kudu")),
        Known(nil, "sink.kite.DatasetSink", refusal: behindKafka("HDFS")), Known(nil, "rpc.avro.sink.AvroSink"),
        Known(nil, "rpc.thrift.sink.ThriftSink", refusal: thriftSink),
    ]
    private static let thriftSink = (
        reason: "this program does not speak Thrift",
        instead: "use type = rpc, and type = rpc in the source of the agent that receives; or type = kafka"
    )
    private static func behindKafka(_ system: String) -> (reason: String, instead: String) {
        (
            "the clients of \(system) are Java libraries, which this program cannot load",
            "use type = kafka, and a connector of Kafka Connect from there to \(system)"
        )
    }
    static let processors = [
        Known("default", "sink.DefaultSinkProcessor"), Known("failover", "sink.FailoverSinkProcessor"),
        Known("load_balance", "sink.LoadBalancingSinkProcessor"),
    ]
    static let selectors = [
        Known("replicating", "channel.ReplicatingChannelSelector"),
        Known("multiplexing", "channel.MultiplexingChannelSelector"),
        Known("load_balancing", "channel.LoadBalancingChannelSelector"),
    ]
    /// Of the parts that stand under this name.
    static func parts(_ name: String) -> [Known] {
        switch name.split(separator: ".").last {
        case "interceptors": interceptors
        case "selector": selectors
        case "serializer": serializers
        case "deserializer": deserializers
        default: []
        }
    }
    static func noun(ofParts name: String) -> String {
        switch name.split(separator: ".").last {
        case "interceptors": "interceptor"
        case "selector": "channel selector"
        case "serializers": "header serializer"
        case "serializer": "event serializer"
        case "deserializer": "event deserializer"
        case let last: "\(last ?? "part")"
        }
    }

    static let interceptors = [
        Known("timestamp", "interceptor.TimestampInterceptor$Builder"), Known("host", "interceptor.HostInterceptor$Builder"),
        Known("static", "interceptor.StaticInterceptor$Builder"),
        Known("remove_header", "interceptor.RemoveHeaderInterceptor$Builder"),
        Known("search_replace", "interceptor.SearchAndReplaceInterceptor$Builder"),
        Known("regex_filter", "interceptor.RegexFilteringInterceptor$Builder"),
        Known("regex_extractor", "interceptor.RegexExtractorInterceptor$Builder"),
        Known(nil, "sink.solr.morphline.UUIDInterceptor$Builder"),
        Known(
            nil, "sink.solr.morphline.MorphlineInterceptor$Builder",
            refusal: (
                "a morphline is a program for a Java library, which this program does not contain",
                instead: "say it with regex_extractor, regex_filter and search_replace; or transform the events behind Kafka"
            )),
    ]
    static let serializers = [
        Known("text", "serialization.BodyTextEventSerializer$Builder"),
        Known("header_and_text", "serialization.HeaderAndBodyTextEventSerializer$Builder"),
        Known("avro_event", "serialization.FlumeEventAvroEventSerializer$Builder", refusal: avroFiles),
        Known(nil, "sink.hdfs.AvroEventSerializer$Builder", refusal: avroFiles),
    ]
    private static let avroFiles = (
        reason: "this program writes no Avro files",
        instead: "use header_and_text, which keeps the headers too; or a Kafka sink with useFlumeEventFormat = true"
    )
    static let deserializers = [
        Known("line", "serialization.LineDeserializer$Builder"),
        Known(
            "avro", "serialization.AvroEventDeserializer$Builder",
            refusal: (
                "this program reads no Avro files",
                "write the files as lines; or write the records to Kafka and use a Kafka source with useFlumeEventFormat = true"
            )),
        Known(nil, "sink.solr.morphline.BlobDeserializer$Builder"),
    ]
}
