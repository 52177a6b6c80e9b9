/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The network device (virtio 1.2, 5.1): a loopback. What the guest sends on TX
 * comes back on RX, unchanged. One worker serves both queues: it drains TX,
 * asks the throttle for each frame, and copies it from guest memory to guest
 * memory; a vCPU thread never waits for any of it.
 */
#ifndef SS_VIRTIO_NET_H
#define SS_VIRTIO_NET_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "io/clock.h"
#include "io/throttle.h"
#include "ss_counters.h"
#include "virtio/mmio.h"

#define NET_QUEUE_SIZE VIRTQ_MAX_SIZE
#define NET_MTU	       1500 /* unless configured */
#define NET_MTU_MIN    68   /* virtio 1.2, 5.1.4.1 */
#define NET_MTU_MAX    65535
#define NET_HDR_LEN    12 /* struct virtio_net_hdr with num_buffers */
#define NET_ETH_HLEN   14 /* what a frame holds beside the MTU; a VLAN tag isn't extra */
#define NET_MAC_LEN    6

enum net_queue_index {
	NET_RX,
	NET_TX,
	NET_NR_QUEUES,
};

struct net;

/**
 * struct net_config - how to make a network device
 * @index: its number, in thread and log names ("net0"); in probes it is
 *	SS_DEV_NET_BASE more
 * @mac: all zero: a locally administered one made from @index
 * @mtu: NET_MTU_MIN to NET_MTU_MAX; 0 means NET_MTU
 * @limits: of what is sent: ops are frames, bytes are theirs without the header
 * @throttle: use this one instead of @limits; borrowed; NULL for one of its own
 * @counters: @pressure: where to count, owned by the caller: plain memory or an
 *	mmapped BPF map, not zeroed here; NULL for memory of its own
 * @clock: NULL for CLOCK_MONOTONIC; another one only with @manual
 * @affinity: CPUs for the worker, copied; NULL for none
 * @manual: start no thread; a test calls net_step() or net_drain_queue()
 */
struct net_config {
	unsigned int index;
	uint8_t mac[NET_MAC_LEN];
	unsigned int mtu;
	struct throttle_limits limits;
	struct throttle *throttle;
	struct ss_net_counters *counters;
	struct ss_net_pressure *pressure;
	const struct io_clock *clock;
	const cpu_set_t *affinity;
	bool manual;
};

/**
 * net_default_mac() - the MAC a device has if none is given: 52:54:00:53:53:index
 *
 * Locally administered, and the same in every run.
 */
void net_default_mac(unsigned int index, uint8_t mac[NET_MAC_LEN]);

/**
 * net_create() - make a network device, its transport and its worker (not running)
 * @out: owned by the caller, for net_destroy()
 *
 * Return: 0; -EINVAL for bad limits (throttle_check() says why), an @mtu out of
 * range or a multicast @mac; -ENOMEM; or the errno of eventfd, epoll or timerfd.
 */
int net_create(const struct net_config *config, struct net **out);

/**
 * net_destroy() - stop the worker and free the device; NULL is fine
 *
 * No vCPU may run any more. The counters stay.
 *
 * Return: 0, or -ETIMEDOUT if the worker can't be stopped: then device,
 * counters and guest memory must stay.
 */
int net_destroy(struct net *net);

/** net_mmio() - the device's transport, for the machine */
struct virtio_mmio *net_mmio(struct net *net);

/** net_mac() - its MAC, NET_MAC_LEN bytes */
const uint8_t *net_mac(const struct net *net);

/** net_mtu() - its MTU */
unsigned int net_mtu(const struct net *net);

/**
 * net_snapshot() - read the counters; any thread, no lock
 *
 * Each figure is exact, and none goes back; figures that move together may be
 * seen a moment apart.
 */
void net_snapshot(const struct net *net, struct ss_net_counters *out);

/** net_pressure_snapshot() - the same for the throttle's figures */
void net_pressure_snapshot(const struct net *net, struct ss_net_pressure *out);

/**
 * net_pause() - park the worker: guest memory isn't touched until net_resume()
 * @timeout_ns: how long to wait for it
 *
 * Succeeds at once if it doesn't run; it begins parked if started meanwhile.
 * Return: 0 or -ETIMEDOUT.
 */
int net_pause(struct net *net, uint64_t timeout_ns);

/** net_resume() - let the worker go on */
void net_resume(struct net *net);

/**
 * net_set_limits() - change the throttle's limits; any thread
 *
 * A stalled queue looks again at once. Return: 0 or throttle_check()'s error.
 */
int net_set_limits(struct net *net, const struct throttle_limits *limits);

/** net_limits() - the limits and balances as they are now; any thread */
void net_limits(struct net *net, struct throttle_state *out);

/** net_recheck() - a stalled queue asks again at once, as when a shared throttle changed */
void net_recheck(struct net *net);

/** net_worker_tid() - kernel thread id of the worker, 0 if it doesn't run */
pid_t net_worker_tid(const struct net *net);

/* --- for tests, fuzzers and benches: a device made with @manual --- */

/** net_drain_queue() - drain TX on the caller's thread, as the worker would for a kick */
void net_drain_queue(struct net *net);

/** net_step() - one turn of the worker's loop; see worker_step() */
int net_step(struct net *net);

/** net_deadline_ns() - when TX's stalled head is tried again, 0: not stalled */
uint64_t net_deadline_ns(const struct net *net);

#define NET_MAC_TEXT_LEN 18

/** net_mac_text() - a MAC address as people write it. Return: @text. */
const char *net_mac_text(const uint8_t mac[NET_MAC_LEN], char text[NET_MAC_TEXT_LEN]);

#endif /* SS_VIRTIO_NET_H */
