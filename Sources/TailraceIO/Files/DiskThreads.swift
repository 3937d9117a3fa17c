import TailraceCore

/// The threads of one directory: one does all changes, in the order of the calls; a second one, started at the first read,
/// reads, so that nobody who reads waits behind a sync. They end with the last ``LocalDisk`` of the directory, when all that
/// was asked is done: each completion is called.
final class DiskThreads {
    typealias Done = (DiskAnswer) -> Void
    typealias Perform = @Sendable (DiskRequest, OpenDirectory) -> DiskAnswer

    let directory: OpenDirectory
    private let perform: Perform
    private let answers: Answers
    private let port: LoopPort<(UInt64, DiskAnswer)>
    private let writes = BlockingQueue<(id: UInt64, request: DiskRequest)>()
    private var reads: BlockingQueue<(id: UInt64, request: DiskRequest)>?

    /// Who waits for what. Lives as long as the port, which the threads have, and so longer than the disk's owner.
    private final class Answers {
        var waiting: [UInt64: Done] = [:]
        var lastID: UInt64 = 0
    }

    /// `perform`: what the threads do with a request, for tests.
    init(
        _ loop: any EventLoop, _ directory: OpenDirectory, _ perform: @escaping Perform = { $0.perform(in: $1) }
    ) {
        let answers = Answers()
        (self.directory, self.answers, self.perform) = (directory, answers, perform)
        port = loop.openPort { (id, answer) in answers.waiting.removeValue(forKey: id)?(answer) }
        start("disk", writes)
    }
    deinit {
        writes.finish()
        reads?.finish()
    }

    func write(_ request: DiskRequest, _ done: @escaping Done) { writes.put((register(done), request)) }

    func read(_ request: DiskRequest, _ done: @escaping Done) {
        if reads == nil {
            let queue = BlockingQueue<(id: UInt64, request: DiskRequest)>()
            start("disk-read", queue)
            reads = queue
        }
        reads?.put((register(done), request))
    }

    private func register(_ done: @escaping Done) -> UInt64 {
        answers.lastID += 1
        answers.waiting[answers.lastID] = done
        return answers.lastID
    }

    private func start(_ name: String, _ queue: BlockingQueue<(id: UInt64, request: DiskRequest)>) {
        startThread(name) { [port, directory, perform] in
            while true {
                let jobs = queue.takeAll()
                guard !jobs.isEmpty else { return }
                for job in jobs { port.post((job.id, perform(job.request, directory))) }
            }
        }
    }
}
