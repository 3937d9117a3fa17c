import TailraceCore
import TailraceIO

/// `topology up` without `--detach`: the cluster live; `q` or Ctrl-C ends it.
struct LiveCommand {
    let plan: ClusterPlan
    let control: ControlClient

    private static let picturePause = 500
    /// Where nobody redraws, a line now and then is enough.
    private static let linePause = Duration.seconds(5)

    func run() -> Int32 {
        Interruption.watch()
        let failure = Console.outIsTerminal ? pictures() : lines()
        if let failure { Console.error("tailrace: \(failure)\n") }
        let code = DownCommand.end(plan, control)
        return failure == nil ? code : TopologyExit.failed
    }

    /// nil: somebody ended it.
    private func pictures() -> String? {
        let terminal = Terminal()
        defer { terminal.leave() }
        var history: [ClusterStatus] = []
        while !Interruption.hasCome {
            do throws(TailraceError) {
                let status = try control.ask(ControlRequest(.status)), size = terminal.size
                // Rates over two seconds: single polls are too coarse.
                terminal.show(
                    LiveView.picture(
                        status, before: history.first, columns: size.columns, rows: size.rows, colours: true))
                history.append(status)
                if history.count > 4 { history.removeFirst() }
            } catch { return error.description }
            if let key = terminal.key(milliseconds: Self.picturePause), key == UInt8(ascii: "q") || key == 3 { return nil }
        }
        return nil
    }

    private func lines() -> String? {
        var before: ClusterStatus?, next = SystemClock.now()
        while !Interruption.hasCome {
            if SystemClock.now() >= next {
                do throws(TailraceError) {
                    let status = try control.ask(ControlRequest(.status))
                    if let before {
                        Console.out(StatusText.table(status, before: before).text + "auditor: \(StatusText.audited(status))\n")
                    }
                    before = status
                } catch { return error.description }
                next = SystemClock.now() + Self.linePause
            }
            Console.pause(milliseconds: 100)
        }
        return nil
    }
}
