import TailraceCore

/// The thread of a directory: one job after the other, each in steps that take time, and whose effect is there at their end.
final class DiskThread {
    struct Step {
        var time: Duration
        var effect: () throws(TailraceError) -> Void
        init(_ time: Duration, _ effect: @escaping () throws(TailraceError) -> Void) {
            (self.time, self.effect) = (time, effect)
        }
    }
    private struct Job {
        var steps: ArraySlice<Step>
        var done: Completion
    }
    private let timeline: Timeline
    private let loop: SimulatedLoop
    private var random: SeededRandom
    private var jobs: [Job] = []
    private var isBusy = false
    private var hasEnded = false

    init(_ timeline: Timeline, _ loop: SimulatedLoop, _ random: SeededRandom) {
        (self.timeline, self.loop, self.random) = (timeline, loop, random)
    }

    var operationTime: Duration { random.duration(timeline.faults.diskTime) }
    var syncTime: Duration {
        random.chance(timeline.faults.slowSync)
            ? random.duration(timeline.faults.slowSyncTime) : random.duration(timeline.faults.syncTime)
    }
    func draw<R>(_ body: (inout SeededRandom) -> R) -> R { body(&random) }

    /// The first step that fails ends the job. `done`: on the loop.
    func run(_ steps: [Step], _ done: @escaping Completion) {
        guard !hasEnded else { return }
        jobs.append(Job(steps: steps[...], done: done))
        next()
    }

    private func next() {
        guard !isBusy, let job = jobs.first else { return }
        isBusy = true
        timeline.after(job.steps.first!.time) { [weak self] in self?.finishStep() }
    }
    private func finishStep() {
        guard !hasEnded else { return }
        isBusy = false
        let step = jobs[0].steps.removeFirst()
        do throws(TailraceError) {
            try step.effect()
            if jobs[0].steps.isEmpty { answer(.success(())) }
        } catch { answer(.failure(error)) }
        next()
    }
    private func answer(_ result: Result<Void, TailraceError>) {
        let job = jobs.removeFirst()
        loop.enqueue { job.done(result) }
    }

    /// The process is gone in the middle of a step: the kernel may have done it.
    func end() {
        hasEnded = true
        if isBusy, let step = jobs.first?.steps.first, random.chance(0.5) {
            do throws(TailraceError) { try step.effect() } catch { timeline.note("lost disk error", error.code) }
        }
        jobs = []
    }
}
