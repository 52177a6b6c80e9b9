// SPDX-License-Identifier: GPL-2.0-only
/*
 * Adds a virtio-mmio device to the machine: register window, doorbells, interrupt.
 */
#include "lib/log.h"
#include "virtio/mmio.h"
#include "vm/layout.h"
#include "vm/machine_int.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define QUEUE_NOTIFY 0x50

static void window_read(void *opaque, unsigned int vcpu, uint64_t off, void *data, uint32_t len)
{
	(void)vcpu;
	virtio_mmio_read(opaque, off, data, len);
}

static void window_write(void *opaque, unsigned int vcpu, uint64_t off, const void *data,
			 uint32_t len)
{
	(void)vcpu;
	virtio_mmio_write(opaque, off, data, len);
}

static const struct vm_range_ops window_ops = { .read = window_read, .write = window_write };

/* QUEUE_NOTIFY of one queue rings its eventfd without leaving the kernel. */
static int add_doorbell(struct machine *m, struct virtio_mmio *dev, uint64_t base, unsigned int q)
{
	struct kvm_ioeventfd bell = {
		.addr = base + QUEUE_NOTIFY,
		.len = 4,
		.datamatch = q,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
		.fd = virtio_mmio_kick_fd(dev, q),
	};

	return ioctl(m->vm_fd, KVM_IOEVENTFD, &bell) ? -errno : 0;
}

static int add_interrupt(struct machine *m, struct virtio_mmio *dev, unsigned int gsi)
{
	struct kvm_irqfd irq = { .fd = (uint32_t)virtio_mmio_irq_fd(dev), .gsi = gsi };

	return ioctl(m->vm_fd, KVM_IRQFD, &irq) ? -errno : 0;
}

int machine_add_virtio(struct machine *m, struct virtio_mmio *dev)
{
	unsigned int n = m->nr_virtio;
	const struct vm_range window = {
		.base = LAYOUT_VIRTIO + n * LAYOUT_VIRTIO_SIZE,
		.size = LAYOUT_VIRTIO_SIZE,
		.ops = &window_ops,
		.opaque = dev,
	};
	int ret;

	if (m->loaded)
		return -EBUSY;
	if (n == MACHINE_MAX_VIRTIO) {
		ss_err("a guest has at most %u virtio devices", MACHINE_MAX_VIRTIO);
		return -ENOSPC;
	}
	ret = vm_bus_add(&m->mmio, &window);
	for (unsigned int q = 0; !ret && q < virtio_mmio_queue_count(dev); q++)
		ret = add_doorbell(m, dev, window.base, q);
	if (!ret)
		ret = add_interrupt(m, dev, LAYOUT_VIRTIO_GSI + n);
	if (ret) {
		ss_err("can't connect virtio device %u to KVM: %s", n, strerror(-ret));
		return ret;
	}
	m->nr_virtio++;
	return 0;
}
