package import TailraceCore

/// Turns events into the bytes of one file. For sinks that write files: it sees no file, only the sink's buffer.
package protocol EventSerializer: AnyObject {
    /// What the file begins with.
    func begin(_ output: inout BufferBuilder)
    /// Appends all events of the batch, so that a file which ends behind them can be read. Gives those that can never be
    /// written, by index; of them nothing is in the output.
    func append(_ batch: EventBatch, to output: inout BufferBuilder) -> [Rejection]
    /// What the file ends with. A file without it (a crash) can be read too.
    func end(_ output: inout BufferBuilder)
}

package protocol SerializerConfiguration: ComponentConfiguration {
    /// One for each file. `environment`: the sink's, for metrics and randomness.
    func makeSerializer(_ environment: Environment) throws(TailraceError) -> any EventSerializer
}
