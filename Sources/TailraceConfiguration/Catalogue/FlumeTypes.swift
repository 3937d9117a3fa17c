/// What Flume has, so that a type which is not in the catalogue is refused by its name instead of called unknown.
enum FlumeTypes {
    struct Known: Sendable {
        /// nil: files use the class name.
        var alias: String?
        var className: String
        var names: [String] { (alias.map { [$0] } ?? []) + [className] }
        func isNamed(_ text: String) -> Bool { names.contains { TypeName.same($0, text) } }
        /// Why it will not be supported, and the nearest thing that works; nil: nothing special.
        var refusal: (reason: String, instead: String)?
        init(_ alias: String?, _ className: String, refusal: (reason: String, instead: String)? = nil) {
            (self.alias, self.className) = (alias, "org.apache.flume." + className)
            self.refusal = refusal
        }
    }

    static let sources = [
        Known("avro", "source.AvroSource"), Known("thrift", "source.ThriftSource"), Known("exec", "source.ExecSource"),
        Known("jms", "source.jms.JMSSource"), Known("spooldir", "source.SpoolDirectorySource"),
        Known("taildir", "source.taildir.TaildirSource"), Known(nil, "source.kafka.KafkaSource"),
        Known("netcat", "source.NetcatSource"), Known("netcatudp", "source.NetcatUdpSource"),
        Known("seq", "source.SequenceGeneratorSource"), Known("syslogtcp", "source.SyslogTcpSource"),
        Known("multiport_syslogtcp", "source.MultiportSyslogTCPSource"), Known("syslogudp", "source.SyslogUDPSource"),
        Known("http", "source.http.HTTPSource"), Known(nil, "source.StressSource"), Known(nil, "source.scribe.ScribeSource"),
        Known(nil, "source.avroLegacy.AvroLegacySource"), Known(nil, "source.thriftLegacy.ThriftLegacySource"),
        Known(nil, "source.twitter.TwitterSource"), Known(nil, "rpc.avro.source.AvroSource"),
        Known(nil, "rpc.thrift.source.ThriftSource"),
    ]
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
        Known("avro", "sink.AvroSink"), Known("thrift", "sink.ThriftSink"), Known("logger", "sink.LoggerSink"),
        Known("file_roll", "sink.RollingFileSink"), Known("null", "sink.NullSink"), Known("http", "sink.http.HttpSink"),
        Known(nil, "sink.kafka.KafkaSink"), Known("hdfs", "sink.hdfs.HDFSEventSink"), Known("hive", "sink.hive.HiveSink"),
        Known("hbase", "sink.hbase.HBaseSink"), Known("asynchbase", "sink.hbase.AsyncHBaseSink"),
        Known("hbase2", "sink.hbase2.HBase2Sink"), Known("morphline_solr", "sink.solr.morphline.MorphlineSolrSink"),
        Known("elasticsearch", "sink.elasticsearch.ElasticSearchSink"), Known("irc", "sink.irc.IRCSink"),
        Known(nil, "sink.kudu.KuduSink"), Known(nil, "sink.kite.DatasetSink"), Known(nil, "rpc.avro.sink.AvroSink"),
        Known(nil, "rpc.thrift.sink.ThriftSink"),
    ]
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
        Known("avro_event", "serialization.FlumeEventAvroEventSerializer$Builder"),
        Known(nil, "sink.hdfs.AvroEventSerializer$Builder"),
    ]
    static let deserializers = [
        Known("line", "serialization.LineDeserializer$Builder"), Known("avro", "serialization.AvroEventDeserializer$Builder"),
        Known(nil, "sink.solr.morphline.BlobDeserializer$Builder"),
    ]
}
