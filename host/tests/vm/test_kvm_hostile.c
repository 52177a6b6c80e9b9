// SPDX-License-Identifier: GPL-2.0-only
/* A bare-metal guest that breaks the rules of the ring, and then goes on. */
#include "native.h"

#include <string.h>
#include <unistd.h>

FIXTURE(hostile)
{
	struct native n;
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
	self->n = (struct native){ 0 };
}

FIXTURE_TEARDOWN(hostile)
{
	native_free(&self->n);
}

static void hostile(struct native *n, const struct ss_fv_hostile *variant, const char *name)
{
	native_disk(n, &(struct native_opts){ .cpus = 2,
					      .queues = 2,
					      .backing = variant->backing,
					      .event_idx = variant->event_idx,
					      .depth = 16,
					      .rounds = 300 });
	native_run(n, name);
	/* Nothing but what it wrote when it was good. */
	native_check_file(n, 0, 64, 3);
}

TEST_F(hostile, poisoned, .timeout_s = NATIVE_TIMEOUT_S,
       .title = "D18 D58 D59 D60 D61 broken rings: told once, deaf until a reset, then as new")
{
	native_disk(&self->n, &(struct native_opts){ .backing = variant->backing,
						     .event_idx = variant->event_idx,
						     .indirect = true,
						     .depth = 16 });
	native_run(&self->n, "poisoned");
	native_check_file(&self->n, 0, 64, 3);
}

TEST_F(hostile, beside, .timeout_s = NATIVE_TIMEOUT_S,
       .title = "a poisoned queue leaves the other at work")
{
	hostile(&self->n, variant, "poisoned_beside");
}

TEST_F(hostile, unmapped, .timeout_s = NATIVE_TIMEOUT_S,
       .title = "D60 rings outside memory poison, and a reset mends it")
{
	native_disk(&self->n, &(struct native_opts){ .backing = variant->backing });
	native_run(&self->n, "ring_unmapped");
}

TEST_F(hostile, chains, .timeout_s = NATIVE_TIMEOUT_S,
       .title = "D24 to D34 D48 D62 D65 broken chains cost themselves only")
{
	hostile(&self->n, variant, "bad_chains");
}

TEST_F(hostile, registers, .timeout_s = NATIVE_TIMEOUT_S,
       .title = "D10 queue registers written while the device runs change nothing")
{
	native_disk(&self->n, &(struct native_opts){ .cpus = 2,
						     .backing = variant->backing,
						     .event_idx = variant->event_idx,
						     .depth = 16,
						     .rounds = 300 });
	native_run(&self->n, "registers_change");
}

static void write_file(const struct native *n, uint32_t blocks, uint32_t gen)
{
	uint64_t word[NATIVE_BLOCK / 8];

	for (uint32_t block = 0; block < blocks; block++) {
		for (uint32_t i = 0; i < NATIVE_BLOCK / 8; i++)
			word[i] = native_pattern(block, gen, i);
		ASSERT_EQ(pwrite(n->file, word, sizeof(word), (off_t)block * NATIVE_BLOCK),
			  (ssize_t)sizeof(word));
	}
}

TEST_F(hostile, scribbled, .timeout_s = NATIVE_TIMEOUT_S,
       .title = "a second CPU writes the ring while the device reads it: no crash, no harm")
{
	native_disk(&self->n, &(struct native_opts){ .cpus = 2,
						     .read_only = true,
						     .backing = variant->backing,
						     .event_idx = variant->event_idx,
						     .depth = 16,
						     .rounds = 2000 });
	write_file(&self->n, 64, 3);
	native_run(&self->n, "scribbled");
	native_check_file(&self->n, 0, 64, 3);
}

TEST_HARNESS_MAIN
