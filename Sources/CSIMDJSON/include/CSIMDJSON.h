// simdjson for one form of text: events as Flume's HTTP source has them, {"headers": {name: value}, "body": text}.
#ifndef TAILRACE_CSIMDJSON_H
#define TAILRACE_CSIMDJSON_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct csimdjson_text {
    const char *start;
    size_t size;
};

/// One event. `headers`: pairs of name and value, `count` pairs, in the order of the text. All texts are UTF-8 and valid during
/// the call only. Non-zero: stop.
typedef int (*csimdjson_event)(void *context, const struct csimdjson_text *headers, size_t count, struct csimdjson_text body);

/// Keeps its memory from call to call. One thread at a time.
struct csimdjson_parser;
struct csimdjson_parser *csimdjson_new(void);
void csimdjson_free(struct csimdjson_parser *parser);

enum csimdjson_result {
    CSIMDJSON_OK,
    CSIMDJSON_STOPPED,      // by the visitor
    CSIMDJSON_BAD_UTF8,     // nothing was visited
    CSIMDJSON_BAD_SYNTAX,   // nothing was visited
    CSIMDJSON_BAD_EVENT,    // events before it may have been visited
};

/// An array of events (`is_array`), or one event. The whole text is checked before the first event is visited. At a failure
/// `reason` (of `reason_size` bytes) says what is wrong, with the number of the event from 0.
enum csimdjson_result csimdjson_events(
    struct csimdjson_parser *parser, const char *text, size_t size, int is_array, csimdjson_event visit, void *context,
    char *reason, size_t reason_size);

#ifdef __cplusplus
}
#endif
#endif
