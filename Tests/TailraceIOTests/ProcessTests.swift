import CLinux
import Glibc
import TailraceCore
import Testing

@testable import TailraceIO

/// Waits for the end of any process, ours or not, without polling. False: it still runs after so long.
private func ends(_ process: Int32, within limit: Duration = .seconds(10)) -> Bool {
    let descriptor = clinux_process_descriptor(process)
    guard descriptor >= 0 else { return errno == ESRCH }
    defer { close(descriptor) }
    var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&wait, 1, Int32(limit.milliseconds)) == 1
}

@Suite struct ProcessTests {
    private struct Run {
        var child: any ChildProcess
        var output: Reader
        var errors: Reader
        var status: Note<Int32>
    }

    private func run(_ processes: PosixProcesses, _ arguments: [String], environment: [String: String] = [:])
        throws -> Run
    {
        let status = Note<Int32>()
        let child = try processes.spawn(arguments, environment: environment) { status.values.append($0) }
        return Run(child: child, output: Reader(child.output), errors: Reader(child.errors), status: status)
    }
    private func shell(_ processes: PosixProcesses, _ script: String, environment: [String: String] = [:]) throws -> Run {
        try run(processes, ["/bin/sh", "-c", script], environment: environment)
    }

    @Test func outputErrorsStatusAndEnvironment() throws {
        let loop = try EpollLoop()
        let processes = PosixProcesses(loop)
        let child = try shell(
            processes, "echo $GREETING; echo bad >&2; test -n \"$PATH\"; exit 7", environment: ["GREETING": "hi"])
        loop.run(until: { !child.status.values.isEmpty })
        #expect(child.status.values == [7])
        #expect(child.output.text == "hi\n" && child.output.ended)
        #expect(child.errors.text == "bad\n" && child.errors.ended)
        #expect(processes.keeper?.groups.isEmpty == true)
    }

    @Test func inputIsReadToItsEnd() throws {
        let loop = try EpollLoop()
        let processes = PosixProcesses(loop)
        let child = try run(processes, ["cat"])
        var queue = OutputQueue()
        queue.append(Bytes("through cat"))
        #expect(try child.child.input.write(&queue) == .everything)
        child.child.input.finishWriting()
        loop.run(until: { !child.status.values.isEmpty })
        #expect(child.output.text == "through cat")
        #expect(child.status.values == [0])
    }

    @Test func whatIsWrittenToAChildThatIsGoneIsAnErrorAndNoSignal() throws {
        let loop = try EpollLoop()
        let processes = PosixProcesses(loop)
        let child = try run(processes, ["true"])
        loop.run(until: { !child.status.values.isEmpty })
        var queue = OutputQueue()
        queue.append(Bytes("x"))
        let error = #expect(throws: TailraceError.self) { try child.child.input.write(&queue) }
        #expect(error?.code == "network.reset")
    }

    @Test func aSignalReachesTheWholeGroup() throws {
        let loop = try EpollLoop()
        let processes = PosixProcesses(loop)
        let child = try shell(processes, "sleep 1000 & echo $!; wait")
        loop.run(until: { child.output.text.hasSuffix("\n") })
        let grandchild = try #require(Int32(child.output.text.dropLast()))
        child.child.signal(SIGTERM)
        loop.run(until: { !child.status.values.isEmpty })
        #expect(child.status.values == [128 + SIGTERM])
        #expect(ends(grandchild))
    }

    @Test func whatAChildLeavesBehindIsKilled() throws {
        let loop = try EpollLoop()
        let processes = PosixProcesses(loop)
        let child = try shell(processes, "sleep 1000 & echo $!")
        loop.run(until: { !child.status.values.isEmpty })
        let grandchild = try #require(Int32(child.output.text.dropLast()))
        #expect(child.status.values == [0])
        #expect(ends(grandchild))
    }

    @Test func aChildThatIsLetGoIsKilled() throws {
        let loop = try EpollLoop()
        let processes = PosixProcesses(loop)
        let status = Note<Int32>()
        do { _ = try processes.spawn(["sleep", "1000"], environment: [:]) { status.values.append($0) } }
        loop.run(until: { !status.values.isEmpty })
        #expect(status.values == [128 + SIGKILL])
    }

    @Test func aMissingProgramAndOneThatMayNotRun() throws {
        let loop = try EpollLoop()
        let processes = PosixProcesses(loop)
        let directory = try TemporaryDirectory()
        put("text", at: directory.file("text"))
        let missing = #expect(throws: TailraceError.self) { try run(processes, ["tailrace-no-such-program"]) }
        #expect(missing?.code == "process.spawn")
        #expect(missing?.message == "cannot run tailrace-no-such-program: No such file or directory")
        #expect(missing?.fix == "install the program, or correct the command (it is looked for in PATH).")
        let denied = #expect(throws: TailraceError.self) { try run(processes, [directory.file("text")]) }
        #expect(denied?.message == "cannot run \(directory.file("text")): Permission denied")
        #expect(#expect(throws: TailraceError.self) { try run(processes, []) }?.code == "process.spawn")
        #expect(#expect(throws: TailraceError.self) { try run(processes, ["echo", "a\0b"]) }?.code == "process.spawn")
        #expect(processes.keeper?.groups.isEmpty == true)
    }

    /// Signals are reset, descriptors closed, and the group is the child's own.
    @Test func aChildStartsClean() throws {
        let loop = try EpollLoop()
        let processes = PosixProcesses(loop)
        let child = try shell(
            processes,
            // Without a grep: the shell blocks all signals while it starts one.
            """
            ls /proc/self/fd | wc -l
            while read -r name value; do case $name in SigBlk:|SigIgn:) echo $name $value;; esac; done < /proc/$$/status
            cut -d' ' -f5 /proc/$$/stat; echo $$
            """
        )
        loop.run(until: { !child.status.values.isEmpty })
        let words = child.output.text.split { " \t\n".contains($0) }.map(String.init)
        try #require(words.count == 7, "\(child.output.text) \(child.errors.text)")
        #expect(words[0] == "4")  // 0, 1, 2 and the folder that ls reads
        #expect(words[2] == "0000000000000000")
        // The C library keeps signals 32 and 33 for itself.
        #expect(try #require(UInt64(words[4], radix: 16)) & 0x7fff_ffff == 0)
        #expect(words[5] == words[6], "it leads a group of its own")
    }

    @Test func aKilledKeeperIsReplaced() throws {
        let loop = try EpollLoop()
        let keeper = try ProcessKeeper()
        keeper.added(999_999)  // nobody's
        keeper.remove(999_999)
        let processes = PosixProcesses(loop)
        let first = try run(processes, ["sleep", "1000"])
        let before = try #require(processes.keeper).process
        kill(before, SIGKILL)
        #expect(ends(before))
        let second = try run(processes, ["echo", "ok"])
        loop.run(until: { !second.status.values.isEmpty })
        #expect(second.output.text == "ok\n")
        #expect(first.status.values.isEmpty, "the first child lives on")
        #expect(processes.keeper?.groups.count == 1)
        first.child.signal(SIGKILL)
        loop.run(until: { !first.status.values.isEmpty })
    }

    /// Also by SIGKILL, and also the children's children.
    @Test(.timeLimit(.minutes(1))) func childrenDieWithTheAgentHoweverItEnds() async throws {
        let path = "/tmp/tailrace-io-agent-\(getpid())"
        unlink(path)
        defer { unlink(path) }
        await #expect(processExitsWith: .signal(SIGKILL)) {
            let loop = try EpollLoop()
            let processes = PosixProcesses(loop)
            let child = try processes.spawn(
                ["/bin/sh", "-c", "sleep 1000 & echo $$ $! > $FILE.new; mv $FILE.new $FILE; echo ready; wait"],
                environment: ["FILE": "/tmp/tailrace-io-agent-\(getppid())"]
            ) { _ in }
            let output = Reader(child.output)
            loop.run(until: { output.text == "ready\n" })
            kill(getpid(), SIGKILL)
        }
        let numbers = try #require(contents(path)).split { " \n".contains($0) }.compactMap { Int32($0) }
        #expect(numbers.count == 2)
        for process in numbers { #expect(ends(process), "process \(process) lives on") }
    }
}
