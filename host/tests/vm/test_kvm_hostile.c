// SPDX-License-Identifier: GPL-2.0-only
/* A bare-metal guest that breaks the rules of the ring, and then goes on. */
#include "bare_guest.h"

#include <string.h>
#include <unistd.h>

FIXTURE(hostile)
{
	struct bare_guest n;
};

FIXTURE_VARIANT(hostile)
{
	enum backing_kind backing;
	bool event_idx;
};

FIXTURE_VARIANT_ADD(hostile, sync){ BACKING_SYNC, true };
FIXTURE_VARIANT_ADD(hostile, uring){ BACKING_URING, false };

FIXTURE_SETUP(hostile)
{
	self->n = (struct bare_guest){ 0 };
}

FIXTURE_TEARDOWN(hostile)
{
	bare_guest_free(&self->n);
}

static void hostile(struct bare_guest *n, const struct ss_fv_hostile *variant, const char *name)
{
	bare_guest_disk(n, &(struct bare_guest_opts){ .cpus = 2,
						      .queues = 2,
						      .backing = variant->backing,
						      .event_idx = variant->event_idx,
						      .depth = 16,
						      .rounds = 300 });
	bare_guest_run(n, name);
	/* Nothing but what it wrote when it was good. */
	bare_guest_check_file(n, 0, 64, 3);
}

TEST_F(hostile, poisoned, .timeout_s = BARE_TIMEOUT_S,
       .title = "D18 D58 D59 D60 D61 broken rings: told once, deaf until a reset, then as new")
{
	bare_guest_disk(&self->n, &(struct bare_guest_opts){ .backing = variant->backing,
							     .event_idx = variant->event_idx,
							     .indirect = true,
							     .depth = 16 });
	bare_guest_run(&self->n, "poisoned");
	bare_guest_check_file(&self->n, 0, 64, 3);
}

TEST_F(hostile, beside, .timeout_s = BARE_TIMEOUT_S,
       .title = "a poisoned queue leaves the other at work")
{
	hostile(&self->n, variant, "poisoned_beside");
}

TEST_F(hostile, unmapped, .timeout_s = BARE_TIMEOUT_S,
       .title = "D60 rings outside memory poison, and a reset mends it")
{
	bare_guest_disk(&self->n, &(struct bare_guest_opts){ .backing = variant->backing });
	bare_guest_run(&self->n, "ring_unmapped");
}

TEST_F(hostile, chains, .timeout_s = BARE_TIMEOUT_S,
       .title = "D24 to D34 D48 D62 D65 broken chains cost themselves only")
{
	hostile(&self->n, variant, "bad_chains");
}

TEST_F(hostile, registers, .timeout_s = BARE_TIMEOUT_S,
       .title = "D10 queue registers written while the device runs change nothing")
{
	bare_guest_disk(&self->n, &(struct bare_guest_opts){ .cpus = 2,
							     .backing = variant->backing,
							     .event_idx = variant->event_idx,
							     .depth = 16,
							     .rounds = 300 });
	bare_guest_run(&self->n, "registers_change");
}

static void write_file(const struct bare_guest *n, uint32_t blocks, uint32_t gen)
{
	uint64_t word[BARE_BLOCK / 8];

	for (uint32_t block = 0; block < blocks; block++) {
		for (uint32_t i = 0; i < BARE_BLOCK / 8; i++)
			word[i] = bare_guest_pattern(block, gen, i);
		ASSERT_EQ(pwrite(n->file, word, sizeof(word), (off_t)block * BARE_BLOCK),
			  (ssize_t)sizeof(word));
	}
}

TEST_F(hostile, scribbled, .timeout_s = BARE_TIMEOUT_S,
       .title = "a second CPU writes the ring while the device reads it: no crash, no harm")
{
	bare_guest_disk(&self->n, &(struct bare_guest_opts){ .cpus = 2,
							     .read_only = true,
							     .backing = variant->backing,
							     .event_idx = variant->event_idx,
							     .depth = 16,
							     .rounds = 2000 });
	write_file(&self->n, 64, 3);
	bare_guest_run(&self->n, "scribbled");
	bare_guest_check_file(&self->n, 0, 64, 3);
}

TEST_HARNESS_MAIN
