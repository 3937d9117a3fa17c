import TailraceCore

extension RecordDelivery {
    /// Of events that no broker will ever accept; the batch is done once they are synced.
    func writeDeadLetters(_ id: DeliveryMachine.TakeID, _ rejected: [Rejection]) {
        guard let entry = open[id] else { preconditionFailure("dead letters of a take that is gone") }
        let batch = entry.batch, count = rejected.reduce(0) { $0 + $1.events.count }
        let sequences = batch.identity.map(\.sequences)
        var lines = BufferBuilder(capacity: 4096)
        for rejection in rejected {
            for index in rejection.events {
                // An event without a route was rejected for that reason, which is `rejection.error`: nothing is lost by nil.
                let event = batch[index], route = try? builder.route(partitions, isAgain: false) { event.header($0) }
                let sequence = sequences.map { pick([index..<index + 1], of: $0)[0].lowerBound }
                DeadLetter(
                    time: environment.loop.wallTime, component: environment.component, error: rejection.error,
                    topic: route?.topic,
                    partition: route?.partition, offset: nil, timestamp: route?.timestamp, stream: batch.identity?.stream,
                    sequence: sequence, eventHeaders: event.headers, recordHeaders: route?.headers ?? [], key: route?.key,
                    body: event.body
                ).append(to: &lines)
            }
        }
        if rejections.began(rejected[0].error, environment.loop.now) {
            environment.log(
                .error,
                "\(count) of \(batch.count) events will never be accepted and go to \(deadLetters.path). \(rejected[0].error)")
        }
        deadLetters.append(lines.finish()) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success:
                deadLettered.add(count)
                machine.deadLettersWritten(id)
            case .failure(let error):
                environment.log(
                    .error,
                    "\(count) rejected events could not be written to \(deadLetters.path); they are tried again. \(error)")
                health = .degraded(error)
                machine.deadLettersFailed(id, error)
            }
            pump()
        }
    }
}
