// SPDX-License-Identifier: GPL-2.0-only
/* A front-end's life, and its messages on the device. */
#include "virtio/vhost_user_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/log.h"

/*
 * A worker looks for more for so long, and not just the 20 us that a wake-up takes. The
 * driver's notification is a system call of its machine's here, and each interrupt goes
 * through that machine's main loop; an emulated driver takes some 100 us from one request
 * to the next. In such a guest, at depth 32, that was 1.3 to 1.5 times the reads, with three
 * to an interrupt instead of two, and at depth 1 no fewer.
 */
#define LINGER_NS 100000

/* --- features --- */

static uint64_t offered(const struct vhost_user *vu)
{
	return vu->dev->mmio.offered | VU_F_PROTOCOL_FEATURES;
}

static int get_features(struct vhost_user *vu, struct vu_msg *msg)
{
	(void)msg;
	return vu_reply_u64(vu, offered(vu));
}

/* Return: 0, or -ETIMEDOUT after a line. */
static int reset_device(struct vhost_user *vu)
{
	struct virtio_mmio *mmio = &vu->dev->mmio;
	const uint32_t none = 0;
	int ret = vu_rings_halt(vu);

	if (ret)
		return ret;
	virtio_mmio_write(mmio, VIRTIO_MMIO_STATUS, &none, sizeof(none));
	if (virtio_mmio_status(mmio))
		return -ETIMEDOUT;
	vu_rings_forget(vu);
	vu->features = 0;
	return 0;
}

static int set_features(struct vhost_user *vu, struct vu_msg *msg)
{
	const uint64_t features = msg->p.u64, device = features & ~VU_F_PROTOCOL_FEATURES;
	struct virtio_mmio *mmio = &vu->dev->mmio;
	const bool running = vu_rings_running(vu);

	if (features & ~offered(vu))
		return vu_refuse(vu, "0x%" PRIx64 " isn't offered", features & ~offered(vu));
	/* A ring broke, and the driver begins anew: that is a reset, if nobody said so. */
	if (!running && virtio_mmio_status(mmio) & VIRTIO_CONFIG_S_NEEDS_RESET) {
		const uint32_t none = 0;

		virtio_mmio_write(mmio, VIRTIO_MMIO_STATUS, &none, sizeof(none));
		vu->features = 0;
	}
	if (running && features != vu->features)
		return vu_refuse(vu, "out of order: a ring is running");
	vu->features = features;
	/* The same ones again must not change what the driver has set since. */
	return device == virtio_mmio_features(mmio) ? 0 : virtio_mmio_accept(mmio, device);
}

static int get_protocol_features(struct vhost_user *vu, struct vu_msg *msg)
{
	(void)msg;
	return vu_reply_u64(vu, VU_PROTOCOL_FEATURES);
}

static int set_protocol_features(struct vhost_user *vu, struct vu_msg *msg)
{
	if (msg->p.u64 & ~VU_PROTOCOL_FEATURES)
		return vu_refuse(vu, "0x%" PRIx64 " isn't offered",
				 msg->p.u64 & ~VU_PROTOCOL_FEATURES);
	vu->protocol = msg->p.u64;
	return 0;
}

static int get_queue_num(struct vhost_user *vu, struct vu_msg *msg)
{
	(void)msg;
	return vu_reply_u64(vu, vu->dev->nr_queues);
}

/* --- owner and reset --- */

static int set_owner(struct vhost_user *vu, struct vu_msg *msg)
{
	(void)msg;
	vu->owned = true;
	return 0;
}

static int reset_owner(struct vhost_user *vu, struct vu_msg *msg)
{
	(void)vu;
	(void)msg;
	return 0;
}

static int do_reset_device(struct vhost_user *vu, struct vu_msg *msg)
{
	int ret = reset_device(vu);

	(void)msg;
	if (!ret)
		vu_inflight_forget(vu);
	return ret;
}

/* --- config space --- */

static int get_config(struct vhost_user *vu, struct vu_msg *msg)
{
	struct vu_config *c = &msg->p.config;

	if (c->size > VU_CONFIG_MAX || c->offset > VU_CONFIG_MAX - c->size)
		return vu_refuse(vu, "%u bytes at %u", c->size, c->offset);
	virtio_mmio_read(&vu->dev->mmio, VIRTIO_MMIO_CONFIG + c->offset, c->data, c->size);
	return vu_reply(vu, c, VU_CONFIG_HEADER + c->size, -1);
}

/* The device takes what may be written, and leaves the rest as it is. */
static int set_config(struct vhost_user *vu, struct vu_msg *msg)
{
	const struct vu_config *c = &msg->p.config;

	if (!c->size || c->size > VU_CONFIG_MAX || c->offset > VU_CONFIG_MAX - c->size ||
	    msg->h.size != VU_CONFIG_HEADER + c->size)
		return vu_refuse(vu, "%u bytes at %u, of %u", c->size, c->offset, msg->h.size);
	virtio_mmio_write(&vu->dev->mmio, VIRTIO_MMIO_CONFIG + c->offset, c->data, c->size);
	return 0;
}

/* --- the requests --- */

#define U64    sizeof(uint64_t)
#define STATE  sizeof(struct vu_vring_state)
#define SLOT   sizeof(struct vu_mem_slot)
#define CONFIG sizeof(struct vu_config)

/* clang-format off */
static const struct vu_request_info requests[VU_NR_REQUESTS] = {
	[VU_GET_FEATURES] = { "GET_FEATURES", .any_time = true, .handle = get_features },
	[VU_SET_FEATURES] = { "SET_FEATURES", U64, U64, .handle = set_features },
	[VU_SET_OWNER] = { "SET_OWNER", .any_time = true, .handle = set_owner },
	[VU_RESET_OWNER] = { "RESET_OWNER", .any_time = true, .handle = reset_owner },
	[VU_SET_MEM_TABLE] = { "SET_MEM_TABLE", U64, sizeof(struct vu_mem_table), 0, VU_MAX_FDS,
			       .handle = vu_set_mem_table },
	[VU_SET_VRING_NUM] = { "SET_VRING_NUM", STATE, STATE, .handle = vu_set_vring_num },
	[VU_SET_VRING_ADDR] = { "SET_VRING_ADDR", sizeof(struct vu_vring_addr),
				sizeof(struct vu_vring_addr), .handle = vu_set_vring_addr },
	[VU_SET_VRING_BASE] = { "SET_VRING_BASE", STATE, STATE, .handle = vu_set_vring_base },
	[VU_GET_VRING_BASE] = { "GET_VRING_BASE", STATE, STATE, .handle = vu_get_vring_base },
	[VU_SET_VRING_KICK] = { "SET_VRING_KICK", U64, U64, 0, 1, .handle = vu_set_vring_kick },
	[VU_SET_VRING_CALL] = { "SET_VRING_CALL", U64, U64, 0, 1, .handle = vu_set_vring_call },
	[VU_SET_VRING_ERR] = { "SET_VRING_ERR", U64, U64, 0, 1, .handle = vu_set_vring_err },
	[VU_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", .any_time = true,
				       .handle = get_protocol_features },
	[VU_SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES", U64, U64, .any_time = true,
				       .handle = set_protocol_features },
	[VU_GET_QUEUE_NUM] = { "GET_QUEUE_NUM", .any_time = true, .handle = get_queue_num },
	[VU_SET_VRING_ENABLE] = { "SET_VRING_ENABLE", STATE, STATE,
				  .handle = vu_set_vring_enable },
	[VU_GET_CONFIG] = { "GET_CONFIG", VU_CONFIG_HEADER, CONFIG, .protocol = VU_PROTOCOL_CONFIG,
			    .handle = get_config },
	[VU_SET_CONFIG] = { "SET_CONFIG", VU_CONFIG_HEADER, CONFIG, .protocol = VU_PROTOCOL_CONFIG,
			    .handle = set_config },
	[VU_GET_INFLIGHT_FD] = { "GET_INFLIGHT_FD", VU_INFLIGHT_SIZE, sizeof(struct vu_inflight),
				 .protocol = VU_PROTOCOL_INFLIGHT, .handle = vu_get_inflight_fd },
	[VU_SET_INFLIGHT_FD] = { "SET_INFLIGHT_FD", VU_INFLIGHT_SIZE, sizeof(struct vu_inflight),
				 1, 1, VU_PROTOCOL_INFLIGHT, .handle = vu_set_inflight_fd },
	[VU_RESET_DEVICE] = { "RESET_DEVICE", .protocol = VU_PROTOCOL_RESET_DEVICE,
			      .handle = do_reset_device },
	[VU_GET_MAX_MEM_SLOTS] = { "GET_MAX_MEM_SLOTS", .protocol = VU_PROTOCOL_MEM_SLOTS,
				   .any_time = true, .handle = vu_get_max_mem_slots },
	[VU_ADD_MEM_REG] = { "ADD_MEM_REG", SLOT, SLOT, 1, 1, VU_PROTOCOL_MEM_SLOTS,
			     .handle = vu_add_mem_reg },
	/* Some send a descriptor with it: it's closed. */
	[VU_REM_MEM_REG] = { "REM_MEM_REG", SLOT, SLOT, 0, 1, VU_PROTOCOL_MEM_SLOTS,
			     .handle = vu_rem_mem_reg },
};
/* clang-format on */

const struct vu_request_info *vu_request_info(uint32_t request)
{
	return request < VU_NR_REQUESTS && requests[request].name ? &requests[request] : NULL;
}

/* --- life --- */

static int open_fds(struct vhost_user *vu)
{
	vu->quiet_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (vu->quiet_fd < 0)
		return -errno;
	vu->lost_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (vu->lost_fd < 0)
		return -errno;
	return vu_rings_init(vu);
}

int vhost_user_create(struct vdev *dev, const struct io_clock *clock, struct vhost_user **out)
{
	static const struct io_clock monotonic = IO_CLOCK_MONOTONIC_INIT;
	struct vhost_user *vu = calloc(1, sizeof(*vu));
	int ret = -ENOMEM;

	if (!vu)
		return ret;
	vu->dev = dev;
	vu->clock = clock ? *clock : monotonic;
	vu->sock = vu->quiet_fd = vu->lost_fd = -1;
	for (unsigned int q = 0; q < dev->nr_queues; q++)
		vu->ring[q].kick_fd = vu->ring[q].call_fd = vu->ring[q].err_fd = -1;
	vu->mem = calloc(1, sizeof(*vu->mem));
	if (vu->mem)
		ret = open_fds(vu);
	if (!ret)
		ret = shared_map_guard();
	if (ret) {
		vhost_user_destroy(vu);
		return ret;
	}
	virtio_mmio_set_mem(&dev->mmio, &vu->mem->guest);
	dev->transport = &vu->transport;
	dev->linger_ns = LINGER_NS;
	*out = vu;
	return 0;
}

void vhost_user_destroy(struct vhost_user *vu)
{
	if (!vu)
		return;
	if (vu->dev->transport == &vu->transport) {
		vu->dev->transport = NULL;
		vu->dev->linger_ns = VDEV_LINGER_NS;
		virtio_mmio_set_mem(&vu->dev->mmio, NULL);
	}
	vu_rings_destroy(vu);
	if (vu->quiet_fd >= 0)
		close(vu->quiet_fd);
	if (vu->lost_fd >= 0)
		close(vu->lost_fd);
	free(vu->mem);
	free(vu);
}

int vhost_user_attach(struct vhost_user *vu, int sock)
{
	if (vu->sock >= 0)
		return -EBUSY;
	vu->sock = sock;
	return 0;
}

bool vhost_user_attached(const struct vhost_user *vu)
{
	return vu->sock >= 0;
}

int vhost_user_sock(const struct vhost_user *vu)
{
	return vu->sock;
}

int vhost_user_lost_fd(const struct vhost_user *vu)
{
	return vu->lost_fd;
}

uint64_t vhost_user_deadline(const struct vhost_user *vu)
{
	return vu->got ? vu->since + VHOST_USER_MESSAGE_NS : 0;
}

int vhost_user_wait_ms(const struct vhost_user *vu)
{
	const uint64_t until = vhost_user_deadline(vu), now = io_clock_now(&vu->clock);

	if (!until)
		return -1;
	return until > now ? (int)((until - now) / 1000000) + 1 : 0;
}

int vhost_user_detach(struct vhost_user *vu)
{
	uint64_t lost;
	ssize_t n;
	int ret;

	vu_forget_message(vu);
	if (vu->sock >= 0)
		close(vu->sock);
	vu->sock = -1;
	ret = reset_device(vu);
	if (ret)
		return ret;
	vu_tables_drop(vu);
	vu->owned = false;
	vu->protocol = 0;
	n = read(vu->lost_fd, &lost, sizeof(lost));
	(void)n;
	return 0;
}

/* --- messages --- */

/* Where the front-end wants to hear how it went, and no reply has told. */
static int acknowledge(struct vhost_user *vu, int ret)
{
	const bool wanted = vu->protocol & VU_PROTOCOL_REPLY_ACK && vu->in.h.flags & VU_NEED_REPLY;

	if (!wanted || ret > 0)
		return ret < 0 ? ret : 0;
	if (vu_reply_u64(vu, ret != 0) < 0 && !ret)
		return -EPROTO;
	return ret;
}

static bool memory_lost(const struct vhost_user *vu)
{
	uint64_t count;

	return read(vu->lost_fd, &count, sizeof(count)) == sizeof(count);
}

int vhost_user_turn(struct vhost_user *vu)
{
	int ret;

	if (memory_lost(vu))
		return vu_refuse(vu,
				 "the front-end has made a file shorter that it shares with us");
	if (vu->sock < 0)
		return 0;
	ret = vu_receive(vu);
	if (!ret && vu->got && io_clock_now(&vu->clock) >= vhost_user_deadline(vu))
		return vu_refuse(vu, "half a message, and then nothing");
	if (ret <= 0)
		return ret;
	ret = acknowledge(vu, vu_request_info(vu->in.h.request)->handle(vu, &vu->in));
	vu_forget_message(vu);
	return ret;
}
