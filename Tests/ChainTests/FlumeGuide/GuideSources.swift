extension GuideExample {
    static let sources: [GuideExample] = [
        .source("avro", "type = avro\nbind = 0.0.0.0\nport = 4141"),
        .source(
            "thrift", "type = thrift\nbind = 0.0.0.0\nport = 4141",
            notSupported("source", "thrift", "this program does not speak Thrift", instead: "type = rpc")),
        .source("exec", "type = exec\ncommand = tail -F /var/log/auth.log"),
        .source(
            "exec by a shell",
            "type = exec\nshell = /bin/bash -c\ncommand = for f in /srv/in/*.csv; do cat $f; done\nbatchSize = 50\nlogStdErr = true"
        ),
        .source("exec again", "type = exec\ncommand = vmstat 1\nrestart = true\nrestartThrottle = 5000\nbatchTimeout = 1000"),
        .source(
            "jms",
            """
            type = jms
            initialContextFactory = org.apache.activemq.jndi.ActiveMQInitialContextFactory
            connectionFactory = GenericConnectionFactory
            providerURL = tcp://mqserver:61616
            destinationName = ORDERS
            destinationType = QUEUE
            """, notSupported("source", "jms", "the clients of Java's message service", instead: "type = kafka")),
        .source(
            "spooldir, Avro", "type = spooldir\nspoolDir = /srv/in\ndeserializer = AVRO",
            .refused(
                key: "a1.sources.r1.deserializer", because: "this program reads no Avro files",
                instead: "useFlumeEventFormat")),
        .source(
            "taildir",
            """
            type = TAILDIR
            positionFile = /var/lib/flume/taildir_position.json
            filegroups = web other
            filegroups.web = /var/log/web/access.log
            headers.web.team = front
            filegroups.other = /var/log/apps/.*log.*
            headers.other.team = back
            headers.other.tier = two
            fileHeader = true
            maxBatchCount = 1000
            """),
        .source(
            "twitter",
            """
            type = org.apache.flume.source.twitter.TwitterSource
            consumerKey = KEY
            consumerSecret = SECRET
            accessToken = TOKEN
            accessTokenSecret = TOKENSECRET
            maxBatchSize = 10
            maxBatchDurationMillis = 200
            """,
            notSupported(
                "source", "org.apache.flume.source.twitter.TwitterSource", "the interface of Twitter", instead: "type = http")),
        .source(
            "Kafka, topics",
            """
            type = org.apache.flume.source.kafka.KafkaSource
            batchSize = 5000
            batchDurationMillis = 2000
            kafka.bootstrap.servers = localhost:9092
            kafka.topics = orders, payments
            kafka.consumer.group.id = custom.group
            """),
        .source(
            "Kafka, a pattern",
            """
            type = org.apache.flume.source.kafka.KafkaSource
            kafka.bootstrap.servers = localhost:9092
            kafka.topics.regex = ^shop[0-9]$
            """),
        .source(
            "Kafka, SASL",
            """
            type = org.apache.flume.source.kafka.KafkaSource
            kafka.bootstrap.servers = kafka-1:9093,kafka-2:9093
            kafka.topics = orders
            kafka.consumer.group.id = flume-consumer
            kafka.consumer.security.protocol = SASL_SSL
            kafka.consumer.sasl.mechanism = PLAIN
            kafka.consumer.sasl.jaas.config = org.apache.kafka.common.security.plain.PlainLoginModule required username="flume" password="${env:KAFKA_PASSWORD}";
            """),
        .source(
            "Kafka, a Java key store",
            """
            type = org.apache.flume.source.kafka.KafkaSource
            kafka.bootstrap.servers = kafka-1:9093
            kafka.topics = orders
            kafka.consumer.security.protocol = SSL
            kafka.consumer.ssl.truststore.location = /etc/flume/truststore.jks
            """,
            .refused(
                key: "a1.sources.r1.kafka.consumer.ssl.truststore.location", because: "is a JKS store; PEM is understood",
                instead: "convert it to PEM: keytool")),
        .source("netcat", "type = netcat\nbind = 0.0.0.0\nport = 6666"),
        .source("netcatudp", "type = netcatudp\nbind = 0.0.0.0\nport = 6666"),
        .source("seq", "type = seq"),
        .source("syslogtcp", "type = syslogtcp\nport = 5140\nhost = localhost"),
        .source(
            "multiport_syslogtcp", "type = multiport_syslogtcp\nhost = 0.0.0.0\nports = 10001 10002 10003\nportHeader = port"),
        .source("syslogudp", "type = syslogudp\nport = 5140\nhost = localhost\nkeepFields = all"),
        .source("http", "type = http\nport = 5140"),
        .source(
            "http, Jetty's setters",
            """
            type = http
            port = 5140
            handler = org.apache.flume.source.http.JSONHandler
            HttpConfiguration.sendServerVersion = false
            ServerConnector.idleTimeout = 300
            """),
        .source(
            "http, a handler of one's own", "type = http\nport = 5140\nhandler = org.example.rest.RestHandler",
            .refused(key: "a1.sources.r1.handler", because: "org.example.rest.RestHandler", instead: "JSONHandler")),
        .source(
            "http, blobs",
            "type = http\nport = 5140\nhandler = org.apache.flume.sink.solr.morphline.BlobHandler\nhandler.maxBlobLength = 1000000"
        ),
        .source(
            "stress",
            "type = org.apache.flume.source.StressSource\nsize = 10240\nmaxTotalEvents = 1000000\nbatchSize = 10"),
        .source(
            "spool directory",
            "type = spooldir\nspoolDir = /var/spool/web\nfileHeader = true\nbasenameHeader = true\ndeletePolicy = never"),
        .source(
            "spool directory, all that it has",
            """
            type = org.apache.flume.source.SpoolDirectorySource
            spoolDir = /var/spool/web
            fileSuffix = .DONE
            includePattern = ^.*\\\\.log$
            ignorePattern = ^.*\\\\.tmp$
            trackerDir = .flumespool
            trackingPolicy = tracker_dir
            consumeOrder = youngest
            pollDelay = 500
            recursiveDirectorySearch = true
            maxBackoff = 4000
            batchSize = 100
            inputCharset = UTF-8
            decodeErrorPolicy = IGNORE
            deserializer = LINE
            deserializer.maxLineLength = 4096
            deserializer.outputCharset = UTF-8
            """),
        .source(
            "spool directory of blobs",
            """
            type = spooldir
            spoolDir = /var/spool/blobs
            deserializer = org.apache.flume.sink.solr.morphline.BlobDeserializer$Builder
            deserializer.maxBlobLength = 10000000
            """),
        .source(
            "Avro of Flume 0.9", "type = org.apache.flume.source.avroLegacy.AvroLegacySource\nhost = 0.0.0.0\nport = 6666",
            notSupported(
                "source", "org.apache.flume.source.avroLegacy.AvroLegacySource", "it serves clients of Flume 0.9",
                instead: "type = rpc")),
        .source(
            "Thrift of Flume 0.9",
            "type = org.apache.flume.source.thriftLegacy.ThriftLegacySource\nhost = 0.0.0.0\nport = 6666",
            notSupported(
                "source", "org.apache.flume.source.thriftLegacy.ThriftLegacySource", "it serves clients of Flume 0.9",
                instead: "type = rpc")),
        .source(
            "scribe", "type = org.apache.flume.source.scribe.ScribeSource\nport = 1463\nworkerThreads = 5",
            notSupported(
                "source", "org.apache.flume.source.scribe.ScribeSource", "Scribe and its protocol", instead: "type = taildir")),
        .source(
            "a class of one's own", "type = org.example.MySource",
            .refused(
                key: "a1.sources.r1.type", because: "\"org.example.MySource\" is a Java class, which this program cannot load",
                instead: "use one of taildir")),
    ]
}
