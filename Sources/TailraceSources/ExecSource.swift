package import TailraceCore

package struct ExecSourceConfiguration: BatchingConfiguration {
    package var command = ""
    package var shell: String?
    package var restart = false
    package var restartThrottleMilliseconds = 10_000
    package var logStdErr = false
    package var batchSize = 20
    package var batchTimeoutMilliseconds = 3_000
    package init() {}

    package var batchEvents: Int { batchSize }

    /// What is run. Without a shell the command is split at white space, as Flume does: quotes mean nothing.
    package var arguments: [String] {
        func words(_ text: String) -> [String] { text.split(whereSeparator: \.isWhitespace).map(String.init) }
        return shell.map { words($0) + [command] } ?? words(command)
    }
}

/// Flume's `exec`: runs a command; each line of its output is an event.
///
/// A command cannot be asked to repeat itself: what it wrote and what was not safe at a crash is lost. While the channels are
/// full its pipe is not read, so it waits. It dies with the agent.
package final class ExecSource: DeclaredSource, ByteStreamHandler {
    package static let declaration = Declaration<ExecSourceConfiguration>(
        type: "exec", classNames: ["org.apache.flume.source.ExecSource"],
        summary: "Runs a command; each line of its standard output is an event.",
        keys: [
            .value(
                "command", \.command, .notEmpty, isRequired: true, "What to run; split at white space unless there is a shell."),
            .value(
                "shell", \.shell, .anything, "Runs the command by it: \"/bin/sh -c\". Needed for pipes, quotes and wildcards."),
            .value("restart", \.restart, .anything, "Run it again when it ends."),
            .value(
                "restartThrottle", \.restartThrottleMilliseconds, .within(0...86_400_000), unit: "ms",
                "Pause before it is run again."),
            .value("logStdErr", \.logStdErr, .anything, "Its standard error goes to the agent's log, else nowhere."),
            .value("batchSize", \.batchSize, .within(1...65_536), unit: "events", "Most lines of one batch."),
            .value(
                "batchTimeout", \.batchTimeoutMilliseconds, .within(1...3_600_000), unit: "ms",
                "An incomplete batch waits so long for more lines."),
            Charsets.key("charset", initial: "UTF-8", fix: "convert in the command (\"… | iconv -t UTF-8\")"),
        ])

    private static let maxLineBytes = Limits.eventBytes
    private static let readBytes = 64 << 10
    /// Of its standard error, for the log.
    private static let maxLogLineBytes = 4096

    package let name: String
    package private(set) var health = Health.starting
    private let configuration: ExecSourceConfiguration
    private let output: SourceOutput
    private let environment: Environment
    private let cut: Counter, restarts: Counter

    private var child: (any ChildProcess)?
    private var lines = LineAssembler(maxBytes: ExecSource.maxLineBytes)
    private var errorLines = LineAssembler(maxBytes: ExecSource.maxLogLineBytes)
    private var pending = EventBatchBuilder()
    private var timer: TimerID?
    private var restartTimer: TimerID?
    private var isStopping = false
    private var isReadQueued = false
    private var outputEnded = false
    /// The deadline of the stop is over.
    private var isLate = false
    private var stopped: (() -> Void)?

    package init(
        _ configuration: ExecSourceConfiguration, _ output: SourceOutput, _ environment: Environment
    ) throws(TailraceError) {
        (name, self.configuration, self.output) = (environment.component, configuration, output)
        self.environment = environment
        cut = environment.counter("cut_lines_total")
        restarts = environment.counter("restarts_total")
    }

    /// A command that cannot be run ends the agent at its start; later, with `restart`, it is tried again.
    package func start(_ done: @escaping Completion) {
        let result: Result<Void, TailraceError>
        do throws(TailraceError) {
            try run()
            result = .success(())
        } catch {
            health = .failed(error)
            result = .failure(error.named(name))
        }
        environment.loop.enqueue { done(result) }
    }

    private func run() throws(TailraceError) {
        outputEnded = false
        child = try environment.processes.spawn(configuration.arguments, environment: [:]) { [weak self] in self?.exited($0) }
        child!.output.handler = self
        child!.errors.handler = self
        child!.input.close()
        health = .ok
        environment.log(.info, "runs: \(configuration.arguments.joined(separator: " "))")
        queueRead()
        readErrors()
    }

    /// The command is told to end (SIGTERM, at the deadline SIGKILL); what it had written is read until then.
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        isStopping = true
        if let restartTimer { environment.loop.cancel(restartTimer) }
        stopped = done
        child?.signal(15)
        environment.loop.schedule(at: deadline) { [self] in
            isLate = true
            child?.signal(9)
            finishStop()
        }
        if child == nil { finishStop() }
    }
    private func finishStop() {
        flush()
        guard let done = stopped, pending.isEmpty || isLate else { return }  // else outputHasRoom comes back to it
        stopped = nil
        if !pending.isEmpty {
            environment.log(
                .error, "\(pending.size.events) lines are lost: they were read, and no channel had room until the stop")
        }
        environment.loop.enqueue(done)
    }

    private func exited(_ status: Int32) {
        child = nil
        lines.finish { line, _ in
            pending.append(line)
            return true
        }
        flush()
        guard !isStopping else { return finishStop() }
        let error = TailraceError(
            code: "exec.ended",
            message: "the command ended with \(status > 128 ? "signal \(status - 128)" : "status \(status)")",
            fix: configuration.restart ? nil : "set restart = true to have it run again")
        health = .degraded(error)
        environment.log(status == 0 ? .info : .warning, "\(error)")
        if configuration.restart { runAgain() }
    }
    private func runAgain() {
        let pause = Duration.milliseconds(configuration.restartThrottleMilliseconds)
        restartTimer = environment.loop.schedule(at: environment.loop.now + pause) { [weak self] in
            guard let self, !isStopping else { return }
            restartTimer = nil
            restarts.add(1)
            do throws(TailraceError) { try run() } catch {
                health = .degraded(error)
                environment.log(.error, "\(error)")
                runAgain()
            }
        }
    }

    package func streamIsReadable(_ stream: any ByteStream) {
        if stream === child?.output { read() } else { readErrors() }
    }
    package func streamIsWritable(_ stream: any ByteStream) {}
    package func outputHasRoom() {
        // Also an incomplete batch whose time was over, or whose command has ended, while there was no room.
        if timer == nil || pending.size.events >= configuration.batchSize { flush() }
        if isStopping, child == nil { finishStop() }
        read()
    }

    private func queueRead() {
        guard !isReadQueued else { return }
        isReadQueued = true
        environment.loop.enqueue { [weak self] in
            self?.isReadQueued = false
            self?.read()
        }
    }

    /// One read a turn; none while a full batch has nowhere to go.
    private func read() {
        guard let stream = child?.output, !outputEnded, pending.size.events < configuration.batchSize else { return }
        let result = read(stream) { received($0) }
        switch result {
        case .success(.bytes): queueRead()
        case .success(.wouldBlock): break
        case .success(.end): outputEnded = true
        case .failure(let error):
            outputEnded = true
            environment.log(.warning, "its output could not be read: \(error)")
        }
        if outputEnded { stream.close() }
    }
    private func received(_ bytes: UnsafeRawBufferPointer) {
        lines.feed(bytes) { line, overflow in
            pending.append(line)
            if overflow { cut.add(1) }
            if pending.size.events >= configuration.batchSize { flush() }
            return true
        }
        guard !pending.isEmpty, timer == nil else { return }
        let end = environment.loop.now + .milliseconds(configuration.batchTimeoutMilliseconds)
        timer = environment.loop.schedule(at: end) { [weak self] in
            self?.timer = nil
            self?.flush()
        }
    }

    /// Submits what is there, if the output takes it; else `outputHasRoom` comes back to it. At most one read's lines wait.
    private func flush() {
        guard !pending.isEmpty, output.openSlots > 0 else { return }
        if let timer { environment.loop.cancel(timer) }
        timer = nil
        var full = EventBatchBuilder()
        swap(&full, &pending)
        output.submit(full.finish()) { _ in }
    }

    private func readErrors() {
        guard let stream = child?.errors else { return }
        let result = read(stream) { bytes in
            guard configuration.logStdErr else { return }
            errorLines.feed(bytes) { line, _ in
                environment.log(.info, "stderr: \(String(decoding: line, as: UTF8.self))")
                return true
            }
        }
        switch result {
        case .success(.bytes): environment.loop.enqueue { [weak self] in self?.readErrors() }
        case .success(.wouldBlock): break
        case .success(.end), .failure: stream.close()
        }
    }

    private func read(
        _ stream: any ByteStream, _ received: (UnsafeRawBufferPointer) -> Void
    ) -> Result<ReadResult, TailraceError> {
        withUnsafeTemporaryAllocation(byteCount: Self.readBytes, alignment: 16) { space in
            Result { () throws(TailraceError) in
                let read = try stream.read(into: space)
                if case .bytes(let count) = read { received(UnsafeRawBufferPointer(rebasing: space[..<count])) }
                return read
            }
        }
    }
}
