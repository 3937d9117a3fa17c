extension GuideExample {
    private static func chain(_ name: String, _ lines: String, _ outcome: Outcome = .starts) -> GuideExample {
        .source(name, "type = seq\n" + lines, outcome)
    }

    static let interceptors: [GuideExample] = [
        chain(
            "host and timestamp by their builders",
            """
            interceptors = i1 i2
            interceptors.i1.type = org.apache.flume.interceptor.HostInterceptor$Builder
            interceptors.i1.preserveExisting = false
            interceptors.i1.hostHeader = hostname
            interceptors.i2.type = org.apache.flume.interceptor.TimestampInterceptor$Builder
            """),
        chain(
            "static",
            "interceptors = i1\ninterceptors.i1.type = static\ninterceptors.i1.key = datacenter\ninterceptors.i1.value = NEW_YORK"
        ),
        chain(
            "remove_header",
            """
            interceptors = i1
            interceptors.i1.type = remove_header
            interceptors.i1.fromList = a, b
            interceptors.i1.fromListSeparator = \\\\s*,\\\\s*
            interceptors.i1.matching = x-.*
            """),
        chain(
            "UUID",
            """
            interceptors = i1
            interceptors.i1.type = org.apache.flume.sink.solr.morphline.UUIDInterceptor$Builder
            interceptors.i1.headerName = id
            interceptors.i1.preserveExisting = false
            interceptors.i1.prefix = web-
            """),
        chain(
            "morphline",
            """
            interceptors = i1
            interceptors.i1.type = org.apache.flume.sink.solr.morphline.MorphlineInterceptor$Builder
            interceptors.i1.morphlineFile = /etc/flume/morphline.conf
            interceptors.i1.morphlineId = m1
            """,
            .refused(
                key: "a1.sources.r1.interceptors.i1.type", because: "a morphline is a program for a Java library",
                instead: "regex_extractor")),
        chain(
            "search_replace, leading characters",
            """
            interceptors = i1
            interceptors.i1.type = search_replace
            interceptors.i1.searchPattern = ^[A-Za-z0-9_]+
            interceptors.i1.replaceString =
            """),
        chain(
            "search_replace, groups",
            """
            interceptors = i1
            interceptors.i1.type = search_replace
            interceptors.i1.searchPattern = The quick brown ([a-z]+) jumped over the lazy ([a-z]+)
            interceptors.i1.replaceString = The hungry $2 ate the careless $1
            """),
        chain(
            "regex_filter",
            "interceptors = i1\ninterceptors.i1.type = regex_filter\ninterceptors.i1.regex = ^DEBUG\ninterceptors.i1.excludeEvents = true"
        ),
        chain(
            "regex_extractor",
            """
            interceptors = i1
            interceptors.i1.type = regex_extractor
            interceptors.i1.regex = (\\\\d):(\\\\d):(\\\\d)
            interceptors.i1.serializers = s1 s2 s3
            interceptors.i1.serializers.s1.name = one
            interceptors.i1.serializers.s2.name = two
            interceptors.i1.serializers.s3.name = three
            """),
        chain(
            "regex_extractor, a time",
            """
            interceptors = i1
            interceptors.i1.type = regex_extractor
            interceptors.i1.regex = ^(?:\\\\n)?(\\\\d\\\\d\\\\d\\\\d-\\\\d\\\\d-\\\\d\\\\d\\\\s\\\\d\\\\d:\\\\d\\\\d)
            interceptors.i1.serializers = s1
            interceptors.i1.serializers.s1.type = org.apache.flume.interceptor.RegexExtractorInterceptorMillisSerializer
            interceptors.i1.serializers.s1.name = timestamp
            interceptors.i1.serializers.s1.pattern = yyyy-MM-dd HH:mm
            """),
        chain(
            "a class of one's own", "interceptors = i1\ninterceptors.i1.type = org.example.MyInterceptor$Builder",
            .refused(
                key: "a1.sources.r1.interceptors.i1.type", because: "is a Java class, which this program cannot load",
                instead: "use one of timestamp")),
    ]
}
