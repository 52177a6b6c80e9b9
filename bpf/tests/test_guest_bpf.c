// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's tracer and our schedulers on a kernel with sched_ext; started in
 * an emulated machine by test_bpf_guest.sh. Needs a virtio disk, /dev/vda.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/tracer.h"
#include "guest_sched.h"
#include "ss_harness.h"

#define DISK	    "/dev/vda"
#define BLOCK	    4096
#define BLOCKS	    4096
#define MAX_THREADS 8
#define NS_PER_MS   1000000ULL

/* What of the records the tests look at. */
struct seen {
	unsigned int n;
	unsigned int of_type[128];
	unsigned int nr_io, nr_run, nr_scx, nr_hist;
	struct ss_rec_g_io io[16384];
	struct ss_rec_g_run run[16384];
	struct ss_rec_g_scx scx[64];
	struct ss_rec_g_hist hist[128];
};

#define KEEP(array, nr)                                                                            \
	do {                                                                                       \
		ASSERT_LT(s->nr, sizeof(s->array) / sizeof(s->array[0]));                          \
		ASSERT_EQ(len, sizeof(s->array[0]));                                               \
		memcpy(&s->array[s->nr++], rec, len);                                              \
	} while (0)

static void emit(void *ctx, const struct ss_rec *rec, size_t len)
{
	struct seen *s = ctx;

	ASSERT_EQ(rec->len, len);
	ASSERT_LT(rec->type, 128);
	s->n += rec->type != SS_REC_G_MARK;
	s->of_type[rec->type]++;
	switch (rec->type) {
	case SS_REC_G_IO:
		KEEP(io, nr_io);
		break;
	case SS_REC_G_RUN:
		KEEP(run, nr_run);
		break;
	case SS_REC_G_SCX:
		KEEP(scx, nr_scx);
		break;
	case SS_REC_G_HIST:
		KEEP(hist, nr_hist);
		break;
	case SS_REC_G_SCHED:
	case SS_REC_G_TASK:
	case SS_REC_G_MARK:
	case SS_REC_G_FLUSH:
		break; /* test_guest_stream.c looks at those */
	default:
		EXPECT_EQ(rec->type, 0);
	}
}

FIXTURE(tracer)
{
	struct tracer *t;
	struct seen *seen;
	struct ss_drops drops;
	int disk;
};

FIXTURE_SETUP(tracer)
{
	char err[512] = "";
	int ret;

	self->disk = open(DISK, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (self->disk < 0)
		SKIP("no " DISK ": %s", strerror(errno));
	self->seen = calloc(1, sizeof(*self->seen));
	ASSERT_NOT_NULL(self->seen);
	ret = tracer_start(&self->t, true, emit, self->seen, err, sizeof(err));
	if (ret)
		TH_LOG("%s", err);
	ASSERT_EQ(ret, 0);
}

FIXTURE_TEARDOWN(tracer)
{
	tracer_destroy(self->t);
	if (self->disk >= 0)
		close(self->disk);
	free(self->seen);
}

/* Everything that was made has arrived. */
static void finish(struct ss_fx_tracer *self)
{
	ASSERT_EQ(tracer_finish(self->t, &self->drops), 0);
	EXPECT_EQ(self->drops.recorded, self->seen->n);
}

static __u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

struct reader {
	pthread_t thread;
	int disk, reads, first, tid, failed;
};

static void *read_blocks(void *arg)
{
	struct reader *r = arg;
	void *buf = NULL;
	int i;

	r->tid = syscall(SYS_gettid);
	r->failed = posix_memalign(&buf, BLOCK, BLOCK);
	for (i = 0; !r->failed && i < r->reads; i++)
		r->failed = pread(r->disk, buf, BLOCK, (r->first + i) % BLOCKS * BLOCK) != BLOCK;
	free(buf);
	return NULL;
}

static void read_all(struct ss_fx_tracer *self, struct reader *r, int threads, int reads)
{
	int i;

	for (i = 0; i < threads; i++) {
		r[i] = (struct reader){ .disk = self->disk,
					.reads = reads,
					.first = i * (BLOCKS / MAX_THREADS) };
		ASSERT_EQ(pthread_create(&r[i].thread, NULL, read_blocks, &r[i]), 0);
	}
	for (i = 0; i < threads; i++) {
		pthread_join(r[i].thread, NULL);
		EXPECT_EQ(r[i].failed, 0);
	}
}

static unsigned int io_of(const struct seen *s, int tid)
{
	unsigned int i, n = 0;

	for (i = 0; i < s->nr_io; i++)
		n += s->io[i].tid == (__u32)tid;
	return n;
}

TEST_F(tracer, every_read, .timeout_s = 90,
       .title = "each of 8 threads' 500 reads is one record, or counted as lost: under 1 %")
{
	struct reader r[MAX_THREADS];
	const struct ss_rec_g_io *io;
	__u64 before = now_ns();
	unsigned int i;

	read_all(self, r, MAX_THREADS, 500);
	finish(self);
	for (i = 0; i < MAX_THREADS; i++)
		EXPECT_LE(io_of(self->seen, r[i].tid), 500);
	EXPECT_EQ(self->seen->nr_io + self->drops.lost, MAX_THREADS * 500);
	EXPECT_LT(self->drops.lost, MAX_THREADS * 500 / 100);
	for (i = 0; i < self->seen->nr_io; i++) {
		io = &self->seen->io[i];
		ASSERT_EQ(io->op, SS_IO_READ);
		ASSERT_EQ(io->error, 0);
		ASSERT_EQ(io->bytes, BLOCK);
		ASSERT_EQ(io->sector % (BLOCK / 512), 0);
		ASSERT_LT(io->sector, BLOCKS * (BLOCK / 512));
		ASSERT_LE(before, io->start_ts);
		ASSERT_LE(io->start_ts, io->issue_ts);
		ASSERT_LE(io->issue_ts, io->h.ts);
		ASSERT_LE(io->h.ts, now_ns());
		ASSERT_STREQ(io->comm, "test_bpf");
		ASSERT_NE(io->dev, 0);
	}
}

TEST_F(tracer, wake_ups, .timeout_s = 60,
       .title = "a reader's waits for a CPU are records with who held it, and in its histogram")
{
	const struct ss_rec_g_run *run;
	struct reader r[1];
	unsigned int i, waits = 0, hists = 0;
	__u64 counted = 0;

	read_all(self, r, 1, 500);
	finish(self);
	EXPECT_EQ(io_of(self->seen, r[0].tid), 500);
	EXPECT_EQ(self->drops.lost, 0);
	for (i = 0; i < self->seen->nr_run; i++) {
		run = &self->seen->run[i];
		if (run->tid != (__u32)r[0].tid)
			continue;
		waits++;
		ASSERT_LE(run->wake_ts, run->h.ts);
		ASSERT_NE(run->wake_ts, 0);
		ASSERT_LE(run->idle_ns, (run->h.ts - run->wake_ts) * sysconf(_SC_NPROCESSORS_CONF));
		ASSERT_NE(run->prev_tid, run->tid);
		if (!run->prev_tid)
			ASSERT_EQ(memcmp(run->prev_comm, "swapper/", 8), 0);
	}
	/* Not each read has to sleep, but of 500 some do. */
	EXPECT_GT(waits, 0);
	for (i = 0; i < self->seen->nr_hist; i++) {
		const struct ss_rec_g_hist *h = &self->seen->hist[i];
		unsigned int j;

		EXPECT_LE(h->max_ns, h->total_ns);
		/* A thread that ended after little waiting is in the shared one. */
		if (h->tid != (__u32)r[0].tid && h->tid)
			continue;
		hists++;
		for (j = 0; j < SS_HIST_SLOTS; j++)
			counted += h->slots[j];
	}
	EXPECT_GT(hists, 0);
	EXPECT_GE(counted, waits);
}

TEST_F(tracer, flush, .timeout_s = 60,
       .title = "a write and a flush are one record each, of the task that asked for them")
{
	const struct ss_rec_g_io *flush = NULL;
	unsigned int i, writes = 0, flushes = 0;
	void *buf = NULL;

	ASSERT_EQ(posix_memalign(&buf, BLOCK, BLOCK), 0);
	memset(buf, 0x5a, BLOCK);
	EXPECT_EQ(pwrite(self->disk, buf, BLOCK, 8 * BLOCK), BLOCK);
	EXPECT_EQ(fsync(self->disk), 0);
	free(buf);
	finish(self);
	for (i = 0; i < self->seen->nr_io; i++) {
		const struct ss_rec_g_io *io = &self->seen->io[i];

		EXPECT_EQ(io->tid, getpid());
		if (io->op == SS_IO_FLUSH) {
			flush = io;
			flushes++;
		} else {
			EXPECT_EQ(io->op, SS_IO_WRITE);
			EXPECT_EQ(io->sector, 8 * BLOCK / 512);
			EXPECT_EQ(io->bytes, BLOCK);
			writes++;
		}
	}
	EXPECT_EQ(self->drops.lost, 0);
	EXPECT_EQ(writes, 1);
	ASSERT_EQ(flushes, 1);
	EXPECT_EQ(flush->bytes, 0);
	EXPECT_LE(flush->start_ts, flush->issue_ts);
	EXPECT_LE(flush->issue_ts, flush->h.ts);
}

/* --- schedulers --- */

static void check_scx(const struct ss_rec_g_scx *r, unsigned int event, const char *name, int kind,
		      const char *reason)
{
	EXPECT_EQ(r->event, event);
	EXPECT_STREQ(r->name, name);
	EXPECT_EQ(r->exit_kind, kind);
	EXPECT_STRSTR(r->reason, reason);
}

TEST_F(tracer, scheduler_comes_and_goes, .timeout_s = 60,
       .title = "a scheduler's start and end are on the time line, IO under it is traced")
{
	const char *const argv[] = { "/bin/scx_vtime", NULL };
	struct reader r[4];
	char log[256];
	pid_t pid;

	sched_need();
	pid = sched_start(argv, sched_log(log));
	sched_wait_enabled(pid, log);
	read_all(self, r, 4, 100);
	ASSERT_EQ(kill(pid, SIGTERM), 0);
	EXPECT_EQ(sched_status(pid), 0);
	finish(self);
	EXPECT_EQ(self->seen->nr_io + self->drops.lost, 400);
	ASSERT_EQ(self->seen->nr_scx, 3);
	check_scx(&self->seen->scx[0], SS_SCX_ENABLE, "vtime", 0, "");
	check_scx(&self->seen->scx[1], SS_SCX_DISABLE, "vtime", 64, "");
	check_scx(&self->seen->scx[2], SS_SCX_EXIT, "vtime", 64, "unregistered from user space");
	EXPECT_LT(self->seen->scx[0].h.ts, self->seen->scx[1].h.ts);
	EXPECT_LE(self->seen->scx[1].h.ts, self->seen->scx[2].h.ts);
}

TEST_F(tracer, scheduler_fails, .timeout_s = 60,
       .title = "an ejected scheduler's end is recorded in the kernel's own words")
{
	const char *const argv[] = { "/bin/scx_bad", "--error", "--after", "200", NULL };
	char log[256], text[4096];

	sched_need();
	EXPECT_EQ(sched_status(sched_start(argv, sched_log(log))), 4);
	sched_read(log, text, sizeof(text));
	EXPECT_STRSTR(text, "failing on request after 200 ms");
	finish(self);
	ASSERT_EQ(self->seen->nr_scx, 3);
	check_scx(&self->seen->scx[1], SS_SCX_DISABLE, "bad", 1025, "");
	check_scx(&self->seen->scx[2], SS_SCX_EXIT, "bad", 1025,
		  "scx_bpf_error: failing on request after 200 ms");
}

TEST_F(tracer, scheduler_delays, .timeout_s = 90,
       .title = "a scheduler that holds woken tasks back shows as waits of that length")
{
	const char *const argv[] = { "/bin/scx_bad", "--delay", "40", NULL };
	unsigned int i, held = 0, waits = 0;
	struct reader r[1];
	char log[256];
	pid_t pid;

	sched_need();
	pid = sched_start(argv, sched_log(log));
	sched_wait_enabled(pid, log);
	read_all(self, r, 1, 60);
	ASSERT_EQ(kill(pid, SIGTERM), 0);
	EXPECT_EQ(sched_status(pid), 0);
	finish(self);
	EXPECT_EQ(io_of(self->seen, r[0].tid), 60);
	for (i = 0; i < self->seen->nr_run; i++) {
		const struct ss_rec_g_run *run = &self->seen->run[i];

		if (run->tid != (__u32)r[0].tid)
			continue;
		waits++;
		if (run->h.ts - run->wake_ts >= 40 * NS_PER_MS) {
			held++;
			/* It is the scheduler's fault: CPUs were idle meanwhile. */
			EXPECT_GT(run->idle_ns, 0);
		}
	}
	EXPECT_EQ(held, waits);
	/* Where the disk answers at once, there is nothing to wait for. */
	if (!waits)
		TH_LOG("no read slept");
}

TEST(stalled, .timeout_s = 90, .title = "a scheduler that loses a task is kicked by the watchdog")
{
	const char *const argv[] = { "/bin/scx_bad", "--stall", "--timeout", "1000", NULL };
	char log[256], text[4096];

	sched_need();
	EXPECT_EQ(sched_status(sched_start(argv, sched_log(log))), 4);
	sched_read(log, text, sizeof(text));
	EXPECT_STRSTR(text, "runnable task stall");
	EXPECT_STRSTR(text, "scx_victim");
	sched_read("/sys/kernel/sched_ext/state", text, sizeof(text));
	EXPECT_STREQ(text, "disabled\n");
}

TEST(rejected, .timeout_s = 60, .title = "a scheduler that the verifier refuses says its words")
{
	const char *const argv[] = { "/bin/scx_bad", "--reject", NULL };
	static char text[1 << 16];
	char log[256];

	sched_need();
	EXPECT_EQ(sched_status(sched_start(argv, sched_log(log))), 1);
	sched_read(log, text, sizeof(text));
	EXPECT_STRSTR(text, "map_value_or_null");
	EXPECT_STRSTR(text, "the kernel refused the scheduler");
	EXPECT_NULL(strstr(text, "enabled"));
}

TEST(exits, .timeout_s = 60, .title = "a scheduler that ends by itself leaves nothing behind")
{
	const char *const argv[] = { "/bin/scx_bad", "--exit-now", NULL };
	char log[256], text[4096];

	sched_need();
	EXPECT_EQ(sched_status(sched_start(argv, sched_log(log))), 0);
	sched_read(log, text, sizeof(text));
	EXPECT_STRSTR(text, "enabled");
	sched_read("/sys/kernel/sched_ext/state", text, sizeof(text));
	EXPECT_STREQ(text, "disabled\n");
}

TEST(options, .timeout_s = 60, .title = "bad options of the loaders are refused, -h helps")
{
	const char *const cases[][5] = {
		{ "2", "/bin/scx_vtime", "-x" },
		{ "2", "/bin/scx_vtime", "-s", "99" },
		{ "2", "/bin/scx_vtime", "-s", "5ms" },
		{ "0", "/bin/scx_vtime", "-h" },
		{ "2", "/bin/scx_bad" },
		{ "2", "/bin/scx_bad", "--stall", "--error" },
		{ "2", "/bin/scx_bad", "--delay", "5001" },
		{ "2", "/bin/scx_bad", "--delay", "-1" },
		{ "2", "/bin/scx_bad", "--one-cpu", "1024" },
		{ "2", "/bin/scx_bad", "--slice", "3" },
		{ "2", "/bin/scx_bad", "--lifo", "--whom=nobody" },
		{ "2", "/bin/scx_bad", "--hogs", "--only=a name far too long" },
		{ "2", "/bin/scx_bad", "--stall", "more" },
		{ "0", "/bin/scx_bad", "--help" },
	};
	char log[256], text[4096];
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		EXPECT_EQ(sched_status(sched_start(&cases[i][1], sched_log(log))),
			  cases[i][0][0] - '0')
		TH_LOG("%s %s %s", cases[i][1], cases[i][2] ?: "", cases[i][3] ?: "");
		sched_read(log, text, sizeof(text));
		EXPECT_NE(text[0], '\0');
	}
}

TEST_HARNESS_MAIN
