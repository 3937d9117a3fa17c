import TailraceCore

/// Appends lines to one file, synced before the answer. It is opened at the first line, and never read. A file that failed is
/// not trusted again: the next lines go to a new one, named with a number. It grows until the disk is full; then nothing is
/// lost, for its users do not go on.
final class DeadLetterFile {
    private enum State {
        case closed
        case opening
        case open(any File, Int64)
        case appending(any File)
    }
    let path: String
    private let directory: String
    private let name: String
    private let environment: Environment
    private var state = State.closed
    private var failures = 0
    /// The last line that is there was torn by a crash.
    private var needsLineEnd = false
    private var waiting: [(lines: Bytes, done: Completion)] = []

    init(_ path: String, _ environment: Environment) {
        (self.path, self.environment) = (path, environment)
        let slash = path.lastIndex(of: "/")
        directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    }

    /// `key`'s value, or "<component>.dead-letters.jsonl" in the agent's state directory.
    static func path(_ configured: String?, _ environment: Environment) -> String {
        configured ?? "\(environment.stateDirectory)/\(environment.component).dead-letters.jsonl"
    }

    /// `lines`: whole, each with its line end. `done`: they survive a crash, or perhaps not.
    func append(_ lines: Bytes, _ done: @escaping Completion) {
        waiting.append((lines, done))
        // A turn later, so that completions are never called within the call that asked.
        environment.loop.enqueue { self.advance() }
    }

    private func advance() {
        guard !waiting.isEmpty else { return }
        switch state {
        case .opening, .appending: return
        case .closed: open()
        case .open(let file, let offset): write(file, offset)
        }
    }

    private func open() {
        let name = failures == 0 ? self.name : "\(self.name).\(failures)"
        do throws(TailraceError) {
            let disk = try environment.files.disk(directory)
            state = .opening
            disk.open(name, preallocating: 0) { result in
                switch result {
                case .failure(let error): self.fail(error)
                case .success(let file):
                    // The name must survive a crash too.
                    disk.sync { result in
                        if case .failure(let error) = result {
                            file.close()
                            return self.fail(error)
                        }
                        self.opened(file)
                    }
                }
            }
        } catch { fail(error) }
    }
    private func opened(_ file: any File) {
        do throws(TailraceError) {
            let size = try file.information().size
            needsLineEnd = size > 0
            if size > 0, try lastByte(of: file, size) == UInt8(ascii: "\n") { needsLineEnd = false }
            state = .open(file, size)
            advance()
        } catch {
            file.close()
            fail(error)
        }
    }
    private func lastByte(of file: any File, _ size: Int64) throws(TailraceError) -> UInt8? {
        var byte: UInt8 = 0
        let count = try withUnsafeMutableBytes(of: &byte) { space throws(TailraceError) in
            try file.read(at: size - 1, into: space)
        }
        return count == 1 ? byte : nil
    }

    private func write(_ file: any File, _ offset: Int64) {
        let group = waiting, end = needsLineEnd ? [Bytes("\n")] : []
        let pieces = end + group.map(\.lines), size = pieces.reduce(0) { $0 + $1.count }
        waiting = []
        state = .appending(file)
        file.append(pieces, at: offset, sync: true) { result in
            switch result {
            case .success:
                self.needsLineEnd = false
                self.state = .open(file, offset + Int64(size))
            case .failure:
                file.close()
                self.state = .closed
                self.failures += 1
            }
            for entry in group { entry.done(result) }
            self.advance()
        }
    }

    private func fail(_ error: TailraceError) {
        let group = waiting
        (waiting, state) = ([], .closed)
        for entry in group { entry.done(.failure(error)) }
    }

    /// When nothing is open any more.
    func close() {
        if case .open(let file, _) = state {
            file.close()
            state = .closed
        }
    }
}
