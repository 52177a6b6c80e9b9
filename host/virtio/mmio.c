// SPDX-License-Identifier: GPL-2.0-only
/* The virtio-mmio registers (virtio 1.2, 4.2.2): the status machine, queues, interrupts. */
#include "virtio/mmio.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/log.h"

#define MMIO_VERSION	 2
#define STATUS_CAS_TRIES 8

#define STATUS_RUNNING                                                                             \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |      \
	 VIRTIO_CONFIG_S_DRIVER_OK)

/* --- construction --- */

static int make_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int virtio_mmio_init(struct virtio_mmio *mmio, const struct virtio_mmio_config *config)
{
	int ret;

	if (!config->nr_queues || config->nr_queues > VIRTIO_MMIO_MAX_QUEUES ||
	    !config->queue_max || config->queue_max > VIRTQ_MAX_SIZE ||
	    config->queue_max & (config->queue_max - 1))
		return -EINVAL;

	*mmio = (struct virtio_mmio){
		.ops = config->ops,
		.priv = config->priv,
		.offered = config->features | 1ULL << VIRTIO_F_VERSION_1,
		.queue_max = config->queue_max,
		.irq_fd = -1,
	};
	pthread_mutex_init(&mmio->lock, NULL);
	ret = make_eventfd();
	if (ret < 0)
		goto fail;
	mmio->irq_fd = ret;
	while (mmio->nr_queues < config->nr_queues) {
		ret = make_eventfd();
		if (ret < 0)
			goto fail;
		mmio->queue[mmio->nr_queues++].kick_fd = ret;
	}
	return 0;

fail:
	virtio_mmio_destroy(mmio);
	return ret;
}

void virtio_mmio_destroy(struct virtio_mmio *mmio)
{
	for (unsigned int q = 0; q < mmio->nr_queues; q++)
		close(mmio->queue[q].kick_fd);
	mmio->nr_queues = 0;
	if (mmio->irq_fd >= 0)
		close(mmio->irq_fd);
	mmio->irq_fd = -1;
	pthread_mutex_destroy(&mmio->lock);
}

static void eventfd_signal(int fd)
{
	const uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	/* Fails only when the counter is full, and then it is signalled anyway. */
	(void)n;
}

static void eventfd_clear(int fd)
{
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n;
}

/* --- for the device --- */

const struct guest_mem *virtio_mmio_mem(const struct virtio_mmio *mmio)
{
	return __atomic_load_n(&mmio->mem, __ATOMIC_ACQUIRE);
}

uint64_t virtio_mmio_features(const struct virtio_mmio *mmio)
{
	return mmio->features;
}

uint32_t virtio_mmio_status(const struct virtio_mmio *mmio)
{
	return __atomic_load_n(&mmio->status, __ATOMIC_ACQUIRE);
}

void virtio_mmio_init_virtq(struct virtio_mmio *mmio, unsigned int q, struct virtq *vq)
{
	const struct virtio_mmio_queue *regs = &mmio->queue[q];
	const struct virtq_config config = {
		.desc = regs->desc,
		.avail = regs->avail,
		.used = regs->used,
		.size = regs->num,
		.ready = regs->ready,
		.event_idx = mmio->features >> VIRTIO_RING_F_EVENT_IDX & 1,
		.indirect = mmio->features >> VIRTIO_RING_F_INDIRECT_DESC & 1,
	};

	virtq_init(vq, &config, virtio_mmio_mem(mmio));
}

void virtio_mmio_kick(struct virtio_mmio *mmio, unsigned int q)
{
	if (q < mmio->nr_queues)
		eventfd_signal(mmio->queue[q].kick_fd);
}

void virtio_mmio_drop_kicks(struct virtio_mmio *mmio)
{
	for (unsigned int q = 0; q < mmio->nr_queues; q++)
		eventfd_clear(mmio->queue[q].kick_fd);
}

void virtio_mmio_raise(struct virtio_mmio *mmio, uint32_t bits, bool interrupt)
{
	__atomic_fetch_or(&mmio->interrupt_status, bits, __ATOMIC_RELEASE);
	if (interrupt)
		eventfd_signal(mmio->irq_fd);
}

void virtio_mmio_set_needs_reset(struct virtio_mmio *mmio)
{
	__atomic_fetch_or(&mmio->status, VIRTIO_CONFIG_S_NEEDS_RESET, __ATOMIC_RELEASE);
}

void virtio_mmio_config_changed(struct virtio_mmio *mmio)
{
	__atomic_fetch_add(&mmio->config_generation, 1, __ATOMIC_RELEASE);
}

/* --- the status machine --- */

/* A misbehaving driver gets one line, not a flood. */
static void status_refused(struct virtio_mmio *mmio, uint32_t from, uint32_t to)
{
	if (mmio->warned_status)
		return;
	mmio->warned_status = true;
	ss_warn("%s: the guest's driver may not change the device status from 0x%x to 0x%x",
		mmio->ops->name, from, to);
}

/*
 * Add one bit. Other vCPUs are locked out, but a worker may OR NEEDS_RESET in
 * at any moment: the compare-and-swap never writes over it, and with it set
 * nothing is added. The bound is for form: the word can change once.
 */
static bool status_add(struct virtio_mmio *mmio, uint32_t bit)
{
	uint32_t old = virtio_mmio_status(mmio);

	for (int i = 0; i < STATUS_CAS_TRIES; i++) {
		if (old & VIRTIO_CONFIG_S_NEEDS_RESET)
			return false;
		if (__atomic_compare_exchange_n(&mmio->status, &old, old | bit, false,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return true;
	}
	return false;
}

static void device_failed(struct virtio_mmio *mmio, const char *what, int err)
{
	ss_err("%s: %s (%s); the device waits for a reset by the guest", mmio->ops->name, what,
	       strerror(-err));
	virtio_mmio_set_needs_reset(mmio);
	virtio_mmio_raise(mmio, VIRTIO_MMIO_INT_CONFIG, true);
}

static void mmio_reset(struct virtio_mmio *mmio)
{
	int ret = mmio->ops->deactivate(mmio->priv);

	if (ret) {
		device_failed(mmio, "a worker can't be stopped", ret);
		return;
	}
	virtio_mmio_drop_kicks(mmio);
	for (unsigned int q = 0; q < mmio->nr_queues; q++) {
		struct virtio_mmio_queue *regs = &mmio->queue[q];

		*regs = (struct virtio_mmio_queue){ .kick_fd = regs->kick_fd };
	}
	mmio->features_sel = mmio->driver_features_sel = mmio->queue_sel = 0;
	mmio->driver_features = mmio->features = 0;
	mmio->warned_status = false;
	eventfd_clear(mmio->irq_fd);
	__atomic_store_n(&mmio->interrupt_status, 0, __ATOMIC_RELEASE);
	virtio_mmio_config_changed(mmio);
	/* Last: a driver that polls for 0 finds everything clear. */
	__atomic_store_n(&mmio->status, 0, __ATOMIC_RELEASE);
}

static void accept_features(struct virtio_mmio *mmio)
{
	const uint64_t features = mmio->driver_features;

	if (!(features >> VIRTIO_F_VERSION_1 & 1) || features & ~mmio->offered) {
		if (mmio->ops->bad_features_fail)
			status_add(mmio, VIRTIO_CONFIG_S_FAILED);
		return;
	}
	if (!status_add(mmio, VIRTIO_CONFIG_S_FEATURES_OK))
		return;
	mmio->features = features;
	if (mmio->ops->features_changed)
		mmio->ops->features_changed(mmio->priv);
}

int virtio_mmio_accept(struct virtio_mmio *mmio, uint64_t features)
{
	if (features & ~mmio->offered)
		return -EINVAL;
	pthread_mutex_lock(&mmio->lock);
	mmio->features = features;
	if (mmio->ops->features_changed)
		mmio->ops->features_changed(mmio->priv);
	pthread_mutex_unlock(&mmio->lock);
	return 0;
}

static void activate(struct virtio_mmio *mmio)
{
	int ret;

	if (!status_add(mmio, VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	ret = mmio->ops->activate(mmio->priv);
	if (ret)
		device_failed(mmio, "the workers can't be started", ret);
}

static void write_status(struct virtio_mmio *mmio, uint32_t value)
{
	const uint32_t old = virtio_mmio_status(mmio);
	const uint32_t added = value & ~old;

	if (!value) {
		mmio_reset(mmio);
		return;
	}
	if (old & VIRTIO_CONFIG_S_NEEDS_RESET || value == old)
		return;
	if (added & VIRTIO_CONFIG_S_FAILED) {
		status_add(mmio, VIRTIO_CONFIG_S_FAILED);
		return;
	}
	/* The bits in order: the new one follows directly on all that are set. */
	if (old & ~value || old & VIRTIO_CONFIG_S_FAILED) {
		status_refused(mmio, old, value);
		return;
	}
	switch (added) {
	case VIRTIO_CONFIG_S_ACKNOWLEDGE:
		status_add(mmio, added);
		return;
	case VIRTIO_CONFIG_S_DRIVER:
		if (!(old & VIRTIO_CONFIG_S_ACKNOWLEDGE))
			break;
		status_add(mmio, added);
		return;
	case VIRTIO_CONFIG_S_FEATURES_OK:
		if (!(old & VIRTIO_CONFIG_S_DRIVER))
			break;
		accept_features(mmio);
		return;
	case VIRTIO_CONFIG_S_DRIVER_OK:
		if ((value & STATUS_RUNNING) != STATUS_RUNNING)
			break;
		activate(mmio);
		return;
	}
	status_refused(mmio, old, value);
}

/* --- registers --- */

static struct virtio_mmio_queue *selected(struct virtio_mmio *mmio)
{
	return mmio->queue_sel < mmio->nr_queues ? &mmio->queue[mmio->queue_sel] : NULL;
}

static uint32_t read_register(struct virtio_mmio *mmio, uint64_t off)
{
	const struct virtio_mmio_queue *regs = selected(mmio);

	switch (off) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return 'v' | 'i' << 8 | 'r' << 16 | 't' << 24;
	case VIRTIO_MMIO_VERSION:
		return MMIO_VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return mmio->ops->device_id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VIRTIO_MMIO_VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return mmio->features_sel > 1
			       ? 0
			       : (uint32_t)(mmio->offered >> 32 * mmio->features_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return regs ? mmio->queue_max : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return regs ? regs->ready : 0;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return __atomic_load_n(&mmio->interrupt_status, __ATOMIC_ACQUIRE);
	case VIRTIO_MMIO_STATUS:
		return virtio_mmio_status(mmio);
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return ~0u; /* no such region */
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return __atomic_load_n(&mmio->config_generation, __ATOMIC_ACQUIRE);
	default:
		return 0;
	}
}

/* Only between FEATURES_OK and DRIVER_OK does the driver own the queue registers. */
static bool queues_writable(const struct virtio_mmio *mmio)
{
	const uint32_t mask = VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK |
			      VIRTIO_CONFIG_S_FAILED | VIRTIO_CONFIG_S_NEEDS_RESET;

	return (virtio_mmio_status(mmio) & mask) == VIRTIO_CONFIG_S_FEATURES_OK;
}

static void set_low(uint64_t *reg, uint32_t value)
{
	*reg = (*reg & ~0xffffffffULL) | value;
}

static void set_high(uint64_t *reg, uint32_t value)
{
	*reg = (*reg & 0xffffffffULL) | (uint64_t)value << 32;
}

static void write_queue_register(struct virtio_mmio *mmio, uint64_t off, uint32_t value)
{
	struct virtio_mmio_queue *regs = selected(mmio);

	if (!regs || !queues_writable(mmio))
		return;
	switch (off) {
	case VIRTIO_MMIO_QUEUE_NUM:
		/* An impossible size leaves none, and a queue without a size isn't ready. */
		regs->num =
			value <= mmio->queue_max && !(value & (value - 1)) ? (uint16_t)value : 0;
		regs->ready = regs->ready && regs->num;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		if (value == 1)
			regs->ready = regs->num != 0;
		else if (value == 0)
			regs->ready = false;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
		set_low(&regs->desc, value);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_high(&regs->desc, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
		set_low(&regs->avail, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_high(&regs->avail, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
		set_low(&regs->used, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_high(&regs->used, value);
		break;
	}
}

static void write_driver_features(struct virtio_mmio *mmio, uint32_t value)
{
	const uint32_t mask = VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |
			      VIRTIO_CONFIG_S_FAILED | VIRTIO_CONFIG_S_NEEDS_RESET;

	if ((virtio_mmio_status(mmio) & mask) != VIRTIO_CONFIG_S_DRIVER)
		return;
	if (mmio->driver_features_sel == 0)
		set_low(&mmio->driver_features, value);
	else if (mmio->driver_features_sel == 1)
		set_high(&mmio->driver_features, value);
}

static void write_register(struct virtio_mmio *mmio, uint64_t off, uint32_t value)
{
	switch (off) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		mmio->features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_driver_features(mmio, value);
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		mmio->driver_features_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		mmio->queue_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		virtio_mmio_kick(mmio, value);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		__atomic_fetch_and(&mmio->interrupt_status, ~value, __ATOMIC_ACQ_REL);
		break;
	case VIRTIO_MMIO_STATUS:
		write_status(mmio, value);
		break;
	default:
		write_queue_register(mmio, off, value);
	}
}

/* Does [off, off + len) lie in config space? A device never sees anything else. */
static bool in_config(uint64_t off, uint32_t len)
{
	return off >= VIRTIO_MMIO_CONFIG && off < VIRTIO_MMIO_SIZE && len <= VIRTIO_MMIO_SIZE - off;
}

void virtio_mmio_read(struct virtio_mmio *mmio, uint64_t off, void *data, uint32_t len)
{
	uint32_t value;

	if (in_config(off, len)) {
		memset(data, 0, len);
		pthread_mutex_lock(&mmio->lock);
		mmio->ops->config_read(mmio->priv, (uint32_t)off - VIRTIO_MMIO_CONFIG, data, len);
		pthread_mutex_unlock(&mmio->lock);
		return;
	}
	if (len != sizeof(value) || off >= VIRTIO_MMIO_CONFIG) {
		memset(data, 0xff, len);
		return;
	}
	pthread_mutex_lock(&mmio->lock);
	value = htole32(read_register(mmio, off));
	pthread_mutex_unlock(&mmio->lock);
	memcpy(data, &value, sizeof(value));
}

void virtio_mmio_write(struct virtio_mmio *mmio, uint64_t off, const void *data, uint32_t len)
{
	uint32_t value;

	if (in_config(off, len)) {
		if (!mmio->ops->config_write)
			return;
		pthread_mutex_lock(&mmio->lock);
		if (!(virtio_mmio_status(mmio) & VIRTIO_CONFIG_S_NEEDS_RESET))
			mmio->ops->config_write(mmio->priv, (uint32_t)off - VIRTIO_MMIO_CONFIG,
						data, len);
		pthread_mutex_unlock(&mmio->lock);
		return;
	}
	if (len != sizeof(value) || off >= VIRTIO_MMIO_CONFIG)
		return;
	memcpy(&value, data, sizeof(value));
	pthread_mutex_lock(&mmio->lock);
	write_register(mmio, off, le32toh(value));
	pthread_mutex_unlock(&mmio->lock);
}

/* --- for the machine --- */

unsigned int virtio_mmio_queue_count(const struct virtio_mmio *mmio)
{
	return mmio->nr_queues;
}

int virtio_mmio_kick_fd(struct virtio_mmio *mmio, unsigned int q)
{
	return q < mmio->nr_queues ? mmio->queue[q].kick_fd : -EINVAL;
}

int virtio_mmio_irq_fd(struct virtio_mmio *mmio)
{
	return mmio->irq_fd;
}

void virtio_mmio_set_mem(struct virtio_mmio *mmio, const struct guest_mem *mem)
{
	__atomic_store_n(&mmio->mem, mem, __ATOMIC_RELEASE);
}
