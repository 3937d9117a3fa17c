// libmicrohttpd, opened with dlopen at first use: an agent without an HTTP source does not load it (nor GnuTLS behind it).
#ifndef TAILRACE_CMICROHTTPD_H
#define TAILRACE_CMICROHTTPD_H

#if !__has_include(<microhttpd.h>)
#error "<microhttpd.h> is missing: run scripts/install-deps, or: apt-get install libmicrohttpd-dev"
#endif
#include <microhttpd.h>

/// Opens the library. NULL when it is there, else why not. To be called once before the rest, from one thread at a time.
const char *cmhd_open(void);

/// What a server is started with; it must live as long as the server. NULL where there is no text.
struct cmhd_settings {
    int listener;                 // a socket that listens; the server's from now on
    unsigned connections;         // more wait in the kernel
    size_t connection_memory;     // bytes for the head of a request
    const char *certificate;      // PEM texts; both or none
    const char *key;
    const char *priorities;       // GnuTLS's
    void *context;                // of all callbacks
    MHD_AccessHandlerCallback handler;
    MHD_RequestCompletedCallback completed;
    MHD_NotifyConnectionCallback connection;
    void (*log)(void *context, const char *text);
};

/// A server that is run by `cmhd_run` in the caller's loop: epoll, connections can be suspended. NULL: it could not start.
struct MHD_Daemon *cmhd_start(const struct cmhd_settings *settings);

/// The descriptor that becomes readable when there is something to do.
int cmhd_descriptor(struct MHD_Daemon *server);
/// Does what can be done now. Non-zero: call it again, it has more to do.
int cmhd_run(struct MHD_Daemon *server);
/// Accepts no more; returns the listener, which is the caller's to close.
int cmhd_quiesce(struct MHD_Daemon *server);
/// Closes all connections. None may be suspended.
void cmhd_stop(struct MHD_Daemon *server);

/// The socket of a connection, and the pointer that the connection callback has set.
int cmhd_socket(struct MHD_Connection *connection);
void *cmhd_socket_context(struct MHD_Connection *connection);
/// The peer's address as text, "" when it is not known.
void cmhd_peer(struct MHD_Connection *connection, char *text, size_t size, uint16_t *port);
void cmhd_suspend(struct MHD_Connection *connection);
void cmhd_resume(struct MHD_Connection *connection);
/// Visits the header fields, or the arguments of the query (already decoded; the value may be NULL).
int cmhd_headers(struct MHD_Connection *connection, MHD_KeyValueIterator visit, void *context);
int cmhd_arguments(struct MHD_Connection *connection, MHD_KeyValueIterator visit, void *context);

/// Queues an answer. `headers`: pairs of name and value, `count` pairs. The body is copied. Zero: it could not be queued.
int cmhd_answer(
    struct MHD_Connection *connection, unsigned status, const char *const *headers, size_t count, const void *body, size_t size);

#endif
