// SPDX-License-Identifier: GPL-2.0-only
/* The console's life and transport, and the runner's side of the agent's stream. */
#include "virtio/console_priv.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 1 /* a deadline in the past */

/* --- the worker --- */

static uint64_t serve(struct console *c)
{
	console_serve(c);
	return c->more ? AT_ONCE : WORKER_NO_DEADLINE;
}

static uint64_t on_kick(void *ctx, unsigned int index)
{
	(void)index;
	return serve(ctx);
}

static uint64_t on_timer(void *ctx)
{
	return serve(ctx);
}

static const struct worker_ops worker_ops = {
	.kick = on_kick,
	.timer = on_timer,
	.wake = on_timer,
};

/* --- the transport's ops --- */

static void config_read(void *priv, uint32_t off, void *data, uint32_t len)
{
	const struct virtio_console_config config = { .max_nr_ports = htole32(CONSOLE_NR_PORTS) };
	uint32_t n;

	(void)priv;
	if (off >= sizeof(config))
		return;
	n = (uint32_t)sizeof(config) - off;
	memcpy(data, (const uint8_t *)&config + off, len < n ? len : n);
}

static int activate(void *priv)
{
	struct console *c = priv;
	int ret;

	for (unsigned int q = 0; q < CONSOLE_NR_QUEUES; q++)
		virtio_mmio_init_virtq(&c->mmio, q, &c->vq[q]);
	c->active = true;
	ret = worker_start(c->worker);
	if (ret)
		c->active = false;
	return ret;
}

static int deactivate(void *priv)
{
	struct console *c = priv;
	int ret = worker_stop(c->worker);

	if (ret)
		return ret;
	c->active = c->broken = c->agent_open = false;
	memset(c->vq, 0, sizeof(c->vq));
	for (unsigned int p = 0; p < CONSOLE_NR_PORTS; p++) {
		c->tx[p].held = false;
		c->pending[p] = 0;
	}
	__atomic_store_n(&c->in_full, false, __ATOMIC_SEQ_CST);
	byte_ring_clear(&c->out);
	return 0;
}

static const struct virtio_mmio_ops mmio_ops = {
	.name = "console",
	.device_id = VIRTIO_ID_CONSOLE,
	.config_read = config_read,
	.activate = activate,
	.deactivate = deactivate,
};

/* --- the owner's side --- */

static int make_worker(struct console *c)
{
	int fds[CONSOLE_NR_QUEUES];
	struct worker_config config = {
		.name = "console",
		.ops = &worker_ops,
		.ctx = c,
		.kick_fd = fds,
		.nr_kicks = CONSOLE_NR_QUEUES,
		.manual = c->config.manual,
	};

	for (unsigned int q = 0; q < CONSOLE_NR_QUEUES; q++)
		fds[q] = virtio_mmio_kick_fd(&c->mmio, q);
	return worker_create(&config, &c->worker);
}

int console_create(const struct console_config *config, struct console **out)
{
	struct console *c = calloc(1, sizeof(*c));
	struct virtio_mmio_config mmio = {
		.ops = &mmio_ops,
		.priv = c,
		.features = 1ULL << VIRTIO_CONSOLE_F_MULTIPORT | 1ULL << VIRTIO_RING_F_EVENT_IDX,
		.nr_queues = CONSOLE_NR_QUEUES,
		.queue_max = VIRTQ_MAX_SIZE,
	};
	int ret;

	if (!c)
		return -ENOMEM;
	c->config = *config;
	ret = virtio_mmio_init(&c->mmio, &mmio);
	if (ret)
		goto free_console;
	ret = byte_ring_init(&c->in, CONSOLE_IN_SIZE, true);
	if (ret)
		goto free_mmio;
	ret = byte_ring_init(&c->out, CONSOLE_OUT_SIZE, false);
	if (ret)
		goto free_in;
	ret = make_worker(c);
	if (ret)
		goto free_out;
	*out = c;
	return 0;

free_out:
	byte_ring_destroy(&c->out);
free_in:
	byte_ring_destroy(&c->in);
free_mmio:
	virtio_mmio_destroy(&c->mmio);
free_console:
	free(c);
	return ret;
}

int console_destroy(struct console *c)
{
	int ret;

	if (!c)
		return 0;
	ret = worker_destroy(c->worker);
	if (ret)
		return ret;
	byte_ring_destroy(&c->out);
	byte_ring_destroy(&c->in);
	virtio_mmio_destroy(&c->mmio);
	free(c);
	return 0;
}

struct virtio_mmio *console_mmio(struct console *c)
{
	return &c->mmio;
}

ssize_t console_agent_read(struct console *c, void *buf, size_t size)
{
	size_t n = byte_ring_peek(&c->in, buf, size);

	if (!n)
		return -EAGAIN;
	byte_ring_drop(&c->in, n);
	if (__atomic_exchange_n(&c->in_full, false, __ATOMIC_SEQ_CST))
		worker_wake(c->worker);
	return (ssize_t)n;
}

int console_agent_write(struct console *c, const void *buf, size_t len)
{
	if (len > CONSOLE_OUT_SIZE)
		return -EMSGSIZE;
	if (!byte_ring_put_all(&c->out, buf, len))
		return -EAGAIN;
	worker_wake(c->worker);
	return 0;
}

int console_agent_fd(const struct console *c)
{
	return c->in.fd;
}

void console_stats(const struct console *c, struct console_stats *out)
{
	out->bad_chains = __atomic_load_n(&c->stats.bad_chains, __ATOMIC_RELAXED);
	out->bad_control = __atomic_load_n(&c->stats.bad_control, __ATOMIC_RELAXED);
}

int console_step(struct console *c)
{
	return worker_step(c->worker);
}
