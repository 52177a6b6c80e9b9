// SPDX-License-Identifier: GPL-2.0-only
#include "mock_hostile.h"

static uint64_t rng_state;

void seed(uint64_t n)
{
	rng_state = n * 0x9e3779b97f4a7c15ULL;
}

static uint64_t shifted(uint64_t x)
{
	x ^= x << 13;
	x ^= x >> 7;
	return x ^ x << 17;
}

uint64_t rnd(void)
{
	rng_state = shifted(rng_state);
	return rng_state;
}

uint64_t pick(uint64_t n)
{
	return rnd() % n;
}

uint64_t any_addr(void)
{
	static const uint64_t edges[] = {
		0, GUEST_HIGH, GUEST_HOLE, GUEST_BIG, GUEST_BIG + GUEST_BIG_SIZE, 0
	};

	switch (pick(8)) {
	case 0:
		return rnd();
	case 1:
	case 2:
		return edges[pick(6)] - pick(1024);
	case 3:
		return GUEST_HEADERS + 16 * pick(1024);
	default:
		return GUEST_BIG + pick(GUEST_BIG_SIZE - 0x100000);
	}
}

void scribble_ring(struct mock_queue *q, uint32_t (*any_len)(void))
{
	const uint64_t nr = 1 + pick(q->size);

	for (uint16_t i = 0; i < q->size; i++) {
		const uint16_t flags = (uint16_t)pick(pick(4) ? 4 : 8);

		mock_desc(q, i, any_addr(), any_len(), flags,
			  (uint16_t)(pick(16) ? pick(q->size) : rnd()));
	}
	for (uint64_t i = 0; i < nr; i++)
		mock_avail(q, (uint16_t)(pick(32) ? pick(q->size) : rnd()));
	if (!pick(8))
		mock_set_avail_idx(q, (uint16_t)rnd());
}

void hostile_registers(struct virtio_mmio *m, void (*step)(void *ctx), void *ctx)
{
	seed(31337);
	for (int i = 0; i < 20000; i++) {
		const uint64_t off = pick(4) ? 4 * pick(0x50) : pick(0x1008);
		const uint32_t len = pick(4) ? 4 : 1u << pick(4);
		uint64_t value = pick(2) ? pick(16) : rnd();

		if (pick(3))
			virtio_mmio_write(m, off, &value, len);
		else
			virtio_mmio_read(m, off, &value, len);
		if (!pick(16))
			step(ctx);
	}
}

static void *scribbler_main(void *arg)
{
	struct scribbler *s = arg;
	uint8_t *first = mock_ptr(s->g, s->at[0], s->len[0]);
	uint8_t *second = mock_ptr(s->g, s->at[1], s->len[1]);
	uint64_t x = 88172645463325252ULL;

	while (!__atomic_load_n(&s->end, __ATOMIC_RELAXED)) {
		x = shifted(x);
		__atomic_store_n(&first[x % s->len[0]], (uint8_t)(x >> 32), __ATOMIC_RELAXED);
		__atomic_store_n(&second[(x >> 16) % s->len[1]], (uint8_t)(x >> 40),
				 __ATOMIC_RELAXED);
	}
	return NULL;
}

int scribbler_start(struct scribbler *s)
{
	return pthread_create(&s->thread, NULL, scribbler_main, s);
}

void scribbler_stop(struct scribbler *s)
{
	__atomic_store_n(&s->end, true, __ATOMIC_RELAXED);
	pthread_join(s->thread, NULL);
}
