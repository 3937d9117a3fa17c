// Regular expressions as Flume's users write them (Java's), run by PCRE2. The only file that sees the C library.

import CPCRE2
package import TailraceCore

/// What one match may cost, so that no pattern and no line can hold the loop up.
package struct PatternLimits: Hashable, Sendable {
    /// Bytes of the pattern's text.
    package var patternBytes = 4_096
    /// Steps; a pattern that backtracks without end stops here, within about a millisecond.
    package var steps: UInt32 = 100_000
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
        (self.text, self.use) = (text, use)
        code = try Self.compiled(translation, text, use)
        isCompiledToMachineCode = pcre2_jit_compile_8(code, UInt32(PCRE2_JIT_COMPLETE)) == 0
        var groups: UInt32 = 0
        pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_CAPTURECOUNT), &groups)
        groupCount = Int(groups)
        guard let matchData = pcre2_match_data_create_from_pattern_8(code, nil),
            let matchContext = pcre2_match_context_create_8(nil)
        else { fatalError("out of memory for a pattern") }
        (self.matchData, self.matchContext) = (matchData, matchContext)
        pcre2_set_match_limit_8(matchContext, limits.steps)
        pcre2_set_depth_limit_8(matchContext, limits.depth)
        pcre2_set_heap_limit_8(matchContext, limits.heapKiB)
        stack = isCompiledToMachineCode ? pcre2_jit_stack_create_8(32 << 10, limits.stackBytes, nil) : nil
        if let stack { pcre2_jit_stack_assign_8(matchContext, nil, UnsafeMutableRawPointer(stack)) }
    }
    deinit {
        pcre2_match_context_free_8(matchContext)
        pcre2_match_data_free_8(matchData)
        pcre2_code_free_8(code)
        if let stack { pcre2_jit_stack_free_8(stack) }
    }

    private static func compiled(_ translation: JavaTranslation, _ text: String, _ use: Use) throws(TailraceError)
        -> OpaquePointer
    {
        var options = UInt32(PCRE2_MATCH_INVALID_UTF) | UInt32(PCRE2_NEVER_BACKSLASH_C)
        // When it is compiled: at match time these options would turn machine code off.
        if use == .whole { options |= PCRE2_ANCHORED | UInt32(PCRE2_ENDANCHORED) }
        guard let context = pcre2_compile_context_create_8(nil) else { fatalError("out of memory for a pattern") }
        defer { pcre2_compile_context_free_8(context) }
        pcre2_set_newline_8(context, UInt32(PCRE2_NEWLINE_ANYCRLF))
        var number: Int32 = 0, offset = 0
        let code = translation.bytes.withUnsafeBufferPointer {
            pcre2_compile_8($0.baseAddress, $0.count, options, &number, &offset, context)
        }
        guard let code else {
            let problem = PatternProblem(
                offset: translation.originalOffset(offset), message: Self.message(number), isSyntax: true,
                fix: "write a Java regular expression; a literal sign is escaped by \\")
            throw problem.error(in: text)
        }
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
        guard run(bytes, start) > 0, let vector = pcre2_get_ovector_pointer_8(matchData) else { return nil }
        return (0...groupCount).map { group in
            let low = vector[group * 2], high = vector[group * 2 + 1]
            // Groups that took no part are at -1; `\K` in a lookahead can put the start behind the end.
            return low >= 0 && low <= high ? low..<high : nil
        }
    }

    /// More than 0: it matches.
    private func run(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int32 {
        guard start >= 0, start <= bytes.count else { return 0 }
        var nothing: UInt8 = 0
        let result = withUnsafePointer(to: &nothing) { empty in
            let subject = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? empty
            return pcre2_match_8(code, subject, bytes.count, start, 0, matchData, matchContext)
        }
        if result < 0, result != PCRE2_ERROR_NOMATCH { limitedMatches += 1 }
        return result
    }
}
