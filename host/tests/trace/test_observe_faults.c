// SPDX-License-Identifier: GPL-2.0-only
/* Recording and attributing where there is no memory, no descriptor, no room. */
#include <errno.h>
#include <linux/virtio_blk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attr_world.h"
#include "faults.h"
#include "analysis/clock_int.h"
#include "lib/counters.h"
#include "analysis/events_reader.h"
#include "trace/events_writer.h"
#include "trace/pins.h"
#include "trace/trace.h"
#include "ss_harness.h"

#define FILE_LEN 512

static char *in_tmp(char buf[FILE_LEN], const char *name)
{
	snprintf(buf, FILE_LEN, "%s/%s", ss_tmpdir(), name);
	return buf;
}

/* --- attribution --- */

/* IOs, stalls, steal and runs on two disks and queues, each kind of array filled. */
static void busy_world(struct world *w)
{
	world_init(w);
	world_disk(w, 1);
	w->cfg.disks = 2;
	for (unsigned int i = 0; i < 200; i++) {
		struct world_io io = world_later(i * 3 * MS);
		const int64_t at = io.start;

		io.disk = i % 2;
		io.queue = i / 2 % 2;
		io.tid += i % 3;
		io.prev_policy = i % 4 ? 0 : 1;
		if (i % 10 == 0) {
			io.type = VIRTIO_BLK_T_FLUSH;
			io.sector = io.bytes = 0;
		}
		io.begun += MS;
		io.backed += MS;
		io.published += MS;
		io.done += MS;
		io.wake += MS;
		io.run += MS;
		world_io(w, &io);
		world_stall(w, io.disk, io.queue, at + 40 * US, at + 1000 * US, 900 * US);
		world_runq(w, SS_THREAD_WORKER, (uint16_t)io.queue, at + 1000 * US, at + 1050 * US);
		world_runq(w, SS_THREAD_VCPU, (uint16_t)(i % 2), at + 5 * US, at + 8 * US);
	}
}

struct run {
	const char *path;
	struct world *w;
};

static int attribute(void *arg)
{
	struct run *r = arg;
	int ret = attribution_run(r->path, &r->w->cfg, &r->w->a);

	/* Without room for a queue its records are left out, and that is told. */
	if (!ret && r->w->a.skipped && !r->w->a.verdict.complete)
		return -ENOMEM;
	return ret;
}

TEST(attribution, .title = "no memory at any step of an attribution: said, nothing left")
{
	char path[FILE_LEN];
	struct world w;
	struct run r = { in_tmp(path, "events.bin"), &w };

	busy_world(&w);
	world_write(&w, path);
	ASSERT_EQ(attribute(&r), 0);
	ASSERT_EQ(w.a.io.count, 200);
	ASSERT_EQ(w.a.io.matched, 200);
	/* The state, the clock, each kind of record, each disk and queue, their sums. */
	EXPECT_GE(fault_each(FAULT_MEMORY, ENOMEM, attribute, &r), 25);
	EXPECT_EQ(w.a.io.matched, 200);
	EXPECT_EQ(fault_each(FAULT_OPEN, EMFILE, attribute, &r), 1);
	world_free(&w);
}

TEST(attribution_tail,
     .title = "an events file cut off or damaged at its end: the rest counts, and it is told")
{
	char path[FILE_LEN];
	struct world w;
	struct run r = { in_tmp(path, "events.bin"), &w };
	struct stat st;

	busy_world(&w);
	world_write(&w, path);
	ASSERT_EQ(stat(path, &st), 0);
	ASSERT_EQ(truncate(path, st.st_size - 8), 0);
	ASSERT_EQ(attribute(&r), 0);
	EXPECT_GT(w.a.file.truncated, 0);
	EXPECT_FALSE(w.a.verdict.complete);
	ASSERT_GE(w.a.notes, 1);
	EXPECT_STRSTR(w.a.note[w.a.notes - 1], "bytes of the events file are cut off or damaged");
	world_free(&w);
}

TEST(attribution_cap,
     .title = "more records than are kept: the first ones count, the rest is told of")
{
	struct world w;

	busy_world(&w);
	w.cfg.max_records = 50;
	world_solve(&w);
	EXPECT_EQ(w.a.io.count, 50);
	EXPECT_GT(w.a.skipped, 0);
	EXPECT_FALSE(w.a.verdict.complete);
	world_free(&w);
}

/* --- the events file --- */

static int record(void *path)
{
	const struct ss_rec_drain rec = {
		.h = { .type = SS_REC_DRAIN, .len = sizeof(rec), .ts = 1 },
	};
	struct events_writer *w;
	int ret = events_create(path, SEC, SEC, &w);

	if (ret)
		return ret;
	ret = events_append(w, &rec, sizeof(rec));
	return events_close(w, NULL) ?: ret;
}

TEST(events, .title = "no memory, descriptor or room for the events: said, nothing left")
{
	char path[FILE_LEN];

	in_tmp(path, "events.bin");
	EXPECT_EQ(fault_each(FAULT_MEMORY, ENOMEM, record, path), 1);
	EXPECT_EQ(fault_each(FAULT_OPEN, EMFILE, record, path), 1);
	EXPECT_EQ(fault_each(FAULT_WRITE, ENOSPC, record, path), 2);
}

TEST(events_interrupted, .title = "a write that a signal interrupts is done again")
{
	struct events_seen seen;
	struct events_reader *r;
	union events_rec rec;
	char path[FILE_LEN];

	in_tmp(path, "events.bin");
	fault_set(FAULT_WRITE, 0, 3, EINTR);
	ASSERT_EQ(record(path), 0);
	EXPECT_EQ(fault_end(FAULT_WRITE), 3);
	ASSERT_EQ(events_open(path, &r), 0);
	EXPECT_EQ(events_next(r, &rec), 1);
	EXPECT_EQ(events_next(r, &rec), 0);
	events_seen(r, &seen);
	EXPECT_EQ(seen.records, 1);
	events_reader_free(r);
}

/* --- clocks --- */

TEST(between_knots, .title = "times between samples are rounded to the nearer ns, on either side")
{
	struct clock_knot knot[] = { { .x = 0, .y = 0 },
				     { .x = 10, .y = 5 },
				     { .x = 20, .y = 25 } };
	const struct clock_map two = { knot, 2 }, three = { knot, 3 };
	static const int64_t at[] = { 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5 };

	for (int64_t x = 0; x <= 10; x++)
		EXPECT_EQ(clock_map_at(&two, x), at[x]);
	for (int64_t x = 10; x <= 20; x++)
		EXPECT_EQ(clock_map_at(&three, x), 5 + 2 * (x - 10));
	/* Outside, the slope of the whole goes on: 25 in 20. */
	EXPECT_EQ(clock_map_at(&three, 24), 30);
	EXPECT_EQ(clock_map_at(&three, -4), -5);
	EXPECT_EQ(clock_map_at(&two, -1), -1);
	EXPECT_EQ(clock_map_at(&two, -2), -1);
}

/* --- BPF --- */

static int open_trace(void *arg)
{
	const struct trace_config cfg = { .disks = 1 };
	struct trace *t;
	char err[256];
	int ret = trace_open(&cfg, &t, err, sizeof(err));

	(void)arg;
	if (!ret)
		trace_close(t);
	return ret;
}

TEST(trace, .title = "no memory at the begin of tracing: said, nothing left")
{
	const struct trace_config cfg = { .disks = 1 };
	char err[256] = "";
	struct trace *t;

	fault_set(FAULT_MEMORY, 0, 1, ENOMEM);
	EXPECT_EQ(trace_open(&cfg, &t, err, sizeof(err)), -ENOMEM);
	EXPECT_STRSTR(err, "out of memory");
	/* Within libbpf, wherever it is, there is an error and no trace. */
	for (unsigned int step = 1; step < 200; step += 7) {
		fault_set(FAULT_MEMORY, step, UINT32_MAX, ENOMEM);
		EXPECT_GT(0, open_trace(NULL))
		{
			TH_LOG("step %u", step);
		}
		fault_end(FAULT_MEMORY);
	}
}

TEST(trace_unprivileged, .title = "no right to BPF: said in words that help")
{
	const struct trace_config cfg = { .disks = 1 };
	struct trace *t = NULL;
	char err[256] = "";

	if (!geteuid() && seteuid(65534))
		SKIP("can't become nobody: %s", strerror(errno));
	EXPECT_GT(0, trace_open(&cfg, &t, err, sizeof(err)));
	EXPECT_NULL(t);
	if (!strstr(err, "no BPF"))
		EXPECT_STRSTR(err, "no permission for BPF (run as root");
	/* As it was, for the harness. */
	if (!getuid())
		ASSERT_EQ(seteuid(0), 0);
}

static int own_run(void *arg)
{
	struct pins *p;
	char err[256];
	int ret = pins_open(arg, &p, err, sizeof(err));

	/* 1: owned, but nothing can be pinned */
	if (ret >= 0)
		pins_close(p);
	return ret < 0 ? ret : 0;
}

TEST(pins, .title = "no memory or descriptor for a run's name: said, and nobody is kept from it")
{
	char name[32];

	if (geteuid())
		SKIP("needs root");
	snprintf(name, sizeof(name), "test-faults-%d", getpid());
	EXPECT_EQ(fault_each(FAULT_MEMORY, ENOMEM, own_run, name), 1);
	EXPECT_GE(fault_each(FAULT_OPEN, EMFILE, own_run, name), 1);
}

TEST(pins_of_a_user, .title = "without root a run's lock is where XDG_RUNTIME_DIR says")
{
	char err[256] = "", lock[FILE_LEN];
	struct pins *p = NULL;
	struct stat st;

	ASSERT_EQ(chmod(ss_tmpdir(), 0777), 0);
	ASSERT_EQ(chdir(ss_tmpdir()), 0);
	if (!geteuid() && seteuid(65534))
		SKIP("can't become nobody: %s", strerror(errno));
	unsetenv("XDG_RUNTIME_DIR");
	EXPECT_EQ(pins_open("mine", &p, err, sizeof(err)), -ENOENT);
	EXPECT_STRSTR(err, "XDG_RUNTIME_DIR isn't set");
	setenv("XDG_RUNTIME_DIR", "relative", 1);
	EXPECT_EQ(pins_open("mine", &p, err, sizeof(err)), -ENOENT);
	EXPECT_NULL(p);
	setenv("XDG_RUNTIME_DIR", ss_tmpdir(), 1);
	/* Where nobody may go at all, the lock says so; else it is there while the run is. */
	snprintf(lock, sizeof(lock), "%s/stallscope/mine.lock", ss_tmpdir());
	if (pins_open("mine", &p, err, sizeof(err)) >= 0) {
		EXPECT_EQ(stat(lock, &st), 0);
		EXPECT_NULL(pins_dir(p));
		pins_close(p);
		EXPECT_NE(stat(lock, &st), 0);
	} else {
		EXPECT_STRSTR(err, "can't lock");
	}
	if (!getuid())
		ASSERT_EQ(seteuid(0), 0);
	ASSERT_EQ(chdir("/"), 0);
}

TEST_HARNESS_MAIN
