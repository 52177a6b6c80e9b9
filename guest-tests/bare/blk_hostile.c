// SPDX-License-Identifier: GPL-2.0-only
/* A driver that breaks the rules, and then wants to go on. */
#include "disk.h"
#include "ss_harness.h"

#define HOLE	 0x90000000ULL /* no RAM there */
#define RAM_END	 BARE_MEMORY
#define SEG_MAX	 128
#define GOOD_GEN 3

static struct disk_queue disk[BARE_QUEUES];
static uint32_t stop;

/* --- rings that break: the queue is poisoned --- */

static void avail_ahead(struct vioq *q)
{
	q->vr.avail->idx = (uint16_t)(q->next + q->vr.num + 1);
}

static void avail_back(struct vioq *q)
{
	q->vr.avail->idx = (uint16_t)(q->next - 1);
}

/* A chain of two that the device finds at head @head. */
static void offer(struct vioq *q, uint16_t head)
{
	static uint8_t byte;

	for (uint16_t i = 10; i < 12; i++) {
		q->vr.desc[i].addr = (uintptr_t)&byte;
		q->vr.desc[i].len = 1;
		q->vr.desc[i].flags = i == 10 ? VRING_DESC_F_NEXT : VRING_DESC_F_WRITE;
		q->vr.desc[i].next = (uint16_t)(i + 1);
	}
	q->vr.avail->ring[q->next % q->vr.num] = head;
	__atomic_store_n(&q->vr.avail->idx, (uint16_t)(q->next + 1), __ATOMIC_RELEASE);
}

static void head_outside(struct vioq *q)
{
	offer(q, (uint16_t)q->vr.num);
}

static void next_outside(struct vioq *q)
{
	offer(q, 10);
	q->vr.desc[10].next = 0xffff;
}

static void loop_of_one(struct vioq *q)
{
	offer(q, 10);
	q->vr.desc[10].next = 10;
}

static void loop_of_two(struct vioq *q)
{
	offer(q, 10);
	q->vr.desc[11].flags = VRING_DESC_F_NEXT;
	q->vr.desc[11].next = 10;
}

/* A table of @len bytes at @at; in it a chain of one that points to itself. */
static void indirect(struct vioq *q, uint64_t at, uint32_t len, uint16_t flags)
{
	offer(q, 10);
	q->vr.desc[10].addr = at;
	q->vr.desc[10].len = len;
	q->vr.desc[10].flags = VRING_DESC_F_INDIRECT;
	q->tables[0] = (struct vring_desc){ (uintptr_t)q->tables, 16, flags, 0 };
}

static void table_odd(struct vioq *q)
{
	indirect(q, (uintptr_t)q->tables, 17, 0);
}

static void table_empty(struct vioq *q)
{
	indirect(q, (uintptr_t)q->tables, 0, 0);
}

static void table_nests(struct vioq *q)
{
	indirect(q, (uintptr_t)q->tables, 16, VRING_DESC_F_INDIRECT);
}

static void table_loops(struct vioq *q)
{
	indirect(q, (uintptr_t)q->tables, 16, VRING_DESC_F_NEXT);
}

static void table_unmapped(struct vioq *q)
{
	indirect(q, HOLE, 16, 0);
}

static void table_wraps(struct vioq *q)
{
	indirect(q, ~0ULL - 15, 64, 0);
}

static const struct poison {
	const char *name;
	void (*apply)(struct vioq *q);
} poisons[] = {
	{ "avail.idx 257 ahead", avail_ahead },
	{ "avail.idx back by one", avail_back },
	{ "head outside the table", head_outside },
	{ "next outside the table", next_outside },
	{ "a descriptor that follows itself", loop_of_one },
	{ "a loop of two", loop_of_two },
	{ "an indirect table of 17 bytes", table_odd },
	{ "an empty indirect table", table_empty },
	{ "an indirect table in another", table_nests },
	{ "a loop in an indirect table", table_loops },
	{ "an indirect table outside memory", table_unmapped },
	{ "an indirect table that wraps", table_wraps },
};

#define NR_POISONS (sizeof(poisons) / sizeof(poisons[0]))

/* It comes by interrupt, after the @seen ones. */
static void await_config(uint32_t seen)
{
	do {
		user_wait(0, seen);
		seen = user_irqs(0);
	} while (!(vio_get(VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG));
}

/* D58, D59, D18: told once; from then on the device is deaf but for a reset. */
static void expect_poisoned(uint32_t seen, uint64_t poisoned)
{
	const uint32_t broken = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
				VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK |
				VIRTIO_CONFIG_S_NEEDS_RESET;

	await_config(seen);
	EXPECT_EQ(user_irqs(0), seen + 1);
	EXPECT_EQ(vio_get(VIRTIO_MMIO_STATUS), broken);
	vio_set(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
	for (unsigned int i = 0; i < 50; i++)
		vioq_notify(&disk[0].vq);
	vio_set(VIRTIO_MMIO_STATUS, broken | VIRTIO_CONFIG_S_FAILED);
	vio_set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	EXPECT_EQ(vio_get(VIRTIO_MMIO_STATUS), broken);
	EXPECT_EQ(vio_get(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	EXPECT_EQ(user_irqs(0), seen + 1);
	EXPECT_EQ(disk_counters()->invalid_avail_idx_count, poisoned);
}

TEST(poisoned)
{
	struct disk_queue *d = &disk[0];

	for (unsigned int i = 0; i < NR_POISONS; i++) {
		const uint32_t seen = user_irqs(0);

		WRITE_ONCE(shared->progress, i);
		disk_start(d, 0);
		ASSERT_EQ(disk_one(d, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
		/* The used element is seen before its interrupt comes. */
		user_wait(0, seen);
		vio_set(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
		poisons[i].apply(&d->vq);
		vioq_notify(&d->vq);
		expect_poisoned(seen + 1, i + 1);
		EXPECT_EQ(READ_ONCE(d->vq.vr.used->idx), 1)
		{
			TH_LOG("%s", poisons[i].name);
		}
	}
	disk_start(d, 0);
	disk_write_blocks(d, 0, 64, GOOD_GEN);
	disk_read_blocks(d, 0, 64, GOOD_GEN);
	EXPECT_EQ(disk_counters()->invalid_avail_idx_count, NR_POISONS);
	EXPECT_EQ(disk_counters()->io_errors, 0);
}

/* A queue that is poisoned takes none of the others with it, until the reset. */
TEST(poisoned_beside)
{
	uint32_t seen;

	disk_start(disk, 0);
	seen = user_irqs(0);
	avail_ahead(&disk[1].vq);
	vioq_notify(&disk[1].vq);
	await_config(seen);
	disk_write_blocks(&disk[0], 0, 64, GOOD_GEN);
	disk_read_blocks(&disk[0], 0, 64, GOOD_GEN);
	disk_start(disk, 0);
	EXPECT_EQ(disk_one(&disk[1], VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
}

/* Rings where there is no memory: what can't be read poisons, what can't be written is lost. */
TEST(ring_unmapped)
{
	static const uint32_t reg[] = { VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_AVAIL_LOW };
	struct disk_queue *d = &disk[0];

	for (unsigned int i = 0; i < 2; i++) {
		uint32_t seen = user_irqs(0);

		vio_begin(0);
		vioq_init(&d->vq, 0, VIO_SIZE, vioq_at(0));
		vioq_tell(&d->vq);
		vio_set(reg[i], (uint32_t)HOLE);
		vio_go(0);
		offer(&d->vq, 10);
		vioq_notify(&d->vq);
		await_config(seen);
		EXPECT_EQ(vio_get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET,
			  VIRTIO_CONFIG_S_NEEDS_RESET);
	}
	disk_start(d, 0);
	EXPECT_EQ(disk_one(d, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
}

/* --- chains that break: the queue goes on --- */

enum fate { DROPPED, ANSWERED };

struct bad {
	const char *name;
	struct vio_buf buf[3];
	unsigned int n;
	uint32_t type;
	uint64_t sector;
	enum fate fate;
	uint8_t status;
	uint8_t errors;
};

static struct disk_slot slot;
static uint8_t data[BARE_BLOCK];

/* Versions of clang-format differ on the like of it. */
/* clang-format off */
#define HDR    { &slot.hdr, 16, false }
#define IN     { data, 512, true }
#define OUT    { data, 512, false }
#define STATUS { &slot.status, 1, true }
#define AT(a)  ((const void *)(uintptr_t)(a))
#define IOERR  ANSWERED, VIRTIO_BLK_S_IOERR

static const struct bad bad_chains[] = {
	{ "status not writable", { HDR, IN, { &slot.status, 1, false } }, 3, 0, 0, DROPPED, 0, 1 },
	{ "status empty", { HDR, IN, { &slot.status, 0, true } }, 3, 0, 0, DROPPED, 0, 1 },
	{ "status address wraps", { HDR, IN, { AT(~0ULL), 2, true } }, 3, 0, 0, DROPPED, 0, 1 },
	{ "status unmapped", { HDR, IN, { AT(HOLE), 1, true } }, 3, 0, 0, DROPPED, 0, 1 },
	{ "a header alone", { HDR }, 1, 0, 0, DROPPED, 0, 1 },
	{ "a status alone", { STATUS }, 1, 0, 0, IOERR, 1 },
	{ "header of 15 bytes", { { &slot.hdr, 15, false }, IN, STATUS }, 3, 0, 0, IOERR, 1 },
	{ "header writable", { { &slot.hdr, 16, true }, IN, STATUS }, 3, 0, 0, IOERR, 1 },
	{ "header unmapped", { { AT(HOLE), 16, false }, IN, STATUS }, 3, 0, 0, IOERR, 1 },
	{ "header at the end of memory", { { AT(RAM_END - 8), 16, false }, IN, STATUS }, 3, 0, 0, IOERR, 1 },
	{ "data unmapped", { HDR, { AT(HOLE), 512, true }, STATUS }, 3, 0, 0, IOERR, 1 },
	{ "data past the end of memory", { HDR, { AT(RAM_END - 512), 1024, true }, STATUS }, 3, 0, 0, IOERR, 1 },
	{ "data wraps", { HDR, { AT(~0ULL - 511), 1024, true }, STATUS }, 3, 0, 0, IOERR, 1 },
	{ "data of 511 bytes", { HDR, { data, 511, true }, STATUS }, 3, 0, 0, IOERR, 1 },
	{ "data above size_max", { HDR, { data, (1 << 20) + 512, true }, STATUS }, 3, 0, 0, IOERR, 1 },
	{ "no data", { HDR, STATUS }, 2, 0, 0, IOERR, 1 },
	{ "read into what isn't writable", { HDR, OUT, STATUS }, 3, 0, 0, IOERR, 1 },
	{ "write from what is writable", { HDR, IN, STATUS }, 3, VIRTIO_BLK_T_OUT, 0, IOERR, 1 },
	{ "flush with data", { HDR, OUT, STATUS }, 3, VIRTIO_BLK_T_FLUSH, 0, IOERR, 1 },
	{ "past the end of the disk", { HDR, IN, STATUS }, 3, 0, 1 << 13, IOERR, 1 },
	{ "sector that overflows", { HDR, OUT, STATUS }, 3, VIRTIO_BLK_T_OUT, ~0ULL, IOERR, 1 },
	{ "unknown type", { HDR, IN, STATUS }, 3, 77, 0, ANSWERED, VIRTIO_BLK_S_UNSUPP, 0 },
};
/* clang-format on */

static void try_bad(struct disk_queue *d, const struct bad *b)
{
	const struct ss_blk_counters before = *disk_counters();
	const uint16_t used = d->vq.used;
	const struct ss_blk_counters *after;

	slot.hdr.type = b->type;
	slot.hdr.sector = b->sector;
	slot.status = DISK_PENDING;
	memset(data, 0x11, sizeof(data));
	vioq_add(&d->vq, b->buf, b->n);
	/* The next one is served, and then this one has been. */
	disk_add(d, 0, VIRTIO_BLK_T_FLUSH, 0, 0);
	vioq_kick(&d->vq);
	while (READ_ONCE(d->vq.vr.used->idx) != (uint16_t)(used + (b->fate == DROPPED ? 1 : 2)))
		cpu_relax();
	if (b->fate == ANSWERED) {
		EXPECT_EQ(d->vq.vr.used->ring[used % VIO_SIZE].len, 1);
		EXPECT_GE(vioq_take(&d->vq, NULL), 0);
		EXPECT_EQ(slot.status, b->status);
	} else {
		EXPECT_EQ(slot.status, DISK_PENDING);
	}
	disk_finish(d, 1);
	after = disk_counters();
	EXPECT_EQ(after->chains_dropped - before.chains_dropped, b->fate == DROPPED);
	EXPECT_EQ(after->io_errors - before.io_errors, b->errors);
	EXPECT_EQ(after->writes_completed, before.writes_completed);
	EXPECT_EQ(after->invalid_avail_idx_count, 0);
	/* Only "status unmapped" was a good read until then. */
	EXPECT_TRUE(data[0] == 0x11 || after->reads_completed > before.reads_completed);
}

TEST(bad_chains)
{
	static struct vio_buf many[SEG_MAX + 3];
	struct disk_queue *d = &disk[0];
	unsigned int i;

	disk_start(d, 0);
	disk_write_blocks(d, 0, 64, GOOD_GEN);
	for (i = 0; i < sizeof(bad_chains) / sizeof(bad_chains[0]); i++) {
		WRITE_ONCE(shared->progress, i);
		try_bad(d, &bad_chains[i]);
	}
	/* D24: one descriptor too many. */
	for (i = 0; i < SEG_MAX + 3; i++)
		many[i] = (struct vio_buf)IN;
	many[0] = (struct vio_buf)HDR;
	many[SEG_MAX + 2] = (struct vio_buf)STATUS;
	slot.hdr = (struct virtio_blk_outhdr){ 0 };
	slot.status = DISK_PENDING;
	vioq_add(&d->vq, many, SEG_MAX + 3);
	vioq_kick(&d->vq);
	EXPECT_EQ(disk_one(d, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	EXPECT_EQ(slot.status, DISK_PENDING);
	disk_read_blocks(d, 0, 64, GOOD_GEN);
}

/* --- things that change while the device runs --- */

/* D10: the queue's registers are closed. */
static void write_registers(void)
{
	while (!READ_ONCE(stop)) {
		vio_set(VIRTIO_MMIO_QUEUE_SEL, 0);
		vio_set(VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)HOLE);
		vio_set(VIRTIO_MMIO_QUEUE_AVAIL_LOW, 1);
		vio_set(VIRTIO_MMIO_QUEUE_USED_HIGH, ~0u);
		vio_set(VIRTIO_MMIO_QUEUE_NUM, 1);
		vio_set(VIRTIO_MMIO_QUEUE_READY, 0);
		vio_set(VIRTIO_MMIO_DRIVER_FEATURES, ~0u);
		WRITE_ONCE(shared->kicks, shared->kicks + 1);
	}
}

TEST(registers_change)
{
	struct disk_queue *d = &disk[0];

	disk_start(d, 0);
	user_start_cpu(write_registers);
	for (uint32_t gen = 1; gen <= 4 || READ_ONCE(shared->kicks) < shared->rounds; gen++) {
		disk_write_blocks(d, 0, 64, gen);
		disk_read_blocks(d, 0, 64, gen);
	}
	WRITE_ONCE(stop, 1);
	user_join_cpu();
	EXPECT_EQ(vio_get(VIRTIO_MMIO_QUEUE_READY), 1);
}

static uint64_t next_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Whatever the device makes of it, it writes to the data buffers at most. */
static uint64_t random_address(uint64_t r)
{
	switch (r % 8) {
	case 0:
		return HOLE + (r >> 8 & 0xffff);
	case 1:
		return ~0ULL - (r >> 8 & 0xff);
	case 2:
		return RAM_END - (r >> 8 & 0x3ff);
	default:
		return BARE_DATA + (r >> 8 & 0xfffff);
	}
}

static void scribble(void)
{
	struct vioq *q = &disk[0].vq;

	while (!READ_ONCE(stop)) {
		const uint64_t r = next_random();
		struct vring_desc *d = (struct vring_desc *)vioq_at(0) + (r >> 40) % VIO_SIZE;

		WRITE_ONCE(d->addr, random_address(r));
		WRITE_ONCE(d->len, (uint32_t)(r >> 20) & (r & 0x100 ? 0x1fffff : 0x3f));
		/* Seldom out of the table; no loop is needed to make one. */
		WRITE_ONCE(d->flags, (uint16_t)(r >> 4 & (r & 0x3000 ? 3 : 7)));
		WRITE_ONCE(d->next, (uint16_t)(r >> 28 & (r & 0x70000 ? 0xff : 0x1ff)));
		WRITE_ONCE(q->vr.avail->ring[(r >> 32) % VIO_SIZE], (uint16_t)(r >> 50 & 0xff));
		*(volatile uint32_t *)(BARE_DATA + (r >> 16 & 0xffff0)) = (uint32_t)(r & 0xf);
	}
}

/* A second CPU writes the ring while the device reads it; the disk can't be written. */
TEST(scribbled)
{
	struct disk_queue *d = &disk[0];
	uint32_t broken = 0;

	disk_start(d, 0);
	user_start_cpu(scribble);
	for (uint32_t i = 0; i < shared->rounds; i++) {
		vioq_publish(&d->vq);
		vioq_notify(&d->vq);
		d->vq.next = (uint16_t)(d->vq.next + 1 + next_random() % 64);
		if (!(vio_get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET))
			continue;
		broken++;
		disk_start(d, 0);
	}
	WRITE_ONCE(stop, 1);
	user_join_cpu();
	EXPECT_GT(broken, 0);
	EXPECT_LE(broken, disk_counters()->invalid_avail_idx_count);
	EXPECT_EQ(disk_counters()->writes_completed, 0);
	disk_start(d, 0);
	EXPECT_EQ(disk_one(d, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	disk_read_blocks(d, 0, 64, GOOD_GEN);
}
