// SPDX-License-Identifier: GPL-2.0-only
/* The disk on KVM, driven by a bare-metal guest: data, waiting, interrupts. */
#include "native.h"

FIXTURE(blk)
{
	struct native n;
};

FIXTURE_SETUP(blk)
{
	self->n = (struct native){ 0 };
}

FIXTURE_TEARDOWN(blk)
{
	native_free(&self->n);
}

TEST_F(blk, config, .timeout_s = NATIVE_TIMEOUT_S,
       .title = "D3 D4 D5 D6 D7 a guest reads registers and config space in every width")
{
	native_disk(&self->n, &(struct native_opts){ .queues = 4 });
	self->n.shared->answer[0] = (uint64_t)NATIVE_DISK_BLOCKS * NATIVE_SECTORS;
	native_run(&self->n, "config");
}

TEST_F(blk, status, .timeout_s = NATIVE_TIMEOUT_S,
       .title = "D13 D14 D95 a guest goes through the status machine, and can't jump")
{
	native_disk(&self->n, &(struct native_opts){ 0 });
	native_run(&self->n, "status");
}

/* --- data, in every way of waiting --- */

FIXTURE(data)
{
	struct native n;
};

FIXTURE_VARIANT(data)
{
	struct native_opts opts;
};

FIXTURE_VARIANT_ADD(data, sync_irq){ { .backing = BACKING_SYNC } };
FIXTURE_VARIANT_ADD(data, sync_irq_event){ { .backing = BACKING_SYNC, .event_idx = true } };
FIXTURE_VARIANT_ADD(data, sync_poll){ { .backing = BACKING_SYNC, .poll = true } };
FIXTURE_VARIANT_ADD(data, sync_poll_event){
	{ .backing = BACKING_SYNC, .poll = true, .event_idx = true }
};
FIXTURE_VARIANT_ADD(data, uring_irq_event){ { .backing = BACKING_URING, .event_idx = true } };
FIXTURE_VARIANT_ADD(data, uring_poll_event){
	{ .backing = BACKING_URING, .poll = true, .event_idx = true }
};
FIXTURE_VARIANT_ADD(data, uring_irq_indirect){ { .backing = BACKING_URING, .indirect = true } };
FIXTURE_VARIANT_ADD(data, sync_irq_event_indirect){
	{ .backing = BACKING_SYNC, .event_idx = true, .indirect = true }
};

FIXTURE_SETUP(data)
{
	self->n = (struct native){ 0 };
}

FIXTURE_TEARDOWN(data)
{
	native_free(&self->n);
}

TEST_F(data, verified, .timeout_s = NATIVE_TIMEOUT_S,
       .title = "32 at once: every byte comes back, and lies in the file")
{
	struct native_opts opts = variant->opts;

	opts.depth = 32;
	opts.rounds = NATIVE_DISK_BLOCKS;
	native_disk(&self->n, &opts);
	native_run(&self->n, "data");
	native_check_file(&self->n, 0, opts.rounds / 2, 2);
	native_check_file(&self->n, opts.rounds / 2, opts.rounds / 2, 1);
}

/* --- one at a time --- */

#define TRIPS 10000

TEST_F(blk, round_trips, .timeout_s = NATIVE_TIMEOUT_S,
       .title = "10,000 requests one by one, each waited for by interrupt: none is lost")
{
	native_disk(&self->n, &(struct native_opts){ .rounds = TRIPS });
	native_run(&self->n, "roundtrips");
}

TEST_F(blk, round_trips_event, .timeout_s = NATIVE_TIMEOUT_S,
       .title = "D55 10,000 more with EVENT_IDX")
{
	native_disk(&self->n, &(struct native_opts){ .rounds = TRIPS, .event_idx = true });
	native_run(&self->n, "roundtrips");
}

TEST_F(blk, round_trips_poll, .timeout_s = NATIVE_TIMEOUT_S, .title = "the same by polling")
{
	native_disk(&self->n,
		    &(struct native_opts){ .rounds = 2000, .event_idx = true, .poll = true });
	native_run(&self->n, "roundtrips");
}

TEST_F(blk, second_cpu, .timeout_s = NATIVE_TIMEOUT_S,
       .title = "the same on a second CPU, which alone gets the interrupts")
{
	native_disk(&self->n, &(struct native_opts){ .cpus = 2, .rounds = 3000 });
	native_run(&self->n, "roundtrips_second");
}

TEST_F(blk, acknowledged, .timeout_s = NATIVE_TIMEOUT_S,
       .title = "D12 D52 INTERRUPT_STATUS tells of the queue until it's acknowledged")
{
	native_disk(&self->n, &(struct native_opts){ .rounds = 500, .event_idx = true });
	native_run(&self->n, "acknowledged");
}

TEST_HARNESS_MAIN
