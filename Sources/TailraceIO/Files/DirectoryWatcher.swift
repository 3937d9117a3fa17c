import CLinux
import Glibc
import TailraceCore

/// All watches of a loop, over one inotify descriptor: a user has few of them.
///
/// A watch stays until it is cancelled: when its directory is removed or renamed, the path is tried again once a second, and
/// its owner hears nil when there is a directory again.
///
/// The first change is told at once; what follows is gathered for ``pause``. Who writes a file line by line, thousands of times
/// a second, would else wake the agent for each line, and make a batch of each.
final class DirectoryWatcher {
    private static let mask =
        UInt32(IN_CREATE) | UInt32(IN_MOVED_FROM) | UInt32(IN_MOVED_TO) | UInt32(IN_DELETE) | UInt32(IN_MODIFY)
        | UInt32(IN_ATTRIB) | UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVE_SELF) | UInt32(IN_DELETE_SELF) | UInt32(IN_ONLYDIR)
    static let pause = Duration.milliseconds(1)
    private static let retryDelay = Duration.seconds(1)
    /// Reads per turn, each of up to `spaceBytes` of events.
    private static let readsPerTurn = 8
    private static let spaceBytes = 64 << 10

    fileprivate final class Watch: Cancellable {
        let path: String
        let changed: ([String]?) -> Void
        /// nil: the directory is not there now.
        var number: Int32?
        weak var watcher: DirectoryWatcher?
        var changes = ChangedNames()

        init(_ path: String, _ watcher: DirectoryWatcher, _ changed: @escaping ([String]?) -> Void) {
            (self.path, self.watcher, self.changed) = (path, watcher, changed)
        }
        func cancel() {
            watcher?.remove(self)
            watcher = nil
        }
    }

    private let loop: EpollLoop
    private let descriptor: OwnedDescriptor
    /// nil: paused.
    private var readiness: (any Cancellable)?
    private var pauseTimer: TimerID?
    private var lastRead: Instant
    /// By the kernel's number: two paths may be one directory, which has one number.
    private var watches: [Int32: [Watch]] = [:]
    private var missing: [Watch] = []
    private var retryTimer: TimerID?
    private let space = UnsafeMutableRawBufferPointer.allocate(byteCount: spaceBytes, alignment: 8)

    init(_ loop: EpollLoop) throws(TailraceError) {
        let raw = inotify_init1(CInt(IN_NONBLOCK | IN_CLOEXEC))
        guard raw >= 0 else {
            throw systemError(
                "file.watches", "watch directories (inotify_init)", errno, fix: "raise fs.inotify.max_user_instances.")
        }
        (self.loop, descriptor) = (loop, OwnedDescriptor(raw))
        lastRead = Instant(nanoseconds: loop.now.nanoseconds - Self.pause.nanoseconds)
        resume()
    }
    deinit {
        readiness?.cancel()
        if let pauseTimer { loop.cancel(pauseTimer) }
        if let retryTimer { loop.cancel(retryTimer) }
        space.deallocate()
    }

    func watch(_ path: String, _ changed: @escaping ([String]?) -> Void) throws(TailraceError) -> any Cancellable {
        let watch = Watch(path, self, changed)
        if let code = add(watch) {
            guard code == ENOSPC else { throw fileError(code, "watch \(path)") }
            throw systemError("file.watches", "watch \(path)", code, fix: "raise fs.inotify.max_user_watches.")
        }
        return watch
    }

    /// nil, or errno.
    private func add(_ watch: Watch) -> Int32? {
        let number = inotify_add_watch(descriptor.raw, watch.path, Self.mask)
        guard number >= 0 else { return errno }
        watch.number = number
        watches[number, default: []].append(watch)
        return nil
    }

    private func remove(_ watch: Watch) {
        missing.removeAll { $0 === watch }
        guard let number = watch.number else { return }
        watch.number = nil
        watches[number]?.removeAll { $0 === watch }
        guard watches[number]?.isEmpty == true else { return }
        watches[number] = nil
        inotify_rm_watch(descriptor.raw, number)  // EINVAL: the kernel was faster
    }

    private func resume() {
        readiness = loop.onReadable(descriptor.raw) { [weak self] in self?.eventsCame() }
    }

    private func eventsCame() {
        let earliest = lastRead + Self.pause
        guard loop.now < earliest else { return readEvents() }
        readiness?.cancel()
        readiness = nil
        pauseTimer = loop.schedule(at: earliest) { [weak self] in
            self?.pauseTimer = nil
            self?.resume()
            self?.readEvents()
        }
    }

    private func readEvents() {
        lastRead = loop.now
        for _ in 0..<Self.readsPerTurn {
            let count = restarting { read(descriptor.raw, space.baseAddress, space.count) }
            guard count > 0 else {
                precondition(count == 0 || errno == EAGAIN, "read of inotify: \(errnoText(errno))")
                break
            }
            note(UnsafeRawBufferPointer(rebasing: space[0..<count]))
            if count < space.count / 2 { break }
        }
        tell()
    }

    /// Takes in events as read() gives them. ``tell()`` passes them on.
    func note(_ bytes: UnsafeRawBufferPointer) {
        forEachEvent(bytes) { number, mask, name in
            if mask & UInt32(IN_Q_OVERFLOW) != 0 {
                for watch in watches.values.joined() { watch.changes.lose() }
            } else if mask & (UInt32(IN_IGNORED) | UInt32(IN_MOVE_SELF) | UInt32(IN_DELETE_SELF)) != 0 {
                lose(number)
            } else {
                for watch in watches[number] ?? [] { watch.changes.insert(name) }
            }
        }
    }

    /// The directory is gone, or no longer at this path.
    private func lose(_ number: Int32) {
        guard let lost = watches.removeValue(forKey: number) else { return }
        inotify_rm_watch(descriptor.raw, number)  // EINVAL if it was removed
        for watch in lost {
            watch.number = nil
            watch.changes.lose()
            missing.append(watch)
        }
    }

    /// Everyone once, with all names that came, in the order of the paths.
    func tell() {
        let all = (Array(watches.values.joined()) + missing).filter { !$0.changes.isEmpty }
        for watch in all.sorted(by: { $0.path < $1.path }) {
            guard watch.watcher != nil else { continue }  // cancelled by one that was told before
            let names = watch.changes.take()
            watch.changed(names)
        }
        if !missing.isEmpty && retryTimer == nil { retryMissing(after: .zero) }
    }

    private func retryMissing(after delay: Duration) {
        retryTimer = loop.schedule(at: loop.now + delay) { [weak self] in
            guard let self else { return }
            retryTimer = nil
            let waiting = missing
            missing = []
            for watch in waiting {
                if add(watch) == nil { watch.changes.lose() } else { missing.append(watch) }
            }
            if !missing.isEmpty { retryMissing(after: Self.retryDelay) }
            tell()
        }
    }
}

/// Names without repetition, in the order of their first change; or "lost": too many, or the kernel dropped some.
struct ChangedNames {
    /// More than this is told as lost: a scan is cheaper then.
    static let limit = 4096

    private var names: [String] = []
    private var known: Set<String> = []
    private var isLost = false

    var isEmpty: Bool { names.isEmpty && !isLost }

    mutating func insert(_ name: String) {
        guard !isLost, !name.isEmpty, known.insert(name).inserted else { return }
        if names.count == Self.limit { lose() } else { names.append(name) }
    }
    mutating func lose() { (names, known, isLost) = ([], [], true) }

    /// nil: lost.
    mutating func take() -> [String]? {
        defer { self = ChangedNames() }
        return isLost ? nil : names
    }
}

/// The events in what inotify's descriptor gave: watch number, mask, name ("" for the directory itself).
func forEachEvent(_ bytes: UnsafeRawBufferPointer, _ body: (Int32, UInt32, String) -> Void) {
    let headSize = MemoryLayout<inotify_event>.size
    var offset = 0
    while offset + headSize <= bytes.count {
        let event = bytes.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
        let end = min(offset + headSize + Int(event.len), bytes.count)
        let name = bytes[offset + headSize..<end].prefix { $0 != 0 }
        body(event.wd, event.mask, String(decoding: name, as: UTF8.self))
        offset = end
    }
}
