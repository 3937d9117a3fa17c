package import TailraceCore
import TailracePatterns

package struct SearchReplaceInterceptorConfiguration: InterceptorConfiguration {
    package var searchPattern = ""
    package var replaceString = ""
    package init() {}

    package static let declaration = Declaration<Self>(
        type: "search_replace", classNames: ["org.apache.flume.interceptor.SearchAndReplaceInterceptor$Builder"],
        summary:
            "Replaces all matches of a regular expression in the body. Bytes that are not UTF-8 stay as they are. An event whose match is given up (too many steps), or that would grow too large, stays as it is and is counted in pattern_limit_events_total or oversize_events_total.",
        keys: [
            .custom(
                "searchPattern", unit: "regular expression", isRequired: true, "What is replaced; Java's syntax."
            ) { target, _, text throws(TailraceError) in
                try ConfiguredPattern.check(text)
                target.searchPattern = text
                return nil
            },
            .value(
                "replaceString", \.replaceString, .anything,
                "What comes in its place: $1 or ${name} for a group, \\ before a sign that stands for itself. Empty: matches are removed."
            ),
            .custom(
                "charset", unit: "UTF-8 or US-ASCII", initial: "UTF-8", "What the bodies are written in."
            ) { _, _, text throws(TailraceError) in
                guard ["utf-8", "utf8", "us-ascii", "ascii"].contains(text.lowercased()) else {
                    throw TailraceError(
                        code: "configuration.range", message: "charset \"\(text)\" is not supported: patterns run over UTF-8",
                        fix: "convert the events where they come from, and leave the key out")
                }
                return nil
            },
        ])

    package func problems() -> [ConfigurationProblem] {
        do throws(TailraceError) { _ = try Replacement(replaceString, Pattern(searchPattern)) } catch {
            return [
                ConfigurationProblem(
                    .error, code: error.code, key: "replaceString", message: error.message, fix: error.fix)
            ]
        }
        return []
    }

    package func makeInterceptor(_ environment: Environment) throws(TailraceError) -> any Interceptor {
        let pattern = try Pattern(searchPattern)
        return SearchReplaceInterceptor(pattern, try Replacement(replaceString, pattern), environment)
    }
}

/// Writes a new buffer only for a batch in which something matches.
final class SearchReplaceInterceptor: Interceptor {
    /// What a batch may grow to.
    static let mostBytes = 64 << 20

    private let budget: PatternBudget
    private let parts: [Replacement.Part]
    private let oversize: Counter

    init(_ pattern: Pattern, _ replacement: Replacement, _ environment: Environment) {
        (budget, parts) = (PatternBudget(pattern, environment), replacement.parts)
        oversize = environment.counter("oversize_events_total")
    }

    func intercept(_ batch: EventBatch, _ done: @escaping (EventBatch) -> Void) {
        budget.beginBatch()
        let storage = batch.storage
        var bytes = BufferBuilder(capacity: 0), bodies: [BodyRange] = [], isChanged = false
        for run in batch.runs {
            for stored in run {
                let body = storage.body(stored), first = budget.find(body) == .match
                if first, !isChanged {
                    isChanged = true
                    bytes.reserve(batch.size.bytes)
                    bodies.reserveCapacity(storage.bodies.count)
                    // What stands before it is taken over now.
                    copy(batch, before: stored, &bytes, &bodies)
                }
                guard isChanged else { continue }
                // (Bodies that are not in the batch leave an empty place, so that headers keep theirs.)
                while bodies.count < stored { bodies.append(BodyRange(start: UInt32(bytes.count), end: UInt32(bytes.count))) }
                let start = bytes.count
                if !first || !replace(in: body, &bytes, start) { bytes.append(body) }
                bodies.append(BodyRange(start: UInt32(start), end: UInt32(bytes.count)))
            }
        }
        guard isChanged else { return done(batch) }
        while bodies.count < storage.bodies.count {
            bodies.append(BodyRange(start: UInt32(bytes.count), end: UInt32(bytes.count)))
        }
        let changed = EventBatch.Storage(
            bytes.finishBuffer(), bodies, shared: storage.sharedHeaders, eventHeaders: storage.eventHeaders)
        done(EventBatch(changed, batch.runs, batch.identity, batch.positions))
    }

    private func copy(_ batch: EventBatch, before end: Int, _ bytes: inout BufferBuilder, _ bodies: inout [BodyRange]) {
        for run in batch.runs {
            for stored in run where stored < end {
                while bodies.count < stored { bodies.append(BodyRange(start: UInt32(bytes.count), end: UInt32(bytes.count))) }
                let start = UInt32(bytes.count)
                bytes.append(batch.storage.body(stored))
                bodies.append(BodyRange(start: start, end: UInt32(bytes.count)))
            }
        }
    }

    /// The first match was just found. False: given up, and nothing of it is in `bytes`.
    private func replace(in body: UnsafeRawBufferPointer, _ bytes: inout BufferBuilder, _ start: Int) -> Bool {
        let pattern = budget.pattern
        var at = 0
        while let match = pattern.group(0) {
            bytes.append(UnsafeRawBufferPointer(rebasing: body[at..<max(at, match.lowerBound)]))
            for part in parts {
                switch part {
                case .text(let text): bytes.append(text)
                case .group(let number):
                    if let range = pattern.group(number) { bytes.append(UnsafeRawBufferPointer(rebasing: body[range])) }
                }
            }
            at = max(at, match.upperBound)
            guard bytes.count - start <= Limits.eventBytes, bytes.count <= Self.mostBytes else {
                oversize.add(1)
                bytes.truncate(to: start)
                return false
            }
            var next = at
            if match.isEmpty {
                // Goes on behind the next character, which stays.
                guard at < body.count else { break }
                next = at + 1
                while next < body.count, body[next] & 0xC0 == 0x80 { next += 1 }
                bytes.append(UnsafeRawBufferPointer(rebasing: body[at..<next]))
                at = next
            }
            switch budget.find(body, from: next) {
            case .match: continue
            case .none: break
            case .limited:
                bytes.truncate(to: start)
                return false
            }
            break
        }
        bytes.append(UnsafeRawBufferPointer(rebasing: body[at...]))
        return true
    }
}
