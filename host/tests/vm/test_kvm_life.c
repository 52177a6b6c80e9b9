// SPDX-License-Identifier: GPL-2.0-only
/* Resets and pauses with requests in flight, from a bare-metal guest. */
#include "bare_guest.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "virtio/guest_mem.h"

#define QUEUES	     2
#define PAUSES	     8
#define PAUSE_ROUNDS 100
#define SECOND_NS    1000000000ULL

FIXTURE(life)
{
	struct bare_guest n;
	uint8_t *copy;
};

FIXTURE_VARIANT(life)
{
	enum backing_kind backing;
	bool event_idx;
};

FIXTURE_VARIANT_ADD(life, sync){ BACKING_SYNC, true };
FIXTURE_VARIANT_ADD(life, uring){ BACKING_URING, false };

FIXTURE_SETUP(life)
{
	self->n = (struct bare_guest){ 0 };
	self->copy = NULL;
}

FIXTURE_TEARDOWN(life)
{
	bare_guest_free(&self->n);
	free(self->copy);
}

static void reset_in_flight(struct bare_guest *n, const struct bare_guest_opts *opts)
{
	bare_guest_disk(n, opts);
	n->shared->answer[0] = opts->cpus;
	bare_guest_run(n, "reset_in_flight");
	bare_guest_check_file(n, 0, opts->depth, opts->rounds);
}

TEST_F(life, reset, .timeout_s = BARE_TIMEOUT_S,
       .title = "D95 D96 D101 40 resets with 32 requests in flight: nothing comes late")
{
	reset_in_flight(&self->n, &(struct bare_guest_opts){ .cpus = 1,
							     .backing = variant->backing,
							     .event_idx = variant->event_idx,
							     .depth = 32,
							     .rounds = 40 });
}

TEST_F(life, reset_under_kicks, .timeout_s = BARE_TIMEOUT_S,
       .title = "the same while a second CPU kicks all the time")
{
	reset_in_flight(&self->n, &(struct bare_guest_opts){ .cpus = 2,
							     .queues = 2,
							     .backing = variant->backing,
							     .event_idx = variant->event_idx,
							     .depth = 16,
							     .rounds = 20 });
}

TEST_F(life, resets, .timeout_s = BARE_TIMEOUT_S,
       .title = "D98 100 resets in a row, two at a time, before anything could end")
{
	bare_guest_disk(&self->n, &(struct bare_guest_opts){ .queues = 4,
							     .backing = variant->backing,
							     .event_idx = variant->event_idx,
							     .rounds = 50 });
	bare_guest_run(&self->n, "resets");
}

TEST_F(life, poweroff, .timeout_s = BARE_TIMEOUT_S,
       .title = "a guest that powers off with requests in flight takes nothing down with it")
{
	for (unsigned int i = 0; i < 5; i++) {
		bare_guest_disk(&self->n, &(struct bare_guest_opts){
						  .queues = 4,
						  .backing = variant->backing,
						  .event_idx = variant->event_idx,
						  .limits = { .bytes = { .rate = 800000 } },
						  .depth = 60 });
		bare_guest_run(&self->n, "off_in_flight");
		bare_guest_free(&self->n);
	}
}

/* --- pause --- */

static uint32_t seen(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* The guest has gone round so often; or it has ended, which shows later. */
static void await_rounds(const struct bare_guest *n, uint32_t rounds)
{
	const uint32_t from = seen(&n->shared->kicks);

	for (unsigned int ms = 0; seen(&n->shared->kicks) - from < rounds && ms < 20000; ms++)
		usleep(1000);
	EXPECT_GE(seen(&n->shared->kicks) - from, rounds);
}

static void await_progress(const struct bare_guest *n)
{
	const uint32_t from = seen(&n->shared->progress);

	for (unsigned int ms = 0; seen(&n->shared->progress) == from && ms < 20000; ms++)
		usleep(1000);
	EXPECT_NE(seen(&n->shared->progress), from);
}

static void pause_once(struct ss_fx_life *self)
{
	const size_t len = QUEUES * BARE_QUEUE;
	const struct guest_mem *mem = machine_memory(self->n.m);
	const uint8_t *rings = guest_mem_ptr(mem, BARE_RINGS, len);
	const uint8_t *data = guest_mem_ptr(mem, BARE_DATA, len);
	struct ss_blk_counters before, after;

	ASSERT_EQ(blk_pause(self->n.blk, 10 * SECOND_NS), 0);
	/* The guest takes what was published until then, and finds nothing more. */
	await_rounds(&self->n, 3);
	blk_snapshot(self->n.blk, &before);
	memcpy(self->copy, rings, len);
	memcpy(self->copy + len, data, len);
	await_rounds(&self->n, PAUSE_ROUNDS);
	EXPECT_MEMEQ(rings, self->copy, len);
	EXPECT_MEMEQ(data, self->copy + len, len);
	blk_snapshot(self->n.blk, &after);
	EXPECT_MEMEQ(&before, &after, sizeof(before));
	blk_resume(self->n.blk);
	await_progress(&self->n);
}

TEST_F(life, pause, .timeout_s = BARE_TIMEOUT_S,
       .title = "D90 while the device pauses, a guest that kicks on finds no byte changed")
{
	struct bare_guest *n = &self->n;

	self->copy = malloc(2 * QUEUES * BARE_QUEUE);
	ASSERT_NOT_NULL(self->copy);
	bare_guest_disk(n, &(struct bare_guest_opts){ .queues = QUEUES,
						      .backing = variant->backing,
						      .event_idx = variant->event_idx,
						      .poll = true,
						      .depth = 32 });
	bare_guest_start(n, "hammer");
	await_progress(n);
	await_rounds(n, 1);
	for (unsigned int i = 0; i < PAUSES; i++)
		pause_once(self);
	__atomic_store_n(&n->shared->go, 1, __ATOMIC_RELEASE);
	bare_guest_finish(n);
}

TEST_HARNESS_MAIN
