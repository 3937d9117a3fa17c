// Datagrams in bulk: the calls and structures that need _GNU_SOURCE.
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

_Static_assert(sizeof(struct sockaddr_in6) <= sizeof((struct clinux_datagram){0}.address), "it holds an address");

int clinux_receive_datagrams(int socket, void *space, uint32_t slot, struct clinux_datagram *datagrams, int limit) {
    struct mmsghdr headers[CLINUX_DATAGRAMS];
    struct iovec vectors[CLINUX_DATAGRAMS];
    if (limit > CLINUX_DATAGRAMS) limit = CLINUX_DATAGRAMS;
    memset(headers, 0, sizeof headers[0] * (size_t)limit);
    for (int index = 0; index < limit; index += 1) {
        vectors[index].iov_base = (char *)space + (size_t)index * slot;
        vectors[index].iov_len = slot;
        headers[index].msg_hdr.msg_iov = &vectors[index];
        headers[index].msg_hdr.msg_iovlen = 1;
        headers[index].msg_hdr.msg_name = datagrams[index].address;
        headers[index].msg_hdr.msg_namelen = sizeof datagrams[index].address;
    }
    int count;
    do count = recvmmsg(socket, headers, (unsigned int)limit, MSG_DONTWAIT, NULL);
    while (count < 0 && errno == EINTR);
    for (int index = 0; index < count; index += 1) {
        datagrams[index].length = headers[index].msg_len;
        datagrams[index].truncated = (headers[index].msg_hdr.msg_flags & MSG_TRUNC) != 0;
        datagrams[index].address_length = headers[index].msg_hdr.msg_namelen;
    }
    return count;
}

int64_t clinux_dropped_datagrams(int socket) {
    // SO_MEMINFO instead of SO_RXQ_OVFL: the same counter, exact now, and not as it was when a datagram was queued.
    enum { DROPS = 8 };  // SK_MEMINFO_DROPS of <linux/sock_diag.h>
    uint32_t values[DROPS + 1];
    socklen_t length = sizeof values;
    if (getsockopt(socket, SOL_SOCKET, SO_MEMINFO, values, &length) < 0) return -1;
    if (length < sizeof values) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return values[DROPS];
}

int clinux_set_receive_buffer(int socket, int bytes) {
    if (bytes > 0 && setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0) {
        setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    int given = 0;
    socklen_t length = sizeof given;
    return getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &given, &length) < 0 ? -1 : given;
}
