import TailraceCore
import TailraceSimulation

final class SimulatedFixture: SeamFixture {
    let world: SimulatedWorld
    let host: SimulatedHost
    let environment: Environment
    let directory = "/test"

    init(_ seed: UInt64) {
        world = SimulatedWorld(seed: seed)
        host = world.makeHost("here")
        host.files.makeDirectory(directory)
        environment = host.makeEnvironment(component: "test")
        host.programs = [
            "prints": { child in
                child.print("one\ntwo\n")
                child.printError("bad\n")
                child.exit(3)
            },
            "echoes": { child in
                child.received = {
                    $0.isEmpty ? child.exit(0) : child.print($0)
                }
            },
            "waits": { $0.print("ready\n") },
            "prints1MB": { child in
                child.print([UInt8](repeating: UInt8(ascii: "x"), count: 1_000_000))
                child.exit(0)
            },
        ]
    }
    func run(while condition: () -> Bool, limit: Duration) -> Bool { world.run(while: condition, limit: limit) }
    func end() { host.crash() }
    var others: any OtherPrograms { SimulatedPrograms(files: host.files) }
    func sendDatagram(_ bytes: [UInt8], from program: Int, to endpoint: Endpoint) {
        host.sendDatagram(bytes, from: UInt16(40_000 + program), to: endpoint)
    }
    func makeTopic(_ name: String, partitions: Int) { world.broker.createTopic(name, partitions: partitions) }
    var brokerSettings: [String: String] { [:] }
    func command(_ script: ChildScript) -> [String] { ["\(script)"] }
}

struct SimulatedPrograms: OtherPrograms {
    let files: HostFiles
    func write(_ path: String, _ text: String) { files.write(path, text) }
    func append(_ path: String, _ text: String) { files.append(path, text) }
    func rename(_ from: String, to: String) { files.rename(from, to: to) }
    func remove(_ path: String) { files.remove(path) }
    func truncate(_ path: String, to size: Int) { files.truncate(path, to: size) }
    func link(_ existing: String, _ new: String) { files.link(existing, new) }
    func symlink(_ path: String, to target: String) { files.symlink(path, to: target) }
    func makeFifo(_ path: String) { files.makeFifo(path) }
    func makeDirectory(_ path: String) { files.makeDirectory(path) }
}
