// SPDX-License-Identifier: GPL-2.0-only
/* The worker: by hand with a clock that stands still, and as a thread. */
#include "ss_harness.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"
#include "io/worker.h"
#include "mock_guest.h"

#define START (100 * IO_NSEC_PER_SEC)
#define MS    1000000ULL

/* What the ops note, and what they answer. */
struct notes {
	struct worker *w;
	unsigned int kicks, timers, wakes;
	unsigned int last_index;
	uint64_t answer; /* returned by kick and wake */
	uint64_t timer_answer;
	uint64_t timer_at;  /* CLOCK_MONOTONIC of the last timer */
	unsigned int again; /* timers that answer a deadline 1 to 100 us ahead */
	uint64_t due;
	unsigned int early;
	bool block;	  /* kick waits for release */
	bool until_yield; /* kick goes on until it's told to yield */
	sem_t called;	  /* posted at the end of each op */
	sem_t entered;	  /* posted when a blocking kick begins */
	sem_t release;
	pid_t tid;
	cpu_set_t cpus;
	char name[32];
};

static uint64_t op_kick(void *ctx, unsigned int index)
{
	struct notes *n = ctx;
	const uint64_t answer = n->answer;

	n->kicks++;
	n->last_index = index;
	n->tid = (pid_t)syscall(SYS_gettid);
	sched_getaffinity(0, sizeof(n->cpus), &n->cpus);
	pthread_getname_np(pthread_self(), n->name, sizeof(n->name));
	if (n->block) {
		sem_post(&n->entered);
		sem_wait(&n->release);
	}
	if (n->until_yield) {
		sem_post(&n->entered);
		while (!worker_must_yield(n->w))
			sched_yield();
	}
	sem_post(&n->called);
	return answer;
}

static uint64_t op_timer(void *ctx)
{
	struct notes *n = ctx;
	const uint64_t answer = n->timer_answer;

	n->timers++;
	n->timer_at = io_clock_monotonic_now(NULL);
	if (n->again) {
		n->again--;
		n->early += n->timer_at < n->due;
		n->due = n->timer_at + 1000 * (1 + n->again % 100);
		return n->due;
	}
	sem_post(&n->called);
	return answer;
}

static uint64_t op_wake(void *ctx)
{
	struct notes *n = ctx;
	const uint64_t answer = n->answer;

	n->wakes++;
	sem_post(&n->called);
	return answer;
}

static const struct worker_ops ops = { .kick = op_kick, .timer = op_timer, .wake = op_wake };

FIXTURE(worker)
{
	struct notes n;
	struct mock_clock clock;
	struct worker *w;
	int kick[3];
};

static int make(FIXTURE_DATA(worker) * self, bool manual, const cpu_set_t *affinity)
{
	const struct worker_config config = {
		.name = "blk0-q0-and-a-long-tail",
		.ops = &ops,
		.ctx = &self->n,
		.kick_fd = self->kick,
		.nr_kicks = 3,
		.affinity = affinity,
		.clock = manual ? &self->clock.clock : NULL,
		.manual = manual,
	};
	int ret = worker_create(&config, &self->w);

	self->n.w = self->w;
	return ret;
}

FIXTURE_SETUP(worker)
{
	sem_init(&self->n.called, 0, 0);
	sem_init(&self->n.entered, 0, 0);
	sem_init(&self->n.release, 0, 0);
	mock_clock_init(&self->clock, START);
	for (int i = 0; i < 3; i++)
		self->kick[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

FIXTURE_TEARDOWN(worker)
{
	EXPECT_EQ(worker_destroy(self->w), 0);
	for (int i = 0; i < 3; i++)
		close(self->kick[i]);
}

static void kick(FIXTURE_DATA(worker) * self, int i)
{
	ASSERT_EQ(eventfd_write(self->kick[i], 1), 0);
}

/* --- by hand --- */

TEST_F(worker, manual_needs_a_start, .title = "D94 nothing is served before the start")
{
	ASSERT_EQ(make(self, true, NULL), 0);
	kick(self, 0);
	EXPECT_EQ(worker_step(self->w), -ECANCELED);
	EXPECT_FALSE(worker_running(self->w));
	ASSERT_EQ(worker_start(self->w), 0);
	EXPECT_TRUE(worker_running(self->w));
	EXPECT_EQ(worker_start(self->w), -EBUSY);
	EXPECT_EQ(worker_step(self->w), 2);
	EXPECT_EQ(self->n.wakes, 1);
	EXPECT_EQ(self->n.kicks, 1);
	EXPECT_EQ(worker_step(self->w), 0);
}

TEST_F(worker, kicks_are_counted_together,
       .title = "D85 a kick eventfd is read whole, its number passed on")
{
	ASSERT_EQ(make(self, true, NULL), 0);
	ASSERT_EQ(worker_start(self->w), 0);
	worker_step(self->w);
	kick(self, 2);
	kick(self, 2);
	kick(self, 2);
	EXPECT_EQ(worker_step(self->w), 1);
	EXPECT_EQ(self->n.kicks, 1);
	EXPECT_EQ(self->n.last_index, 2);
	kick(self, 0);
	kick(self, 1);
	EXPECT_EQ(worker_step(self->w), 2);
}

TEST_F(worker, alias, .title = "D85 an alias counts as the kick it stands for, and is never read")
{
	int other = eventfd(0, EFD_NONBLOCK), another = eventfd(3, EFD_NONBLOCK);
	eventfd_t count;

	ASSERT_EQ(make(self, true, NULL), 0);
	EXPECT_EQ(worker_alias_kick(self->w, 3, other), -EINVAL);
	EXPECT_EQ(worker_alias_kick(self->w, 1, other), 0);
	ASSERT_EQ(worker_start(self->w), 0);
	worker_step(self->w);
	EXPECT_EQ(self->n.kicks, 0);
	for (unsigned int i = 1; i <= 3; i++) {
		eventfd_write(other, 1);
		EXPECT_EQ(worker_step(self->w), 1);
		EXPECT_EQ(self->n.kicks, i);
		EXPECT_EQ(self->n.last_index, 1);
		EXPECT_EQ(worker_step(self->w), 0);
	}
	/* The kick itself is one as before. */
	kick(self, 1);
	EXPECT_EQ(worker_step(self->w), 1);
	/* What is signalled already counts; the one before doesn't any more. */
	EXPECT_EQ(worker_alias_kick(self->w, 1, another), 0);
	eventfd_write(other, 1);
	EXPECT_EQ(worker_step(self->w), 1);
	EXPECT_EQ(worker_step(self->w), 0);
	EXPECT_EQ(worker_alias_kick(self->w, 1, -1), 0);
	eventfd_write(another, 1);
	EXPECT_EQ(worker_step(self->w), 0);
	eventfd_read(other, &count);
	EXPECT_EQ(count, 4);
	eventfd_read(another, &count);
	EXPECT_EQ(count, 4);
	close(other);
	close(another);
}

TEST_F(worker, alias_unfit, .title = "D85 what can't be watched is no alias")
{
	FILE *file = tmpfile();

	ASSERT_EQ(make(self, true, NULL), 0);
	EXPECT_EQ(worker_alias_kick(self->w, 0, fileno(file)), -EPERM);
	EXPECT_EQ(worker_alias_kick(self->w, 0, -1), 0);
	fclose(file);
}

TEST_F(worker, alias_kept, .title = "D85 an alias signalled when an order comes isn't lost")
{
	int other = eventfd(0, EFD_NONBLOCK);

	ASSERT_EQ(make(self, false, NULL), 0);
	ASSERT_EQ(worker_alias_kick(self->w, 1, other), 0);
	self->n.until_yield = true;
	ASSERT_EQ(worker_start(self->w), 0);
	/* Both are in one turn: the first op goes on until the order to pause. */
	ASSERT_EQ(worker_pause(self->w, IO_NSEC_PER_SEC), 0);
	kick(self, 0);
	eventfd_write(other, 1);
	worker_resume(self->w);
	sem_wait(&self->n.entered);
	ASSERT_EQ(worker_pause(self->w, IO_NSEC_PER_SEC), 0);
	EXPECT_EQ(self->n.kicks, 1);
	self->n.until_yield = false;
	/* Parked, it can be looked at. */
	for (unsigned int i = 0; i < 5000 && self->n.kicks < 2; i++) {
		worker_resume(self->w);
		usleep(1000);
		ASSERT_EQ(worker_pause(self->w, IO_NSEC_PER_SEC), 0);
	}
	ASSERT_EQ(worker_stop(self->w), 0);
	EXPECT_EQ(self->n.kicks, 2);
	close(other);
}

TEST_F(worker, timer_at_the_deadline,
       .title = "D85 the timer is armed at the exact moment, one-shot")
{
	ASSERT_EQ(make(self, true, NULL), 0);
	ASSERT_EQ(worker_start(self->w), 0);
	self->n.answer = START + 5 * MS;
	EXPECT_EQ(worker_step(self->w), 1);
	EXPECT_EQ(worker_armed_ns(self->w), START + 5 * MS);
	self->clock.now = START + 5 * MS - 1;
	EXPECT_EQ(worker_step(self->w), 0);
	self->clock.now = START + 5 * MS;
	EXPECT_EQ(worker_step(self->w), 1);
	EXPECT_EQ(self->n.timers, 1);
	EXPECT_EQ(worker_armed_ns(self->w), 0);
	self->clock.now += IO_NSEC_PER_SEC;
	EXPECT_EQ(worker_step(self->w), 0);
}

TEST_F(worker, timer_at_most_a_second, .title = "D85 the timer is armed at most 1 s ahead")
{
	ASSERT_EQ(make(self, true, NULL), 0);
	ASSERT_EQ(worker_start(self->w), 0);
	self->n.answer = self->n.timer_answer = START + 2500 * MS;
	worker_step(self->w);
	EXPECT_EQ(worker_armed_ns(self->w), START + 1000 * MS);
	self->clock.now = START + 1000 * MS;
	EXPECT_EQ(worker_step(self->w), 1);
	EXPECT_EQ(worker_armed_ns(self->w), START + 2000 * MS);
	self->clock.now = START + 2000 * MS;
	EXPECT_EQ(worker_step(self->w), 1);
	EXPECT_EQ(worker_armed_ns(self->w), START + 2500 * MS);
	self->n.timer_answer = UINT64_MAX;
	self->clock.now = START + 2500 * MS;
	EXPECT_EQ(worker_step(self->w), 1);
	EXPECT_EQ(worker_armed_ns(self->w), START + 3500 * MS);
}

TEST_F(worker, answer_replaces,
       .title = "the last answer is the deadline; none disarms; the past is now")
{
	ASSERT_EQ(make(self, true, NULL), 0);
	ASSERT_EQ(worker_start(self->w), 0);
	self->n.answer = START + 5 * MS;
	worker_step(self->w);
	self->n.answer = WORKER_NO_DEADLINE;
	kick(self, 0);
	worker_step(self->w);
	EXPECT_EQ(worker_armed_ns(self->w), 0);
	self->clock.now = START + 6 * MS;
	EXPECT_EQ(worker_step(self->w), 0);
	self->n.answer = 1;
	kick(self, 0);
	EXPECT_EQ(worker_step(self->w), 2);
	EXPECT_EQ(self->n.timers, 1);
}

TEST_F(worker, manual_pause, .title = "D90 D91 paused: nothing is served, nothing is lost")
{
	ASSERT_EQ(make(self, true, NULL), 0);
	EXPECT_EQ(worker_pause(self->w, 0), 0);
	ASSERT_EQ(worker_start(self->w), 0);
	kick(self, 0);
	self->n.answer = START + MS;
	EXPECT_EQ(worker_step(self->w), 0);
	EXPECT_TRUE(worker_must_yield(self->w));
	worker_resume(self->w);
	EXPECT_FALSE(worker_must_yield(self->w));
	EXPECT_EQ(worker_step(self->w), 2);
	EXPECT_EQ(worker_pause(self->w, 0), 0);
	EXPECT_EQ(worker_pause(self->w, 0), 0);
	self->clock.now = START + MS;
	kick(self, 1);
	EXPECT_EQ(worker_step(self->w), 0);
	EXPECT_EQ(self->n.timers, 0);
	worker_resume(self->w);
	worker_step(self->w);
	EXPECT_EQ(self->n.timers, 1);
	EXPECT_EQ(self->n.kicks, 2);
}

TEST_F(worker, bad_config, .title = "a worker that can't be is refused")
{
	struct worker_config config = {
		.name = "x", .ops = &ops, .nr_kicks = WORKER_MAX_KICKS + 1, .kick_fd = self->kick
	};
	const int closed[] = { 999 };
	struct worker *w;

	EXPECT_EQ(worker_create(&config, &w), -EINVAL);
	config.nr_kicks = 0;
	config.clock = &self->clock.clock;
	EXPECT_EQ(worker_create(&config, &w), -EINVAL);
	config.clock = NULL;
	config.nr_kicks = 1;
	config.kick_fd = closed;
	EXPECT_EQ(worker_create(&config, &w), -EBADF);
	ASSERT_EQ(make(self, true, NULL), 0);
}

/* --- as a thread --- */

TEST_F(worker, thread_serves,
       .title = "D84 a thread serves kick, timer, wake; its name and tid are known")
{
	ASSERT_EQ(make(self, false, NULL), 0);
	EXPECT_EQ(worker_tid(self->w), 0);
	ASSERT_EQ(worker_start(self->w), 0);
	EXPECT_NE(worker_tid(self->w), 0);
	sem_wait(&self->n.called);
	kick(self, 1);
	sem_wait(&self->n.called);
	worker_wake(self->w);
	sem_wait(&self->n.called);
	self->n.answer = 1;
	kick(self, 1);
	sem_wait(&self->n.called);
	sem_wait(&self->n.called);
	EXPECT_EQ(self->n.tid, worker_tid(self->w));
	ASSERT_EQ(worker_stop(self->w), 0);
	EXPECT_EQ(worker_tid(self->w), 0);
	EXPECT_EQ(self->n.kicks, 2);
	EXPECT_EQ(self->n.wakes, 2);
	EXPECT_EQ(self->n.timers, 1);
	EXPECT_STREQ(self->n.name, "blk0-q0-and-a-l");
}

TEST_F(worker, thread_timer, .title = "D85 the thread's timer doesn't fire early")
{
	ASSERT_EQ(make(self, false, NULL), 0);
	self->n.answer = io_clock_monotonic_now(NULL) + 20 * MS;
	ASSERT_EQ(worker_start(self->w), 0);
	sem_wait(&self->n.called);
	sem_wait(&self->n.called);
	ASSERT_EQ(worker_stop(self->w), 0);
	EXPECT_EQ(self->n.timers, 1);
	EXPECT_GE(self->n.timer_at, self->n.answer);
}

TEST_F(worker, thread_timer_near,
       .title = "D85 deadlines too near to sleep for: each is served, none early")
{
	ASSERT_EQ(make(self, false, NULL), 0);
	self->n.again = 1000;
	self->n.answer = 1;
	ASSERT_EQ(worker_start(self->w), 0);
	sem_wait(&self->n.called); /* the wake-up at its start */
	sem_wait(&self->n.called); /* the last timer */
	ASSERT_EQ(worker_stop(self->w), 0);
	EXPECT_EQ(self->n.timers, 1001);
	EXPECT_EQ(self->n.early, 0);
}

TEST_F(worker, stop_at_once,
       .title = "D89 a stop is answered though the timer is far and an op busy")
{
	uint64_t before;

	ASSERT_EQ(make(self, false, NULL), 0);
	self->n.answer = io_clock_monotonic_now(NULL) + 3600 * IO_NSEC_PER_SEC;
	ASSERT_EQ(worker_start(self->w), 0);
	sem_wait(&self->n.called);
	before = io_clock_monotonic_now(NULL);
	EXPECT_EQ(worker_stop(self->w), 0);
	/* Well before the timer's next look, in a second. */
	EXPECT_LT(io_clock_monotonic_now(NULL) - before, 900 * MS);

	self->n.until_yield = true;
	ASSERT_EQ(worker_start(self->w), 0);
	kick(self, 0);
	sem_wait(&self->n.entered);
	EXPECT_EQ(worker_stop(self->w), 0);
}

TEST_F(worker, start_stop_many, .title = "D96 a worker starts afresh, any number of times")
{
	ASSERT_EQ(make(self, false, NULL), 0);
	self->n.answer = io_clock_monotonic_now(NULL) + 3600 * IO_NSEC_PER_SEC;
	for (int i = 0; i < 200; i++) {
		ASSERT_EQ(worker_start(self->w), 0);
		ASSERT_EQ(worker_stop(self->w), 0);
		ASSERT_EQ(worker_stop(self->w), 0);
		ASSERT_EQ(worker_armed_ns(self->w), 0);
	}
}

TEST_F(worker, pause_waits_for_the_op,
       .title = "D90 pause is acknowledged after the op, none runs till resume")
{
	ASSERT_EQ(make(self, false, NULL), 0);
	ASSERT_EQ(worker_start(self->w), 0);
	sem_wait(&self->n.called);
	self->n.block = true;
	kick(self, 0);
	sem_wait(&self->n.entered);
	/* Still in its op: a pause with no patience says so, but stands. */
	EXPECT_EQ(worker_pause(self->w, MS), -ETIMEDOUT);
	sem_post(&self->n.release);
	ASSERT_EQ(worker_pause(self->w, 10 * IO_NSEC_PER_SEC), 0);
	EXPECT_EQ(self->n.kicks, 1);
	self->n.block = false;
	for (int i = 0; i < 3; i++)
		kick(self, i);
	worker_wake(self->w);
	EXPECT_EQ(worker_pause(self->w, 0), 0);
	/* Parked: these plain reads would be races otherwise. */
	EXPECT_EQ(self->n.kicks, 1);
	EXPECT_EQ(self->n.wakes, 1);
	worker_resume(self->w);
	for (int i = 0; i < 5; i++)
		sem_wait(&self->n.called);
	ASSERT_EQ(worker_stop(self->w), 0);
	EXPECT_EQ(self->n.kicks, 4);
	EXPECT_EQ(self->n.wakes, 2);
}

TEST_F(worker, pause_resume_hammer,
       .title = "D90 paused and resumed a thousand times, never seen running")
{
	ASSERT_EQ(make(self, false, NULL), 0);
	ASSERT_EQ(worker_start(self->w), 0);
	for (int i = 0; i < 1000; i++) {
		unsigned int seen;

		ASSERT_EQ(worker_pause(self->w, 10 * IO_NSEC_PER_SEC), 0);
		seen = self->n.kicks + self->n.wakes;
		kick(self, i % 3);
		ASSERT_EQ(self->n.kicks + self->n.wakes, seen);
		worker_resume(self->w);
	}
	ASSERT_EQ(worker_stop(self->w), 0);
}

TEST_F(worker, pause_before_start,
       .title = "D91 with no thread pause succeeds at once; a start begins parked")
{
	ASSERT_EQ(make(self, false, NULL), 0);
	EXPECT_EQ(worker_pause(self->w, 0), 0);
	kick(self, 0);
	ASSERT_EQ(worker_start(self->w), 0);
	EXPECT_EQ(worker_pause(self->w, 10 * IO_NSEC_PER_SEC), 0);
	EXPECT_EQ(self->n.kicks + self->n.wakes, 0);
	worker_resume(self->w);
	sem_wait(&self->n.called);
	sem_wait(&self->n.called);
	/* Stopped while paused. */
	EXPECT_EQ(worker_pause(self->w, 10 * IO_NSEC_PER_SEC), 0);
	EXPECT_EQ(worker_stop(self->w), 0);
	EXPECT_EQ(self->n.kicks, 1);
}

TEST_F(worker, affinity, .title = "D93 the affinity is there when the first op runs")
{
	cpu_set_t may, want;
	int cpu = 0;

	ASSERT_EQ(sched_getaffinity(0, sizeof(may), &may), 0);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &may))
			cpu = i;
	CPU_ZERO(&want);
	CPU_SET(cpu, &want);
	ASSERT_EQ(make(self, false, &want), 0);
	kick(self, 0);
	ASSERT_EQ(worker_start(self->w), 0);
	sem_wait(&self->n.called);
	sem_wait(&self->n.called);
	ASSERT_EQ(worker_stop(self->w), 0);
	EXPECT_TRUE(CPU_EQUAL(&self->n.cpus, &want));
}

TEST_F(worker, affinity_nowhere,
       .title = "D99 a thread that can't be started: the error is passed on")
{
	cpu_set_t none;

	CPU_ZERO(&none);
	CPU_SET(CPU_SETSIZE - 1, &none);
	ASSERT_EQ(make(self, false, &none), 0);
	EXPECT_EQ(worker_start(self->w), -EINVAL);
	EXPECT_FALSE(worker_running(self->w));
	EXPECT_EQ(worker_stop(self->w), 0);
}

TEST_F(worker, hangs,
       .title = "D99 a thread that hangs: the stop ends after 1 s, and may be repeated")
{
	uint64_t before, took;

	ASSERT_EQ(make(self, false, NULL), 0);
	ASSERT_EQ(worker_start(self->w), 0);
	self->n.block = true;
	kick(self, 0);
	sem_wait(&self->n.entered);
	before = io_clock_monotonic_now(NULL);
	EXPECT_EQ(worker_stop(self->w), -ETIMEDOUT);
	took = io_clock_monotonic_now(NULL) - before;
	EXPECT_GE(took, 1000 * MS);
	EXPECT_LT(took, 5000 * MS);
	EXPECT_EQ(worker_start(self->w), -EBUSY);
	sem_post(&self->n.release);
	EXPECT_EQ(worker_stop(self->w), 0);
	self->n.block = false;
	EXPECT_EQ(worker_start(self->w), 0);
}

TEST_F(worker, signals_go_elsewhere, .title = "a worker takes no signals meant for the process")
{
	char path[64], line[256];
	unsigned long long blocked = 0;
	FILE *f;

	ASSERT_EQ(make(self, false, NULL), 0);
	ASSERT_EQ(worker_start(self->w), 0);
	snprintf(path, sizeof(path), "/proc/self/task/%d/status", worker_tid(self->w));
	f = fopen(path, "r");
	ASSERT_NOT_NULL(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "SigBlk: %llx", &blocked);
	fclose(f);
	EXPECT_TRUE(blocked & 1ULL << (SIGINT - 1));
	EXPECT_TRUE(blocked & 1ULL << (SIGUSR1 - 1));
	EXPECT_FALSE(blocked & 1ULL << (SIGSEGV - 1));
}

/* Within a time that only a lost wake-up takes. */
static bool called(struct notes *n)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	return !sem_timedwait(&n->called, &until);
}

TEST_F(worker, again_and_again,
       .title = "D85 a timer that answers 'at once' again and again is asked each time")
{
	ASSERT_EQ(make(self, false, NULL), 0);
	self->n.answer = self->n.timer_answer = 1;
	ASSERT_EQ(worker_start(self->w), 0);
	for (int i = 0; i < 100; i++)
		ASSERT_TRUE(called(&self->n));
	ASSERT_EQ(worker_stop(self->w), 0);
	EXPECT_GE(self->n.timers, 99);
}

TEST_F(worker, order_between_kicks,
       .title = "D90 D91 kicks that come with a pause are served after it, not before")
{
	ASSERT_EQ(make(self, false, NULL), 0);
	self->n.until_yield = true;
	for (int i = 0; i < 3; i++)
		kick(self, i);
	/* All three are pending when the first is served, until the order comes. */
	ASSERT_EQ(worker_start(self->w), 0);
	sem_wait(&self->n.entered);
	ASSERT_EQ(worker_pause(self->w, 10 * IO_NSEC_PER_SEC), 0);
	EXPECT_EQ(self->n.kicks, 1);
	self->n.until_yield = false;
	worker_resume(self->w);
	/* The wakes of start and resume, and three kicks. */
	for (int i = 0; i < 5; i++)
		ASSERT_TRUE(called(&self->n));
	ASSERT_EQ(worker_stop(self->w), 0);
	EXPECT_EQ(self->n.kicks, 3);
}

static int make_and_destroy(void *arg)
{
	FIXTURE_DATA(worker) *self = arg;
	int ret = make(self, false, NULL);

	if (!ret)
		worker_destroy(self->w);
	self->w = NULL;
	return ret;
}

TEST_F(worker, no_means,
       .title = "no memory, descriptor or thread for a worker: said, nothing left")
{
	EXPECT_EQ(fault_each(FAULT_MEMORY, ENOMEM, make_and_destroy, self), 1);
	EXPECT_EQ(fault_each(FAULT_FD, EMFILE, make_and_destroy, self), 3);
	EXPECT_EQ(fault_each(FAULT_EPOLL_ADD, ENOSPC, make_and_destroy, self), 5);
	ASSERT_EQ(make(self, false, NULL), 0);
	fault_set(FAULT_THREAD, 0, 1, EAGAIN);
	EXPECT_EQ(worker_start(self->w), -EAGAIN);
	EXPECT_EQ(fault_end(FAULT_THREAD), 1);
	EXPECT_FALSE(worker_running(self->w));
	EXPECT_EQ(worker_start(self->w), 0);
}

TEST_HARNESS_MAIN
