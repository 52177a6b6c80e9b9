/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the console's units share: console.c (life, transport, the runner's
 * side) and console_queue.c (what happens on the queues).
 */
#ifndef SS_VIRTIO_CONSOLE_PRIV_H
#define SS_VIRTIO_CONSOLE_PRIV_H

#include "io/worker.h"
#include "virtio/byte_ring.h"
#include "virtio/console.h"
#include "virtio/mmio.h"
#include "virtio/queue.h"

#define CONSOLE_NR_PORTS 2

/* 5.3.2: receive and transmit of port 0, of control, of port 1. */
enum console_queue {
	Q_CONSOLE_RX,
	Q_CONSOLE_TX,
	Q_CONTROL_RX,
	Q_CONTROL_TX,
	Q_AGENT_RX,
	Q_AGENT_TX,
	CONSOLE_NR_QUEUES,
};

/**
 * struct console_tx - a chain the guest sends, and how far it was read
 * @held: there is one; it waits for room
 */
struct console_tx {
	struct virtq_chain chain;
	struct virtq_seg seg[VIRTQ_MAX_SIZE];
	bool held;
	unsigned int at;
	uint32_t off;
};

/**
 * struct console - the device
 * @active: the worker may use the queues
 * @pending: control messages each port still has to get (enum console_tell);
 *	bits, so that no guest can pile them up
 * @agent_open: the guest has port 1 open
 * @broken: a ring was; nothing is touched before a reset
 * @more: this turn left something over: come back at once
 * @left: chains that the queue at work may still take in this turn
 * @published: the queue at work has published something
 * @in: from the agent
 * @out: to the agent
 * @in_full: atomic: the worker waits for room in @in
 *
 * All but @in, @out and the atomics belong to the worker while it runs.
 */
struct console {
	struct virtio_mmio mmio;
	struct console_config config;
	struct worker *worker;
	bool active;
	struct virtq vq[CONSOLE_NR_QUEUES];
	struct console_tx tx[CONSOLE_NR_PORTS];
	unsigned int pending[CONSOLE_NR_PORTS];
	bool agent_open;
	bool broken;
	bool warned_mem;
	bool more;
	bool published;
	unsigned int left;
	struct byte_ring in;
	struct byte_ring out;
	bool in_full;
	struct console_stats stats;
};

/**
 * console_serve() - one turn over all queues, on the worker's thread
 *
 * Bounded, whatever the guest does: what is left over makes @more true.
 */
void console_serve(struct console *c);

#endif /* SS_VIRTIO_CONSOLE_PRIV_H */
