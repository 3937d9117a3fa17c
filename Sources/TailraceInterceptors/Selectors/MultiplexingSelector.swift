import Glibc
package import TailraceCore

/// Flume's `multiplexing` selector: the value of a header says which channels get an event. One look at the whole batch
/// where the header is shared; else one at each event.
package final class MultiplexingSelector: ChannelSelector {
    package struct Route: Sendable {
        let value: [UInt8]
        let channels: [Int]
        package init(_ value: String, _ channels: [Int]) { (self.value, self.channels) = (Array(value.utf8), channels) }
    }

    private let header: String
    private let headerBytes: [UInt8]
    private let routes: [Route]
    private let otherwise: [Int]
    private let isRequired: [Bool]
    private let unrouted: Counter

    /// `otherwise`: channels of events with none of the values. `isRequired`: one for each channel of the output.
    package init(_ header: String, _ routes: [Route], otherwise: [Int], isRequired: [Bool], unrouted: Counter) {
        (self.header, headerBytes, self.routes) = (header, Array(header.utf8), routes)
        (self.otherwise, self.isRequired, self.unrouted) = (otherwise, isRequired, unrouted)
    }

    package func select(_ batch: EventBatch) -> [ChannelShare?] {
        var events: [[Range<Int>]] = isRequired.map { _ in [] }
        var nowhere = 0, start = 0, route: Int? = -1, index = 0
        // Runs of events with one route, so that what is alike stays together.
        func close(_ end: Int) {
            guard end > start, route != -1 else { return }
            let channels = route.map { routes[$0].channels } ?? otherwise
            for channel in channels {
                // Two routes may lead to one channel.
                let joins = events[channel].last?.upperBound == start
                events[channel].append((joins ? events[channel].removeLast().lowerBound : start)..<end)
            }
            if channels.isEmpty { nowhere += end - start }
        }
        let shared = batch.storage.sharedHeaders.first { $0.name == header }.map { Array($0.value.utf8) }
        let sharedRoute = shared.flatMap { value in value.withUnsafeBytes { find($0) } }
        if let table = batch.storage.eventHeaders {
            table.bytes.buffer.withBytes { bytes in
                for run in batch.runs {
                    for stored in run {
                        let own = table.find(headerBytes, of: stored, in: bytes)
                        let next = own.map { find(UnsafeRawBufferPointer(rebasing: bytes[$0])) } ?? sharedRoute
                        if next != route || index == 0 {
                            close(index)
                            (route, start) = (next, index)
                        }
                        index += 1
                    }
                }
            }
        } else {
            (route, index) = (sharedRoute, batch.count)
        }
        close(index)
        if nowhere > 0 { unrouted.add(nowhere) }
        return zip(events, isRequired).map { events, isRequired in
            isRequired || !events.isEmpty ? ChannelShare(events: events, isRequired: isRequired) : nil
        }
    }

    /// The route of a value; nil: none.
    private func find(_ value: UnsafeRawBufferPointer) -> Int? {
        routes.firstIndex { route in
            route.value.count == value.count
                && (value.isEmpty || memcmp(route.value, value.baseAddress!, value.count) == 0)
        }
    }
}
