/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `stallscope serve`: a disk behind a socket, for a machine that somebody else runs. Each
 * disk has a thread of its own, so that none waits for another's front-end.
 */
#ifndef SS_SERVE_H
#define SS_SERVE_H

#include <stdbool.h>

#include "run/device_opts.h"
#include "ss_counters.h"

struct serve_disk;

/**
 * struct serve_config - a disk to be served
 * @index: its number
 * @disk: as --disk says
 * @throttle: its group's, NULL for one of its own; borrowed
 * @path: of its socket
 */
struct serve_config {
	unsigned int index;
	const struct disk_opts *disk;
	struct throttle *throttle;
	const char *path;
};

/**
 * serve_open() - open the disk and its socket
 * @out: for serve_close()
 *
 * @config's strings must outlive it. A socket that a dead server has left is replaced.
 * Return: SS_EXIT_OK, or an exit status after one line on stderr.
 */
int serve_open(const struct serve_config *config, struct serve_disk **out);

/**
 * serve_start() - serve front-ends, one after the other, on a thread
 * @done_fd: eventfd that is signalled if it has to end by itself
 *
 * Return: SS_EXIT_OK, or SS_EXIT_FAIL after one line on stderr.
 */
int serve_start(struct serve_disk *s, int done_fd);

/** serve_stop() - drop the front-end, and end the thread. Requests in flight end first */
void serve_stop(struct serve_disk *s);

/** serve_counters() - what it has done so far */
void serve_counters(const struct serve_disk *s, struct ss_blk_counters *out);

/**
 * serve_close() - remove the socket, free it all; stopped. NULL is fine
 *
 * Return: false if a worker hangs in its backing: then that part stays until the process
 * ends.
 */
bool serve_close(struct serve_disk *s);

#endif /* SS_SERVE_H */
