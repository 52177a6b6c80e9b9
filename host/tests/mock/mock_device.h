/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device behind the mmio transport that only notes what it is told.
 */
#ifndef SS_MOCK_DEVICE_H
#define SS_MOCK_DEVICE_H

#include "virtio/mmio.h"

#define MOCK_DEVICE_ID	   77
#define MOCK_DEVICE_CONFIG 8 /* bytes of config space: 0xa0, 0xa1, ... */
#define MOCK_DEVICE_QUEUES 3

struct mock_device {
	struct virtio_mmio m;
	struct virtio_mmio_ops ops;
	unsigned int activated, deactivated, features_changed; /* calls */
	int activate_ret, deactivate_ret;		       /* what they return */
	uint32_t config_off, config_len;		       /* the last config write */
};

/** mock_device_init() - with EVENT_IDX, INDIRECT_DESC and bit 5 offered */
int mock_device_init(struct mock_device *dev);

#endif /* SS_MOCK_DEVICE_H */
