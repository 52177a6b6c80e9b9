// SPDX-License-Identifier: GPL-2.0-only
/* A disk's life: config space and features for the transport, create, limits, destroy. */
#include "virtio/blk.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/counters.h"
#include "virtio/blk_priv.h"

/*
 * A drain that has published and goes on for longer than this ends, so that the
 * guest hears of it, and the next begins at once: a first completion doesn't
 * wait for all that are behind it, and the guest makes new requests while the
 * worker serves the rest.
 */
#define SLICE_NS 40000

/* --- the transport's ops --- */

static void blk_config_read(void *priv, uint32_t off, void *data, uint32_t len)
{
	const struct blk *blk = priv;

	if (off >= sizeof(blk->config))
		return;
	if (len > sizeof(blk->config) - off)
		len = (uint32_t)sizeof(blk->config) - off;
	memcpy(data, (const char *)&blk->config + off, len);
}

/* Writeback is the default where the driver can flush. */
static void set_writeback(struct blk *blk, bool on)
{
	blk->config.wce = on;
	__atomic_store_n(&blk->write_through, !on, __ATOMIC_RELEASE);
}

/* A driver may write only the one byte that says writeback or write-through. */
static void blk_config_write(void *priv, uint32_t off, const void *data, uint32_t len)
{
	struct blk *blk = priv;
	const uint8_t value = *(const uint8_t *)data;

	if (!(virtio_mmio_features(&blk->dev.mmio) >> VIRTIO_BLK_F_CONFIG_WCE & 1) ||
	    off != offsetof(struct virtio_blk_config, wce) || len != 1 || value > 1)
		return;
	set_writeback(blk, value);
}

static void blk_features_changed(void *priv)
{
	struct blk *blk = priv;

	set_writeback(blk, virtio_mmio_features(&blk->dev.mmio) >> VIRTIO_BLK_F_FLUSH & 1);
}

static int blk_activate(void *priv)
{
	struct blk *blk = priv;

	return vdev_activate(&blk->dev);
}

static void clear_queues(struct blk *blk)
{
	for (unsigned int i = 0; i < blk->dev.nr_queues; i++)
		blk_queue_clear(&blk->queue[i]);
}

static int blk_deactivate(void *priv)
{
	struct blk *blk = priv;
	int ret = vdev_deactivate(&blk->dev);

	if (ret)
		return ret;
	clear_queues(blk);
	set_writeback(blk, true);
	return 0;
}

static void blk_queue_start(void *priv, unsigned int q)
{
	struct blk *blk = priv;

	blk_lat_begin(&blk->queue[q]);
}

static void blk_queue_stop(void *priv, unsigned int q)
{
	struct blk *blk = priv;

	blk_queue_flush(&blk->queue[q]);
	blk_queue_clear(&blk->queue[q]);
}

static const struct virtio_mmio_ops blk_mmio_ops = {
	.device_id = VIRTIO_ID_BLOCK,
	.config_read = blk_config_read,
	.config_write = blk_config_write,
	.features_changed = blk_features_changed,
	.activate = blk_activate,
	.deactivate = blk_deactivate,
	.queue_start = blk_queue_start,
	.queue_stop = blk_queue_stop,
};

/* --- construction --- */

static uint64_t blk_features(const struct blk *blk, unsigned int nr_queues)
{
	uint64_t features = 1ULL << VIRTIO_BLK_F_SIZE_MAX | 1ULL << VIRTIO_BLK_F_SEG_MAX |
			    1ULL << VIRTIO_BLK_F_BLK_SIZE | 1ULL << VIRTIO_BLK_F_FLUSH |
			    1ULL << VIRTIO_BLK_F_TOPOLOGY | 1ULL << VIRTIO_BLK_F_CONFIG_WCE |
			    1ULL << VIRTIO_RING_F_EVENT_IDX | 1ULL << VIRTIO_RING_F_INDIRECT_DESC;

	if (blk->read_only)
		features |= 1ULL << VIRTIO_BLK_F_RO;
	else
		features |= 1ULL << VIRTIO_BLK_F_DISCARD | 1ULL << VIRTIO_BLK_F_WRITE_ZEROES;
	if (nr_queues > 1)
		features |= 1ULL << VIRTIO_BLK_F_MQ;
	return features;
}

static void init_properties(struct blk *blk, const struct blk_config *config,
			    unsigned int nr_queues)
{
	blk->backing = config->backing;
	blk->read_only = config->read_only || config->backing->read_only;
	blk->counters = config->counters ? config->counters : &blk->own_counters;
	blk->capacity = config->backing->size / BLK_SECTOR;
	if (!blk->capacity)
		ss_warn("blk%u: the backing is %" PRIu64
			" bytes, less than a sector: every request will fail",
			config->index, config->backing->size);
	if (config->serial)
		memcpy(blk->serial, config->serial, strnlen(config->serial, BLK_SERIAL_LEN));
	blk->config = (struct virtio_blk_config){
		.capacity = htole64(blk->capacity),
		.size_max = htole32(BLK_SIZE_MAX),
		.seg_max = htole32(BLK_SEG_MAX),
		.blk_size = htole32(BLK_SECTOR),
		.physical_block_exp = BLK_PHYSICAL_EXP,
		.min_io_size = htole16(1 << BLK_PHYSICAL_EXP),
	};
	set_writeback(blk, true);
	if (!blk->read_only)
		blk_range_config(&blk->config);
	if (nr_queues > 1)
		blk->config.num_queues = htole16((uint16_t)nr_queues);
}

static int init_vdev(struct blk *blk, const struct blk_config *config, unsigned int nr_queues)
{
	const struct vdev_config vdev = {
		.kind = "blk",
		.index = config->index,
		.id = config->index,
		.ops = &blk_mmio_ops,
		.priv = blk,
		.features = blk_features(blk, nr_queues),
		.nr_queues = nr_queues,
		.queue_max = BLK_QUEUE_SIZE,
		.limits = config->limits,
		.throttle = config->throttle,
		.counters = {
			.throttled_count = &blk->counters->throttled_count,
			.currently_throttled_gauge = &blk->counters->currently_throttled_gauge,
			.invalid_avail_idx_count = &blk->counters->invalid_avail_idx_count,
		},
		.clock = config->clock,
		.lingers = !config->manual,
		.slice_ns = SLICE_NS,
	};

	return vdev_init(&blk->dev, &vdev);
}

static int init_queue(struct blk *blk, unsigned int i, const struct blk_config *config)
{
	struct blk_queue *q = &blk->queue[i];
	int kick_fd[] = { virtio_mmio_kick_fd(&blk->dev.mmio, i), -1 };
	char suffix[8];
	struct worker_config worker = {
		.ops = &vdev_worker_ops,
		.ctx = &q->base,
		.kick_fd = kick_fd,
		.nr_kicks = 1,
		.affinity = config->affinity ? &config->affinity[i] : NULL,
		.clock = config->clock,
		.manual = config->manual,
	};
	int ret;

	q->blk = blk;
	q->base.ops = &blk_queue_ops;
	q->base.chain = (struct virtq_chain){ .seg = q->seg, .max = BLK_SEG_MAX + 2 };
	vdev_add_queue(&blk->dev, &q->base);
	ret = blk_aio_init(q);
	if (ret)
		return ret;
	if (q->bq)
		kick_fd[worker.nr_kicks++] = q->bq->fd;
	if (config->profile) {
		q->held = calloc(VIRTQ_MAX_SIZE, sizeof(struct blk_held));
		if (!q->held)
			return -ENOMEM;
	}
	snprintf(suffix, sizeof(suffix), "-q%u", i);
	return vdev_add_worker(&blk->dev, &worker, suffix, &q->base.worker);
}

/* The workers don't run. */
static void blk_free(struct blk *blk)
{
	const unsigned int nr_queues = blk->dev.nr_queues;

	vdev_destroy(&blk->dev);
	for (unsigned int i = 0; i < nr_queues; i++) {
		free(blk->queue[i].held);
		blk_aio_destroy(&blk->queue[i]);
	}
	free(blk->queue);
	blk_pressure_destroy(blk);
	free(blk);
}

int blk_create(const struct blk_config *config, struct blk **out)
{
	const unsigned int nr_queues = config->queues ? config->queues : 1;
	struct blk *blk;
	int ret;

	if (!config->backing || nr_queues > BLK_MAX_QUEUES ||
	    (config->serial && strlen(config->serial) > BLK_SERIAL_LEN))
		return -EINVAL;
	blk = calloc(1, sizeof(*blk));
	if (!blk)
		return -ENOMEM;
	init_properties(blk, config, nr_queues);
	ret = init_vdev(blk, config, nr_queues);
	if (ret) {
		free(blk);
		return ret;
	}
	ret = blk_pressure_init(blk, config);
	if (ret)
		goto fail;
	blk->queue = calloc(nr_queues, sizeof(*blk->queue));
	if (!blk->queue) {
		ret = -ENOMEM;
		goto fail;
	}
	for (unsigned int i = 0; i < nr_queues && !ret; i++)
		ret = init_queue(blk, i, config);
	if (ret)
		goto fail;
	*out = blk;
	return 0;

fail:
	blk_free(blk);
	return ret;
}

int blk_destroy(struct blk *blk)
{
	int ret;

	if (!blk)
		return 0;
	ret = vdev_stop(&blk->dev);
	if (ret) {
		ss_err("%s: a worker hangs in its backing; it is left behind", blk->dev.name);
		return ret;
	}
	clear_queues(blk);
	blk_free(blk);
	return 0;
}

/* --- for the runner --- */

struct virtio_mmio *blk_mmio(struct blk *blk)
{
	return &blk->dev.mmio;
}

struct vdev *blk_vdev(struct blk *blk)
{
	return &blk->dev;
}

void blk_snapshot(const struct blk *blk, struct ss_blk_counters *out)
{
	const struct ss_blk_counters *c = blk->counters;

	*out = (struct ss_blk_counters){
		.reads_completed = counter_get(&c->reads_completed),
		.writes_completed = counter_get(&c->writes_completed),
		.flushes_completed = counter_get(&c->flushes_completed),
		.bytes_read = counter_get(&c->bytes_read),
		.bytes_written = counter_get(&c->bytes_written),
		.throttled_count = counter_get(&c->throttled_count),
		.io_errors = counter_get(&c->io_errors),
		.currently_throttled_gauge = counter_get(&c->currently_throttled_gauge),
		.invalid_avail_idx_count = counter_get(&c->invalid_avail_idx_count),
		.chains_dropped = counter_get(&c->chains_dropped),
		.discards_completed = counter_get(&c->discards_completed),
		.write_zeroes_completed = counter_get(&c->write_zeroes_completed),
	};
}

int blk_pause(struct blk *blk, uint64_t timeout_ns)
{
	return vdev_pause(&blk->dev, timeout_ns);
}

void blk_resume(struct blk *blk)
{
	vdev_resume(&blk->dev);
}

int blk_set_limits(struct blk *blk, const struct throttle_limits *limits)
{
	int ret = blk_pressure_set_limits(blk, limits);

	if (!ret)
		blk_recheck(blk);
	return ret;
}

void blk_recheck(struct blk *blk)
{
	vdev_recheck(&blk->dev);
}

unsigned int blk_queue_count(const struct blk *blk)
{
	return blk->dev.nr_queues;
}

pid_t blk_worker_tid(const struct blk *blk, unsigned int q)
{
	return q < blk->dev.nr_queues ? worker_tid(blk->queue[q].base.worker) : 0;
}

/* --- for tests, fuzzers and benches --- */

void blk_drain_queue(struct blk *blk, unsigned int q)
{
	vdev_worker_ops.kick(&blk->queue[q].base, 0);
}

int blk_step(struct blk *blk, unsigned int q)
{
	return worker_step(blk->queue[q].base.worker);
}

uint64_t blk_deadline_ns(const struct blk *blk, unsigned int q)
{
	return vdev_deadline_ns(&blk->queue[q].base);
}

uint64_t blk_armed_ns(const struct blk *blk, unsigned int q)
{
	return worker_armed_ns(blk->queue[q].base.worker);
}
