// SPDX-License-Identifier: GPL-2.0-only
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ss_harness.h"

/* Any thread's calls count. */
static struct {
	unsigned int calls, after, times, failed;
	int err;
	bool on;
} fault[FAULT_CALLS];

void fault_set(enum fault_call call, unsigned int after, unsigned int times, int err)
{
	fault[call].calls = fault[call].failed = 0;
	fault[call].after = after;
	fault[call].times = times;
	fault[call].err = err;
	__atomic_store_n(&fault[call].on, true, __ATOMIC_RELEASE);
}

unsigned int fault_end(enum fault_call call)
{
	__atomic_store_n(&fault[call].on, false, __ATOMIC_RELEASE);
	return __atomic_load_n(&fault[call].failed, __ATOMIC_RELAXED);
}

unsigned int fault_each(enum fault_call call, int err, int (*attempt)(void *arg), void *arg)
{
	for (unsigned int step = 0;; step++) {
		int ret;

		fault_set(call, step, 1, err);
		ret = attempt(arg);
		if (!fault_end(call)) {
			EXPECT_EQ(ret, 0);
			return step;
		}
		EXPECT_EQ(ret, -err)
		{
			TH_LOG("call %u of kind %d failed", step + 1, call);
		}
	}
}

/* Sets errno if this call has to fail. */
static bool fails(enum fault_call call)
{
	unsigned int n;

	if (!__atomic_load_n(&fault[call].on, __ATOMIC_ACQUIRE))
		return false;
	n = __atomic_fetch_add(&fault[call].calls, 1, __ATOMIC_RELAXED);
	if (n < fault[call].after || n - fault[call].after >= fault[call].times)
		return false;
	__atomic_fetch_add(&fault[call].failed, 1, __ATOMIC_RELAXED);
	errno = fault[call].err;
	return true;
}

#define WRAP(ret, name, kind, bad, params, args)                                                   \
	ret __real_##name params;                                                                  \
	ret __wrap_##name params;                                                                  \
	ret __wrap_##name params                                                                   \
	{                                                                                          \
		return fails(kind) ? (bad) : __real_##name args;                                   \
	}

WRAP(void *, malloc, FAULT_MEMORY, NULL, (size_t size), (size))
WRAP(void *, calloc, FAULT_MEMORY, NULL, (size_t nr, size_t size), (nr, size))
WRAP(void *, realloc, FAULT_MEMORY, NULL, (void *p, size_t size), (p, size))
WRAP(int, eventfd, FAULT_FD, -1, (unsigned int count, int flags), (count, flags))
WRAP(int, timerfd_create, FAULT_FD, -1, (int clock, int flags), (clock, flags))
WRAP(int, epoll_create1, FAULT_FD, -1, (int flags), (flags))
WRAP(int, epoll_ctl, FAULT_EPOLL_ADD, -1, (int ep, int op, int fd, struct epoll_event *ev),
     (ep, op, fd, ev))
WRAP(int, pthread_create, FAULT_THREAD, errno,
     (pthread_t * t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg),
     (t, attr, fn, arg))
WRAP(int, fallocate, FAULT_FALLOCATE, -1, (int fd, int mode, off_t off, off_t len),
     (fd, mode, off, len))
WRAP(int, fdatasync, FAULT_SYNC, -1, (int fd), (fd))
WRAP(ssize_t, pwrite, FAULT_WRITE, -1, (int fd, const void *buf, size_t len, off_t off),
     (fd, buf, len, off))
WRAP(ssize_t, pwritev, FAULT_WRITE, -1, (int fd, const struct iovec *iov, int nr, off_t off),
     (fd, iov, nr, off))
WRAP(ssize_t, write, FAULT_WRITE, -1, (int fd, const void *buf, size_t len), (fd, buf, len))

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	/* As the C library does it: one that wasn't given is passed on, too. */
	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return fails(FAULT_IOCTL) ? -1 : __real_ioctl(fd, request, arg);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (flags & (O_CREAT | __O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return fails(FAULT_OPEN) ? -1 : __real_open(path, flags, mode);
}
