// The keeper: a process that outlives this one for a moment, to kill what this one had started.
//
// A parent death signal reaches a child and not the child's children, such as the parts of a shell's pipeline. The keeper
// knows all process groups and kills them when the pipe from this process has no writer left. Groups are never taken from
// the list after their leader's number may have been given to somebody else: the parent sends the message before it reaps.
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { CAPACITY = 4096 };

static void keep(int messages) {
    static pid_t groups[CAPACITY];
    int count = 0;
    for (;;) {
        pid_t group;
        ssize_t size = read(messages, &group, sizeof group);
        if (size < 0 && errno == EINTR) continue;
        if (size != sizeof group) break;
        pid_t wanted = group < 0 ? -group : group;
        int found = 0;
        while (found < count && groups[found] != wanted) found += 1;
        if (group < 0 && found < count) groups[found] = groups[--count];
        if (group > 0 && found == count && count < CAPACITY) groups[count++] = group;
    }
    for (int index = 0; index < count; index += 1) kill(-groups[index], SIGKILL);
}

int clinux_start_keeper(int *keeper) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return -1;  // nobody waits for a keeper that hangs
    struct clinux_signals before;
    clinux_block_all_signals(&before);
    pid_t child = fork();
    if (child == 0) {
        setsid();  // no signal of a terminal; other signals stay blocked
        prctl(PR_SET_NAME, "tailrace-keeper");
        int messages = fcntl(ends[0], F_DUPFD_CLOEXEC, 4);
        if (messages < 0) _exit(1);
        // Nobody may wait for the end of a pipe or for a lock that only the keeper still has.
        if (dup2(messages, 3) < 0) _exit(1);
        close(0);
        close(1);
        close(2);
        if (close_range(4, ~0U, 0) < 0) {
            for (int descriptor = 4; descriptor < 65536; descriptor += 1) close(descriptor);
        }
        fcntl(3, F_SETFL, 0);  // the keeper has nothing to do but wait
        keep(3);
        _exit(0);
    }
    int error = errno;
    clinux_restore_signals(&before);
    close(ends[0]);
    if (child < 0) {
        close(ends[1]);
        errno = error;
        return -1;
    }
    *keeper = child;
    return ends[1];
}
