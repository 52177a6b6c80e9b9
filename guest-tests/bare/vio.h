/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A driver's side of virtio-mmio and of split rings (virtio 1.2, 4.2 and 2.7),
 * small, and with nothing in the way of one that wants to break the rules.
 */
#ifndef SS_BARE_VIO_H
#define SS_BARE_VIO_H

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "user.h"

#define VIO_SIZE 256 /* of a ring, at most */

/* A register of the first device. */
static inline uint32_t vio_get(uint32_t reg)
{
	return read32(BARE_VIRTIO + reg);
}

static inline void vio_set(uint32_t reg, uint32_t v)
{
	write32(BARE_VIRTIO + reg, v);
}

/**
 * struct vioq - a queue, as its driver sees it
 * @vr: the ring
 * @tables: an indirect table for each head
 * @cpu: whose interrupts are waited for
 * @next: the index that avail.idx gets with the next kick
 * @kicked: what it was at the last one
 * @used: the next used element to be looked at
 * @free: first free descriptor, @nr_free of them
 * @nr: descriptors of the chain with that head
 */
struct vioq {
	struct vring vr;
	struct vring_desc *tables;
	uint16_t index;
	unsigned int cpu;
	bool event_idx, indirect, poll;
	uint16_t next, kicked, used;
	uint16_t free, nr_free;
	uint16_t nr[VIO_SIZE];
};

/** struct vio_buf - a piece of a request; @write: the device writes it */
struct vio_buf {
	const volatile void *at;
	uint32_t len;
	bool write;
};

/** vio_reset() - STATUS 0, and wait for it to read so */
void vio_reset(void);

/** vio_offered() - the device's feature bits */
uint64_t vio_offered(void);

/** vio_begin() - up to FEATURES_OK, with VERSION_1, @features, and what the host's test wants */
void vio_begin(uint64_t features);

/**
 * vioq_init() - an empty ring of @size at @at, as the host's test wants it
 *
 * Nothing of it has been told the device.
 */
void vioq_init(struct vioq *q, unsigned int index, unsigned int size, uint64_t at);

/** vioq_at() - where queue @index has its ring if nobody has other wishes */
static inline uint64_t vioq_at(unsigned int index)
{
	return BARE_RINGS + BARE_QUEUE * index;
}

/** vioq_quiet() - no interrupts for it, if EVENT_IDX lets one say so */
void vioq_quiet(const struct vioq *q);

/** vioq_tell() - tell the device of it */
void vioq_tell(const struct vioq *q);

/** vio_go() - DRIVER_OK, interrupts to @cpu */
void vio_go(unsigned int cpu);

/** vioq_add() - a request of @n pieces. Return: its head */
uint16_t vioq_add(struct vioq *q, const struct vio_buf *buf, unsigned int n);

/** vioq_room() - does one of @n pieces fit in? */
bool vioq_room(const struct vioq *q, unsigned int n);

/** vioq_publish() - let the device see what was added. Return: does it want a kick? */
bool vioq_publish(struct vioq *q);

/** vioq_notify() - QUEUE_NOTIFY */
static inline void vioq_notify(const struct vioq *q)
{
	vio_set(VIRTIO_MMIO_QUEUE_NOTIFY, q->index);
}

/** vioq_kick() - publish, and notify if that is wanted */
static inline void vioq_kick(struct vioq *q)
{
	if (vioq_publish(q))
		vioq_notify(q);
}

/** vioq_take() - the next used element. Return: its head, -1 if there's none */
int vioq_take(struct vioq *q, uint32_t *len);

/** vioq_wait() - until there is a used element, by interrupt or by polling */
void vioq_wait(struct vioq *q);

#endif /* SS_BARE_VIO_H */
