import TailraceCore

/// `sasl.jaas.config` of the Java client: `module required key="value" … ;`. Understood for PLAIN and SCRAM.
struct LoginModule: Equatable, Sendable {
    var isScram: Bool
    var user: String
    var password: String

    init(parsing text: String) throws(TailraceError) {
        let words = try Self.words(text)
        let module = words.first.map { String($0.split(separator: ".").last ?? "") } ?? ""
        switch module {
        case "PlainLoginModule": isScram = false
        case "ScramLoginModule": isScram = true
        case "Krb5LoginModule":
            throw TailraceError(
                code: "kafka.setting-refused", message: "sasl.jaas.config with Kerberos (Krb5LoginModule) is not understood",
                fix: "remove it; set sasl.mechanism=GSSAPI, sasl.kerberos.principal, sasl.kerberos.keytab and "
                    + "sasl.kerberos.service.name")
        default:
            throw TailraceError(
                code: "kafka.setting-refused",
                message:
                    "sasl.jaas.config names \"\(words.first ?? "")\"; PlainLoginModule and ScramLoginModule are understood",
                fix: "use sasl.mechanism PLAIN or SCRAM-SHA-256, with sasl.username and sasl.password")
        }
        var options: [String: String] = [:]
        for word in words.dropFirst(2) {
            guard let equals = word.firstIndex(of: "=") else { continue }
            options[String(word[..<equals])] = String(word[word.index(after: equals)...])
        }
        guard let user = options["username"], let password = options["password"] else {
            throw TailraceError(
                code: "kafka.setting-value", message: "sasl.jaas.config has no username or no password",
                fix: "write \(module) required username=\"…\" password=\"…\";")
        }
        (self.user, self.password) = (user, password)
    }

    /// Splits at blanks outside of quotation marks, which go; a backslash keeps the letter behind it. Ends at `;`.
    private static func words(_ text: String) throws(TailraceError) -> [String] {
        var words: [String] = [], word = "", quote: Character?, isEscaped = false
        for letter in text {
            if isEscaped {
                word.append(letter)
                isEscaped = false
            } else if letter == "\\" {
                isEscaped = true
            } else if let open = quote {
                if letter == open { quote = nil } else { word.append(letter) }
            } else if letter == "\"" || letter == "'" {
                quote = letter
            } else if letter.isWhitespace || letter == ";" {
                if !word.isEmpty { words.append(word) }
                word = ""
                if letter == ";" { return words }
            } else {
                word.append(letter)
            }
        }
        guard quote == nil else {
            throw TailraceError(
                code: "kafka.setting-value", message: "sasl.jaas.config has a quotation mark that is not closed",
                fix: "close it before the semicolon")
        }
        return word.isEmpty ? words : words + [word]
    }

    func add(to settings: inout [String: String]) throws(TailraceError) {
        let mechanism = settings["sasl.mechanism"] ?? "GSSAPI"
        guard mechanism.hasPrefix("SCRAM") == isScram, isScram || mechanism == "PLAIN" else {
            throw TailraceError(
                code: "kafka.setting-sasl",
                message: "sasl.jaas.config is for \(isScram ? "SCRAM" : "PLAIN"), but sasl.mechanism is \(mechanism)",
                fix: "set sasl.mechanism=\(isScram ? "SCRAM-SHA-256 or SCRAM-SHA-512" : "PLAIN")")
        }
        settings["sasl.username"] = user
        settings["sasl.password"] = password
    }
}
