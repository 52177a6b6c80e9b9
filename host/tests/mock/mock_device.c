// SPDX-License-Identifier: GPL-2.0-only
#include "mock_device.h"

#include <linux/virtio_ring.h>
#include <string.h>

static void fake_config_read(void *priv, uint32_t off, void *data, uint32_t len)
{
	uint8_t *p = data;

	(void)priv;
	for (uint32_t i = 0; i < len && off + i < MOCK_DEVICE_CONFIG; i++)
		p[i] = (uint8_t)(0xa0 + off + i);
}

static void fake_config_write(void *priv, uint32_t off, const void *data, uint32_t len)
{
	struct mock_device *dev = priv;

	(void)data;
	dev->config_off = off;
	dev->config_len = len;
}

static void fake_features_changed(void *priv)
{
	((struct mock_device *)priv)->features_changed++;
}

static int fake_activate(void *priv)
{
	struct mock_device *dev = priv;

	dev->activated++;
	return dev->activate_ret;
}

static int fake_deactivate(void *priv)
{
	struct mock_device *dev = priv;

	dev->deactivated++;
	return dev->deactivate_ret;
}

int mock_device_init(struct mock_device *dev)
{
	const struct virtio_mmio_config config = {
		.ops = &dev->ops,
		.priv = dev,
		.features = 1ULL << VIRTIO_RING_F_EVENT_IDX | 1ULL << VIRTIO_RING_F_INDIRECT_DESC |
			    1ULL << 5,
		.nr_queues = MOCK_DEVICE_QUEUES,
		.queue_max = 256,
	};

	memset(dev, 0, sizeof(*dev));
	dev->ops = (struct virtio_mmio_ops){
		.name = "fake",
		.device_id = MOCK_DEVICE_ID,
		.config_read = fake_config_read,
		.config_write = fake_config_write,
		.features_changed = fake_features_changed,
		.activate = fake_activate,
		.deactivate = fake_deactivate,
	};
	return virtio_mmio_init(&dev->m, &config);
}
