import TailraceChannels
package import TailraceConfiguration
import TailraceCore
import TailraceInterceptors
import TailraceKafka
import TailraceRPC
import TailraceSinks
import TailraceSources

extension Catalogue {
    /// Every component of this program.
    package static func standard() -> Catalogue {
        var catalogue = Catalogue()
        catalogue.add(source: TaildirSource.self)
        catalogue.add(source: ExecSource.self)
        catalogue.add(source: NetcatSource.self)
        catalogue.add(source: NetcatUDPSource.self)
        catalogue.add(source: SyslogTCPSource.self)
        catalogue.add(source: MultiportSyslogSource.self)
        catalogue.add(source: SyslogUDPSource.self)
        catalogue.add(source: SequenceSource.self)
        catalogue.add(source: StressSource.self)
        catalogue.add(source: HTTPSource.self)
        catalogue.add(source: SpoolDirectorySource.self)
        catalogue.add(source: RPCSource.self)
        catalogue.add(source: KafkaSource.self)
        catalogue.add(channel: MemoryChannel.self)
        catalogue.add(channel: FileChannel.self)
        catalogue.add(channel: KafkaChannel.self)
        catalogue.add(channel: SpillableMemoryChannel.self)
        catalogue.add(sink: RPCSink.self)
        catalogue.add(sink: KafkaSink.self)
        catalogue.add(sink: LoggerSink.self)
        catalogue.add(sink: NullSink.self)
        catalogue.add(sink: RollingFileSink.self)
        catalogue.add(selector: ReplicatingSelectorConfiguration.declaration)
        catalogue.add(selector: MultiplexingSelectorConfiguration.declaration)
        catalogue.add(selector: LoadBalancingSelectorConfiguration.declaration)
        catalogue.add(interceptor: TimestampInterceptorConfiguration.declaration)
        catalogue.add(interceptor: HostInterceptorConfiguration.declaration)
        catalogue.add(interceptor: StaticInterceptorConfiguration.declaration)
        catalogue.add(interceptor: RemoveHeaderInterceptorConfiguration.declaration)
        catalogue.add(interceptor: UUIDInterceptorConfiguration.declaration)
        catalogue.add(interceptor: SearchReplaceInterceptorConfiguration.declaration)
        catalogue.add(interceptor: RegexFilterInterceptorConfiguration.declaration)
        catalogue.add(interceptor: RegexExtractorInterceptorConfiguration.declaration)
        catalogue.add(processor: DefaultProcessor.self)
        catalogue.add(processor: FailoverProcessor.self)
        catalogue.add(processor: LoadBalanceProcessor.self)
        return catalogue
    }
}
