// SPDX-License-Identifier: GPL-2.0-only
/* The transport's status machine and reset, under a device that only notes what it's told. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "mmio_fixture.h"

/* --- the status machine --- */

TEST_F(mmio, status_order, .title = "D13 the four bits in order, one a write")
{
	static const uint32_t order[] = { ACK, DRIVER, FEATURES_OK, DRIVER_OK };
	uint32_t at = 0;

	for (int step = 0; step < 4; step++) {
		/* Each value that isn't the next step leaves the status alone. */
		for (uint32_t value = 1; value < 256; value++) {
			if (value == (at | order[step]) || value & FAILED)
				continue;
			set_status(&self->dev.m, value);
			ASSERT_EQ(status(&self->dev.m), at)
			{
				TH_LOG("write of 0x%x", value);
			}
		}
		if (step == 2) {
			reg_write(&self->dev.m, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
			reg_write(&self->dev.m, VIRTIO_MMIO_DRIVER_FEATURES, 1);
		}
		at |= order[step];
		set_status(&self->dev.m, at);
		ASSERT_EQ(status(&self->dev.m), at);
	}
	EXPECT_EQ(self->dev.activated, 1);
	for (uint32_t value = 1; value < 256; value++) {
		if (value & FAILED)
			continue;
		set_status(&self->dev.m, value);
		ASSERT_EQ(status(&self->dev.m), at);
	}
	EXPECT_EQ(self->dev.activated, 1);
	EXPECT_EQ(self->dev.deactivated, 0);
}

TEST_F(mmio, status_rewrite, .title = "D13 rewriting the same value is silent")
{
	mock_negotiate(&self->dev.m, VERSION_1);
	mock_driver_ok(&self->dev.m);
	mock_driver_ok(&self->dev.m);
	EXPECT_EQ(status(&self->dev.m), READY_TO_RUN | DRIVER_OK);
	EXPECT_EQ(self->dev.activated, 1);
	EXPECT_FALSE(self->dev.m.warned_status);
	/* Clearing a bit is refused, and said once. */
	set_status(&self->dev.m, READY_TO_RUN);
	EXPECT_EQ(status(&self->dev.m), READY_TO_RUN | DRIVER_OK);
	EXPECT_TRUE(self->dev.m.warned_status);
}

TEST_F(mmio, features_ok, .title = "D14 FEATURES_OK needs VERSION_1 and a subset of the offer")
{
	static const uint64_t bad[] = { 0, EVENT_IDX, VERSION_1 | FEAT(4), VERSION_1 | FEAT(63),
					VERSION_1 | FEAT(0) | EVENT_IDX };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		mock_negotiate(&self->dev.m, bad[i]);
		EXPECT_EQ(status(&self->dev.m), ACK | DRIVER);
		EXPECT_EQ(virtio_mmio_features(&self->dev.m), 0);
	}
	EXPECT_EQ(self->dev.features_changed, 0);
	/* The driver may try again with others. */
	reg_write(&self->dev.m, VIRTIO_MMIO_DRIVER_FEATURES, 0);
	set_status(&self->dev.m, READY_TO_RUN);
	EXPECT_EQ(status(&self->dev.m), READY_TO_RUN);
	EXPECT_EQ(self->dev.features_changed, 1);
	EXPECT_EQ(virtio_mmio_features(&self->dev.m), VERSION_1);
}

TEST_F(mmio, failed_anywhere, .title = "D15 FAILED is accepted in any state")
{
	uint32_t at;

	set_status(&self->dev.m, FAILED);
	EXPECT_EQ(status(&self->dev.m), FAILED);
	set_status(&self->dev.m, FAILED | ACK);
	EXPECT_EQ(status(&self->dev.m), FAILED);
	set_status(&self->dev.m, 0);
	set_status(&self->dev.m, ACK);
	set_status(&self->dev.m, ACK | FAILED);
	EXPECT_EQ(status(&self->dev.m), ACK | FAILED);
	mock_negotiate(&self->dev.m, VERSION_1);
	set_status(&self->dev.m, READY_TO_RUN | FAILED);
	EXPECT_EQ(status(&self->dev.m), READY_TO_RUN | FAILED);
	mock_driver_ok(&self->dev.m);
	EXPECT_EQ(self->dev.activated, 0);
	mock_negotiate(&self->dev.m, VERSION_1);
	mock_driver_ok(&self->dev.m);
	at = status(&self->dev.m);
	set_status(&self->dev.m, at | FAILED);
	EXPECT_EQ(status(&self->dev.m), at | FAILED);
	set_status(&self->dev.m, 0);
	EXPECT_EQ(status(&self->dev.m), 0);
}

TEST_F(mmio, needs_reset_only_reset,
       .title = "D18 with NEEDS_RESET set only STATUS = 0 has an effect")
{
	mock_negotiate(&self->dev.m, VERSION_1);
	virtio_mmio_set_needs_reset(&self->dev.m);
	for (uint32_t value = 1; value < 256; value++) {
		set_status(&self->dev.m, value);
		ASSERT_EQ(status(&self->dev.m), READY_TO_RUN | NEEDS_RESET);
	}
	EXPECT_EQ(self->dev.activated, 0);
	mock_setup_queue(&self->dev.m, &self->q);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_QUEUE_READY), 0);
	virtio_mmio_write(&self->dev.m, 0x104, &self->dev.activated, 4);
	EXPECT_EQ(self->dev.config_len, 0);
	set_status(&self->dev.m, 0);
	EXPECT_EQ(status(&self->dev.m), 0);
}

TEST_F(mmio, needs_reset_only_adds,
       .title = "D17 a worker changes the status by ORing NEEDS_RESET in")
{
	mock_negotiate(&self->dev.m, VERSION_1);
	mock_driver_ok(&self->dev.m);
	virtio_mmio_set_needs_reset(&self->dev.m);
	EXPECT_EQ(status(&self->dev.m), READY_TO_RUN | DRIVER_OK | NEEDS_RESET);
	virtio_mmio_set_needs_reset(&self->dev.m);
	EXPECT_EQ(status(&self->dev.m), READY_TO_RUN | DRIVER_OK | NEEDS_RESET);
}

struct racer {
	struct virtio_mmio *m;
	pthread_barrier_t barrier;
	bool end;
};

static void *race_worker(void *arg)
{
	struct racer *r = arg;

	for (;;) {
		pthread_barrier_wait(&r->barrier);
		if (r->end)
			return NULL;
		virtio_mmio_set_needs_reset(r->m);
		pthread_barrier_wait(&r->barrier);
	}
}

TEST_F(mmio, race_keeps_needs_reset,
       .title = "D16 a status advance never erases a worker's NEEDS_RESET")
{
	struct racer r = { .m = &self->dev.m };
	pthread_t thread;

	pthread_barrier_init(&r.barrier, NULL, 2);
	ASSERT_EQ(pthread_create(&thread, NULL, race_worker, &r), 0);
	for (int i = 0; i < 2000; i++) {
		set_status(&self->dev.m, 0);
		pthread_barrier_wait(&r.barrier);
		set_status(&self->dev.m, ACK);
		set_status(&self->dev.m, ACK | DRIVER);
		pthread_barrier_wait(&r.barrier);
		EXPECT_TRUE(status(&self->dev.m) & NEEDS_RESET)
		{
			break;
		}
	}
	r.end = true;
	pthread_barrier_wait(&r.barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&r.barrier);
}

TEST_F(mmio, event_idx_at_features_ok,
       .title = "D19 EVENT_IDX takes effect when FEATURES_OK is accepted")
{
	struct virtq vq;

	mock_negotiate(&self->dev.m, VERSION_1 | EVENT_IDX | FEAT(9));
	EXPECT_EQ(virtio_mmio_features(&self->dev.m), 0);
	mock_negotiate(&self->dev.m, VERSION_1 | EVENT_IDX);
	mock_setup_queue(&self->dev.m, &self->q);
	virtio_mmio_init_virtq(&self->dev.m, 0, &vq);
	EXPECT_TRUE(vq.event_idx);
	EXPECT_FALSE(vq.indirect);
	EXPECT_TRUE(vq.ready);
	EXPECT_EQ(vq.size, 64);
	EXPECT_EQ(vq.used, self->q.used);
	virtio_mmio_init_virtq(&self->dev.m, 1, &vq);
	EXPECT_FALSE(vq.ready);
	mock_negotiate(&self->dev.m, VERSION_1 | INDIRECT);
	mock_setup_queue(&self->dev.m, &self->q);
	virtio_mmio_init_virtq(&self->dev.m, 0, &vq);
	EXPECT_FALSE(vq.event_idx);
	EXPECT_TRUE(vq.indirect);
}

/* --- reset --- */

TEST_F(mmio, reset_clears, .title = "D95 a reset clears queues, interrupts, features and status")
{
	uint32_t generation = reg_read(&self->dev.m, VIRTIO_MMIO_CONFIG_GENERATION);
	const struct virtio_mmio_queue *regs = &self->dev.m.queue[0];

	mock_negotiate(&self->dev.m, VERSION_1 | EVENT_IDX);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_CONFIG_GENERATION), generation + 1);
	mock_setup_queue(&self->dev.m, &self->q);
	mock_driver_ok(&self->dev.m);
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	virtio_mmio_raise(&self->dev.m, VIRTIO_MMIO_INT_VRING, true);
	virtio_mmio_set_needs_reset(&self->dev.m);
	set_status(&self->dev.m, 0);
	EXPECT_EQ(self->dev.deactivated, 2);
	EXPECT_EQ(status(&self->dev.m), 0);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(&self->dev.m)), 0);
	EXPECT_EQ(mock_eventfd(virtio_mmio_kick_fd(&self->dev.m, 0)), 0);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_QUEUE_READY), 0);
	EXPECT_EQ(regs->num, 0);
	EXPECT_EQ(regs->desc | regs->avail | regs->used, 0);
	EXPECT_EQ(virtio_mmio_features(&self->dev.m), 0);
	EXPECT_EQ(self->dev.m.driver_features, 0);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_CONFIG_GENERATION), generation + 2);
}

TEST_F(mmio, many_resets, .title = "D98 any number of resets in a row is harmless")
{
	for (int i = 0; i < 1000; i++)
		set_status(&self->dev.m, 0);
	EXPECT_EQ(self->dev.deactivated, 1000);
	EXPECT_EQ(self->dev.activated, 0);
	mock_negotiate(&self->dev.m, VERSION_1);
	mock_setup_queue(&self->dev.m, &self->q);
	mock_driver_ok(&self->dev.m);
	EXPECT_EQ(self->dev.activated, 1);
	EXPECT_EQ(status(&self->dev.m), READY_TO_RUN | DRIVER_OK);
}

TEST_F(mmio, cannot_start, .title = "D99 a worker that can't be started: NEEDS_RESET, an interrupt")
{
	self->dev.activate_ret = -EAGAIN;
	mock_negotiate(&self->dev.m, VERSION_1);
	mock_driver_ok(&self->dev.m);
	EXPECT_EQ(status(&self->dev.m), READY_TO_RUN | DRIVER_OK | NEEDS_RESET);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(&self->dev.m)), 1);
	self->dev.activate_ret = 0;
	mock_negotiate(&self->dev.m, VERSION_1);
	mock_driver_ok(&self->dev.m);
	EXPECT_EQ(status(&self->dev.m), READY_TO_RUN | DRIVER_OK);
}

TEST_F(mmio, cannot_stop,
       .title = "D99 a worker that can't be stopped: NEEDS_RESET, till a reset works")
{
	mock_negotiate(&self->dev.m, VERSION_1);
	mock_setup_queue(&self->dev.m, &self->q);
	mock_driver_ok(&self->dev.m);
	self->dev.deactivate_ret = -ETIMEDOUT;
	for (int i = 0; i < 3; i++) {
		set_status(&self->dev.m, 0);
		EXPECT_EQ(status(&self->dev.m), READY_TO_RUN | DRIVER_OK | NEEDS_RESET);
		EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(&self->dev.m)), 1);
	}
	/* The queue may still be in use. */
	EXPECT_TRUE(self->dev.m.queue[0].ready);
	self->dev.deactivate_ret = 0;
	set_status(&self->dev.m, 0);
	EXPECT_EQ(status(&self->dev.m), 0);
}

TEST_HARNESS_MAIN
