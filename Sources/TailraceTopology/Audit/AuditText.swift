extension AuditReport {
    /// A table, the notes, and the verdict as last line.
    package var text: String {
        // By its number nobody can tell whether an event is lost or in a channel.
        let isOpen = inChannels > 0 || !silent.isEmpty
        var table = TextTable([
            "STREAM", "AGENT", "STATE", "SENT", "DELIVERED", isOpen ? "NOT IN KAFKA" : "MISSING", "RESENT", "DUPLICATES",
            "OUT OF ORDER",
        ])
        for line in streams + files {
            table.add([
                line.state == .file ? "lines" : line.name, line.agent.isEmpty ? "-" : line.agent, line.state.rawValue,
                String(line.sent), String(line.delivered), String(line.missing), String(line.resent), String(line.duplicates),
                String(line.outOfOrder),
            ])
        }
        var result = streams.isEmpty && files.isEmpty ? "nothing was sent yet\n" : table.text
        for line in streams + files where !line.missingRanges.isEmpty {
            let more = line.missingRanges.count >= Self.mostRanges ? " …" : ""
            result +=
                "\(isOpen ? "not yet in Kafka, of" : "missing in") \(line.state == .file ? "the lines of \(line.agent)" : line.name): "
            result += line.missingRanges.joined(separator: ", ") + more + "\n"
        }
        for note in notes { result += "note: \(note)\n" }
        return result + verdict + "\n"
    }
}
