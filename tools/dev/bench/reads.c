// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random 4 KiB reads through the device, beside the plain loop of system calls
 * on the same file and the same CPU: A B A B A, in many short rounds.
 *
 * A machine that is itself a guest has neighbours that can't be seen from here, and a
 * CPU of it is half as fast again or not, for some ms or for seconds. So a
 * round of the device is compared with the two of the plain loop beside it, and
 * counts only if those agree; the ratio is the median of the single ones.
 *
 * The driver waits for an interrupt as a vCPU does, awake at first, and has a
 * CPU of its own. Waking a sleeping one costs the worker several us each time,
 * on some machines more than the reads themselves: that is a row of its own.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILE_BYTES (64ULL << 20)
#define ROUNDS	   120
#define ROUND_NS   2000000ULL
#define AGREE	   1.05 /* ratio up to which two rounds agree */
#define MIN_AGREED 20
#define CHECK	   16 /* reads between two looks at the clock */

/* A file, and whoever reads it without a device. */
struct plain {
	int fd;
	uint8_t *buf; /* BENCH_QD blocks */
	uint64_t random;
	pthread_t thread;
	pid_t tid;	 /* atomic: the thread's */
	int ask, answer; /* eventfds */
	bool stop;
	bool has_ring;
	struct io_uring ring;
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

/*
 * The call that the device makes for a request in one piece: a little faster
 * than preadv, so the stricter limit. Both are shown.
 */
static void plain_read(struct plain *p, unsigned int i)
{
	if (pread(p->fd, p->buf + i % BENCH_QD * BENCH_BLOCK, BENCH_BLOCK,
		  (off_t)random_offset(p)) != BENCH_BLOCK)
		die("pread", errno);
}

static void plain_readv(struct plain *p, unsigned int i)
{
	const struct iovec iov = { p->buf + i % BENCH_QD * BENCH_BLOCK, BENCH_BLOCK };

	if (preadv(p->fd, &iov, 1, (off_t)random_offset(p)) != BENCH_BLOCK)
		die("preadv", errno);
}

/* The limit of one thread that reads one block after the other. */
static inline __attribute__((always_inline)) double
loop_plain(struct plain *p, void (*read_one)(struct plain *p, unsigned int i))
{
	const uint64_t start = monotonic_ns();
	uint64_t n = 0, end;

	do {
		for (unsigned int i = 0; i < CHECK; i++)
			read_one(p, (unsigned int)n++);
		end = monotonic_ns();
	} while (end - start < ROUND_NS);
	return 1e9 * (double)n / (double)(end - start);
}

static double loop_pread(struct plain *p)
{
	return loop_plain(p, plain_read);
}

static double loop_preadv(struct plain *p)
{
	return loop_plain(p, plain_readv);
}

static void ring_read(struct plain *p, unsigned int i)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&p->ring);

	io_uring_prep_read(sqe, p->fd, p->buf + i * BENCH_BLOCK, BENCH_BLOCK, random_offset(p));
	io_uring_sqe_set_data64(sqe, i);
}

/* The limit of one thread that keeps BENCH_QD reads in the kernel. */
static double loop_uring(struct plain *p)
{
	const uint64_t start = monotonic_ns();
	unsigned int flying = 0, head, nr;
	struct io_uring_cqe *cqe;
	uint64_t n = 0, end = start;

	while (flying < BENCH_QD)
		ring_read(p, flying++);
	while (flying) {
		io_uring_submit_and_wait(&p->ring, 1);
		end = monotonic_ns();
		nr = 0;
		io_uring_for_each_cqe(&p->ring, head, cqe)
		{
			if (cqe->res != BENCH_BLOCK)
				die("io_uring read", cqe->res < 0 ? -cqe->res : EIO);
			if (end - start < ROUND_NS)
				ring_read(p, (unsigned int)cqe->user_data);
			else
				flying--;
			nr++;
		}
		io_uring_cq_advance(&p->ring, nr);
		n += nr;
	}
	return 1e9 * (double)n / (double)(end - start);
}

static void fd_signal(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		die("eventfd", errno);
}

static bool fd_take(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

/* As the driver waits: awake at first. */
static bool fd_look_out(int fd)
{
	const uint64_t until = monotonic_ns() + HALT_POLL_NS;

	do {
		if (fd_take(fd))
			return true;
		__builtin_ia32_pause();
	} while (monotonic_ns() < until);
	return false;
}

/* As a worker waits, which has other events to watch. */
static void fd_await(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, -1) != 1 || !fd_take(fd))
		die("eventfd", errno);
}

static void *ping_main(void *arg)
{
	struct plain *p = arg;

	__atomic_store_n(&p->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	for (unsigned int i = 0;; i++) {
		fd_await(p->ask);
		if (__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE))
			return NULL;
		plain_read(p, i);
		fd_signal(p->answer);
	}
}

static void ping_start(struct plain *p)
{
	p->ask = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->answer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->stop = false;
	p->tid = 0;
	if (p->ask < 0 || p->answer < 0 || pthread_create(&p->thread, NULL, ping_main, p))
		die("a thread and two eventfds", errno);
	while (!__atomic_load_n(&p->tid, __ATOMIC_ACQUIRE))
		sched_yield();
	threads_apart(p->tid);
}

static void ping_stop(struct plain *p)
{
	__atomic_store_n(&p->stop, true, __ATOMIC_RELEASE);
	fd_signal(p->ask);
	pthread_join(p->thread, NULL);
	close(p->ask);
	close(p->answer);
}

/* The limit at depth 1, where each read means two wake-ups: a thread asks another. */
static double loop_ping(struct plain *p)
{
	const uint64_t start = monotonic_ns();
	uint64_t end, n = 0;

	do {
		fd_signal(p->ask);
		if (!fd_look_out(p->answer))
			fd_await(p->answer);
		n++;
		end = monotonic_ns();
	} while (end - start < ROUND_NS);
	return 1e9 * (double)n / (double)(end - start);
}

static double device(struct bench_disk *d, unsigned int qd, uint64_t halt_poll_ns)
{
	uint64_t done, ns;

	d->halt_poll_ns = halt_poll_ns;
	ns = disk_run(d, qd, ROUND_NS, &done);
	return 1e9 * (double)done / (double)ns;
}

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

/* --- the device beside its limit --- */

/**
 * struct row - one comparison
 * @limit: the plain loop
 * @own_thread: it has a second thread, and so places itself
 * @kind: the device's backing
 */
struct row {
	const char *key, *title;
	double (*limit)(struct plain *p);
	bool own_thread;
	enum backing_kind kind;
	unsigned int qd;
	uint64_t halt_poll_ns;
	double target;
};

/* Only the rounds whose two plain loops agree, or all if hardly any do. */
static unsigned int choose(const double *limit, const double *value, bool any, double *limits,
			   double *values, double *ratios)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		const double a = limit[i], b = limit[i + 1];

		if (!any && (a > b * AGREE || b > a * AGREE))
			continue;
		limits[nr] = (a + b) / 2;
		values[nr] = value[i];
		ratios[nr] = value[i] / limits[nr];
		nr++;
	}
	return nr;
}

static void report(const struct row *row, const double *limit, const double *value)
{
	static double limits[ROUNDS], values[ROUNDS], ratios[ROUNDS];
	unsigned int nr = choose(limit, value, false, limits, values, ratios);

	if (nr < MIN_AGREED)
		nr = choose(limit, value, true, limits, values, ratios);
	figure_add(&(struct figure){
		.key = row->key,
		.title = row->title,
		.unit = "IOPS",
		.value = median(values, nr),
		.against = median(limits, nr),
		.ratio = median(ratios, nr),
		.target = row->target,
	});
}

static void compare(struct plain *p, const struct row *row)
{
	static double limit[ROUNDS + 1], value[ROUNDS];
	struct backing *b;
	struct bench_disk d;
	int ret = backing_wrap_fd(dup(p->fd), false, &b, NULL, 0);
	pid_t worker;

	if (!ret)
		ret = backing_set_kind(b, row->kind);
	if (ret)
		die("the file as a disk", -ret);
	disk_open(&d, b, NULL, false);
	worker = blk_worker_tid(d.blk, 0);
	if (row->own_thread)
		ping_start(p);
	for (unsigned int i = 0; i <= ROUNDS; i++) {
		if (!row->own_thread)
			threads_together(worker);
		limit[i] = row->limit(p);
		threads_apart(worker);
		if (i < ROUNDS)
			value[i] = device(&d, row->qd, row->halt_poll_ns);
	}
	if (row->own_thread)
		ping_stop(p);
	disk_close(&d);
	backing_close(b);
	threads_free();
	report(row, limit, value);
}

static void compare_all(struct plain *p, const struct row *rows, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		if (rows[i].kind != BACKING_URING || p->has_ring)
			compare(p, &rows[i]);
	close(p->fd);
}

#define NR(array) (sizeof(array) / sizeof((array)[0]))

static void measure_tmpfs(struct plain *p, const char *dir)
{
	/* Sync is what auto takes there, pread what it calls for a request in one piece. */
	static const struct row rows[] = {
		{ "read_tmpfs_qd32_sync", "4K reads, tmpfs, depth 32, sync; preadv", loop_preadv,
		  false, BACKING_SYNC, BENCH_QD, HALT_POLL_NS, 0.9 },
		{ "read_tmpfs_qd32_pread", "4K reads, tmpfs, depth 32, sync; pread", loop_pread,
		  false, BACKING_SYNC, BENCH_QD, HALT_POLL_NS, NAN },
		{ "read_tmpfs_qd32_sleeping",
		  "4K reads, tmpfs, depth 32, its driver asleep; preadv", loop_preadv, false,
		  BACKING_SYNC, BENCH_QD, 0, NAN },
		{ "read_tmpfs_qd1_sync", "4K reads, tmpfs, depth 1, sync; ping-pong", loop_ping,
		  true, BACKING_SYNC, 1, HALT_POLL_NS, NAN },
		{ "read_tmpfs_qd32_uring", "4K reads, tmpfs, depth 32, io_uring; io_uring",
		  loop_uring, false, BACKING_URING, BENCH_QD, HALT_POLL_NS, NAN },
	};

	p->fd = open_file(dir, false);
	if (p->fd < 0)
		die(dir, -p->fd);
	compare_all(p, rows, NR(rows));
}

static void free_pages_of(int fd)
{
	fsync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static void measure_disk(struct plain *p, const char *dir)
{
	static const struct row rows[] = {
		{ "read_direct_qd32_sync", "4K reads, O_DIRECT, depth 32, sync; preadv",
		  loop_preadv, false, BACKING_SYNC, BENCH_QD, HALT_POLL_NS, NAN },
		{ "read_direct_qd1_sync", "4K reads, O_DIRECT, depth 1, sync; ping-pong", loop_ping,
		  true, BACKING_SYNC, 1, HALT_POLL_NS, NAN },
		{ "read_direct_qd32_uring", "4K reads, O_DIRECT, depth 32, io_uring; io_uring",
		  loop_uring, false, BACKING_URING, BENCH_QD, HALT_POLL_NS, NAN },
		{ "read_direct_qd1_uring", "4K reads, O_DIRECT, depth 1, io_uring; ping-pong",
		  loop_ping, true, BACKING_URING, 1, HALT_POLL_NS, NAN },
	};

	p->fd = open_file(dir, true);
	if (p->fd < 0) {
		figure_skip("read_direct", "no O_DIRECT where the build directory is");
		return;
	}
	free_pages_of(p->fd);
	compare_all(p, rows, NR(rows));
}

static void measure_cached(struct plain *p, const char *dir)
{
	static const struct row rows[] = {
		{ "read_cached_qd32_sync", "4K reads, page cache, depth 32, sync; preadv",
		  loop_preadv, false, BACKING_SYNC, BENCH_QD, HALT_POLL_NS, NAN },
		{ "read_cached_qd32_uring", "4K reads, page cache, depth 32, io_uring; io_uring",
		  loop_uring, false, BACKING_URING, BENCH_QD, HALT_POLL_NS, NAN },
		{ "read_cached_qd32_auto", "4K reads, page cache, depth 32, io_uring; preadv",
		  loop_preadv, false, BACKING_URING, BENCH_QD, HALT_POLL_NS, NAN },
	};

	p->fd = open_file(dir, false);
	if (p->fd < 0)
		die(dir, -p->fd);
	compare_all(p, rows, NR(rows));
}

void bench_reads(const char *tmpfs_dir, const char *disk_dir)
{
	struct plain p = { .random = 88172645463325252ULL };

	p.buf = aligned_alloc(BENCH_BLOCK, BENCH_QD * BENCH_BLOCK);
	if (!p.buf)
		die("memory", ENOMEM);
	memset(p.buf, 1, BENCH_QD * BENCH_BLOCK);
	p.has_ring = io_uring_queue_init(BENCH_QD, &p.ring, 0) == 0;
	if (!p.has_ring)
		figure_skip("io_uring", "forbidden or not there");
	measure_tmpfs(&p, tmpfs_dir);
	measure_disk(&p, disk_dir);
	measure_cached(&p, disk_dir);
	if (p.has_ring)
		io_uring_queue_exit(&p.ring);
	free(p.buf);
}
