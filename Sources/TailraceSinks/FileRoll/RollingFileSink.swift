package import TailraceCore
import TailraceSerializers

/// Flume's `file_roll`. What waits is written behind each other and synced once, then settled; a file of which a write or
/// sync failed is cut back to what was synced before anything else is written, and never appended to again.
package final class RollingFileSink: DeclaredComponent, EventSink {
    /// Batches that may wait or be written at once.
    static let window = 8
    private static let namesTried = 64

    /// The file that is written now.
    final class Target {
        let name: String
        let disk: any Disk
        let file: any File
        let serializer: any EventSerializer
        /// All of it is synced.
        var size: Int64 = 0
        /// Its name survives a crash.
        var isNameSynced = false
        init(_ name: String, _ disk: any Disk, _ file: any File, _ serializer: any EventSerializer) {
            (self.name, self.disk, self.file, self.serializer) = (name, disk, file, serializer)
        }
    }
    /// (A noncopyable value cannot be an element of an array.)
    private final class Held {
        let batch: EventBatch
        var take: TakeTransaction?
        init(_ take: consuming TakeTransaction) {
            batch = take.batch
            self.take = consume take
        }
    }
    /// A file whose end is not certain.
    private struct Torn {
        var name: String
        var size: Int64
    }

    package let name: String
    package private(set) var health = Health.ok
    package weak var observer: (any SinkObserver)?
    package let peer: Endpoint? = nil
    package let largestTake: BatchSize
    private let configuration: RollingFileSinkConfiguration
    private let serializer: any SerializerConfiguration
    private let environment: Environment
    private let stateName: String
    private var names: RollingFileNames
    private var disk: (any Disk)?
    private var stateDisk: (any Disk)?
    private var waiting: [Held] = []
    private var writing: [Held] = []
    private var target: Target?
    private var torn: Torn?
    /// An operation of the disk is under way; its answer goes on.
    private var isBusy = false
    private var isRepairing = false
    private var isQueued = false
    private var wantsRoll = false
    private var wasFull = false
    private var rollTimer: TimerID?
    private var stopTimer: TimerID?
    private var stopped: (() -> Void)?
    private var isStopping = false
    private let files: Counter, bytes: Counter

    package init(_ configuration: RollingFileSinkConfiguration, _ environment: Environment) throws(TailraceError) {
        (name, self.configuration, self.environment) = (environment.component, configuration, environment)
        largestTake = BatchSize(events: configuration.batchSize, bytes: Limits.batchBytes)
        guard let serializer = configuration.serializer.configuration as? any SerializerConfiguration else {
            throw TailraceError(
                code: "configuration.type", message: "\(configuration.serializer.type) is no serializer of events",
                fix: "set sink.serializer to \(Self.serializers.map(\.type).joined(separator: " or "))", component: name)
        }
        self.serializer = serializer
        stateName = "\(environment.component.split(separator: "/").joined(separator: "_")).file_roll"
        names = RollingFileNames(configuration, last: -1)
        files = environment.counter("files_total")
        bytes = environment.counter("written_bytes_total")
    }

    // MARK: Start and stop

    package func start(_ done: @escaping Completion) {
        let result = Result { () throws(TailraceError) in
            disk = try environment.files.disk(configuration.directory)
            stateDisk = try environment.files.disk(environment.stateDirectory)
            names = RollingFileNames(configuration, last: try lastStamp() ?? -1)
        }.mapError { $0.named(name) }
        environment.loop.enqueue { done(result) }
    }

    private func lastStamp() throws(TailraceError) -> Int64? {
        let path = "\(environment.stateDirectory)/\(stateName)", file: any ReadableFile
        do throws(TailraceError) {
            file = try environment.files.open(path)
        } catch {
            if error.code == "file.missing" { return nil }
            throw error
        }
        defer { file.close() }
        var builder = BufferBuilder(capacity: 64)
        builder.filled(try file.read(at: 0, into: UnsafeMutableRawBufferPointer(rebasing: builder.spare[..<64])))
        let stamp = RollingFileStamp.decode(builder.finish())
        if stamp == nil {
            environment.log(
                .warning, "\(path) does not hold the time of the last file: names that are taken are found by looking")
        }
        return stamp
    }

    /// Gives back what is not being written, and closes the file behind what is.
    package func stop(by deadline: Instant, _ done: @escaping () -> Void) {
        (isStopping, stopped) = (true, done)
        if let rollTimer { environment.loop.cancel(rollTimer) }
        stopTimer = environment.loop.schedule(at: deadline) { [weak self] in self?.finishStop() }
        settle(taken(&waiting), .retry(.stopped, after: nil))
        advanceSoon()
    }
    private func finishStop() {
        guard let stopped else { return }
        self.stopped = nil
        if let stopTimer { environment.loop.cancel(stopTimer) }
        settle(taken(&waiting) + taken(&writing), .retry(.stopped, after: nil))
        stopped()
    }

    // MARK: Batches

    package var openSlots: Int {
        let free = isStopping ? 0 : Self.window - waiting.count - writing.count
        if free <= 0 { wasFull = true }
        return max(0, free)
    }

    /// A turn later, so that what is offered in one turn is written and synced together.
    package func deliver(_ transaction: consuming TakeTransaction) {
        waiting.append(Held(transaction))
        advanceSoon()
    }

    private func taken(_ list: inout [Held]) -> [Held] {
        defer { list = [] }
        return list
    }
    private func settle(_ group: [Held], _ outcome: TakeOutcome) { for held in group { held.take.take()?.settle(outcome) } }

    private func advanceSoon() {
        guard !isQueued else { return }
        isQueued = true
        environment.loop.enqueue { [weak self] in
            self?.isQueued = false
            self?.advance()
        }
    }

    /// The next thing to do; each ends in ``done()`` or ``failed(_:)``, which come back here.
    private func advance() {
        guard !isBusy else { return }
        if let torn, isStopping || !waiting.isEmpty { return repair(torn) }
        if let target, wantsRoll || isStopping { return close(target) }
        if isStopping { return finishStop() }
        guard !waiting.isEmpty else { return }
        if let target { write(target) } else { open() }
    }

    private func done() {
        isBusy = false
        if wasFull, openSlots > 0 {
            wasFull = false
            environment.loop.enqueue { [weak self] in
                guard let self else { return }
                observer?.sinkHasSlots(self)
            }
        }
        advanceSoon()
    }

    /// Everything that waits comes again; the back-off is the sink runner's.
    private func failed(_ error: TailraceError) {
        let error = error.named(name)
        health = .degraded(error)
        settle(taken(&writing) + taken(&waiting), .retry(error, after: nil))
        // The directory may be another one by the next time.
        disk = nil
        if isStopping, isRepairing {
            // It was tried once more; there is no other time.
            environment.log(.warning, "\(torn?.name ?? "") may end with events that come again: \(error)")
            torn = nil
        }
        isRepairing = false
        done()
    }
    private func openedDisk() throws(TailraceError) -> any Disk {
        if let disk { return disk }
        let opened = try environment.files.disk(configuration.directory)
        disk = opened
        return opened
    }

    // MARK: Files

    private func open() {
        do throws(TailraceError) {
            let disk = try openedDisk(), (name, stamp) = try freeName()
            isBusy = true
            guard stamp > names.remembered, let stateDisk else { return open(name, on: disk) }
            stateDisk.replace(stateName, with: RollingFileStamp.encode(stamp)) { [self] result in
                if case .failure(let error) = result { return failed(error) }
                names.remember(stamp)
                open(name, on: disk)
            }
        } catch { failed(error) }
    }

    /// One that nothing in the directory has.
    private func freeName() throws(TailraceError) -> (name: String, stamp: Int64) {
        var last = ""
        for _ in 0..<Self.namesTried {
            let next = names.next(environment.loop.wallTime)
            last = "\(configuration.directory)/\(next.name)"
            do throws(TailraceError) {
                _ = try environment.files.information(last)
            } catch {
                if error.code == "file.missing" { return next }
                throw error
            }
        }
        throw TailraceError(
            code: "file_roll.name", message: "\(Self.namesTried) names up to \(last) are taken",
            fix: "give this sink a directory or a prefix of its own")
    }

    private func open(_ name: String, on disk: any Disk) {
        disk.open(name, preallocating: 0) { [self] result in
            do throws(TailraceError) {
                let file = try result.get(), serializer = try serializer.makeSerializer(environment)
                files.add(1)
                target = Target(name, disk, file, serializer)
                scheduleRoll()
                done()
            } catch { failed(error) }
        }
    }

    private func scheduleRoll() {
        wantsRoll = false
        if let rollTimer { environment.loop.cancel(rollTimer) }
        guard configuration.rollIntervalSeconds > 0 else { return }
        let time = environment.loop.now + .seconds(configuration.rollIntervalSeconds)
        rollTimer = environment.loop.schedule(at: time) { [weak self] in
            guard let self, target != nil else { return }
            wantsRoll = true
            advance()
        }
    }

    private func write(_ target: Target) {
        (writing, waiting) = (waiting, [])
        var builder = BufferBuilder(capacity: writing.reduce(4096) { $0 + $1.batch.size.bytes + $1.batch.count })
        if target.size == 0 { target.serializer.begin(&builder) }
        let rejected = writing.map { target.serializer.append($0.batch, to: &builder) }
        append(builder.finish(), to: target) { [self] in
            for (held, rejections) in zip(writing, rejected) {
                if let first = rejections.first {
                    environment.log(.error, "events that can never be written are dropped: \(first.error)")
                }
                held.take.take()?.settle(.delivered(rejected: rejections))
            }
            writing = []
            if case .degraded = health { health = .ok }
            done()
        }
    }

    /// `synced`: the content, and the file's name, survive a crash.
    private func append(_ content: Bytes, to target: Target, _ synced: @escaping () -> Void) {
        isBusy = true
        target.file.append([content], at: target.size, sync: true) { [self] result in
            if case .failure(let error) = result { return lost(target, error) }
            target.size += Int64(content.count)
            bytes.add(content.count)
            guard !target.isNameSynced else { return synced() }
            target.disk.sync { [self] result in
                if case .failure(let error) = result {
                    target.size -= Int64(content.count)
                    return lost(target, error)
                }
                target.isNameSynced = true
                synced()
            }
        }
    }

    private func close(_ target: Target) {
        var builder = BufferBuilder(capacity: 64)
        if target.size > 0 { target.serializer.end(&builder) }
        let end = builder.finish()
        guard !end.isEmpty else { return closed(target) }
        append(end, to: target) { [self] in closed(target) }
    }
    private func closed(_ target: Target) {
        target.file.close()
        (self.target, wantsRoll) = (nil, false)
        // One that was made, and then nothing came of it.
        if target.size == 0 { torn = Torn(name: target.name, size: 0) }
        done()
    }

    private func lost(_ target: Target, _ error: TailraceError) {
        target.file.close()
        (self.target, wantsRoll) = (nil, false)
        torn = Torn(name: target.name, size: target.size)
        failed(error)
    }

    /// Cuts a file back to what was synced, or removes it if that is nothing.
    private func repair(_ torn: Torn) {
        do throws(TailraceError) {
            isRepairing = true
            let disk = try openedDisk()
            isBusy = true
            guard torn.size > 0 else {
                return disk.remove(torn.name) { [self] result in
                    if case .failure(let error) = result, error.code != "file.missing" { return failed(error) }
                    repaired()
                }
            }
            disk.open(torn.name, preallocating: 0) { [self] result in
                switch result {
                case .success(let file): cut(file, torn)
                case .failure(let error): failed(error)
                }
            }
        } catch { failed(error) }
    }
    private func cut(_ file: any File, _ torn: Torn) {
        func end(_ result: Result<Void, TailraceError>) {
            file.close()
            if case .failure(let error) = result { failed(error) } else { repaired() }
        }
        file.truncate(to: torn.size) { result in
            guard case .success = result else { return end(result) }
            file.append([], at: torn.size, sync: true, end)
        }
    }
    private func repaired() {
        (torn, isRepairing) = (nil, false)
        done()
    }
}
