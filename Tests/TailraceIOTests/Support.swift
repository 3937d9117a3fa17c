import Glibc
import TailraceCore
import Testing

@testable import TailraceIO

extension EpollLoop {
    /// Runs turns until `condition` holds. Waits for events and not for time: it ends as soon as it holds, and the limit is
    /// only there so that a failed test ends.
    func run(
        until condition: () -> Bool, limit: Duration = .seconds(10), sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let end = SystemClock.now() + limit
        while !condition() {
            guard SystemClock.now() < end else {
                Issue.record("what the test waits for did not happen in \(limit.text)", sourceLocation: sourceLocation)
                return
            }
            turn(waitingAtMost: .milliseconds(100))
        }
    }

    func soon(_ duration: Duration = .seconds(10)) -> Instant { SystemClock.now() + duration }
}

/// What a closure noted, for closures that must not capture a local variable by reference.
final class Note<Value> {
    var values: [Value] = []
    var last: Value? { values.last }
}

/// An empty directory of its own, removed with the object.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/tailrace-io-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!).map { String(cString: $0) } }
        path = try #require(made)
    }
    deinit { remove(path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    private func remove(_ path: String) {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != "." && name != ".." { remove("\(path)/\(name)") }
            }
            closedir(directory)
            rmdir(path)
        } else {
            unlink(path)
        }
    }
}

/// Writes a whole file the short way.
func put(_ text: String, at path: String, flags: Int32 = O_CREAT | O_TRUNC) {
    let descriptor = open(path, O_WRONLY | flags, 0o644)
    precondition(descriptor >= 0)
    precondition(write(descriptor, text, text.utf8.count) == text.utf8.count)
    close(descriptor)
}

func contents(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var all: [UInt8] = []
    var space = [UInt8](repeating: 0, count: 65536)
    while case let count = read(descriptor, &space, space.count), count > 0 { all += space[0..<count] }
    return String(decoding: all, as: UTF8.self)
}

/// Reads all that comes, as text, and counts signals.
final class Reader: ByteStreamHandler {
    let stream: any ByteStream
    var text = ""
    var ended = false
    var failure: TailraceError?
    var readableSignals = 0
    var writableSignals = 0
    var onWritable: (() -> Void)?

    init(_ stream: any ByteStream, reading: Bool = true) {
        self.stream = stream
        stream.handler = self
        if reading { readAll() }
    }

    func readAll() {
        let space = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
        defer { space.deallocate() }
        while true {
            do throws(TailraceError) {
                switch try stream.read(into: space) {
                case .bytes(let count): text += String(decoding: space[0..<count], as: UTF8.self)
                case .wouldBlock: return
                case .end:
                    ended = true
                    return
                }
            } catch {
                failure = error
                return
            }
        }
    }

    func streamIsReadable(_ stream: any ByteStream) {
        readableSignals += 1
        readAll()
    }
    func streamIsWritable(_ stream: any ByteStream) {
        writableSignals += 1
        onWritable?()
    }

    func send(_ text: String) throws {
        var queue = OutputQueue()
        queue.append(Bytes(text))
        let result = try stream.write(&queue)
        #expect(result == .everything)
    }
}
