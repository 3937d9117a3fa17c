import Glibc
import TailraceCore
import TailraceIO

/// The frame of a process of the cluster that is no agent: its loop on the main thread, seams, and SIGTERM as a request to stop.
enum HelperProcess {
    /// `body` makes what runs, and returns what stops it. `end`: called by it once, with the exit code.
    typealias Body = (
        _ loop: EpollLoop, _ network: any Network, _ processes: any Processes, _ end: @escaping (Int32) -> Void
    ) throws(TailraceError) -> () -> Void

    static func run(_ body: Body) -> Int32 {
        var code = TopologyExit.failed
        do throws(TailraceError) {
            let signals = [SIGTERM, SIGINT, SIGHUP]
            try SignalWatcher.block(signals)
            let loop = try EpollLoop()
            let network = EpollNetwork(loop), processes = PosixProcesses(loop)
            var stop: (() -> Void)?
            let watcher = try SignalWatcher(signals, loop) { _ in stop?() }
            stop = try body(loop, network, processes) { result in
                code = result
                loop.stop()
            }
            loop.run()
            watcher.cancel()
        } catch {
            Console.tell(error)
            return TopologyExit.failed
        }
        return code
    }
}
