/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vhost-user protocol's numbers and layouts, as far as they are used here (QEMU's
 * "Vhost-user Protocol"). All fields are in this machine's byte order.
 */
#ifndef SS_VIRTIO_VHOST_USER_PROTO_H
#define SS_VIRTIO_VHOST_USER_PROTO_H

#include <stdint.h>

enum vu_request {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_OWNER = 3,
	VU_RESET_OWNER = 4,
	VU_SET_MEM_TABLE = 5,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_GET_VRING_BASE = 11,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
	VU_SET_VRING_ERR = 14,
	VU_GET_PROTOCOL_FEATURES = 15,
	VU_SET_PROTOCOL_FEATURES = 16,
	VU_GET_QUEUE_NUM = 17,
	VU_SET_VRING_ENABLE = 18,
	VU_GET_CONFIG = 24,
	VU_SET_CONFIG = 25,
	VU_GET_INFLIGHT_FD = 31,
	VU_SET_INFLIGHT_FD = 32,
	VU_RESET_DEVICE = 34,
	VU_GET_MAX_MEM_SLOTS = 36,
	VU_ADD_MEM_REG = 37,
	VU_REM_MEM_REG = 38,
	VU_NR_REQUESTS
};

/* In the flags of a message. */
#define VU_VERSION_MASK 3u
#define VU_VERSION	1u
#define VU_REPLY	(1u << 2)
#define VU_NEED_REPLY	(1u << 3)

/* Among the device's features: the protocol's own can be negotiated. */
#define VU_F_PROTOCOL_FEATURES (UINT64_C(1) << 30)

/* The protocol's own features. */
#define VU_PROTOCOL_MQ		 (UINT64_C(1) << 0)
#define VU_PROTOCOL_REPLY_ACK	 (UINT64_C(1) << 3)
#define VU_PROTOCOL_CONFIG	 (UINT64_C(1) << 9)
#define VU_PROTOCOL_INFLIGHT	 (UINT64_C(1) << 12)
#define VU_PROTOCOL_RESET_DEVICE (UINT64_C(1) << 13)
#define VU_PROTOCOL_MEM_SLOTS	 (UINT64_C(1) << 15)

/* In the payload of SET_VRING_KICK, _CALL and _ERR. */
#define VU_VRING_INDEX UINT64_C(0xff)
#define VU_VRING_NO_FD (UINT64_C(1) << 8)

#define VU_MAX_FDS     8 /* in a message, and regions in SET_MEM_TABLE */
#define VU_CONFIG_MAX  256

struct vu_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
};

struct vu_vring_state {
	uint32_t index;
	uint32_t num;
};

struct vu_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;
	uint64_t used;
	uint64_t avail;
	uint64_t log;
};

struct vu_mem_region {
	uint64_t guest;
	uint64_t size;
	uint64_t user;
	uint64_t offset;
};

struct vu_mem_table {
	uint32_t nr;
	uint32_t padding;
	struct vu_mem_region region[VU_MAX_FDS];
};

struct vu_mem_slot {
	uint64_t padding;
	struct vu_mem_region region;
};

struct vu_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t data[VU_CONFIG_MAX];
};

#define VU_CONFIG_HEADER 12u

struct vu_inflight {
	uint64_t mmap_size;
	uint64_t mmap_offset;
	uint16_t num_queues;
	uint16_t queue_size;
};

/* What goes over the socket of it: the struct is padded to a multiple of 8. */
#define VU_INFLIGHT_SIZE 20u

union vu_payload {
	uint64_t u64;
	struct vu_vring_state state;
	struct vu_vring_addr addr;
	struct vu_mem_table mem;
	struct vu_mem_slot slot;
	struct vu_config config;
	struct vu_inflight inflight;
};

_Static_assert(sizeof(struct vu_header) == 12, "as the protocol has it");
_Static_assert(sizeof(struct vu_vring_addr) == 40, "as the protocol has it");
_Static_assert(sizeof(struct vu_mem_table) == 8 + 32 * VU_MAX_FDS, "as the protocol has it");
_Static_assert(sizeof(struct vu_mem_slot) == 40, "as the protocol has it");

#endif /* SS_VIRTIO_VHOST_USER_PROTO_H */
