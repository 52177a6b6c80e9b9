// SPDX-License-Identifier: GPL-2.0-only
/* The throttle in real time: how punctual a wake-up is, and what rate comes of it. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define WAKE_RATE    400u /* a wake-up every 2.5 ms */
#define WAKE_SAMPLES 1600u
#define WAKE_WINDOWS 8u
#define RATE_NS	     2000000000ULL

/* A backing that notes when it is called: the moment after the grant. */
struct stamps {
	struct backing b;
	const struct backing_ops *null;
	struct backing_ops ops;
	uint64_t *at;
	unsigned int nr, max; /* atomic */
};

static ssize_t stamp_readv(struct backing *b, const struct iovec *iov, unsigned int nr,
			   uint64_t off)
{
	struct stamps *s = (struct stamps *)(void *)b;
	const unsigned int n = __atomic_load_n(&s->nr, __ATOMIC_RELAXED);

	if (n < s->max) {
		s->at[n] = monotonic_ns();
		__atomic_store_n(&s->nr, n + 1, __ATOMIC_RELEASE);
	}
	return s->null->readv(b, iov, nr, off);
}

static void stamps_init(struct stamps *s, unsigned int max)
{
	memset(s, 0, sizeof(*s));
	bench_null_backing(&s->b, 1ULL << 30);
	s->null = s->b.ops;
	s->ops = *s->b.ops;
	s->ops.readv = stamp_readv;
	s->b.ops = &s->ops;
	s->at = calloc(max, sizeof(*s->at));
	if (!s->at)
		abort();
	s->max = max;
}

/* --- a bare timerfd, in its own thread, at the same time --- */

struct bare {
	uint64_t start;
	double *late;
};

static uint64_t period(uint64_t k)
{
	return k * IO_NSEC_PER_SEC / WAKE_RATE;
}

static void *bare_main(void *arg)
{
	struct bare *bare = arg;
	const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	const int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN };
	uint64_t count;

	epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &ev);
	for (unsigned int i = 0; i < WAKE_SAMPLES; i++) {
		const uint64_t at = bare->start + period(i + 1);
		const struct itimerspec its = {
			.it_value = { (time_t)(at / IO_NSEC_PER_SEC),
				      (long)(at % IO_NSEC_PER_SEC) },
		};

		timerfd_settime(timer, TFD_TIMER_ABSTIME, &its, NULL);
		if (epoll_wait(epoll, &ev, 1, -1) != 1 ||
		    read(timer, &count, sizeof(count)) != sizeof(count))
			abort();
		bare->late[i] = (double)(monotonic_ns() - at);
	}
	close(epoll);
	close(timer);
	return NULL;
}

/*
 * The 99th percentile, the worker's beside the bare timer's, window by window: what a
 * neighbour of the machine does to both in one of them isn't the worker's doing.
 */
static void wakeup_p99(const double *late, const double *bare)
{
	const unsigned int nr = WAKE_SAMPLES / WAKE_WINDOWS;
	double window[WAKE_SAMPLES / WAKE_WINDOWS], p99[WAKE_WINDOWS], bare_p99[WAKE_WINDOWS],
		ratio[WAKE_WINDOWS];

	for (unsigned int i = 0; i < WAKE_WINDOWS; i++) {
		memcpy(window, late + i * nr, sizeof(window));
		p99[i] = percentile(window, nr, 0.99);
		memcpy(window, bare + i * nr, sizeof(window));
		bare_p99[i] = percentile(window, nr, 0.99);
		ratio[i] = p99[i] / bare_p99[i];
	}
	figure_add(&(struct figure){
		.key = "wakeup_p99_ns",
		.title = "wake-up after a stall, late by (p99); bare timerfd",
		.unit = "ns",
		.value = median(p99, WAKE_WINDOWS),
		.against = median(bare_p99, WAKE_WINDOWS),
		.ratio = median(ratio, WAKE_WINDOWS),
		.target = 1.5,
		.at_most = true,
	});
}

/*
 * When the bucket began to fill. The first call of the backing came after it,
 * much later if the worker was interrupted in between; but no grant is early.
 */
static uint64_t filled_from(const struct stamps *s)
{
	uint64_t from = s->at[0];

	for (unsigned int i = 0; i < WAKE_SAMPLES; i++)
		if (s->at[WAKE_RATE + i] < from + period(i + 1))
			from = s->at[WAKE_RATE + i] - period(i + 1);
	return from;
}

/*
 * The bucket is full until the first request, and from that moment on fills by
 * one every period: so the moments at which it can grant are known.
 */
static void punctuality(void)
{
	const struct throttle_limits limits = { .ops.rate = WAKE_RATE };
	double *late = calloc(WAKE_SAMPLES, sizeof(*late));
	struct bare bare = { .late = calloc(WAKE_SAMPLES, sizeof(*late)) };
	struct bench_disk d;
	struct stamps s;
	pthread_t thread;
	uint64_t done, from;

	if (!late || !bare.late)
		abort();
	stamps_init(&s, WAKE_RATE + WAKE_SAMPLES);
	disk_open(&d, &s.b, &limits, false);
	/* Half a period apart, so that they don't wake each other up; on the same CPU. */
	bare.start = monotonic_ns() + period(1) / 2;
	threads_together(blk_worker_tid(d.blk, 0));
	if (pthread_create(&thread, NULL, bare_main, &bare))
		abort();
	threads_apart(blk_worker_tid(d.blk, 0));
	while (__atomic_load_n(&s.nr, __ATOMIC_ACQUIRE) < s.max)
		disk_run(&d, 4, RATE_NS, &done);
	pthread_join(thread, NULL);
	disk_close(&d);
	threads_free();
	from = filled_from(&s);
	for (unsigned int i = 0; i < WAKE_SAMPLES; i++)
		late[i] = (double)(s.at[WAKE_RATE + i] - from - period(i + 1));
	wakeup_p99(late, bare.late);
	figure_add(&(struct figure){
		.key = "wakeup_p50_ns",
		.title = "... (median)",
		.unit = "ns",
		.value = median(late, WAKE_SAMPLES),
		.against = median(bare.late, WAKE_SAMPLES),
		.target = NAN,
	});
	free(s.at);
	free(bare.late);
	free(late);
}

static void rate(const char *key, const char *title, const struct throttle_limits *limits,
		 uint64_t per_request, uint64_t set)
{
	struct bench_disk d;
	struct stamps s;
	unsigned int n, burst = (unsigned int)(set / per_request);
	uint64_t done;
	double ns, off;

	stamps_init(&s, burst + burst * 4);
	disk_open(&d, &s.b, limits, false);
	/* The driver must not be the slow part, as one woken for each request would be. */
	d.halt_poll_ns = HALT_POLL_NS;
	threads_apart(blk_worker_tid(d.blk, 0));
	disk_run(&d, 8, RATE_NS, &done);
	n = __atomic_load_n(&s.nr, __ATOMIC_ACQUIRE);
	disk_close(&d);
	threads_free();
	ns = (double)(s.at[n - 1] - s.at[0]);
	off = fabs((double)(n - burst) * (double)per_request * 1e9 / ns / (double)set - 1);
	figure_add(&(struct figure){
		.key = key,
		.title = title,
		.unit = "%",
		.value = 100 * off,
		.target = 2,
		.at_most = true,
	});
	free(s.at);
}

void bench_throttle(void)
{
	punctuality();
	rate("rate_100_iops", "100 IOPS set, achieved rate is off by",
	     &(struct throttle_limits){ .ops.rate = 100 }, 1, 100);
	rate("rate_1000_iops", "1000 IOPS set, achieved rate is off by",
	     &(struct throttle_limits){ .ops.rate = 1000 }, 1, 1000);
	rate("rate_10000_iops", "10,000 IOPS set, achieved rate is off by",
	     &(struct throttle_limits){ .ops.rate = 10000 }, 1, 10000);
	rate("rate_100000_iops", "100,000 IOPS set, achieved rate is off by",
	     &(struct throttle_limits){ .ops.rate = 100000 }, 1, 100000);
	rate("rate_8m_bytes", "8 MiB/s set, achieved rate is off by",
	     &(struct throttle_limits){ .bytes.rate = 8 << 20 }, BENCH_BLOCK, 8 << 20);
}
