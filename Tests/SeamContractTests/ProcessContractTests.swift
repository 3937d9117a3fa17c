import TailraceCore
import Testing

@Suite struct ProcessContractTests {
    @Test(arguments: Seams.allCases) func outputErrorsAndStatus(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        var statuses: [Int32] = []
        let child = try fixture.environment.processes.spawn(fixture.command(.prints), environment: [:]) { statuses.append($0) }
        let output = Talker(child.output), errors = Talker(child.errors)
        output.read()
        errors.read()
        #expect(fixture.run { statuses.isEmpty })
        fixture.settle()
        #expect(String(decoding: output.received, as: UTF8.self) == "one\ntwo\n" && output.hasEnded)
        #expect(String(decoding: errors.received, as: UTF8.self) == "bad\n" && errors.hasEnded)
        #expect(statuses == [3])
        #expect(child.output.peer == nil)
    }

    /// "after the outputs are read to the end or closed"
    @Test(arguments: Seams.allCases) func anOutputThatNobodyReadsHoldsTheExitBack(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        var statuses: [Int32] = []
        let child = try fixture.environment.processes.spawn(fixture.command(.prints1MB), environment: [:]) {
            statuses.append($0)
        }
        child.errors.close()
        fixture.settle()
        fixture.settle()
        #expect(statuses.isEmpty)
        let output = Talker(child.output)
        output.read()
        #expect(fixture.run { statuses.isEmpty })
        #expect(output.hasReceived([UInt8](repeating: UInt8(ascii: "x"), count: 1_000_000)))
        #expect(statuses == [0])
    }

    @Test(arguments: Seams.allCases) func theInputIsReadToItsEnd(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        var statuses: [Int32] = []
        let child = try fixture.environment.processes.spawn(fixture.command(.echoes), environment: [:]) {
            statuses.append($0)
        }
        let input = Talker(child.input), output = Talker(child.output), question = sample(300_000)
        child.errors.close()
        output.read()
        input.send(question, finish: true)
        #expect(fixture.run { statuses.isEmpty })
        #expect(output.hasReceived(question))
        #expect(statuses == [0])
    }

    /// "with the status or 128 + signal"
    @Test(arguments: Seams.allCases, [15, 9] as [Int32]) func aSignalEndsIt(_ seams: Seams, _ signal: Int32) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        var statuses: [Int32] = []
        let child = try fixture.environment.processes.spawn(fixture.command(.waits), environment: [:]) { statuses.append($0) }
        let output = Talker(child.output), errors = Talker(child.errors)
        output.read()
        errors.read()
        #expect(fixture.run { output.received.count < 6 })
        #expect(statuses.isEmpty)
        child.signal(signal)
        #expect(fixture.run { statuses.isEmpty })
        #expect(statuses == [128 + signal])
        child.signal(signal)
    }

    /// "Throws `process.spawn` when the program is missing or may not be run."
    @Test(arguments: Seams.allCases) func aMissingProgram(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let refusal = #expect(throws: TailraceError.self) {
            _ = try fixture.environment.processes.spawn(fixture.command(.missing), environment: [:]) { _ in }
        }
        #expect(refusal?.code == "process.spawn")
    }
}
