package import TailraceCore
import TailraceWire

/// Looks into a file channel, read-only and without its lock: also while an agent writes it, and when it is damaged. Memory does
/// not grow with the channel. What a live channel is just writing looks like an unfinished write, and what it deletes meanwhile
/// is left out.
package final class FileChannelInspector {
    private let files: any FileSystem
    private let dataDirectories: [String]
    private let stateDirectory: String?
    private let visit: ((EventBatch) -> Void)?
    private let arena = WireArena()
    private var report = ChannelReport()
    private var held: [StreamID: (index: Int, numbers: [Range<UInt64>])] = [:]

    /// `directories`: the channel's own (with `data` and `checkpoint` in it), or its data directories and the one of its state,
    /// in any order. `visit`: gets each batch that can be read, in order.
    package init(
        _ files: any FileSystem, _ directories: [String], visit: ((EventBatch) -> Void)? = nil
    ) throws(TailraceError) {
        self.files = files
        self.visit = visit
        var data: [String] = [], state: String?
        for directory in directories {
            var places = [directory]
            for inner in ["data", "checkpoint"] where Self.isDirectory(directory + "/" + inner, files) {
                places.append(directory + "/" + inner)
            }
            for place in places {
                let names = try Self.names(place, files)
                if names.contains(where: { FileFormat.segment(named: $0) != nil }) { data.append(place) }
                if names.contains(FileFormat.stateName) { state = place }
            }
        }
        guard !data.isEmpty || state != nil else {
            throw TailraceError(
                code: "channel.none", message: "no file channel in \(directories.joined(separator: ", "))",
                fix: "name the channel's directory, or all of its dataDirs and its checkpointDir")
        }
        (dataDirectories, stateDirectory) = (data, state)
    }
    private static func isDirectory(_ path: String, _ files: any FileSystem) -> Bool {
        do throws(TailraceError) { return try files.information(path).kind == .directory } catch { return false }
    }
    private static func names(_ directory: String, _ files: any FileSystem) throws(TailraceError) -> [String] {
        let scan = try files.scan(directory)
        var names: [String] = []
        while true {
            let some = try scan.next(256)
            if some.isEmpty { return names.sorted() }
            names += some.map(\.name)
        }
    }

    private struct Place {
        var number: UInt64
        var path: String
        var prologue: SegmentPrologue?
    }

    package func inspect() throws(TailraceError) -> ChannelReport {
        try readState()
        var places: [Place] = []
        for directory in dataDirectories {
            for name in try Self.names(directory, files) {
                if name.hasPrefix(FileFormat.quarantinePrefix) { report.quarantined.append(directory + "/" + name) }
                guard let number = FileFormat.segment(named: name) else { continue }
                places.append(Place(number: number, path: directory + "/" + name))
            }
        }
        places.sort { $0.number < $1.number }
        for index in places.indices { readPrologue(&places[index]) }
        guard let channel = report.channel ?? places.lazy.compactMap({ $0.prologue?.channel }).first else {
            if !places.isEmpty {
                report.problems.append("no segment can be read, and there is no state to tell the channel's id")
            }
            return report
        }
        report.channel = channel
        for index in places.indices {
            walk(places[index], channel, next: places[(index + 1)...].first { $0.prologue != nil }?.prologue)
        }
        checkEnd()
        return report
    }

    private func readState() throws(TailraceError) {
        guard let stateDirectory else { return report.problems.append("there is no state file: everything would be read") }
        let path = stateDirectory + "/" + FileFormat.stateName
        var best: StateSlot?
        for index in 0..<2 {
            let bytes = try read(path, at: index * StateSlot.stride, StateSlot.byteCount)
            switch bytes.withUnsafeBytes({ StateSlot.read($0) }) {
            case .valid(let slot): if best == nil || slot.generation > best!.generation { best = slot }
            case .empty: break
            case .newer(let version): throw .channelNewer(path, version)
            case .invalid: report.problems.append("\(path): slot \(index) is damaged")
            }
        }
        guard let best else { return report.problems.append("\(path) has no valid slot: everything would be read") }
        (report.channel, report.position, endNumber) = (best.channel, best.position, best.endNumber)
    }
    private var endNumber: UInt64 = 0
    private var lastNumber: UInt64 = 0

    private func readPrologue(_ place: inout Place) {
        do throws(TailraceError) {
            let bytes = try read(place.path, at: 0, SegmentPrologue.byteCount)
            switch bytes.withUnsafeBytes({ SegmentPrologue.read($0) }) {
            case .valid(let prologue): place.prologue = prologue
            case .empty: break
            case .newer(let version): report.problems.append("\(place.path) has the newer format \(version)")
            case .invalid: report.problems.append("\(place.path): its first \(SegmentPrologue.byteCount) bytes are damaged")
            }
        } catch { report.problems.append("\(error)") }
    }

    private func read(_ path: String, at offset: Int, _ count: Int) throws(TailraceError) -> Bytes {
        let file = try files.open(path)
        defer { file.close() }
        return try read(file, at: offset, count)
    }
    private func read(_ file: any ReadableFile, at offset: Int, _ count: Int) throws(TailraceError) -> Bytes {
        var builder = BufferBuilder(capacity: count)
        builder.reserve(count)
        while builder.count < count {
            let space = UnsafeMutableRawBufferPointer(rebasing: builder.spare.prefix(count - builder.count))
            let filled = try file.read(at: Int64(offset + builder.count), into: space)
            if filled == 0 { break }
            builder.filled(filled)
        }
        return builder.finish()
    }

    private func walk(_ place: Place, _ channel: UInt64, next: SegmentPrologue?) {
        var segment = ChannelReport.Segment(path: place.path, number: place.number, size: 0)
        let isNamed = next?.previousSegment == place.number
        // One that the next does not name was given up at its first write.
        let isSkipped = next != nil && next!.previousSegment < place.number
        do throws(TailraceError) {
            let file = try files.open(place.path)
            defer { file.close() }
            segment.size = Int(try file.information().size)
            let limit = isNamed ? min(segment.size, Int(next!.previousEnd)) : segment.size
            if isNamed, segment.size < Int(next!.previousEnd) {
                report.problems.append("\(place.path) ends at byte \(segment.size), its log at \(next!.previousEnd)")
            }
            var walker = SegmentWalker(channel: channel, segment: place.number, limit: limit)
            var summary = SegmentSummary(place.prologue), window = Bytes(), start = 0, isAtEnd = false
            while !isAtEnd {
                switch window.withUnsafeBytes({ walker.next($0, from: start) }) {
                case .needs(let range):
                    window = try read(file, at: range.lowerBound, max(range.count, min(1 << 20, limit - range.lowerBound)))
                    start = range.lowerBound
                    if window.count < range.count { walker.limit = start + window.count }
                case .end: isAtEnd = true
                case .damaged(let range, let frame):
                    if let frame { summary.found(frame, at: range.lowerBound, isWhole: false) }
                    segment.damage.append(.init(range: range, text: Self.text(frame)))
                case .record(let frame, let offset, let isIntact):
                    summary.found(frame, at: offset, isWhole: true)
                    if !isIntact {
                        let record = offset..<offset + frame.recordLength
                        segment.damage.append(.init(range: record, text: ", but its content is whole: record \(frame.number)"))
                    }
                    guard !isSkipped else { continue }
                    let first = window.startIndex + offset - start
                    count(frame, window[first..<first + frame.recordLength], &segment)
                }
            }
            (segment.end, segment.isClosed) = (summary.end, summary.isClosed)
            segment.isEmpty = summary.group == nil
            // Only the last segment can end within a write.
            if !isNamed, !isSkipped {
                segment.torn = summary.torn
                segment.damage.removeAll { $0.range.lowerBound >= summary.end && !summary.isClosed }
                lastNumber = max(lastNumber, summary.log.number)
            }
            for damage in segment.damage {
                report.problems.append(
                    "\(place.path): damaged, bytes \(damage.range.lowerBound)..<\(damage.range.upperBound)\(damage.text)")
            }
            if isNamed {
                lastNumber = max(lastNumber, next!.previousNumber)
                let last = segment.lastRecord.map { $0 + 1 } ?? place.prologue?.firstNumber ?? 0
                if last < next!.previousNumber {
                    report.problems.append("\(place.path): records \(last)..<\(next!.previousNumber) are missing")
                }
            }
        } catch {
            if error.code == "file.missing" { return }  // deleted meanwhile: it was read
            report.problems.append("\(error)")
        }
        if let position = report.position {
            segment.read = place.number < position.segment ? .read : place.number == position.segment ? .partly : .unread
        }
        if let previous = place.prologue?.previousSegment, previous > 0, previous >= report.position?.segment ?? 0,
            !report.segments.contains(where: { $0.number == previous })
        {
            report.problems.append("segment \(previous) is missing, before \(place.path)")
        }
        report.segments.append(segment)
    }

    private func count(_ frame: RecordFrame, _ record: Bytes, _ segment: inout ChannelReport.Segment) {
        segment.records += 1
        segment.firstRecord = segment.firstRecord ?? frame.number
        segment.lastRecord = frame.number
        guard frame.kind == .batch else { return }
        segment.batches += 1
        segment.events += frame.events
        segment.bytes += frame.bytes
        if let position = report.position {
            if frame.number == position.number {
                report.unreadEvents += frame.events - min(frame.events, Int(position.prefix))
            } else if frame.number > position.number {
                report.unreadEvents += frame.events
            }
        } else {
            report.unreadEvents += frame.events
        }
        do throws(TailraceError) {
            let batch = try RecordReader.batch(frame, record, arena).batch
            if let identity = batch.identity { add(identity) }
            visit?(batch)
        } catch { report.problems.append("\(segment.path): \(error)") }
    }
    private func add(_ identity: BatchIdentity) {
        if held[identity.stream] == nil {
            guard report.streams.count < ChannelReport.streamLimit else { return report.hasMoreStreams = true }
            held[identity.stream] = (report.streams.count, [])
            report.streams.append(.init(stream: identity.stream, events: 0, runs: []))
        }
        let index = held[identity.stream]!.index
        for run in identity.sequences {
            report.streams[index].events += run.count
            if let last = report.streams[index].runs.last, last.upperBound == run.lowerBound {
                report.streams[index].runs[report.streams[index].runs.count - 1] = last.lowerBound..<run.upperBound
            } else if report.streams[index].runs.count < Limits.runs {
                report.streams[index].runs.append(run)
            }
        }
    }
    private func checkEnd() {
        guard lastNumber < endNumber, let position = report.position else { return }
        // All that was written was delivered and deleted, or nothing was written ever.
        if report.segments.isEmpty, position.number >= endNumber { return }
        report.problems.append("records \(lastNumber)..<\(endNumber) are missing at the end of the log")
    }
    private static func text(_ frame: RecordFrame?) -> String {
        guard let frame else { return "" }
        guard frame.kind == .batch else { return ": the \(frame.kind) record \(frame.number)" }
        return ": record \(frame.number), stream \(frame.stream) numbers \(frame.span.lowerBound)..<\(frame.span.upperBound), "
            + "\(frame.events) events"
    }
}
