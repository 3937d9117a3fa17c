import TailraceCore

/// A child process from the inside: what its script does with it.
package final class SimulatedChild {
    package let arguments: [String]
    package let environment: [String: String]
    /// What comes on its input; the end of it is an empty call.
    package var received: (([UInt8]) -> Void)? { didSet { inputArrived() } }
    /// Signals; without it, every signal ends the child.
    package var signalled: ((Int32) -> Void)?
    private let loop: SimulatedLoop
    private let timeline: Timeline
    private let input: Pipe
    private let output: [Pipe]
    private var unsent = [OutputQueue(), OutputQueue()]
    private var status: Int32?
    private var exited: ((Int32) -> Void)?
    private(set) var hasExited = false

    init(
        _ arguments: [String], _ environment: [String: String], _ loop: SimulatedLoop, _ timeline: Timeline,
        _ random: SeededRandom, _ exited: @escaping (Int32) -> Void
    ) {
        (self.arguments, self.environment, self.loop, self.timeline) = (arguments, environment, loop, timeline)
        self.exited = exited
        func pipe(_ name: String) -> Pipe { Pipe(timeline, random.split(name), capacity: 65_536, isCut: { false }) }
        (input, output) = (pipe("input"), [pipe("output"), pipe("errors")])
        input.readable = { [weak self] in self?.inputArrived() }
        for (index, pipe) in output.enumerated() {
            pipe.writable = { [weak self] in self?.write(index) }
        }
    }

    /// How the agent has it. Dropping it closes the pipes.
    func makeProcess() -> any ChildProcess {
        let ends = output.map { SimulatedStream(loop, nil, incoming: $0, outgoing: nil) }
        for (index, stream) in ends.enumerated() { stream.endedReading = { [weak self] in self?.ended(index) } }
        let input = SimulatedStream(loop, nil, incoming: nil, outgoing: input)
        input.closed = { [weak self] in self?.input.finish() }
        return SimulatedChildProcess(self, input, ends[0], ends[1])
    }

    package func print(_ text: String, after delay: Duration = .zero) { write(Array(text.utf8), 0, delay) }
    package func printError(_ text: String, after delay: Duration = .zero) { write(Array(text.utf8), 1, delay) }
    package func print(_ bytes: [UInt8], after delay: Duration = .zero) { write(bytes, 0, delay) }

    /// What was printed before is read first.
    package func exit(_ status: Int32, after delay: Duration = .zero) {
        timeline.after(delay) { [weak self] in self?.exitNow(status) }
    }

    private func write(_ bytes: [UInt8], _ index: Int, _ delay: Duration) {
        timeline.after(delay) { [weak self] in
            guard let self, status == nil else { return }
            unsent[index].append(Bytes(copying: bytes))
            write(index)
        }
    }
    private func write(_ index: Int) {
        guard !output[index].isFinished else { return }
        if !unsent[index].isEmpty { _ = output[index].write(&unsent[index]) }
        if unsent[index].isEmpty, status != nil { output[index].finish() }
    }
    private func exitNow(_ status: Int32) {
        guard self.status == nil else { return }
        self.status = status
        for index in 0...1 { write(index) }
        report()
    }

    private var isRead = [false, false]
    private func ended(_ index: Int) {
        isRead[index] = true
        report()
    }
    /// "after the outputs are read to the end or closed"
    private func report() {
        guard let status, isRead == [true, true], let exited else { return }
        self.exited = nil
        hasExited = true
        loop.enqueue { exited(status) }
    }

    private var inputHasEnded = false
    private func inputArrived() {
        guard let received else { return }  // it stays in the pipe
        var bytes: [UInt8] = []
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { space in
            while input.unread > 0 { bytes.append(contentsOf: space.prefix(input.read(into: space))) }
        }
        if !bytes.isEmpty { received(bytes) }
        if input.hasEnded, !inputHasEnded {
            inputHasEnded = true
            received([])
        }
    }

    func signal(_ number: Int32) {
        guard status == nil else { return }
        timeline.after(.microseconds(10)) { [weak self] in
            guard let self, status == nil else { return }
            if number != 9, let signalled { return signalled(number) }
            for index in 0...1 { unsent[index].removeAll() }
            exitNow(128 + number)
        }
    }
    /// With the agent; nobody is told.
    func kill() {
        (status, exited, hasExited) = (status ?? 137, nil, true)
        (received, signalled) = (nil, nil)
    }
}

final class SimulatedChildProcess: ChildProcess {
    let input: any ByteStream
    let output: any ByteStream
    let errors: any ByteStream
    private weak var child: SimulatedChild?

    init(_ child: SimulatedChild, _ input: any ByteStream, _ output: any ByteStream, _ errors: any ByteStream) {
        (self.child, self.input, self.output, self.errors) = (child, input, output, errors)
    }
    func signal(_ number: Int32) { child?.signal(number) }
}
