/// Walks over the arguments once. Besides the usual forms a long name may stand behind one dash (`-name a1`), as Flume's
/// own parser allows.
struct ArgumentParser {
    let table: ArgumentTable
    private let arguments: [String]
    private var next = 0
    private var positionals: [String] = []
    private var texts: [String: [String]] = [:]
    private var definitions: [String: String] = [:]

    init(table: ArgumentTable, arguments: [String]) { (self.table, self.arguments) = (table, arguments) }

    mutating func parse() throws(ArgumentError) -> ParsedArguments? {
        if asksForHelp { return nil }
        while next < arguments.count {
            let argument = arguments[next]
            next += 1
            if argument == "--" {
                positionals += arguments[next...]
                break
            }
            if argument.hasPrefix("--") {
                try long(argument, argument.dropFirst(2))
            } else if argument.hasPrefix("-"), argument != "-" {
                try short(argument)
            } else {
                positionals.append(argument)
            }
        }
        try checkRequired()
        return ParsedArguments(table, positionals: positionals, texts: texts, definitions: definitions)
    }

    /// Before all else, so that help is given whatever else is wrong.
    private var asksForHelp: Bool {
        arguments.prefix { $0 != "--" }.contains { argument in
            argument == "-h" ? table.option(short: "h") == nil : Self.helpNames.contains(argument)
        }
    }
    static let helpNames = ["--help", "-help", "-?", "-h"]

    /// The option that `argument` is, if it is the name of one alone.
    private func option(named argument: String) -> ArgumentOption? {
        if argument.hasPrefix("--") { return table.option(long: String(argument.dropFirst(2))) }
        guard argument.hasPrefix("-"), argument.count > 1 else { return nil }
        let name = argument.dropFirst()
        return name.count == 1 ? table.option(short: name.first!) : table.option(long: String(name))
    }

    private mutating func long(_ argument: String, _ text: Substring) throws(ArgumentError) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard let option = table.option(long: String(parts[0])) else { throw unknown(argument, String(parts[0])) }
        if parts.count == 1 { return try add(option, nil) }
        guard option.takesValue else {
            throw ArgumentError("\(option.label) takes no value, but got \"\(parts[1])\"", fix: "write --\(option.name) alone")
        }
        try add(option, String(parts[1]))
    }

    private mutating func short(_ argument: String) throws(ArgumentError) {
        let text = argument.dropFirst(), first = text.first!
        if text.count == 1, let option = table.option(short: first) { return try add(option, nil) }
        let name = String(text.prefix { $0 != "=" })
        if text.count > 1, table.option(long: name) != nil { return try long(argument, text) }
        if let option = table.option(short: first), option.kind == .definitions || option.kind == .attached {
            return try add(option, String(text.dropFirst()))
        }
        throw unknown(argument, name)
    }

    /// `attached`: the value that stands in the same argument; else the next argument is it.
    private mutating func add(_ option: ArgumentOption, _ attached: String?) throws(ArgumentError) {
        switch option.kind {
        case .flag:
            texts[option.name] = []
        case .attached:
            texts[option.name, default: []].append(attached ?? "")
        case .repeated:
            texts[option.name, default: []].append(try value(option, attached))
        case .definitions:
            let text = try value(option, attached)
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let key = parts.first, !key.isEmpty else {
                throw ArgumentError("-\(option.short ?? "D")\(text) has no key", fix: "write it as -Dkey=value")
            }
            definitions[String(key)] = parts.count == 2 ? String(parts[1]) : ""
        case .value:
            let text = try value(option, attached)
            if let before = texts[option.name]?.first {
                throw ArgumentError(
                    "\(option.label) is given twice: \"\(before)\" and \"\(text)\"", fix: "leave one of them out")
            }
            guard option.choices.isEmpty || option.choices.contains(text) else {
                let near = Spelling.nearest(to: text, in: option.choices).map { "; did you mean \"\($0)\"?" } ?? ""
                throw ArgumentError(
                    "\(option.label): \"\(text)\" is not one of \(option.choices.joined(separator: ", "))\(near)",
                    fix: table.helpHint)
            }
            texts[option.name] = [text]
        }
    }

    private mutating func value(_ option: ArgumentOption, _ attached: String?) throws(ArgumentError) -> String {
        if let attached { return attached }
        let follower = next < arguments.count ? arguments[next] : nil
        // What begins with a dash is an option, known or mistyped, unless it is a number.
        guard let follower, !follower.hasPrefix("-") || follower == "-" || Int(follower) != nil else {
            let found = follower.map { ", but \($0) follows" } ?? ""
            throw ArgumentError("\(option.label) needs a value\(found)", fix: "write --\(option.name)=\(option.valueName)")
        }
        next += 1
        return arguments[next - 1]
    }

    private func unknown(_ argument: String, _ name: String) -> ArgumentError {
        let names = table.options.filter { !$0.isHidden }.flatMap { [$0.name] + $0.otherNames } + ["help"]
        let fix = Spelling.nearest(to: name, in: names).map { "did you mean --\($0)?" } ?? table.helpHint
        return ArgumentError("\(table.fullName) has no option \(argument)", fix: fix)
    }

    private func checkRequired() throws(ArgumentError) {
        if let missing = table.options.first(where: { $0.isRequired && texts[$0.name] == nil }) {
            throw ArgumentError(
                "\(table.fullName) needs \(missing.label) \(missing.valueName): \(missing.help)",
                fix: "for example: \(table.example)")
        }
        let required = table.positionals.filter(\.isRequired)
        if positionals.count < required.count {
            let missing = required[positionals.count]
            throw ArgumentError(
                "\(table.fullName) needs \(missing.name): \(missing.help)", fix: "for example: \(table.example)")
        }
        if positionals.count > table.positionals.count, table.positionals.last?.isRepeated != true {
            throw ArgumentError(
                "\(table.fullName) does not know what \"\(positionals[table.positionals.count])\" is for", fix: table.helpHint)
        }
    }
}
