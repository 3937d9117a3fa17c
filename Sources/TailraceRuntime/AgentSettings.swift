import TailraceCore

/// What `-D` says about the agent itself.
package struct AgentSettings: Sendable {
    /// For `--help`: its properties.
    package static let properties: [(name: String, help: String)] = [
        (
            "flume.root.logger=LEVEL,console",
            "Level DEBUG, INFO, WARN or ERROR; console: to standard error, LOGFILE: to a file. Default: INFO,console; of "
                + "flume-ng: INFO,LOGFILE."
        ),
        ("flume.log.dir=DIR", "Where that file is. Default: logs."),
        ("flume.log.file=NAME", "Its name. Default: flume.log."),
        ("tailrace.stop.seconds=N", "How long it may drain after SIGTERM or SIGINT, 1 to 3600. Default: 10."),
        ("tailrace.receive.mebibytes=N", "Memory for frames that are being received, 1 to 65536. Default: 64."),
    ]

    /// After SIGTERM and SIGINT.
    let stopTime: Duration
    /// For frames that are being received.
    let receiveBytes: Int

    init(_ definitions: [String: String]) throws(TailraceError) {
        stopTime = .seconds(try Self.number("tailrace.stop.seconds", 10, 1...3600, definitions))
        receiveBytes = try Self.number("tailrace.receive.mebibytes", 64, 1...65_536, definitions) << 20
    }
    private static func number(
        _ key: String, _ initial: Int, _ range: ClosedRange<Int>, _ definitions: [String: String]
    ) throws(TailraceError) -> Int {
        guard let text = definitions[key] else { return initial }
        guard let value = Int(text), range.contains(value) else {
            throw TailraceError(
                code: "configuration.range", message: "-D\(key): \"\(text)\" is not allowed",
                fix: "give a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }
}
