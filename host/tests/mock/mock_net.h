/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A network device in front of a mock guest, driven by hand: the test is the
 * driver, the clock and the worker's thread.
 */
#ifndef SS_MOCK_NET_H
#define SS_MOCK_NET_H

#include <linux/virtio_net.h>

#include "mock_guest.h"
#include "virtio/net.h"

#define MOCK_NET_START	1000000000000ULL /* the clock begins here, ns */
#define MOCK_NET_ROOM	0x100000ULL	 /* of guest memory for frames, and for buffers */
#define MOCK_NET_FRAMES GUEST_BIG
#define MOCK_NET_BUFS	(GUEST_BIG + MOCK_NET_ROOM)
#define MOCK_NET_SPARE	(MOCK_NET_BUFS + MOCK_NET_ROOM) /* 0x40000 for what a test likes */
#define MOCK_NET_BUF	1530				/* what Linux gives: a tagged frame fits */

#define NET_FEATURES	FEAT(VIRTIO_F_VERSION_1)
#define MOCK_NET_PIECES 300

struct mock_net {
	struct mock_guest g;
	struct mock_clock clock;
	struct ss_net_counters counters;
	struct ss_net_pressure pressure;
	struct ss_net_counters seen; /* by mock_net_changes() */
	struct ss_net_pressure pressure_seen;
	struct net *net;
	struct virtio_mmio *m;
	struct mock_queue rx, tx;
	uint64_t next_frame, next_buf; /* offsets */
	uint32_t seq;
};

/* What a test may want otherwise; 0 is usual. */
struct mock_net_opts {
	unsigned int mtu;
	bool threads; /* true worker, true time */
	struct throttle_limits limits;
	struct throttle *throttle;
	const cpu_set_t *affinity;
};

/* A frame that the driver sends: header at @gpa, @len bytes behind it. */
struct mock_frame {
	uint16_t head;
	uint64_t gpa;
	uint32_t len;
};

/* A buffer that the driver gives: @len bytes at @gpa, header included. */
struct mock_buf {
	uint16_t head;
	uint64_t gpa;
	uint32_t len;
};

/** mock_net_init() - make the device, net2; no driver yet */
int mock_net_init(struct mock_net *n, const struct mock_net_opts *opts);

/** mock_net_free() - destroy it; returns net_destroy()'s answer */
int mock_net_free(struct mock_net *n);

/** mock_net_start() - a driver that takes @features and two queues of @size, to DRIVER_OK */
void mock_net_start(struct mock_net *n, uint64_t features, uint16_t size);

/** mock_net_kick() - notify TX and let the worker have a turn, as the timer may */
void mock_net_kick(struct mock_net *n);

uint64_t mock_net_irqs(struct mock_net *n); /* since the last call */
uint32_t mock_net_isr(struct mock_net *n);
uint32_t mock_net_status(struct mock_net *n);

/** mock_net_changes() - as mock_blk_changes(): the counters, then the throttle's figures */
const char *mock_net_changes(struct mock_net *n);

/** mock_net_frame() - a frame of @len bytes in memory, no two alike; in no chain yet */
struct mock_frame mock_net_frame(struct mock_net *n, uint32_t len);

/** mock_net_buf() - a buffer of @len bytes in memory, all 0xee; in no chain yet */
struct mock_buf mock_net_buf(struct mock_net *n, uint32_t len);

/**
 * mock_net_cut() - as descriptors: one for each length in @cut, and one for the rest
 * @cut: ends with 0
 *
 * Makes the chain available. Return: its head.
 */
uint16_t mock_net_cut(struct mock_queue *q, uint64_t gpa, uint32_t len, bool write,
		      const uint32_t *cut);

/** mock_net_send() - send a frame of @len bytes, header and all in one descriptor */
struct mock_frame mock_net_send(struct mock_net *n, uint32_t len);

/** mock_net_give() - give one usual buffer */
struct mock_buf mock_net_give(struct mock_net *n);

/** mock_net_sent() - TX's next used element is @f's, of length 0 */
bool mock_net_sent(struct mock_net *n, const struct mock_frame *f);

/** mock_net_got() - RX's next used element is @b's, and it holds @f; nothing behind it */
bool mock_net_got(struct mock_net *n, const struct mock_buf *b, const struct mock_frame *f);

/** mock_net_holds() - @b, wherever it comes in the used ring, holds @f */
bool mock_net_holds(struct mock_net *n, const struct mock_buf *b, const struct mock_frame *f);

/** mock_net_returned() - RX's next used element is @b's, of length 0 and untouched */
bool mock_net_returned(struct mock_net *n, const struct mock_buf *b);

/** mock_net_nothing() - nothing (more) was published on @q */
bool mock_net_nothing(struct mock_queue *q);

#endif /* SS_MOCK_NET_H */
