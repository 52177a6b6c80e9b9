/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtio-mmio transport (virtio 1.2, 4.2.2), version 2, for any device.
 *
 * vCPU threads read and write registers; each access holds the transport's
 * lock, as a dump does, and no worker ever takes it. A worker changes two words
 * only, without a lock: it ORs NEEDS_RESET into the status and bits into
 * INTERRUPT_STATUS.
 * The queue registers are locked from DRIVER_OK to reset; a device copies
 * them when it is activated (virtio_mmio_init_virtq()).
 */
#ifndef SS_VIRTIO_MMIO_H
#define SS_VIRTIO_MMIO_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "virtio/guest_mem.h"
#include "virtio/queue.h"

#define VIRTIO_MMIO_SIZE       0x1000 /* bytes of address space a device takes */
#define VIRTIO_MMIO_MAX_QUEUES 16
#define VIRTIO_MMIO_VENDOR     0x4c4c5453 /* "STLL" */

struct virtio_mmio;

/**
 * struct virtio_mmio_ops - what a device brings to the transport
 * @name: for log lines
 * @device_id: VIRTIO_ID_*
 * @bad_features_fail: features that can't be accepted set FAILED; otherwise
 *	FEATURES_OK just stays clear, and the driver may try others
 * @config_read: fill @data with @len bytes of config space at @off; what it
 *	leaves alone reads 0. Runs on a vCPU thread, while the worker runs.
 * @config_write: optional; without it config writes are ignored
 * @features_changed: optional: the driver's features were accepted
 *	(virtio_mmio_features() has them)
 * @activate: DRIVER_OK: start the workers. A negative errno leaves the device
 *	in NEEDS_RESET with a logged reason; nothing may be left running then.
 * @deactivate: reset: stop and join the workers within 1 s and forget all
 *	queue state. Called for every reset, also when nothing runs. A negative
 *	errno: a worker couldn't be stopped; the device stays in NEEDS_RESET and
 *	the next reset tries again.
 * @queue_start: optional: a transport that starts rings one by one (vdev_ring.h) is about
 *	to start queue @q's, wherever the one before it ended. Its worker is parked.
 * @queue_stop: optional: it stops queue @q's: publish what is done and was kept back, and
 *	forget what isn't the ring's. Its worker is parked, with nothing in flight.
 *
 * All are called with the transport's lock held, and so never at the same
 * time. They get the priv pointer of virtio_mmio_init().
 */
struct virtio_mmio_ops {
	const char *name;
	uint32_t device_id;
	bool bad_features_fail;
	void (*config_read)(void *priv, uint32_t off, void *data, uint32_t len);
	void (*config_write)(void *priv, uint32_t off, const void *data, uint32_t len);
	void (*features_changed)(void *priv);
	int (*activate)(void *priv);
	int (*deactivate)(void *priv);
	void (*queue_start)(void *priv, unsigned int q);
	void (*queue_stop)(void *priv, unsigned int q);
};

/**
 * struct virtio_mmio_queue - a queue's registers
 * @num: QUEUE_NUM; 0 until the driver wrote a usable size
 * @ready: QUEUE_READY
 * @desc: @avail: @used: guest addresses as written
 * @kick_fd: eventfd that a QUEUE_NOTIFY signals, counter mode, non-blocking
 */
struct virtio_mmio_queue {
	uint16_t num;
	bool ready;
	uint64_t desc, avail, used;
	int kick_fd;
};

/**
 * struct virtio_mmio - one device's registers. Use the functions.
 */
struct virtio_mmio {
	const struct virtio_mmio_ops *ops;
	void *priv;
	pthread_mutex_t lock;	     /* vCPU threads and dumps, no worker */
	const struct guest_mem *mem; /* atomic */
	uint64_t offered;	     /* feature bits */
	uint64_t driver_features;    /* as written, page by page */
	uint64_t features;	     /* accepted with FEATURES_OK, else 0 */
	uint32_t features_sel, driver_features_sel, queue_sel;
	uint32_t status;	    /* atomic; see above who changes what */
	uint32_t interrupt_status;  /* atomic */
	uint32_t config_generation; /* atomic */
	unsigned int nr_queues;
	uint16_t queue_max;
	bool warned_status;
	int irq_fd;
	struct virtio_mmio_queue queue[VIRTIO_MMIO_MAX_QUEUES];
};

/**
 * struct virtio_mmio_config - a device's fixed properties
 * @ops: must outlive the device
 * @priv: passed to @ops
 * @features: what is offered; the transport adds VIRTIO_F_VERSION_1
 * @nr_queues: 1 to VIRTIO_MMIO_MAX_QUEUES
 * @queue_max: largest queue size, a power of two up to VIRTQ_MAX_SIZE
 */
struct virtio_mmio_config {
	const struct virtio_mmio_ops *ops;
	void *priv;
	uint64_t features;
	unsigned int nr_queues;
	uint16_t queue_max;
};

/**
 * virtio_mmio_init() - make a transport, with its eventfds
 *
 * Return: 0 or a negative errno (-EINVAL, -EMFILE, ...), nothing is left then.
 */
int virtio_mmio_init(struct virtio_mmio *mmio, const struct virtio_mmio_config *config);

/** virtio_mmio_destroy() - close the eventfds; no worker may run any more */
void virtio_mmio_destroy(struct virtio_mmio *mmio);

/* --- for the machine --- */

/**
 * virtio_mmio_read() - a vCPU read from the register window
 * @off: from the window's start
 * @len: 1, 2, 4 or 8
 *
 * Any thread but a worker. Waits for other register accesses, a reset's included,
 * and for a dump to be taken.
 */
void virtio_mmio_read(struct virtio_mmio *mmio, uint64_t off, void *data, uint32_t len);

/**
 * virtio_mmio_write() - a vCPU write to the register window
 *
 * As virtio_mmio_read(). A reset waits up to 1 s for the device's workers. A
 * QUEUE_NOTIFY that gets here (rather than to the kernel's ioeventfd) signals
 * the same eventfd.
 */
void virtio_mmio_write(struct virtio_mmio *mmio, uint64_t off, const void *data, uint32_t len);

/** virtio_mmio_queue_count() - queues, numbered from 0 */
unsigned int virtio_mmio_queue_count(const struct virtio_mmio *mmio);

/**
 * virtio_mmio_kick_fd() - the eventfd to signal when the driver writes @q to
 * QUEUE_NOTIFY (offset 0x50, 4 bytes); -EINVAL if there is no such queue
 *
 * The transport owns it.
 */
int virtio_mmio_kick_fd(struct virtio_mmio *mmio, unsigned int q);

/**
 * virtio_mmio_irq_fd() - the eventfd that is signalled to interrupt the guest
 *
 * Edge: one write, one interrupt. The transport owns it.
 */
int virtio_mmio_irq_fd(struct virtio_mmio *mmio);

/**
 * virtio_mmio_set_mem() - wire guest memory
 * @mem: constant and alive as long as the device
 *
 * Before the guest runs; a kick that comes earlier is dropped with a warning.
 */
void virtio_mmio_set_mem(struct virtio_mmio *mmio, const struct guest_mem *mem);

/* --- for the device --- */

/** virtio_mmio_mem() - guest memory, NULL if not wired yet; any thread */
const struct guest_mem *virtio_mmio_mem(const struct virtio_mmio *mmio);

/**
 * virtio_mmio_features() - the accepted features, 0 before FEATURES_OK
 *
 * In the ops, and in a worker started by activate.
 */
uint64_t virtio_mmio_features(const struct virtio_mmio *mmio);

/** virtio_mmio_status() - the status register; any thread */
uint32_t virtio_mmio_status(const struct virtio_mmio *mmio);

/**
 * virtio_mmio_init_virtq() - start @vq from queue @q's registers, in activate
 *
 * EVENT_IDX and INDIRECT_DESC are taken from the accepted features.
 */
void virtio_mmio_init_virtq(struct virtio_mmio *mmio, unsigned int q, struct virtq *vq);

/**
 * virtio_mmio_accept() - the driver's features, by another way than the registers
 * @features: a subset of what is offered
 *
 * VIRTIO_F_VERSION_1 isn't asked for: where this machine and the guest are little-endian,
 * a legacy driver's rings and requests are the same.
 *
 * Return: 0, or -EINVAL if @features has something else.
 */
int virtio_mmio_accept(struct virtio_mmio *mmio, uint64_t features);

/** virtio_mmio_kick() - as if the driver had notified queue @q; any thread */
void virtio_mmio_kick(struct virtio_mmio *mmio, unsigned int q);

/** virtio_mmio_drop_kicks() - forget kicks that nobody has read yet, in activate */
void virtio_mmio_drop_kicks(struct virtio_mmio *mmio);

/**
 * virtio_mmio_raise() - set bits of INTERRUPT_STATUS, and interrupt if asked
 * @bits: VIRTIO_MMIO_INT_VRING, VIRTIO_MMIO_INT_CONFIG
 * @interrupt: write the irq eventfd; otherwise the bits are set silently
 *
 * Any thread; what was published before is visible to whoever sees the bits.
 */
void virtio_mmio_raise(struct virtio_mmio *mmio, uint32_t bits, bool interrupt);

/**
 * virtio_mmio_set_needs_reset() - OR NEEDS_RESET into the status, any thread
 *
 * Raise VIRTIO_MMIO_INT_CONFIG afterwards. Only a reset clears it.
 */
void virtio_mmio_set_needs_reset(struct virtio_mmio *mmio);

/** virtio_mmio_config_changed() - config_generation + 1; the caller raises the interrupt */
void virtio_mmio_config_changed(struct virtio_mmio *mmio);

#endif /* SS_VIRTIO_MMIO_H */
