// SPDX-License-Identifier: GPL-2.0-only
/* Orders that meet: several workers to stop, a stop during a pause, IO in flight. */
#include "ss_harness.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <time.h>

#include "io/worker.h"

#define MS   1000000ULL
#define LONG (10 * IO_NSEC_PER_SEC)

/* What a worker's first wake-up does, and how it comes to rest. */
struct one {
	struct worker *w;
	void (*wake)(struct one *o);
	int (*rest)(struct one *o);
	sem_t entered, release;
	unsigned int rests;
	struct one *other;
};

static uint64_t op_wake(void *ctx)
{
	struct one *o = ctx;

	if (o->wake)
		o->wake(o);
	return WORKER_NO_DEADLINE;
}

static int op_quiesce(void *ctx, uint64_t until)
{
	struct one *o = ctx;

	(void)until;
	o->rests++;
	return o->rest ? o->rest(o) : 0;
}

static const struct worker_ops ops = { .wake = op_wake, .quiesce = op_quiesce };

FIXTURE(orders)
{
	struct one one[2];
};

FIXTURE_SETUP(orders)
{
	for (int i = 0; i < 2; i++) {
		struct one *o = &self->one[i];
		const struct worker_config config = { .name = "x", .ops = &ops, .ctx = o };

		sem_init(&o->entered, 0, 0);
		sem_init(&o->release, 0, 0);
		o->other = &self->one[!i];
		ASSERT_EQ(worker_create(&config, &o->w), 0);
	}
}

FIXTURE_TEARDOWN(orders)
{
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(worker_destroy(self->one[i].w), 0);
}

/* Within a time that only a lost wake-up takes. */
static bool taken(sem_t *sem)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	return !sem_timedwait(sem, &until);
}

TEST_F(orders, come_to_rest,
       .title = "D90 D95 what is in flight comes to rest before a pause or stop is acknowledged")
{
	struct one *o = &self->one[0];

	ASSERT_EQ(worker_start(o->w), 0);
	ASSERT_EQ(worker_pause(o->w, LONG), 0);
	EXPECT_EQ(o->rests, 1);
	worker_resume(o->w);
	ASSERT_EQ(worker_stop(o->w), 0);
	EXPECT_EQ(o->rests, 2);
}

/* Goes on until the pause is over; the second time there is nothing in flight. */
static int until_resumed(struct one *o)
{
	sem_post(&o->entered);
	if (o->rests > 1)
		return 0;
	while (worker_must_yield(o->w))
		sched_yield();
	sem_post(&o->entered);
	sem_wait(&o->release);
	return -EINTR;
}

TEST_F(orders, resumed_in_flight,
       .title =
	       "D90 a pause after one that was given up isn't acknowledged for the first one's sake")
{
	struct one *o = &self->one[0];

	o->rest = until_resumed;
	ASSERT_EQ(worker_start(o->w), 0);
	EXPECT_EQ(worker_pause(o->w, 0), -ETIMEDOUT);
	ASSERT_TRUE(taken(&o->entered));
	worker_resume(o->w);
	ASSERT_TRUE(taken(&o->entered));
	/* Still not at rest when the next one comes. */
	EXPECT_EQ(worker_pause(o->w, 0), -ETIMEDOUT);
	sem_post(&o->release);
	EXPECT_EQ(worker_pause(o->w, LONG), 0);
	EXPECT_EQ(o->rests, 2);
	worker_resume(o->w);
}

/* Ends when the other one has its order to stop. */
static void until_other_stops(struct one *o)
{
	sem_post(&o->entered);
	while (!worker_must_stop(o->other->w))
		sched_yield();
}

TEST_F(orders, stop_side_by_side,
       .title = "D95 several workers are told to stop before one of them is waited for")
{
	struct worker *w[2];

	for (int i = 0; i < 2; i++) {
		self->one[i].wake = until_other_stops;
		w[i] = self->one[i].w;
		ASSERT_EQ(worker_start(w[i]), 0);
		ASSERT_TRUE(taken(&self->one[i].entered));
	}
	EXPECT_EQ(worker_stop_all(w, 2), 0);
	EXPECT_FALSE(worker_running(w[0]));
	EXPECT_FALSE(worker_running(w[1]));
}

static void until_stop(struct one *o)
{
	sem_post(&o->entered);
	while (!worker_must_stop(o->w))
		sched_yield();
}

static void *pause_main(void *arg)
{
	struct one *o = arg;

	return worker_pause(o->w, LONG) ? o : NULL;
}

TEST_F(orders, stop_in_a_pause,
       .title = "D89 a stop doesn't wait for a pause that waits for the worker")
{
	struct one *o = &self->one[0];
	pthread_t thread;
	void *failed;

	o->wake = until_stop;
	ASSERT_EQ(worker_start(o->w), 0);
	ASSERT_TRUE(taken(&o->entered));
	ASSERT_EQ(pthread_create(&thread, NULL, pause_main, o), 0);
	while (!worker_must_yield(o->w))
		sched_yield();
	EXPECT_EQ(worker_stop(o->w), 0);
	pthread_join(thread, &failed);
	/* It ended with the thread, not with its patience. */
	EXPECT_NULL(failed);
}

TEST_HARNESS_MAIN
