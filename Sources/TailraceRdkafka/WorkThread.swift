import CLinux
import Glibc

/// A thread for the few calls of librdkafka that wait (metadata, committed offsets, flush, destroy). It runs its jobs in
/// order, so that the last one, which destroys the handle, comes after all that use it. Started with the first job.
///
/// `@unchecked Sendable`: all that is mutable is behind the mutex.
final class WorkThread: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var jobs: [@Sendable () -> Void] = []
    private var isStarted = false
    private var isFinished = false
    private let name: String

    init(_ name: String) {
        self.name = name
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }
    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// `last`: the thread ends after it; jobs that come later are not run. Callers bound the number of jobs.
    func run(last: Bool = false, _ job: @escaping @Sendable () -> Void) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard !isFinished else { return }
        jobs.append(job)
        isFinished = last
        if isStarted {
            pthread_cond_signal(condition)
        } else {
            isStarted = true
            start()
        }
    }

    private func start() {
        var thread = pthread_t()
        let body = Unmanaged.passRetained(self)  // given back by the thread when it ends
        let result = pthread_create(
            &thread, nil,
            { body in
                Unmanaged<WorkThread>.fromOpaque(body!).takeRetainedValue().serve()
                return nil
            }, body.toOpaque())
        guard result == 0 else { fatalError("no thread for the Kafka client: error \(result)") }
        pthread_detach(thread)
    }

    private func serve() {
        clinux_name_thread(name)
        while let job = next() { job() }
    }

    private func next() -> (@Sendable () -> Void)? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while jobs.isEmpty {
            if isFinished { return nil }
            pthread_cond_wait(condition, mutex)
        }
        return jobs.removeFirst()
    }
}
