import TailraceChannels
import TailraceCore
import TailraceSimulation
import TailraceSources
import Testing

/// Files that can be read like the simulated ones, but whose changes nobody tells.
private final class UnwatchedFiles: FileSystem {
    enum Kind: CaseIterable { case refused, deaf }
    private let base: any FileSystem
    private let kind: Kind
    init(_ base: any FileSystem, _ kind: Kind) { (self.base, self.kind) = (base, kind) }

    private final class Nothing: Cancellable { func cancel() {} }
    func open(_ path: String) throws(TailraceError) -> any ReadableFile { try base.open(path) }
    func information(_ path: String) throws(TailraceError) -> FileInformation { try base.information(path) }
    func scan(_ directory: String) throws(TailraceError) -> any DirectoryScan { try base.scan(directory) }
    func disk(_ directory: String) throws(TailraceError) -> any Disk { try base.disk(directory) }
    func watch(_ directory: String, _ changed: @escaping ([String]?) -> Void) throws(TailraceError) -> any Cancellable {
        if kind == .deaf { return Nothing() }
        throw TailraceError(code: "file.watches", message: "no watch is left", fix: "raise fs.inotify.max_user_watches")
    }
}

struct TaildirUnwatchedTests {
    @Test(arguments: UnwatchedFiles.Kind.allCases) fileprivate func directoriesThatTellNothingArePolled(
        _ kind: UnwatchedFiles.Kind
    ) throws {
        let world = SimulatedWorld(seed: 1), host = world.makeHost("edge")
        host.files.makeDirectory("/logs")
        host.files.write("/logs/app.log", "1\n")
        let whole = host.makeEnvironment(component: "edge.sources.r1")
        let environment = Environment(
            component: whole.component, loop: whole.loop, network: whole.network, files: UnwatchedFiles(whole.files, kind),
            processes: whole.processes, broker: whole.broker, log: whole.log, metrics: whole.metrics, memory: whole.memory,
            stateDirectory: whole.stateDirectory, random: whole.random)
        let channel = try MemoryChannel(MemoryChannelConfiguration(), host.makeEnvironment(component: "edge.channels.c1"))
        let output = SourceOutput([channel], [], ReplicatingSelector(isRequired: [true]), environment)
        var configuration = TaildirSourceConfiguration()
        configuration.fileGroups = ["g"]
        configuration.paths = ["g": "/logs/app.*"]
        configuration.positionFile = "/flume/positions.json"
        let source = try TaildirSource(configuration, output, environment)
        output.source = source
        source.start { _ in }
        func lines(in time: Duration) -> [String] {
            var lines: [String] = []
            let end = world.now + time
            while world.now < end {
                world.run(for: .milliseconds(100))
                while let take = channel.take(upTo: .unlimited) {
                    lines += take.batch.bodies
                    take.settle(.delivered)
                }
            }
            return lines
        }
        #expect(lines(in: .seconds(1)) == ["1"])
        // It may take a while until it is known that nothing will be told; then changes are found soon.
        host.files.append("/logs/app.log", "2\n")
        #expect(lines(in: .seconds(70)) == ["2"])
        host.files.append("/logs/app.log", "3\n")
        #expect(lines(in: .seconds(kind == .deaf ? 70 : 3)) == ["3"])
        host.files.append("/logs/app.log", "4\n")
        host.files.write("/logs/app.new", "5\n")
        #expect(lines(in: .seconds(4)) == ["4", "5"])
        let told =
            kind == .deaf ? "nobody told that /logs/app.log changed" : "/logs cannot be watched, it is scanned every 2.0 s"
        #expect(host.log.lines(containing: told).count == 1)
    }
}
