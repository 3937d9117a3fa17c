package import TailraceCore

package struct UUIDInterceptorConfiguration: InterceptorConfiguration {
    package var headerName = "id"
    package var preserveExisting = true
    package var prefix = ""
    package init() {}

    package static let declaration = Declaration<Self>(
        type: "uuid", classNames: ["org.apache.flume.sink.solr.morphline.UUIDInterceptor$Builder"],
        summary: "Gives each event a header with a UUID (version 4) of its own. An event that is read again gets another one.",
        keys: [
            .value("headerName", \.headerName, .headerName, "Name of the header."),
            .value("preserveExisting", \.preserveExisting, .anything, "Leave the header alone where an event has it."),
            .value("prefix", \.prefix, .headerValue, "What stands before the UUID."),
        ])

    package func makeInterceptor(_ environment: Environment) -> any Interceptor {
        UUIDInterceptor(headerName, preserveExisting: preserveExisting, prefix: prefix, environment.random)
    }
}

/// Half of each UUID is drawn when the interceptor is made, the other half counts (mixed, so that it looks like chance): two
/// are alike only if two interceptors drew the same 60 bits.
final class UUIDInterceptor: Interceptor {
    private let name: String
    private let nameBytes: [UInt8]
    private let preserveExisting: Bool
    private let prefix: [UInt8]
    private let drawn: UInt64
    private var counter: UInt64

    init(_ name: String, preserveExisting: Bool, prefix: String, _ random: SeededRandom) {
        var random = random
        (self.name, nameBytes, self.preserveExisting) = (name, Array(name.utf8), preserveExisting)
        (self.prefix, drawn, counter) = (Array(prefix.utf8), random.next(), random.next())
    }

    func intercept(_ batch: EventBatch, _ done: @escaping (EventBatch) -> Void) {
        if preserveExisting, batch.storage.sharedHeaders.contains(where: { $0.name == name }) { return done(batch) }
        var table = HeaderTableBuilder(batch, adding: batch.count * (nameBytes.count + prefix.count + 40))
        var value = prefix + [UInt8](repeating: 0, count: 36)
        for run in batch.runs {
            for index in run {
                table.begin(index)
                var isThere = false
                table.keepOwn { name in
                    guard name.elementsEqual(nameBytes) else { return false }
                    isThere = preserveExisting
                    return !preserveExisting
                }
                if isThere { continue }
                write(into: &value)
                value.withUnsafeBytes { table.append(nameBytes, $0) }
            }
        }
        done(batch.withHeaders(shared: batch.storage.sharedHeaders, own: table.finish(batch.storage.bodies.count)))
    }

    private static let digits = Array("0123456789abcdef".utf8)

    private func write(into value: inout [UInt8]) {
        counter &+= 1
        // Version 4 in the 13th digit; the variant in the 17th, which leaves 62 bits of the count.
        let high = drawn & ~0xF000 | 0x4000, low = Self.mixed(counter) | 0x8000_0000_0000_0000
        var at = prefix.count
        for digit in 0..<32 {
            if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                value[at] = UInt8(ascii: "-")
                at += 1
            }
            let word = digit < 16 ? high : low
            value[at] = Self.digits[Int(word >> UInt64((15 - digit % 16) * 4) & 0xF)]
            at += 1
        }
    }

    /// Another number of 62 bits for each of the first 2^62.
    private static func mixed(_ counter: UInt64) -> UInt64 {
        let mask: UInt64 = 1 << 62 - 1
        var x = counter & mask
        x = (x ^ x >> 31) &* 0x7FB5_D329_728E_A185 & mask
        x = (x ^ x >> 27) &* 0x81DA_DEF4_BC2D_D44D & mask
        return x ^ x >> 33
    }
}
