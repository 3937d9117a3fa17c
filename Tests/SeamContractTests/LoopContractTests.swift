import TailraceCore
import Testing

@Suite struct LoopContractTests {
    /// "Runs `body` in the next turn, in order."
    @Test(arguments: Seams.allCases) func enqueuedWorkRunsInLaterTurnsInOrder(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        var order: [Int] = [], isInside = true
        fixture.loop.enqueue {
            fixture.loop.enqueue {
                #expect(!isInside)
                order.append(3)
            }
            order.append(1)
            isInside = false
        }
        fixture.loop.enqueue { order.append(2) }
        #expect(order.isEmpty)
        #expect(fixture.run { order.count < 3 })
        #expect(order == [1, 2, 3])
    }

    /// "Runs `body` once, in a turn that begins at `deadline` or later; equal deadlines in the order they were set."
    @Test(arguments: Seams.allCases) func timersFireOnceNotBeforeTheirDeadlineEqualOnesInOrder(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let loop = fixture.loop, start = loop.now
        var order: [Int] = []
        for (number, milliseconds) in [20, 5, 20, 0, 5, -10].enumerated() {
            let deadline = start + .milliseconds(milliseconds)
            loop.schedule(at: deadline) {
                #expect(loop.now >= deadline)
                order.append(number)
            }
        }
        #expect(order.isEmpty)
        #expect(fixture.run { order.count < 6 })
        fixture.settle()
        #expect(order == [5, 3, 1, 4, 0, 2])
    }

    /// "After the call the timer's body does not run. Unknown and fired timers are ignored."
    @Test(arguments: Seams.allCases) func aCancelledTimerDoesNotFireNotEvenOneThatIsDueInTheSameTurn(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let loop = fixture.loop, deadline = loop.now + .milliseconds(5)
        var fired: [String] = [], second: TimerID?
        let first = loop.schedule(at: deadline) {
            fired.append("first")
            loop.cancel(second!)
        }
        second = loop.schedule(at: deadline) { fired.append("second") }
        let third = loop.schedule(at: deadline) { fired.append("third") }
        loop.cancel(third)
        fixture.settle()
        #expect(fired == ["first"])
        loop.cancel(first)
        loop.cancel(TimerID(value: .max))
    }

    /// "Monotonic: the time at which the turn began, so that one turn sees one time."
    @Test(arguments: Seams.allCases) func oneTurnSeesOneTime(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let loop = fixture.loop
        var times: [Instant] = []
        func round(_ left: Int) {
            let now = loop.now
            for _ in 0..<100 { #expect(loop.now == now) }
            times.append(now)
            if left > 0 { loop.enqueue { round(left - 1) } }
        }
        loop.enqueue { round(50) }
        #expect(fixture.run { times.count <= 50 })
        #expect(times == times.sorted { $0 < $1 })
    }

    /// "`receive` runs on the loop, once per message, in the order of `post`."
    @Test(arguments: Seams.allCases) func aPortDeliversEachMessageOnceInOrder(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        var received: [Int] = []
        let port = fixture.loop.openPort { (message: Int) in received.append(message) }
        for number in 0..<100 { port.post(number) }
        #expect(received.isEmpty)
        #expect(fixture.run { received.count < 100 })
        fixture.settle()
        #expect(received == Array(0..<100))
    }
}
