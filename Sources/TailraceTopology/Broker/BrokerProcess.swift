package import TailraceCore
import TailraceIO
import TailraceRdkafka
import TailraceStatus

/// The cluster's broker in a process of its own: librdkafka's mock cluster, a real Kafka that it starts and ends, or only the
/// watch over one that runs elsewhere. Ready when all topics exist and have leaders.
package final class BrokerProcess {
    /// How long Kafka may take: a first start on a busy machine takes ten times as long as on an idle one.
    private static let limit = Duration.seconds(120)
    /// What the helper thread found.
    private enum Report: Sendable {
        case ready
        case failed(TailraceError)
    }

    private let plan: ClusterPlan
    private let loop: any EventLoop
    private let processes: any Processes
    private let say: (String) -> Void
    private let ended: (Int32) -> Void
    private var status: HelperStatus
    private var server: DocumentServer?
    private var embedded: EmbeddedBroker?
    private var kafka: MemberProcess?
    private var port: LoopPort<Report>?
    private var isStopping = false

    /// `say`: lines for the log. `ended`: with the exit code, when it cannot go on or has stopped.
    package init(
        _ plan: ClusterPlan, _ loop: any EventLoop, _ network: any Network, _ processes: any Processes,
        processID: Int32, say: @escaping (String) -> Void, ended: @escaping (Int32) -> Void
    ) throws(TailraceError) {
        (self.plan, self.loop, self.processes) = (plan, loop, processes)
        (self.say, self.ended) = (say, ended)
        status = HelperStatus(pid: processID, isReady: false)
        status.servers = plan.servers
        server = try DocumentServer(loop, network, path: plan.member("broker")!.socket) { [weak self] request, reply in
            guard let self else { return reply(#"{"error":"it ends"}"#) }
            if let number = Self.signal(request) {
                kafka?.signal(number)
            } else if request + "\n" != AgentStatus.request {
                return reply(#"{"error":"known: GET status, SIGNAL number"}"#)
            }
            reply(JSON.text(status))
        }
    }

    package func start() throws(TailraceError) {
        switch plan.brokerKind {
        case "embedded": try startEmbedded()
        case "home": try startHome()
        default: createTopics()
        }
    }

    package func stop() {
        guard !isStopping else { return }
        isStopping = true
        server?.close()
        embedded?.close()
        if let kafka {
            kafka.signal(15)
            // One that was stopped must hear it.
            kafka.signal(18)
        } else {
            loop.enqueue { [self] in ended(0) }
        }
    }

    /// A request that passes a signal on to the Kafka at home.
    static func signalRequest(_ number: Int32) -> String { "SIGNAL \(number)\n" }
    /// Of a request without its line end; nil: it is another one.
    static func signal(_ request: String) -> Int32? {
        let words = request.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 2, words[0] == "SIGNAL", let number = Int32(words[1]), (1...64).contains(number) else {
            return nil
        }
        return number
    }

    private func startEmbedded() throws(TailraceError) {
        let broker = try EmbeddedBroker()
        for topic in plan.topics { try broker.createTopic(topic.name, partitions: topic.partitions) }
        embedded = broker
        status.servers = broker.bootstraps
        isReady()
    }
    private func isReady() {
        status.isReady = true
        status.trouble = ""
        say("broker \(plan.brokerKind) is ready at \(status.servers)")
    }

    // MARK: Kafka at home

    private func startHome() throws(TailraceError) {
        let home = plan.kafka
        guard SystemCall.names(in: "\(home.home)/bin")?.contains("kafka-server-start.sh") == true else {
            throw TailraceError(
                code: "topology.kafka-home", message: "\(home.home)/bin/kafka-server-start.sh is not there",
                fix: "set KAFKA_HOME, or broker.home in the topology file, to the folder of an Apache Kafka")
        }
        try SystemCall.makeDirectory(home.dataDirectory)
        try SystemCall.replace(home.propertiesFile, with: home.properties)
        // Formatted by an earlier run of this process: its records stay.
        if SystemCall.names(in: home.dataDirectory)?.contains("meta.properties") == true { return startServer() }
        var random = SeededRandom(seed: randomSeed())
        try run(home.formatCommand(clusterID: KafkaHome.clusterID(&random)), "format") { [self] status in
            guard status == 0 else { return failed("kafka-storage.sh format", status, log: "format") }
            startServer()
        }
    }

    private func startServer() {
        guard !isStopping else { return ended(0) }
        do throws(TailraceError) {
            try run(plan.kafka.startCommand, "kafka") { [self] status in
                if isStopping { return ended(0) }
                failed("Kafka", status, log: "kafka")
            }
            createTopics()
        } catch { fail(error.description) }
    }

    private func run(_ command: [String], _ name: String, _ exited: @escaping (Int32) -> Void) throws(TailraceError) {
        var member = plan.member("broker")!
        member.arguments = command
        let log = try MemberLog(path: logPath(name))
        let variables = plan.kafka.environment(heap: SystemCall.variable("KAFKA_HEAP_OPTS"))
        kafka = try MemberProcess(member, environment: variables, processes, loop, log) { [self] status in
            kafka = nil
            exited(status)
        }
    }

    // MARK: Topics

    /// On a thread: the client library's administration waits.
    private func createTopics() {
        let port = loop.openPort { [weak self] (report: Report) in self?.received(report) }
        self.port = port
        let topics = plan.topics, servers = plan.servers, limit = Self.limit
        startThread("topics") {
            do throws(TailraceError) {
                try TopicAdministration.create(topics.map { ($0.name, $0.partitions) }, at: servers, within: limit)
                port.post(.ready)
            } catch { port.post(.failed(error)) }
        }
    }
    private func received(_ report: Report) {
        guard !isStopping else { return }
        switch report {
        case .ready: isReady()
        case .failed(let error): fail(error.description)
        }
    }

    private func logPath(_ name: String) -> String { "\(plan.member("broker")!.directory)/\(name).log" }

    /// With what it printed last: who reads that the cluster could not start is to see why.
    private func failed(_ program: String, _ status: Int32, log: String) {
        fail("\(program) ended with exit status \(status). Its last lines:\n\(LogTail.read(logPath(log), lines: 8))")
    }

    private func fail(_ reason: String) {
        say("broker: \(reason)\nbroker: all logs are in \(plan.member("broker")!.directory)")
        guard !isStopping else { return }
        isStopping = true
        server?.close()
        kafka?.signal(9)
        ended(1)
    }
}

extension ClusterPlan {
    package var kafka: KafkaHome {
        let port = servers.split(separator: ":").last.flatMap { Int($0) } ?? 0
        return KafkaHome(
            home: kafkaHome, directory: member("broker")!.directory, port: port, controllerPort: controllerPort)
    }
}
