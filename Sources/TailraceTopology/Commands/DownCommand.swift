import Glibc
import TailraceCore
import TailraceIO

/// `tailrace topology down`: ends all members, from the edges to the broker. What they wrote stays in the state directory.
package struct DownCommand: Sendable {
    package var stateDirectory: String?
    package init(stateDirectory: String?) { self.stateDirectory = stateDirectory }

    package func run() -> Int32 {
        do throws(TailraceError) {
            let state = try StateDirectory.find(stateDirectory)
            guard try state.isRunning() else {
                Console.out("no cluster runs in \(state.path)\n")
                return TopologyExit.fine
            }
            return Self.end(try state.plan(), ControlClient(stateDirectory: state.path))
        } catch {
            Console.tell(error)
            return TopologyExit.code(for: error)
        }
    }

    /// Waits until the supervisor is gone, and with it all that it started. One that does not answer is killed: its
    /// children die with it.
    package static func end(_ plan: ClusterPlan, _ control: ControlClient) -> Int32 {
        do throws(TailraceError) {
            let state = try StateDirectory(plan.stateDirectory)
            do throws(TailraceError) {
                _ = try control.ask(ControlRequest(.down))
            } catch {
                Console.error("the supervisor does not answer (\(error.message)): killing it\n")
                if let pid = try state.process() { kill(pid, SIGKILL) }
            }
            // Each stage has its grace time before it is killed.
            let stages = (plan.members.map(\.stage).max() ?? 0) + 1
            let end = SystemClock.now() + .seconds(20 * stages)
            while SystemClock.now() < end {
                // A child of `up` that ended has to be waited for, or it would keep its number.
                _ = waitpid(-1, nil, WNOHANG)
                if try !state.isRunning() {
                    Console.error("\(plan.name) ended; logs and state stay in \(plan.stateDirectory)\n")
                    return TopologyExit.fine
                }
                Console.pause(milliseconds: 50)
            }
            if let pid = try state.process() { kill(pid, SIGKILL) }
            throw TailraceError(
                code: "topology.down",
                message: "the cluster did not end within \(20 * stages) s, and its supervisor was killed",
                fix: "see \(plan.stateDirectory)/\(StateFiles.log)")
        } catch {
            Console.tell(error)
            return TopologyExit.failed
        }
    }
}
