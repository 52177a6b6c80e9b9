// SPDX-License-Identifier: GPL-2.0-only
/* The disk on KVM, driven by a bare-metal guest: data, waiting, interrupts. */
#include "bare_guest.h"

FIXTURE(blk)
{
	struct bare_guest n;
};

FIXTURE_SETUP(blk)
{
	self->n = (struct bare_guest){ 0 };
}

FIXTURE_TEARDOWN(blk)
{
	bare_guest_free(&self->n);
}

TEST_F(blk, config, .timeout_s = BARE_TIMEOUT_S,
       .title = "D3 D4 D5 D6 D7 a guest reads registers and config space in every width")
{
	bare_guest_disk(&self->n, &(struct bare_guest_opts){ .queues = 4 });
	self->n.shared->answer[0] = (uint64_t)BARE_DISK_BLOCKS * BARE_SECTORS;
	bare_guest_run(&self->n, "config");
}

TEST_F(blk, status, .timeout_s = BARE_TIMEOUT_S,
       .title = "D13 D14 D95 a guest goes through the status machine, and can't jump")
{
	bare_guest_disk(&self->n, &(struct bare_guest_opts){ 0 });
	bare_guest_run(&self->n, "status");
}

/* --- data, in every way of waiting --- */

FIXTURE(data)
{
	struct bare_guest n;
};

FIXTURE_VARIANT(data)
{
	struct bare_guest_opts opts;
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
	self->n = (struct bare_guest){ 0 };
}

FIXTURE_TEARDOWN(data)
{
	bare_guest_free(&self->n);
}

TEST_F(data, verified, .timeout_s = BARE_TIMEOUT_S,
       .title = "32 at once: every byte comes back, and lies in the file")
{
	struct bare_guest_opts opts = variant->opts;

	opts.depth = 32;
	opts.rounds = BARE_DISK_BLOCKS;
	bare_guest_disk(&self->n, &opts);
	bare_guest_run(&self->n, "data");
	bare_guest_check_file(&self->n, 0, opts.rounds / 2, 2);
	bare_guest_check_file(&self->n, opts.rounds / 2, opts.rounds / 2, 1);
}

/* --- one at a time --- */

#define TRIPS 10000

TEST_F(blk, round_trips, .timeout_s = BARE_TIMEOUT_S,
       .title = "10,000 requests one by one, each waited for by interrupt: none is lost")
{
	bare_guest_disk(&self->n, &(struct bare_guest_opts){ .rounds = TRIPS });
	bare_guest_run(&self->n, "roundtrips");
}

TEST_F(blk, round_trips_event, .timeout_s = BARE_TIMEOUT_S,
       .title = "D55 10,000 more with EVENT_IDX")
{
	bare_guest_disk(&self->n, &(struct bare_guest_opts){ .rounds = TRIPS, .event_idx = true });
	bare_guest_run(&self->n, "roundtrips");
}

TEST_F(blk, round_trips_poll, .timeout_s = BARE_TIMEOUT_S, .title = "the same by polling")
{
	bare_guest_disk(&self->n, &(struct bare_guest_opts){
					  .rounds = 2000, .event_idx = true, .poll = true });
	bare_guest_run(&self->n, "roundtrips");
}

TEST_F(blk, second_cpu, .timeout_s = BARE_TIMEOUT_S,
       .title = "the same on a second CPU, which alone gets the interrupts")
{
	bare_guest_disk(&self->n, &(struct bare_guest_opts){ .cpus = 2, .rounds = 3000 });
	bare_guest_run(&self->n, "roundtrips_second");
}

TEST_F(blk, acknowledged, .timeout_s = BARE_TIMEOUT_S,
       .title = "D12 D52 INTERRUPT_STATUS tells of the queue until it's acknowledged")
{
	bare_guest_disk(&self->n, &(struct bare_guest_opts){ .rounds = 500, .event_idx = true });
	bare_guest_run(&self->n, "acknowledged");
}

TEST_HARNESS_MAIN
