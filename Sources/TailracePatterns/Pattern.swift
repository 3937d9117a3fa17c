// Regular expressions as Flume's users write them (Java's), run by PCRE2. The only file that sees the C library.

import CPCRE2
package import TailraceCore

/// What one match may cost, so that no pattern and no line can hold the loop up.
package struct PatternLimits: Hashable, Sendable {
    /// Bytes of the pattern's text.
    package var patternBytes = 4_096
    /// Steps from one place where a match may begin; a pattern that backtracks without end stops here.
    package var steps: UInt32 = 100_000
    /// Steps of a whole search are bounded by this and ``stepsPerByte``: some milliseconds for a line of 1 KiB.
    package var searchSteps = 4_000_000
    package var stepsPerByte = 1_000
    /// Nested backtracking, for the interpreter.
    package var depth: UInt32 = 10_000
    /// For the interpreter; KiB.
    package var heapKiB: UInt32 = 1_024
    /// For compiled patterns; bytes.
    package var stackBytes = 256 << 10

    package init() {}
}

/// A compiled regular expression over bytes; what is not UTF-8 matches nothing but is no error. Confined to one loop: it
/// reuses its memory for matches.
///
/// `.` and `$` know the line ends LF, CR and CR LF. Classes such as `\d`, `\w` and `\p{Alpha}` are ASCII, as in Java.
package final class Pattern {
    package enum Use: Hashable, Sendable {
        /// The pattern must match all bytes (Java's `matches`).
        case whole
        /// Anywhere (Java's `find`).
        case search
    }

    /// As it was written.
    package let text: String
    package let use: Use
    /// False where the machine forbids code made at run time: slower by 10 times, otherwise the same.
    package let isCompiledToMachineCode: Bool
    /// Groups in parentheses, without the whole match.
    package let groupCount: Int
    /// Matches that were given up at a limit; they count as no match.
    package private(set) var limitedMatches = 0

    private let code: OpaquePointer
    /// The same with a callout at each place where a match may begin, for bytes so long that the places must be counted.
    private var countingCode: OpaquePointer?
    private let translated: [UInt8]
    private let limits: PatternLimits
    private let matchData: OpaquePointer
    private let matchContext: OpaquePointer
    private let stack: OpaquePointer?

    /// Throws `pattern.too-long`, `pattern.java` (it means something else in Java, or only Java has it) or `pattern.syntax`;
    /// messages give the byte offset in the text.
    package init(_ text: String, _ use: Use = .search, limits: PatternLimits = PatternLimits()) throws(TailraceError) {
        guard text.utf8.count <= limits.patternBytes else {
            throw TailraceError(
                code: "pattern.too-long",
                message: "a pattern of \(text.utf8.count) bytes; at most \(limits.patternBytes) are allowed",
                fix: "split it, or say it with fewer alternatives")
        }
        let translation = JavaTranslation(text)
        if let first = translation.problems.first { throw first.error(in: text) }
        (self.text, self.use, self.limits, translated) = (text, use, limits, translation.bytes)
        code = try Self.compiled(translation.bytes, use) { (number, offset) throws(TailraceError) in
            let problem = PatternProblem(
                offset: translation.originalOffset(offset), message: Self.message(number), isSyntax: true,
                fix: "write a Java regular expression; a literal sign is escaped by \\")
            throw problem.error(in: text)
        }
        isCompiledToMachineCode = pcre2_jit_compile_8(code, UInt32(PCRE2_JIT_COMPLETE)) == 0
        var groups: UInt32 = 0
        pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_CAPTURECOUNT), &groups)
        groupCount = Int(groups)
        guard let matchData = pcre2_match_data_create_from_pattern_8(code, nil),
            let matchContext = pcre2_match_context_create_8(nil)
        else { fatalError("out of memory for a pattern") }
        (self.matchData, self.matchContext) = (matchData, matchContext)
        pcre2_set_depth_limit_8(matchContext, limits.depth)
        pcre2_set_heap_limit_8(matchContext, limits.heapKiB)
        stack = isCompiledToMachineCode ? pcre2_jit_stack_create_8(32 << 10, limits.stackBytes, nil) : nil
        if let stack { pcre2_jit_stack_assign_8(matchContext, nil, UnsafeMutableRawPointer(stack)) }
    }
    deinit {
        pcre2_match_context_free_8(matchContext)
        pcre2_match_data_free_8(matchData)
        pcre2_code_free_8(code)
        if let countingCode { pcre2_code_free_8(countingCode) }
        if let stack { pcre2_jit_stack_free_8(stack) }
    }

    private static func compiled(
        _ bytes: [UInt8], _ use: Use, _ refuse: (_ number: Int32, _ offset: Int) throws(TailraceError) -> Never
    ) throws(TailraceError) -> OpaquePointer {
        var options = UInt32(PCRE2_MATCH_INVALID_UTF) | UInt32(PCRE2_NEVER_BACKSLASH_C)
        // When it is compiled: at match time these options would turn machine code off.
        if use == .whole { options |= PCRE2_ANCHORED | UInt32(PCRE2_ENDANCHORED) }
        guard let context = pcre2_compile_context_create_8(nil) else { fatalError("out of memory for a pattern") }
        defer { pcre2_compile_context_free_8(context) }
        pcre2_set_newline_8(context, UInt32(PCRE2_NEWLINE_ANYCRLF))
        var number: Int32 = 0, offset = 0
        let code = bytes.withUnsafeBufferPointer {
            pcre2_compile_8($0.baseAddress, $0.count, options, &number, &offset, context)
        }
        guard let code else { try refuse(number, offset) }
        return code
    }

    private static func message(_ number: Int32) -> String {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { space in
            let count = pcre2_get_error_message_8(number, space.baseAddress, space.count)
            return count >= 0 ? String(decoding: space[..<Int(count)], as: UTF8.self) : "error \(number)"
        }
    }

    package func matches(_ bytes: UnsafeRawBufferPointer) -> Bool { run(bytes, 0) > 0 }
    package func matches(_ bytes: Bytes) -> Bool { bytes.withUnsafeBytes { matches($0) } }
    package func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { matches(UnsafeRawBufferPointer($0)) }
    }

    /// The ranges of the whole match and of each group (nil: took no part), or nil if there is no match at or behind `start`.
    package func firstMatch(_ bytes: UnsafeRawBufferPointer, from start: Int = 0) -> [Range<Int>?]? {
        guard run(bytes, start) > 0 else { return nil }
        return (0...groupCount).map { group($0) }
    }

    package enum Outcome: Hashable, Sendable {
        case match, none
        /// Given up: nobody knows.
        case limited
    }

    /// Looks for a match at or behind `start`; ``group(_:)`` then tells where.
    package func find(_ bytes: UnsafeRawBufferPointer, from start: Int = 0) -> Outcome {
        let result = run(bytes, start)
        return result > 0 ? .match : result == 0 || result == PCRE2_ERROR_NOMATCH ? .none : .limited
    }

    /// Of the match that was found last; 0: all of it. nil: the group took no part.
    package func group(_ number: Int) -> Range<Int>? {
        guard number <= groupCount, let vector = pcre2_get_ovector_pointer_8(matchData) else { return nil }
        let low = vector[number * 2], high = vector[number * 2 + 1]
        // Groups that took no part are at -1; `\K` in a lookahead can put the start behind the end.
        return low >= 0 && low <= high ? low..<high : nil
    }

    /// The number of `(?<name>…)`; nil: there is none of that name.
    package func groupNumber(_ name: String) -> Int? {
        let number = name.withCString { text in
            text.withMemoryRebound(to: UInt8.self, capacity: name.utf8.count + 1) {
                pcre2_substring_number_from_name_8(code, $0)
            }
        }
        return number > 0 ? Int(number) : nil
    }

    /// More than 0: it matches.
    ///
    /// The library bounds the steps from one place where a match may begin, but not the places: a search over n bytes may
    /// take n times as long. So it is done first with few steps each, which nearly every search needs; only one that is given
    /// up there is done again with more steps, at as many places as keep the whole within its bound.
    private func run(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int32 {
        guard start >= 0, start <= bytes.count else { return 0 }
        let length = bytes.count - start, whole = limits.searchSteps + limits.stepsPerByte * length
        var result = PCRE2_ERROR_MATCHLIMIT
        for steps in [UInt32(256), 4_096, limits.steps] where steps <= limits.steps {
            pcre2_set_match_limit_8(matchContext, steps)
            // A step of `.*` runs over many bytes at once, but they cost too.
            let places = use == .whole ? 1 : whole / (Int(steps) + length / 4)
            result = places > length ? match(code, bytes, start) : matchCounting(bytes, start, places: places)
            guard result == PCRE2_ERROR_MATCHLIMIT || result == PCRE2_ERROR_CALLOUT else { break }
        }
        if result < 0, result != PCRE2_ERROR_NOMATCH { limitedMatches += 1 }
        return result
    }

    private func match(_ code: OpaquePointer, _ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int32 {
        var nothing: UInt8 = 0
        return withUnsafePointer(to: &nothing) { empty in
            let subject = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? empty
            return pcre2_match_8(code, subject, bytes.count, start, 0, matchData, matchContext)
        }
    }

    /// Given up behind so many places where a match may begin.
    private func matchCounting(_ bytes: UnsafeRawBufferPointer, _ start: Int, places: Int) -> Int32 {
        // (An anchored match has one place.)
        guard use == .search else { return match(code, bytes, start) }
        var left = places
        return withUnsafeMutablePointer(to: &left) { left in
            pcre2_set_callout_8(
                matchContext,
                { _, left in
                    let left = left!.assumingMemoryBound(to: Int.self)
                    left.pointee -= 1
                    return left.pointee < 0 ? PCRE2_ERROR_CALLOUT : 0
                }, left)
            defer { pcre2_set_callout_8(matchContext, nil, nil) }
            return match(counting(), bytes, start)
        }
    }

    private func counting() -> OpaquePointer {
        if let countingCode { return countingCode }
        let bytes = Array("(?C1)(?:".utf8) + translated + Array(")".utf8)
        // What compiled alone compiles in a group, but for flags and comments that reach to its end: then it is not counted.
        let made = try? Self.compiled(bytes, use) { (number, _) throws(TailraceError) in
            throw TailraceError(code: "pattern.syntax", message: Self.message(number))
        }
        guard let made else { return code }
        pcre2_jit_compile_8(made, UInt32(PCRE2_JIT_COMPLETE))
        countingCode = made
        return made
    }
}
