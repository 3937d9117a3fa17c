/// A program with subcommands. "topology up" and "topology down" are commands of the group "topology".
package struct CommandSet: Sendable {
    package enum Invocation: Sendable {
        case run(ParsedArguments)
        /// For standard output; exit code 0.
        case help(String)
        case version
    }
    package let program: String
    package let summary: String
    package let tables: [ArgumentTable]

    package init(program: String = "tailrace", summary: String, _ tables: [ArgumentTable]) {
        (self.program, self.summary, self.tables) = (program, summary, tables)
    }

    /// `arguments`: without the program's name.
    package func choose(_ arguments: [String]) throws(ArgumentError) -> Invocation {
        guard let first = arguments.first else {
            throw ArgumentError("\(program) needs a command", fix: "one of \(names.joined(separator: ", "))")
        }
        switch first {
        case _ where ArgumentParser.helpNames.contains(first): return .help(help)
        case "--version", "version": return .version
        case "help" where arguments.count == 1: return .help(help)
        case "help": return try helpOn(Array(arguments.dropFirst()))
        default: break
        }
        if let table = table(arguments) {
            let rest = Array(arguments.dropFirst(table.words))
            return try table.parse(rest).map { .run($0) } ?? .help(table.help)
        }
        let group = group(first)
        if !group.isEmpty, arguments.count > 1, ArgumentParser.helpNames.contains(arguments[1]) {
            return .help(list(group, "\(program) \(first)"))
        }
        throw unknown(arguments, group)
    }

    /// The list of commands, without the hidden ones.
    package var help: String { list(tables, program, summary) }

    private func helpOn(_ words: [String]) throws(ArgumentError) -> Invocation {
        if let table = table(words), table.words == words.count { return .help(table.help) }
        let group = group(words[0])
        guard !group.isEmpty, words.count == 1 else { throw unknown(words, group) }
        return .help(list(group, "\(program) \(words[0])"))
    }

    private var names: [String] {
        var names: [String] = []
        for table in tables where !table.isHidden {
            let name = String(table.command.prefix { $0 != " " })
            if !names.contains(name) { names.append(name) }
        }
        return names
    }
    private func group(_ name: String) -> [ArgumentTable] { tables.filter { $0.command.hasPrefix(name + " ") } }
    private func table(_ arguments: [String]) -> ArgumentTable? {
        tables.filter { arguments.starts(with: $0.command.split(separator: " ").map(String.init)) }.max { $0.words < $1.words }
    }

    private func unknown(_ arguments: [String], _ group: [ArgumentTable]) -> ArgumentError {
        if !group.isEmpty {
            let names = group.filter { !$0.isHidden }.map { String($0.command.dropFirst(arguments[0].count + 1)) }
            let list = "one of \(names.joined(separator: ", "))"
            guard arguments.count > 1 else { return ArgumentError("\(program) \(arguments[0]) needs a command", fix: list) }
            let near = Spelling.nearest(to: arguments[1], in: names).map { "did you mean \($0)?" }
            return ArgumentError("\(program) \(arguments[0]) has no command \(arguments[1])", fix: near ?? list)
        }
        let near = Spelling.nearest(to: arguments[0], in: names).map { "did you mean \($0)?" }
        return ArgumentError(
            "\(program) has no command \(arguments[0])", fix: near ?? "one of \(names.joined(separator: ", "))")
    }

    private func list(_ tables: [ArgumentTable], _ name: String, _ summary: String? = nil) -> String {
        let rows = tables.filter { !$0.isHidden }.map { ($0.command, $0.summary) }
        return (summary.map { "\(name): \($0)\n\n" } ?? "")
            + "Usage: \(name) COMMAND …\n\nCommands:\n\(Columns(rows).text)\n\(program) help COMMAND tells more.\n"
    }
}

extension ArgumentTable {
    var words: Int { command.split(separator: " ").count }
}
