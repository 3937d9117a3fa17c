/// A subcommand: its options and positionals in the order of the help, and one example.
package struct ArgumentTable: Sendable {
    /// "tailrace".
    package let program: String
    /// "agent", or "topology up" for one of a group; empty for a program without subcommands.
    package let command: String
    /// One line, for the list of commands.
    package let summary: String
    package let options: [ArgumentOption]
    package let positionals: [Positional]
    /// What else the help says, behind the options: exit codes, properties.
    package let sections: [HelpSection]
    /// A line that can be typed as it stands.
    package let example: String
    /// Left out of the list of commands.
    package let isHidden: Bool

    package init(
        program: String = "tailrace", command: String, summary: String, options: [ArgumentOption] = [],
        positionals: [Positional] = [], sections: [HelpSection] = [], example: String, isHidden: Bool = false
    ) {
        (self.program, self.command, self.summary, self.options) = (program, command, summary, options)
        (self.positionals, self.sections, self.example, self.isHidden) = (positionals, sections, example, isHidden)
        precondition(positionals.dropLast().allSatisfy { !$0.isRepeated }, "only the last positional may be repeated")
    }

    /// `arguments`: without the program and the command. nil: `--help` or `-h` is among them, and wins over mistakes.
    package func parse(_ arguments: [String]) throws(ArgumentError) -> ParsedArguments? {
        var parser = ArgumentParser(table: self, arguments: arguments)
        return try parser.parse()
    }

    var fullName: String { command.isEmpty ? program : "\(program) \(command)" }
    var helpHint: String { "see \(fullName) --help" }

    func option(long name: String) -> ArgumentOption? {
        options.first { $0.name == name || $0.otherNames.contains(name) }
    }
    func option(short name: Character) -> ArgumentOption? { options.first { $0.short == name } }
}

/// What was typed, checked against the table. Asking for a name that the table does not have is a bug, and traps.
package struct ParsedArguments: Sendable {
    package let table: ArgumentTable
    /// In the order of the table's positionals; a repeated one's follow each other.
    package let positionals: [String]
    private let texts: [String: [String]]
    /// `-D`; the last one of a key wins, as in Java. `-Dkey` gives the empty text.
    package let definitions: [String: String]

    init(_ table: ArgumentTable, positionals: [String], texts: [String: [String]], definitions: [String: String]) {
        (self.table, self.positionals, self.texts, self.definitions) = (table, positionals, texts, definitions)
    }

    private func declared(_ name: String) -> ArgumentOption {
        guard let option = table.options.first(where: { $0.name == name }) else {
            preconditionFailure("\(table.fullName) declares no option --\(name)")
        }
        return option
    }
    package func flag(_ name: String) -> Bool { texts[declared(name).name] != nil }
    package func value(_ name: String) -> String? {
        let option = declared(name)
        return texts[name]?.last ?? option.initial
    }
    package func values(_ name: String) -> [String] { texts[declared(name).name] ?? [] }
    package func positional(_ index: Int) -> String? { index < positionals.count ? positionals[index] : nil }

    package func integer(_ name: String, within range: ClosedRange<Int>) throws(ArgumentError) -> Int? {
        guard let text = value(name) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw ArgumentError(
                "\(declared(name).label): \"\(text)\" is not a whole number from \(range.lowerBound) to \(range.upperBound)",
                fix: table.helpHint)
        }
        return value
    }
}
