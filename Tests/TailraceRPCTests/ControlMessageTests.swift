import TailraceCore
import TailraceRPC
import TailraceWire
import Testing

@Suite struct ControlMessageTests {
    let arena = WireArena()

    static let window = SendWindow(batches: 16, size: BatchSize(events: 10_000, bytes: 1 << 20))
    static let samples: [ControlMessage] = [
        .hello(
            Hello(
                versions: 1...3, agent: "edge", compression: [.zstd, .lz4], largestFrame: 1 << 26,
                streams: [StreamID(value: .max)])),
        .hello(Hello(agent: "", compression: [], largestFrame: 0)),
        .helloReply(
            HelloReply(
                agent: "aggregator", compression: .lz4, largestFrame: 5, window: window,
                held: [.init(stream: StreamID(value: 3), runs: [0..<4, 9..<10]), .init(stream: StreamID(value: 4), runs: [])])),
        .batchReply(BatchReply(call: .max, status: .ok, window: window)),
        .batchReply(
            BatchReply(call: 0, status: .failed(code: "channel.full", reason: "10 of 10", retryAfter: .milliseconds(250)))),
        .batchReply(BatchReply(call: 3, status: .rejected(code: "rpc.too-many", reason: "runs"))),
        .batchReply(BatchReply(call: 3, status: .notOwner(hint: nil))),
        .batchReply(BatchReply(call: 3, status: .notOwner(hint: .host("a.b", port: 65_535)))),
        .ping(0), .ping(7), .pong(.max), .goAway("stopping"), .refused(Refused(code: "a.b", reason: "why", versions: 2...4)),
    ]

    @Test(arguments: samples)
    func roundTrip(message: ControlMessage) throws {
        let frame = try decodeFrames(Array(message.frame(arena))).frames[0]
        #expect(frame.kind == message.kind)
        let decoded = try ControlMessage(frame.kind, frame.envelope, arena)
        #expect(decoded == message)
    }

    /// Long texts are cut, control characters of a peer do not reach the log.
    @Test func texts() throws {
        let long = String(repeating: "x", count: 5000)
        #expect(try again(.goAway(long)) == .goAway(String(repeating: "x", count: 1024)))
        #expect(try again(.goAway("a\n\u{1B}[31m")) == .goAway("a\u{FFFD}\u{FFFD}[31m"))
    }
    private func again(_ message: ControlMessage) throws -> ControlMessage? {
        let frame = try decodeFrames(Array(message.frame(arena))).frames[0]
        return try ControlMessage(frame.kind, frame.envelope, arena)
    }

    /// A status of a later version settles nothing.
    @Test func unknownStatus() throws {
        let envelope: [UInt8] = [0x08, 5, 0x10, 99]
        let message = try ControlMessage(.batchReply, Bytes(copying: envelope), arena)
        #expect(
            message
                == .batchReply(
                    BatchReply(
                        call: 5,
                        status: .failed(
                            code: "rpc.unknown-status", reason: "status 99 is not known here", retryAfter: .seconds(1)))))
    }
}

@Suite struct ForeignProtocolTests {
    private func judge(_ bytes: [UInt8], isEnd: Bool = false) -> ForeignProtocol.Verdict {
        bytes.withUnsafeBytes { ForeignProtocol.judge($0, isEnd: isEnd) }
    }

    /// First bytes as captured from the protocols, and what is said of them.
    static let samples: [([UInt8], String)] = [
        ([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 37], "rpc.peer-is-flume"), ([0, 0, 0, 0, 0, 0, 0, 1], "rpc.peer-is-flume"),
        ([0x78, 0x9C, 0x63, 0x60, 0x60, 0x60, 0x64, 0x60], "rpc.peer-is-flume"),
        ([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01], "rpc.peer-is-tls"),
        ([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46], "rpc.peer-is-tls"),
        (Array("GET / HTTP/1.1\r\n".utf8), "rpc.peer-is-http"), (Array("HTTP/1.1 400 Bad".utf8), "rpc.peer-is-http"),
        (Array("PRI * HTTP/2.0".utf8), "rpc.peer-is-http"), (Array("SSH-2.0-OpenSSH".utf8), "rpc.peer-is-foreign"),
        (Array("hello world".utf8), "rpc.peer-is-foreign"), (Array("TRC2....".utf8), "rpc.peer-is-foreign"),
        ([0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1], "rpc.peer-is-foreign"),
    ]

    @Test(arguments: samples)
    func named(bytes: [UInt8], code: String) throws {
        guard case .foreign(let found) = judge(bytes, isEnd: true) else {
            Issue.record("not named: \(bytes)")
            return
        }
        #expect(found.code == code)
        // By the decoder too, however few bytes come at once.
        let refusal = error { () throws(TailraceError) in
            let (_, end) = try decodeFrames(bytes, cuts: Array(0..<bytes.count))
            if let end { throw end }
        }
        #expect(refusal?.code == code)
    }

    @Test func oursAndUndecided() {
        #expect(judge([]) == .needsMore)
        #expect(judge(Array("TR".utf8)) == .needsMore)
        #expect(judge(Array("TRC1".utf8)) == .ours)
        #expect(judge([0, 0, 0, 1]) == .needsMore)
        #expect(judge(Array("GE".utf8), isEnd: true) == .foreign(.unknown(Array("GE".utf8))))
    }

    @Test func textsSayWhatItIs() {
        let error = TailraceError.rpcForeign(.avro(serial: 1))
        #expect(error.message == "the peer speaks Flume's own Avro RPC (call 1), not Tailrace's")
        #expect(error.fix?.contains("Tailrace at both ends") == true)
        #expect(TailraceError.rpcForeign(.unknown([1, 0xAB])).message == "the peer's first bytes are no frame: 01 ab")
    }
}
