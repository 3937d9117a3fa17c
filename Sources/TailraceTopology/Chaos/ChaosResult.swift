import TailraceCore

/// What a run of chaos did, and what the audit found: for people as text, for programs as JSON.
package struct ChaosResult: Codable, Hashable, Sendable {
    package struct Count: Codable, Hashable, Sendable {
        package var member: String
        package var kind: ChaosFault.Kind
        package var count: Int
    }
    package var cluster: String
    package var seed: UInt64
    /// From the first line to the end of the audit.
    package var seconds: Int64
    package var wasInterrupted = false
    /// That were done, by member and kind.
    package var faults: [Count]
    /// Members that ended although nobody told them to: "edge-1 ended by itself: exit code 70".
    package var unexpectedEnds: [String]
    /// Lines written, and lines that are in Kafka.
    package var sent: UInt64
    package var delivered: UInt64 = 0
    package var missing: UInt64 = 0
    package var duplicates: UInt64 = 0
    package var unverified: UInt64 = 0
    package var inChannels: UInt64 = 0
    /// Nothing missing, nothing unverified, nobody ended by itself, not interrupted.
    package var ok = false
    package var verdict = ""
    /// Each fault with its time.
    package var log: String

    package init(
        cluster: String, seed: UInt64, seconds: Int64, faults: [ChaosFault], unexpectedEnds: [String], sent: UInt64, log: String
    ) {
        (self.cluster, self.seed, self.seconds, self.log) = (cluster, seed, seconds, log)
        (self.unexpectedEnds, self.sent) = (unexpectedEnds, sent)
        self.faults = Set(faults.map(\.member)).sorted().flatMap { member in
            ChaosFault.Kind.allCases.map { kind in
                Count(member: member, kind: kind, count: faults.count { $0.member == member && $0.kind == kind })
            }
        }
    }

    /// nil: it was interrupted before the audit.
    package mutating func judge(_ report: AuditReport?) {
        guard let report else {
            wasInterrupted = true
            verdict = "interrupted: no audit was made; ask for it with topology audit --wait"
            return
        }
        delivered = report.files.reduce(0) { $0 + $1.delivered }
        (missing, duplicates, unverified) = (report.missing, report.duplicates, report.unverified)
        inChannels = report.inChannels
        ok = report.isFine && unexpectedEnds.isEmpty
        verdict = report.verdict
        if !unexpectedEnds.isEmpty { verdict += "; \(unexpectedEnds.count) members ended by themselves: NOT OK" }
    }

    package var text: String {
        var table = TextTable(["MEMBER"] + ChaosFault.Kind.allCases.map { $0.rawValue.uppercased() })
        for member in Set(faults.map(\.member)).sorted() {
            table.add(
                [member]
                    + ChaosFault.Kind.allCases.map { kind in
                        String(faults.first { $0.member == member && $0.kind == kind }?.count ?? 0)
                    })
        }
        let sum = faults.reduce(0) { $0 + $1.count }
        var result = faults.isEmpty ? "" : table.text
        result += "\(sum) faults in \(seconds) s with seed \(seed); each with its time in \(log)\n"
        for end in unexpectedEnds { result += end + "\n" }
        if wasInterrupted { return result + "\(sent) lines written\n\(verdict)\n" }
        return result + "\(sent) lines written, \(delivered) in Kafka\n\(verdict)\n"
    }
}
