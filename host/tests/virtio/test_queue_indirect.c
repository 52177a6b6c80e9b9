// SPDX-License-Identifier: GPL-2.0-only
/* Indirect descriptors: what the specification allows, and all that it doesn't. */
#include "ss_harness.h"

#include <errno.h>
#include <string.h>

#include "mock_guest.h"
#include "virtio/queue.h"

#define SIZE  8
#define TABLE GUEST_TABLES

FIXTURE(indirect)
{
	struct mock_guest g;
	struct mock_queue d;
	struct virtq vq;
	struct virtq_seg seg[64];
	struct virtq_chain chain;
};

FIXTURE_SETUP(indirect)
{
	struct virtq_config config = { .size = SIZE, .ready = true, .indirect = true };

	mock_guest_init(&self->g);
	mock_queue_init(&self->d, &self->g, 0, SIZE);
	config.desc = self->d.desc;
	config.avail = self->d.avail;
	config.used = self->d.used;
	virtq_init(&self->vq, &config, &self->g.mem);
	self->chain = (struct virtq_chain){ .seg = self->seg, .max = 64 };
}

FIXTURE_TEARDOWN(indirect)
{
	mock_guest_free(&self->g);
}

static void entry(struct mock_guest *g, uint64_t table, unsigned int i, uint64_t addr,
		  uint16_t flags, uint16_t next)
{
	const struct vring_desc desc = {
		.addr = addr, .len = 100 + i, .flags = flags, .next = next
	};

	if (guest_mem_write(&g->mem, table + 16ULL * i, &desc, sizeof(desc)))
		TH_LOG("test bug: table at a hole");
}

/* A table of @nr entries, in order. */
static void make_table(struct mock_guest *g, uint64_t table, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		entry(g, table, i, 0x30000 + i, i + 1 < nr ? VRING_DESC_F_NEXT : VRING_DESC_F_WRITE,
		      (uint16_t)(i + 1));
}

TEST_F(indirect, alone, .title = "a chain in an indirect table")
{
	make_table(&self->g, TABLE, 5);
	mock_desc(&self->d, 3, TABLE, 5 * 16, VRING_DESC_F_INDIRECT, 0);
	mock_avail(&self->d, 3);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	EXPECT_EQ(self->chain.head, 3);
	ASSERT_EQ(self->chain.nr, 5);
	EXPECT_EQ(self->seg[4].len, 104);
	EXPECT_TRUE(self->seg[4].write);
	EXPECT_FALSE(self->seg[3].write);
}

TEST_F(indirect, after_direct_ones,
       .title = "direct descriptors, then an indirect one that ends them")
{
	make_table(&self->g, TABLE, 2);
	mock_desc(&self->d, 0, 0x30000, 16, VRING_DESC_F_NEXT, 1);
	/* The device-writable flag of an indirect descriptor means nothing. */
	mock_desc(&self->d, 1, TABLE, 2 * 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE, 0);
	mock_avail(&self->d, 0);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	ASSERT_EQ(self->chain.nr, 3);
	EXPECT_EQ(self->seg[0].len, 16);
	EXPECT_EQ(self->seg[1].len, 100);
}

TEST_F(indirect, longer_than_the_queue, .title = "a table may be longer than the queue")
{
	make_table(&self->g, TABLE, 40);
	mock_desc(&self->d, 0, TABLE, 40 * 16, VRING_DESC_F_INDIRECT, 0);
	mock_avail(&self->d, 0);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	EXPECT_EQ(self->chain.nr, 40);
}

TEST_F(indirect, over_a_border, .title = "a table that goes on in the next region")
{
	const uint64_t table = GUEST_HIGH - 2 * 16 - 8;

	make_table(&self->g, table, 5);
	mock_desc(&self->d, 0, table, 5 * 16, VRING_DESC_F_INDIRECT, 0);
	mock_avail(&self->d, 0);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	ASSERT_EQ(self->chain.nr, 5);
	for (unsigned int i = 0; i < 5; i++)
		EXPECT_EQ(self->seg[i].len, 100 + i);
}

TEST_F(indirect, order_of_its_own, .title = "a table is walked by its next fields, not in order")
{
	entry(&self->g, TABLE, 0, 0x30000, VRING_DESC_F_NEXT, 2);
	entry(&self->g, TABLE, 1, 0x30000, 0, 0);
	entry(&self->g, TABLE, 2, 0x30000, VRING_DESC_F_NEXT, 1);
	mock_desc(&self->d, 0, TABLE, 3 * 16, VRING_DESC_F_INDIRECT, 0);
	mock_avail(&self->d, 0);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	ASSERT_EQ(self->chain.nr, 3);
	EXPECT_EQ(self->seg[1].len, 102);
	EXPECT_EQ(self->seg[2].len, 101);
}

/* One broken chain: descriptor 0 and a table, and the reason it must give. */
struct broken {
	const char *what;
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	bool not_negotiated;
	struct vring_desc table[2];
	enum virtq_poison why;
};

static const struct broken broken[] = {
	{ "not negotiated", TABLE, 32, VRING_DESC_F_INDIRECT, true, { { 0 } }, VIRTQ_BAD_INDIRECT },
	{ "odd length", TABLE, 31, VRING_DESC_F_INDIRECT, false, { { 0 } }, VIRTQ_BAD_INDIRECT },
	{ "length 0", TABLE, 0, VRING_DESC_F_INDIRECT, false, { { 0 } }, VIRTQ_BAD_INDIRECT },
	{ "length below one",
	  TABLE,
	  8,
	  VRING_DESC_F_INDIRECT,
	  false,
	  { { 0 } },
	  VIRTQ_BAD_INDIRECT },
	{ "far too long",
	  TABLE,
	  0xfffffff0,
	  VRING_DESC_F_INDIRECT,
	  false,
	  { { 0 } },
	  VIRTQ_BAD_INDIRECT },
	{ "with NEXT",
	  TABLE,
	  32,
	  VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT,
	  false,
	  { { 0 } },
	  VIRTQ_BAD_INDIRECT },
	{ "unmapped", GUEST_HOLE, 32, VRING_DESC_F_INDIRECT, false, { { 0 } }, VIRTQ_BAD_ADDRESS },
	{ "wraps",
	  UINT64_MAX - 15,
	  32,
	  VRING_DESC_F_INDIRECT,
	  false,
	  { { 0 } },
	  VIRTQ_BAD_ADDRESS },
	{ "points to itself",
	  TABLE,
	  32,
	  VRING_DESC_F_INDIRECT,
	  false,
	  { { .addr = TABLE, .len = 32, .flags = VRING_DESC_F_INDIRECT } },
	  VIRTQ_BAD_INDIRECT },
	{ "nests",
	  TABLE,
	  32,
	  VRING_DESC_F_INDIRECT,
	  false,
	  { { .addr = TABLE + 0x1000, .len = 16, .flags = VRING_DESC_F_INDIRECT } },
	  VIRTQ_BAD_INDIRECT },
	{ "loops",
	  TABLE,
	  32,
	  VRING_DESC_F_INDIRECT,
	  false,
	  { { .len = 1, .flags = VRING_DESC_F_NEXT, .next = 1 },
	    { .len = 1, .flags = VRING_DESC_F_NEXT, .next = 0 } },
	  VIRTQ_BAD_LOOP },
	{ "next outside the table",
	  TABLE,
	  32,
	  VRING_DESC_F_INDIRECT,
	  false,
	  { { .len = 1, .flags = VRING_DESC_F_NEXT, .next = 2 } },
	  VIRTQ_BAD_INDEX },
};

TEST_F(indirect, malformed,
       .title = "D60 tables that nest, loop, are odd, unmapped or too long poison")
{
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		const struct broken *b = &broken[i];
		const struct virtq_config config = {
			.desc = self->d.desc,
			.avail = self->d.avail,
			.used = self->d.used,
			.size = SIZE,
			.ready = true,
			.indirect = !b->not_negotiated,
		};

		mock_queue_init(&self->d, &self->g, 0, SIZE);
		virtq_init(&self->vq, &config, &self->g.mem);
		memcpy(mock_ptr(&self->g, TABLE, 32), b->table, 32);
		mock_desc(&self->d, 0, b->addr, b->len, b->flags, 0);
		mock_avail(&self->d, 0);
		EXPECT_EQ(virtq_pop(&self->vq, &self->chain), -EPROTO)
		{
			TH_LOG("%s", b->what);
		}
		EXPECT_EQ(self->vq.poison, b->why)
		{
			TH_LOG("%s", b->what);
		}
	}
}

TEST_F(indirect, longest, .title = "the longest table that is walked, and one more")
{
	make_table(&self->g, GUEST_BIG, VIRTQ_MAX_INDIRECT);
	mock_desc(&self->d, 0, GUEST_BIG, VIRTQ_MAX_INDIRECT * 16, VRING_DESC_F_INDIRECT, 0);
	mock_avail(&self->d, 0);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	EXPECT_EQ(self->chain.nr, VIRTQ_MAX_INDIRECT);
	mock_desc(&self->d, 0, GUEST_BIG, (VIRTQ_MAX_INDIRECT + 1) * 16, VRING_DESC_F_INDIRECT, 0);
	mock_avail(&self->d, 0);
	EXPECT_EQ(virtq_pop(&self->vq, &self->chain), -EPROTO);
	EXPECT_EQ(self->vq.poison, VIRTQ_BAD_INDIRECT);
}

TEST_HARNESS_MAIN
