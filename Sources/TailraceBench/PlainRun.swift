import Glibc
package import TailraceCore
import TailraceRdkafka

/// `tailrace bench plain-producer`: the yardstick, in a process of its own.
package enum PlainRun {
    /// One ``ChainBench/Run`` for its standard output. Reading the file is not counted.
    package static func run(file: String, servers: String, topic: String, settings: [String: String]) throws(TailraceError)
        -> ChainBench.Run
    {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw TailraceError(
                code: "bench.file", message: "\(file) cannot be read: \(String(cString: strerror(errno)))", fix: nil)
        }
        defer { close(descriptor) }
        var builder = BufferBuilder(capacity: 256 << 20)
        while true {
            builder.reserve(1 << 20)
            let count = read(descriptor, builder.spare.baseAddress!, builder.spare.count)
            guard count > 0 else { break }
            builder.filled(count)
        }
        let figures = try PlainProducer.run(builder.finish(), bootstraps: servers, topic: topic, settings: settings)
        guard figures.failed == 0 else {
            throw TailraceError(
                code: "bench.producer", message: "\(figures.failed) of \(figures.lines) messages failed", fix: nil)
        }
        return ChainBench.Run(
            cpu: Double(figures.cpu.nanoseconds) / 1000 / Double(figures.lines),
            eventsPerSecond: Double(figures.lines) / (Double(figures.wall.nanoseconds) / 1e9))
    }
}
