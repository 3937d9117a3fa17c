/// One picture of the live view: lines for a terminal of a given size. Pure.
package enum LiveView {
    private static let reset = "\u{1B}[0m", bold = "\u{1B}[1m", red = "\u{1B}[31m", green = "\u{1B}[32m", yellow = "\u{1B}[33m"
    private static let reverse = "\u{1B}[7m"

    package static func picture(
        _ status: ClusterStatus, before: ClusterStatus?, columns: Int, rows: Int, colours: Bool
    ) -> [String] {
        func paint(_ text: String, _ colour: String) -> String { colours ? colour + text + reset : text }
        var lines = [
            paint(clipped(" \(status.cluster): \(status.phase), Kafka at \(status.bootstrapServers) ", columns), reverse), "",
        ]
        let table = StatusText.table(status, before: before ?? status).lines
        lines.append(paint(clipped(table[0], columns), bold))
        for (member, line) in zip(status.members, table.dropFirst()) {
            let isWell = member.status.map { MemberFigures($0).trouble.isEmpty } ?? true
            let colour: String =
                switch member.state {
                case .ready: isWell ? green : yellow
                case .exited: red
                case .waiting, .starting, .ending: yellow
                }
            lines.append(paint(clipped(line, columns), colour))
        }
        lines += ["", clipped("auditor: \(StatusText.audited(status))", columns)]
        if !status.failure.isEmpty { lines.append(paint(clipped(status.failure, columns), red)) }
        lines.append(clipped("q ends the cluster; feed it with: topology send --events 100000", columns))
        return Array(lines.prefix(max(1, rows)))
    }

    private static func clipped(_ text: String, _ columns: Int) -> String {
        text.count <= columns ? text : String(text.prefix(max(0, columns - 1))) + "…"
    }
}
