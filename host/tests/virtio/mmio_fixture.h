/* SPDX-License-Identifier: GPL-2.0-only */
/* A mock device with guest memory and a queue's rings, for the tests of the transport. */
#ifndef SS_MMIO_FIXTURE_H
#define SS_MMIO_FIXTURE_H

#include "ss_harness.h"

#include "mock_device.h"
#include "mock_guest.h"

#define ACK	     VIRTIO_CONFIG_S_ACKNOWLEDGE
#define DRIVER	     VIRTIO_CONFIG_S_DRIVER
#define FEATURES_OK  VIRTIO_CONFIG_S_FEATURES_OK
#define DRIVER_OK    VIRTIO_CONFIG_S_DRIVER_OK
#define NEEDS_RESET  VIRTIO_CONFIG_S_NEEDS_RESET
#define FAILED	     VIRTIO_CONFIG_S_FAILED
#define READY_TO_RUN (ACK | DRIVER | FEATURES_OK)
#define VERSION_1    FEAT(VIRTIO_F_VERSION_1)
#define EVENT_IDX    FEAT(VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT     FEAT(VIRTIO_RING_F_INDIRECT_DESC)

FIXTURE(mmio)
{
	struct mock_device dev;
	struct mock_guest g;
	struct mock_queue q;
};

FIXTURE_SETUP(mmio)
{
	mock_guest_init(&self->g);
	mock_queue_init(&self->q, &self->g, 0, 64);
	ASSERT_EQ(mock_device_init(&self->dev), 0);
	virtio_mmio_set_mem(&self->dev.m, &self->g.mem);
}

FIXTURE_TEARDOWN(mmio)
{
	virtio_mmio_destroy(&self->dev.m);
	mock_guest_free(&self->g);
}

static inline uint32_t status(struct virtio_mmio *m)
{
	return reg_read(m, VIRTIO_MMIO_STATUS);
}

static inline void set_status(struct virtio_mmio *m, uint32_t value)
{
	reg_write(m, VIRTIO_MMIO_STATUS, value);
}

#endif /* SS_MMIO_FIXTURE_H */
