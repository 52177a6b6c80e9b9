// SPDX-License-Identifier: GPL-2.0-only
/* A virtio driver that does only what it's told to, right or wrong. */
#include "vio.h"
#include "ss_harness.h"

#define ALIGN	 4096
#define INDIRECT 4 /* descriptors in a table */

void vio_reset(void)
{
	vio_set(VIRTIO_MMIO_STATUS, 0);
	while (vio_get(VIRTIO_MMIO_STATUS))
		cpu_relax();
}

uint64_t vio_offered(void)
{
	uint64_t features;

	vio_set(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	features = (uint64_t)vio_get(VIRTIO_MMIO_DEVICE_FEATURES) << 32;
	vio_set(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	return features | vio_get(VIRTIO_MMIO_DEVICE_FEATURES);
}

static uint32_t status_add(uint32_t bit)
{
	vio_set(VIRTIO_MMIO_STATUS, vio_get(VIRTIO_MMIO_STATUS) | bit);
	return vio_get(VIRTIO_MMIO_STATUS);
}

void vio_begin(uint64_t features)
{
	features |= 1ULL << VIRTIO_F_VERSION_1;
	if (shared->event_idx)
		features |= 1ULL << VIRTIO_RING_F_EVENT_IDX;
	if (shared->indirect)
		features |= 1ULL << VIRTIO_RING_F_INDIRECT_DESC;
	vio_reset();
	status_add(VIRTIO_CONFIG_S_ACKNOWLEDGE);
	status_add(VIRTIO_CONFIG_S_DRIVER);
	EXPECT_EQ(vio_offered() & features, features);
	vio_set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	vio_set(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	vio_set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	vio_set(VIRTIO_MMIO_DRIVER_FEATURES, features >> 32);
	ASSERT_EQ(status_add(VIRTIO_CONFIG_S_FEATURES_OK), VIRTIO_CONFIG_S_ACKNOWLEDGE |
								   VIRTIO_CONFIG_S_DRIVER |
								   VIRTIO_CONFIG_S_FEATURES_OK);
}

/* The event is never reached. */
void vioq_quiet(const struct vioq *q)
{
	if (q->event_idx)
		WRITE_ONCE(vring_used_event(&q->vr), (uint16_t)(q->used + 0x8000));
}

/* One who polls wants no interrupt. */
static void set_event(const struct vioq *q)
{
	if (q->poll)
		vioq_quiet(q);
	else if (q->event_idx)
		WRITE_ONCE(vring_used_event(&q->vr), q->used);
}

void vioq_init(struct vioq *q, unsigned int index, unsigned int size, uint64_t at)
{
	const unsigned int bytes = vring_size(size, ALIGN);

	*q = (struct vioq){
		.index = (uint16_t)index,
		.event_idx = shared->event_idx,
		.indirect = shared->indirect,
		.poll = shared->poll,
		.nr_free = (uint16_t)size,
	};
	memset((void *)at, 0, bytes);
	vring_init(&q->vr, size, (void *)at, ALIGN);
	q->tables = (void *)(at + ((bytes + 15) & ~15u));
	for (unsigned int i = 0; i < size; i++)
		q->vr.desc[i].next = (uint16_t)(i + 1);
	set_event(q);
}

static void set_address(uint32_t low, const volatile void *at)
{
	vio_set(low, (uint32_t)(uintptr_t)at);
	vio_set(low + 4, (uint32_t)((uintptr_t)at >> 32));
}

void vioq_tell(const struct vioq *q)
{
	vio_set(VIRTIO_MMIO_QUEUE_SEL, q->index);
	ASSERT_GE(vio_get(VIRTIO_MMIO_QUEUE_NUM_MAX), q->vr.num);
	vio_set(VIRTIO_MMIO_QUEUE_NUM, q->vr.num);
	set_address(VIRTIO_MMIO_QUEUE_DESC_LOW, q->vr.desc);
	set_address(VIRTIO_MMIO_QUEUE_AVAIL_LOW, q->vr.avail);
	set_address(VIRTIO_MMIO_QUEUE_USED_LOW, q->vr.used);
	vio_set(VIRTIO_MMIO_QUEUE_READY, 1);
	ASSERT_EQ(vio_get(VIRTIO_MMIO_QUEUE_READY), 1);
}

void vio_go(unsigned int cpu)
{
	user_route(BARE_GSI, cpu);
	ASSERT_EQ(status_add(VIRTIO_CONFIG_S_DRIVER_OK),
		  VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
			  VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
}

static void fill(struct vring_desc *d, const struct vio_buf *buf, uint16_t next, bool last)
{
	d->addr = (uintptr_t)buf->at;
	d->len = buf->len;
	d->flags =
		(uint16_t)((buf->write ? VRING_DESC_F_WRITE : 0) | (last ? 0 : VRING_DESC_F_NEXT));
	d->next = next;
}

static void fill_table(struct vioq *q, const struct vio_buf *buf, unsigned int n)
{
	struct vring_desc *table = q->tables + (size_t)INDIRECT * q->free;
	struct vring_desc *head = &q->vr.desc[q->free];

	ASSERT_LE(n, INDIRECT);
	for (unsigned int i = 0; i < n; i++)
		fill(&table[i], &buf[i], (uint16_t)(i + 1), i + 1 == n);
	head->addr = (uintptr_t)table;
	head->len = n * (uint32_t)sizeof(*table);
	head->flags = VRING_DESC_F_INDIRECT;
}

bool vioq_room(const struct vioq *q, unsigned int n)
{
	return q->nr_free >= (q->indirect ? 1 : n);
}

uint16_t vioq_add(struct vioq *q, const struct vio_buf *buf, unsigned int n)
{
	const uint16_t head = q->free;
	uint16_t at = head;

	ASSERT_TRUE(vioq_room(q, n));
	q->nr[head] = q->indirect ? 1 : (uint16_t)n;
	if (q->indirect) {
		fill_table(q, buf, n);
		at = q->vr.desc[head].next;
	} else {
		for (unsigned int i = 0; i < n; i++) {
			const uint16_t next = q->vr.desc[at].next;

			fill(&q->vr.desc[at], &buf[i], next, i + 1 == n);
			at = next;
		}
	}
	q->free = at;
	q->nr_free = (uint16_t)(q->nr_free - q->nr[head]);
	q->vr.avail->ring[q->next % q->vr.num] = head;
	q->next++;
	return head;
}

bool vioq_publish(struct vioq *q)
{
	const uint16_t old = q->kicked;

	__atomic_store_n(&q->vr.avail->idx, q->next, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	q->kicked = q->next;
	if (q->event_idx)
		return vring_need_event(READ_ONCE(vring_avail_event(&q->vr)), q->next, old);
	return !(READ_ONCE(q->vr.used->flags) & VRING_USED_F_NO_NOTIFY);
}

static bool has_used(const struct vioq *q)
{
	return __atomic_load_n(&q->vr.used->idx, __ATOMIC_ACQUIRE) != q->used;
}

int vioq_take(struct vioq *q, uint32_t *len)
{
	const volatile struct vring_used_elem *e;
	uint16_t head, last;

	if (!has_used(q))
		return -1;
	e = &q->vr.used->ring[q->used++ % q->vr.num];
	ASSERT_LT(e->id, q->vr.num);
	head = (uint16_t)e->id;
	if (len)
		*len = e->len;
	ASSERT_NE(q->nr[head], 0)
	{
		TH_LOG("queue %u: head %u was used twice, or never added", q->index, head);
	}
	last = head;
	for (unsigned int i = 1; i < q->nr[head]; i++)
		last = q->vr.desc[last].next;
	q->vr.desc[last].next = q->free;
	q->free = head;
	q->nr_free = (uint16_t)(q->nr_free + q->nr[head]);
	q->nr[head] = 0;
	return head;
}

void vioq_wait(struct vioq *q)
{
	set_event(q);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (;;) {
		const uint32_t seen = user_irqs(q->cpu);

		if (has_used(q))
			return;
		if (q->poll)
			cpu_relax();
		else
			user_wait(q->cpu, seen);
	}
}
