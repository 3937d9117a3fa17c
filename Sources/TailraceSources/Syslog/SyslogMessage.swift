/// What a line of syslog is made of: places in its bytes.
struct SyslogMessage: Equatable {
    enum Form: Equatable {
        /// No priority at its begin.
        case invalid
        /// A priority, and then something else than a time and a host.
        case priorityOnly
        /// RFC 3164 or RFC 5424.
        case whole
    }
    var form = Form.invalid
    /// 0 to 999 (more than 191 is no priority of the RFCs, but Flume takes it).
    var priority = 0
    /// Behind the `>`.
    var priorityEnd = 0
    /// Empty: none.
    var version = 0..<0
    /// The time as it stands there; `-` is none.
    var time = 0..<0
    /// Milliseconds since 1970; nil: the time is `-`.
    var timestamp: Int64?
    /// `-` is none.
    var host = 0..<0
    /// Where the rest begins: tag and text (RFC 3164); app name, process, message id, structured data and text (RFC 5424).
    var body = 0
}
