// SPDX-License-Identifier: GPL-2.0-only
/* The virtio-mmio transport, under a device that only notes what it's told. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mmio_fixture.h"

TEST(bad_config, .title = "a transport that can't be is refused")
{
	static const struct virtio_mmio_ops ops = { .name = "none" };
	struct virtio_mmio_config config = { .ops = &ops, .nr_queues = 1, .queue_max = 256 };
	struct virtio_mmio m;

	config.nr_queues = 0;
	EXPECT_EQ(virtio_mmio_init(&m, &config), -EINVAL);
	config.nr_queues = VIRTIO_MMIO_MAX_QUEUES + 1;
	EXPECT_EQ(virtio_mmio_init(&m, &config), -EINVAL);
	config.nr_queues = 1;
	config.queue_max = 100;
	EXPECT_EQ(virtio_mmio_init(&m, &config), -EINVAL);
	config.queue_max = 512;
	EXPECT_EQ(virtio_mmio_init(&m, &config), -EINVAL);
	config.queue_max = 0;
	EXPECT_EQ(virtio_mmio_init(&m, &config), -EINVAL);
}

TEST_F(mmio, identity, .title = "D3 magic, version 2, device id, a fixed vendor")
{
	EXPECT_EQ(reg_read(&self->dev.m, 0x000), 0x74726976);
	EXPECT_EQ(reg_read(&self->dev.m, 0x004), 2);
	EXPECT_EQ(reg_read(&self->dev.m, 0x008), MOCK_DEVICE_ID);
	EXPECT_EQ(reg_read(&self->dev.m, 0x00c), VIRTIO_MMIO_VENDOR);
	EXPECT_EQ(virtio_mmio_queue_count(&self->dev.m), 3);
	EXPECT_LE(0, virtio_mmio_kick_fd(&self->dev.m, 2));
	EXPECT_EQ(virtio_mmio_kick_fd(&self->dev.m, 3), -EINVAL);
	EXPECT_LE(0, virtio_mmio_irq_fd(&self->dev.m));
}

TEST_F(mmio, window, .title = "D3 the window is 4 KiB: beyond it all ones, and nothing written")
{
	uint8_t data[8];

	virtio_mmio_read(&self->dev.m, VIRTIO_MMIO_SIZE, data, 4);
	EXPECT_EQ(*(uint32_t *)data, 0xffffffff);
	virtio_mmio_read(&self->dev.m, VIRTIO_MMIO_SIZE - 2, data, 4);
	EXPECT_EQ(*(uint32_t *)data, 0xffffffff);
	virtio_mmio_write(&self->dev.m, VIRTIO_MMIO_SIZE, data, 4);
	virtio_mmio_write(&self->dev.m, VIRTIO_MMIO_SIZE - 2, data, 4);
	EXPECT_EQ(self->dev.config_len, 0);
	virtio_mmio_read(&self->dev.m, VIRTIO_MMIO_SIZE - 8, data, 8);
	EXPECT_EQ(*(uint64_t *)data, 0);
}

TEST_F(mmio, config_space,
       .title = "D4 config space by bytes; past what the device fills it reads 0")
{
	uint8_t data[8];

	virtio_mmio_read(&self->dev.m, 0x103, data, 1);
	EXPECT_EQ(data[0], 0xa3);
	virtio_mmio_read(&self->dev.m, 0x104, data, 2);
	EXPECT_EQ(*(uint16_t *)data, 0xa5a4);
	memset(data, 0xff, sizeof(data));
	virtio_mmio_read(&self->dev.m, 0x106, data, 8);
	EXPECT_EQ(*(uint64_t *)data, 0xa7a6);
	virtio_mmio_write(&self->dev.m, 0x102, data, 2);
	EXPECT_EQ(self->dev.config_off, 2);
	EXPECT_EQ(self->dev.config_len, 2);
	self->dev.ops.config_write = NULL;
	virtio_mmio_write(&self->dev.m, 0x104, data, 4);
	EXPECT_EQ(self->dev.config_off, 2);
}

TEST_F(mmio, width, .title = "D6 registers are 4 bytes wide: else all ones, and writes dropped")
{
	static const uint32_t widths[] = { 1, 2, 8 };
	uint64_t ack = ACK;

	for (int i = 0; i < 3; i++) {
		uint8_t data[8] = { 0 };

		virtio_mmio_read(&self->dev.m, VIRTIO_MMIO_MAGIC_VALUE, data, widths[i]);
		for (uint32_t b = 0; b < 8; b++)
			EXPECT_EQ(data[b], b < widths[i] ? 0xff : 0);
		virtio_mmio_write(&self->dev.m, VIRTIO_MMIO_STATUS, &ack, widths[i]);
		EXPECT_EQ(status(&self->dev.m), 0);
	}
	EXPECT_EQ(reg_read(&self->dev.m, 0x001), 0);
	EXPECT_EQ(reg_read(&self->dev.m, 0x0f0), 0);
}

TEST_F(mmio, feature_pages, .title = "D7 feature pages above 1 read 0; a queue that isn't reads 0")
{
	EXPECT_EQ(mock_offered(&self->dev.m), VERSION_1 | EVENT_IDX | INDIRECT | FEAT(5));
	for (uint32_t page = 2; page < 70; page++) {
		reg_write(&self->dev.m, VIRTIO_MMIO_DEVICE_FEATURES_SEL, page);
		EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_DEVICE_FEATURES), 0);
	}
	reg_write(&self->dev.m, VIRTIO_MMIO_DEVICE_FEATURES_SEL, UINT32_MAX);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_DEVICE_FEATURES), 0);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_QUEUE_NUM_MAX), 256);
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_SEL, 3);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_QUEUE_READY), 0);
}

TEST_F(mmio, queue_out_of_range, .title = "D7 an out-of-range queue select writes nothing")
{
	struct virtio_mmio_queue before[3];

	mock_negotiate(&self->dev.m, VERSION_1);
	memcpy(before, self->dev.m.queue, sizeof(before));
	self->q.index = 3;
	mock_setup_queue(&self->dev.m, &self->q);
	self->q.index = UINT32_MAX;
	mock_setup_queue(&self->dev.m, &self->q);
	EXPECT_MEMEQ(before, self->dev.m.queue, sizeof(before));
}

TEST_F(mmio, shared_memory, .title = "there are no shared memory regions: all ones")
{
	for (uint64_t off = VIRTIO_MMIO_SHM_LEN_LOW; off <= VIRTIO_MMIO_SHM_BASE_HIGH; off += 4)
		EXPECT_EQ(reg_read(&self->dev.m, off), 0xffffffff);
}

TEST_F(mmio, driver_features_when,
       .title = "D9 driver features: only with DRIVER, without FEATURES_OK")
{
	reg_write(&self->dev.m, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	set_status(&self->dev.m, ACK);
	reg_write(&self->dev.m, VIRTIO_MMIO_DRIVER_FEATURES, 2);
	EXPECT_EQ(self->dev.m.driver_features, 0);
	set_status(&self->dev.m, ACK | DRIVER);
	reg_write(&self->dev.m, VIRTIO_MMIO_DRIVER_FEATURES, 0x20);
	reg_write(&self->dev.m, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	reg_write(&self->dev.m, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	reg_write(&self->dev.m, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 2);
	reg_write(&self->dev.m, VIRTIO_MMIO_DRIVER_FEATURES, 0xffffffff);
	EXPECT_EQ(self->dev.m.driver_features, VERSION_1 | FEAT(5));
	EXPECT_EQ(virtio_mmio_features(&self->dev.m), 0);
	set_status(&self->dev.m, READY_TO_RUN);
	reg_write(&self->dev.m, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	reg_write(&self->dev.m, VIRTIO_MMIO_DRIVER_FEATURES, 0);
	EXPECT_EQ(virtio_mmio_features(&self->dev.m), VERSION_1 | FEAT(5));
	EXPECT_EQ(self->dev.m.driver_features, VERSION_1 | FEAT(5));
}

TEST_F(mmio, queue_registers_when,
       .title = "D10 queue registers: only after FEATURES_OK, before DRIVER_OK")
{
	const struct virtio_mmio_queue *regs = &self->dev.m.queue[0];

	mock_setup_queue(&self->dev.m, &self->q);
	set_status(&self->dev.m, ACK);
	set_status(&self->dev.m, ACK | DRIVER);
	mock_setup_queue(&self->dev.m, &self->q);
	EXPECT_EQ(regs->num, 0);
	EXPECT_EQ(regs->desc, 0);
	EXPECT_FALSE(regs->ready);
	mock_negotiate(&self->dev.m, VERSION_1);
	self->q.desc |= 0x700000000ULL;
	mock_setup_queue(&self->dev.m, &self->q);
	EXPECT_EQ(regs->num, 64);
	EXPECT_EQ(regs->desc, self->q.desc);
	EXPECT_EQ(regs->avail, self->q.avail);
	EXPECT_EQ(regs->used, self->q.used);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_QUEUE_READY), 1);
	mock_driver_ok(&self->dev.m);
	self->q.size = 8;
	self->q.desc = self->q.avail = self->q.used = 0;
	mock_setup_queue(&self->dev.m, &self->q);
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_READY, 0);
	EXPECT_EQ(regs->num, 64);
	EXPECT_NE(regs->desc, 0);
	EXPECT_NE(regs->used, 0);
	EXPECT_TRUE(regs->ready);
}

TEST_F(mmio, queue_ready_values, .title = "D10 QUEUE_READY takes 1 and 0, and a queue with a size")
{
	mock_negotiate(&self->dev.m, VERSION_1);
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_READY, 1);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_QUEUE_READY), 0);
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_NUM, 64);
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_READY, 2);
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_READY, 0x101);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_QUEUE_READY), 0);
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_READY, 1);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_QUEUE_READY), 1);
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_READY, 7);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_QUEUE_READY), 1);
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_READY, 0);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_QUEUE_READY), 0);
}

TEST_F(mmio, queue_sizes, .title = "D1 queue sizes: powers of two up to 256")
{
	static const uint32_t bad[] = { 0, 3, 257, 512, 100, 65536, 65536 + 64, UINT32_MAX };

	mock_negotiate(&self->dev.m, VERSION_1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_NUM, 64);
		reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_NUM, bad[i]);
		reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_READY, 1);
		EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_QUEUE_READY), 0);
	}
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_NUM, 64);
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_READY, 1);
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_NUM, 3);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_QUEUE_READY), 0);
	for (uint32_t size = 1; size <= 256; size *= 2) {
		reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_NUM, size);
		reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_READY, 1);
		EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_QUEUE_READY), 1);
		reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_READY, 0);
	}
}

TEST_F(mmio, notify, .title = "D11 a notify signals its queue; one that names no queue is ignored")
{
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_NOTIFY, 3);
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_NOTIFY, 0x10001);
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_NOTIFY, UINT32_MAX);
	for (unsigned int q = 0; q < 3; q++)
		EXPECT_EQ(mock_eventfd(virtio_mmio_kick_fd(&self->dev.m, q)), 0);
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_NOTIFY, 2);
	reg_write(&self->dev.m, VIRTIO_MMIO_QUEUE_NOTIFY, 2);
	EXPECT_EQ(mock_eventfd(virtio_mmio_kick_fd(&self->dev.m, 2)), 2);
	EXPECT_EQ(mock_eventfd(virtio_mmio_kick_fd(&self->dev.m, 1)), 0);
}

TEST_F(mmio, interrupt_ack, .title = "D12 INTERRUPT_ACK clears exactly the bits written")
{
	virtio_mmio_raise(&self->dev.m, VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG, true);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(&self->dev.m)), 1);
	reg_write(&self->dev.m, VIRTIO_MMIO_INTERRUPT_ACK, 0);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	reg_write(&self->dev.m, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	reg_write(&self->dev.m, VIRTIO_MMIO_INTERRUPT_ACK, 0xffffffff);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	/* Bits without an interrupt. */
	virtio_mmio_raise(&self->dev.m, VIRTIO_MMIO_INT_VRING, false);
	EXPECT_EQ(reg_read(&self->dev.m, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(&self->dev.m)), 0);
}

TEST_F(mmio, interrupts_add_up,
       .title = "D12 two causes are both seen, and acknowledged one by one")
{
	struct virtio_mmio *m = &self->dev.m;

	virtio_mmio_raise(m, VIRTIO_MMIO_INT_VRING, true);
	virtio_mmio_raise(m, VIRTIO_MMIO_INT_CONFIG, false);
	EXPECT_EQ(reg_read(m, VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(m)), 1);
	reg_write(m, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	EXPECT_EQ(reg_read(m, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
}

TEST_F(mmio, doorbell_of_no_queue,
       .title = "D11 a doorbell for a queue that isn't there rings nothing")
{
	struct virtio_mmio *m = &self->dev.m;
	const int zero = dup(STDIN_FILENO), bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	ASSERT_LE(0, zero);
	/* What isn't there has descriptor 0. */
	ASSERT_EQ(dup2(bell, STDIN_FILENO), STDIN_FILENO);
	for (uint32_t q = MOCK_DEVICE_QUEUES; q < VIRTIO_MMIO_MAX_QUEUES; q++)
		reg_write(m, VIRTIO_MMIO_QUEUE_NOTIFY, q);
	reg_write(m, VIRTIO_MMIO_QUEUE_NOTIFY, UINT32_MAX);
	EXPECT_EQ(mock_eventfd(bell), 0);
	for (unsigned int q = 0; q < MOCK_DEVICE_QUEUES; q++)
		EXPECT_EQ(mock_eventfd(virtio_mmio_kick_fd(m, q)), 0);
	dup2(zero, STDIN_FILENO);
	close(zero);
	close(bell);
}

TEST_HARNESS_MAIN
