extension ChainScenario {
    /// What became of a chain.
    package struct Report: Sendable, CustomStringConvertible {
        package var seed: UInt64
        package var transcript: UInt64
        /// Lines that had to arrive, and those that never did.
        package var lines: Int
        package var missingLines: [String]
        /// Numbers that were answered as safe and are not in Kafka.
        package var missingSafe: [String]
        package var invented: Int
        package var delivered: Int
        /// Records whose number was there already; lines that were read again, under a further number.
        package var duplicates: Int
        package var readAgain: Int
        /// Numbers that two different lines have.
        package var reused: [String]
        package var crashes: Int
        /// Everything arrived within the time after the trouble.
        package var isSettled: Bool
        /// Other promises that were not kept.
        package var broken: [String]

        package var isCorrect: Bool {
            missingLines.isEmpty && missingSafe.isEmpty && invented == 0 && reused.isEmpty && isSettled && broken.isEmpty
        }
        package var description: String {
            "seed \(seed): \(lines) lines, \(delivered) records, \(duplicates) duplicates, \(readAgain) read again, "
                + "\(crashes) crashes, \(missingSafe.count) safe missing \(missingSafe.prefix(5)), "
                + "\(missingLines.count) lines missing \(missingLines.prefix(5)), \(invented) invented, "
                + "\(reused.count) numbers reused \(reused.prefix(5)), settled: \(isSettled), broken: \(broken.prefix(3)), "
                + "transcript \(String(transcript, radix: 16))"
        }
    }
}
