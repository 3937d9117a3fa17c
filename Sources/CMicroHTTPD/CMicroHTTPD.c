#include "CMicroHTTPD.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct {
    __typeof__(MHD_start_daemon) *start_daemon;
    __typeof__(MHD_stop_daemon) *stop_daemon;
    __typeof__(MHD_quiesce_daemon) *quiesce_daemon;
    __typeof__(MHD_run) *run;
    __typeof__(MHD_get_timeout) *get_timeout;
    __typeof__(MHD_get_daemon_info) *get_daemon_info;
    __typeof__(MHD_get_connection_info) *get_connection_info;
    __typeof__(MHD_get_connection_values) *get_connection_values;
    __typeof__(MHD_suspend_connection) *suspend_connection;
    __typeof__(MHD_resume_connection) *resume_connection;
    __typeof__(MHD_create_response_from_buffer) *create_response_from_buffer;
    __typeof__(MHD_add_response_header) *add_response_header;
    __typeof__(MHD_queue_response) *queue_response;
    __typeof__(MHD_destroy_response) *destroy_response;
} mhd;

const char *cmhd_open(void) {
    static int is_open = 0;
    if (is_open) return NULL;
    // Debian 12 has .so.12; 1.0 of the library is .so.12 too.
    void *library = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL);
    if (!library) return dlerror();
#define LOAD(name)                                                  \
    if (!(*(void **)&mhd.name = dlsym(library, "MHD_" #name))) return dlerror()
    LOAD(start_daemon);
    LOAD(stop_daemon);
    LOAD(quiesce_daemon);
    LOAD(run);
    LOAD(get_timeout);
    LOAD(get_daemon_info);
    LOAD(get_connection_info);
    LOAD(get_connection_values);
    LOAD(suspend_connection);
    LOAD(resume_connection);
    LOAD(create_response_from_buffer);
    LOAD(add_response_header);
    LOAD(queue_response);
    LOAD(destroy_response);
#undef LOAD
    is_open = 1;
    return NULL;
}

static void log_text(void *context, const char *format, va_list arguments) {
    char text[512];
    vsnprintf(text, sizeof text, format, arguments);
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) text[--length] = 0;
    const struct cmhd_settings *settings = context;
    settings->log(settings->context, text);
}

struct MHD_Daemon *cmhd_start(const struct cmhd_settings *settings) {
    struct MHD_OptionItem options[16];
    int count = 0;
#define OPTION(name, number, pointer) options[count++] = (struct MHD_OptionItem){name, number, pointer}
    // First, so that it hears of mistakes in the others. `settings` must live as long as the server.
    OPTION(MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log_text, (void *)settings);
    OPTION(MHD_OPTION_LISTEN_SOCKET, settings->listener, NULL);
    OPTION(MHD_OPTION_CONNECTION_LIMIT, settings->connections, NULL);
    OPTION(MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)settings->connection_memory, NULL);
    OPTION(MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL);
    OPTION(MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)settings->completed, settings->context);
    OPTION(MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)settings->connection, settings->context);
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (settings->certificate) {
        flags |= MHD_USE_TLS;
        OPTION(MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)settings->certificate);
        OPTION(MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)settings->key);
        if (settings->priorities) OPTION(MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)settings->priorities);
    }
    OPTION(MHD_OPTION_END, 0, NULL);
#undef OPTION
    return mhd.start_daemon(
        flags, 0, NULL, NULL, settings->handler, settings->context, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

int cmhd_descriptor(struct MHD_Daemon *server) {
    return mhd.get_daemon_info(server, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int cmhd_run(struct MHD_Daemon *server) {
    MHD_UNSIGNED_LONG_LONG timeout = 0;
    mhd.run(server);
    return mhd.get_timeout(server, &timeout) == MHD_YES && timeout == 0;
}

int cmhd_quiesce(struct MHD_Daemon *server) { return mhd.quiesce_daemon(server); }
void cmhd_stop(struct MHD_Daemon *server) { mhd.stop_daemon(server); }

int cmhd_socket(struct MHD_Connection *connection) {
    return mhd.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

void *cmhd_socket_context(struct MHD_Connection *connection) {
    return mhd.get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void cmhd_peer(struct MHD_Connection *connection, char *text, size_t size, uint16_t *port) {
    const union MHD_ConnectionInfo *info = mhd.get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    text[0] = 0;
    *port = 0;
    if (!info || !info->client_addr) return;
    if (info->client_addr->sa_family == AF_INET) {
        const struct sockaddr_in *address = (const struct sockaddr_in *)info->client_addr;
        inet_ntop(AF_INET, &address->sin_addr, text, size);
        *port = ntohs(address->sin_port);
    } else if (info->client_addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *address = (const struct sockaddr_in6 *)info->client_addr;
        inet_ntop(AF_INET6, &address->sin6_addr, text, size);
        *port = ntohs(address->sin6_port);
    }
}

void cmhd_suspend(struct MHD_Connection *connection) { mhd.suspend_connection(connection); }
void cmhd_resume(struct MHD_Connection *connection) { mhd.resume_connection(connection); }

int cmhd_headers(struct MHD_Connection *connection, MHD_KeyValueIterator visit, void *context) {
    return mhd.get_connection_values(connection, MHD_HEADER_KIND, visit, context);
}
int cmhd_arguments(struct MHD_Connection *connection, MHD_KeyValueIterator visit, void *context) {
    return mhd.get_connection_values(connection, MHD_GET_ARGUMENT_KIND, visit, context);
}

int cmhd_answer(
    struct MHD_Connection *connection, unsigned status, const char *const *headers, size_t count, const void *body, size_t size
) {
    struct MHD_Response *response = mhd.create_response_from_buffer(size, (void *)body, MHD_RESPMEM_MUST_COPY);
    if (!response) return 0;
    for (size_t i = 0; i < count; i++) mhd.add_response_header(response, headers[2 * i], headers[2 * i + 1]);
    int queued = mhd.queue_response(connection, status, response) == MHD_YES;
    mhd.destroy_response(response);
    return queued;
}
