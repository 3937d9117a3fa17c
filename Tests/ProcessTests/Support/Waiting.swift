import Glibc
import TailraceCore
import TailraceIO

/// What a test waited for did not come. Its text is what a reader of the failed run gets to see.
struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A generous limit: it is reached only when something is wrong, however busy the machine is.
let patience = Duration.seconds(90)

/// Asks again and again until the answer is yes.
func eventually(
    _ what: String, within limit: Duration = patience, _ condition: () async throws -> Bool
) async throws {
    _ = try await value(what, within: limit) { try await condition() ? true : nil }
}

/// Asks again and again until there is an answer.
func value<Value>(
    _ what: String, within limit: Duration = patience, _ ask: () async throws -> Value?
) async throws -> Value {
    let end = SystemClock.now() + limit
    while true {
        if let value = try await ask() { return value }
        guard SystemClock.now() < end else { throw TestFailure("after \(limit) still not: \(what)") }
        try await Task.sleep(for: .milliseconds(10))
    }
}
