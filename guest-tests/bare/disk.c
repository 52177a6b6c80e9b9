// SPDX-License-Identifier: GPL-2.0-only
/* Many reads and writes in flight whose content tells if one was lost or mixed up. */
#include "disk.h"
#include "ss_harness.h"

#define SLOTS_AT 0x80000 /* from the beginning of the queue's memory */
#define WORDS	 (BARE_BLOCK / 8)
#define STRIDE	 37 /* blocks are gone through in an order of no use to a cache */

void disk_restart(struct disk_queue *d, unsigned int cpu, uint64_t by)
{
	vio_begin(1ULL << VIRTIO_BLK_F_FLUSH | (shared->queues > 1 ? 1ULL << VIRTIO_BLK_F_MQ : 0));
	for (unsigned int i = 0; i < shared->queues; i++) {
		vioq_init(&d[i].vq, i, VIO_SIZE, vioq_at(i) + by);
		d[i].vq.cpu = cpu == USER_ALL ? 0 : cpu;
		d[i].slot = (void *)(vioq_at(i) + SLOTS_AT + by);
		d[i].busy = 0;
		vioq_tell(&d[i].vq);
	}
	vio_go(cpu);
}

void disk_start(struct disk_queue *d, unsigned int cpu)
{
	disk_restart(d, cpu, 0);
}

void *disk_data(const struct disk_queue *d, unsigned int slot)
{
	return (void *)(BARE_DATA + BARE_QUEUE * d->vq.index + BARE_BLOCK * slot);
}

void disk_add(struct disk_queue *d, unsigned int slot, uint32_t type, uint64_t sector, uint32_t len)
{
	struct disk_slot *s = &d->slot[slot];
	struct vio_buf buf[3];
	unsigned int n = 0;

	ASSERT_EQ(d->busy >> slot & 1, 0);
	s->hdr.type = type;
	s->hdr.ioprio = 0;
	s->hdr.sector = sector;
	s->status = DISK_PENDING;
	buf[n++] = (struct vio_buf){ &s->hdr, sizeof(s->hdr), false };
	if (len)
		buf[n++] = (struct vio_buf){ disk_data(d, slot), len, type != VIRTIO_BLK_T_OUT };
	buf[n++] = (struct vio_buf){ &s->status, 1, true };
	d->busy |= 1ULL << slot;
	d->owner[vioq_add(&d->vq, buf, n)] = (uint8_t)slot;
}

int disk_take(struct disk_queue *d, uint32_t *len)
{
	int head = vioq_take(&d->vq, len);
	unsigned int slot;

	if (head < 0)
		return -1;
	slot = d->owner[head];
	ASSERT_EQ(d->busy >> slot & 1, 1);
	d->busy &= ~(1ULL << slot);
	WRITE_ONCE(shared->progress, shared->progress + 1);
	return (int)slot;
}

void disk_finish(struct disk_queue *d, unsigned int n)
{
	while (n && d->busy) {
		int slot = disk_take(d, NULL);

		if (slot < 0) {
			vioq_wait(&d->vq);
			continue;
		}
		EXPECT_EQ(d->slot[slot].status, VIRTIO_BLK_S_OK);
		n--;
	}
}

uint8_t disk_one(struct disk_queue *d, uint32_t type, uint64_t sector, uint32_t len)
{
	int slot;

	disk_add(d, DISK_SLOTS - 1, type, sector, len);
	vioq_kick(&d->vq);
	while ((slot = disk_take(d, NULL)) < 0)
		vioq_wait(&d->vq);
	ASSERT_EQ(slot, DISK_SLOTS - 1);
	return d->slot[slot].status;
}

void disk_fill(const struct disk_queue *d, unsigned int slot, uint64_t block, uint32_t gen)
{
	uint64_t *word = disk_data(d, slot);

	for (uint32_t i = 0; i < WORDS; i++)
		word[i] = bare_guest_pattern(block, gen, i);
}

void disk_verify(const struct disk_queue *d, unsigned int slot, uint64_t block, uint32_t gen)
{
	const uint64_t *word = disk_data(d, slot);

	for (uint32_t i = 0; i < WORDS; i++)
		ASSERT_EQ(word[i], bare_guest_pattern(block, gen, i))
		{
			TH_LOG("block %lu, generation %u, word %u", block, gen, i);
		}
}

/* --- the pump --- */

struct pump {
	uint32_t type, gen;
	uint64_t first;
	uint32_t blocks;
	uint64_t block[DISK_SLOTS];
};

static void pump_start(struct disk_queue *d, struct pump *p, uint32_t nr)
{
	const unsigned int slot = (unsigned int)__builtin_ctzll(~d->busy);
	const uint64_t block = p->first + (uint64_t)nr * STRIDE % p->blocks;

	p->block[slot] = block;
	if (p->type == VIRTIO_BLK_T_OUT)
		disk_fill(d, slot, block, p->gen);
	else
		memset(disk_data(d, slot), 0x55, BARE_BLOCK);
	disk_add(d, slot, p->type, block * BARE_SECTORS, BARE_BLOCK);
}

static void pump_end(struct disk_queue *d, const struct pump *p, unsigned int slot, uint32_t len)
{
	EXPECT_EQ(d->slot[slot].status, VIRTIO_BLK_S_OK);
	/* D50 */
	EXPECT_EQ(len, p->type == VIRTIO_BLK_T_IN ? BARE_BLOCK + 1 : 1);
	if (p->type == VIRTIO_BLK_T_IN)
		disk_verify(d, slot, p->block[slot], p->gen);
}

static void pump(struct disk_queue *d, struct pump *p)
{
	uint32_t started = 0, ended = 0, len;
	int slot;

	/* Every block is met once. */
	ASSERT_NE(p->blocks % STRIDE, 0);
	ASSERT_LE(shared->depth, DISK_SLOTS);
	while (ended < p->blocks) {
		while (started < p->blocks && started - ended < shared->depth &&
		       vioq_room(&d->vq, 3))
			pump_start(d, p, started++);
		vioq_kick(&d->vq);
		vioq_wait(&d->vq);
		while ((slot = disk_take(d, &len)) >= 0) {
			pump_end(d, p, (unsigned int)slot, len);
			ended++;
		}
	}
}

void disk_write_blocks(struct disk_queue *d, uint64_t first, uint32_t blocks, uint32_t gen)
{
	struct pump p = { VIRTIO_BLK_T_OUT, gen, first, blocks, { 0 } };

	pump(d, &p);
}

void disk_read_blocks(struct disk_queue *d, uint64_t first, uint32_t blocks, uint32_t gen)
{
	struct pump p = { VIRTIO_BLK_T_IN, gen, first, blocks, { 0 } };

	pump(d, &p);
}

const struct ss_blk_counters *disk_counters(void)
{
	user_call(BARE_CALL_COUNTERS);
	return (const struct ss_blk_counters *)(const void *)shared->answer;
}
