/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * io_uring under a file backing: what backing.c needs of it.
 */
#ifndef SS_IO_BACKING_URING_H
#define SS_IO_BACKING_URING_H

#include "io/backing.h"

/**
 * backing_uring_open() - a ring for requests on @fd
 * @fd: borrowed; must stay open as long as the queue
 * @depth: requests in flight at once
 *
 * Return: 0 or a negative errno: -ENOSYS (no io_uring in this kernel), -EPERM
 * or -EACCES (forbidden by sysctl, seccomp or a container), -ENOMEM, ...
 */
int backing_uring_open(int fd, unsigned int depth, struct backing_queue **out);

/** backing_uring_probe() - can there be a ring at all? Return: as above */
int backing_uring_probe(void);

#endif /* SS_IO_BACKING_URING_H */
