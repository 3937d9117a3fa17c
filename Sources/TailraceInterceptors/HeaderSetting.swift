package import TailraceCore

/// Gives one header to all events of a batch at the cost of one: it becomes a header that the batch shares.
package struct HeaderSetting {
    package let name: String
    package let preserveExisting: Bool
    private let bytes: [UInt8]

    package init(name: String, preserveExisting: Bool) {
        (self.name, self.preserveExisting, bytes) = (name, preserveExisting, Array(name.utf8))
    }

    package func apply(_ value: String, to batch: EventBatch) -> EventBatch {
        var shared = batch.storage.sharedHeaders
        let place = shared.firstIndex { $0.name == name }
        if preserveExisting {
            // An event's own header wins over the shared one anyway.
            guard place == nil, shared.count < Limits.headers else { return batch }
        }
        if let place {
            shared[place].value = value
        } else if shared.count < Limits.headers {
            shared.append(Header(name, value))
        } else {
            return batch
        }
        guard !preserveExisting, batch.hasOwnHeader(bytes) else {
            return batch.withHeaders(shared: shared, own: batch.storage.eventHeaders)
        }
        var table = HeaderTableBuilder(batch, adding: 0)
        for run in batch.runs {
            for index in run {
                table.begin(index)
                table.keepOwn { $0.elementsEqual(bytes) }
            }
        }
        return batch.withHeaders(shared: shared, own: table.finish(batch.storage.bodies.count))
    }
}

extension Allowed where Value == String {
    /// Names and values are bounded everywhere, on the wire too.
    static var headerName: Allowed {
        Allowed("1 to \(Limits.headerBytes) bytes") { (1...Limits.headerBytes).contains($0.utf8.count) }
    }
    static var headerValue: Allowed {
        Allowed("at most \(Limits.headerBytes) bytes") { $0.utf8.count <= Limits.headerBytes }
    }
}
