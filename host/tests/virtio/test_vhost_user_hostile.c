// SPDX-License-Identifier: GPL-2.0-only
/*
 * A front-end that breaks the rules. Each time: the connection ends, nothing it gave is
 * left open or mapped, and the next one is served.
 */
#include "ss_harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/ratelimit.h"
#include "mock_front.h"
#include "mock_guest.h"

FIXTURE(front)
{
	struct mock_front f;
	unsigned int fds, lines;
	int pipe[2];
};

FIXTURE_SETUP(front)
{
	self->f = (struct mock_front){ .sock = -1 };
	ASSERT_EQ(pipe(self->pipe), 0);
	front_init(&self->f);
	self->fds = count_fds();
	front_connect(&self->f);
	self->lines = ss_err_count();
}

FIXTURE_TEARDOWN(front)
{
	front_free(&self->f);
	close(self->pipe[0]);
	close(self->pipe[1]);
}

static bool serves(struct mock_front *f)
{
	struct mock_req r;

	mock_queue_init(&f->q[0], &f->g, 0, 128);
	front_hello(f);
	front_ring_start(f, 0, 0);
	r = mock_read(&f->q[0], 7, FRONT_DATA, 512);
	front_kick(f, 0);
	return front_done(f, 0, &r);
}

/* The connection ends, with one line and without a trace; the next one is served. */
static void ends(FIXTURE_DATA(front) * self, int ret)
{
	struct mock_front *f = &self->f;

	EXPECT_EQ(ret, -EPROTO);
	EXPECT_EQ(ss_err_count(), self->lines + 1);
	EXPECT_EQ(vhost_user_detach(f->s.vu), 0);
	close(f->sock);
	f->sock = -1;
	EXPECT_EQ(count_fds(), self->fds);
	EXPECT_EQ(count_maps("front-memory"), 1);
	EXPECT_EQ(count_maps("stallscope-inflight"), 0);
	front_connect(f);
	EXPECT_TRUE(serves(f));
	self->lines = ss_err_count();
	/* Each of them is told of. */
	f->clock.now += RATELIMIT_INTERVAL_NS;
	/* And as before, for the next rule to break. */
	EXPECT_EQ(vhost_user_detach(f->s.vu), 0);
	front_connect(f);
}

static void refused(FIXTURE_DATA(front) * self, struct front_msg m)
{
	ends(self, front_do(&self->f, &m));
}

/* After a good start. */
static void refused_later(FIXTURE_DATA(front) * self, struct front_msg m)
{
	front_hello(&self->f);
	refused(self, m);
}

static struct front_msg bare(uint32_t request)
{
	return (struct front_msg){ .request = request, .flags = VU_VERSION };
}

TEST_F(front, headers, .title = "V4 a header with an unknown request, bad flags or size ends it")
{
	struct front_msg m = bare(VU_GET_FEATURES);

	m.request = 0;
	refused(self, m);
	m.request = 6; /* SET_LOG_BASE: known to the protocol, not offered */
	refused(self, m);
	m.request = UINT32_MAX;
	refused(self, m);
	m = bare(VU_GET_FEATURES);
	m.flags = 0;
	refused(self, m);
	m.flags = VU_VERSION | VU_REPLY;
	refused(self, m);
	m = bare(VU_GET_FEATURES);
	m.size = 8;
	refused(self, m);
	m = front_u64(VU_SET_PROTOCOL_FEATURES, 0);
	m.size = 4;
	refused(self, m);
	m.size = UINT32_MAX;
	refused(self, m);
	m = front_mem_table(&self->f);
	m.size += 7 * sizeof(struct vu_mem_region);
	refused(self, m);
}

TEST_F(front, again_and_again,
       .title = "V29 a front-end that is refused all the time has ten lines in 10 s")
{
	struct mock_front *f = &self->f;
	struct front_msg m = bare(0);

	for (unsigned int i = 0; i < 3 * RATELIMIT_BURST; i++) {
		EXPECT_EQ(front_do(f, &m), -EPROTO);
		EXPECT_EQ(vhost_user_detach(f->s.vu), 0);
		front_connect(f);
	}
	EXPECT_EQ(ss_err_count(), self->lines + RATELIMIT_BURST);
	f->clock.now += RATELIMIT_INTERVAL_NS - 1;
	EXPECT_EQ(front_do(f, &m), -EPROTO);
	EXPECT_EQ(vhost_user_detach(f->s.vu), 0);
	front_connect(f);
	EXPECT_EQ(ss_err_count(), self->lines + RATELIMIT_BURST);
	self->lines += RATELIMIT_BURST;
	f->clock.now++;
	refused(self, m);
}

TEST_F(front, features, .title = "V1 features that aren't offered end it")
{
	refused(self, front_u64(VU_SET_PROTOCOL_FEATURES, VU_PROTOCOL_MQ | 2));
	refused_later(self, front_u64(VU_SET_FEATURES, FRONT_FEATURES | 1ULL << 50));
	refused_later(self, front_u64(VU_SET_FEATURES, FRONT_FEATURES | FEAT(VIRTIO_BLK_F_RO)));
}

TEST_F(front, order, .title = "V7 messages out of order end it")
{
	struct mock_front *f = &self->f;
	struct front_msg m;

	/* Before SET_OWNER. */
	refused(self, front_u64(VU_SET_FEATURES, FRONT_FEATURES));
	refused(self, front_mem_table(f));
	refused(self, front_state(VU_SET_VRING_NUM, 0, 128));
	refused(self, front_fd(VU_SET_VRING_CALL, 0, f->call[0]));
	/* Without its protocol feature. */
	m = bare(VU_SET_OWNER);
	ASSERT_EQ(front_do(f, &m), 0);
	refused(self, front_mem_slot(VU_ADD_MEM_REG, f, true));
	refused(self, bare(VU_RESET_DEVICE));
	/* A place without memory, a kick without size or place, enable without bit 30. */
	m = bare(VU_SET_OWNER);
	ASSERT_EQ(front_do(f, &m), 0);
	refused(self, front_addr(&f->q[0]));
	refused_later(self, front_fd(VU_SET_VRING_KICK, 0, f->kick[0]));
	front_hello(f);
	m = front_u64(VU_SET_FEATURES, FRONT_FEATURES & ~VU_F_PROTOCOL_FEATURES);
	ASSERT_EQ(front_do(f, &m), 0);
	refused(self, front_state(VU_SET_VRING_ENABLE, 0, 1));
}

TEST_F(front, running, .title = "V20 what a running ring stands on can't be changed")
{
	struct mock_front *f = &self->f;
	struct front_msg m[] = {
		front_state(VU_SET_VRING_NUM, 0, 64),
		front_state(VU_SET_VRING_BASE, 0, 1),
		front_addr(&f->q[0]),
		front_u64(VU_SET_FEATURES, FRONT_FEATURES & ~FEAT(VIRTIO_BLK_F_FLUSH)),
	};

	for (unsigned int i = 0; i < sizeof(m) / sizeof(m[0]); i++) {
		front_hello(f);
		front_ring_start(f, 0, 0);
		refused(self, m[i]);
	}
}

TEST_F(front, rings, .title = "V20 a ring that can't be ends it")
{
	struct mock_front *f = &self->f;
	struct front_msg m = front_addr(&f->q[0]);

	refused_later(self, front_state(VU_SET_VRING_NUM, FRONT_QUEUES, 128));
	refused_later(self, front_state(VU_SET_VRING_NUM, UINT32_MAX, 128));
	refused_later(self, front_state(VU_SET_VRING_NUM, 0, 0));
	refused_later(self, front_state(VU_SET_VRING_NUM, 0, 100));
	refused_later(self, front_state(VU_SET_VRING_NUM, 0, 512));
	refused_later(self, front_state(VU_SET_VRING_NUM, 0, 1u << 31));
	refused_later(self, front_state(VU_SET_VRING_BASE, 0, 65536));
	refused_later(self, front_state(VU_GET_VRING_BASE, FRONT_QUEUES, 0));
	refused_later(self, front_state(VU_SET_VRING_ENABLE, FRONT_QUEUES, 1));
	refused_later(self, front_state(VU_SET_VRING_ENABLE, 0, 2));
	refused_later(self, front_fd(VU_SET_VRING_CALL, 0xff, f->call[0]));
	m.p.addr.used = FRONT_LOW - 1;
	refused_later(self, m);
	m.p.addr.used = UINT64_MAX;
	refused_later(self, m);
	m.p.addr.used = 0;
	refused_later(self, m);
}

TEST_F(front, ring_at_end,
       .title = "V20 a ring that runs over its region's end is broken, or isn't started")
{
	struct mock_front *f = &self->f;
	struct front_msg m = front_addr(&f->q[0]);

	front_hello(f);
	front_ring_setup(f, 0, 0);
	/* The first descriptor is there, the second isn't. */
	m.p.addr.desc = FRONT_LOW + FRONT_LOW_SIZE - 16;
	f->q[0].desc = FRONT_LOW_SIZE - 16;
	mock_desc(&f->q[0], 0, FRONT_DATA, 16, VRING_DESC_F_NEXT, 1);
	mock_avail(&f->q[0], 0);
	ASSERT_EQ(front_do(f, &m), 0);
	m = front_fd(VU_SET_VRING_KICK, 0, f->kick[0]);
	ASSERT_EQ(front_do(f, &m), 0);
	m = front_state(VU_SET_VRING_ENABLE, 0, 1);
	ASSERT_EQ(front_do(f, &m), 0);
	front_kick(f, 0);
	EXPECT_EQ(mock_eventfd(f->err[0]), 1);
	EXPECT_EQ(mock_used_idx(&f->q[0]), 0);
	/* The used ring's index isn't aligned; or isn't there. */
	for (unsigned int i = 0; i < 2; i++) {
		EXPECT_EQ(vhost_user_detach(f->s.vu), 0);
		front_connect(f);
		front_hello(f);
		front_ring_setup(f, 0, 0);
		m = front_addr(&f->q[0]);
		m.p.addr.used = FRONT_LOW + FRONT_LOW_SIZE - 1 - i;
		ASSERT_EQ(front_do(f, &m), 0);
		m = front_state(VU_SET_VRING_ENABLE, 0, 1);
		ASSERT_EQ(front_do(f, &m), 0);
		refused(self, front_fd(VU_SET_VRING_KICK, 0, f->kick[0]));
	}
}

TEST_F(front, descriptors,
       .title = "V5 descriptors are counted, and those that are too many closed")
{
	struct mock_front *f = &self->f;
	struct front_msg m = bare(VU_GET_FEATURES);

	m.fd[m.nr_fds++] = f->memfd;
	refused(self, m);
	/* None where there must be one, two where there may be one. */
	m = front_mem_slot(VU_ADD_MEM_REG, f, true);
	m.nr_fds = 0;
	refused_later(self, m);
	m = front_fd(VU_SET_VRING_CALL, 0, f->call[0]);
	m.fd[m.nr_fds++] = f->call[1];
	refused_later(self, m);
	/* It says none and sends one, and the other way round. */
	refused_later(self, front_fd(VU_SET_VRING_CALL, VU_VRING_NO_FD, f->call[0]));
	refused_later(self, front_u64(VU_SET_VRING_CALL, 0));
	/* Not one a region. */
	m = front_mem_table(f);
	m.nr_fds = 1;
	refused_later(self, m);
	m.nr_fds = 3;
	m.fd[2] = f->memfd;
	refused_later(self, m);
	/* More than a message can have. */
	for (m.nr_fds = 0; m.nr_fds < 16; m.nr_fds++)
		m.fd[m.nr_fds] = f->memfd;
	refused_later(self, m);
	m.nr_fds = 9;
	refused_later(self, m);
}

TEST_F(front, not_eventfds, .title = "V19 kick, call and err are eventfds or they are refused")
{
	struct mock_front *f = &self->f;

	for (uint32_t request = VU_SET_VRING_KICK; request <= VU_SET_VRING_ERR; request++) {
		refused_later(self, front_fd(request, 0, self->pipe[1]));
		refused_later(self, front_fd(request, 0, f->memfd));
		refused_later(self, front_fd(request, 0, f->sock));
	}
	front_hello(f);
	front_ring_setup(f, 0, 0);
	refused(self, front_u64(VU_SET_VRING_KICK, VU_VRING_NO_FD));
}

TEST_F(front, blocking_call, .title = "V19 an eventfd that is full makes nobody wait",
       .timeout_s = 10)
{
	struct mock_front *f = &self->f;
	const uint64_t full = UINT64_MAX - 1;
	struct front_msg m;
	struct mock_req r;
	int call = eventfd(0, 0); /* without EFD_NONBLOCK */

	front_hello(f);
	front_ring_start(f, 0, 0);
	m = front_fd(VU_SET_VRING_CALL, 0, call);
	ASSERT_EQ(front_do(f, &m), 0);
	mock_eventfd(call);
	ASSERT_EQ(write(call, &full, sizeof(full)), 8);
	r = mock_read(&f->q[0], 7, FRONT_DATA, 512);
	front_kick(f, 0);
	EXPECT_TRUE(front_done(f, 0, &r));
	close(call);
}

TEST_F(front, lying_regions, .title = "V9 a region that is longer than its file, wraps or is empty")
{
	struct mock_front *f = &self->f;
	const struct {
		uint64_t guest, size, user, offset;
	} bad[] = {
		{ GUEST_BIG, 0, FRONT_BIG, 0 },
		{ GUEST_BIG, FRONT_FILE + 1, FRONT_BIG, 0 },
		{ GUEST_BIG, 4096, FRONT_BIG, FRONT_FILE },
		{ GUEST_BIG, 4096, FRONT_BIG, FRONT_FILE - 4080 },
		{ GUEST_BIG, 4096, FRONT_BIG, UINT64_MAX - 4095 },
		{ GUEST_BIG, 4096, FRONT_BIG, INT64_MAX - 15 },
		{ GUEST_BIG, UINT64_MAX, FRONT_BIG, 0 },
		{ UINT64_MAX - 15, 4096, FRONT_BIG, 0 },
		{ GUEST_BIG, 4096, UINT64_MAX - 15, 0 },
		/* Not as aligned in its file as in the guest. */
		{ GUEST_BIG, 4096, FRONT_BIG, 8 },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct front_msg m = front_mem_table(f);

		m.p.mem.region[1] = (struct vu_mem_region){ bad[i].guest, bad[i].size, bad[i].user,
							    bad[i].offset };
		refused_later(self, m);
		m = front_mem_slot(VU_ADD_MEM_REG, f, true);
		m.p.slot.region =
			(struct vu_mem_region){ bad[i].guest + 0x1000000, bad[i].size,
						bad[i].user + (1ULL << 40), bad[i].offset };
		if (bad[i].guest == GUEST_BIG && bad[i].user == FRONT_BIG)
			refused_later(self, m);
	}
}

TEST_F(front, overlaps, .title = "V9 regions that overlap, in the guest or in the front-end")
{
	struct mock_front *f = &self->f;
	struct front_msg m = front_mem_table(f);

	m.p.mem.region[1].guest = FRONT_LOW_SIZE - 4096;
	refused_later(self, m);
	m = front_mem_table(f);
	m.p.mem.region[1].user = FRONT_LOW + FRONT_LOW_SIZE - 4096;
	refused_later(self, m);
	refused_later(self, front_mem_slot(VU_ADD_MEM_REG, f, true));
	m = front_mem_slot(VU_ADD_MEM_REG, f, true);
	m.p.slot.region.guest = 1ULL << 40;
	refused_later(self, m);
	m = front_mem_slot(VU_REM_MEM_REG, f, true);
	m.p.slot.region.size -= 4096;
	refused_later(self, m);
}

TEST_F(front, not_memory, .title = "V9 memory in something that isn't a regular file")
{
	struct mock_front *f = &self->f;
	const int other[] = { self->pipe[0], f->sock, f->kick[0] };

	for (unsigned int i = 0; i < 3; i++) {
		struct front_msg m = front_mem_table(f);

		m.fd[1] = other[i];
		if (other[i] == f->sock)
			m.fd[1] = self->pipe[1];
		refused_later(self, m);
	}
}

TEST_F(front, too_many_regions, .title = "V9 more regions than there are slots")
{
	struct mock_front *f = &self->f;
	struct front_msg m;

	front_hello(f);
	for (unsigned int i = 2; i <= GUEST_MEM_MAX_REGIONS; i++) {
		m = front_mem_slot(VU_ADD_MEM_REG, f, true);
		m.p.slot.region.guest = (uint64_t)i << 32;
		m.p.slot.region.user = FRONT_BIG + ((uint64_t)i << 32);
		if (i < GUEST_MEM_MAX_REGIONS)
			ASSERT_EQ(front_do(f, &m), 0);
	}
	refused(self, m);
	m = front_mem_table(f);
	m.p.mem.nr = 9;
	refused_later(self, m);
	m.p.mem.nr = UINT32_MAX;
	refused_later(self, m);
}

/* Touches memory that is gone: SIGBUS, where the worker would be killed. */
TEST_F(front, file_shrinks, .title = "V12 a file made shorter ends the connection, not the process")
{
	struct mock_front *f = &self->f;

	front_hello(f);
	front_ring_start(f, 0, 0);
	mock_read(&f->q[0], 7, FRONT_DATA, 512);
	ASSERT_EQ(ftruncate(f->memfd, 0), 0);
	front_kick(f, 0);
	blk_step(f->s.blk, 0);
	EXPECT_TRUE(mock_wait_fd(vhost_user_lost_fd(f->s.vu), 0));
	ASSERT_EQ(ftruncate(f->memfd, FRONT_FILE), 0);
	ends(self, front_turn(f));
}

TEST_F(front, half_message, .title = "V6 half a message, then silence: the connection ends in time")
{
	struct mock_front *f = &self->f;
	struct front_msg m = front_mem_table(f);
	const size_t whole = 12 + m.size;

	for (size_t sent = 1; sent < whole; sent += sent == 1 ? 10 : 1) {
		m.cut = whole - sent;
		m.nr_fds = 2;
		front_hello(f);
		front_send(f, &m);
		ASSERT_EQ(front_turn(f), 0);
		EXPECT_EQ(vhost_user_deadline(f->s.vu), f->clock.now + VHOST_USER_MESSAGE_NS);
		EXPECT_EQ(vhost_user_wait_ms(f->s.vu), VHOST_USER_MESSAGE_NS / 1000000 + 1);
		f->clock.now += VHOST_USER_MESSAGE_NS - 1;
		EXPECT_EQ(vhost_user_wait_ms(f->s.vu), 1);
		ASSERT_EQ(front_turn(f), 0);
		f->clock.now++;
		EXPECT_EQ(vhost_user_wait_ms(f->s.vu), 0);
		ends(self, front_turn(f));
	}
}

TEST_F(front, piecemeal, .title = "V6 a message that comes byte by byte is one all the same")
{
	struct mock_front *f = &self->f;
	struct front_msg m = front_u64(VU_SET_PROTOCOL_FEATURES, FRONT_PROTOCOL);
	char bytes[20];

	memcpy(bytes, &m.request, 12);
	memcpy(bytes + 12, &m.p, 8);
	for (unsigned int i = 0; i < sizeof(bytes); i++) {
		ASSERT_EQ(send(f->sock, &bytes[i], 1, 0), 1);
		ASSERT_EQ(front_turn(f), 0);
		EXPECT_EQ(vhost_user_deadline(f->s.vu) != 0, i + 1 < sizeof(bytes));
		EXPECT_EQ(vhost_user_wait_ms(f->s.vu) >= 0, i + 1 < sizeof(bytes));
	}
	m = bare(VU_SET_OWNER);
	ASSERT_EQ(front_do(f, &m), 0);
	EXPECT_EQ(front_ask_u64(f, VU_GET_MAX_MEM_SLOTS), GUEST_MEM_MAX_REGIONS);
}

TEST_F(front, gone_in_the_middle, .title = "V6 a front-end that goes in the middle of a message")
{
	struct mock_front *f = &self->f;
	struct front_msg m = front_mem_table(f);

	m.cut = 40;
	front_hello(f);
	front_send(f, &m);
	ASSERT_EQ(front_turn(f), 0);
	shutdown(f->sock, SHUT_WR);
	ends(self, front_turn(f));
}

TEST_F(front, no_reader, .title = "V8 a front-end that doesn't take its replies ends")
{
	struct mock_front *f = &self->f;
	struct front_msg m = bare(VU_GET_FEATURES);
	int ret = 0, size = 4096;

	setsockopt(f->sock, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (unsigned int i = 0; i < 100000 && !ret; i++)
		ret = front_do(f, &m);
	ends(self, ret);
}

TEST_F(front, failure_is_told,
       .title = "V2 need_reply of a message that fails is answered, not with 0")
{
	struct mock_front *f = &self->f;
	struct front_msg m = front_state(VU_SET_VRING_NUM, 0, 3);
	union vu_payload p;
	int ret;

	front_hello(f);
	m.flags |= VU_NEED_REPLY;
	ret = front_do(f, &m);
	front_reply(f, VU_SET_VRING_NUM, &p, NULL);
	EXPECT_NE(p.u64, 0);
	ends(self, ret);
}

TEST_F(front, config, .title = "V3 config space beyond what there is")
{
	struct front_msg m = { .request = VU_GET_CONFIG,
			       .flags = VU_VERSION,
			       .size = VU_CONFIG_HEADER,
			       .p.config = { .size = 257 } };

	refused_later(self, m);
	m.p.config.size = UINT32_MAX;
	refused_later(self, m);
	m.p.config.size = 16;
	m.p.config.offset = UINT32_MAX - 8;
	refused_later(self, m);
	m.request = VU_SET_CONFIG;
	m.p.config.offset = 0;
	refused_later(self, m);
	m.size = VU_CONFIG_HEADER + 17;
	refused_later(self, m);
}

TEST_F(front, inflight, .title = "V26 an inflight buffer that doesn't hold what it should")
{
	struct mock_front *f = &self->f;
	struct front_msg m = { .request = VU_GET_INFLIGHT_FD,
			       .flags = VU_VERSION,
			       .size = sizeof(struct vu_inflight),
			       .p.inflight = { .num_queues = FRONT_QUEUES + 1,
					       .queue_size = 128 } };
	int small = memfd_create("front-small", 0);

	self->fds++;
	ASSERT_EQ(ftruncate(small, 4096), 0);
	refused_later(self, m);
	m.p.inflight.num_queues = 0;
	refused_later(self, m);
	m.p.inflight.num_queues = 1;
	m.p.inflight.queue_size = 257;
	refused_later(self, m);
	m.p.inflight.queue_size = 0;
	refused_later(self, m);
	m.request = VU_SET_INFLIGHT_FD;
	m.p.inflight = (struct vu_inflight){ 8192, 0, FRONT_QUEUES, 128 };
	m.fd[m.nr_fds++] = small;
	refused_later(self, m);
	m.p.inflight.mmap_size = 4096;
	refused_later(self, m);
	m.p.inflight = (struct vu_inflight){ UINT64_MAX, 4096, FRONT_QUEUES, 128 };
	refused_later(self, m);
	m.p.inflight = (struct vu_inflight){ 4096, 4, 1, 128 };
	refused_later(self, m);
	m.nr_fds = 0;
	refused_later(self, m);
	/* Of another ring size. */
	front_hello(f);
	m.nr_fds = 1;
	m.p.inflight = (struct vu_inflight){ 4096, 0, 1, 64 };
	ASSERT_EQ(front_do(f, &m), 0);
	front_ring_setup(f, 0, 0);
	m = front_state(VU_SET_VRING_ENABLE, 0, 1);
	ASSERT_EQ(front_do(f, &m), 0);
	refused(self, front_fd(VU_SET_VRING_KICK, 0, f->kick[0]));
	close(small);
}

/* Random bytes, and random messages that are right in part. */
TEST_F(front, noise, .title = "V4 noise never does more than end a connection")
{
	struct mock_front *f = &self->f;
	uint64_t seed = 1;

	for (unsigned int round = 0; round < 2000; round++) {
		struct front_msg m = { .flags = VU_VERSION };
		unsigned int nr;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		m.request = (uint32_t)(seed >> 33) % 42;
		m.size = (uint32_t)(seed >> 40) % 3 ? 8 : (uint32_t)(seed >> 20) % 300;
		nr = (unsigned int)(seed >> 50) % 3;
		for (m.nr_fds = 0; m.nr_fds < nr; m.nr_fds++)
			m.fd[m.nr_fds] = m.nr_fds ? f->memfd : f->call[0];
		for (unsigned int i = 0; i < sizeof(m.p) / 8; i++)
			((uint64_t *)(void *)&m.p)[i] =
				seed >> i % 60 & (round & 1 ? 1 : UINT64_MAX);
		if (round % 8 == 0)
			front_hello(f);
		front_send(f, &m);
		if (vhost_user_turn(f->s.vu) || round % 8 == 7) {
			ASSERT_EQ(vhost_user_detach(f->s.vu), 0);
			front_connect(f);
			round |= 7;
		}
	}
	EXPECT_EQ(count_maps("front-memory"), 1);
	EXPECT_EQ(count_fds(), self->fds + 2);
	EXPECT_TRUE(serves(f));
}

TEST_HARNESS_MAIN
