// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "attr_world.h"
#include "run_world.h"
#include "ss_harness.h"

/* A run with everything in it, attributed for real. */
void run_world_fill(struct run_result *r, const char *dir)
{
	struct world w;
	char path[300];

	report_init(r);
	snprintf(r->name, sizeof(r->name), "test");
	snprintf(r->mode, sizeof(r->mode), "kvm");
	snprintf(r->guest_kernel, sizeof(r->guest_kernel), "7.3.4");
	snprintf(r->options, sizeof(r->options), "--disk size=64M,iops=50 --exec 'fio \"x\"'");
	r->end = RUN_END_POWEROFF;
	r->seconds = 14;
	r->boot_seconds = 2.5;
	r->guest_seconds = 10.5;
	r->cpus = 2;
	r->memory = 512 << 20;
	r->disks = 1;
	snprintf(r->disk[0].name, sizeof(r->disk[0].name), "disk0");
	r->disk[0].size = 64 << 20;
	r->disk[0].iops = 50;
	r->disk[0].counters = (struct ss_blk_counters){
		.reads_completed = 40,
		.bytes_read = 163840,
		.throttled_count = 40,
	};
	r->nets = 1;
	snprintf(r->net[0].name, sizeof(r->net[0].name), "net0");
	snprintf(r->net[0].backend, sizeof(r->net[0].backend), "loopback");
	snprintf(r->net[0].mac, sizeof(r->net[0].mac), "52:54:00:53:53:00");
	r->net[0].mtu = 1500;
	r->net[0].pps = 30;
	r->net[0].counters = (struct ss_net_counters){
		.tx_packets = 12,
		.tx_bytes = 1200,
		.rx_packets = 11,
		.rx_bytes = 1100,
		.tx_dropped_no_rx_buffer = 1,
	};
	r->net[0].pressure.throttled_count = 2;
	r->sched.wanted = r->sched.loaded = r->sched.ended = true;
	snprintf(r->sched.name, sizeof(r->sched.name), "vtime");
	snprintf(r->sched.state, sizeof(r->sched.state), "stopped");
	r->workload.ran = r->workload.ended = true;
	snprintf(r->workload.command, sizeof(r->workload.command), "fio --name=x");
	snprintf(r->workload.output, sizeof(r->workload.output), "done\n");
	r->workload.seconds = 10.25;
	r->host_traced = r->guest_traced = true;
	r->guest_drops_known = true;
	report_add_stat(r, "SCX_EV_SELECT_CPU_FALLBACK", 17);
	report_add_stat(r, "workload.frames_sent", 12);

	world_init(&w);
	for (int i = 0; i < 40; i++) {
		struct world_io io = { .tid = 42,
				       .sector = (uint64_t)i * 8,
				       .bytes = 4096,
				       .start = T0 + SEC + i * 200 * MS };

		io.issue = io.start + 10 * US;
		io.begun = io.issue + 100 * MS;
		io.backed = io.published = io.begun + 200 * US;
		io.done = io.wake = io.backed + 50 * US;
		io.run = io.done + 70 * US;
		io.idle = MS;
		world_stall(&w, 0, 0, io.issue, io.begun, 100 * MS);
		world_io(&w, &io);
	}
	for (int i = 0; i < 2; i++)
		world_stall(&w, SS_DEV_NET_BASE, 1, T0 + SEC + i * SEC, T0 + SEC + i * SEC + 5 * MS,
			    5 * MS);
	for (uint32_t t = 0; t < 3; t++) {
		struct ss_rec_g_hist *h =
			&world_rec(&w, SS_REC_G_HIST, sizeof(*h), T0 + SEC)->g_hist;

		h->tid = t ? 100 + t : 0;
		h->max_ns = (3 - t) * 1000000;
		h->total_ns = h->max_ns * 2;
		h->slots[19] = 4;
		snprintf(h->comm, sizeof(h->comm), "task%u", t);
	}
	snprintf(path, sizeof(path), "%s/events.bin", dir);
	world_write(&w, path);
	r->events.records = w.nr;
	r->host_drops.recorded = 40 * 3 + 4;
	r->guest_drops.recorded = 40 * 2 + 3;
	world_free(&w);
	ASSERT_EQ(report_analyse(r, dir), 0);
}

char *run_slurp(const char *path)
{
	static char buf[256 * 1024];
	FILE *f = fopen(path, "r");
	size_t n;

	ASSERT_NOT_NULL(f);
	n = fread(buf, 1, sizeof(buf) - 1, f);
	buf[n] = '\0';
	fclose(f);
	return buf;
}

void run_put_file(const char *path, const char *content)
{
	FILE *f = fopen(path, "w");

	ASSERT_NOT_NULL(f);
	fputs(content, f);
	fclose(f);
}

char *run_as_text(const struct run_result *r, const char *path)
{
	FILE *f = fopen(path, "w");

	ASSERT_NOT_NULL(f);
	EXPECT_EQ(report_print_text(r, f), 0);
	fclose(f);
	return strdup(run_slurp(path));
}

char *run_as_json(const struct run_result *r, const char *path)
{
	FILE *f = fopen(path, "w");

	ASSERT_NOT_NULL(f);
	EXPECT_EQ(report_print_json(r, f), 0);
	fclose(f);
	return strdup(run_slurp(path));
}
