/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls that fail when a test says so. The linker sends these calls of the
 * code under test (and of the test itself) through faults.c.
 */
#ifndef SS_FAULTS_H
#define SS_FAULTS_H

enum fault_call {
	FAULT_MEMORY,	 /* malloc, calloc, realloc */
	FAULT_FD,	 /* eventfd, timerfd_create, epoll_create1 */
	FAULT_EPOLL_ADD, /* epoll_ctl */
	FAULT_THREAD,	 /* pthread_create */
	FAULT_OPEN,	 /* open */
	FAULT_FALLOCATE, /* fallocate */
	FAULT_SYNC,	 /* fdatasync */
	FAULT_WRITE,	 /* pwrite, pwritev, write */
	FAULT_IOCTL,	 /* ioctl */
	FAULT_CALLS
};

/** fault_set() - let @after more calls of this kind pass, and the next @times fail with @err */
void fault_set(enum fault_call call, unsigned int after, unsigned int times, int err);

/** fault_end() - no more of them fail. Returns how many did since fault_set() */
unsigned int fault_end(enum fault_call call);

/**
 * fault_each() - let the first, then only the second, ... call fail
 * @call: of which kind
 * @err: with this errno
 * @attempt: does something, and undoes it if it succeeds; returns 0 or -errno
 *
 * Goes on until an attempt has no call left to fail; each but that one must
 * return -@err. Returns how many failed.
 */
unsigned int fault_each(enum fault_call call, int err, int (*attempt)(void *arg), void *arg);

#endif /* SS_FAULTS_H */
