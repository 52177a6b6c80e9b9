// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which probes the network device fires, and in which order. The device's own
 * sources are built into this test with probes that write to a list.
 */
#include "ss_harness.h"

#include "mock_probes.h"

#include "virtio/vdev.c"
#include "virtio/vdev_queue.c"
#include "virtio/net.c"
#include "virtio/net_queue.c"

#include "mock_net.h"

FIXTURE(probe)
{
	struct mock_net n;
};

FIXTURE_SETUP(probe)
{
	const struct mock_net_opts opts = { .limits = { .ops = { 2, 0 } } };

	ASSERT_EQ(mock_net_init(&self->n, &opts), 0);
	mock_net_start(&self->n, NET_FEATURES, 256);
	fired[0] = '\0';
}

FIXTURE_TEARDOWN(probe)
{
	EXPECT_EQ(mock_net_free(&self->n), 0);
}

/* Device 18 is net2: SS_DEV_NET_BASE + 2. */
TEST_F(probe, frames,
       .title = "frames' probes, from kick to interrupt, name the device and its TX queue")
{
	mock_net_send(&self->n, 60);
	mock_net_send(&self->n, 2000);
	mock_net_kick(&self->n);
	EXPECT_FIRED("kick 18/1\n"
		     "drain_begin 18/1\n"
		     "interrupt 18/1\n"
		     "drain_end 18/1 chains=2 published=2 stalled=0\n");
	mock_net_give(&self->n);
	mock_net_send(&self->n, 60);
	mock_net_kick(&self->n);
	EXPECT_FIRED("kick 18/1\n"
		     "drain_begin 18/1\n"
		     "interrupt 18/0\n"
		     "drain_end 18/1 chains=1 published=1 stalled=0\n");
}

TEST_F(probe, long_drain,
       .title = "N8 a drain ends after a ring of chains, signals, and asks to go on at once")
{
	ASSERT_EQ(net_set_limits(self->n.net, &(struct throttle_limits){ 0 }), 0);
	mock_net_start(&self->n, NET_FEATURES, 4);
	for (int i = 0; i < 4; i++)
		mock_net_send(&self->n, 60);
	fired[0] = '\0';
	net_drain_queue(self->n.net);
	EXPECT_FIRED("kick 18/1\n"
		     "drain_begin 18/1\n"
		     "interrupt 18/1\n"
		     "drain_end 18/1 chains=4 published=4 stalled=0\n");
	/* It has asked to be called again, and needs no kick for that. */
	EXPECT_EQ(mock_used_flags(&self->n.tx), VRING_USED_F_NO_NOTIFY);
	self->n.tx.used_idx = mock_used_idx(&self->n.tx);
	mock_net_send(&self->n, 60);
	reg_write(self->n.m, VIRTIO_MMIO_QUEUE_NOTIFY, NET_TX);
	net_step(self->n.net);
	EXPECT_FIRED("kick 18/1\n"
		     "drain_begin 18/1\n"
		     "interrupt 18/1\n"
		     "drain_end 18/1 chains=1 published=1 stalled=0\n");
	EXPECT_EQ(mock_used_flags(&self->n.tx), 0);
}

TEST_F(probe, stall,
       .title = "N5 D41 each throttled_count has its stall_begin, on TX; each ends once")
{
	for (int i = 0; i < 3; i++)
		mock_net_send(&self->n, 60);
	mock_net_kick(&self->n);
	EXPECT_FIRED("kick 18/1\n"
		     "drain_begin 18/1\n"
		     "stall_begin 18/1 head=2 bucket=1 deficit=1 predicted=500000000\n"
		     "interrupt 18/1\n"
		     "drain_end 18/1 chains=2 published=2 stalled=1\n");
	mock_net_kick(&self->n);
	EXPECT_FIRED("kick 18/1\n");
	self->n.clock.now += IO_NSEC_PER_SEC / 2;
	net_step(self->n.net);
	EXPECT_FIRED("drain_begin 18/1\n"
		     "stall_end 18/1 head=2 granted=1 predicted=500000000 profile=0\n"
		     "interrupt 18/1\n"
		     "drain_end 18/1 chains=1 published=1 stalled=0\n");
}

TEST_F(probe, stall_and_reset,
       .title = "D43 a reset ends the stall with 2, then says it was a reset")
{
	for (int i = 0; i < 3; i++)
		mock_net_send(&self->n, 60);
	mock_net_kick(&self->n);
	fired[0] = '\0';
	reg_write(self->n.m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_FIRED("stall_end 18/1 head=2 granted=2 predicted=500000000 profile=0\n"
		     "dev_event 18/0 event=2 arg=0\n");
	reg_write(self->n.m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_FIRED("");
}

TEST_F(probe, poison, .title = "N7 N8 each poisoned queue says so; one interrupt tells of both")
{
	mock_set_avail_idx(&self->n.rx, 1000);
	mock_net_send(&self->n, 60);
	mock_avail(&self->n.tx, 999);
	mock_net_kick(&self->n);
	EXPECT_FIRED("kick 18/1\n"
		     "drain_begin 18/1\n"
		     "dev_event 18/0 event=1 arg=1\n"
		     "dev_event 18/1 event=1 arg=2\n"
		     "interrupt 18/1\n"
		     "interrupt 18/1\n"
		     "drain_end 18/1 chains=1 published=1 stalled=0\n");
	mock_net_kick(&self->n);
	EXPECT_FIRED("kick 18/1\n");
}

TEST_F(probe, pause, .title = "D90 pause and resume are told")
{
	EXPECT_EQ(net_pause(self->n.net, 0), 0);
	net_resume(self->n.net);
	EXPECT_FIRED("dev_event 18/0 event=3 arg=0\n"
		     "dev_event 18/0 event=4 arg=0\n");
}

TEST_HARNESS_MAIN
