/// Lets puts wait for the takes, a little. What is taken while it is still in memory is never read back; what is put faster
/// than it is taken ends up on the disk alone, and reading it back costs about as much as the put. So when the memory for the
/// sinks is full, puts wait until half of it is taken. Sinks that do not manage that within the patience are slow, or away:
/// then puts wait no longer, until the sinks have caught up. Pure.
struct PutPace {
    enum Order: Equatable {
        case none
        /// Nothing is put. ``patienceEnded()`` is due after the patience, unless ``resume`` comes first.
        case hold
        case resume
    }
    private enum State {
        case keepingUp
        case held
        /// The disk takes what comes, however far behind the sinks are.
        case spilling
    }
    private var state = State.keepingUp

    var isHeld: Bool { if case .held = state { true } else { false } }
    /// What is put is bounded by what is taken.
    var isKept: Bool { if case .spilling = state { false } else { true } }

    /// `waiting`: bytes in memory that are not taken yet. `isCaughtUp`: nothing else waits on the disk.
    mutating func update(waiting: Int, limit: Int, isCaughtUp: Bool) -> Order {
        switch state {
        case .keepingUp:
            guard waiting >= limit else { return .none }
            state = .held
            return .hold
        case .held:
            guard waiting <= limit / 2 else { return .none }
            state = .keepingUp
            return .resume
        case .spilling:
            if isCaughtUp, waiting <= limit / 2 { state = .keepingUp }
            return .none
        }
    }

    /// The puts go on.
    mutating func patienceEnded() { if isHeld { state = .spilling } }
}
