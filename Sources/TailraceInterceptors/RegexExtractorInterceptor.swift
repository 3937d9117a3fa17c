package import TailraceCore
import TailracePatterns

package struct RegexExtractorInterceptorConfiguration: InterceptorConfiguration {
    package var regex = ""
    package var serializers: [ConfiguredPart] = []
    package init() {}

    package static let declaration = Declaration<Self>(
        type: "regex_extractor", classNames: ["org.apache.flume.interceptor.RegexExtractorInterceptor$Builder"],
        summary:
            "Sets headers to the groups of a regular expression's first match in the body. An event without a match, or whose match is given up (too many steps; counted in pattern_limit_events_total), stays as it is.",
        keys: [
            .custom(
                "regex", unit: "regular expression", isRequired: true, "Looked for anywhere in the body; Java's syntax."
            ) { target, _, text throws(TailraceError) in
                try ConfiguredPattern.check(text)
                target.regex = text
                return nil
            },
            .parts(
                "serializers", \.serializers,
                of: [
                    PassThroughSerializerConfiguration.declaration.partKind, MillisSerializerConfiguration.declaration.partKind,
                ], initialType: "default", "One for each group, in their order: the n-th is for the n-th group."),
        ])

    package func problems() -> [ConfigurationProblem] {
        guard let groups = try? Pattern(regex).groupCount else { return [] }  // (told already)
        if serializers.isEmpty {
            return [
                ConfigurationProblem(
                    .error, code: "configuration.missing-key", key: "serializers",
                    message: "regex_extractor needs a serializer for each group that is to become a header",
                    fix: "add serializers = s1 and serializers.s1.name = <header>")
            ]
        }
        if serializers.count > groups {
            return [
                ConfigurationProblem(
                    .error, code: "configuration.groups", key: "serializers",
                    message: "\(serializers.count) serializers for \(groups) groups of \"\(regex)\"",
                    fix: "take the last of them out, or put ( ) around what they are to have")
            ]
        }
        return []
    }

    package func makeInterceptor(_ environment: Environment) throws(TailraceError) -> any Interceptor {
        var headers: [RegexExtractorInterceptor.ExtractedHeader] = []
        for part in serializers {
            let configuration = part.configuration as! any HeaderSerializerConfiguration  // (there are no others)
            headers.append(.init(name: Array(configuration.name.utf8), value: try configuration.makeSerializer()))
        }
        return RegexExtractorInterceptor(try Pattern(regex), headers, environment)
    }
}

/// Headers of single events from their bodies; the bodies stay where they are.
final class RegexExtractorInterceptor: Interceptor {
    struct ExtractedHeader {
        var name: [UInt8]
        var value: (UnsafeRawBufferPointer) -> [UInt8]?
    }
    private let budget: PatternBudget
    private let headers: [ExtractedHeader]
    private let unparsable: Counter, refused: Counter

    init(_ pattern: Pattern, _ headers: [ExtractedHeader], _ environment: Environment) {
        (budget, self.headers) = (PatternBudget(pattern, environment), headers)
        unparsable = environment.counter("unparsable_values_total")
        refused = environment.counter("refused_headers_total")
    }

    func intercept(_ batch: EventBatch, _ done: @escaping (EventBatch) -> Void) {
        budget.beginBatch()
        let storage = batch.storage
        var table = HeaderTableBuilder(batch, adding: batch.count * 32), isChanged = false
        for run in batch.runs {
            for index in run {
                table.begin(index)
                let body = storage.body(index), values = budget.find(body) == .match ? values(body) : []
                var count = 0
                table.keepOwn { name in
                    if values.contains(where: { headers[$0.header].name.elementsEqual(name) }) { return true }
                    count += 1
                    return false
                }
                for (header, value) in values {
                    guard value.count <= Limits.headerBytes, count < Limits.headers else {
                        refused.add(1)
                        continue
                    }
                    count += 1
                    isChanged = true
                    value.withUnsafeBytes { table.append(headers[header].name, $0) }
                }
            }
        }
        guard isChanged else { return done(batch) }
        done(batch.withHeaders(shared: storage.sharedHeaders, own: table.finish(storage.bodies.count)))
    }

    private func values(_ body: UnsafeRawBufferPointer) -> [(header: Int, value: [UInt8])] {
        headers.indices.compactMap { index in
            guard let range = budget.pattern.group(index + 1) else { return nil }
            guard let value = headers[index].value(UnsafeRawBufferPointer(rebasing: body[range])) else {
                unparsable.add(1)
                return nil
            }
            return (index, value)
        }
    }
}
