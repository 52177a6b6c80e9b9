// SPDX-License-Identifier: GPL-2.0-only
#include "mock_blk.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mock_counters.h"

int mock_blk_init(struct mock_blk *b, const struct mock_blk_opts *opts)
{
	struct blk_config config = {
		.index = 3,
		.backing = &b->backing.b,
		.read_only = opts->read_only,
		.serial = "stallscope3",
		.queues = opts->queues,
		.limits = opts->limits,
		.throttle = opts->throttle,
		.profile = opts->profile,
		.counters = &b->counters,
		.clock = opts->threads ? NULL : &b->clock.clock,
		.affinity = opts->affinity,
		.manual = !opts->threads,
	};
	int ret;

	memset(b, 0, sizeof(*b));
	mock_guest_init(&b->g);
	mock_clock_init(&b->clock, MOCK_BLK_START);
	mock_backing_init(&b->backing, opts->empty ? 0 : opts->size ? opts->size : MOCK_DISK_SIZE);
	ret = blk_create(&config, &b->blk);
	if (ret)
		return ret;
	b->m = blk_mmio(b->blk);
	virtio_mmio_set_mem(b->m, &b->g.mem);
	return 0;
}

int mock_blk_free(struct mock_blk *b)
{
	int ret = blk_destroy(b->blk);

	mock_backing_free(&b->backing);
	mock_guest_free(&b->g);
	return ret;
}

void mock_blk_start_size(struct mock_blk *b, uint64_t features, uint16_t size)
{
	mock_negotiate(b->m, features);
	mock_queue_init(&b->q, &b->g, 0, size);
	mock_setup_queue(b->m, &b->q);
	mock_driver_ok(b->m);
}

void mock_blk_start(struct mock_blk *b, uint64_t features)
{
	mock_blk_start_size(b, features, 256);
}

void mock_blk_kick(struct mock_blk *b)
{
	reg_write(b->m, VIRTIO_MMIO_QUEUE_NOTIFY, b->q.index);
	blk_step(b->blk, b->q.index);
}

uint64_t mock_blk_irqs(struct mock_blk *b)
{
	return mock_eventfd(virtio_mmio_irq_fd(b->m));
}

uint32_t mock_blk_isr(struct mock_blk *b)
{
	return reg_read(b->m, VIRTIO_MMIO_INTERRUPT_STATUS);
}

uint32_t mock_blk_status(struct mock_blk *b)
{
	return reg_read(b->m, VIRTIO_MMIO_STATUS);
}

const char *mock_blk_changes(struct mock_blk *b)
{
	static const struct mock_counter fields[] = {
#define FIELD(name) { #name, offsetof(struct ss_blk_counters, name) }
		FIELD(reads_completed),
		FIELD(writes_completed),
		FIELD(flushes_completed),
		FIELD(bytes_read),
		FIELD(bytes_written),
		FIELD(throttled_count),
		FIELD(io_errors),
		FIELD(currently_throttled_gauge),
		FIELD(invalid_avail_idx_count),
		FIELD(chains_dropped),
		FIELD(discards_completed),
		FIELD(write_zeroes_completed),
#undef FIELD
	};
	static char text[512];
	struct ss_blk_counters now;

	blk_snapshot(b->blk, &now);
	text[0] = '\0';
	mock_counter_changes(fields, sizeof(fields) / sizeof(fields[0]), &now, &b->seen, text,
			     sizeof(text));
	b->seen = now;
	return text;
}

int64_t mock_blk_done(struct mock_blk *b, const struct mock_req *req)
{
	uint32_t id, len;

	if (!mock_used(&b->q, &id, &len)) {
		printf("# nothing was published\n");
		return -1;
	}
	if (id != req->head) {
		printf("# head %u was published, not %u\n", id, req->head);
		return -2;
	}
	return len;
}

bool mock_blk_expect(struct mock_blk *b, const struct mock_req *req, uint8_t status, uint32_t len)
{
	const int64_t got = mock_blk_done(b, req);
	const uint8_t byte = mock_status(&b->q, req);

	if (got == len && byte == status)
		return true;
	printf("# length %" PRId64 " (not %u), status %u (not %u)\n", got, len, byte, status);
	return false;
}

bool mock_blk_nothing(struct mock_blk *b, const struct mock_req *req)
{
	return mock_used_idx(&b->q) == b->q.used_idx && mock_status(&b->q, req) == STATUS_UNTOUCHED;
}
