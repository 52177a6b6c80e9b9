// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random 4 KiB reads through the device, beside the plain loop of system calls
 * on the same file: A B A B, and medians.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FILE_BYTES (64ULL << 20)
#define ROUNDS	   7
#define ROUND_NS   120000000ULL
#define CHECK	   16 /* reads between two looks at the clock */

/* A file, and whoever reads it without a device. */
struct plain {
	int fd;
	uint8_t *buf; /* BENCH_QD blocks */
	uint64_t random;
	int ask, answer; /* eventfds */
	bool stop;
};

static void die(const char *what, int err)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(err));
	abort();
}

static uint64_t random_offset(struct plain *p)
{
	return random_next(&p->random) % (FILE_BYTES / BENCH_BLOCK) * BENCH_BLOCK;
}

static void plain_read(struct plain *p, unsigned int i)
{
	const struct iovec iov = { p->buf + i % BENCH_QD * BENCH_BLOCK, BENCH_BLOCK };

	if (preadv(p->fd, &iov, 1, (off_t)random_offset(p)) != BENCH_BLOCK)
		die("preadv", errno);
}

/* The limit of one thread that reads one block after the other. */
static double loop_preadv(struct plain *p)
{
	const uint64_t start = now_ns();
	uint64_t n = 0, end;

	do {
		for (unsigned int i = 0; i < CHECK; i++)
			plain_read(p, (unsigned int)n++);
		end = now_ns();
	} while (end - start < ROUND_NS);
	return 1e9 * (double)n / (double)(end - start);
}

static void fd_signal(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		die("eventfd", errno);
}

static void fd_await(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) != sizeof(count))
		die("eventfd", errno);
}

static void *ping_main(void *arg)
{
	struct plain *p = arg;

	for (unsigned int i = 0;; i++) {
		fd_await(p->ask);
		if (__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE))
			return NULL;
		plain_read(p, i);
		fd_signal(p->answer);
	}
}

/* The limit at depth 1, where each read means two wake-ups: a thread asks another. */
static double loop_ping(struct plain *p)
{
	uint64_t start, end, n = 0;
	pthread_t thread;

	p->ask = eventfd(0, EFD_CLOEXEC);
	p->answer = eventfd(0, EFD_CLOEXEC);
	p->stop = false;
	if (p->ask < 0 || p->answer < 0 || pthread_create(&thread, NULL, ping_main, p))
		die("a thread and two eventfds", errno);
	start = now_ns();
	do {
		fd_signal(p->ask);
		fd_await(p->answer);
		n++;
		end = now_ns();
	} while (end - start < ROUND_NS);
	__atomic_store_n(&p->stop, true, __ATOMIC_RELEASE);
	fd_signal(p->ask);
	pthread_join(thread, NULL);
	close(p->ask);
	close(p->answer);
	return 1e9 * (double)n / (double)(end - start);
}

static double device(struct bench_disk *d, unsigned int qd)
{
	uint64_t done;
	const uint64_t ns = disk_run(d, qd, ROUND_NS, &done);

	return 1e9 * (double)done / (double)ns;
}

/* What is compared; each row's figures of all rounds. */
struct reads {
	double preadv[ROUNDS], ping[ROUNDS];
	double sync_32[ROUNDS], sync_1[ROUNDS];
};

static void fill(int fd)
{
	static char block[1 << 20] __attribute__((aligned(4096)));
	uint64_t state = 88172645463325252ULL;

	for (size_t i = 0; i < sizeof(block) / 8; i++)
		((uint64_t *)(void *)block)[i] = random_next(&state);
	for (uint64_t off = 0; off < FILE_BYTES; off += sizeof(block))
		if (pwrite(fd, block, sizeof(block), (off_t)off) != sizeof(block))
			die("a file to read can't be written", errno);
	fsync(fd);
}

static int open_file(const char *dir, bool direct)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/bench-XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	fill(fd);
	if (direct && fcntl(fd, F_SETFL, O_DIRECT)) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

static void compare(struct plain *p, struct reads *r)
{
	struct backing *sync;
	struct bench_disk d;
	int ret = backing_wrap_fd(dup(p->fd), false, &sync, NULL, 0);

	if (ret)
		die("the file as a disk", -ret);
	disk_open(&d, sync, NULL, false);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		r->preadv[i] = loop_preadv(p);
		r->sync_32[i] = device(&d, BENCH_QD);
		r->ping[i] = loop_ping(p);
		r->sync_1[i] = device(&d, 1);
	}
	disk_close(&d);
	backing_close(sync);
}

/* The median of the rounds' ratios is steadier than the ratio of medians. */
static void report(const char *key, const char *title, double *values, double *beside, double target)
{
	double ratio[ROUNDS];
	struct figure f = { .key = key, .title = title, .unit = "IOPS", .target = target };

	for (unsigned int i = 0; i < ROUNDS; i++)
		ratio[i] = values[i] / beside[i];
	f.against = median(beside, ROUNDS);
	f.value = f.against * median(ratio, ROUNDS);
	figure_add(&f);
}

void bench_reads(const char *tmpfs_dir, const char *disk_dir)
{
	struct plain p = { .random = 88172645463325252ULL };
	struct reads r;

	p.buf = aligned_alloc(BENCH_BLOCK, BENCH_QD * BENCH_BLOCK);
	if (!p.buf)
		die("memory", ENOMEM);
	memset(p.buf, 1, BENCH_QD * BENCH_BLOCK);
	p.fd = open_file(tmpfs_dir, false);
	if (p.fd < 0)
		die(tmpfs_dir, -p.fd);
	compare(&p, &r);
	close(p.fd);
	report("read_tmpfs_qd32_sync", "4K reads, tmpfs, depth 32, sync; preadv", r.sync_32, r.preadv,
	       0.9);
	report("read_tmpfs_qd1_sync", "4K reads, tmpfs, depth 1, sync; ping-pong", r.sync_1, r.ping,
	       NAN);
	p.fd = open_file(disk_dir, true);
	if (p.fd < 0) {
		figure_skip("read_direct", "no O_DIRECT where the build directory is");
	} else {
		compare(&p, &r);
		close(p.fd);
		report("read_direct_qd32_sync", "4K reads, O_DIRECT, depth 32, sync; preadv",
		       r.sync_32, r.preadv, NAN);
		report("read_direct_qd1_sync", "4K reads, O_DIRECT, depth 1, sync; ping-pong",
		       r.sync_1, r.ping, NAN);
	}
	free(p.buf);
}
