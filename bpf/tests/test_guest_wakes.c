// SPDX-License-Identifier: GPL-2.0-only
/*
 * What wake-ups come from, in the scheduler's stream (attribution.md, A5, A31), and
 * flushes (A20), on a live kernel. Part of test_bpf.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guest_stream.h"

FIXTURE(wakes)
{
	struct session s;
};

FIXTURE_SETUP(wakes)
{
	session_begin(&self->s);
}

FIXTURE_TEARDOWN(wakes)
{
	session_end(&self->s);
}

/* --- what a wake-up comes from --- */

/* The first wake-up of a task after a time at which it was surely asleep. */
static const struct event *wake_after(const struct tape *t, pid_t pid, __u64 ts)
{
	for (size_t i = 0; i < t->nr_events; i++)
		if (t->event[i].ts >= ts && t->event[i].type == SS_SCHED_WAKE &&
		    t->event[i].tid == (__u32)pid)
			return &t->event[i];
	return NULL;
}

#define SLEEP_FLAGS (SS_WAKE_TIMER | SS_WAKE_IRQ)

static void expect_wake(const struct tape *t, pid_t pid, __u64 ts, unsigned int flags, __u32 by)
{
	const struct event *e = wake_after(t, pid, ts);

	ASSERT_NOT_NULL(e);
	EXPECT_EQ(e->flags, flags);
	EXPECT_EQ(e->arg, by);
	EXPECT_EQ(e->more, 0);
}

TEST_F(wakes, A5_own_timers, .timeout_s = 60,
       .title = "A5: a sleep, a poll's time-out and a timerfd are wake-ups by the sleeper's timer")
{
	const struct itimerspec in = { .it_value = { .tv_nsec = 20 * NS_PER_MS } };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	__u64 at[3], ticks;

	at[0] = now_ns();
	nap(20 * NS_PER_MS);
	at[1] = now_ns();
	EXPECT_EQ(poll(NULL, 0, 20), 0);
	at[2] = now_ns();
	EXPECT_EQ(timerfd_settime(fd, 0, &in, NULL), 0);
	EXPECT_EQ(read(fd, &ticks, sizeof(ticks)), sizeof(ticks));
	close(fd);
	session_finish(&self->s);
	for (int i = 0; i < 2; i++)
		expect_wake(&self->s.tape, getpid(), at[i], SLEEP_FLAGS, 0);
	if (!self->s.partial)
		expect_wake(&self->s.tape, getpid(), at[2], SLEEP_FLAGS, 0);
}

static int await_signal(void *arg)
{
	sigset_t set;

	(void)arg;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return sigwaitinfo(&set, NULL) != SIGUSR1;
}

TEST_F(wakes, A5_signal, .timeout_s = 60,
       .title = "A5: a signal's wake-up says so, and who sent it")
{
	sigset_t set;
	__u64 at;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = child(await_signal, NULL);
	nap(50 * NS_PER_MS);
	at = now_ns();
	kill(pid, SIGUSR1);
	gone(pid);
	session_finish(&self->s);
	expect_wake(&self->s.tape, pid, at, SS_WAKE_SIGNAL, getpid());
}

/* --- the disk --- */

#define DISK  "/dev/vda"
#define BLOCK 4096

static int open_disk(void)
{
	int fd = open(DISK, O_RDWR | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		SKIP("no " DISK ": %s", strerror(errno));
	return fd;
}

static const struct ss_rec_g_io *io_of(const struct tape *t, __u32 serial)
{
	const struct ss_rec_g_io *io = NULL;

	while ((io = tape_next(t, io, SS_REC_G_IO)))
		if (io->serial == serial)
			return io;
	return NULL;
}

TEST_F(wakes, A31_io, .timeout_s = 60,
       .title = "A31: a wake-up by a request's completion names the request")
{
	const struct ss_rec_g_io *io = NULL;
	unsigned int waits = 0, reads = 0;
	__u32 last = 0, me = getpid();
	int fd = open_disk();
	void *buf = NULL;

	ASSERT_EQ(posix_memalign(&buf, BLOCK, BLOCK), 0);
	for (int i = 0; i < 200; i++)
		ASSERT_EQ(pread(fd, buf, BLOCK, (__u64)i * BLOCK), BLOCK);
	free(buf);
	close(fd);
	session_finish(&self->s);
	while ((io = tape_next(&self->s.tape, io, SS_REC_G_IO))) {
		EXPECT_GT(io->serial, last);
		EXPECT_EQ(io->data_ts, 0);
		last = io->serial;
		reads++;
	}
	EXPECT_EQ(reads, 200);
	for (size_t i = 0; i < self->s.tape.nr_events; i++) {
		const struct event *e = &self->s.tape.event[i];

		if (e->type != SS_SCHED_WAKE || e->tid != me || !(e->flags & SS_WAKE_IO))
			continue;
		waits++;
		io = io_of(&self->s.tape, e->more);
		ASSERT_NOT_NULL(io);
		EXPECT_EQ(io->tid, me);
		/* right behind the completion, on the CPU that saw it */
		EXPECT_LE(io->h.ts, e->ts);
		EXPECT_LT(e->ts - io->h.ts, 100 * NS_PER_MS);
		EXPECT_EQ(io->h.cpu, e->cpu);
	}
	/* A read that was done before it came to sleep needs no wake-up. */
	EXPECT_GT(waits, 50);
}

/* The flush of a queue that was issued and done between two times. */
static const struct ss_rec_g_flush *flush_in(const struct tape *t, unsigned int queue, __u64 from,
					     __u64 to)
{
	const struct ss_rec_g_flush *f = NULL;

	while ((f = tape_next(t, f, SS_REC_G_FLUSH)))
		if (f->queue == queue && f->issue_ts >= from && f->h.ts <= to)
			return f;
	return NULL;
}

TEST_F(wakes, A20_flushes, .timeout_s = 60,
       .title = "A20: a write that must be on the disk is seen with the flush behind it")
{
	const struct ss_rec_g_flush *f = NULL;
	const struct ss_rec_g_io *io = NULL;
	unsigned int writes = 0, flushes = 0;
	int fd = open_disk();
	struct iovec iov = { .iov_len = BLOCK };

	ASSERT_EQ(posix_memalign(&iov.iov_base, BLOCK, BLOCK), 0);
	memset(iov.iov_base, 0x5a, BLOCK);
	for (int i = 0; i < 20; i++)
		ASSERT_EQ(pwritev2(fd, &iov, 1, (__u64)i * BLOCK, RWF_DSYNC), BLOCK);
	free(iov.iov_base);
	close(fd);
	session_finish(&self->s);
	while ((io = tape_next(&self->s.tape, io, SS_REC_G_IO))) {
		if (io->op == SS_IO_FLUSH) {
			/* it is its queue's own */
			EXPECT_NOT_NULL(flush_in(&self->s.tape, io->queue, io->issue_ts, io->h.ts));
			continue;
		}
		EXPECT_EQ(io->op, SS_IO_WRITE);
		EXPECT_LT(io->issue_ts, io->data_ts);
		EXPECT_LT(io->data_ts, io->h.ts);
		EXPECT_NOT_NULL(flush_in(&self->s.tape, io->queue, io->data_ts, io->h.ts));
		writes++;
	}
	EXPECT_EQ(writes, 20);
	while ((f = tape_next(&self->s.tape, f, SS_REC_G_FLUSH))) {
		EXPECT_LT(f->issue_ts, f->h.ts);
		EXPECT_NE(f->serial, 0);
		EXPECT_EQ(f->error, 0);
		EXPECT_NULL(io_of(&self->s.tape, f->serial));
		flushes++;
	}
	EXPECT_GE(flushes, 20);
}

struct syncer {
	pthread_t thread;
	int fd, n;
};

static void *write_and_sync(void *arg)
{
	struct syncer *s = arg;
	void *buf = NULL;

	if (posix_memalign(&buf, BLOCK, BLOCK))
		return NULL;
	memset(buf, 1, BLOCK);
	for (int i = 0; i < 50; i++)
		if (pwrite(s->fd, buf, BLOCK, (__u64)s->n * BLOCK) == BLOCK && !fsync(s->fd))
			s->n++;
	free(buf);
	return NULL;
}

TEST_F(wakes, A20_shared, .timeout_s = 60,
       .title = "A20: of several that flush at once each finds the flush that served it")
{
	unsigned int asked = 0, sent = 0, synced = 0;
	const struct ss_rec_g_flush *f = NULL;
	const struct ss_rec_g_io *io = NULL;
	struct syncer s[4];
	int fd = open_disk();

	for (int i = 0; i < 4; i++) {
		s[i] = (struct syncer){ .fd = fd };
		ASSERT_EQ(pthread_create(&s[i].thread, NULL, write_and_sync, &s[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(s[i].thread, NULL);
		synced += s[i].n;
	}
	close(fd);
	session_finish(&self->s);
	EXPECT_EQ(synced, 200);
	while ((io = tape_next(&self->s.tape, io, SS_REC_G_IO))) {
		if (io->op != SS_IO_FLUSH)
			continue;
		asked++;
		EXPECT_NOT_NULL(flush_in(&self->s.tape, io->queue, io->start_ts, io->h.ts));
	}
	while ((f = tape_next(&self->s.tape, f, SS_REC_G_FLUSH)))
		sent++;
	EXPECT_EQ(asked, 200);
	EXPECT_LE(sent, asked);
	EXPECT_GT(sent, 0);
}
