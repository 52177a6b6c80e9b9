// SPDX-License-Identifier: GPL-2.0-only
/* A network device as `stallscope stat` and `dump` show it. */
#include <jansson.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "live/live_figures.h"
#include "mock_net.h"
#include "ss_harness.h"

FIXTURE(dump)
{
	struct mock_net n;
	json_t *o;
};

FIXTURE_SETUP(dump)
{
	const struct mock_net_opts opts = { .limits = { .ops = { 1, 0 } } };

	self->o = NULL;
	ASSERT_EQ(mock_net_init(&self->n, &opts), 0);
}

FIXTURE_TEARDOWN(dump)
{
	json_decref(self->o);
	EXPECT_EQ(mock_net_free(&self->n), 0);
}

static json_t *as_json(struct ss_fx_dump *self, bool whole)
{
	const bool paused = whole && !net_pause(self->n.net, 1000000000ULL);
	struct live_net_view v = { .name = "net2", .whole = whole };

	net_dump(self->n.net, paused, &v.d);
	if (paused)
		net_resume(self->n.net);
	json_decref(self->o);
	live_view_net(&v);
	self->o = figures_write(&live_net_figures, &v);
	ASSERT_NOT_NULL(self->o);
	return self->o;
}

TEST_F(dump, figures, .title = "stat: address, limits, counters, losses, who is stalled since when")
{
	json_int_t mtu, pps, sent, lost, invalid, throttled, head_for;
	const char *mac, *queue;
	json_t *o;

	mock_net_start(&self->n, NET_FEATURES, 16);
	mock_net_send(&self->n, 100);
	mock_net_send(&self->n, 100);
	mock_net_kick(&self->n);
	self->n.clock.now += 70;
	o = as_json(self, false);
	ASSERT_EQ(json_unpack(o, "{s:s,s:I,s:I,s:{s:{s:I}},s:{s:I,s:I},s:{s:I}}", "mac", &mac,
			      "mtu", &mtu, "lost", &lost, "throttle", "limits", "pps", &pps,
			      "counters", "tx_packets", &sent, "invalid_avail_idx_count", &invalid,
			      "pressure", "throttled_count", &throttled),
		  0);
	EXPECT_STREQ(mac, "52:54:00:53:53:02");
	EXPECT_EQ(mtu, 1500);
	EXPECT_EQ(pps, 1);
	EXPECT_EQ(sent, 1);
	/* There was no buffer for it. */
	EXPECT_EQ(lost, 1);
	EXPECT_EQ(invalid, 0);
	EXPECT_EQ(throttled, 1);
	EXPECT_NULL(json_object_get(o, "features"));
	o = json_array_get(json_object_get(o, "queues"), NET_TX);
	ASSERT_EQ(json_unpack(o, "{s:s,s:{s:I}}", "name", &queue, "stalled", "for_ns", &head_for),
		  0);
	EXPECT_STREQ(queue, "tx");
	EXPECT_EQ(head_for, 70);
}

TEST_F(dump, whole, .title = "dump: a network device's own features, registers and both rings")
{
	json_t *o, *features, *rx;
	json_int_t avail;

	mock_net_start(&self->n, NET_FEATURES | FEAT(VIRTIO_NET_F_MTU) | FEAT(VIRTIO_NET_F_MAC),
		       16);
	mock_net_give(&self->n);
	mock_net_give(&self->n);
	o = as_json(self, true);
	EXPECT_TRUE(json_is_true(json_object_get(o, "consistent")));
	features = json_object_get(o, "features");
	ASSERT_EQ(json_array_size(features), 3);
	EXPECT_STREQ(json_string_value(json_array_get(features, 0)), "MTU");
	EXPECT_STREQ(json_string_value(json_array_get(features, 1)), "MAC");
	EXPECT_STREQ(json_string_value(json_array_get(features, 2)), "VERSION_1");
	rx = json_array_get(json_object_get(o, "queues"), NET_RX);
	EXPECT_STREQ(json_string_value(json_object_get(rx, "name")), "rx");
	ASSERT_EQ(json_unpack(rx, "{s:{s:I}}", "ring", "avail_idx", &avail), 0);
	EXPECT_EQ(avail, 2);
}

TEST_HARNESS_MAIN
