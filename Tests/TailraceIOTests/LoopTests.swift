import Glibc
import TailraceCore
import Testing

@testable import TailraceIO

@Suite struct LoopTests {
    @Test func closuresQueuedInATurnRunInTheNext() throws {
        let loop = try EpollLoop()
        let order = Note<String>()
        loop.enqueue {
            order.values.append("a")
            loop.enqueue { order.values.append("c") }
        }
        loop.enqueue { order.values.append("b") }
        loop.turn()
        #expect(order.values == ["a", "b"])
        loop.turn()
        #expect(order.values == ["a", "b", "c"])
    }

    @Test func timersRunByDeadlineAndEqualOnesInTheOrderTheyWereSet() throws {
        let loop = try EpollLoop()
        let order = Note<String>()
        let start = loop.now
        loop.schedule(at: start + .milliseconds(2)) { order.values.append("third") }
        loop.schedule(at: start + .milliseconds(1)) { order.values.append("first") }
        loop.schedule(at: start + .milliseconds(1)) { order.values.append("second") }
        loop.run(until: { order.values.count == 3 })
        #expect(order.values == ["first", "second", "third"])
        #expect(loop.now >= start + .milliseconds(2))
    }

    @Test func aTimerNeverRunsBeforeItsDeadline() throws {
        let loop = try EpollLoop()
        let times = Note<Bool>()
        for microseconds in stride(from: 0, to: 3000, by: 100) {
            let deadline = loop.now + .microseconds(microseconds)
            loop.schedule(at: deadline) { times.values.append(loop.now >= deadline) }
        }
        loop.run(until: { times.values.count == 30 })
        #expect(!times.values.contains(false))
    }

    @Test func aCancelledTimerDoesNotRunEvenIfItIsDueInThisTurn() throws {
        let loop = try EpollLoop()
        let order = Note<String>()
        let deadline = loop.now
        let second = Note<TimerID>()
        loop.schedule(at: deadline) {
            order.values.append("first")
            loop.cancel(second.values[0])
        }
        second.values.append(loop.schedule(at: deadline) { order.values.append("second") })
        loop.schedule(at: deadline) { order.values.append("third") }
        loop.turn()
        loop.turn(waitingAtMost: .zero)
        #expect(order.values == ["first", "third"])
        loop.cancel(second.values[0])  // unknown by now: ignored
    }

    @Test func aTimerSetForNowRunsInALaterTurn() throws {
        let loop = try EpollLoop()
        let turns = Note<Int>()
        func again() {
            turns.values.append(turns.values.count)
            if turns.values.count < 3 { loop.schedule(at: loop.now, again) }
        }
        loop.schedule(at: loop.now, again)
        for expected in 1...3 {
            loop.turn(waitingAtMost: .zero)
            #expect(turns.values.count == expected)
        }
    }

    @Test func cancelledTimersTakeNoLastingMemory() {
        var timers = TimerQueue()
        for index in 0..<100_000 {
            let timer = timers.add(at: Instant(nanoseconds: Int64(1_000_000 - index))) {}
            timers.cancel(timer)
        }
        #expect(timers.count == 0)
        #expect(timers.heapCount <= 128)
        #expect(timers.next() == nil)
    }

    /// Against a sorted array.
    @Test(arguments: (0..<20).map { UInt64($0) }) func timersAreAHeap(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var timers = TimerQueue()
        var model: [(deadline: Int64, id: UInt64)] = []
        for _ in 0..<500 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                let deadline = Int64.random(in: 0..<50, using: &random)
                let id = timers.add(at: Instant(nanoseconds: deadline)) {}
                model.append((deadline, id.value))
            case 6..<8:
                guard let victim = model.indices.randomElement(using: &random) else { continue }
                timers.cancel(TimerID(value: model.remove(at: victim).id))
            default:
                let now = Int64.random(in: 0..<50, using: &random)
                var due: [UInt64] = []
                timers.popDue(Instant(nanoseconds: now), into: &due)
                model.sort { ($0.deadline, $0.id) < ($1.deadline, $1.id) }
                let expected = model.filter { $0.deadline <= now }.map(\.id)
                model.removeAll { $0.deadline <= now }
                #expect(due == expected)
                for id in due {
                    let body = timers.takeBody(id)
                    #expect(body != nil)
                }
            }
        }
        #expect(timers.count == model.count)
        #expect(timers.next()?.nanoseconds == model.map(\.deadline).min())
    }

    @Test func timeStandsStillWithinATurn() throws {
        let loop = try EpollLoop()
        let times = Note<Instant>()
        loop.enqueue {
            times.values.append(loop.now)
            let until = SystemClock.now() + .milliseconds(1)
            while SystemClock.now() < until {}
            times.values.append(loop.now)
        }
        loop.turn()
        #expect(times.values[0] == times.values[1])
    }

    @Test func turnsOverTenMillisecondsAreCountedAndNamed() throws {
        let loop = try EpollLoop()
        loop.enqueue {
            let until = SystemClock.now() + .milliseconds(12)
            while SystemClock.now() < until {}
        }
        loop.turn()
        #expect(loop.slowTurns == 1)
        #expect(loop.slowest.part == "queued closures")
        #expect(loop.slowest.duration > .milliseconds(10))
    }

    @Test func whatATurnGatheredGoesOutAtItsEnd() throws {
        let loop = try EpollLoop()
        let order = Note<String>()
        loop.enqueue {
            loop.afterTurn {
                order.values.append("after")
                loop.afterTurn { order.values.append("after the next") }
            }
            order.values.append("a")
        }
        loop.enqueue { order.values.append("b") }
        loop.turn()
        #expect(order.values == ["a", "b", "after"])
        loop.turn()
        #expect(order.values == ["a", "b", "after", "after the next"])
    }

    @Test func messagesOfOtherThreadsComeInOrderAndAllOfThem() throws {
        let loop = try EpollLoop()
        let received = Note<(thread: Int, number: Int)>()
        let port: LoopPort<(Int, Int)> = loop.openPort { received.values.append((thread: $0.0, number: $0.1)) }
        let threads = 4
        let each = 10_000
        for thread in 0..<threads {
            startThread("poster") { for number in 0..<each { port.post((thread, number)) } }
        }
        loop.run(until: { received.values.count == threads * each })
        for thread in 0..<threads {
            let numbers = received.values.filter { $0.thread == thread }.map(\.number)
            #expect(numbers == Array(0..<each))
        }
    }

    @Test func aPortMayOutliveItsLoop() throws {
        let received = Note<Int>()
        var loop: EpollLoop? = try EpollLoop()
        let port: LoopPort<Int> = loop!.openPort { received.values.append($0) }
        loop!.enqueue { [loop] in loop!.stop() }
        loop!.run()
        loop = nil
        port.post(1)
        #expect(received.values.isEmpty)
    }

    @Test func aReceiverIsFreedWithTheLastCopyOfItsPort() throws {
        final class Owner {}
        let loop = try EpollLoop()
        weak var observed: Owner?
        do {
            let owner = Owner()
            observed = owner
            let port: LoopPort<Int> = loop.openPort { _ in _ = owner }
            port.post(1)
        }
        #expect(observed != nil)
        loop.run(until: { observed == nil })
    }

    @Test func anotherThreadCanStopIt() async throws {
        await withCheckedContinuation { (ended: CheckedContinuation<Void, Never>) in
            LoopThread.run(
                "stopped", { loop in startThread("stopper") { [stop = loop.stopper] in stop() } }, ended: { ended.resume() })
        }
    }

    @Test func aWatchedDescriptorRunsItsBodyWhileItIsReadable() throws {
        let loop = try EpollLoop()
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let count = Note<Int>()
        let watch = loop.onReadable(ends[0]) { count.values.append(1) }
        loop.turn(waitingAtMost: .zero)
        #expect(count.values.isEmpty)
        try #require(write(ends[1], "x", 1) == 1)
        loop.turn()
        loop.turn()
        #expect(count.values.count == 2)
        watch.cancel()
        watch.cancel()
        loop.turn(waitingAtMost: .zero)
        #expect(count.values.count == 2)
    }

    /// Both are ready in one turn; the first closes the second and opens a new one with the same number.
    @Test func anEventOfAClosedDescriptorReachesNobody() throws {
        let loop = try EpollLoop()
        var first: [Int32] = [-1, -1]
        var second: [Int32] = [-1, -1]
        try #require(pipe(&first) == 0 && pipe(&second) == 0)
        let note = Note<String>()
        let watches = Note<any Cancellable>()
        func ready(_ own: [Int32], _ other: [Int32], _ otherWatch: Int) {
            note.values.append("one")
            watches.values[otherWatch].cancel()
            close(other[0])
            let reused = dup(own[0])
            precondition(reused == other[0])
            watches.values.append(loop.onReadable(reused) { note.values.append("reused") })
            watches.values[1 - otherWatch].cancel()
        }
        watches.values.append(loop.onReadable(first[0]) { ready(first, second, 1) })
        watches.values.append(loop.onReadable(second[0]) { ready(second, first, 0) })
        try #require(write(first[1], "x", 1) == 1 && write(second[1], "x", 1) == 1)
        loop.turn()
        #expect(note.values == ["one"])
        loop.turn()
        #expect(note.values == ["one", "reused"])
        watches.values[2].cancel()
        for end in [first[0], first[1], second[0], second[1]] { close(end) }
    }

    @Test func anIdleLoopDoesNotSpin() throws {
        let loop = try EpollLoop()
        let before = SystemClock.now()
        loop.turn(waitingAtMost: .milliseconds(20))
        #expect(SystemClock.now() - before >= .milliseconds(20))
    }

    @Test func signalsAreEvents() async throws {
        let numbers: [Int32] = await withCheckedContinuation { done in
            LoopThread.run("signals") { loop in
                do throws(TailraceError) {
                    let got = Note<Int32>()
                    let watcher = Note<SignalWatcher>()
                    watcher.values.append(
                        try SignalWatcher([SIGHUP, SIGTERM], loop) { number in
                            got.values.append(number)
                            guard got.values.count == 2 else { return }
                            watcher.values[0].cancel()
                            watcher.values = []
                            loop.stop()
                            done.resume(returning: got.values)
                        })
                    // To this thread: one for the process would reach the test runner's threads.
                    pthread_kill(pthread_self(), SIGHUP)
                    loop.enqueue { pthread_kill(pthread_self(), SIGTERM) }
                } catch {
                    done.resume(returning: [])
                }
            }
        }
        #expect(numbers.sorted() == [SIGHUP, SIGTERM])
    }
}
