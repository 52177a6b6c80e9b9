// SPDX-License-Identifier: GPL-2.0-only
#include "virtio/blk.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "observe/counters.h"
#include "ss_events.h"
#include "ss_probes.h"
#include "virtio/blk_priv.h"

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

/* All a driver may write is the one byte that says writeback or write-through. */
static void blk_config_write(void *priv, uint32_t off, const void *data, uint32_t len)
{
	struct blk *blk = priv;
	const uint8_t value = *(const uint8_t *)data;

	if (!(virtio_mmio_features(&blk->mmio) >> VIRTIO_BLK_F_CONFIG_WCE & 1) ||
	    off != offsetof(struct virtio_blk_config, wce) || len != 1 || value > 1)
		return;
	set_writeback(blk, value);
}

static void blk_features_changed(void *priv)
{
	struct blk *blk = priv;

	set_writeback(blk, virtio_mmio_features(&blk->mmio) >> VIRTIO_BLK_F_FLUSH & 1);
}

static int stop_workers(struct blk *blk)
{
	int ret = 0;

	for (unsigned int i = 0; i < blk->nr_queues; i++) {
		int err = worker_stop(blk->queue[i].worker);

		if (err)
			ret = err;
	}
	return ret;
}

static int blk_activate(void *priv)
{
	struct blk *blk = priv;
	int ret = 0;

	blk->active = true;
	for (unsigned int i = 0; i < blk->nr_queues; i++)
		virtio_mmio_init_virtq(&blk->mmio, i, &blk->queue[i].vq);
	for (unsigned int i = 0; i < blk->nr_queues && !ret; i++)
		ret = worker_start(blk->queue[i].worker);
	if (ret)
		stop_workers(blk);
	return ret;
}

static int blk_deactivate(void *priv)
{
	struct blk *blk = priv;
	int ret = stop_workers(blk);

	if (ret)
		return ret;
	for (unsigned int i = 0; i < blk->nr_queues; i++)
		blk_queue_clear(&blk->queue[i]);
	if (blk->active)
		ss_probe_dev_event(blk->index, 0, SS_DEV_RESET, 0);
	blk->active = false;
	set_writeback(blk, true);
	return 0;
}

static const struct virtio_mmio_ops blk_mmio_ops = {
	.device_id = VIRTIO_ID_BLOCK,
	.config_read = blk_config_read,
	.config_write = blk_config_write,
	.features_changed = blk_features_changed,
	.activate = blk_activate,
	.deactivate = blk_deactivate,
};

/* --- construction --- */

static uint64_t blk_features(const struct blk *blk)
{
	uint64_t features = 1ULL << VIRTIO_BLK_F_SIZE_MAX | 1ULL << VIRTIO_BLK_F_SEG_MAX |
			    1ULL << VIRTIO_BLK_F_BLK_SIZE | 1ULL << VIRTIO_BLK_F_FLUSH |
			    1ULL << VIRTIO_BLK_F_TOPOLOGY | 1ULL << VIRTIO_BLK_F_CONFIG_WCE |
			    1ULL << VIRTIO_RING_F_EVENT_IDX | 1ULL << VIRTIO_RING_F_INDIRECT_DESC;

	if (blk->read_only)
		features |= 1ULL << VIRTIO_BLK_F_RO;
	else
		features |= 1ULL << VIRTIO_BLK_F_DISCARD | 1ULL << VIRTIO_BLK_F_WRITE_ZEROES;
	if (blk->nr_queues > 1)
		features |= 1ULL << VIRTIO_BLK_F_MQ;
	return features;
}

static void init_properties(struct blk *blk, const struct blk_config *config)
{
	static const struct io_clock monotonic = IO_CLOCK_MONOTONIC_INIT;

	blk->index = config->index;
	snprintf(blk->name, sizeof(blk->name), "blk%u", config->index);
	blk->backing = config->backing;
	blk->read_only = config->read_only || config->backing->read_only;
	blk->clock = config->clock ? *config->clock : monotonic;
	blk->counters = config->counters ? config->counters : &blk->own_counters;
	blk->capacity = config->backing->size / BLK_SECTOR;
	if (!blk->capacity)
		ss_warn("%s: the backing is %" PRIu64
			" bytes, less than a sector: every request will fail",
			blk->name, config->backing->size);
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
	if (blk->nr_queues > 1)
		blk->config.num_queues = htole16((uint16_t)blk->nr_queues);
}

static int init_throttle(struct blk *blk, const struct blk_config *config)
{
	int ret;

	if (config->throttle) {
		blk->throttle = config->throttle;
		return blk_pressure_init(blk, config);
	}
	ret = throttle_init(&blk->own_throttle, &config->limits, io_clock_now(&blk->clock));
	if (ret)
		return ret;
	blk->throttle = &blk->own_throttle;
	return blk_pressure_init(blk, config);
}

static int init_worker(struct blk *blk, unsigned int i, const struct blk_config *config)
{
	struct blk_queue *q = &blk->queue[i];
	int kick_fd[] = { virtio_mmio_kick_fd(&blk->mmio, i), -1 };
	char name[32];
	struct worker_config worker = {
		.name = name,
		.ops = &blk_worker_ops,
		.ctx = &blk->queue[i],
		.kick_fd = kick_fd,
		.nr_kicks = 1,
		.affinity = config->affinity ? &config->affinity[i] : NULL,
		.clock = config->clock,
		.manual = config->manual,
	};

	int ret;

	q->blk = blk;
	q->index = i;
	ret = blk_aio_init(q);
	if (ret)
		return ret;
	if (q->bq)
		kick_fd[worker.nr_kicks++] = q->bq->fd;
	if (config->profile) {
		blk->queue[i].held = calloc(VIRTQ_MAX_SIZE, sizeof(struct blk_held));
		if (!blk->queue[i].held)
			return -ENOMEM;
	}
	snprintf(name, sizeof(name), "blk%u-q%u", blk->index, i);
	return worker_create(&worker, &blk->queue[i].worker);
}

/* Frees what there is; the workers don't run. */
static void blk_free(struct blk *blk)
{
	for (unsigned int i = 0; blk->queue && i < blk->nr_queues; i++) {
		worker_destroy(blk->queue[i].worker);
		free(blk->queue[i].held);
		blk_aio_destroy(&blk->queue[i]);
	}
	free(blk->queue);
	if (blk->throttle == &blk->own_throttle)
		throttle_destroy(&blk->own_throttle);
	blk_pressure_destroy(blk);
	free(blk);
}

int blk_create(const struct blk_config *config, struct blk **out)
{
	const unsigned int nr_queues = config->queues ? config->queues : 1;
	struct virtio_mmio_config mmio = {
		.nr_queues = nr_queues,
		.queue_max = BLK_QUEUE_SIZE,
	};
	struct blk *blk;
	int ret;

	if (!config->backing || nr_queues > BLK_MAX_QUEUES ||
	    (config->serial && strlen(config->serial) > BLK_SERIAL_LEN))
		return -EINVAL;
	blk = calloc(1, sizeof(*blk));
	if (!blk)
		return -ENOMEM;
	blk->nr_queues = nr_queues;
	init_properties(blk, config);
	ret = init_throttle(blk, config);
	if (ret)
		goto fail;
	blk->queue = calloc(nr_queues, sizeof(*blk->queue));
	if (!blk->queue) {
		ret = -ENOMEM;
		goto fail;
	}
	blk->mmio_ops = blk_mmio_ops;
	blk->mmio_ops.name = blk->name;
	mmio.ops = &blk->mmio_ops;
	mmio.priv = blk;
	mmio.features = blk_features(blk);
	ret = virtio_mmio_init(&blk->mmio, &mmio);
	if (ret)
		goto fail;
	for (unsigned int i = 0; i < nr_queues && !ret; i++)
		ret = init_worker(blk, i, config);
	if (ret)
		goto fail_mmio;
	*out = blk;
	return 0;

fail_mmio:
	virtio_mmio_destroy(&blk->mmio);
fail:
	blk_free(blk);
	return ret;
}

int blk_destroy(struct blk *blk)
{
	int ret;

	if (!blk)
		return 0;
	ret = stop_workers(blk);
	if (ret) {
		ss_err("%s: a worker hangs in its backing; it is left behind", blk->name);
		return ret;
	}
	for (unsigned int i = 0; i < blk->nr_queues; i++)
		blk_queue_clear(&blk->queue[i]);
	virtio_mmio_destroy(&blk->mmio);
	blk_free(blk);
	return 0;
}

/* --- for the runner --- */

struct virtio_mmio *blk_mmio(struct blk *blk)
{
	return &blk->mmio;
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
	int ret = 0;

	for (unsigned int i = 0; i < blk->nr_queues; i++) {
		int err = worker_pause(blk->queue[i].worker, timeout_ns);

		if (err)
			ret = err;
	}
	if (!ret)
		ss_probe_dev_event(blk->index, 0, SS_DEV_PAUSE, 0);
	return ret;
}

void blk_resume(struct blk *blk)
{
	ss_probe_dev_event(blk->index, 0, SS_DEV_RESUME, 0);
	for (unsigned int i = 0; i < blk->nr_queues; i++)
		worker_resume(blk->queue[i].worker);
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
	for (unsigned int i = 0; i < blk->nr_queues; i++) {
		__atomic_store_n(&blk->queue[i].recheck, true, __ATOMIC_RELEASE);
		worker_wake(blk->queue[i].worker);
	}
}

unsigned int blk_queue_count(const struct blk *blk)
{
	return blk->nr_queues;
}

pid_t blk_worker_tid(const struct blk *blk, unsigned int q)
{
	return q < blk->nr_queues ? worker_tid(blk->queue[q].worker) : 0;
}

/* --- for tests, fuzzers and benches --- */

void blk_drain_queue(struct blk *blk, unsigned int q)
{
	blk_worker_ops.kick(&blk->queue[q], 0);
}

int blk_step(struct blk *blk, unsigned int q)
{
	return worker_step(blk->queue[q].worker);
}

uint64_t blk_deadline_ns(const struct blk *blk, unsigned int q)
{
	return blk->queue[q].stalled ? blk->queue[q].deadline : 0;
}

uint64_t blk_armed_ns(const struct blk *blk, unsigned int q)
{
	return worker_armed_ns(blk->queue[q].worker);
}
