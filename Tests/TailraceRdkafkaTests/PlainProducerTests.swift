import TailraceCore
import TailraceRdkafka
import Testing

@Suite struct PlainProducerTests {
    /// The yardstick sends what it is given, line by line, also when its queue is full at times.
    @Test func sendsEachLine() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 2)
        let lines = (0..<5000).map { "line \($0)" }, text = Bytes(lines.joined(separator: "\n"))
        var settings = PlainProducer.settings
        settings["queue.buffering.max.messages"] = "1000"
        let figures = try PlainProducer.run(text, bootstraps: broker.bootstraps, topic: "t", settings: settings)
        #expect(figures.lines == 5000)
        #expect(figures.failed == 0)
        #expect(figures.cpu > .zero && figures.wall > .zero)
        let stored = try readRecords(broker.bootstraps, "t", partitions: 2, count: 5000)
        #expect(Set(stored.map(\.value)) == Set(lines))
        #expect(stored.count == 5000)
    }

    /// Lines that cannot be sent are counted, and settings that are refused are told.
    @Test func countsWhatFails() throws {
        let broker = try EmbeddedBroker()
        let long = Bytes(String(repeating: "x", count: 2_000_000) + "\nshort\n")
        let figures = try PlainProducer.run(long, bootstraps: broker.bootstraps, topic: "t")
        #expect(figures.lines == 2)
        #expect(figures.failed == 1)
        let error = #expect(throws: TailraceError.self) {
            _ = try PlainProducer.run(long, bootstraps: broker.bootstraps, topic: "t", settings: ["acks": "many"])
        }
        #expect(error?.code == "kafka.settings")
    }
}
