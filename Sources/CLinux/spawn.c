// A child process that ends with this one. posix_spawn() can set neither a parent death signal nor a limit, hence fork().
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void reset_signals(void) {
    struct sigaction standard;
    memset(&standard, 0, sizeof standard);
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number += 1) sigaction(number, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/// In the child: only async-signal-safe calls from here on.
static int prepare(const struct clinux_spawn *spawn, pid_t parent) {
    if (setpgid(0, 0) < 0) return -1;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) return -1;
    if (getppid() != parent) _exit(127);  // it ended before the line above
    // Onto the keeper's list before anything can start a grandchild.
    pid_t group = getpid();
    if (write(spawn->keeper, &group, sizeof group) != sizeof group) return -1;
    // Away from 0 to 2 first, which may be among them.
    int input = fcntl(spawn->input, F_DUPFD_CLOEXEC, 3);
    int output = fcntl(spawn->output, F_DUPFD_CLOEXEC, 3);
    int errors = fcntl(spawn->errors, F_DUPFD_CLOEXEC, 3);
    if (input < 0 || output < 0 || errors < 0) return -1;
    if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0) return -1;
    // A library may have opened a descriptor without O_CLOEXEC. Older kernels have no such call; then ours have the flag.
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    struct rlimit limit;
    if (spawn->descriptor_limit != 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = spawn->descriptor_limit;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    reset_signals();
    return 0;
}

int clinux_start(const struct clinux_spawn *spawn) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0) return -1;
    if (report[1] < 3) {  // not where the child's own descriptors go
        int moved = fcntl(report[1], F_DUPFD_CLOEXEC, 3);
        int error = errno;
        close(report[1]);
        if (moved < 0) {
            close(report[0]);
            errno = error;
            return -1;
        }
        report[1] = moved;
    }
    pid_t parent = getpid();
    struct clinux_signals before;
    clinux_block_all_signals(&before);
    pid_t child = fork();
    if (child == 0) {
        if (prepare(spawn, parent) == 0) execvpe(spawn->arguments[0], spawn->arguments, spawn->environment);
        int error = errno;
        ssize_t ignored = write(report[1], &error, sizeof error);
        (void)ignored;
        _exit(127);
    }
    int fork_error = errno;
    clinux_restore_signals(&before);
    close(report[1]);
    if (child < 0) {
        close(report[0]);
        errno = fork_error;
        return -1;
    }
    int error = 0;
    ssize_t count;
    do count = read(report[0], &error, sizeof error);
    while (count < 0 && errno == EINTR);
    close(report[0]);
    if (count != sizeof error) return child;  // closed by exec()
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    pid_t off = -child;
    ssize_t ignored = write(spawn->keeper, &off, sizeof off);
    (void)ignored;
    errno = error;
    return -1;
}
