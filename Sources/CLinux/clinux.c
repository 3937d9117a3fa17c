#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int clinux_accept(int listener, void *address, uint32_t *length) {
    return accept4(listener, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int clinux_set_parent_death_signal(int signal_number) {
    return prctl(PR_SET_PDEATHSIG, signal_number);
}

int clinux_set_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 ? -1 : fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

int clinux_file_kind(uint32_t mode) {
    return S_ISREG(mode) ? 1 : S_ISDIR(mode) ? 2 : S_ISLNK(mode) ? 3 : 0;
}

void clinux_name_thread(const char *name) {
    pthread_setname_np(pthread_self(), name);
}

int64_t clinux_random(void *space, uint64_t count) {
    return getrandom(space, count, 0);
}

int clinux_pipe(int ends[2]) {
    return pipe2(ends, O_CLOEXEC);
}

int clinux_preallocate(int descriptor, int64_t size) {
    return fallocate(descriptor, 0, 0, size);
}

/// Of the program itself, which comes first; its code is mapped privately and never written to.
static int release_code(struct dl_phdr_info *object, size_t size, void *data) {
    (void)size, (void)data;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[index];
        if (header->p_type != PT_LOAD || !(header->p_flags & PF_X) || (header->p_flags & PF_W)) continue;
        uintptr_t start = (object->dlpi_addr + header->p_vaddr + page - 1) & ~(page - 1);
        uintptr_t end = (object->dlpi_addr + header->p_vaddr + header->p_memsz) & ~(page - 1);
        if (start < end) madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 1;
}

void clinux_release_code(void) {
    dl_iterate_phdr(release_code, NULL);
}

int clinux_process_descriptor(int process) {
    return (int)syscall(SYS_pidfd_open, process, 0);
}

static void fill(sigset_t *set, const int *numbers, int count) {
    sigemptyset(set);
    for (int index = 0; index < count; index += 1) sigaddset(set, numbers[index]);
}

int clinux_signal_descriptor(const int *numbers, int count) {
    sigset_t set;
    fill(&set, numbers, count);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int clinux_next_signal(int descriptor) {
    struct signalfd_siginfo information;
    ssize_t count;
    do count = read(descriptor, &information, sizeof information);
    while (count < 0 && errno == EINTR);
    if (count < 0) return errno == EAGAIN ? 0 : -1;
    return (int)information.ssi_signo;
}

int clinux_block_signals(const int *numbers, int count) {
    sigset_t set;
    fill(&set, numbers, count);
    errno = pthread_sigmask(SIG_BLOCK, &set, NULL);
    return errno == 0 ? 0 : -1;
}

_Static_assert(sizeof(struct clinux_signals) == sizeof(sigset_t), "it holds a sigset_t");

void clinux_block_all_signals(struct clinux_signals *before) {
    sigset_t all, old;
    sigfillset(&all);
    // A fault of the thread's own must end the process with its real reason.
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGTRAP);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    memcpy(before, &old, sizeof old);
}

void clinux_restore_signals(const struct clinux_signals *before) {
    sigset_t old;
    memcpy(&old, before, sizeof old);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static int wait_in_milliseconds(int poll, struct epoll_event *events, int limit, int64_t nanoseconds) {
    int64_t milliseconds = nanoseconds < 0 ? -1 : (nanoseconds + 999999) / 1000000;
    return epoll_wait(poll, events, limit, milliseconds > 86400000 ? 86400000 : (int)milliseconds);
}

int clinux_epoll_wait(int poll, struct epoll_event *events, int limit, int64_t nanoseconds) {
    // Which call exists does not change while the process lives; all threads find the same.
    static int without_nanoseconds = 0;
    if (nanoseconds <= 0 || __atomic_load_n(&without_nanoseconds, __ATOMIC_RELAXED))
        return wait_in_milliseconds(poll, events, limit, nanoseconds);
    struct timespec timeout = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    int count = epoll_pwait2(poll, events, limit, &timeout, NULL);
    if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
        __atomic_store_n(&without_nanoseconds, 1, __ATOMIC_RELAXED);
        return wait_in_milliseconds(poll, events, limit, nanoseconds);
    }
    return count;
}

char *const *clinux_environment(void) {
    return environ;
}

int clinux_reap(int process) {
    siginfo_t information = {0};
    int result;
    do result = waitid(P_PID, (id_t)process, &information, WEXITED | WNOHANG);
    while (result < 0 && errno == EINTR);
    if (result < 0) return -1;
    if (information.si_pid == 0) {
        errno = EAGAIN;
        return -1;
    }
    return information.si_code == CLD_EXITED ? information.si_status : 128 + information.si_status;
}
