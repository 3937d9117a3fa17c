import TailraceCore

/// Writes records of which no event can be made to the dead letters, again and again until it succeeds: no offset may pass a
/// record that is nowhere.
final class UnreadableRecords {
    private let file: DeadLetterFile
    private let environment: Environment
    private var trouble = TroubleLog()
    private let written: Counter
    /// It could not be written.
    var failed: ((TailraceError) -> Void)?

    init(_ file: DeadLetterFile, _ environment: Environment) {
        (self.file, self.environment) = (file, environment)
        written = environment.counter("dead_letter_events_total")
    }

    /// `done`: once, when they are synced, in a later turn.
    func write(_ batch: ConsumedBatch, _ bad: [(index: Int, error: TailraceError)], _ done: @escaping () -> Void) {
        var lines = BufferBuilder(capacity: 4096)
        for (index, error) in bad {
            DeadLetter(
                time: environment.loop.wallTime, component: environment.component, error: error, topic: batch.partition.topic,
                partition: batch.partition.partition, offset: batch.offsets[index], timestamp: batch.timestamps[index],
                recordHeaders: batch.headers[index], key: batch.keys[index], body: batch.events[index].body
            ).append(to: &lines)
        }
        if trouble.began(bad[0].error, environment.loop.now) {
            environment.log(
                .error,
                "\(bad.count) of \(batch.offsets.count) records of \(batch.partition) cannot be read and go to \(file.path). "
                    + "\(bad[0].error)")
        }
        write(lines.finish(), bad.count, attempt: 1, done)
    }
    private func write(_ lines: Bytes, _ count: Int, attempt: Int, _ done: @escaping () -> Void) {
        file.append(lines) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success:
                written.add(count)
                done()
            case .failure(let error):
                let delay = Backoff.standard.delay(attempt)
                environment.log(
                    .error,
                    "\(count) records could not be written to \(file.path), again in \(delay.text); nothing is read until then. "
                        + "\(error)")
                failed?(error)
                environment.loop.schedule(at: environment.loop.now + delay) { [weak self] in
                    self?.write(lines, count, attempt: attempt + 1, done)
                }
            }
        }
    }
    func close() { file.close() }
}
