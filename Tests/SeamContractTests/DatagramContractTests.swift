import TailraceCore
import TailraceSimulation
import Testing

/// Reads a port for datagrams as components do, and checks "try, then be told" on the way.
final class DatagramReader: DatagramHandler {
    let socket: any DatagramSocket
    private(set) var received: [(bytes: [UInt8], isTruncated: Bool, sender: Endpoint)] = []
    private(set) var signals = 0, noes = 0
    var isReading = true

    init(_ socket: any DatagramSocket) {
        self.socket = socket
        socket.handler = self
    }
    func read() {
        while isReading {
            do throws(TailraceError) {
                var count = 0
                let result = try socket.receive { datagram in
                    #expect(datagram.index == count)
                    count += 1
                    received.append((Array(datagram.bytes), datagram.isTruncated, socket.sender(datagram.index)))
                }
                guard result != .wouldBlock else { return noes += 1 }
                #expect(result == .datagrams(count) && (1...64).contains(count))
            } catch {
                Issue.record("\(error)")
                return
            }
        }
    }
    func datagramsAreReadable(_ socket: any DatagramSocket) {
        #expect(socket === self.socket)
        signals += 1
        #expect(signals <= noes, "a signal without a no before it")
        read()
    }
}

@Suite struct DatagramContractTests {
    private func open(_ fixture: any SeamFixture, _ options: DatagramOptions = DatagramOptions()) throws -> DatagramReader {
        DatagramReader(try fixture.environment.network.openDatagrams(at: .host("127.0.0.1", port: 0), options))
    }

    @Test(arguments: Seams.allCases) func datagramsArriveWholeWithTheirSenders(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let reader = try open(fixture, DatagramOptions(receiveBufferBytes: 1 << 20))
        reader.read()
        let sizes = [0, 1, 1500, 65_000] + (0..<200).map { $0 }
        for (index, size) in sizes.enumerated() {
            try fixture.sendDatagram(sample(size), from: index % 2, to: reader.socket.endpoint)
        }
        #expect(fixture.run { reader.received.count < sizes.count })
        #expect(zip(reader.received, sizes).allSatisfy { $0.bytes == sample($1) && !$0.isTruncated })
        #expect(Set(reader.received.map(\.sender)).count == 2)
        #expect(reader.received[0].sender != reader.received[1].sender)
        #expect(reader.socket.dropped == 0)
    }

    @Test(arguments: Seams.allCases) func whatIsLongerIsCutVisibly(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let reader = try open(fixture, DatagramOptions(largestBytes: 1000))
        reader.read()
        for size in [999, 1000, 1001, 60_000] { try fixture.sendDatagram(sample(size), from: 0, to: reader.socket.endpoint) }
        #expect(fixture.run { reader.received.count < 4 })
        #expect(reader.received.map(\.bytes.count) == [999, 1000, 1000, 1000])
        #expect(reader.received.map(\.isTruncated) == [false, false, true, true])
    }

    /// "after a `wouldBlock` exactly one signal follows, and none before"
    @Test(arguments: Seams.allCases) func oneSignalForOneNo(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let reader = try open(fixture)
        try fixture.sendDatagram([1], from: 0, to: reader.socket.endpoint)
        fixture.settle()
        #expect(reader.signals == 0, "nobody has said no yet")
        reader.read()
        #expect(reader.noes == 1 && reader.received.count == 1)
        reader.isReading = false
        try fixture.sendDatagram([2], from: 0, to: reader.socket.endpoint)
        fixture.settle()
        try fixture.sendDatagram([3], from: 0, to: reader.socket.endpoint)
        fixture.settle()
        #expect(reader.signals == 1)
        reader.isReading = true
        reader.read()
        #expect(reader.received.map(\.bytes) == [[1], [2], [3]])
    }

    /// "Not reading is no back-pressure": bounded by the kernel's buffer, and every datagram is received or counted.
    @Test(arguments: Seams.allCases) func whatFindsNoRoomIsCounted(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let reader = try open(fixture, DatagramOptions(receiveBufferBytes: 64 << 10))
        #expect(reader.socket.receiveBufferBytes >= 64 << 10)
        for _ in 0..<1000 { try fixture.sendDatagram(sample(1000), from: 0, to: reader.socket.endpoint) }
        fixture.settle()
        let dropped = reader.socket.dropped
        #expect((1..<1000).contains(dropped))
        reader.read()
        #expect(reader.received.count + dropped == 1000)
        #expect(reader.socket.dropped == dropped)
    }

    @Test(arguments: Seams.allCases) func aPortIsOneSockets(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let reader = try open(fixture), network = fixture.environment.network
        let error = #expect(throws: TailraceError.self) {
            _ = try network.openDatagrams(at: reader.socket.endpoint, DatagramOptions())
        }
        #expect(error?.code == "network.bind")
        // TCP's ports are others.
        let listener = try network.listen(at: reader.socket.endpoint) { _ in }
        listener.close()
        reader.socket.close()
        let closed = #expect(throws: TailraceError.self) { _ = try reader.socket.receive { _ in } }
        #expect(closed?.code == "network.closed")
        _ = try network.openDatagrams(at: reader.socket.endpoint, DatagramOptions())
    }

    /// "No signal after it."
    @Test(arguments: Seams.allCases) func noSignalAfterClose(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        let reader = try open(fixture)
        reader.read()
        try fixture.sendDatagram([1], from: 0, to: reader.socket.endpoint)
        reader.socket.close()
        fixture.settle()
        #expect(reader.signals == 0)
    }

    @Test(arguments: Seams.allCases) func theNameOfAnAddressIsAnsweredOnce(_ seams: Seams) throws {
        let fixture = try seams.make()
        defer { fixture.end() }
        for address in ["192.0.2.1", "no address"] {
            var answers: [String?] = []
            fixture.environment.network.name(of: address, limit: .milliseconds(200)) { answers.append($0) }
            #expect(answers.isEmpty, "answered within the call")
            #expect(fixture.run { answers.isEmpty })
            fixture.settle()
            #expect(answers == [nil])
        }
    }

    /// Loss, doubles and late ones, by the seed.
    @Test(arguments: 0..<5 as Range<UInt64>) func simulatedFaults(_ seed: UInt64) throws {
        func run() throws -> [[UInt8]] {
            let fixture = SimulatedFixture(seed)
            defer { fixture.end() }
            fixture.world.faults.loseDatagram = 0.1
            fixture.world.faults.doubleDatagram = 0.1
            fixture.world.faults.lateDatagram = 0.1
            let reader = try open(fixture, DatagramOptions(receiveBufferBytes: 10 << 20))
            reader.read()
            for number in 0..<200 { fixture.sendDatagram([UInt8(number)], from: 0, to: reader.socket.endpoint) }
            fixture.world.run(for: .seconds(10))
            return reader.received.map(\.bytes)
        }
        let first = try run()
        #expect(Set(first).count < 200 && first.count > Set(first).count)
        #expect(first != first.sorted { $0[0] < $1[0] })
        #expect(try run() == first)
    }
}
