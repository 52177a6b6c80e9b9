// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory and the split virtqueue, on rings that keep the rules and others. */
#include "ss_harness.h"

#include <errno.h>
#include <string.h>

#include "mock_guest.h"
#include "virtio/queue.h"

/* --- guest memory --- */

FIXTURE(mem)
{
	struct mock_guest g;
};

FIXTURE_SETUP(mem)
{
	mock_guest_init(&self->g);
}

FIXTURE_TEARDOWN(mem)
{
	mock_guest_free(&self->g);
}

TEST_F(mem, regions_are_checked, .title = "a region that is empty, wraps or overlaps is refused")
{
	struct guest_mem m = { 0 };
	char buf[16];

	EXPECT_EQ(guest_mem_add(&m, 0x1000, 0, buf), -EINVAL);
	EXPECT_EQ(guest_mem_add(&m, UINT64_MAX, 2, buf), -EINVAL);
	EXPECT_EQ(guest_mem_add(&m, UINT64_MAX, 1, buf), 0);
	EXPECT_EQ(guest_mem_add(&m, 0x1000, 16, buf), 0);
	EXPECT_EQ(guest_mem_add(&m, 0x100f, 16, buf), -EINVAL);
	EXPECT_EQ(guest_mem_add(&m, 0x0ff1, 16, buf), -EINVAL);
	EXPECT_EQ(guest_mem_add(&m, 0x0, 0x2000, buf), -EINVAL);
	EXPECT_EQ(guest_mem_add(&m, 0x1010, 16, buf), 0);
	EXPECT_EQ(guest_mem_add(&m, 0x0ff0, 16, buf), 0);
	for (uint64_t i = m.nr; i < GUEST_MEM_MAX_REGIONS; i++)
		EXPECT_EQ(guest_mem_add(&m, 0x10000 * i, 16, buf), 0);
	EXPECT_EQ(guest_mem_add(&m, 0x900000, 16, buf), -ENOSPC);
}

TEST_F(mem, edges, .title = "ranges are translated up to a region's last byte and no further")
{
	const struct guest_mem *m = &self->g.mem;

	EXPECT_NOT_NULL(guest_mem_ptr(m, 0, 1));
	EXPECT_NOT_NULL(guest_mem_ptr(m, GUEST_LOW_SIZE - 1, 1));
	EXPECT_NULL(guest_mem_ptr(m, GUEST_LOW_SIZE - 1, 2));
	EXPECT_NOT_NULL(guest_mem_ptr(m, GUEST_HOLE - 8, 8));
	EXPECT_NULL(guest_mem_ptr(m, GUEST_HOLE - 8, 9));
	EXPECT_NULL(guest_mem_ptr(m, GUEST_HOLE, 1));
	EXPECT_NULL(guest_mem_ptr(m, GUEST_BIG - 1, 1));
	EXPECT_NOT_NULL(guest_mem_ptr(m, GUEST_BIG, GUEST_BIG_SIZE));
	EXPECT_NULL(guest_mem_ptr(m, GUEST_BIG, GUEST_BIG_SIZE + 1));
	EXPECT_NULL(guest_mem_ptr(m, UINT64_MAX, 2));
	EXPECT_NULL(guest_mem_ptr(m, UINT64_MAX - 3, 16));
	EXPECT_NULL(guest_mem_ptr(m, 0, UINT64_MAX));
	EXPECT_NULL(guest_mem_ptr(m, 0, 0));
}

TEST_F(mem, copies_over_borders, .title = "reads and writes go over a border, and never in part")
{
	const struct guest_mem *m = &self->g.mem;
	char out[64], in[64];

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i + 1);
	ASSERT_EQ(guest_mem_write(m, GUEST_HIGH - 20, out, sizeof(out)), 0);
	ASSERT_EQ(guest_mem_read(m, GUEST_HIGH - 20, in, sizeof(in)), 0);
	EXPECT_MEMEQ(in, out, sizeof(in));
	EXPECT_EQ(*(char *)mock_ptr(&self->g, GUEST_HIGH, 1), 21);

	EXPECT_EQ(guest_mem_read(m, GUEST_HOLE - 10, in, 11), -EFAULT);
	EXPECT_EQ(guest_mem_write(m, GUEST_HOLE - 10, out, 11), -EFAULT);
	for (uint64_t i = 1; i <= 10; i++)
		EXPECT_EQ(*(char *)mock_ptr(&self->g, GUEST_HOLE - i, 1), 0);
	EXPECT_EQ(guest_mem_write(m, UINT64_MAX - 3, out, 8), -EFAULT);
	EXPECT_EQ(guest_mem_read(m, UINT64_MAX - 3, in, 8), -EFAULT);
	EXPECT_EQ(guest_mem_read(m, GUEST_HOLE, in, 0), 0);
}

TEST_F(mem, iovecs, .title = "D64 a range that spans two regions becomes two iovecs")
{
	const struct guest_mem *m = &self->g.mem;
	struct iovec iov[2];

	ASSERT_EQ(guest_mem_iov(m, GUEST_HIGH - 100, 300, iov, 2), 2);
	EXPECT_EQ(iov[0].iov_base, mock_ptr(&self->g, GUEST_HIGH - 100, 100));
	EXPECT_EQ(iov[0].iov_len, 100);
	EXPECT_EQ(iov[1].iov_base, mock_ptr(&self->g, GUEST_HIGH, 200));
	EXPECT_EQ(iov[1].iov_len, 200);
	EXPECT_EQ(guest_mem_iov(m, GUEST_HIGH - 100, 300, iov, 1), -E2BIG);
	EXPECT_EQ(guest_mem_iov(m, GUEST_HOLE - 4, 8, iov, 2), -EFAULT);
	EXPECT_EQ(guest_mem_iov(m, 0, 0, iov, 2), 0);
	EXPECT_EQ(guest_mem_iov(m, 0, GUEST_LOW_SIZE + 1, iov, 2), 2);
}

TEST(no_way_round, .title = "a range over the end of the address space doesn't go on at 0")
{
	struct guest_mem m = { 0 };
	char top[64], bottom[64], buf[64];
	struct iovec iov[4];

	ASSERT_EQ(guest_mem_add(&m, UINT64_MAX - 63, 64, top), 0);
	ASSERT_EQ(guest_mem_add(&m, 0, 64, bottom), 0);
	EXPECT_EQ(guest_mem_read(&m, UINT64_MAX - 31, buf, 32), 0);
	EXPECT_EQ(guest_mem_read(&m, UINT64_MAX - 31, buf, 33), -EFAULT);
	EXPECT_EQ(guest_mem_write(&m, UINT64_MAX - 31, buf, 33), -EFAULT);
	EXPECT_EQ(guest_mem_iov(&m, UINT64_MAX - 31, 64, iov, 4), -EFAULT);
	EXPECT_NULL(guest_mem_ptr(&m, UINT64_MAX - 31, 64));
}

/* --- the queue --- */

#define SIZE 8

FIXTURE(queue)
{
	struct mock_guest g;
	struct mock_queue d;
	struct virtq vq;
	struct virtq_seg seg[16];
	struct virtq_chain chain;
};

static void start_with(struct virtq *vq, const struct mock_queue *d, bool event_idx, bool indirect)
{
	const struct virtq_config config = {
		.desc = d->desc,
		.avail = d->avail,
		.used = d->used,
		.size = d->size,
		.ready = true,
		.event_idx = event_idx,
		.indirect = indirect,
	};

	virtq_init(vq, &config, &d->g->mem);
}

FIXTURE_SETUP(queue)
{
	mock_guest_init(&self->g);
	mock_queue_init(&self->d, &self->g, 0, SIZE);
	start_with(&self->vq, &self->d, false, false);
	self->chain = (struct virtq_chain){ .seg = self->seg, .max = 16 };
}

FIXTURE_TEARDOWN(queue)
{
	mock_guest_free(&self->g);
}

static const struct mock_piece three[] = {
	{ .addr = 0x30000, .len = 16 },
	{ .addr = GUEST_BIG, .len = 4096, .write = true },
	{ .addr = 0x31000, .len = 1, .write = true },
};

TEST_F(queue, pop_copies_the_chain, .title = "pop hands out each descriptor of a chain, copied")
{
	uint16_t head;

	EXPECT_EQ(virtq_pop(&self->vq, &self->chain), 0);
	mock_chain(&self->d, three, 2);
	head = mock_chain(&self->d, three, 3);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	EXPECT_EQ(self->chain.nr, 2);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	EXPECT_EQ(self->chain.head, head);
	ASSERT_EQ(self->chain.nr, 3);
	/* What the guest does to the ring now changes nothing. */
	mock_desc(&self->d, head, 0xdead, 0xdead, VRING_DESC_F_WRITE, 99);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(self->seg[i].addr, three[i].addr);
		EXPECT_EQ(self->seg[i].len, three[i].len);
		EXPECT_EQ(self->seg[i].write, three[i].write);
	}
	EXPECT_EQ(virtq_pop(&self->vq, &self->chain), 0);
}

TEST_F(queue, unpop_wraps, .title = "D40 the cursor goes back by one, 0 to 65535")
{
	uint16_t head = mock_chain(&self->d, three, 3);

	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	EXPECT_EQ(self->vq.next_avail, 1);
	virtq_unpop(&self->vq);
	EXPECT_EQ(self->vq.next_avail, 0);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	EXPECT_EQ(self->chain.head, head);

	/* Now at the wrap: the cursor stands at 65535. */
	self->vq.next_avail = 65535;
	self->vq.avail_fresh = false;
	mock_set_avail_idx(&self->d, 65535);
	mock_avail(&self->d, head);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	EXPECT_EQ(self->vq.next_avail, 0);
	virtq_unpop(&self->vq);
	EXPECT_EQ(self->vq.next_avail, 65535);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	EXPECT_EQ(virtq_pop(&self->vq, &self->chain), 0);
}

TEST_F(queue, long_run, .title = "indexes run past 2^16 and the ring's end")
{
	uint32_t id, len;

	for (unsigned int i = 0; i < 70000; i++) {
		uint16_t head = mock_chain(&self->d, three, 1 + i % 3);

		ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
		ASSERT_EQ(self->chain.head, head);
		ASSERT_EQ(virtq_push(&self->vq, head, i), 0);
		ASSERT_TRUE(mock_used(&self->d, &id, &len));
		ASSERT_EQ(id, head);
		ASSERT_EQ(len, i);
	}
	EXPECT_EQ(mock_used_idx(&self->d), 70000 % 65536);
}

TEST_F(queue, not_ready, .title = "D20 a queue that isn't ready, or has no memory, is not touched")
{
	struct virtq_config config = {
		.desc = self->d.desc, .avail = self->d.avail, .used = self->d.used, .size = SIZE
	};
	char before[0x4000];

	mock_chain(&self->d, three, 3);
	memcpy(before, mock_ptr(&self->g, GUEST_RINGS, 0x4000), 0x4000);
	virtq_init(&self->vq, &config, &self->g.mem);
	EXPECT_EQ(virtq_pop(&self->vq, &self->chain), 0);
	EXPECT_EQ(virtq_push(&self->vq, 0, 1), -EFAULT);
	EXPECT_EQ(virtq_disable_notify(&self->vq), -EFAULT);
	EXPECT_EQ(virtq_enable_notify(&self->vq), -EFAULT);
	EXPECT_MEMEQ(before, mock_ptr(&self->g, GUEST_RINGS, 0x4000), 0x4000);
	config.ready = true;
	virtq_init(&self->vq, &config, NULL);
	EXPECT_EQ(virtq_pop(&self->vq, &self->chain), 0);
	EXPECT_EQ(virtq_push(&self->vq, 0, 1), -EFAULT);
	virtq_set_mem(&self->vq, &self->g.mem);
	EXPECT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	config.size = 6;
	virtq_init(&self->vq, &config, &self->g.mem);
	EXPECT_FALSE(self->vq.ready);
}

TEST_F(queue, too_long_for_the_caller,
       .title = "D24 a chain longer than the caller's room is counted whole")
{
	self->chain.max = 2;
	mock_chain(&self->d, three, 3);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	EXPECT_EQ(self->chain.nr, 3);
	EXPECT_EQ(self->seg[1].len, 4096);
	EXPECT_EQ(self->seg[2].len, 0);
}

/* --- notifications --- */

TEST_F(queue, notify_flags, .title = "D22 without EVENT_IDX the bracket is the no-notify flag")
{
	ASSERT_EQ(virtq_disable_notify(&self->vq), 0);
	EXPECT_EQ(mock_used_flags(&self->d), VRING_USED_F_NO_NOTIFY);
	EXPECT_EQ(virtq_enable_notify(&self->vq), 0);
	EXPECT_EQ(mock_used_flags(&self->d), 0);
	virtq_disable_notify(&self->vq);
	mock_chain(&self->d, three, 3);
	EXPECT_EQ(virtq_enable_notify(&self->vq), 1);
	/* A wild index is work too: pop says what it is. */
	mock_set_avail_idx(&self->d, 5000);
	EXPECT_EQ(virtq_enable_notify(&self->vq), 1);
	EXPECT_EQ(virtq_pop(&self->vq, &self->chain), -EPROTO);
	EXPECT_EQ(virtq_enable_notify(&self->vq), -EPROTO);
}

TEST_F(queue, notify_event, .title = "D22 with EVENT_IDX the bracket is avail_event")
{
	start_with(&self->vq, &self->d, true, false);
	ASSERT_EQ(virtq_disable_notify(&self->vq), 0);
	EXPECT_EQ(mock_used_flags(&self->d), 0);
	EXPECT_EQ(mock_avail_event(&self->d), 0);
	mock_chain(&self->d, three, 1);
	mock_chain(&self->d, three, 1);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	EXPECT_EQ(virtq_enable_notify(&self->vq), 1);
	EXPECT_EQ(mock_avail_event(&self->d), 1);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	EXPECT_EQ(virtq_enable_notify(&self->vq), 0);
	EXPECT_EQ(mock_avail_event(&self->d), 2);
}

TEST_F(queue, interrupt_event, .title = "D55 a crossed event fires, an uncrossed one doesn't")
{
	start_with(&self->vq, &self->d, true, false);
	/* The driver wants to hear of the third element. */
	mock_set_used_event(&self->d, 2);
	virtq_push(&self->vq, 0, 1);
	EXPECT_FALSE(virtq_should_interrupt(&self->vq));
	virtq_push(&self->vq, 0, 1);
	EXPECT_FALSE(virtq_should_interrupt(&self->vq));
	virtq_push(&self->vq, 0, 1);
	EXPECT_TRUE(virtq_should_interrupt(&self->vq));
	/* An event in the past isn't crossed again. */
	virtq_push(&self->vq, 0, 1);
	EXPECT_FALSE(virtq_should_interrupt(&self->vq));
	/* One drain that goes over it. */
	mock_set_used_event(&self->d, 6);
	for (int i = 0; i < 5; i++)
		virtq_push(&self->vq, 0, 1);
	EXPECT_TRUE(virtq_should_interrupt(&self->vq));
	/* And over the wrap. */
	self->vq.next_used = 65534;
	self->vq.signalled = 65534;
	mock_set_used_event(&self->d, 0);
	virtq_push(&self->vq, 0, 1);
	virtq_push(&self->vq, 0, 1);
	EXPECT_FALSE(virtq_should_interrupt(&self->vq));
	virtq_push(&self->vq, 0, 1);
	EXPECT_TRUE(virtq_should_interrupt(&self->vq));
}

TEST_F(queue, interrupt_always, .title = "D56 without EVENT_IDX every publishing drain fires")
{
	for (int i = 0; i < 3; i++) {
		virtq_push(&self->vq, 0, 1);
		EXPECT_TRUE(virtq_should_interrupt(&self->vq));
	}
	mock_set_avail_flags(&self->d, VRING_AVAIL_F_NO_INTERRUPT);
	virtq_push(&self->vq, 0, 1);
	EXPECT_TRUE(virtq_should_interrupt(&self->vq));
}

/* --- broken rings --- */

static void expect_poison(struct virtq *vq, struct virtq_chain *chain, struct mock_guest *g,
			  enum virtq_poison why)
{
	char before[0x4000];

	EXPECT_EQ(virtq_pop(vq, chain), -EPROTO);
	EXPECT_EQ(vq->poison, why)
	{
		TH_LOG("%s", virtq_poison_str(vq->poison));
	}
	/* From now on nothing is read into, or written. */
	memcpy(before, mock_ptr(g, GUEST_RINGS, 0x4000), 0x4000);
	EXPECT_EQ(virtq_pop(vq, chain), -EPROTO);
	EXPECT_EQ(virtq_push(vq, 0, 1), -EFAULT);
	EXPECT_EQ(virtq_disable_notify(vq), -EFAULT);
	EXPECT_EQ(virtq_enable_notify(vq), -EPROTO);
	EXPECT_MEMEQ(before, mock_ptr(g, GUEST_RINGS, 0x4000), 0x4000);
}

TEST_F(queue, avail_jump, .title = "D58 avail.idx may be the queue size ahead, not more")
{
	mock_chain(&self->d, three, 1);
	mock_set_avail_idx(&self->d, SIZE);
	EXPECT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	mock_set_avail_idx(&self->d, SIZE + 1);
	for (int i = 1; i < SIZE; i++)
		EXPECT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	mock_set_avail_idx(&self->d, SIZE + SIZE + 1);
	expect_poison(&self->vq, &self->chain, &self->g, VIRTQ_BAD_AVAIL_IDX);
}

TEST_F(queue, avail_backwards, .title = "D58 avail.idx that goes back is a jump ahead")
{
	mock_chain(&self->d, three, 1);
	mock_chain(&self->d, three, 1);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	mock_set_avail_idx(&self->d, 1);
	expect_poison(&self->vq, &self->chain, &self->g, VIRTQ_BAD_AVAIL_IDX);
}

TEST_F(queue, bad_head, .title = "D60 a head outside the table poisons")
{
	mock_avail(&self->d, SIZE);
	expect_poison(&self->vq, &self->chain, &self->g, VIRTQ_BAD_INDEX);
}

TEST_F(queue, bad_next, .title = "D60 a next index outside the table poisons")
{
	mock_desc(&self->d, 0, 0x30000, 16, VRING_DESC_F_NEXT, SIZE);
	mock_avail(&self->d, 0);
	expect_poison(&self->vq, &self->chain, &self->g, VIRTQ_BAD_INDEX);
}

TEST_F(queue, loop, .title = "D60 a chain with a loop poisons, after one round")
{
	mock_desc(&self->d, 0, 0x30000, 16, VRING_DESC_F_NEXT, 1);
	mock_desc(&self->d, 1, 0x30000, 16, VRING_DESC_F_NEXT, 0);
	mock_avail(&self->d, 0);
	expect_poison(&self->vq, &self->chain, &self->g, VIRTQ_BAD_LOOP);
	EXPECT_EQ(self->chain.nr, SIZE);
}

TEST_F(queue, self_loop, .title = "D60 a descriptor that follows itself poisons")
{
	mock_desc(&self->d, 3, 0x30000, 16, VRING_DESC_F_NEXT, 3);
	mock_avail(&self->d, 3);
	expect_poison(&self->vq, &self->chain, &self->g, VIRTQ_BAD_LOOP);
}

TEST_F(queue, whole_table, .title = "a chain of all descriptors is no loop")
{
	for (uint16_t i = 0; i < SIZE; i++)
		mock_desc(&self->d, i, 0x30000, 16, i + 1 < SIZE ? VRING_DESC_F_NEXT : 0, i + 1);
	mock_avail(&self->d, 0);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	EXPECT_EQ(self->chain.nr, SIZE);
}

TEST_F(queue, misaligned, .title = "D60 misaligned rings poison")
{
	struct mock_queue d = self->d;

	mock_avail(&self->d, 0);
	d.desc += 8;
	start_with(&self->vq, &d, false, false);
	expect_poison(&self->vq, &self->chain, &self->g, VIRTQ_BAD_ADDRESS);
	d = self->d;
	d.avail += 1;
	start_with(&self->vq, &d, false, false);
	expect_poison(&self->vq, &self->chain, &self->g, VIRTQ_BAD_ADDRESS);
	d = self->d;
	d.used += 2;
	start_with(&self->vq, &d, false, false);
	expect_poison(&self->vq, &self->chain, &self->g, VIRTQ_BAD_ADDRESS);
}

TEST_F(queue, unmapped, .title = "D60 an unmapped table or available ring poisons")
{
	static const uint64_t nowhere[] = { GUEST_HOLE, GUEST_BIG + GUEST_BIG_SIZE,
					    UINT64_MAX - 15 };

	for (int i = 0; i < 3; i++) {
		struct mock_queue d = self->d;

		mock_queue_init(&self->d, &self->g, 0, SIZE);
		mock_avail(&self->d, 0);
		d.desc = nowhere[i];
		start_with(&self->vq, &d, false, false);
		expect_poison(&self->vq, &self->chain, &self->g, VIRTQ_BAD_ADDRESS);
		d = self->d;
		d.avail = nowhere[i];
		start_with(&self->vq, &d, false, false);
		expect_poison(&self->vq, &self->chain, &self->g, VIRTQ_BAD_ADDRESS);
	}
}

TEST_F(queue, wraps, .title = "D60 an available ring that wraps doesn't go on at guest address 0")
{
	struct mock_queue d = self->d;

	/* avail.idx would be the word at 0. */
	*(uint16_t *)mock_ptr(&self->g, 0, 2) = 1;
	d.avail = UINT64_MAX - 1;
	start_with(&self->vq, &d, false, false);
	EXPECT_LT(virtq_enable_notify(&self->vq), 0);
	expect_poison(&self->vq, &self->chain, &self->g, VIRTQ_BAD_ADDRESS);
}

TEST_F(queue, used_unmapped,
       .title = "D49 an unmapped used ring: nothing is published, push says so")
{
	struct mock_queue d = self->d;

	mock_chain(&self->d, three, 1);
	d.used = GUEST_HOLE;
	start_with(&self->vq, &d, true, false);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	EXPECT_EQ(virtq_push(&self->vq, 0, 1), -EFAULT);
	EXPECT_EQ(self->vq.next_used, 0);
	EXPECT_EQ(virtq_enable_notify(&self->vq), -EFAULT);
	EXPECT_EQ(self->vq.poison, VIRTQ_OK);
}

/* --- rings that lie over the end of a region --- */

TEST_F(queue, split_over_regions, .title = "rings that go on in the next region work")
{
	/* Each ring part in turn has its middle at the border of low and high. */
	for (int part = 0; part < 3; part++) {
		for (int event_idx = 0; event_idx < 2; event_idx++) {
			struct mock_queue *d = &self->d;
			uint32_t id, len;

			mock_queue_init(d, &self->g, 0, SIZE);
			memset(mock_ptr(&self->g, GUEST_HIGH - 256, 256), 0, 256);
			memset(mock_ptr(&self->g, GUEST_HIGH, 256), 0, 256);
			if (part == 0)
				d->desc = GUEST_HIGH - 4 * 16;
			if (part == 1)
				d->avail = GUEST_HIGH - 4 - 2 * 3;
			if (part == 2)
				d->used = GUEST_HIGH - 4 - 8 * 3;
			start_with(&self->vq, d, event_idx, false);
			for (int i = 0; i < 3 * SIZE; i++) {
				uint16_t head = mock_chain(d, three, 3);

				virtq_disable_notify(&self->vq);
				ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
				ASSERT_EQ(self->chain.head, head);
				ASSERT_EQ(self->seg[1].addr, three[1].addr);
				ASSERT_EQ(self->seg[2].len, three[2].len);
				ASSERT_EQ(virtq_push(&self->vq, head, 7), 0);
				ASSERT_TRUE(mock_used(d, &id, &len));
				ASSERT_EQ(id, head);
				ASSERT_EQ(virtq_enable_notify(&self->vq), 0);
				mock_set_used_event(d, (uint16_t)(d->used_idx - 1));
				ASSERT_EQ(virtq_should_interrupt(&self->vq), true);
			}
		}
	}
}

TEST_F(queue, cut_by_a_hole, .title = "D60 a ring cut off by a hole poisons where the hole begins")
{
	struct mock_queue *d = &self->d;

	/* Four of eight available entries are mapped. */
	d->avail = GUEST_HOLE - 4 - 2 * 4;
	start_with(&self->vq, d, false, false);
	for (int i = 0; i < 4; i++) {
		mock_chain(d, three, 1);
		ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	}
	mock_set_avail_idx(d, 5);
	expect_poison(&self->vq, &self->chain, &self->g, VIRTQ_BAD_ADDRESS);

	/* Four of eight descriptors are mapped. */
	mock_queue_init(d, &self->g, 0, SIZE);
	d->desc = GUEST_HOLE - 4 * 16;
	start_with(&self->vq, d, false, false);
	mock_chain(d, three, 3);
	ASSERT_EQ(virtq_pop(&self->vq, &self->chain), 1);
	mock_desc(d, 3, 0x30000, 16, VRING_DESC_F_NEXT, 4);
	mock_avail(d, 3);
	expect_poison(&self->vq, &self->chain, &self->g, VIRTQ_BAD_ADDRESS);
}

TEST_F(queue, used_cut_by_a_hole, .title = "D49 a used ring cut off by a hole takes what fits")
{
	struct mock_queue *d = &self->d;

	d->used = GUEST_HOLE - 4 - 8 * 2;
	start_with(&self->vq, d, false, false);
	EXPECT_EQ(virtq_push(&self->vq, 1, 1), 0);
	EXPECT_EQ(virtq_push(&self->vq, 2, 1), 0);
	EXPECT_EQ(virtq_push(&self->vq, 3, 1), -EFAULT);
	EXPECT_EQ(mock_used_idx(d), 2);
	/* With EVENT_IDX and a driver's event out of reach: rather interrupt. */
	mock_queue_init(d, &self->g, 0, SIZE);
	d->avail = GUEST_HOLE - 4 - 2 * SIZE;
	start_with(&self->vq, d, true, false);
	virtq_push(&self->vq, 1, 1);
	EXPECT_TRUE(virtq_should_interrupt(&self->vq));
}

TEST_HARNESS_MAIN
