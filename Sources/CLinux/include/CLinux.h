// What Swift's Glibc module lacks, because it reads the headers without _GNU_SOURCE.
#ifndef TAILRACE_CLINUX_H
#define TAILRACE_CLINUX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/// accept4() with the flags that every connection of ours has.
static inline int clinux_accept(int listener, struct sockaddr *address, socklen_t *length) {
    return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/// prctl() is variadic, so Swift does not see it.
static inline int clinux_set_parent_death_signal(int signal_number) {
    return prctl(PR_SET_PDEATHSIG, signal_number);
}

/// fcntl() is variadic, so Swift does not see all of its forms.
static inline int clinux_set_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 ? -1 : fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

/// The file type bits of a mode: 0 other, 1 regular file, 2 directory, 3 symbolic link.
static inline int clinux_file_kind(mode_t mode) {
    return S_ISREG(mode) ? 1 : S_ISDIR(mode) ? 2 : S_ISLNK(mode) ? 3 : 0;
}

static inline void clinux_name_thread(const char *name) {
    pthread_setname_np(pthread_self(), name);
}

#endif
