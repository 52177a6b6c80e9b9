// SPDX-License-Identifier: GPL-2.0-only
/* vhost-user with true workers: the front-end changes everything while they serve. */
#include "ss_harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mock_front.h"
#include "mock_guest.h"
#include "virtio/vhost_user_priv.h"

#define REQUESTS 400
#define WAIT_MS	 10000

FIXTURE(front)
{
	struct mock_front f;
};

FIXTURE_SETUP(front)
{
	self->f = (struct mock_front){ .threads = true };
	front_init(&self->f);
	front_connect(&self->f);
	front_hello(&self->f);
	for (unsigned int q = 0; q < FRONT_QUEUES; q++)
		front_ring_start(&self->f, q, 0);
}

FIXTURE_TEARDOWN(front)
{
	front_free(&self->f);
}

static void kick(const struct mock_front *f, unsigned int q)
{
	const uint64_t one = 1;

	ASSERT_EQ(write(f->kick[q], &one, sizeof(one)), 8);
}

/* The used ring is polled: an interrupt may have gone to an eventfd that isn't there any more. */
static void wait_used(struct mock_queue *q, uint16_t idx)
{
	for (unsigned int ms = 0; mock_used_idx(q) != idx; ms++) {
		ASSERT_LT(ms, WAIT_MS);
		usleep(1000);
	}
}

struct driver {
	struct mock_front *f;
	unsigned int q;
	pthread_t thread;
};

/* Requests one after the other, each answered once. */
static void *drive(void *arg)
{
	struct driver *d = arg;
	struct mock_queue *q = &d->f->q[d->q];

	for (unsigned int i = 0; i < REQUESTS; i++) {
		struct mock_req r = mock_read(q, i, FRONT_DATA + d->q * 4096, 512);

		kick(d->f, d->q);
		wait_used(q, (uint16_t)(i + 1));
		ASSERT_TRUE(front_done(d->f, d->q, &r));
	}
	return NULL;
}

static void must(struct mock_front *f, struct front_msg m)
{
	ASSERT_EQ(front_do(f, &m), 0);
}

TEST_F(front, changes, .title = "V10 V14 V16 V17 nothing is lost or served twice while all changes",
       .timeout_s = 60)
{
	struct mock_front *f = &self->f;
	struct driver d[FRONT_QUEUES];
	int other = eventfd(0, EFD_NONBLOCK);

	for (unsigned int q = 0; q < FRONT_QUEUES; q++) {
		d[q] = (struct driver){ .f = f, .q = q };
		ASSERT_EQ(pthread_create(&d[q].thread, NULL, drive, &d[q]), 0);
	}
	for (unsigned int i = 0; i < 60; i++) {
		const unsigned int q = i % FRONT_QUEUES;

		must(f, front_fd(VU_SET_VRING_CALL, q, other));
		must(f, front_mem_table(f));
		must(f, front_state(VU_SET_VRING_ENABLE, q, 0));
		must(f, front_state(VU_SET_VRING_ENABLE, q, 1));
		must(f, front_fd(VU_SET_VRING_CALL, q, f->call[q]));
		must(f, front_fd(VU_SET_VRING_KICK, q, f->kick[q]));
		front_ring_start(f, q, front_ring_stop(f, q));
	}
	for (unsigned int q = 0; q < FRONT_QUEUES; q++)
		pthread_join(d[q].thread, NULL);
	for (unsigned int q = 0; q < FRONT_QUEUES; q++)
		EXPECT_EQ(front_ring_stop(f, q), REQUESTS);
	EXPECT_EQ(f->backing.calls[MOCK_READ], FRONT_QUEUES * REQUESTS);
	close(other);
}

TEST_F(front, file_shrinks, .title = "V12 a worker that touches what is gone goes on")
{
	struct mock_front *f = &self->f;

	mock_read(&f->q[0], 7, FRONT_DATA, 512);
	ASSERT_EQ(ftruncate(f->memfd, 0), 0);
	kick(f, 0);
	EXPECT_TRUE(mock_wait_fd(vhost_user_lost_fd(f->s.vu), WAIT_MS));
	ASSERT_EQ(ftruncate(f->memfd, FRONT_FILE), 0);
	EXPECT_LT(front_turn(f), 0);
	EXPECT_EQ(vhost_user_detach(f->s.vu), 0);
}

TEST_F(front, blocked_call, .title = "V19 a worker that was made to wait at its eventfd is let go")
{
	struct mock_front *f = &self->f;
	const uint64_t full = UINT64_MAX - 1;
	struct front_msg m = front_state(VU_GET_VRING_BASE, 0, 0);
	int call = eventfd(0, 0);
	union vu_payload p;

	must(f, front_fd(VU_SET_VRING_CALL, 0, call));
	/* Made to block behind the server's back. */
	ASSERT_EQ(fcntl(call, F_SETFL, 0), 0);
	mock_eventfd(call);
	ASSERT_EQ(write(call, &full, sizeof(full)), 8);
	mock_read(&f->q[0], 7, FRONT_DATA, 512);
	kick(f, 0);
	wait_used(&f->q[0], 1);
	must(f, m);
	front_reply(f, VU_GET_VRING_BASE, &p, NULL);
	EXPECT_EQ(p.state.num, 1);
	close(call);
}

TEST_F(front, hangs,
       .title = "V23 while a request hangs, its memory stays, and nobody else is served")
{
	struct mock_front *f = &self->f;

	f->s.vu->stop_tries = 2;
	mock_hold(&f->backing, true);
	mock_read(&f->q[0], 7, FRONT_DATA, 512);
	kick(f, 0);
	mock_wait_held(&f->backing, 1);
	EXPECT_EQ(vhost_user_detach(f->s.vu), -ETIMEDOUT);
	EXPECT_EQ(count_maps("front-memory"), 3);
	mock_hold(&f->backing, false);
	/* Once it is over the rest can go. */
	f->s.vu->stop_tries = 100;
	EXPECT_EQ(vhost_user_detach(f->s.vu), 0);
	EXPECT_EQ(count_maps("front-memory"), 1);
}

TEST_HARNESS_MAIN
