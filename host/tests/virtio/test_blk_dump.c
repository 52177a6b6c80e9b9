// SPDX-License-Identifier: GPL-2.0-only
/* A disk's dump: what it shows at rest, stalled, poisoned, and of a disk at work. */
#include "ss_harness.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "live/live_figures.h"
#include "mock_blk.h"
#include "lib/device_figures.h"
#include "virtio/blk_dump.h"

#define DATA  MOCK_BLK_DATA
#define SEC   IO_NSEC_PER_SEC
#define START MOCK_BLK_START

FIXTURE(dump)
{
	struct mock_blk b;
	struct blk_dump d;
};

FIXTURE_SETUP(dump)
{
	self->b.blk = NULL;
}

FIXTURE_TEARDOWN(dump)
{
	EXPECT_EQ(mock_blk_free(&self->b), 0);
}

static struct mock_blk *disk(struct ss_fx_dump *self, uint64_t iops)
{
	const struct mock_blk_opts opts = { .limits = { .ops = { iops, 0 } } };

	ASSERT_EQ(mock_blk_init(&self->b, &opts), 0);
	return &self->b;
}

/* Parks, dumps, goes on. */
static struct blk_dump *dump(struct ss_fx_dump *self)
{
	const bool paused = !blk_pause(self->b.blk, SEC);

	EXPECT_TRUE(paused);
	blk_dump(self->b.blk, paused, &self->d);
	blk_resume(self->b.blk);
	return &self->d;
}

TEST_F(dump, before_the_driver, .title = "a disk that no driver has touched")
{
	struct blk_dump *d;

	disk(self, 7);
	d = dump(self);
	EXPECT_TRUE(d->dev.consistent);
	EXPECT_EQ(d->dev.status, 0);
	EXPECT_EQ(d->dev.features, 0);
	EXPECT_EQ(d->dev.at_ns, START);
	EXPECT_EQ(d->capacity, MOCK_DISK_SIZE / 512);
	EXPECT_EQ(d->nr_queues, 1);
	EXPECT_FALSE(d->queue[0].ready);
	EXPECT_FALSE(d->queue[0].mapped);
	EXPECT_EQ(d->throttle.limits.ops.rate, 7);
	EXPECT_EQ(d->throttle.ops, 7);
}

TEST_F(dump, stalled, .title = "who is stalled since when, what the rings hold, the debts")
{
	struct mock_blk *b = disk(self, 1);
	struct vdev_queue_dump *q;
	struct blk_dump *d;
	struct mock_req req;

	mock_blk_start(b, BLK_FEATURES | FEAT(VIRTIO_RING_F_EVENT_IDX));
	mock_set_used_event(&b->q, 77);
	mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	b->clock.now = START + SEC / 4;
	req = mock_read(&b->q, 0, DATA, 512);
	mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	b->clock.now = START + SEC / 2;
	d = dump(self);
	q = &d->queue[0];
	EXPECT_TRUE(d->dev.consistent);
	EXPECT_EQ(d->dev.status, 15);
	EXPECT_EQ(d->dev.features, BLK_FEATURES | FEAT(VIRTIO_RING_F_EVENT_IDX));
	EXPECT_EQ(d->dev.interrupt_status, VIRTIO_MMIO_INT_VRING);
	EXPECT_EQ(d->counters.throttled_count, 1);
	EXPECT_EQ(d->throttle.ops, 0);
	EXPECT_EQ(d->throttle.waiters, 1);
	EXPECT_TRUE(q->ready);
	EXPECT_EQ(q->size, 256);
	EXPECT_EQ(q->avail, b->q.avail);
	EXPECT_EQ(q->stalled_since_ns, START + SEC / 4);
	EXPECT_EQ(q->deadline_ns, START + SEC);
	EXPECT_EQ(q->stall_head, req.head);
	EXPECT_TRUE(q->mapped);
	EXPECT_EQ(q->next_avail, 1);
	EXPECT_EQ(q->avail_idx, 3);
	EXPECT_EQ(q->next_used, 1);
	EXPECT_EQ(q->used_idx, 1);
	EXPECT_EQ(q->used_event, 77);
	EXPECT_EQ(q->avail_event, 1);
	EXPECT_NULL(q->poison);
	/* Looking changed nothing. */
	b->clock.now = START + SEC;
	blk_step(b->blk, 0);
	EXPECT_EQ(b->counters.reads_completed, 2);
	EXPECT_EQ(b->counters.throttled_count, 2);
}

TEST_F(dump, poisoned, .title = "a poisoned queue says why; unmapped rings aren't read")
{
	struct mock_blk *b = disk(self, 0);

	mock_blk_start(b, BLK_FEATURES);
	mock_set_avail_idx(&b->q, 1000);
	mock_blk_kick(b);
	dump(self);
	EXPECT_STRSTR(self->d.queue[0].poison, "available index");
	EXPECT_EQ(self->d.dev.status & 0x40, 0x40);
	EXPECT_EQ(self->d.queue[0].avail_idx, 1000);
	mock_negotiate(b->m, BLK_FEATURES);
	mock_queue_init(&b->q, &b->g, 0, 256);
	b->q.avail = GUEST_HOLE;
	b->q.used = UINT64_MAX - 7;
	mock_setup_queue(b->m, &b->q);
	mock_driver_ok(b->m);
	dump(self);
	EXPECT_TRUE(self->d.queue[0].ready);
	EXPECT_FALSE(self->d.queue[0].mapped);
}

TEST_F(dump, not_paused, .title = "without a pause there are figures, but no rings")
{
	struct mock_blk *b = disk(self, 1);

	mock_blk_start(b, BLK_FEATURES);
	mock_read(&b->q, 0, DATA, 512);
	mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	blk_dump(b->blk, false, &self->d);
	EXPECT_FALSE(self->d.dev.consistent);
	EXPECT_EQ(self->d.counters.reads_completed, 1);
	EXPECT_EQ(self->d.queue[0].stalled_since_ns, START);
	EXPECT_FALSE(self->d.queue[0].mapped);
	EXPECT_EQ(self->d.queue[0].size, 0);
}

TEST_F(dump, json, .title = "as JSON: every part there, text that any reader takes")
{
	struct mock_blk *b = disk(self, 1);
	struct live_disk_view v = { .name = "disk0", .profile = "\xff.profile", .whole = true };
	struct ss_blk_lat lat = { 0 };
	json_t *o, *q;
	char *text, why[200];

	mock_blk_start(b, BLK_FEATURES);
	mock_read(&b->q, 0, DATA, 512);
	mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	b->clock.now += SEC / 10;
	v.d = *dump(self);
	live_view_disk(&v);
	o = figures_write(&live_disk_figures, &v);
	ASSERT_NOT_NULL(o);
	q = json_array_get(json_object_get(o, "queues"), 0);
	EXPECT_EQ(json_integer_value(json_object_get(json_object_get(q, "stalled"), "for_ns")),
		  SEC / 10);
	EXPECT_EQ(json_array_size(json_object_get(o, "status")), 4);
	EXPECT_EQ(json_array_size(json_object_get(o, "features")), 5);
	EXPECT_EQ(json_integer_value(json_object_get(json_object_get(q, "ring"), "avail_idx")), 2);
	text = json_dumps(o, 0);
	EXPECT_NOT_NULL(text);
	free(text);
	/* The histograms read back as they were. */
	ASSERT_EQ(figures_read(&blk_lat_figures, json_object_get(o, "latency"), &lat, why,
			       sizeof(why)),
		  0);
	EXPECT_MEMEQ(&lat, &self->d.latency, sizeof(lat));
	EXPECT_EQ(lat.queue.count, 1);
	json_decref(o);
}

TEST(percentiles, .title = "percentiles of a log2 histogram: the slot's end, at most the maximum")
{
	struct ss_hist h = { .count = 100, .max_ns = 900 };

	h.slots[3] = 50;
	h.slots[6] = 49;
	h.slots[9] = 1;
	EXPECT_EQ(latency_percentile(&h, 50), 15);
	EXPECT_EQ(latency_percentile(&h, 51), 127);
	EXPECT_EQ(latency_percentile(&h, 99), 127);
	EXPECT_EQ(latency_percentile(&h, 100), 900);
	h.count = 0;
	EXPECT_EQ(latency_percentile(&h, 50), 0);
}

/* --- at work --- */

struct watcher {
	struct mock_blk *b;
	bool stop;
	unsigned int dumps;
};

static void *watch(void *arg)
{
	struct watcher *w = arg;

	while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
		const struct throttle_limits limits = { .ops = { w->dumps % 2 ? 200000 : 100000,
								 0 } };
		struct blk_dump d;
		bool paused = !blk_pause(w->b->blk, SEC);

		blk_dump(w->b->blk, paused, &d);
		blk_resume(w->b->blk);
		blk_set_limits(w->b->blk, &limits);
		EXPECT_TRUE(d.dev.consistent);
		EXPECT_TRUE(d.queue[0].mapped);
		/* Nothing is half done while the workers are parked. */
		EXPECT_EQ(d.queue[0].used_idx, d.queue[0].next_used);
		EXPECT_LE((uint16_t)(d.queue[0].avail_idx - d.queue[0].next_avail), 256);
		EXPECT_EQ((uint16_t)(d.queue[0].next_avail - d.queue[0].next_used),
			  d.queue[0].held);
		w->dumps++;
	}
	return NULL;
}

TEST(at_work, .title = "D90 a disk at work, dumped and throttled all the while, loses nothing")
{
	static const char text[] =
		"delay add=100us every=7\nstall every=20ms for=2ms\nerror every=50\n";
	struct mock_blk_opts opts = { .threads = true, .limits = { .ops = { 100000, 0 } } };
	struct watcher w = { .stop = false };
	static struct mock_blk b;
	struct profile *p;
	unsigned int done = 0, asked = 0;
	pthread_t thread;
	char err[200];

	ASSERT_EQ(profile_parse(text, strlen(text), "t", &p, err, sizeof(err)), 0);
	opts.profile = p;
	ASSERT_EQ(mock_blk_init(&b, &opts), 0);
	mock_blk_start(&b, BLK_FEATURES);
	blk_profile_start(b.blk);
	w.b = &b;
	ASSERT_EQ(pthread_create(&thread, NULL, watch, &w), 0);
	while (done < 3000) {
		uint32_t id, len;

		for (; asked < 3000 && asked - done < 32; asked++)
			mock_read(&b.q, 0, DATA, 512);
		reg_write(b.m, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		ASSERT_TRUE(mock_wait_fd(virtio_mmio_irq_fd(b.m), 10000));
		mock_eventfd(virtio_mmio_irq_fd(b.m));
		while (mock_used(&b.q, &id, &len))
			done++;
	}
	__atomic_store_n(&w.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	EXPECT_GT(w.dumps, 3);
	EXPECT_EQ(b.counters.reads_completed, 2940);
	EXPECT_EQ(b.counters.io_errors, 60);
	EXPECT_EQ(mock_blk_free(&b), 0);
	profile_free(p);
}

TEST_HARNESS_MAIN
