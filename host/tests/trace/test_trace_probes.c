// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each of the device's probes becomes: this program fires the real ones.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "ss_probes.h"
#include "trace_util.h"

FIXTURE(trace)
{
	struct trace *t;
	struct kept kept;
};

FIXTURE_SETUP(trace)
{
	struct trace_config cfg = { .disks = 2, .queues = 4, .irq = true };

	self->t = open_or_skip(&cfg);
}

FIXTURE_TEARDOWN(trace)
{
	trace_close(self->t);
}

static void drain(struct ss_fx_trace *self)
{
	int n;

	self->kept.n = 0;
	n = trace_poll(self->t, keep, &self->kept);
	ASSERT_EQ(n, self->kept.n);
}

static void fire_request(int disk, int queue, int head)
{
	ss_probe_req_start(disk, queue, head, 1, 77ULL, 8192);
	ss_probe_req_backing_done(disk, queue, head);
	ss_probe_req_done(disk, queue, head, 0);
}

TEST_F(trace, all_attach, .title = "nothing is missing where all probes and tracepoints are there")
{
	const char *text = trace_missing(self->t, 0);

	if (text)
		TH_LOG("%s", text);
	EXPECT_NULL(text);
}

TEST_F(trace, stall, .title = "a stall makes one record at each end, the second with its begin")
{
	const struct ss_rec_stall_begin *b;
	const struct ss_rec_stall_end *e;
	__u64 before = now_ns();

	ss_probe_stall_begin(1, 3, 255, SS_BUCKET_BYTES, 1ULL << 40, 123456789ULL);
	ss_probe_stall_end(1, 3, 255, 2, 7, 3);
	drain(self);
	ASSERT_EQ(self->kept.n, 2);
	b = kept_at(&self->kept, 0);
	EXPECT_EQ(b->h.type, SS_REC_STALL_BEGIN);
	EXPECT_EQ(b->h.len, sizeof(*b));
	EXPECT_GE(b->h.ts, before);
	EXPECT_EQ(b->disk, 1);
	EXPECT_EQ(b->queue, 3);
	EXPECT_EQ(b->head, 255);
	EXPECT_EQ(b->bucket, SS_BUCKET_BYTES);
	EXPECT_EQ(b->deficit, 1ULL << 40);
	EXPECT_EQ(b->predicted_ns, 123456789);
	e = kept_at(&self->kept, 1);
	EXPECT_EQ(e->h.type, SS_REC_STALL_END);
	EXPECT_EQ(e->begin_ts, b->h.ts);
	EXPECT_GT(e->h.ts, b->h.ts);
	EXPECT_LE(e->h.ts, now_ns());
	EXPECT_EQ(e->granted, 2);
	EXPECT_EQ(e->head, 255);
	EXPECT_EQ(e->h.len, sizeof(*e));
	EXPECT_EQ(e->predicted_ns, 7);
	EXPECT_EQ(e->profile_ns, 3);
}

TEST_F(trace, request,
       .title = "a request makes one record, with the stamps of its stations in order")
{
	const struct ss_rec_req *r;
	const struct ss_rec_drain *d;

	ss_probe_kick(0, 1);
	ss_probe_drain_begin(0, 1);
	fire_request(0, 1, 9);
	ss_probe_drain_end(0, 1, 1, 1, 0);
	drain(self);
	ASSERT_EQ(self->kept.n, 2);
	r = kept_at(&self->kept, 0);
	EXPECT_EQ(r->h.type, SS_REC_REQ);
	EXPECT_EQ(r->disk, 0);
	EXPECT_EQ(r->queue, 1);
	EXPECT_EQ(r->head, 9);
	EXPECT_EQ(r->status, 0);
	EXPECT_EQ(r->req_type, 1);
	EXPECT_EQ(r->bytes, 8192);
	EXPECT_EQ(r->sector, 77);
	d = kept_at(&self->kept, 1);
	EXPECT_EQ(d->h.type, SS_REC_DRAIN);
	EXPECT_EQ(d->chains, 1);
	EXPECT_EQ(d->published, 1);
	EXPECT_EQ(d->stalled, 0);
	EXPECT_NE(r->kick_ts, 0);
	EXPECT_LT(r->kick_ts, d->begin_ts);
	EXPECT_LT(d->begin_ts, r->start_ts);
	EXPECT_LT(r->start_ts, r->backing_done_ts);
	EXPECT_LT(r->backing_done_ts, r->h.ts);
	EXPECT_LT(r->h.ts, d->h.ts);
}

TEST_F(trace, requests_apart, .title = "requests under way together keep their own stamps")
{
	const struct ss_rec_req *a, *b;

	ss_probe_req_start(0, 0, 1, 0, 100ULL, 512);
	ss_probe_req_start(0, 0, 2, 0, 200ULL, 1024);
	ss_probe_req_start(1, 0, 1, 0, 300ULL, 1536);
	ss_probe_req_backing_done(0, 0, 2);
	ss_probe_req_done(0, 0, 2, 1);
	ss_probe_req_backing_done(0, 0, 1);
	ss_probe_req_done(0, 0, 1, 0);
	drain(self);
	ASSERT_EQ(self->kept.n, 2);
	b = kept_at(&self->kept, 0);
	a = kept_at(&self->kept, 1);
	EXPECT_EQ(b->sector, 200);
	EXPECT_EQ(b->bytes, 1024);
	EXPECT_EQ(b->status, 1);
	EXPECT_EQ(a->sector, 100);
	EXPECT_LT(a->start_ts, b->start_ts);
	EXPECT_LT(b->h.ts, a->backing_done_ts);
}

TEST_F(trace, timer_drain, .title = "D88 a drain that no kick led to names none")
{
	const struct ss_rec_req *r;

	ss_probe_kick(0, 0);
	ss_probe_drain_begin(0, 0);
	ss_probe_stall_begin(0, 0, 4, SS_BUCKET_OPS, 1ULL, 1000ULL);
	ss_probe_drain_end(0, 0, 1, 0, 1);
	ss_probe_kick(0, 0); /* consumed without draining: the head is stalled */
	ss_probe_drain_begin(0, 0);
	ss_probe_stall_end(0, 0, 4, 1, 7, 3);
	fire_request(0, 0, 4);
	ss_probe_drain_end(0, 0, 1, 1, 0);
	drain(self);
	ASSERT_EQ(kept_of(&self->kept, SS_REC_REQ), 1);
	r = kept_at(&self->kept, 3);
	ASSERT_EQ(r->h.type, SS_REC_REQ);
	EXPECT_EQ(r->kick_ts, 0);
}

TEST_F(trace, other, .title = "interrupts and device events are recorded as they come")
{
	const struct ss_rec_irq *irq;
	const struct ss_rec_dev_event *ev;

	ss_probe_interrupt(1, 2);
	ss_probe_dev_event(1, 2, SS_DEV_RESET, 0x123456789abcULL);
	drain(self);
	ASSERT_EQ(self->kept.n, 2);
	irq = kept_at(&self->kept, 0);
	EXPECT_EQ(irq->h.type, SS_REC_IRQ);
	EXPECT_EQ(irq->disk, 1);
	EXPECT_EQ(irq->queue, 2);
	ev = kept_at(&self->kept, 1);
	EXPECT_EQ(ev->h.type, SS_REC_DEV_EVENT);
	EXPECT_EQ(ev->event, SS_DEV_RESET);
	EXPECT_EQ(ev->arg, 0x123456789abcULL);
}

TEST_F(trace, unpaired, .title = "an end without its begin makes no record")
{
	struct ss_drops d;

	ss_probe_req_done(0, 0, 1, 0);
	ss_probe_req_backing_done(0, 0, 1);
	ss_probe_stall_end(0, 0, 1, 1, 7, 3);
	ss_probe_drain_end(0, 0, 0, 0, 0);
	fire_request(0, 0, 1);
	ss_probe_req_done(0, 0, 1, 0);
	drain(self);
	EXPECT_EQ(self->kept.n, 1);
	trace_drops(self->t, &d);
	EXPECT_EQ(d.recorded, 1);
	EXPECT_EQ(d.lost, 0);
}

TEST_F(trace, out_of_range,
       .title = "a disk, queue or head out of range harms nothing, a stall still counts")
{
	fire_request(2, 0, 0);
	fire_request(0, 4, 0);
	fire_request(0, 0, 256);
	fire_request(65535, 65535, 65535);
	ss_probe_stall_begin(7, 0, 0, 1, 1ULL, 1ULL);
	drain(self);
	ASSERT_EQ(self->kept.n, 1);
	EXPECT_EQ(((const struct ss_rec *)kept_at(&self->kept, 0))->type, SS_REC_STALL_BEGIN);
}

TEST_F(trace, exact_count, .title = "every stall is one record: 3000 of 3000")
{
	struct ss_drops d;
	int i;

	for (i = 0; i < 3000; i++)
		ss_probe_stall_begin(0, i % 4, i % 256, SS_BUCKET_OPS, 1ULL, 1000ULL);
	drain(self);
	EXPECT_EQ(kept_of(&self->kept, SS_REC_STALL_BEGIN), 3000);
	trace_drops(self->t, &d);
	EXPECT_EQ(d.recorded, 3000);
	EXPECT_EQ(d.lost, 0);
}

struct firing {
	pthread_t thread;
	pthread_barrier_t *start;
	int queue;
};

static void *fire_stalls(void *arg)
{
	struct firing *f = arg;
	int i;

	pthread_barrier_wait(f->start);
	for (i = 0; i < 500; i++) {
		ss_probe_stall_begin(0, f->queue, i % 256, SS_BUCKET_OPS, 1ULL, 1000ULL);
		ss_probe_stall_end(0, f->queue, i % 256, 1, 7, 3);
	}
	return NULL;
}

/* The runner's workers are threads, some older than the trace. */
TEST(threads, .title = "probes count on every thread, older and younger than the trace")
{
	struct trace_config cfg = { .queues = 4 };
	static struct kept kept;
	struct firing f[4] = {};
	pthread_barrier_t start;
	struct trace *t = NULL;
	struct ss_drops d;
	unsigned int i;

	trace_close(open_or_skip(&cfg));
	ASSERT_EQ(pthread_barrier_init(&start, NULL, 4), 0);
	for (i = 0; i < 4; i++) {
		if (i == 2)
			t = open_or_skip(&cfg);
		f[i].start = &start;
		f[i].queue = i;
		ASSERT_EQ(pthread_create(&f[i].thread, NULL, fire_stalls, &f[i]), 0);
	}
	for (i = 0; i < 4; i++)
		pthread_join(f[i].thread, NULL);
	pthread_barrier_destroy(&start);
	EXPECT_EQ(trace_poll(t, keep, &kept), 4000);
	EXPECT_EQ(kept_of(&kept, SS_REC_STALL_BEGIN), 2000);
	EXPECT_EQ(kept_of(&kept, SS_REC_STALL_END), 2000);
	trace_drops(t, &d);
	EXPECT_EQ(d.recorded, 4000);
	EXPECT_EQ(d.lost, 0);
	trace_close(t);
}

TEST_F(trace, histograms, .title = "histograms hold what the records say, disk by disk")
{
	const struct ss_rec_stall_end *e;
	const struct ss_rec_req *r;
	struct ss_hist h;
	unsigned int slot;
	__u64 ns, until;

	ss_probe_stall_begin(1, 0, 0, 1, 1ULL, 1ULL);
	until = now_ns() + 3000000;
	while (now_ns() < until)
		;
	ss_probe_stall_end(1, 0, 0, 1, 7, 3);
	fire_request(1, 0, 0);
	drain(self);
	ASSERT_EQ(self->kept.n, 3);
	e = kept_at(&self->kept, 1);
	ns = e->h.ts - e->begin_ts;
	EXPECT_GE(ns, 3000000);
	ASSERT_EQ(trace_hist(self->t, TRACE_HIST_STALL, 1, &h), 0);
	EXPECT_EQ(h.count, 1);
	EXPECT_EQ(h.total_ns, ns);
	EXPECT_EQ(h.max_ns, ns);
	slot = 63 - __builtin_clzll(ns);
	EXPECT_EQ(h.slots[slot], 1);
	r = kept_at(&self->kept, 2);
	ASSERT_EQ(trace_hist(self->t, TRACE_HIST_BACKING, 1, &h), 0);
	EXPECT_EQ(h.count, 1);
	EXPECT_EQ(h.total_ns, r->backing_done_ts - r->start_ts);
	ASSERT_EQ(trace_hist(self->t, TRACE_HIST_STALL, 0, &h), 0);
	EXPECT_EQ(h.count, 0);
	ASSERT_EQ(trace_hist(self->t, TRACE_HIST_DRAIN, 1, &h), 0);
	EXPECT_EQ(h.count, 0);
	EXPECT_NE(trace_hist(self->t, TRACE_HIST_STALL, 2, &h), 0);
	EXPECT_EQ(trace_hist(self->t, TRACE_HIST_KINDS, 0, &h), -EINVAL);
}

TEST(networks, .title = "a network device's stalls and drains are told from a disk's")
{
	struct trace_config cfg = { .disks = 1, .queues = 1, .nets = 2 };
	const int net1 = SS_DEV_NET_BASE + 1;
	const struct ss_rec_drain *d;
	struct trace *t = open_or_skip(&cfg);
	struct ss_hist h;
	static struct kept k;

	ss_probe_kick(net1, 1);
	ss_probe_drain_begin(net1, 1);
	ss_probe_stall_begin(net1, 1, 7, SS_BUCKET_OPS, 3ULL, 40ULL);
	ss_probe_drain_end(net1, 1, 5, 4, 1);
	ss_probe_stall_end(net1, 1, 7, 1, 7, 3);
	/* Neither a third device's nor a third queue's end has a begin here. */
	for (int dev = 1; dev <= SS_DEV_NET_BASE + 2; dev += SS_DEV_NET_BASE + 1) {
		ss_probe_drain_begin(dev, 0);
		ss_probe_drain_end(dev, 0, 1, 1, 0);
	}
	ss_probe_drain_begin(net1, 2);
	ss_probe_drain_end(net1, 2, 1, 1, 0);
	ASSERT_EQ(trace_poll(t, keep, &k), 3);
	ASSERT_EQ(kept_of(&k, SS_REC_STALL_BEGIN), 1);
	EXPECT_EQ(((const struct ss_rec_stall_begin *)kept_at(&k, 0))->disk, net1);
	d = kept_at(&k, 1);
	ASSERT_EQ(d->h.type, SS_REC_DRAIN);
	EXPECT_EQ(d->disk, net1);
	EXPECT_EQ(d->queue, 1);
	EXPECT_EQ(d->chains, 5);
	EXPECT_EQ(d->published, 4);
	EXPECT_EQ(d->stalled, 1);
	EXPECT_EQ(((const struct ss_rec *)kept_at(&k, 2))->type, SS_REC_STALL_END);
	ASSERT_EQ(trace_hist(t, TRACE_HIST_STALL, net1, &h), 0);
	EXPECT_EQ(h.count, 1);
	ASSERT_EQ(trace_hist(t, TRACE_HIST_DRAIN, net1, &h), 0);
	EXPECT_EQ(h.count, 1);
	ASSERT_EQ(trace_hist(t, TRACE_HIST_DRAIN, SS_DEV_NET_BASE, &h), 0);
	EXPECT_EQ(h.count, 0);
	ASSERT_EQ(trace_hist(t, TRACE_HIST_STALL, 0, &h), 0);
	EXPECT_EQ(h.count, 0);
	EXPECT_EQ(trace_hist(t, TRACE_HIST_BACKING, net1, &h), -EINVAL);
	EXPECT_EQ(trace_hist(t, TRACE_HIST_DRAIN, net1 + 1, &h), -EINVAL);
	trace_close(t);
}

TEST(lost_records_count, .title = "with a tiny ring, made and lost together are what happened")
{
	struct trace_config cfg = { .ring_bytes = 4096 };
	static struct kept kept;
	struct ss_drops d;
	struct trace *t = open_or_skip(&cfg);
	int i;

	for (i = 0; i < 1000; i++)
		ss_probe_stall_begin(0, 0, 0, SS_BUCKET_OPS, 1ULL, 1000ULL);
	trace_drops(t, &d);
	EXPECT_GT(d.lost, 0);
	EXPECT_GT(d.recorded, 0);
	EXPECT_EQ(d.recorded + d.lost, 1000);
	EXPECT_EQ(trace_poll(t, keep, &kept), (int)d.recorded);
	EXPECT_EQ(kept.n, d.recorded);
	/* There is room again. */
	ss_probe_stall_begin(0, 0, 0, SS_BUCKET_OPS, 1ULL, 1000ULL);
	EXPECT_EQ(trace_poll(t, keep, &kept), 1);
	trace_close(t);
}

TEST(irq_off, .title = "interrupts are recorded only on request")
{
	struct trace_config cfg = {};
	static struct kept kept;
	struct trace *t = open_or_skip(&cfg);

	ss_probe_interrupt(0, 0);
	ss_probe_dev_event(0, 0, SS_DEV_PAUSE, 0ULL);
	EXPECT_EQ(trace_poll(t, keep, &kept), 1);
	EXPECT_EQ(kept_of(&kept, SS_REC_IRQ), 0);
	trace_close(t);
}

TEST(close_detaches, .title = "after the end the probes are free, and a new trace starts at 0")
{
	struct trace_config cfg = {};
	static struct kept kept;
	struct ss_drops d;
	struct trace *t = open_or_skip(&cfg);

	ss_probe_dev_event(0, 0, SS_DEV_PAUSE, 0ULL);
	trace_close(t);
	ss_probe_dev_event(0, 0, SS_DEV_PAUSE, 0ULL);
	t = open_or_skip(&cfg);
	trace_drops(t, &d);
	EXPECT_EQ(d.recorded, 0);
	EXPECT_EQ(trace_poll(t, keep, &kept), 0);
	trace_close(t);
}

TEST(other_process, .title = "the probes of another process with the same program don't count here")
{
	struct trace_config cfg = {};
	static struct kept kept;
	struct trace *t = open_or_skip(&cfg);
	pid_t pid = fork();
	int status;

	ASSERT_GE(pid, 0);
	if (!pid) {
		ss_probe_dev_event(0, 0, SS_DEV_PAUSE, 0ULL);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_EQ(status, 0);
	EXPECT_EQ(trace_poll(t, keep, &kept), 0);
	trace_close(t);
}

TEST(bad_config, .title = "too many devices or queues are refused")
{
	char err[256] = "";
	struct trace *t;

	EXPECT_EQ(trace_open(&(struct trace_config){ .disks = SS_MAX_DISKS + 1 }, &t, err,
			     sizeof(err)),
		  -EINVAL);
	EXPECT_STRSTR(err, "too many");
	EXPECT_EQ(trace_open(&(struct trace_config){ .queues = TRACE_MAX_QUEUES + 1 }, &t, err,
			     sizeof(err)),
		  -EINVAL);
	EXPECT_EQ(
		trace_open(&(struct trace_config){ .nets = SS_MAX_NETS + 1 }, &t, err, sizeof(err)),
		-EINVAL);
	EXPECT_NULL(t);
}

TEST(no_probes, .title = "a program without probes is an error that says so")
{
	struct trace_config cfg = { .path = "/bin/true" };
	char err[256] = "";
	struct trace *t;
	int ret = trace_open(&cfg, &t, err, sizeof(err));

	if (ret == -EPERM || ret == -ENOSYS || ret == -ESRCH)
		SKIP("%s", err);
	EXPECT_LT(ret, 0);
	EXPECT_NULL(t);
	EXPECT_STRSTR(err, "host tracing");
}

/* A copy of this program in which the note of each probe named @name has another one. */
static void copy_without(const char *name, const char *path)
{
	char note[64] = "stallscope", *image, *at;
	size_t len, n = strlen(note) + 1 + strlen(name) + 1;
	FILE *f = fopen("/proc/self/exe", "r");
	unsigned int found = 0;
	long size;

	ASSERT_NOT_NULL(f);
	strcpy(note + strlen(note) + 1, name);
	ASSERT_EQ(fseek(f, 0, SEEK_END), 0);
	size = ftell(f);
	rewind(f);
	image = malloc(size);
	ASSERT_NOT_NULL(image);
	len = fread(image, 1, size, f);
	fclose(f);
	ASSERT_EQ(len, size);
	for (at = image; (at = memmem(at, image + size - at, note, n)); found++)
		at[sizeof("stallscope")] = '?';
	EXPECT_GT(found, 0);
	f = fopen(path, "w");
	ASSERT_NOT_NULL(f);
	EXPECT_EQ(fwrite(image, 1, size, f), size);
	EXPECT_EQ(fclose(f), 0);
	free(image);
}

/* How much of @path is in the page cache, in pages; *whole: of how many. */
static size_t cached(const char *path, size_t *whole)
{
	int fd = open(path, O_RDONLY);
	size_t page = getpagesize(), n = 0;
	unsigned char *in;
	struct stat st;
	void *map;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(fstat(fd, &st), 0);
	*whole = (st.st_size + page - 1) / page;
	map = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(map, MAP_FAILED);
	in = calloc(*whole, 1);
	ASSERT_NOT_NULL(in);
	ASSERT_EQ(mincore(map, st.st_size, in), 0);
	for (size_t i = 0; i < *whole; i++)
		n += in[i] & 1;
	free(in);
	munmap(map, st.st_size);
	close(fd);
	return n;
}

TEST(cached, .title = "the probed file is in memory before a breakpoint is set in it")
{
	char path[512];
	struct trace_config cfg = { .path = path };
	struct trace *t;
	size_t whole;
	int fd;

	snprintf(path, sizeof(path), "%s/cold", ss_tmpdir());
	copy_without("drain_end", path);
	fd = open(path, O_RDWR);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(fsync(fd), 0);
	EXPECT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
	if (cached(path, &whole))
		SKIP("this file system keeps its files in memory");
	t = open_or_skip(&cfg);
	EXPECT_EQ(cached(path, &whole), whole);
	trace_close(t);
}

TEST(missing_probes, .title = "what can't be traced is said, with what a report can't tell")
{
	char path[512];
	struct trace_config cfg = { .path = path };
	struct trace *t;

	snprintf(path, sizeof(path), "%s/partial", ss_tmpdir());
	copy_without("drain_end", path);
	t = open_or_skip(&cfg);
	ASSERT_NOT_NULL(trace_missing(t, 0));
	EXPECT_STREQ(trace_missing(t, 0),
		     "probe drain_end: not there; the worker's drains can't be timed");
	EXPECT_NULL(trace_missing(t, 1));
	EXPECT_NULL(trace_missing(t, 100));
	trace_close(t);
}

TEST(runner_probes, .title = "each probe in the runner itself can be attached")
{
	char path[512], err[256] = "";
	struct trace_config cfg = { .path = path, .irq = true };
	struct trace *t;
	unsigned int i;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	int ret;

	ASSERT_GT(n, 0);
	path[n] = '\0';
	for (i = 0; i < 2; i++)
		*strrchr(path, '/') = '\0';
	strcat(path, "/stallscope");
	if (access(path, X_OK))
		SKIP("no %s", path);
	ret = trace_open(&cfg, &t, err, sizeof(err));
	if (ret == -EPERM || ret == -ENOSYS || ret == -ESRCH)
		SKIP("%s", err);
	if (ret)
		TH_LOG("%s", err);
	ASSERT_EQ(ret, 0);
	for (i = 0; trace_missing(t, i); i++)
		TH_LOG("%s", trace_missing(t, i));
	EXPECT_EQ(i, 0);
	trace_close(t);
}

TEST_HARNESS_MAIN
