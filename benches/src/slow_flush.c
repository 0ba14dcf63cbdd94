/* Loaded before the measured process: a flush takes at least MAINSTAY_BENCH_FLUSH_US microseconds, as on a disk that is slower
   than this machine's. The real flush happens first; the thread then sleeps for what is left. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int slow(long number, int file) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int result = (int)syscall(number, file);
    int error = errno;
    const char *text = getenv("MAINSTAY_BENCH_FLUSH_US");
    long us = text ? atol(text) : 0;
    until.tv_nsec += us % 1000000 * 1000;
    until.tv_sec += us / 1000000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, 0) == EINTR) {}
    errno = error;
    return result;
}

int fsync(int file) { return slow(SYS_fsync, file); }
int fdatasync(int file) { return slow(SYS_fdatasync, file); }
