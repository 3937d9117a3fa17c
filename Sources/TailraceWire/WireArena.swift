import CProtobufC
package import CWire
package import TailraceCore

/// Memory for one envelope at a time, decoded or encoded: see CWire/wire_arena.h. Confined to its loop; what was decoded dies
/// at the next ``reset()``.
package final class WireArena {
    package let arena: UnsafeMutablePointer<wire_arena>

    /// An envelope of the largest size copies its `bytes` once; the rest is for what the decoder notes beside it.
    package init(capacity: Int = 2 * WireLimits.largestEnvelope) {
        guard let arena = wire_arena_create(capacity) else { fatalError("out of memory: \(capacity) bytes were asked for") }
        self.arena = arena
    }
    deinit { wire_arena_destroy(arena) }

    package func reset() { wire_arena_reset(arena) }
    package var used: Int { arena.pointee.used }

    package var allocator: UnsafeMutablePointer<ProtobufCAllocator> {
        UnsafeMutableRawPointer(arena).assumingMemoryBound(to: ProtobufCAllocator.self)
    }

    /// A copy for a field of a message that is about to be packed. nil: it does not fit.
    package func copy(_ bytes: some Collection<UInt8>) -> ProtobufCBinaryData? {
        guard !bytes.isEmpty else { return ProtobufCBinaryData() }
        guard let memory = wire_arena_allocate(arena, bytes.count) else { return nil }
        let space = UnsafeMutableBufferPointer(start: memory.assumingMemoryBound(to: UInt8.self), count: bytes.count)
        _ = space.initialize(from: bytes)
        return ProtobufCBinaryData(len: bytes.count, data: space.baseAddress)
    }
    /// A copy of an array, for a repeated field.
    package func copy<Value: BitwiseCopyable>(array values: [Value]) -> UnsafeMutablePointer<Value>? {
        guard let memory = wire_arena_allocate(arena, values.count * MemoryLayout<Value>.stride) else { return nil }
        let space = memory.bindMemory(to: Value.self, capacity: values.count)
        space.initialize(from: values, count: values.count)
        return space
    }
}

extension ProtobufCBinaryData {
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: data, count: data == nil ? 0 : len) }
}

/// protobuf-c's answer, or why there is none. `kind`: of the message, for the error.
package func unpack<Message>(
    _ kind: @autoclosure () -> String, _ envelope: UnsafeRawBufferPointer, _ arena: WireArena,
    _ decode: (UnsafeMutablePointer<ProtobufCAllocator>?, Int, UnsafePointer<UInt8>?) -> UnsafeMutablePointer<Message>?
) throws(TailraceError) -> Message {
    // protobuf-c reads nothing of an empty envelope, but wants an address.
    var nothing: UInt8 = 0
    let message = withUnsafePointer(to: &nothing) { empty in
        decode(arena.allocator, envelope.count, envelope.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? empty)
    }
    guard let message else {
        let why = arena.arena.pointee.refusals > 0 ? "needs too much memory to decode" : "is no valid protobuf"
        throw .rpcMalformed("the envelope of \(kind()) (\(envelope.count) bytes) \(why)")
    }
    return message.pointee
}
