package import TailraceCore
import TailracePatterns

package struct RemoveHeaderInterceptorConfiguration: InterceptorConfiguration {
    package var withName: String?
    package var fromList: String?
    package var fromListSeparator = #"\s*,\s*"#
    package var matching: String?
    package init() {}

    package static let declaration = Declaration<Self>(
        type: "remove_header", classNames: ["org.apache.flume.interceptor.RemoveHeaderInterceptor$Builder"],
        summary: "Removes headers: one by its name, several by a list, or all whose name matches a pattern.",
        keys: [
            .value("withName", \.withName, .anything, "The header of this name."),
            .value("fromList", \.fromList, .anything, "The headers of these names."),
            .custom(
                "fromListSeparator", unit: "regular expression", initial: #"\s*,\s*"#, "What stands between names of fromList."
            ) { target, _, text throws(TailraceError) in
                try ConfiguredPattern.check(text)
                target.fromListSeparator = text
                return nil
            },
            .custom(
                "matching", unit: "regular expression", "All headers whose whole name matches; Java's syntax."
            ) { target, _, text throws(TailraceError) in
                try ConfiguredPattern.check(text, .whole)
                target.matching = text
                return nil
            },
        ])

    package func problems() -> [ConfigurationProblem] {
        guard withName == nil, fromList == nil, matching == nil else { return [] }
        return [
            ConfigurationProblem(
                .warning, code: "configuration.no-effect", key: "", message: "remove_header without a name removes nothing",
                fix: "add withName, fromList or matching")
        ]
    }

    package func makeInterceptor(_ environment: Environment) throws(TailraceError) -> any Interceptor {
        var names = withName.map { [$0] } ?? []
        if let fromList { names += Self.split(fromList, try Pattern(fromListSeparator)) }
        var pattern: Pattern?
        if let matching { pattern = try Pattern(matching, .whole) }
        return RemoveHeaderInterceptor(names, pattern)
    }

    private static func split(_ list: String, _ separator: Pattern) -> [String] {
        let bytes = Bytes(list)
        var names: [String] = [], at = 0
        bytes.withUnsafeBytes { bytes in
            while let match = separator.firstMatch(bytes, from: at)?[0], !match.isEmpty {
                names.append(String(decoding: bytes[at..<match.lowerBound], as: UTF8.self))
                at = match.upperBound
            }
            names.append(String(decoding: bytes[at...], as: UTF8.self))
        }
        return names.filter { !$0.isEmpty }
    }
}

final class RemoveHeaderInterceptor: Interceptor {
    /// Names for which the pattern's answer is remembered.
    private static let remembered = 64

    private let names: [[UInt8]]
    private let pattern: Pattern?
    private var answers: [(name: [UInt8], isRemoved: Bool)] = []

    init(_ names: [String], _ pattern: Pattern?) { (self.names, self.pattern) = (names.map { Array($0.utf8) }, pattern) }

    func intercept(_ batch: EventBatch, _ done: @escaping (EventBatch) -> Void) {
        let shared = batch.storage.sharedHeaders.filter { header in
            !Array(header.name.utf8).withUnsafeBytes { isRemoved($0) }
        }
        var own = batch.storage.eventHeaders
        if own != nil {
            var table = HeaderTableBuilder(batch, adding: 0)
            for run in batch.runs {
                for index in run {
                    table.begin(index)
                    table.keepOwn(isRemoved)
                }
            }
            own = table.finish(batch.storage.bodies.count)
        } else if shared.count == batch.storage.sharedHeaders.count {
            return done(batch)
        }
        done(batch.withHeaders(shared: shared, own: own))
    }

    private func isRemoved(_ name: UnsafeRawBufferPointer) -> Bool {
        if names.contains(where: { $0.elementsEqual(name) }) { return true }
        guard let pattern else { return false }
        if let known = answers.first(where: { $0.name.elementsEqual(name) }) { return known.isRemoved }
        let isRemoved = pattern.matches(name)
        if answers.count < Self.remembered { answers.append((Array(name), isRemoved)) }
        return isRemoved
    }
}
