/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Booting the payloads that drive our devices on native KVM: the machine, the
 * disk and its file as in a run, and what the guest reports (see
 * guest-tests/bare/native.h). A check that fails in the guest fails the test.
 */
#ifndef SS_TESTS_NATIVE_H
#define SS_TESTS_NATIVE_H

#include <pthread.h>

#include "guest-tests/bare/native.h"
#include "io/backing.h"
#include "ss_harness.h"
#include "virtio/blk.h"
#include "virtio/net.h"
#include "vm/machine.h"

#define NATIVE_TIMEOUT_S   60	 /* a test's limit */
#define NATIVE_DISK_BLOCKS 1024u /* 4 MiB */

/**
 * struct native - a guest with its devices
 * @elf: the payload: "blk" or "net"
 * @call: the host's part of a test: a number that isn't below NATIVE_CALL_TEST;
 *	runs on the vCPU's thread, which waits; several vCPUs one after the other
 * @called: numbers of all calls so far, a bit each
 * @finished: the payload's test came to its end
 */
struct native {
	const char *elf;
	struct machine *m;
	struct machine_end end;
	struct blk *blk;
	struct backing *backing;
	int file;
	struct net *net;
	struct native_shared *shared;
	void (*call)(struct native *n, uint32_t nr);
	pthread_mutex_t lock;
	uint64_t called;
	bool finished;
};

/**
 * struct native_opts - what a test wants; zeroes are good
 * @cpus: 0 means 1
 * @backing: BACKING_URING skips the test where there is no io_uring
 */
struct native_opts {
	unsigned int cpus;
	unsigned int queues;
	enum backing_kind backing;
	bool read_only;
	struct throttle_limits limits;
	bool poll, event_idx, indirect;
	uint32_t depth, rounds;
};

/** native_disk() - a machine with a disk, or SKIP where there is no KVM */
void native_disk(struct native *n, const struct native_opts *opts);

/** native_net() - a machine with a network device, or SKIP */
void native_net(struct native *n, const struct native_opts *opts);

/** native_start() - boot the payload's test @name */
void native_start(struct native *n, const char *name);

/** native_finish() - wait for its end, which must be a good one */
void native_finish(struct native *n);

/** native_run() - both */
void native_run(struct native *n, const char *name);

/** native_await() - until the guest has made call @nr, or has ended */
void native_await(struct native *n, uint32_t nr);

/** native_free() - take all of it down; zeroes are fine */
void native_free(struct native *n);

/** native_check_file() - does the disk's file hold the pattern? */
void native_check_file(const struct native *n, uint64_t first, uint32_t blocks, uint32_t gen);

#endif /* SS_TESTS_NATIVE_H */
