import Glibc
import TailraceChannels
import TailraceCore
import TailraceIO
import TailraceSimulation
import TailraceSources
import Testing

/// The same on real files, with inotify.
struct SpoolRealFilesTests {
    private func write(_ text: String, _ path: String) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o644)
        precondition(descriptor >= 0 && Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count)
        close(descriptor)
    }
    private func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    @Test(arguments: [SpoolDirectorySourceConfiguration.TrackingPolicy.rename, .trackerDirectory])
    func filesThatAreMovedIn(policy: SpoolDirectorySourceConfiguration.TrackingPolicy) throws {
        var template = Array("/tmp/tailrace-spool-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!).map { String(cString: $0) } }
        let top = try #require(made)
        let spool = top + "/spool"
        mkdir(spool, 0o755)
        mkdir(spool + "/sub", 0o755)
        defer {
            let names = [
                "spool/first.COMPLETED", "spool/first", "spool/sub/second.COMPLETED", "spool/sub/second",
                "spool/.flumespool/first.COMPLETED", "spool/.flumespool/sub/second.COMPLETED", "state/edge.sources.r1.spooldir",
            ]
            for name in names { unlink("\(top)/\(name)") }
            for name in ["spool/.flumespool/sub", "spool/.flumespool", "spool/sub", "spool", "state"] {
                rmdir("\(top)/\(name)")
            }
            rmdir(top)
        }
        let world = SimulatedWorld(seed: 1), loop = try EpollLoop()
        let environment = RealEnvironment.make(
            loop: loop, broker: world.makeEnvironment(host: "none", component: "none").broker, component: "edge",
            stateDirectory: top + "/state", memoryBytes: 1 << 20, log: world.makeHost("log").log, seed: 1)
        let channel = try MemoryChannel(MemoryChannelConfiguration(), environment.named("edge.channels.c1"))
        let own = environment.named("edge.sources.r1")
        let output = SourceOutput([channel], [], ReplicatingSelector(isRequired: [true]), own)
        var configuration = SpoolDirectorySourceConfiguration()
        configuration.directory = spool
        configuration.recursiveDirectorySearch = true
        configuration.trackingPolicy = policy
        let source = try SpoolDirectorySource(configuration, output, own)
        output.source = source
        var started: Result<Void, TailraceError>?, isStopped = false, lines: [String] = []
        func run(until condition: () -> Bool) {
            let end = loop.now + .seconds(20)
            while !condition(), loop.now < end {
                loop.turn(waitingAtMost: .milliseconds(100))
                while let take = channel.take(upTo: .unlimited) {
                    lines += take.batch.bodies
                    take.settle(.delivered)
                }
            }
            #expect(condition())
        }
        source.start { started = $0 }
        run { started != nil }
        try started?.get()
        write("1\n2\n", top + "/first")
        rename(top + "/first", spool + "/first")
        let marks = policy == .rename ? spool : spool + "/.flumespool"
        run { exists(marks + "/first.COMPLETED") }
        #expect(lines == ["1", "2"] && exists(spool + "/first") == (policy == .trackerDirectory))
        write("3", spool + "/sub/second")
        run { exists(marks + "/sub/second.COMPLETED") }
        #expect(lines == ["1", "2", "3"])
        source.stop(by: loop.now + .seconds(10)) { isStopped = true }
        run { isStopped }
    }
}
