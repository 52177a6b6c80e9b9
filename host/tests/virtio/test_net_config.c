// SPDX-License-Identifier: GPL-2.0-only
/* What a network device says of itself, and what it takes from a driver: N1, N2. */
#include "ss_harness.h"

#include <errno.h>
#include <string.h>

#include "mock_net.h"

#define OFFERED                                                                                    \
	(FEAT(VIRTIO_F_VERSION_1) | FEAT(VIRTIO_NET_F_MAC) | FEAT(VIRTIO_NET_F_MTU) |              \
	 FEAT(VIRTIO_NET_F_STATUS) | FEAT(VIRTIO_RING_F_EVENT_IDX) |                               \
	 FEAT(VIRTIO_RING_F_INDIRECT_DESC))
#define RUNNING 0xf

FIXTURE(config)
{
	struct mock_net n;
};

FIXTURE_SETUP(config)
{
	const struct mock_net_opts opts = { 0 };

	ASSERT_EQ(mock_net_init(&self->n, &opts), 0);
}

FIXTURE_TEARDOWN(config)
{
	EXPECT_EQ(mock_net_free(&self->n), 0);
}

static uint64_t config(struct virtio_mmio *m, uint32_t off, uint32_t len)
{
	uint64_t value = 0;

	virtio_mmio_read(m, VIRTIO_MMIO_CONFIG + off, &value, len);
	return value;
}

/* --- N1 --- */

TEST_F(config, identity, .title = "N1 device id 1, and the features offered: these and no others")
{
	struct mock_net *n = &self->n;

	EXPECT_EQ(reg_read(n->m, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	EXPECT_EQ(reg_read(n->m, VIRTIO_MMIO_VERSION), 2);
	EXPECT_EQ(reg_read(n->m, VIRTIO_MMIO_DEVICE_ID), 1);
	EXPECT_EQ(mock_offered(n->m), OFFERED);
}

TEST_F(config, queues, .title = "N1 queues RX 0 and TX 1 of up to 256, and no more")
{
	struct mock_net *n = &self->n;

	EXPECT_EQ(virtio_mmio_queue_count(n->m), 2);
	for (uint32_t q = 0; q < 4; q++) {
		reg_write(n->m, VIRTIO_MMIO_QUEUE_SEL, q);
		EXPECT_EQ(reg_read(n->m, VIRTIO_MMIO_QUEUE_NUM_MAX), q < 2 ? 256 : 0);
	}
}

TEST_F(config, space, .title = "N1 config space: MAC, link up, MTU; 0 behind and between")
{
	struct mock_net *n = &self->n;

	for (uint32_t i = 0; i < 6; i++)
		EXPECT_EQ(config(n->m, i, 1), net_mac(n->net)[i]);
	EXPECT_EQ(config(n->m, 6, 2), VIRTIO_NET_S_LINK_UP);
	EXPECT_EQ(config(n->m, 8, 2), 0);
	EXPECT_EQ(config(n->m, 10, 2), 1500);
	for (uint32_t off = 12; off < 0x1000 - VIRTIO_MMIO_CONFIG; off++)
		ASSERT_EQ(config(n->m, off, 1), 0);
	/* A read that begins inside and ends outside. */
	EXPECT_EQ(config(n->m, 8, 8), 1500ULL << 16);
}

TEST_F(config, writes, .title = "N1 config writes are ignored")
{
	struct mock_net *n = &self->n;
	const uint64_t junk = UINT64_MAX;

	mock_net_start(n, OFFERED, 256);
	for (uint32_t off = 0; off < 16; off++)
		for (uint32_t len = 1; len <= 8; len *= 2)
			virtio_mmio_write(n->m, VIRTIO_MMIO_CONFIG + off, &junk, len);
	for (uint32_t i = 0; i < 6; i++)
		EXPECT_EQ(config(n->m, i, 1), net_mac(n->net)[i]);
	EXPECT_EQ(config(n->m, 6, 8), VIRTIO_NET_S_LINK_UP | 1500ULL << 32);
}

TEST(default_mac,
     .title = "N1 the default MAC is locally administered, unicast, and each device's own")
{
	uint8_t mac[4][NET_MAC_LEN];

	for (unsigned int i = 0; i < 4; i++) {
		const struct net_config conf = { .index = i, .manual = true };
		struct net *net;

		ASSERT_EQ(net_create(&conf, &net), 0);
		memcpy(mac[i], net_mac(net), NET_MAC_LEN);
		EXPECT_EQ(mac[i][0] & 3, 2);
		for (unsigned int o = 0; o < i; o++)
			EXPECT_NE(memcmp(mac[i], mac[o], NET_MAC_LEN), 0);
		net_default_mac(i, mac[0]);
		EXPECT_MEMEQ(mac[0], mac[i], NET_MAC_LEN);
		net_default_mac(0, mac[0]);
		EXPECT_EQ(net_destroy(net), 0);
	}
}

TEST(given, .title = "N1 the MAC and the MTU that are given")
{
	const struct net_config conf = { .mac = { 0x02, 1, 2, 3, 4, 5 },
					 .mtu = 9000,
					 .manual = true };
	struct net *net;

	ASSERT_EQ(net_create(&conf, &net), 0);
	EXPECT_EQ(config(net_mmio(net), 0, 4), 0x03020102);
	EXPECT_EQ(config(net_mmio(net), 4, 2), 0x0504);
	EXPECT_EQ(config(net_mmio(net), 10, 2), 9000);
	EXPECT_EQ(net_mtu(net), 9000);
	EXPECT_EQ(net_destroy(net), 0);
}

TEST(bad_configs, .title = "a device with an MTU, MAC or limits that can't be is refused")
{
	struct net_config conf = { .mtu = NET_MTU_MIN - 1, .manual = true };
	struct net *net = NULL;

	EXPECT_EQ(net_create(&conf, &net), -EINVAL);
	conf.mtu = NET_MTU_MAX + 1;
	EXPECT_EQ(net_create(&conf, &net), -EINVAL);
	conf.mtu = 0;
	conf.mac[0] = 1;
	EXPECT_EQ(net_create(&conf, &net), -EINVAL);
	conf.mac[0] = 0;
	conf.limits.ops = (struct bucket_limit){ 100, 50 };
	EXPECT_EQ(net_create(&conf, &net), -EINVAL);
	conf.limits.ops = (struct bucket_limit){ 0, 50 };
	EXPECT_EQ(net_create(&conf, &net), -EINVAL);
	EXPECT_NULL(net);
	EXPECT_EQ(net_destroy(NULL), 0);
}

/* --- N2 --- */

TEST_F(config, bad_features, .title = "N2 a bad FEATURES_OK sets FAILED; a reset gives another try")
{
	static const uint64_t bad[] = {
		FEAT(VIRTIO_NET_F_MAC), /* without VERSION_1 */
		0,
		OFFERED | FEAT(VIRTIO_NET_F_CSUM),
		FEAT(VIRTIO_F_VERSION_1) | FEAT(VIRTIO_NET_F_MRG_RXBUF),
		FEAT(VIRTIO_F_VERSION_1) | FEAT(VIRTIO_F_RING_PACKED),
	};
	struct mock_net *n = &self->n;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mock_frame f;

		mock_negotiate(n->m, bad[i]);
		EXPECT_EQ(mock_net_status(n), 3 | VIRTIO_CONFIG_S_FAILED);
		mock_driver_ok(n->m);
		EXPECT_EQ(mock_net_status(n), 3 | VIRTIO_CONFIG_S_FAILED);
		EXPECT_EQ(net_step(n->net), -ECANCELED);
		/* No second try without a reset. */
		reg_write(n->m, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
		reg_write(n->m, VIRTIO_MMIO_DRIVER_FEATURES, 1);
		reg_write(n->m, VIRTIO_MMIO_STATUS, 0xb);
		EXPECT_EQ(mock_net_status(n), 3 | VIRTIO_CONFIG_S_FAILED);
		mock_net_start(n, OFFERED, 256);
		EXPECT_EQ(mock_net_status(n), RUNNING);
		mock_net_give(n);
		f = mock_net_send(n, 60);
		mock_net_kick(n);
		EXPECT_TRUE(mock_net_sent(n, &f));
	}
	EXPECT_EQ(n->counters.rx_packets, 5);
}

TEST_F(config, early_kick,
       .title = "N2 a TX kick before DRIVER_OK has no effect, one after it works")
{
	struct mock_net *n = &self->n;
	struct mock_frame f;

	mock_negotiate(n->m, NET_FEATURES);
	mock_queue_init(&n->rx, &n->g, NET_RX, 256);
	mock_queue_init(&n->tx, &n->g, NET_TX, 256);
	mock_setup_queue(n->m, &n->rx);
	mock_setup_queue(n->m, &n->tx);
	f = mock_net_send(n, 60);
	reg_write(n->m, VIRTIO_MMIO_QUEUE_NOTIFY, NET_TX);
	mock_driver_ok(n->m);
	net_step(n->net);
	EXPECT_TRUE(mock_net_nothing(&n->tx));
	EXPECT_STREQ(mock_net_changes(n), "");
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_sent(n, &f));
}

TEST_F(config, rx_kick, .title = "N2 a kick of RX, or of no queue, has no effect")
{
	struct mock_net *n = &self->n;
	struct mock_frame f;
	struct mock_buf b;

	mock_net_start(n, NET_FEATURES, 256);
	b = mock_net_give(n);
	f = mock_net_send(n, 60);
	net_step(n->net);
	for (uint32_t q = 0; q < 20; q++) {
		if (q == NET_TX)
			continue;
		reg_write(n->m, VIRTIO_MMIO_QUEUE_NOTIFY, q);
		EXPECT_EQ(net_step(n->net), 0);
	}
	EXPECT_TRUE(mock_net_nothing(&n->tx));
	EXPECT_TRUE(mock_net_nothing(&n->rx));
	EXPECT_EQ(mock_net_irqs(n), 0);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_got(n, &b, &f));
	EXPECT_TRUE(mock_net_sent(n, &f));
}

TEST_HARNESS_MAIN
