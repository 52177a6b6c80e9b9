// SPDX-License-Identifier: GPL-2.0-only
#include "mock_guest.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add_region(struct mock_guest *g, uint64_t gpa, uint64_t size)
{
	void *hva = aligned_alloc(4096, size);

	if (!hva || guest_mem_add(&g->mem, gpa, size, hva))
		abort();
	memset(hva, 0, size);
}

void mock_guest_init(struct mock_guest *g)
{
	memset(g, 0, sizeof(*g));
	/* Not in the order of their addresses: nothing may rely on that. */
	add_region(g, GUEST_BIG, GUEST_BIG_SIZE);
	add_region(g, 0, GUEST_LOW_SIZE);
	add_region(g, GUEST_HIGH, GUEST_HIGH_SIZE);
}

void mock_guest_free(struct mock_guest *g)
{
	for (unsigned int i = 0; i < g->mem.nr; i++)
		free(g->mem.region[i].hva);
	g->mem.nr = 0;
}

void *mock_ptr(struct mock_guest *g, uint64_t gpa, uint64_t len)
{
	void *p = guest_mem_ptr(&g->mem, gpa, len);

	if (!p) {
		fprintf(stderr, "test bug: guest address 0x%llx isn't mapped\n",
			(unsigned long long)gpa);
		abort();
	}
	return p;
}

static uint64_t mock_clock_now(void *ctx)
{
	return ((struct mock_clock *)ctx)->now;
}

void mock_clock_init(struct mock_clock *c, uint64_t now)
{
	c->now = now;
	c->clock = (struct io_clock){ .now = mock_clock_now, .ctx = c };
}

/* --- rings --- */

void mock_queue_init(struct mock_queue *q, struct mock_guest *g, unsigned int index, uint16_t size)
{
	const uint64_t base = GUEST_RINGS + 0x4000ULL * index;

	*q = (struct mock_queue){
		.g = g,
		.index = index,
		.size = size,
		.desc = base,
		.avail = base + 0x1000,
		.used = base + 0x2000,
	};
	memset(mock_ptr(g, base, 0x4000), 0, 0x4000);
}

void mock_desc(struct mock_queue *q, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
	       uint16_t next)
{
	const struct vring_desc desc = { .addr = addr, .len = len, .flags = flags, .next = next };

	if (guest_mem_write(&q->g->mem, q->desc + 16ULL * i, &desc, sizeof(desc)))
		abort();
}

static uint16_t *word(struct mock_queue *q, uint64_t gpa)
{
	return mock_ptr(q->g, gpa, sizeof(uint16_t));
}

static void word_set(struct mock_queue *q, uint64_t gpa, uint16_t value)
{
	__atomic_store_n(word(q, gpa), value, __ATOMIC_SEQ_CST);
}

static uint16_t word_get(struct mock_queue *q, uint64_t gpa)
{
	return __atomic_load_n(word(q, gpa), __ATOMIC_SEQ_CST);
}

void mock_avail(struct mock_queue *q, uint16_t head)
{
	word_set(q, q->avail + 4 + 2ULL * (q->avail_idx % q->size), head);
	mock_set_avail_idx(q, (uint16_t)(q->avail_idx + 1));
}

void mock_set_avail_idx(struct mock_queue *q, uint16_t idx)
{
	q->avail_idx = idx;
	word_set(q, q->avail + 2, idx);
}

void mock_set_avail_flags(struct mock_queue *q, uint16_t flags)
{
	word_set(q, q->avail, flags);
}

void mock_set_used_event(struct mock_queue *q, uint16_t event)
{
	word_set(q, q->avail + 4 + 2ULL * q->size, event);
}

uint16_t mock_avail_event(struct mock_queue *q)
{
	return word_get(q, q->used + 4 + 8ULL * q->size);
}

uint16_t mock_used_flags(struct mock_queue *q)
{
	return word_get(q, q->used);
}

uint16_t mock_used_idx(struct mock_queue *q)
{
	return word_get(q, q->used + 2);
}

bool mock_used(struct mock_queue *q, uint32_t *id, uint32_t *len)
{
	struct vring_used_elem elem;

	if (mock_used_idx(q) == q->used_idx)
		return false;
	if (guest_mem_read(&q->g->mem, q->used + 4 + 8ULL * (q->used_idx % q->size), &elem,
			   sizeof(elem)))
		abort();
	q->used_idx++;
	*id = elem.id;
	*len = elem.len;
	return true;
}

uint16_t mock_chain(struct mock_queue *q, const struct mock_piece *piece, unsigned int nr)
{
	uint16_t head = q->free_desc % q->size;

	for (unsigned int i = 0; i < nr; i++) {
		uint16_t at = q->free_desc++ % q->size;
		uint16_t flags = (piece[i].write ? VRING_DESC_F_WRITE : 0) |
				 (i + 1 < nr ? VRING_DESC_F_NEXT : 0);

		mock_desc(q, at, piece[i].addr, piece[i].len, flags, q->free_desc % q->size);
	}
	mock_avail(q, head);
	return head;
}

/* --- block requests --- */

struct mock_req mock_blk_header(struct mock_queue *q, uint32_t type, uint64_t sector)
{
	const struct virtio_blk_outhdr hdr = { .type = type, .sector = sector };
	const unsigned int slot = q->index % 4 * 256 + q->slot++ % 256;
	struct mock_req req = {
		.header = GUEST_HEADERS + 16ULL * slot,
		.status = GUEST_STATUSES + slot,
	};

	memcpy(mock_ptr(q->g, req.header, sizeof(hdr)), &hdr, sizeof(hdr));
	*(uint8_t *)mock_ptr(q->g, req.status, 1) = STATUS_UNTOUCHED;
	return req;
}

struct mock_req mock_blk(struct mock_queue *q, uint32_t type, uint64_t sector,
			 const struct mock_piece *data, unsigned int nr)
{
	struct mock_piece piece[258];
	struct mock_req req = mock_blk_header(q, type, sector);

	piece[0] = (struct mock_piece){ .addr = req.header, .len = 16 };
	for (unsigned int i = 0; i < nr; i++)
		piece[1 + i] = data[i];
	piece[1 + nr] = (struct mock_piece){ .addr = req.status, .len = 1, .write = true };
	req.head = mock_chain(q, piece, nr + 2);
	return req;
}

struct mock_req mock_read(struct mock_queue *q, uint64_t sector, uint64_t gpa, uint32_t len)
{
	const struct mock_piece data = { .addr = gpa, .len = len, .write = true };

	return mock_blk(q, VIRTIO_BLK_T_IN, sector, &data, 1);
}

struct mock_req mock_write(struct mock_queue *q, uint64_t sector, uint64_t gpa, uint32_t len)
{
	const struct mock_piece data = { .addr = gpa, .len = len, .write = false };

	return mock_blk(q, VIRTIO_BLK_T_OUT, sector, &data, 1);
}

struct mock_req mock_flush(struct mock_queue *q)
{
	return mock_blk(q, VIRTIO_BLK_T_FLUSH, 0, NULL, 0);
}

uint8_t mock_status(struct mock_queue *q, const struct mock_req *req)
{
	return *(uint8_t *)mock_ptr(q->g, req->status, 1);
}

/* --- registers --- */

uint32_t reg_read(struct virtio_mmio *m, uint64_t off)
{
	uint32_t value;

	virtio_mmio_read(m, off, &value, sizeof(value));
	return value;
}

void reg_write(struct virtio_mmio *m, uint64_t off, uint32_t value)
{
	virtio_mmio_write(m, off, &value, sizeof(value));
}

uint64_t mock_offered(struct virtio_mmio *m)
{
	uint64_t features;

	reg_write(m, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	features = (uint64_t)reg_read(m, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
	reg_write(m, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	return features | reg_read(m, VIRTIO_MMIO_DEVICE_FEATURES);
}

void mock_negotiate(struct virtio_mmio *m, uint64_t features)
{
	reg_write(m, VIRTIO_MMIO_STATUS, 0);
	reg_write(m, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	reg_write(m, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	reg_write(m, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	reg_write(m, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
	reg_write(m, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	reg_write(m, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	reg_write(m, VIRTIO_MMIO_STATUS,
		  VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
			  VIRTIO_CONFIG_S_FEATURES_OK);
}

void mock_setup_queue(struct virtio_mmio *m, const struct mock_queue *q)
{
	reg_write(m, VIRTIO_MMIO_QUEUE_SEL, q->index);
	reg_write(m, VIRTIO_MMIO_QUEUE_NUM, q->size);
	reg_write(m, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)q->desc);
	reg_write(m, VIRTIO_MMIO_QUEUE_DESC_HIGH, (uint32_t)(q->desc >> 32));
	reg_write(m, VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)q->avail);
	reg_write(m, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, (uint32_t)(q->avail >> 32));
	reg_write(m, VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)q->used);
	reg_write(m, VIRTIO_MMIO_QUEUE_USED_HIGH, (uint32_t)(q->used >> 32));
	reg_write(m, VIRTIO_MMIO_QUEUE_READY, 1);
}

void mock_driver_ok(struct virtio_mmio *m)
{
	reg_write(m, VIRTIO_MMIO_STATUS,
		  VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
			  VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
}

uint64_t mock_eventfd(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

bool mock_wait_fd(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}
