import CLinux
import Glibc
import TailraceCore

/// What a descriptor is ready for. An error or a hang-up counts as both: the call that is then made says what it is.
struct Readiness: OptionSet {
    let rawValue: UInt32
    static let readable = Readiness(rawValue: 1)
    static let writable = Readiness(rawValue: 2)
    /// Error or hang-up, which epoll reports even if nothing was asked for.
    static let broken = Readiness(rawValue: 4)
}

protocol ReadinessHandler: AnyObject {
    func isReady(_ readiness: Readiness)
}

/// A descriptor's place in the table, empty until it is first watched. Its owner has it and gives it back before the
/// descriptor is closed.
struct Registration {
    fileprivate(set) var interest: Readiness = []
    fileprivate var slot: Int32 = -1
    fileprivate var generation: UInt32 = 0

    var isActive: Bool { slot >= 0 }
}

/// epoll, level-triggered, with a table of owners. A slot's generation is part of what epoll hands back, so an event that was
/// fetched for a descriptor which was closed since, in the same turn, reaches nobody.
struct Poller: ~Copyable {
    /// The owner is not retained: it gives its registration back at the latest in its `deinit`.
    private struct Slot {
        unowned(unsafe) var owner: (any ReadinessHandler)?
        var generation: UInt32
    }
    private let descriptor: Int32
    private var slots: [Slot] = []
    private var free: [Int32] = []
    private let events: UnsafeMutablePointer<epoll_event>
    private static let eventsPerTurn: Int32 = 256

    init() throws(TailraceError) {
        descriptor = epoll_create1(CInt(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw systemError("loop.failed", "make an event loop (epoll_create1)", errno) }
        events = .allocate(capacity: Int(Self.eventsPerTurn))
    }
    deinit {
        close(descriptor)
        events.deallocate()
    }

    /// Asks for exactly `interest` from now on.
    mutating func set(
        _ interest: Readiness, of descriptor: Int32, _ registration: inout Registration, owner: any ReadinessHandler
    ) {
        if registration.isActive {
            guard registration.interest != interest else { return }
            control(EPOLL_CTL_MOD, descriptor, registration, interest)
        } else {
            guard !interest.isEmpty else { return }
            occupy(&registration, owner)
            control(EPOLL_CTL_ADD, descriptor, registration, interest)
        }
        registration.interest = interest
    }

    /// Takes the descriptor out altogether, so that not even an error of it is reported.
    mutating func remove(_ descriptor: Int32, _ registration: inout Registration) {
        guard registration.isActive else { return }
        control(EPOLL_CTL_DEL, descriptor, registration, [])
        let slot = Int(registration.slot)
        slots[slot] = Slot(owner: nil, generation: slots[slot].generation &+ 1)
        free.append(registration.slot)
        registration = Registration()
    }

    /// Waits for events, at most so long (negative: no limit), and returns how many there are.
    func wait(_ nanoseconds: Int64) -> Int {
        let count = clinux_epoll_wait(descriptor, events, Self.eventsPerTurn, nanoseconds)
        precondition(count >= 0 || errno == EINTR, "epoll_wait: \(errnoText(errno))")
        return Int(max(count, 0))
    }

    /// The `index`-th event of the last ``wait(_:)``; nil when its owner is gone.
    func event(_ index: Int) -> (owner: any ReadinessHandler, readiness: Readiness)? {
        let event = events[index]
        let slot = slots[Int(UInt32(truncatingIfNeeded: event.data.u64))]
        guard slot.generation == UInt32(truncatingIfNeeded: event.data.u64 >> 32), let owner = slot.owner else { return nil }
        var readiness: Readiness = []
        if event.events & EPOLLIN.rawValue != 0 { readiness.insert(.readable) }
        if event.events & EPOLLOUT.rawValue != 0 { readiness.insert(.writable) }
        if event.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { readiness.formUnion([.readable, .writable, .broken]) }
        return (owner, readiness)
    }

    private mutating func occupy(_ registration: inout Registration, _ owner: any ReadinessHandler) {
        if let slot = free.popLast() {
            slots[Int(slot)].owner = owner
            registration.slot = slot
        } else {
            registration.slot = Int32(slots.count)
            slots.append(Slot(owner: owner, generation: 0))
        }
        registration.generation = slots[Int(registration.slot)].generation
    }

    private func control(_ operation: Int32, _ descriptor: Int32, _ registration: Registration, _ interest: Readiness) {
        var events: UInt32 = 0
        if interest.contains(.readable) { events |= EPOLLIN.rawValue }
        if interest.contains(.writable) { events |= EPOLLOUT.rawValue }
        let key = UInt64(registration.generation) << 32 | UInt64(UInt32(bitPattern: registration.slot))
        var event = epoll_event(events: events, data: epoll_data_t(u64: key))
        let result = epoll_ctl(self.descriptor, operation, descriptor, &event)
        // ENOSPC (max_user_watches) and ENOMEM are a machine that cannot go on; the rest would be a bug of ours.
        precondition(result == 0, "epoll_ctl(\(operation)) of descriptor \(descriptor): \(errnoText(errno))")
    }
}
