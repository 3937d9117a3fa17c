import Glibc

/// The program under test: the executable that `swift test` builds beside the test bundle.
enum Program {
    static let path: String = folder(of: link("/proc/self/exe")) + "/tailrace"
    /// The folder of Package.swift.
    static let checkout = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()

    /// `$TAILRACE_SHARED`, or the folder `shared` beside the checkout: inputs that are not part of it.
    static let shared: String = getenv("TAILRACE_SHARED").map { String(cString: $0) } ?? folder(of: checkout) + "/shared"
    /// A real Apache Kafka; nil: there is none.
    static let kafkaHome: String? = {
        let named = getenv("KAFKA_HOME").map { String(cString: $0) } ?? shared + "/servers/kafka"
        return access(named + "/bin/kafka-server-start.sh", X_OK) == 0 ? named : nil
    }()
    /// Files of real log lines, some with CR LF, some not UTF-8.
    static let sampleLogs: [String] = names(in: shared + "/data/logs").filter { $0.hasSuffix(".log") }
        .map { "\(shared)/data/logs/\($0)" }

    static func folder(of path: String) -> String {
        path.split(separator: "/").dropLast().map { "/" + $0 }.joined()
    }
    static func link(_ path: String) -> String {
        guard let target = realpath(path, nil) else { return "" }
        defer { free(target) }
        return String(cString: target)
    }
    /// Sorted, without those that begin with a dot; empty when there is no such folder.
    static func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}
