import CProtobufC
import CWire

/// Memory for one envelope at a time, decoded or encoded: see CWire/wire_arena.h. Confined to its loop; what was decoded dies
/// at the next ``reset()``.
package final class WireArena {
    let arena: UnsafeMutablePointer<wire_arena>

    /// An envelope of the largest size copies its `bytes` once; the rest is for what the decoder notes beside it.
    package init(capacity: Int = 2 * FrameLimits.largestEnvelope) {
        guard let arena = wire_arena_create(capacity) else { fatalError("out of memory: \(capacity) bytes were asked for") }
        self.arena = arena
    }
    deinit { wire_arena_destroy(arena) }

    package func reset() { wire_arena_reset(arena) }
    package var used: Int { arena.pointee.used }

    var allocator: UnsafeMutablePointer<ProtobufCAllocator> {
        UnsafeMutableRawPointer(arena).assumingMemoryBound(to: ProtobufCAllocator.self)
    }

    /// A copy for a field of a message that is about to be packed. nil: it does not fit.
    func copy(_ bytes: some Collection<UInt8>) -> ProtobufCBinaryData? {
        guard !bytes.isEmpty else { return ProtobufCBinaryData() }
        guard let memory = wire_arena_allocate(arena, bytes.count) else { return nil }
        let space = UnsafeMutableBufferPointer(start: memory.assumingMemoryBound(to: UInt8.self), count: bytes.count)
        _ = space.initialize(from: bytes)
        return ProtobufCBinaryData(len: bytes.count, data: space.baseAddress)
    }
    /// A copy of an array, for a repeated field.
    func copy<Value: BitwiseCopyable>(array values: [Value]) -> UnsafeMutablePointer<Value>? {
        guard let memory = wire_arena_allocate(arena, values.count * MemoryLayout<Value>.stride) else { return nil }
        let space = memory.bindMemory(to: Value.self, capacity: values.count)
        space.initialize(from: values, count: values.count)
        return space
    }
}

extension ProtobufCBinaryData {
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: data, count: data == nil ? 0 : len) }
    /// For people: at most ``FrameLimits/largestText`` bytes, without control characters.
    var text: String {
        let decoded = String(decoding: bytes.prefix(FrameLimits.largestText), as: UTF8.self)
        return String(
            String.UnicodeScalarView(decoded.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? "\u{FFFD}" : $0 }))
    }
}
