#ifndef TAILRACE_CRdkafka_SHIM_H
#define TAILRACE_CRdkafka_SHIM_H

#if !__has_include(<librdkafka/rdkafka.h>)
#error "<librdkafka/rdkafka.h> is missing: run scripts/install-deps, or: apt-get install librdkafka-dev"
#endif
// No _GNU_SOURCE here, as in CLinux.h: one compilation must not see two forms of the same system types.
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

/// rd_kafka_mock_push_request_errors() is variadic, so Swift does not see it.
static inline void crdkafka_mock_push_error(
    rd_kafka_mock_cluster_t *cluster, int16_t api_key, rd_kafka_resp_err_t error
) {
    rd_kafka_mock_push_request_errors(cluster, api_key, 1, error);
}

#endif
