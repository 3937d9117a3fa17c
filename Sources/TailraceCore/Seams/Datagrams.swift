/// How a port for datagrams is opened.
package struct DatagramOptions: Hashable, Sendable {
    /// The most that is taken of one datagram, in bytes; what is longer is cut, visibly. UDP has no more than 65,535.
    package var largestBytes: Int
    /// What the kernel is asked to hold that nobody has read yet, in bytes; it may give less. nil: its default.
    package var receiveBufferBytes: Int?
    package init(largestBytes: Int = 65_535, receiveBufferBytes: Int? = nil) {
        (self.largestBytes, self.receiveBufferBytes) = (largestBytes, receiveBufferBytes)
    }
}

/// One datagram. The bytes are valid within the call that hands it over.
package struct Datagram {
    package let bytes: UnsafeRawBufferPointer
    /// It was longer: ``DatagramOptions/largestBytes``.
    package let isTruncated: Bool
    /// Its place in the call, for ``DatagramSocket/sender(_:)``.
    package let index: Int
    package init(bytes: UnsafeRawBufferPointer, isTruncated: Bool, index: Int) {
        (self.bytes, self.isTruncated, self.index) = (bytes, isTruncated, index)
    }
}

package enum DatagramResult: Hashable, Sendable { case datagrams(Int), wouldBlock }

/// A port that receives datagrams. They may be lost, doubled and out of order. Try, then be told: after a `wouldBlock` exactly
/// one signal follows, and none before. Closed when the last reference is gone, too.
package protocol DatagramSocket: AnyObject {
    /// Held weakly. Set it before the first call that may say `wouldBlock`.
    var handler: (any DatagramHandler)? { get set }
    /// With the port that was really given.
    var endpoint: Endpoint { get }
    /// What the kernel holds at most, in bytes; its bookkeeping counts too, so it is less than so many bytes of data.
    var receiveBufferBytes: Int { get }
    /// Datagrams that found the kernel's buffer full, since it was opened. Exact at any time, also while nobody reads.
    var dropped: Int { get }
    /// Hands over what has arrived, at most a bounded number in one call (64), in the order of arrival. Not reading is no
    /// back-pressure: the kernel holds ``receiveBufferBytes``, and drops the rest.
    func receive(_ each: (Datagram) -> Void) throws(TailraceError) -> DatagramResult
    /// Whose datagram it is that has this index in the call of ``receive(_:)`` that goes on.
    func sender(_ index: Int) -> Endpoint
    /// No signal after it.
    func close()
}

package protocol DatagramHandler: AnyObject { func datagramsAreReadable(_ socket: any DatagramSocket) }
