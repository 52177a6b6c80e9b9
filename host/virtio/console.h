/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio console with two ports (virtio 1.2, 5.3, VIRTIO_CONSOLE_F_MULTIPORT):
 * port 0 is the guest's console (hvc0), output only; port 1, named
 * SS_AGENT_PORT, is a byte stream to the guest's agent.
 *
 * One worker serves all queues, so nothing happens on a vCPU thread. Both
 * directions of the stream are bounded: what the runner doesn't read stays in
 * the guest's ring, and the guest's writer waits; nothing is ever dropped, and
 * a guest that doesn't read can't hold the runner up.
 */
#ifndef SS_VIRTIO_CONSOLE_H
#define SS_VIRTIO_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONSOLE_IN_SIZE	 (256 * 1024) /* bytes from the agent that wait for the runner */
#define CONSOLE_OUT_SIZE (512 * 1024) /* bytes for the agent: more than the largest frame */

struct console;
struct virtio_mmio;

/**
 * struct console_config - how to make a console
 * @output: gets what the guest writes to its console, as it comes, on the
 *	worker's thread. While it blocks the guest's console waits, and so does
 *	the agent's stream.
 * @ctx: first argument of @output
 * @manual: start no thread; the owner calls console_step()
 */
struct console_config {
	void (*output)(void *ctx, const char *text, size_t len);
	void *ctx;
	bool manual;
};

/**
 * struct console_stats - what went wrong with the guest's chains
 * @bad_chains: chains returned unused: of the wrong direction, unmapped, or
 *	too short for a control message
 * @bad_control: control messages that name no port or event of ours
 */
struct console_stats {
	uint64_t bad_chains;
	uint64_t bad_control;
};

/**
 * console_create() - make the device, not yet wired to guest memory
 *
 * Return: 0 and *@out, for console_destroy(); or a negative errno.
 */
int console_create(const struct console_config *config, struct console **out);

/**
 * console_destroy() - stop the worker and free everything; NULL is fine
 *
 * No vCPU may run any more. Return: 0, or -ETIMEDOUT if the worker hangs in
 * @output: then the device stays allocated, and what @output uses and guest
 * memory must stay too.
 */
int console_destroy(struct console *c);

/** console_mmio() - the transport, for the machine */
struct virtio_mmio *console_mmio(struct console *c);

/**
 * console_agent_read() - take bytes that the agent has sent; any one thread
 *
 * Return: bytes copied to @buf, or -EAGAIN if none are waiting.
 */
ssize_t console_agent_read(struct console *c, void *buf, size_t size);

/**
 * console_agent_write() - queue bytes for the agent; any one thread
 *
 * They are delivered once the guest has opened the port; a reset of the device
 * drops what is still queued, as its reader is gone.
 *
 * Return: 0 with all of it queued; -EAGAIN, with nothing queued, if there is
 * no room now; -EMSGSIZE if it could never fit.
 */
int console_agent_write(struct console *c, const void *buf, size_t len);

/**
 * console_agent_fd() - polls readable while console_agent_read() has something
 *
 * The device's; never read it.
 */
int console_agent_fd(const struct console *c);

/** console_stats() - copy the counters; any thread */
void console_stats(const struct console *c, struct console_stats *out);

/** console_step() - one turn of the worker on this thread (manual only) */
int console_step(struct console *c);

#endif /* SS_VIRTIO_CONSOLE_H */
