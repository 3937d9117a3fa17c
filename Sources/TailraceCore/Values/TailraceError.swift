/// The one error type. `code` is stable ("channel.full"), `message` has the numbers, `fix` an action that the reader can
/// do, `component` the name ("edge.sinks.k1"). Never contains event bodies.
package struct TailraceError: Error, Hashable, Sendable, CustomStringConvertible {
    package var code: String
    package var message: String
    package var fix: String?
    package var component: String?

    package init(code: String, message: String, fix: String? = nil, component: String? = nil) {
        (self.code, self.message, self.fix, self.component) = (code, message, fix, component)
    }

    package func named(_ component: String) -> TailraceError {
        var named = self
        named.component = named.component ?? component
        return named
    }

    package var description: String {
        "\(component.map { $0 + ": " } ?? "")\(code): \(message)\(fix.map { (isSentence ? " " : ". ") + "Fix: " + $0 } ?? "")"
    }
    private var isSentence: Bool {
        guard let last = message.utf8.last else { return true }
        return ".!?:;\n".utf8.contains(last)
    }

    package static let dropped = TailraceError(code: "transaction.dropped", message: "a transaction was not settled")
    package static let stopped = TailraceError(code: "component.stopped", message: "stopped before it was done")
}

/// Called once, by the loop, in a later turn than the call that it answers; also at failure and at stop.
package typealias Completion = (Result<Void, TailraceError>) -> Void
