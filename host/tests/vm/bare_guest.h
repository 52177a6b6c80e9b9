/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Booting the payloads that drive our devices under KVM: the machine, the
 * disk and its file as in a run, and what the guest reports (see
 * guest-tests/bare/bare_shared.h). A check that fails in the guest fails the test.
 */
#ifndef SS_TESTS_BARE_GUEST_H
#define SS_TESTS_BARE_GUEST_H

#include <pthread.h>

#include "guest-tests/bare/bare_shared.h"
#include "io/backing.h"
#include "ss_harness.h"
#include "virtio/blk.h"
#include "virtio/net.h"
#include "vm/machine.h"

#define BARE_TIMEOUT_S	 60    /* a test's limit */
#define BARE_DISK_BLOCKS 1024u /* 4 MiB */

/**
 * struct bare_guest - a guest with its devices
 * @elf: the payload: "blk" or "net"
 * @call: the host's part of a test: a number that isn't below BARE_CALL_TEST;
 *	runs on the vCPU's thread, which waits; several vCPUs one after the other
 * @called: numbers of all calls so far, a bit each
 * @finished: the payload's test came to its end
 */
struct bare_guest {
	const char *elf;
	struct machine *m;
	struct machine_end end;
	struct blk *blk;
	struct backing *backing;
	int file;
	struct net *net;
	struct bare_shared *shared;
	void (*call)(struct bare_guest *n, uint32_t nr);
	pthread_mutex_t lock;
	uint64_t called;
	bool finished;
};

/**
 * struct bare_guest_opts - what a test wants; zeroes are good
 * @cpus: 0 means 1
 * @backing: BACKING_URING skips the test where there is no io_uring
 */
struct bare_guest_opts {
	unsigned int cpus;
	unsigned int queues;
	enum backing_kind backing;
	bool read_only;
	struct throttle_limits limits;
	bool poll, event_idx, indirect;
	uint32_t depth, rounds;
};

/** bare_guest_disk() - a machine with a disk, or SKIP where there is no KVM */
void bare_guest_disk(struct bare_guest *n, const struct bare_guest_opts *opts);

/** bare_guest_net() - a machine with a network device, or SKIP */
void bare_guest_net(struct bare_guest *n, const struct bare_guest_opts *opts);

/** bare_guest_start() - boot the payload's test @name */
void bare_guest_start(struct bare_guest *n, const char *name);

/** bare_guest_finish() - wait for its end, which must be a good one */
void bare_guest_finish(struct bare_guest *n);

/** bare_guest_run() - both */
void bare_guest_run(struct bare_guest *n, const char *name);

/** bare_guest_await() - until the guest has made call @nr, or has ended */
void bare_guest_await(struct bare_guest *n, uint32_t nr);

/** bare_guest_free() - take all of it down; zeroes are fine */
void bare_guest_free(struct bare_guest *n);

/** bare_guest_check_file() - does the disk's file hold the pattern? */
void bare_guest_check_file(const struct bare_guest *n, uint64_t first, uint32_t blocks,
			   uint32_t gen);

#endif /* SS_TESTS_BARE_GUEST_H */
