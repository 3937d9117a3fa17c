import TailraceCore

/// What was sent against what came: per stream, per generated file, and the verdict. Pure arithmetic on three counts.
package struct AuditReport: Codable, Hashable, Sendable {
    package enum State: String, Codable, Sendable {
        case live, down, ended
        /// In Kafka, but in no status that the supervisor has read: its agent died before it was asked, or it is foreign.
        case unreported
        /// Lines of a generated file.
        case file
    }
    package struct Line: Codable, Hashable, Sendable {
        /// A stream's digits, or a file's writer.
        package var name: String
        package var agent: String
        package var state: State
        package var sent: UInt64
        package var delivered: UInt64
        package var missing: UInt64
        /// The lowest of them as "12-17", at most ``AuditReport/mostRanges``.
        package var missingRanges: [String]
        /// Not safe when its stream ended: sent again in a new stream.
        package var resent: UInt64
        package var duplicates: UInt64
        package var outOfOrder: UInt64
    }

    package var streams: [Line] = []
    package var files: [Line] = []
    package var missing: UInt64 = 0
    package var duplicates: UInt64 = 0
    package var outOfOrder: UInt64 = 0
    package var unverified: UInt64 = 0
    /// Of what did not come, at most so many may be in channels still. Not counted as missing.
    package var inChannels: UInt64 = 0
    /// Agents that do not answer, and may have stored the rest: it is unverified, not missing.
    package var silent: [String] = []
    /// Records without `tailrace.id`.
    package var anonymous: UInt64 = 0
    /// Records that the broker dropped before the auditor read them.
    package var dropped: UInt64 = 0
    /// Everything written is read, everything sent is answered, everything answered was seen.
    package var isSettled = false
    /// No running agent waits for an answer, and no channel holds what did not come.
    package var isAnswered = false
    /// Why it is not settled, or what else a reader should know.
    package var notes: [String] = []

    package static let mostRanges = 20

    package var isFine: Bool { missing == 0 && unverified == 0 && isSettled }
    /// "0 missing, 12 duplicates, 0 unverified: OK"
    package var verdict: String {
        let counts = "\(missing) missing, \(duplicates) duplicates, \(unverified) unverified"
        if isFine { return counts + ": OK" }
        let judgement = missing == 0 && unverified == 0 ? "NOT SETTLED" : "NOT OK"
        return inChannels == 0
            ? "\(counts): \(judgement)" : "\(counts), \(inChannels) still in channels: \(judgement), use --wait"
    }
}

extension AuditReport {
    /// `written`: lines in each generated file ("edge-1": 50,000). `isFinal`: nothing moves any more, so that a line that has
    /// not come to any stream by now is missing; else it is only late.
    package init(
        known: [KnownStream], seen: AuditSnapshot, written: [String: UInt64], held: ChannelHoldings = ChannelHoldings(),
        isFinal: Bool = false
    ) {
        (anonymous, dropped) = (seen.anonymous, seen.dropped)
        for stream in known.sorted(by: { ($0.agent, $0.channel, $0.stream) < ($1.agent, $1.channel, $1.stream) }) {
            streams.append(Self.line(of: stream, seen.streams[stream.stream.description]))
        }
        let names = Set(streams.map(\.name))
        for (name, tally) in seen.streams.sorted(by: { $0.key < $1.key }) where !names.contains(name) {
            var line = Self.line(name, "", .unreported, required: 0, sent: tally.end, tally)
            line.resent = tally.end - min(tally.end, tally.delivered)
            streams.append(line)
        }
        for (writer, count) in written.sorted(by: { $0.key < $1.key }) {
            files.append(Self.line(writer, writer, .file, required: count, sent: count, seen.lines[writer]))
        }
        conclude(seen, known, held, isFinal)
    }

    private static func line(of stream: KnownStream, _ tally: AuditSnapshot.Tally?) -> Line {
        let state: State =
            switch stream.state {
            case .live: .live
            case .down: .down
            case .ended: .ended
            }
        // What was answered as safe must be there. The rest is on its way, or comes again in a new stream.
        var line = Self.line(
            stream.stream.description, stream.agent, state, required: stream.safe, sent: stream.submitted, tally)
        if state == .ended {
            let unseen = gaps(of: tally?.ranges ?? [], below: stream.submitted)
            line.resent = unseen.reduce(0) { $0 + UInt64($1.count) } - line.missing
        }
        return line
    }

    private static func line(
        _ name: String, _ agent: String, _ state: State, required: UInt64, sent: UInt64, _ tally: AuditSnapshot.Tally?
    ) -> Line {
        // Runs beyond the snapshot's limit are unknown here: what lies behind the last one is left to the note.
        let ranges = tally?.ranges ?? []
        var missing = gaps(of: ranges, below: required)
        if ranges.count >= AuditSnapshot.mostRuns, let end = ranges.last?.upperBound {
            missing.removeAll { $0.lowerBound >= end }
        }
        return Line(
            name: name, agent: agent, state: state, sent: max(sent, tally?.end ?? 0), delivered: tally?.delivered ?? 0,
            missing: missing.reduce(0) { $0 + UInt64($1.count) },
            missingRanges: missing.prefix(mostRanges).map {
                $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound - 1)"
            },
            resent: 0, duplicates: tally?.duplicates ?? 0, outOfOrder: tally?.outOfOrder ?? 0)
    }

    /// Per agent, since its lines are in its streams: what a stream misses is missing; a line beyond that is late, as long as
    /// something moves or its agent does not run.
    private func unseen(_ known: [KnownStream], _ isFinal: Bool) -> (missing: UInt64, late: UInt64) {
        var missing: UInt64 = 0, late: UInt64 = 0
        for agent in Set(streams.map(\.agent) + files.map(\.agent)) {
            let own = known.filter { $0.agent == agent }
            let inStreams = streams.filter { $0.agent == agent }.reduce(0) { $0 + $1.missing }
            let inFiles = files.filter { $0.agent == agent }.reduce(0) { $0 + $1.missing }
            let beyond = inFiles - min(inFiles, inStreams)
            // Not answered: on its way, or, of an agent that is down, to come in this stream or in a new one.
            let open = own.filter { $0.state != .ended }.reduce(0) { $0 + $1.submitted - min($1.submitted, $1.safe) }
            missing += inStreams
            if isFinal, own.contains(where: { $0.state == .live }) { missing += beyond } else { late += max(beyond, open) }
        }
        return (missing, late)
    }

    private mutating func conclude(_ seen: AuditSnapshot, _ known: [KnownStream], _ held: ChannelHoldings, _ isFinal: Bool) {
        // A line that came twice in two streams is a duplicate that only its number in the file shows.
        duplicates = max(streams.reduce(0) { $0 + $1.duplicates }, files.reduce(0) { $0 + $1.duplicates })
        outOfOrder = streams.reduce(0) { $0 + $1.outOfOrder }
        let (unseen, late) = unseen(known, isFinal)
        // What the broker dropped, or what came without a number, may be any of the unseen.
        let excused = min(unseen, seen.dropped + seen.anonymous + seen.untracked)
        missing = unseen - excused
        inChannels = min(missing, held.events)
        missing -= inChannels
        var stored: UInt64 = 0
        if !held.silent.isEmpty { (stored, missing, silent) = (missing, 0, held.silent) }
        let forgotten = (seen.streams.values.map(\.forgotten) + seen.lines.values.map(\.forgotten)).reduce(0, +)
        let truncated = (seen.streams.values.map { $0 } + seen.lines.values).contains {
            $0.runs.count >= AuditSnapshot.mostRuns
        }
        unverified = excused + stored + late + seen.untracked + forgotten + (truncated ? 1 : 0)
        explain(seen, known, truncated, excused)
        let isSafe = known.allSatisfy { $0.state != .live || $0.safe == $0.submitted }
        isAnswered = isSafe && inChannels == 0 && stored == 0
        isSettled = unseen == 0 && late == 0 && isAnswered && seen.isReading
        explain(inChannels, stored)
        if late > 0 { notes.append("\(late) events are not yet sent, or not yet answered; wait for them with --wait") }
        if !isSafe { notes.append("agents still wait for answers: not everything that was sent is safe yet") }
        if !seen.isReading {
            notes.append("the auditor has no partitions yet\(seen.trouble.isEmpty ? "" : ": \(seen.trouble)")")
        }
    }

    private mutating func explain(_ inChannels: UInt64, _ stored: UInt64) {
        if inChannels > 0 {
            notes.append("\(inChannels) events that are not in Kafka may still be in channels; wait for them with --wait")
        }
        if stored > 0 {
            notes.append(
                "\(stored) events that are not in Kafka may be stored in \(silent.joined(separator: ", ")), which does not answer. "
                    + "Fix: tailrace topology restart \(silent[0])")
        }
    }

    private mutating func explain(_ seen: AuditSnapshot, _ known: [KnownStream], _ truncated: Bool, _ excused: UInt64) {
        if seen.dropped > 0 {
            notes.append(
                "the broker dropped \(seen.dropped) records before they were read; \(excused) numbers that did not come may be "
                    + "among them. Fix: more partitions, or a lower 'ahead' in the topology's generator")
        }
        if seen.anonymous > 0 {
            notes.append(
                "\(seen.anonymous) records have no \(RecordSet.identityHeaderName) header. Fix: set identityHeaders = true at the Kafka sink"
            )
        }
        if truncated { notes.append("a stream has too many gaps to list; ask again when it has settled") }
        for agent in Set(known.filter { $0.state == .down }.map(\.agent)).sorted() {
            notes.append("\(agent) does not run. Fix: tailrace topology restart \(agent)")
        }
    }
}
