// SPDX-License-Identifier: GPL-2.0-only
/* A disk behind vhost-user, with a front-end that keeps the rules. */
#include "ss_harness.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mock_front.h"
#include "mock_guest.h"

FIXTURE(front)
{
	struct mock_front f;
};

FIXTURE_SETUP(front)
{
	self->f = (struct mock_front){ .sock = -1 };
	front_init(&self->f);
	front_connect(&self->f);
}

FIXTURE_TEARDOWN(front)
{
	front_free(&self->f);
}

static void start(struct mock_front *f)
{
	front_hello(f);
	for (unsigned int q = 0; q < FRONT_QUEUES; q++) {
		front_ring_start(f, q, 0);
		blk_step(f->s.blk, q);
		front_calls(f, q);
	}
}

static bool reads(struct mock_front *f, unsigned int q, uint64_t sector)
{
	struct mock_req r = mock_read(&f->q[q], sector, FRONT_DATA, 512);
	const uint8_t *data = mock_ptr(&f->g, FRONT_DATA, 512);

	memset(mock_ptr(&f->g, FRONT_DATA, 512), 0, 512);
	front_kick(f, q);
	return front_done(f, q, &r) && data[1] == mock_byte(sector * 512 + 1);
}

TEST_F(front, features, .title = "V1 the device's features and bit 30 are offered, and MQ's number")
{
	struct mock_front *f = &self->f;
	const uint64_t offered = front_ask_u64(f, VU_GET_FEATURES);

	EXPECT_TRUE(offered & VU_F_PROTOCOL_FEATURES);
	EXPECT_TRUE(offered & FEAT(VIRTIO_F_VERSION_1));
	EXPECT_TRUE(offered & FEAT(VIRTIO_BLK_F_MQ));
	EXPECT_EQ(front_ask_u64(f, VU_GET_PROTOCOL_FEATURES), FRONT_PROTOCOL);
	EXPECT_EQ(front_ask_u64(f, VU_GET_QUEUE_NUM), FRONT_QUEUES);
}

TEST_F(front, io, .title = "V13 V15 a ring that has size, place, kick and enable is served")
{
	struct mock_front *f = &self->f;

	start(f);
	EXPECT_TRUE(reads(f, 0, 7));
	EXPECT_EQ(front_calls(f, 0), 1);
	EXPECT_EQ(front_calls(f, 1), 0);
	EXPECT_TRUE(reads(f, 1, 9));
	EXPECT_EQ(front_calls(f, 0), 0);
	EXPECT_EQ(front_calls(f, 1), 1);
}

TEST_F(front, no_protocol_features, .title = "V14 without bit 30 a ring needs no enable")
{
	struct mock_front *f = &self->f;
	struct front_msg m = front_u64(VU_SET_FEATURES, FRONT_FEATURES & ~VU_F_PROTOCOL_FEATURES);

	front_hello(f);
	ASSERT_EQ(front_do(f, &m), 0);
	front_ring_setup(f, 0, 0);
	m = front_fd(VU_SET_VRING_KICK, 0, f->kick[0]);
	ASSERT_EQ(front_do(f, &m), 0);
	EXPECT_TRUE(reads(f, 0, 1));
}

TEST_F(front, enable, .title = "V14 a disabled ring waits, and goes on where it was when enabled")
{
	struct mock_front *f = &self->f;
	struct front_msg m = front_state(VU_SET_VRING_ENABLE, 0, 0);
	struct mock_req r;

	start(f);
	EXPECT_TRUE(reads(f, 0, 7));
	ASSERT_EQ(front_do(f, &m), 0);
	r = mock_read(&f->q[0], 1, FRONT_DATA, 512);
	front_kick(f, 0);
	EXPECT_EQ(mock_used_idx(&f->q[0]), 1);
	/* A change of memory doesn't start it. */
	m = front_mem_table(f);
	ASSERT_EQ(front_do(f, &m), 0);
	front_kick(f, 0);
	EXPECT_EQ(mock_used_idx(&f->q[0]), 1);
	m = front_state(VU_SET_VRING_ENABLE, 0, 1);
	ASSERT_EQ(front_do(f, &m), 0);
	blk_step(f->s.blk, 0);
	EXPECT_TRUE(front_done(f, 0, &r));
}

TEST_F(front, not_enabled, .title = "V14 a ring that has a kick isn't served before it's enabled")
{
	struct mock_front *f = &self->f;
	struct front_msg m = front_fd(VU_SET_VRING_KICK, 0, f->kick[0]);
	struct mock_req r = mock_read(&f->q[0], 1, FRONT_DATA, 512);

	front_hello(f);
	front_ring_setup(f, 0, 0);
	ASSERT_EQ(front_do(f, &m), 0);
	front_kick(f, 0);
	EXPECT_EQ(mock_used_idx(&f->q[0]), 0);
	m = front_state(VU_SET_VRING_ENABLE, 0, 1);
	ASSERT_EQ(front_do(f, &m), 0);
	blk_step(f->s.blk, 0);
	EXPECT_TRUE(front_done(f, 0, &r));
}

TEST_F(front, already_there, .title = "V15 what is in the ring when it starts needs no kick")
{
	struct mock_front *f = &self->f;
	struct mock_req r = mock_read(&f->q[0], 3, FRONT_DATA, 512);

	front_hello(f);
	front_ring_start(f, 0, 0);
	/* Whatever was lost with a server before, the driver hears of it. */
	EXPECT_GT(front_calls(f, 0), 0);
	blk_step(f->s.blk, 0);
	EXPECT_TRUE(front_done(f, 0, &r));
}

TEST_F(front, base, .title = "V16 GET_VRING_BASE stops a ring, SET_VRING_BASE has it go on there")
{
	struct mock_front *f = &self->f;

	start(f);
	for (unsigned int i = 0; i < 3; i++)
		EXPECT_TRUE(reads(f, 0, i));
	EXPECT_EQ(front_ring_stop(f, 0), 3);
	mock_read(&f->q[0], 1, FRONT_DATA, 512);
	front_kick(f, 0);
	EXPECT_EQ(mock_used_idx(&f->q[0]), 3);
	/* The other one isn't concerned. */
	EXPECT_TRUE(reads(f, 1, 5));
	front_ring_start(f, 0, 3);
	blk_step(f->s.blk, 0);
	EXPECT_EQ(mock_used_idx(&f->q[0]), 4);
	EXPECT_EQ(front_ring_stop(f, 0), 4);
	EXPECT_EQ(front_ring_stop(f, 0), 4);
}

TEST_F(front, stop_waits, .title = "V16 requests in flight are answered before the base is told")
{
	struct mock_front *f;
	struct mock_req r;
	struct front_msg m = front_state(VU_GET_VRING_BASE, 0, 0);
	union vu_payload p;

	front_free(&self->f);
	mock_backing_async = true;
	f = &self->f;
	front_init(f);
	front_connect(f);
	start(f);
	mock_hold(&f->backing, true);
	r = mock_read(&f->q[0], 7, FRONT_DATA, 512);
	front_kick(f, 0);
	EXPECT_EQ(mock_used_idx(&f->q[0]), 0);
	mock_hold(&f->backing, false);
	ASSERT_EQ(front_do(f, &m), 0);
	EXPECT_TRUE(front_done(f, 0, &r));
	EXPECT_EQ(front_calls(f, 0), 1);
	front_reply(f, VU_GET_VRING_BASE, &p, NULL);
	EXPECT_EQ(p.state.num, 1);
	mock_backing_async = false;
}

TEST_F(front, stop_publishes_held,
       .title = "V16 what a profile keeps back is answered before the base is told, and none again")
{
	static const char text[] = "delay add=1s\n";
	struct mock_front *f = &self->f;
	struct mock_req r[2];
	struct profile *delay;
	char err[128];

	front_free(f);
	ASSERT_EQ(profile_parse(text, strlen(text), "t", &delay, err, sizeof(err)), 0);
	f->profile = delay;
	front_init(f);
	front_connect(f);
	start(f);
	blk_profile_start(f->s.blk);
	for (unsigned int i = 0; i < 2; i++)
		r[i] = mock_read(&f->q[0], 7, FRONT_DATA + i * 512, 512);
	front_kick(f, 0);
	EXPECT_EQ(mock_used_idx(&f->q[0]), 0);
	EXPECT_EQ(front_ring_stop(f, 0), 2);
	EXPECT_TRUE(front_done(f, 0, &r[0]));
	EXPECT_TRUE(front_done(f, 0, &r[1]));
	EXPECT_EQ(front_calls(f, 0), 1);
	f->clock.now += 2 * IO_NSEC_PER_SEC;
	front_ring_start(f, 0, 2);
	blk_step(f->s.blk, 0);
	EXPECT_EQ(mock_used_idx(&f->q[0]), 2);
	front_free(f);
	profile_free(delay);
	f->profile = NULL;
	front_init(f);
	front_connect(f);
}

TEST_F(front, call_swap, .title = "V17 another eventfd takes the place of call while the ring runs")
{
	struct mock_front *f = &self->f;
	int other = eventfd(0, EFD_NONBLOCK);
	struct front_msg m = front_fd(VU_SET_VRING_CALL, 0, other);

	start(f);
	ASSERT_EQ(front_do(f, &m), 0);
	EXPECT_EQ(mock_eventfd(other), 1);
	EXPECT_TRUE(reads(f, 0, 1));
	EXPECT_EQ(mock_eventfd(other), 1);
	EXPECT_EQ(front_calls(f, 0), 0);
	/* None: the driver polls. */
	m = front_u64(VU_SET_VRING_CALL, VU_VRING_NO_FD);
	ASSERT_EQ(front_do(f, &m), 0);
	EXPECT_TRUE(reads(f, 0, 2));
	EXPECT_EQ(mock_eventfd(other), 0);
	close(other);
}

TEST_F(front, broken,
       .title = "V18 a broken ring signals err, and serves again after a stop and start")
{
	struct mock_front *f = &self->f;
	struct front_msg m = front_u64(VU_SET_FEATURES, FRONT_FEATURES);

	start(f);
	mock_set_avail_idx(&f->q[0], 1000);
	front_kick(f, 0);
	EXPECT_EQ(mock_eventfd(f->err[0]), 1);
	EXPECT_EQ(mock_used_idx(&f->q[0]), 0);
	front_ring_stop(f, 0);
	front_ring_stop(f, 1);
	ASSERT_EQ(front_do(f, &m), 0);
	mock_queue_init(&f->q[0], &f->g, 0, 128);
	front_ring_start(f, 0, 0);
	EXPECT_TRUE(reads(f, 0, 7));
}

TEST_F(front, config, .title = "V3 config space is read, and the writable byte written")
{
	struct mock_front *f = &self->f;
	struct front_msg m = { .request = VU_GET_CONFIG,
			       .flags = VU_VERSION,
			       .size = VU_CONFIG_HEADER + 96,
			       .p.config = { .size = 96 } };
	struct virtio_blk_config *c;
	struct mock_req r;
	union vu_payload p;

	start(f);
	ASSERT_EQ(front_do(f, &m), 0);
	EXPECT_EQ(front_reply(f, VU_GET_CONFIG, &p, NULL), VU_CONFIG_HEADER + 96);
	c = (struct virtio_blk_config *)p.config.data;
	EXPECT_EQ(c->capacity, MOCK_DISK_SIZE / 512);
	EXPECT_EQ(c->num_queues, FRONT_QUEUES);
	EXPECT_EQ(c->wce, 1);
	EXPECT_EQ(p.config.data[95], 0);
	m = (struct front_msg){ .request = VU_SET_CONFIG,
				.flags = VU_VERSION,
				.size = VU_CONFIG_HEADER + 1,
				.p.config = { .offset = offsetof(struct virtio_blk_config, wce),
					      .size = 1 } };
	ASSERT_EQ(front_do(f, &m), 0);
	r = mock_write(&f->q[0], 1, FRONT_DATA, 512);
	front_kick(f, 0);
	EXPECT_TRUE(front_done(f, 0, &r));
	EXPECT_EQ(f->backing.calls[MOCK_FLUSH], 1);
	/* The capacity can't be written. */
	m.p.config.offset = 0;
	ASSERT_EQ(front_do(f, &m), 0);
	EXPECT_TRUE(reads(f, 0, 100));
	/* The same features again leave the cache as the driver has set it. */
	m = front_u64(VU_SET_FEATURES, FRONT_FEATURES);
	ASSERT_EQ(front_do(f, &m), 0);
	mock_write(&f->q[0], 1, FRONT_DATA, 512);
	front_kick(f, 0);
	EXPECT_EQ(f->backing.calls[MOCK_FLUSH], 2);
}

TEST_F(front, reply_ack, .title = "V2 need_reply is answered with 0, and only if it was negotiated")
{
	struct mock_front *f = &self->f;
	struct front_msg m = front_u64(VU_SET_FEATURES, FRONT_FEATURES);
	union vu_payload p;

	front_hello(f);
	EXPECT_TRUE(front_silent(f));
	m.flags |= VU_NEED_REPLY;
	ASSERT_EQ(front_do(f, &m), 0);
	EXPECT_EQ(front_reply(f, VU_SET_FEATURES, &p, NULL), 8);
	EXPECT_EQ(p.u64, 0);
	/* What has a reply of its own gets no second one. */
	m = (struct front_msg){ .request = VU_GET_FEATURES, .flags = VU_VERSION | VU_NEED_REPLY };
	ASSERT_EQ(front_do(f, &m), 0);
	front_reply(f, VU_GET_FEATURES, &p, NULL);
	EXPECT_TRUE(front_silent(f));
	m = front_u64(VU_SET_PROTOCOL_FEATURES, FRONT_PROTOCOL & ~VU_PROTOCOL_REPLY_ACK);
	ASSERT_EQ(front_do(f, &m), 0);
	m = front_u64(VU_SET_FEATURES, FRONT_FEATURES);
	m.flags |= VU_NEED_REPLY;
	ASSERT_EQ(front_do(f, &m), 0);
	EXPECT_TRUE(front_silent(f));
}

TEST_F(front, mem_slots,
       .title = "V11 regions are added and removed one by one, also while rings run")
{
	struct mock_front *f = &self->f;
	struct front_msg m = front_mem_slot(VU_REM_MEM_REG, f, true);
	struct mock_req r;

	start(f);
	EXPECT_EQ(front_ask_u64(f, VU_GET_MAX_MEM_SLOTS), GUEST_MEM_MAX_REGIONS);
	EXPECT_TRUE(reads(f, 0, 1));
	ASSERT_EQ(front_do(f, &m), 0);
	r = mock_read(&f->q[0], 1, FRONT_DATA, 512);
	front_kick(f, 0);
	EXPECT_FALSE(front_done(f, 0, &r));
	EXPECT_EQ(mock_status(&f->q[0], &r), VIRTIO_BLK_S_IOERR);
	m = front_mem_slot(VU_ADD_MEM_REG, f, true);
	ASSERT_EQ(front_do(f, &m), 0);
	EXPECT_TRUE(reads(f, 0, 2));
	/* Without the rings' own memory they wait for it. Some send a descriptor: it's closed. */
	m = front_mem_slot(VU_REM_MEM_REG, f, false);
	m.nr_fds = 1;
	ASSERT_EQ(front_do(f, &m), 0);
	r = mock_read(&f->q[0], 4, FRONT_DATA, 512);
	front_kick(f, 0);
	EXPECT_EQ(mock_status(&f->q[0], &r), STATUS_UNTOUCHED);
	m = front_mem_slot(VU_ADD_MEM_REG, f, false);
	ASSERT_EQ(front_do(f, &m), 0);
	blk_step(f->s.blk, 0);
	EXPECT_TRUE(front_done(f, 0, &r));
}

TEST_F(front, mem_table, .title = "V10 a new table replaces the old one, and running rings go on")
{
	struct mock_front *f = &self->f;
	struct front_msg m = front_mem_table(f);

	start(f);
	EXPECT_TRUE(reads(f, 0, 1));
	ASSERT_EQ(front_do(f, &m), 0);
	EXPECT_TRUE(reads(f, 0, 2));
	EXPECT_TRUE(reads(f, 1, 3));
	EXPECT_EQ(count_maps("front-memory"), 3); /* two of the server's, one of the test's */
}

TEST_F(front, reset,
       .title = "V21 RESET_DEVICE stops the rings and forgets them, but not the memory")
{
	struct mock_front *f = &self->f;
	struct front_msg m = { .request = VU_RESET_DEVICE, .flags = VU_VERSION };

	start(f);
	EXPECT_TRUE(reads(f, 0, 1));
	ASSERT_EQ(front_do(f, &m), 0);
	mock_read(&f->q[0], 1, FRONT_DATA, 512);
	front_kick(f, 0);
	EXPECT_EQ(mock_used_idx(&f->q[0]), 1);
	mock_queue_init(&f->q[0], &f->g, 0, 128);
	m = front_u64(VU_SET_FEATURES, FRONT_FEATURES);
	ASSERT_EQ(front_do(f, &m), 0);
	front_ring_start(f, 0, 0);
	EXPECT_TRUE(reads(f, 0, 5));
}

TEST_F(front, reset_owner, .title = "V21 RESET_OWNER changes nothing")
{
	struct mock_front *f = &self->f;
	struct front_msg m = { .request = VU_RESET_OWNER, .flags = VU_VERSION };

	start(f);
	ASSERT_EQ(front_do(f, &m), 0);
	EXPECT_TRUE(reads(f, 0, 1));
}

TEST_F(front, reconnect,
       .title = "V22 the next front-end finds a fresh device; nothing is left of the last")
{
	struct mock_front *f = &self->f;
	unsigned int fds;
	int pair[2];

	fds = count_fds();
	start(f);
	EXPECT_TRUE(reads(f, 0, 1));
	/* A second one at once isn't taken. */
	ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	EXPECT_EQ(vhost_user_attach(f->s.vu, pair[1]), -EBUSY);
	close(pair[0]);
	close(pair[1]);
	shutdown(f->sock, SHUT_RDWR);
	EXPECT_EQ(front_turn(f), -ECONNRESET);
	EXPECT_EQ(vhost_user_detach(f->s.vu), 0);
	EXPECT_FALSE(vhost_user_attached(f->s.vu));
	EXPECT_EQ(count_maps("front-memory"), 1);
	EXPECT_EQ(count_fds(), fds - 1);
	mock_read(&f->q[0], 1, FRONT_DATA, 512);
	front_kick(f, 0);
	EXPECT_EQ(mock_used_idx(&f->q[0]), 1);

	front_connect(f);
	for (unsigned int q = 0; q < FRONT_QUEUES; q++)
		mock_queue_init(&f->q[q], &f->g, q, 128);
	start(f);
	EXPECT_TRUE(reads(f, 0, 1));
	EXPECT_TRUE(reads(f, 1, 1));
}

TEST_HARNESS_MAIN
