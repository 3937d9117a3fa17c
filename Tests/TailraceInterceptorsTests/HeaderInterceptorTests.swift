import TailraceCore
import TailraceInterceptors
import TailraceSimulation
import Testing

/// "k=v" pairs of one event, in order.
func headers(_ batch: EventBatch, _ index: Int) -> [String] { batch[index].headers.map { "\($0.name)=\($0.value)" } }

func makeBatch(shared: [Header] = [], _ events: [(String, [Header])]) -> EventBatch {
    var builder = EventBatchBuilder(shared: shared)
    for (body, own) in events { builder.append(body.utf8, headers: own) }
    return builder.finish()
}

func run(_ interceptor: any Interceptor, _ batch: EventBatch) -> EventBatch {
    var result: EventBatch?
    interceptor.intercept(batch) { result = $0 }
    return result!
}

@Suite struct HeaderInterceptorTests {
    private let batch = makeBatch(
        shared: [Header("host", "h")], [("a", []), ("b", [Header("env", "own"), Header("n", "1")]), ("c", [])])

    private func setting(_ name: String, preserve: Bool, _ value: String = "new") -> EventBatch {
        run(StaticInterceptor(HeaderSetting(name: name, preserveExisting: preserve), value), batch)
    }

    @Test func aHeaderOfAllIsShared() {
        let changed = setting("k", preserve: true)
        #expect(changed.storage.sharedHeaders == [Header("host", "h"), Header("k", "new")])
        #expect(changed.storage.buffer === batch.storage.buffer, "no body is copied")
        #expect(headers(changed, 1) == ["env=own", "n=1", "host=h", "k=new"])
    }

    @Test func whatIsThereIsPreservedOrReplaced() {
        #expect(headers(setting("host", preserve: true), 0) == ["host=h"])
        #expect(headers(setting("host", preserve: false), 0) == ["host=new"])
        let kept = setting("env", preserve: true)
        #expect(headers(kept, 0) == ["host=h", "env=new"] && headers(kept, 1) == ["env=own", "n=1", "host=h"])
        let replaced = setting("env", preserve: false)
        #expect(headers(replaced, 0) == ["host=h", "env=new"] && headers(replaced, 1) == ["n=1", "host=h", "env=new"])
        #expect(replaced.count == 3 && replaced.storage.buffer === batch.storage.buffer)
    }

    @Test func theTimeOfTheTurn() {
        let world = SimulatedWorld(seed: 1), loop = world.makeHost("h").loop
        let interceptor = TimestampInterceptor(HeaderSetting(name: "timestamp", preserveExisting: false), loop)
        let before = loop.wallTime.milliseconds
        #expect(headers(run(interceptor, batch), 0) == ["host=h", "timestamp=\(before)"])
    }
}
