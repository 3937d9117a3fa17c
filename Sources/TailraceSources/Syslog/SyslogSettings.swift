package import TailraceCore

/// Whose header names, marks and zones: Flume's sources for one port, or the one for many.
enum SyslogDialect: Equatable {
    case single, multiport

    var priorityName: StaticString { self == .single ? "priority" : "Priority" }
    var versionName: StaticString { self == .single ? "version" : "Version" }
    /// Headers that a peer's header would hide.
    static let headerNames = [
        "Facility", "Severity", "priority", "Priority", "version", "Version", "timestamp", "host", "flume.syslog.status",
    ]
}

/// What `keepFields` leaves in the body: `none` (or false), `all` (or true), or a list.
package struct SyslogFields: OptionSet, KeyValue {
    package let rawValue: Int
    package init(rawValue: Int) { self.rawValue = rawValue }
    package static let priority = SyslogFields(rawValue: 1)
    package static let version = SyslogFields(rawValue: 2)
    package static let timestamp = SyslogFields(rawValue: 4)
    package static let host = SyslogFields(rawValue: 8)
    /// Also the blanks between, so that the body is the line.
    package static let all = SyslogFields(rawValue: 31)
    private static let names: [(String, SyslogFields)] = [
        ("priority", .priority), ("version", .version), ("timestamp", .timestamp), ("hostname", .host),
    ]

    package static var unit: String { "none, all, or names out of priority, version, timestamp, hostname" }
    package init?(configured text: String) {
        var fields: SyslogFields = []
        let words = text.split { $0 == "," || $0.isWhitespace }.map { $0.lowercased() }
        for word in words {
            if words.count == 1, ["all", "true"].contains(word) {
                fields = .all
            } else if words.count == 1, ["none", "false"].contains(word) {
                fields = []
            } else if let known = Self.names.first(where: { $0.0 == word }) {
                fields.formUnion(known.1)
            } else {
                return nil
            }
        }
        self = fields
    }
    package var configured: String {
        if self == .all { return "all" }
        return isEmpty ? "none" : Self.names.filter { contains($0.1) }.map(\.0).joined(separator: " ")
    }
}

/// What the sources of syslog have in common.
package struct SyslogSettings: Equatable, Sendable {
    package var host = "0.0.0.0"
    package var eventSize = 2500
    package var keepFields: SyslogFields = []
    package var clientIPHeader: String?
    package var clientHostnameHeader: String?
    package var portHeader: String?
    package var batchSize = 100
    package var batchTimeoutMilliseconds = 20
    package var timeZone: String?
    package var maxConnections = 1_000
    package var idleTimeoutSeconds = 0
    package var receiveBufferBytes = 4 << 20
    package var queueBytes = 8 << 20
    package init() {}

    var gathering: EventGatherer.Limits {
        EventGatherer.Limits(events: batchSize, time: .milliseconds(batchTimeoutMilliseconds))
    }
    /// The name of a peer's header that is one of the message's.
    var problems: [ConfigurationProblem] {
        let names = [
            ("clientIPHeader", clientIPHeader), ("clientHostnameHeader", clientHostnameHeader), ("portHeader", portHeader),
        ]
        return names.compactMap { key, name in
            guard let name, SyslogDialect.headerNames.contains(name) else { return nil }
            return ConfigurationProblem(
                .error, code: "configuration.range", key: key,
                message: "\"\(name)\" is the name of a header that the message itself has", fix: "choose another name")
        }
    }
}

package protocol SyslogConfiguration: BatchingConfiguration {
    var syslog: SyslogSettings { get set }
}
extension SyslogConfiguration {
    package var batchEvents: Int { syslog.batchSize }
    package func problems() -> [ConfigurationProblem] { syslog.problems }
}

package struct SyslogTCPConfiguration: SyslogConfiguration {
    package var syslog = SyslogSettings()
    package var port = 0
    package init() {}
}
package struct SyslogUDPConfiguration: SyslogConfiguration {
    package var syslog = SyslogSettings()
    package var port = 0
    package init() {}
}
package struct MultiportSyslogConfiguration: SyslogConfiguration {
    package var syslog = SyslogSettings()
    package var ports: [String] = []
    package init() {}

    package func problems() -> [ConfigurationProblem] {
        var problems = syslog.problems
        for port in ports where UInt16(port) == nil {
            problems.append(
                ConfigurationProblem(
                    .error, code: "configuration.range", key: "ports", message: "\"\(port)\" is not a port (0 to 65535)"))
        }
        if Set(ports).count < ports.count {
            problems.append(
                ConfigurationProblem(
                    .error, code: "configuration.range", key: "ports", message: "a port is named twice",
                    fix: "name each port once"))
        }
        return problems
    }
}
