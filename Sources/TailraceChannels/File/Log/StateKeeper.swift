import TailraceCore

/// Stores the read position, and deletes segments behind it once it is on the disk.
final class StateKeeper {
    private let environment: Environment
    private let file: any File
    private let disks: [any Disk]
    private let spares: SpareSegments
    private let interval: Duration
    private var slot: StateSlot
    /// The slot that is written next; the other one is good.
    private var index: Int
    private var position: ReadPosition
    private var endNumber: UInt64
    private var isBusy = false, isEnding = false
    private var timer: TimerID?
    private var waiting: [(Bool) -> Void] = []
    /// Every segment file there is, ascending.
    private(set) var kept: [SegmentInfo]
    /// Files that no record of the log is in.
    private var useless: [SegmentInfo]
    private var failures = 0

    init(
        _ configuration: FileChannelConfiguration, _ environment: Environment, _ file: any File, _ disks: [any Disk],
        _ spares: SpareSegments, _ slot: StateSlot, index: Int, kept: [SegmentInfo], useless: [SegmentInfo]
    ) {
        (self.environment, self.file, self.disks, self.slot, self.index) = (environment, file, disks, slot, index)
        self.spares = spares
        (position, endNumber, self.kept, self.useless) = (slot.position, slot.endNumber, kept, useless)
        interval = .milliseconds(configuration.checkpointIntervalMilliseconds)
        if !useless.isEmpty || kept.first.map({ $0.number < slot.position.segment }) == true { setTimer() }
    }

    func moved(to position: ReadPosition, endNumber: UInt64) {
        guard position != self.position || endNumber != self.endNumber else { return }
        (self.position, self.endNumber) = (position, endNumber)
        // A segment that was read becomes the next one's file: the sooner, the fewer files there are.
        if failures == 0, !isEnding, kept.first.map({ $0.number < position.segment }) == true { return store() }
        setTimer()
    }
    func has(_ segment: SegmentInfo) {
        if kept.last.map({ $0.number < segment.number }) ?? true { kept.append(segment) }
    }
    func drop(_ segment: SegmentInfo) {
        kept.removeAll { $0.number == segment.number }
        useless.append(segment)
        setTimer()
    }

    private func setTimer() {
        guard timer == nil, !isEnding else { return }
        timer = environment.loop.schedule(at: environment.loop.now + interval) { [weak self] in
            self?.timer = nil
            self?.store()
        }
    }

    /// Stores what is not stored. `done`: whether it is on the disk.
    func flush(_ done: @escaping (Bool) -> Void) {
        waiting.append(done)
        store()
    }
    /// The last call.
    func close(_ done: @escaping (Bool) -> Void) {
        isEnding = true
        if let timer { environment.loop.cancel(timer) }
        flush { [file] isStored in
            file.close()
            done(isStored)
        }
    }

    private var isStored: Bool { slot.position == position && slot.endNumber == endNumber }

    private func store() {
        guard !isBusy else { return }
        guard !isStored else { return stored(true) }
        isBusy = true
        var next = slot
        next.generation += 1
        (next.position, next.endNumber, next.written) = (position, endNumber, environment.loop.wallTime)
        file.append([next.encoded()], at: Int64(index * StateSlot.stride), sync: true) { [self] result in
            isBusy = false
            switch result {
            case .success:
                (slot, index, failures) = (next, 1 - index, 0)
                stored(true)
            case .failure(let error):
                // The other slot is good; this one is written again.
                failures += 1
                if failures == 1 {
                    environment.log(.error, "the read position is not stored; a crash would repeat events: \(error)")
                }
                stored(false)
            }
        }
    }
    private func stored(_ isGood: Bool) {
        if isGood && !isStored && !waiting.isEmpty { return store() }
        let done = waiting
        waiting = []
        for answer in done { environment.loop.enqueue { answer(isGood) } }
        if isEnding { return }
        if !isGood || !isStored { setTimer() }
        if isGood { deleteNext() }
    }

    /// One after the other, each off the disk before the next: so a crash leaves no hole in the log.
    private func deleteNext() {
        guard !isBusy, !isEnding else { return }
        let old: SegmentInfo
        if let first = useless.first {
            old = first
        } else if let first = kept.first, first.number < slot.position.segment {
            old = first
        } else {
            return
        }
        isBusy = true
        let gone: Completion = { [self] result in
            if case .failure(let error) = result, error.code != "file.missing" { return deleted(old, error) }
            disks[old.disk].sync { [self] result in
                if case .failure(let error) = result { return deleted(old, error) }
                deleted(old, nil)
            }
        }
        let isRead = useless.isEmpty
        if isRead, spares.wants(old) { return spares.add(old, gone) }
        disks[old.disk].remove(FileFormat.name(ofSegment: old.number), gone)
    }
    private func deleted(_ segment: SegmentInfo, _ error: TailraceError?) {
        isBusy = false
        if let error {
            failures += 1
            if failures == 1 { environment.log(.warning, "a segment that was read cannot be deleted: \(error)") }
            setTimer()
        } else {
            failures = 0
            spares.forget(segment)
            useless.removeAll { $0.number == segment.number }
            kept.removeAll { $0.number == segment.number }
        }
        if !waiting.isEmpty { return store() }
        if error == nil { deleteNext() }
    }
}
