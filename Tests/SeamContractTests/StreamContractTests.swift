import TailraceCore
import Testing

/// Reads and writes one stream as components do, and checks the rule "try, then be told" on the way.
final class Talker: ByteStreamHandler {
    let stream: any ByteStream
    private(set) var received: [UInt8] = []
    private(set) var hasEnded = false
    private(set) var error: TailraceError?
    private(set) var readSignals = 0, readNoes = 0, writeSignals = 0, writeNoes = 0
    var isReading = true
    private var queue = OutputQueue()
    private var finishes = false

    init(_ stream: any ByteStream) {
        self.stream = stream
        stream.handler = self
    }
    var unsent: Int { queue.byteCount }
    /// (As a function, so that a failed expectation does not print a megabyte.)
    func hasReceived(_ bytes: some Collection<UInt8>) -> Bool {
        if received.elementsEqual(bytes) { return true }
        let first = zip(received, bytes).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        Issue.record("\(received.count) bytes instead of \(bytes.count), first difference at \(first ?? -1)")
        return false
    }

    func read() {
        guard isReading, !hasEnded, error == nil else { return }
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { space in
            do throws(TailraceError) {
                while true {
                    switch try stream.read(into: space) {
                    case .bytes(let count):
                        #expect((1...space.count).contains(count))
                        received.append(contentsOf: space.prefix(count))
                    case .wouldBlock:
                        readNoes += 1
                        return
                    case .end:
                        hasEnded = true
                        return
                    }
                }
            } catch { self.error = error }
        }
    }
    func send(_ bytes: [UInt8], finish: Bool = false) {
        let wasIdle = queue.isEmpty
        queue.append(Bytes(copying: bytes))
        finishes = finishes || finish
        if wasIdle { write() }
    }
    private func write() {
        guard error == nil else { return }
        do throws(TailraceError) {
            let before = queue.byteCount
            switch try stream.write(&queue) {
            case .everything:
                #expect(queue.isEmpty)
                if finishes { stream.finishWriting() }
            case .wouldBlock:
                #expect(!queue.isEmpty && queue.byteCount <= before)
                writeNoes += 1
            }
        } catch { self.error = error }
    }
    func streamIsReadable(_ stream: any ByteStream) {
        #expect(stream === self.stream)
        readSignals += 1
        #expect(readSignals <= readNoes, "a signal without a no before it")
        read()
    }
    func streamIsWritable(_ stream: any ByteStream) {
        writeSignals += 1
        #expect(writeSignals <= writeNoes, "a signal without a no before it")
        write()
    }
}

/// A listener and two connected talkers.
struct Pair {
    let listener: any Listener
    let client: Talker
    let server: Talker

    init(_ fixture: any SeamFixture) throws {
        var accepted: (any ByteStream)?, connected: Result<any ByteStream, TailraceError>?
        listener = try fixture.environment.network.listen(at: .host("127.0.0.1", port: 0)) { accepted = $0 }
        let attempt = fixture.environment.network.connect(to: listener.endpoint, deadline: fixture.loop.now + .seconds(5)) {
            connected = $0
        }
        #expect(connected == nil, "answered within the call")
        #expect(fixture.run { accepted == nil || connected == nil })
        client = Talker(try #require(connected).get())
        server = Talker(try #require(accepted))
        _ = attempt
    }
}

func sample(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

@Suite struct StreamContractTests {
    @Test(arguments: Seams.allCases, 0..<5 as Range<UInt64>)
    func bytesArriveWholeAndInOrderBothWays(_ seams: Seams, _ seed: UInt64) throws {
        let fixture = try seams.make(seed)
        defer { fixture.end() }
        let pair = try Pair(fixture), bytes = sample(400_000)
        pair.client.read()
        pair.server.read()
        pair.client.send(bytes)
        pair.server.send(Array(bytes.reversed()))
        #expect(fixture.run { pair.server.received.count < bytes.count || pair.client.received.count < bytes.count })
        #expect(pair.server.hasReceived(bytes))
        #expect(pair.client.hasReceived(bytes.reversed()))
        #expect(pair.client.error == nil && pair.server.error == nil)
    }

    /// "after a `wouldBlock` exactly one signal follows, and none before"
    @Test(arguments: Seams.allCases) func oneSignalForOneNo(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let pair = try Pair(fixture)
        pair.client.send(sample(10))
        fixture.settle()
        #expect(pair.server.readSignals == 0, "nobody has said no yet")
        pair.server.isReading = false
        // The bytes are there: read them to the no, then one signal for what comes, however much comes.
        pair.server.isReading = true
        while pair.server.received.count < 10 { pair.server.read() }
        fixture.settle()
        pair.server.isReading = false
        let before = pair.server.readSignals
        pair.client.send(sample(10))
        fixture.settle()
        pair.client.send(sample(10))
        fixture.settle()
        #expect(pair.server.readSignals == before + 1)
    }

    /// "Not reading is back-pressure: the peer's window closes."
    @Test(arguments: Seams.allCases) func aReaderThatDoesNotReadStopsTheWriter(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let pair = try Pair(fixture), bytes = sample(8 << 20)
        pair.client.send(bytes)
        fixture.settle()
        fixture.settle()
        let unsent = pair.client.unsent
        #expect(unsent > 0 && pair.client.writeNoes > pair.client.writeSignals)
        fixture.settle()
        #expect(pair.client.unsent == unsent)
        pair.server.read()
        #expect(fixture.run(while: { pair.server.received.count < bytes.count }, limit: .seconds(60)))
        #expect(pair.server.hasReceived(bytes))
    }

    /// "No more writes; the peer reads to the end. Reading goes on."
    @Test(arguments: Seams.allCases) func halfClose(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let pair = try Pair(fixture), question = sample(100_000), answer = sample(50_000)
        pair.server.read()
        pair.client.read()
        pair.client.send(question, finish: true)
        #expect(fixture.run { !pair.server.hasEnded })
        #expect(pair.server.hasReceived(question))
        pair.server.send(answer, finish: true)
        #expect(fixture.run { !pair.client.hasEnded })
        #expect(pair.client.hasReceived(answer))
    }

    @Test(arguments: Seams.allCases) func afterACloseThePeerReadsToTheEndAndItsWritesFail(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let pair = try Pair(fixture)
        pair.server.read()
        pair.client.send(sample(1000))
        #expect(fixture.run { pair.client.unsent > 0 })
        pair.client.stream.close()
        #expect(fixture.run { !pair.server.hasEnded })
        #expect(pair.server.hasReceived(sample(1000)))
        var writes = 0
        func again() {
            guard pair.server.error == nil else { return }
            writes += 1
            if pair.server.unsent == 0 { pair.server.send(sample(10)) }
            fixture.loop.schedule(at: fixture.loop.now + .milliseconds(1)) { again() }
        }
        again()
        #expect(fixture.run { pair.server.error == nil })
        #expect(pair.server.error?.code == "network.reset", "\(pair.server.error?.description ?? "")")
    }

    /// "Throws when the connection is broken (`network.reset` …)": closed with bytes unread.
    @Test(arguments: Seams.allCases) func closingWithBytesUnreadResetsThePeer(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let pair = try Pair(fixture)
        pair.client.read()
        pair.client.send(sample(1000))
        fixture.settle()
        pair.server.stream.close()
        #expect(fixture.run { pair.client.error == nil && !pair.client.hasEnded })
        #expect(pair.client.error?.code == "network.reset")
    }

    /// "Closed when the last reference is gone, too."
    @Test(arguments: Seams.allCases) func aStreamThatNobodyHoldsIsClosed(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        var pair: Pair? = try Pair(fixture)
        let client = pair!.client
        client.read()
        pair!.listener.close()  // whose closure holds what it accepted
        pair = nil
        #expect(fixture.run { !client.hasEnded })
    }

    /// "No signal after it."
    @Test(arguments: Seams.allCases) func noSignalAfterClose(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let pair = try Pair(fixture)
        pair.server.read()
        while pair.server.readNoes == 0 { pair.server.read() }
        pair.client.send(sample(100))
        pair.server.stream.close()
        fixture.settle()
        #expect(pair.server.readSignals == 0)
    }
}
