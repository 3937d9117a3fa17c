import TailraceCore
import TailraceSimulation

/// Seams to be tested: an environment, and a way to let its loop run.
protocol SeamFixture: AnyObject {
    var environment: Environment { get }
    /// Runs the loop while `condition` holds, and for `limit` at most (of the loop's own time). False: it still held.
    func run(while condition: () -> Bool, limit: Duration) -> Bool
    /// Ends the loop and what runs beside it.
    func end()
}

extension SeamFixture {
    var loop: any EventLoop { environment.loop }
    func run(while condition: () -> Bool) -> Bool { run(while: condition, limit: .seconds(10)) }
    /// Lets a few turns go by in which nothing is expected to happen.
    func settle() {
        var isOver = false
        loop.schedule(at: loop.now + .milliseconds(50)) { isOver = true }
        _ = run { !isOver }
    }
}

/// Which seams a test runs on.
enum Seams: Sendable, CaseIterable {
    case simulated

    func make(_ seed: UInt64 = 1) throws -> any SeamFixture {
        switch self {
        case .simulated: SimulatedFixture(seed)
        }
    }
}

final class SimulatedFixture: SeamFixture {
    let world: SimulatedWorld
    let host: SimulatedHost
    let environment: Environment

    init(_ seed: UInt64) {
        world = SimulatedWorld(seed: seed)
        host = world.makeHost("here")
        environment = host.makeEnvironment(component: "test")
    }
    func run(while condition: () -> Bool, limit: Duration) -> Bool { world.run(while: condition, limit: limit) }
    func end() { host.crash() }
}
