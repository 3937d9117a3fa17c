/// A cluster's status as a table: for `topology status`, and for the live view when it is no terminal.
package enum StatusText {
    package static func text(_ status: ClusterStatus) -> String {
        "\(status.cluster) is \(status.phase); Kafka at \(status.bootstrapServers)\n" + table(status, before: nil).text
            + "auditor: \(audited(status))\n"
    }

    /// `before`: an earlier status, for rates; without it the column is left out.
    package static func table(_ status: ClusterStatus, before: ClusterStatus?) -> TextTable {
        var table = TextTable(["NAME", "PID", "STATE", before == nil ? "ACCEPTED" : "EVENTS/S", "CHANNEL", "DELIVERED", "NOTE"])
        for member in status.members {
            let figures = member.status.map { MemberFigures($0) }
            let earlier = before?.members.first { $0.name == member.name && $0.pid == member.pid }?.status.map {
                MemberFigures($0)
            }
            var input = figures.map { String($0.accepted) } ?? "-"
            if let before, let figures {
                let milliseconds = max(1, status.atMilliseconds - before.atMilliseconds)
                input = earlier.map { String(Int64(max(0, figures.accepted - $0.accepted)) * 1_000 / milliseconds) } ?? "-"
            }
            let capacity = figures?.channelCapacity ?? 0
            table.add([
                member.name, member.pid > 0 ? String(member.pid) : "-", state(of: member), input,
                capacity > 0 ? "\(figures!.channelEvents) of \(capacity)" : "-", figures.map { String($0.delivered) } ?? "-",
                note(member, figures),
            ])
        }
        return table
    }

    static func state(of member: ClusterStatus.Member) -> String {
        guard member.state == .exited, let status = member.exitStatus else { return member.state.rawValue }
        return "ended (\(describe(status)))"
    }
    package static func describe(_ status: Int32) -> String {
        status > 128 ? "signal \(status - 128)" : "exit code \(status)"
    }

    private static func note(_ member: ClusterStatus.Member, _ figures: MemberFigures?) -> String {
        if member.state == .exited { return "start it with: topology restart \(member.name)" }
        if member.state == .ready, !member.isAnswering { return "does not answer" }
        return figures?.trouble ?? member.trouble
    }

    static func audited(_ status: ClusterStatus) -> String {
        "\(status.auditedRecords) records read from Kafka"
            + (status.droppedRecords > 0 ? ", \(status.droppedRecords) dropped by the broker before they were read" : "")
    }
}
