import Glibc
import TailraceIO
import TailraceStatus

/// The temporary folder of one test, and all that it started there.
final class Workplace {
    let path: String
    private var children: [Child] = []
    private var clusters: [Cluster] = []

    /// Whatever happens in `body`: at the end no process runs, and the folder is gone.
    static func use<Result>(_ body: (Workplace) async throws -> Result) async throws -> Result {
        let place = try Workplace()
        do {
            let result = try await body(place)
            try place.end()
            return result
        } catch {
            try place.end()
            throw error
        }
    }

    private init() throws {
        // Short: paths of Unix sockets below it have at most 107 bytes.
        var template = Array("/tmp/tailrace-process-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestFailure("no temporary folder: \(errnoText(errno))") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func end() throws {
        for child in children { child.end() }
        for cluster in clusters { cluster.end() }
        try Files.remove(path)
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Starts a program in this folder.
    func start(
        _ words: [String], in folder: String? = nil, environment: [String: String] = [:], input: String = "/dev/null"
    ) throws -> Child {
        let child = try Child(
            words, in: folder ?? path, log: file("process-\(children.count)"), environment: environment, input: input)
        children.append(child)
        return child
    }

    /// Runs tailrace to its end.
    func tailrace(_ arguments: [String], in folder: String? = nil, environment: [String: String] = [:]) async throws -> Child {
        let child = try start([Program.path] + arguments, in: folder, environment: environment)
        try await child.ended()
        return child
    }

    func cluster(_ name: String) -> Cluster {
        let cluster = Cluster(place: self, stateDirectory: file(name))
        clusters.append(cluster)
        return cluster
    }
}
