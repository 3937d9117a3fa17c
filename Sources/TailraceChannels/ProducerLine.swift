package import TailraceCore

/// Who waits for room in a channel: one line, one place each, nobody overtakes.
package final class ProducerLine {
    private struct Place {
        let producer: any ChannelProducer
        var size: BatchSize
        /// Asked again since it was told.
        var isFresh: Bool
    }
    private var places: [Place] = []
    private var isQueued = false

    package init() {}

    package var isEmpty: Bool { places.isEmpty }

    /// Whether this producer may be served before all others.
    package func isFirst(_ producer: (any ChannelProducer)?) -> Bool {
        places.isEmpty || producer != nil && places[0].producer === producer
    }

    /// Takes a place, or keeps the one that it has with what it wants now.
    package func wait(_ producer: any ChannelProducer, for size: BatchSize) {
        if let index = places.firstIndex(where: { $0.producer === producer }) {
            (places[index].size, places[index].isFresh) = (size, true)
        } else {
            places.append(Place(producer: producer, size: size, isFresh: true))
        }
    }
    package func leave(_ producer: any ChannelProducer) { places.removeAll { $0.producer === producer } }

    /// Tells the first, in a later turn, if what it wants fits; the next one follows a turn later.
    package func tell(_ channel: any EventChannel, on loop: any EventLoop, fits: @escaping (BatchSize) -> Bool) {
        guard !isQueued, let first = places.first, fits(first.size) else { return }
        isQueued = true
        loop.enqueue { [weak self, weak channel] in
            guard let self, let channel else { return }
            isQueued = false
            guard let first = places.first, fits(first.size) else { return }
            places[0].isFresh = false
            first.producer.channelHasRoom(channel)
            // Told and did not ask again: it does not want room any more.
            if let now = places.first, now.producer === first.producer, !now.isFresh { places.removeFirst() }
            tell(channel, on: loop, fits: fits)
        }
    }
}
