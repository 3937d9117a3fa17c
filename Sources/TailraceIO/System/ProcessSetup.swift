import CLinux
import Glibc
package import TailraceCore
import Synchronization

/// What a process does once, before it starts a thread.

/// Gives back the memory of the code that starting takes and running does not (catalogue, declarations, checks): 6 to 9 MiB of
/// an agent's resident memory. What is used again is mapped again from the page cache, within a millisecond in all.
package func releaseStartCode() { clinux_release_code() }

/// The soft limit of open files as the process found it; children get it back, since programs that use select() break
/// with descriptors above 1023. 0: never raised.
let originalDescriptorLimit = Atomic<UInt64>(0)

/// Raises the soft limit of open files to the hard one: each connection needs a descriptor. Returns the limit that then holds.
@discardableResult
package func raiseDescriptorLimit() throws(TailraceError) -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
        throw systemError("process.limit", "read the limit of open files", errno)
    }
    let before = limit.rlim_cur
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max
        guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            throw systemError("process.limit", "raise the limit of open files to \(limit.rlim_max)", errno)
        }
        originalDescriptorLimit.store(UInt64(before), ordering: .relaxed)
    }
    return Int(clamping: limit.rlim_cur)
}

/// A seed that nobody can guess, from the kernel.
package func randomSeed() -> UInt64 {
    var seed: UInt64 = 0
    let count = withUnsafeMutableBytes(of: &seed) { clinux_random($0.baseAddress, UInt64($0.count)) }
    precondition(count == MemoryLayout<UInt64>.size, "getrandom gives up to 256 bytes without interruption")
    return seed
}

/// Writing to a connection that the peer has closed is an error and not the end of the process. Idempotent.
func ignoreBrokenPipes() {
    signal(SIGPIPE, SIG_IGN)
}
