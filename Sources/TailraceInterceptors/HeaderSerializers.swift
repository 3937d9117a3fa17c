package import TailraceCore

// What regex_extractor makes of the text of a group.

protocol HeaderSerializerConfiguration: ComponentConfiguration {
    var name: String { get }
    /// The header's value; nil: the text is not what was expected.
    func makeSerializer() throws(TailraceError) -> (UnsafeRawBufferPointer) -> [UInt8]?
}

package struct PassThroughSerializerConfiguration: HeaderSerializerConfiguration {
    package var name = ""
    package init() {}

    package static let declaration = Declaration<Self>(
        type: "default", classNames: ["org.apache.flume.interceptor.RegexExtractorInterceptorPassThroughSerializer"],
        summary: "The text of the group as it is.",
        keys: [.value("name", \.name, .headerName, isRequired: true, "Name of the header.")])

    func makeSerializer() -> (UnsafeRawBufferPointer) -> [UInt8]? { { Array($0) } }
}

package struct MillisSerializerConfiguration: HeaderSerializerConfiguration {
    package var name = ""
    package var pattern = "yyyy-MM-dd"
    var timeZone = DatePattern.Zone.local
    package init() {}

    package static let declaration = Declaration<Self>(
        type: "millis", classNames: ["org.apache.flume.interceptor.RegexExtractorInterceptorMillisSerializer"],
        summary:
            "A date and time as milliseconds since 1970. Text that is no such date gives no header, and is counted in unparsable_values_total.",
        keys: [
            .value("name", \.name, .headerName, isRequired: true, "Name of the header."),
            .custom(
                "pattern", unit: "letters y M d H h a m s S E Z", isRequired: true,
                "How the date is written, in Joda's letters: yyyy-MM-dd HH:mm:ss. Names of months and days are English."
            ) { target, _, text throws(TailraceError) in
                _ = try DatePattern(text)
                target.pattern = text
                return nil
            },
            .custom(
                "timeZone", unit: "local, UTC or +hh:mm", initial: "local", "Of dates that name no zone."
            ) { target, _, text throws(TailraceError) in
                switch text.lowercased() {
                case "local": target.timeZone = .local
                case "utc", "gmt", "z": target.timeZone = .fixed(seconds: 0)
                default:
                    guard let (seconds, length) = DatePattern.offset(text.utf8), length == text.utf8.count else {
                        throw TailraceError(
                            code: "configuration.range",
                            message: "\"\(text)\" is not allowed here; allowed: local, UTC or +hh:mm")
                    }
                    target.timeZone = .fixed(seconds: seconds)
                }
                return nil
            },
        ])

    func makeSerializer() throws(TailraceError) -> (UnsafeRawBufferPointer) -> [UInt8]? {
        let pattern = try DatePattern(pattern), zone = timeZone
        return { text in pattern.milliseconds(text, in: zone).map { Array(String($0).utf8) } }
    }
}
