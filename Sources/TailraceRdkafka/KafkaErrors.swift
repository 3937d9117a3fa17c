// librdkafka's codes: what each means for the records that came back with it. The only table of that kind.

import CRdkafka
import TailraceCore

/// What to do with records that were not confirmed.
enum KafkaVerdict: Hashable {
    /// Another attempt can succeed: the cluster, the network or the operator changes something.
    case retry
    /// The record itself is refused; the same record is refused again.
    case reject
    /// This client is of no use any more; its records go to the next one.
    case fatal
}

enum KafkaErrors {
    /// Codes that are not named are retried: trying again costs time, giving up costs events.
    static func verdict(_ code: rd_kafka_resp_err_t) -> KafkaVerdict {
        switch code {
        // The record is larger than the topic, the broker or `message.max.bytes` allows.
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE: .reject
        // The broker cannot accept its content: checksum, a compacted topic's missing key, a validator's no.
        case RD_KAFKA_RESP_ERR_INVALID_MSG, RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR__BAD_MSG: .reject
        // Its time is outside of what the topic allows, or the topic's format has no time or headers.
        case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT: .reject
        // No topic can have that name, or the topic is the broker's own.
        case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION: .reject
        // The topic is known and has no partition of that number.
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: .reject
        // librdkafka itself cannot encode it.
        case RD_KAFKA_RESP_ERR__INVALID_ARG: .reject

        // The idempotent producer lost its order or was replaced; librdkafka refuses everything from then on.
        case RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE: .fatal
        case RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH: .fatal
        case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID: .fatal

        // A missing right or topic is for a person to give: waiting loses nothing. Leaders move, replicas come back,
        // time-outs and purges say nothing about the record.
        default: .retry
        }
    }

    /// "MSG_SIZE_TOO_LARGE (Broker: Message size too large)".
    static func text(_ code: rd_kafka_resp_err_t) -> String {
        "\(String(cString: rd_kafka_err2name(code))) (\(String(cString: rd_kafka_err2str(code))))"
    }

    static func fix(_ code: rd_kafka_resp_err_t) -> String? {
        switch code {
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
            "raise max.message.bytes of the topic and message.max.bytes (max.request.size) of the producer, or send shorter events."
        case RD_KAFKA_RESP_ERR_INVALID_RECORD:
            "check what the topic asks of its records (a compacted topic needs keys)."
        case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
            "use a topic name of 1 to 249 letters, digits, '.', '_' and '-'."
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
            "use a partition number that the topic has, or add partitions to the topic."
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
            "create the topic, or let the brokers create topics (auto.create.topics.enable)."
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
            "grant the user of this client the right to write to the topic."
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
            "grant the user of this client the right to read with this group."
        case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
            "check user, password and mechanism (sasl.*)."
        case RD_KAFKA_RESP_ERR__SSL:
            "check the certificates (ssl.*) and that the port speaks TLS."
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__RESOLVE,
            RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
            "check that the brokers run and can be reached at bootstrap.servers."
        case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
            "start the brokers that are missing (min.insync.replicas)."
        default: nil
        }
    }

    /// For records that came back: `kafka.rejected`, or `kafka.undelivered` for those to be sent again.
    static func delivery(_ code: rd_kafka_resp_err_t, events: Int, topic: String) -> TailraceError {
        let rejected = verdict(code) == .reject
        return TailraceError(
            code: rejected ? "kafka.rejected" : "kafka.undelivered",
            message: "\(events) event\(events == 1 ? "" : "s") for topic \(topic): \(text(code))", fix: fix(code))
    }

    /// For what a client says of itself or of its brokers. `hint`: see ``authenticationHint(mechanism:version:)``.
    static func client(_ code: rd_kafka_resp_err_t, _ reason: String, hint: String? = nil) -> TailraceError {
        var error = TailraceError(
            code: verdict(code) == .fatal ? "kafka.fatal" : "kafka.client", message: "\(text(code)): \(reason)", fix: fix(code))
        let isCredentials =
            code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED
        if let hint, isCredentials { error.fix = [error.fix, hint].compactMap { $0 }.joined(separator: " ") }
        return error
    }

    /// Whether it says why nothing gets through, and the same again will not help: what later questions fail for.
    static func isRefusal(_ code: rd_kafka_resp_err_t) -> Bool {
        switch code {
        case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, RD_KAFKA_RESP_ERR__SSL,
            RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
            true
        default: false
        }
    }

    /// What a failed authentication may mean beside wrong credentials. nil: nothing. `version`: librdkafka's. Before 2.6.1 it
    /// repeats its own nonce in a SCRAM exchange, which Kafka 4 refuses.
    static func authenticationHint(mechanism: String?, version: Int32 = rd_kafka_version()) -> String? {
        guard mechanism?.hasPrefix("SCRAM") == true, version < 0x0206_01ff else { return nil }
        let text = "\(version >> 24).\(version >> 16 & 0xFF).\(version >> 8 & 0xFF)"
        return
            "If user and password are right and the brokers are Kafka 4 or later: librdkafka \(text) cannot do SCRAM with them "
            + "(fixed in 2.6.1): use sasl.mechanism=PLAIN over TLS, or install a newer librdkafka."
    }

    /// Consumes the error object.
    static func client(consuming error: OpaquePointer) -> TailraceError {
        defer { rd_kafka_error_destroy(error) }
        return client(rd_kafka_error_code(error), String(cString: rd_kafka_error_string(error)))
    }
}
