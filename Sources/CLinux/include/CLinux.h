// What Swift's Glibc module lacks, because it reads the headers without _GNU_SOURCE.
//
// This header must not define _GNU_SOURCE nor include what Glibc's module includes, if it can be helped: the two modules would
// then have different definitions of one type, which the compiler refuses. The .c files define it.
#ifndef TAILRACE_CLINUX_H
#define TAILRACE_CLINUX_H

#include <malloc.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

/// accept4() with the flags that every connection of ours has.
int clinux_accept(int listener, void *address, uint32_t *length);

/// One datagram of clinux_receive_datagrams().
struct clinux_datagram {
    uint32_t length;    // what is there of it
    int truncated;      // there was more
    uint8_t address[28]; // a sockaddr_in or sockaddr_in6
    uint32_t address_length;
};

enum { CLINUX_DATAGRAMS = 64 };

/// recvmmsg(): at most `limit` (CLINUX_DATAGRAMS) datagrams, each into `slot` bytes of `space`. Returns how many, or -1 with errno.
int clinux_receive_datagrams(int socket, void *space, uint32_t slot, struct clinux_datagram *datagrams, int limit);

/// Datagrams that found the buffer of the socket full, since it was made; -1 with errno where the kernel does not say it.
int64_t clinux_dropped_datagrams(int socket);

/// Asks for a receive buffer, if allowed beyond net.core.rmem_max. Returns what it is now (the kernel doubles what it was asked for).
int clinux_set_receive_buffer(int socket, int bytes);

/// prctl() is variadic, so Swift does not see it.
int clinux_set_parent_death_signal(int signal_number);

/// fcntl() is variadic, so Swift does not see all of its forms.
int clinux_set_nonblocking(int descriptor);

/// The file type bits of a mode: 0 other, 1 regular file, 2 directory, 3 symbolic link.
int clinux_file_kind(uint32_t mode);

/// Of the calling thread; at most 15 bytes.
void clinux_name_thread(const char *name);

/// getrandom(): how many bytes were filled, -1 with errno at an error.
int64_t clinux_random(void *space, uint64_t count);

/// A pipe whose ends are closed in children. The caller makes its own end non-blocking.
int clinux_pipe(int ends[2]);

/// A non-blocking signalfd for the signals of `numbers`.
int clinux_signal_descriptor(const int *numbers, int count);

/// The number of the signal that is read from such a descriptor; 0 when there is none, -1 with errno at an error.
int clinux_next_signal(int descriptor);

/// Blocks the signals of `numbers` in the calling thread and in those that it will start.
int clinux_block_signals(const int *numbers, int count);

/// The signals that a thread blocks: as large as the kernel's own set.
struct clinux_signals {
    uint64_t words[16];
};

/// Blocks every signal that another process may send, and keeps the mask that was there. For the start of threads.
void clinux_block_all_signals(struct clinux_signals *before);
void clinux_restore_signals(const struct clinux_signals *before);

/// epoll_wait() with a time-out in nanoseconds (negative: none). Rounds up to milliseconds where the kernel is older than 5.11.
int clinux_epoll_wait(int poll, struct epoll_event *events, int limit, int64_t nanoseconds);

/// fallocate(): posix_fallocate() would write zeroes where the file system has no such call.
int clinux_preallocate(int descriptor, int64_t size);

/// Gives back the pages of the program's code that were touched so far; those that are used again come from the page cache.
void clinux_release_code(void);

/// A descriptor that becomes readable when the process ends.
int clinux_process_descriptor(int process);

/// The environment of this process: what getenv() reads. Swift 6 does not let one touch the variable.
char *const *clinux_environment(void);

/// 128 + signal, or the exit status, as shells say it; -1 with errno when the process cannot be waited for. Does not wait.
int clinux_reap(int process);

/// What a child is started with. All descriptors are the caller's and stay open.
struct clinux_spawn {
    char *const *arguments;    // ends with NULL; the first one is looked for in PATH
    char *const *environment;  // ends with NULL; all that the child gets
    int input, output, errors; // become 0, 1 and 2
    int keeper;                // from clinux_start_keeper
    uint64_t descriptor_limit; // the child's soft limit of open files; 0: as it is
};

/// Starts a child that leads a process group of its own, with default signal handlers, no other descriptor, and that gets
/// SIGKILL when the calling thread ends. Waits until exec() has worked or failed.
/// Returns the process id, or -1 with errno: nothing runs then.
int clinux_start(const struct clinux_spawn *spawn);

/// Starts a process that does nothing but wait for the end of this one, and then kills the process groups that are on its
/// list: also those whose leader is gone, and also after a SIGKILL. The list is kept by messages of 4 bytes to the
/// descriptor that is returned: a group's number adds it, its negative takes it off.
/// Returns -1 with errno.
int clinux_start_keeper(int *keeper);

#endif
