import TailraceCore

/// Sets damaged records aside: a file beside the segment with what is known of them, and their bytes.
final class Quarantine {
    /// Files that one run of a channel writes; beyond that damage is told in the log only.
    static let fileLimit = 100
    /// Bytes of one file; the rest of a longer stretch stays behind.
    static let byteLimit = 16 << 20

    private let environment: Environment
    private let disks: [any Disk]
    private let records: Counter
    private var files = 0

    init(_ environment: Environment, _ disks: [any Disk]) {
        (self.environment, self.disks) = (environment, disks)
        records = environment.counter("quarantined_records_total")
    }

    func keep(_ loss: LogLoss) {
        let name = FileFormat.name(ofSegment: loss.segment.number), text = Self.text(loss)
        environment.log(.error, "damaged, set aside: \(text)")
        records.add(max(loss.numbers.count, loss.named.count))
        guard files < Self.fileLimit, loss.segment.disk < disks.count else { return }
        files += 1
        let disk = disks[loss.segment.disk]
        let bytes = read(disk.directory + "/" + name, loss.range)
        var content = BufferBuilder(capacity: text.utf8.count + bytes.count + 2)
        content.append((text + "\n\n").utf8)
        content.append(bytes)
        let target = FileFormat.quarantinePrefix + String(loss.segment.number) + "-" + String(loss.range.lowerBound)
        disk.replace(target, with: content.finish()) { [environment] result in
            if case .failure(let error) = result { environment.log(.error, "\(target) is not written: \(error)") }
        }
    }

    /// Rare enough to be done on the loop.
    private func read(_ path: String, _ range: Range<Int>) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: min(range.count, Self.byteLimit)), filled = 0
        do throws(TailraceError) {
            let file = try environment.files.open(path)
            defer { file.close() }
            while filled < bytes.count {
                let result = bytes.withUnsafeMutableBytes { space -> Result<Int, TailraceError> in
                    let rest = UnsafeMutableRawBufferPointer(rebasing: space[filled...])
                    do throws(TailraceError) {
                        return .success(try file.read(at: Int64(range.lowerBound + filled), into: rest))
                    } catch { return .failure(error) }
                }
                let count = try result.get()
                if count == 0 { break }
                filled += count
            }
        } catch { environment.log(.warning, "the damaged bytes cannot be read: \(error)") }
        return Array(bytes.prefix(filled))
    }

    /// What is lost, by name where a frame could be read.
    static func text(_ loss: LogLoss) -> String {
        var text =
            "\(FileFormat.name(ofSegment: loss.segment.number)), bytes \(loss.range.lowerBound)..<\(loss.range.upperBound)"
        if !loss.numbers.isEmpty { text += ", records \(loss.numbers.lowerBound)..<\(loss.numbers.upperBound)" }
        text += ", \(loss.size.events) events (\(loss.size.bytes) bytes)"
        for frame in loss.named.prefix(16) {
            text +=
                frame.kind == .batch
                ? "; stream \(frame.stream) numbers \(frame.span.lowerBound)..<\(frame.span.upperBound), \(frame.events) events"
                : "; the segment's \(frame.kind)"
        }
        return text
    }
}
