import CLinux
import Glibc
import TailraceCore

let socketFlags = CInt(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)

/// Sets an integer option. Options are improvements, each connection works without: a kernel without one is no error.
func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
    var value = value
    setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
}

/// Of TCP: no delay for small frames, and a peer that is gone without a word is noticed within two minutes also by who only
/// waits. Accepted sockets inherit the listener's.
func setConnectionOptions(_ descriptor: Int32) {
    let tcp = CInt(IPPROTO_TCP)
    setOption(descriptor, tcp, TCP_NODELAY, 1)
    setOption(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
    setOption(descriptor, tcp, TCP_KEEPIDLE, 60)
    setOption(descriptor, tcp, TCP_KEEPINTVL, 10)
    setOption(descriptor, tcp, TCP_KEEPCNT, 6)
}
