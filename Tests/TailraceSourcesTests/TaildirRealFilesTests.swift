import Glibc
import TailraceChannels
import TailraceCore
import TailraceIO
import TailraceSimulation
import TailraceSources
import Testing

/// The same on real files, with inotify: that the seam keeps what the simulated one promises.
struct TaildirRealFilesTests {
    private final class Bench {
        let directory: String
        let loop: EpollLoop
        let environment: Environment
        let channel: MemoryChannel
        let output: SourceOutput
        let source: TaildirSource
        private let world = SimulatedWorld(seed: 1)

        init(_ directory: String) throws {
            self.directory = directory
            loop = try EpollLoop()
            environment = RealEnvironment.make(
                loop: loop, broker: world.makeEnvironment(host: "none", component: "none").broker, component: "edge",
                stateDirectory: directory + "/state", memoryBytes: 1 << 20, log: SimulatedWorld(seed: 1).makeHost("log").log,
                seed: 1)
            channel = try MemoryChannel(MemoryChannelConfiguration(), environment.named("edge.channels.c1"))
            let source = environment.named("edge.sources.r1")
            output = SourceOutput([channel], [], ReplicatingSelector(isRequired: [true]), source)
            var configuration = TaildirSourceConfiguration()
            configuration.fileGroups = ["g"]
            configuration.paths = ["g": directory + "/app.*"]
            configuration.positionFile = directory + "/flume/positions.json"
            self.source = try TaildirSource(configuration, output, source)
            output.source = self.source
            var isStarted = false
            self.source.start { _ in isStarted = true }
            run { isStarted }
        }

        func run(until condition: () -> Bool, limit: Duration = .seconds(20), _ location: SourceLocation = #_sourceLocation) {
            let end = loop.now + limit
            while !condition() {
                guard loop.now < end else {
                    Issue.record("it did not happen in \(limit.text)", sourceLocation: location)
                    return
                }
                loop.turn(waitingAtMost: .milliseconds(100))
            }
        }
        /// So many lines, as soon as they are there.
        func lines(_ count: Int, _ location: SourceLocation = #_sourceLocation) -> [String] {
            var lines: [String] = []
            run(
                until: {
                    while let take = channel.take(upTo: .unlimited) {
                        lines += take.batch.bodies
                        take.settle(.delivered)
                    }
                    return lines.count >= count
                }, location)
            return lines
        }
        func stop() {
            var isStopped = false
            source.stop(by: loop.now + .seconds(10)) { isStopped = true }
            run { isStopped }
        }
    }

    private func path(_ directory: String, _ name: String) -> String { "\(directory)/\(name)" }
    private func append(_ text: String, _ path: String, _ flags: Int32 = O_APPEND) {
        let descriptor = open(path, O_WRONLY | O_CREAT | flags, 0o644)
        precondition(descriptor >= 0 && write(descriptor, text, text.utf8.count) == text.utf8.count)
        close(descriptor)
    }

    @Test func rotationsAndARestart() throws {
        var template = Array("/tmp/tailrace-taildir-XXXXXX".utf8CString)
        let directory = try #require(
            template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!).map { String(cString: $0) } })
        defer { removeTree(directory) }
        let log = path(directory, "app.log"), one = path(directory, "app.1"), old = path(directory, "old")
        append("1\n2\n", log)
        mkfifo(path(directory, "app.fifo"), 0o644)
        mkdir(path(directory, "app.dir"), 0o755)
        var bench = try Bench(directory)
        #expect(bench.lines(2) == ["1", "2"])
        append("3\n", log)
        #expect(bench.lines(1) == ["3"])
        rename(log, one)
        append("4\n", one)
        append("5\n", log)
        #expect(Set(bench.lines(2)) == ["4", "5"])
        append("5b\n", log)
        rename(log, old)
        append("5c\n", old)
        append("6\n", log)
        #expect(Set(bench.lines(3)) == ["5b", "5c", "6"])
        append("7\n7b\n", log, O_TRUNC)
        #expect(bench.lines(2) == ["7", "7b"])
        append("8\n", log)
        unlink(log)
        #expect(bench.lines(1) == ["8"])
        append("9\n", one)
        #expect(bench.lines(1) == ["9"])
        bench.stop()

        append("10\n", one)
        rename(one, path(directory, "app.2"))
        bench = try Bench(directory)
        #expect(bench.lines(1) == ["10"])
        bench.stop()
    }

    private func removeTree(_ path: String) {
        guard let directory = opendir(path) else {
            unlink(path)
            return
        }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { removeTree("\(path)/\(name)") }
        }
        closedir(directory)
        rmdir(path)
    }
}
