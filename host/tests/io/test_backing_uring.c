// SPDX-License-Identifier: GPL-2.0-only
/* io_uring under the file backing, alone and under a disk with its threads. */
#include "ss_harness.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"
#include "io/backing_uring.h"
#include "mock_blk.h"

#define SIZE	(1u << 20)
#define LONG_MS 20000

static void need_uring(void)
{
	struct backing *b;
	int ret;

	ASSERT_EQ(backing_create_temp(4096, ss_tmpdir(), &b, NULL, 0), 0);
	ret = backing_set_kind(b, BACKING_URING);
	backing_close(b);
	if (ret)
		SKIP("io_uring: %s", strerror(-ret));
}

/* A file with the mock's pattern in it. */
static struct backing *open_pattern(char path[4096])
{
	uint8_t *data = malloc(SIZE);
	struct backing *b;
	int fd;

	snprintf(path, 4096, "%s/disk", ss_tmpdir());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	ASSERT_NOT_NULL(data);
	for (uint64_t i = 0; i < SIZE; i++)
		data[i] = mock_byte(i);
	ASSERT_EQ(write(fd, data, SIZE), SIZE);
	free(data);
	close(fd);
	ASSERT_EQ(backing_open_file(path, false, &b, NULL, 0), 0);
	ASSERT_EQ(backing_set_kind(b, BACKING_URING), 0);
	return b;
}

/* Waits for one request as a worker would. */
static struct backing_io *wait_one(struct backing_queue *bq)
{
	struct pollfd p = { .fd = bq->fd, .events = POLLIN };
	struct backing_io *io;

	while (!bq->ops->reap(bq, &io, 1)) {
		ASSERT_EQ(poll(&p, 1, LONG_MS), 1);
		mock_eventfd(bq->fd);
	}
	return io;
}

static ssize_t run(struct backing_queue *bq, enum backing_io_op op, const struct iovec *iov,
		   unsigned int nr, uint64_t off)
{
	struct backing_io io = { .op = op, .iov = iov, .nr = nr, .off = off };

	ASSERT_TRUE(bq->ops->submit(bq, &io));
	ASSERT_EQ(bq->ops->commit(bq), 0);
	ASSERT_EQ(wait_one(bq) == &io, 1);
	return io.result;
}

TEST(queue, .title = "D63 reads, writes and flushes by io_uring, and the end of the file")
{
	char path[4096];
	uint8_t buf[4096], out[1024];
	const struct iovec two[] = { { buf, 1000 }, { buf + 1000, 3096 } };
	const struct iovec one = { out, sizeof(out) };
	struct backing_queue *bq;
	struct backing *b;

	need_uring();
	b = open_pattern(path);
	ASSERT_EQ(b->ops->open_queue(b, 8, &bq), 0);
	EXPECT_EQ(run(bq, BACKING_READ, two, 2, 512), 4096);
	for (unsigned int i = 0; i < sizeof(buf); i++)
		ASSERT_EQ(buf[i], mock_byte(512 + i));
	memset(out, 0x77, sizeof(out));
	EXPECT_EQ(run(bq, BACKING_WRITE, &one, 1, 2048), 1024);
	EXPECT_EQ(run(bq, BACKING_FLUSH, NULL, 0, 0), 0);
	EXPECT_EQ(run(bq, BACKING_READ, two, 2, 2048), 4096);
	EXPECT_MEMEQ(buf, out, 1024);
	EXPECT_EQ(run(bq, BACKING_READ, two, 2, SIZE - 512), 512);
	EXPECT_EQ(run(bq, BACKING_READ, two, 2, SIZE), 0);
	ASSERT_EQ(truncate(path, 0), 0);
	EXPECT_EQ(run(bq, BACKING_READ, two, 2, 0), 0);
	bq->ops->close(bq);
	backing_close(b);
}

TEST(depth, .title = "as many at once as were asked for, each reaped once")
{
	enum { DEPTH = 64 };
	struct backing_io io[DEPTH];
	struct iovec iov[DEPTH];
	bool seen[DEPTH] = { false };
	static uint8_t buf[DEPTH][512];
	struct backing_queue *bq;
	char path[4096];
	struct backing *b;

	need_uring();
	b = open_pattern(path);
	ASSERT_EQ(b->ops->open_queue(b, DEPTH, &bq), 0);
	for (unsigned int i = 0; i < DEPTH; i++) {
		iov[i] = (struct iovec){ buf[i], 512 };
		io[i] = (struct backing_io){ BACKING_READ, &iov[i], 1, 512 * i, 0 };
		ASSERT_TRUE(bq->ops->submit(bq, &io[i]));
	}
	ASSERT_EQ(bq->ops->commit(bq), 0);
	for (unsigned int i = 0; i < DEPTH; i++) {
		const long n = wait_one(bq) - io;

		ASSERT_FALSE(seen[n]);
		seen[n] = true;
		EXPECT_EQ(io[n].result, 512);
		EXPECT_EQ(buf[n][5], mock_byte(512 * (uint64_t)n + 5));
	}
	bq->ops->close(bq);
	backing_close(b);
}

TEST(kinds, .title = "auto: not for a file system in memory; sync has no queue")
{
	struct backing *b;

	need_uring();
	ASSERT_EQ(backing_create_temp(4096, ss_tmpdir(), &b, NULL, 0), 0);
	EXPECT_NULL(b->ops->open_queue);
	EXPECT_EQ(backing_set_kind(b, BACKING_URING), 0);
	EXPECT_NOT_NULL(b->ops->open_queue);
	EXPECT_EQ(backing_set_kind(b, BACKING_SYNC), 0);
	EXPECT_NULL(b->ops->open_queue);
	backing_close(b);
	if (access("/dev/shm", W_OK))
		return;
	ASSERT_EQ(backing_create_temp(4096, "/dev/shm", &b, NULL, 0), 0);
	EXPECT_EQ(backing_set_kind(b, BACKING_AUTO), 0);
	EXPECT_NULL(b->ops->open_queue);
	backing_close(b);
}

TEST(flush_fails, .title = "D69 a flush by io_uring says what the file's says")
{
	struct backing_queue *bq;
	int fds[2];

	need_uring();
	ASSERT_EQ(pipe(fds), 0);
	/* A pipe has nothing to be flushed to. */
	ASSERT_EQ(backing_uring_open(fds[0], 4, &bq), 0);
	EXPECT_EQ(run(bq, BACKING_FLUSH, NULL, 0, 0), -EINVAL);
	bq->ops->close(bq);
	close(fds[0]);
	close(fds[1]);
}

TEST(cancelled, .title = "D95 what waits can be called back, and comes back once")
{
	char buf[512];
	const struct iovec iov = { buf, sizeof(buf) };
	struct backing_io io = { .op = BACKING_READ, .iov = &iov, .nr = 1 };
	struct backing_io *done;
	struct backing_queue *bq;
	int fds[2];

	need_uring();
	/* Nobody writes: a read from it has no end. */
	ASSERT_EQ(pipe(fds), 0);
	ASSERT_EQ(backing_uring_open(fds[0], 4, &bq), 0);
	ASSERT_TRUE(bq->ops->submit(bq, &io));
	ASSERT_EQ(bq->ops->commit(bq), 0);
	EXPECT_EQ(bq->ops->reap(bq, &done, 1), 0);
	bq->ops->cancel(bq, &io);
	ASSERT_EQ(bq->ops->commit(bq), 0);
	EXPECT_TRUE(wait_one(bq) == &io);
	EXPECT_TRUE(io.result == -ECANCELED || io.result == -EINTR);
	EXPECT_EQ(bq->ops->reap(bq, &done, 1), 0);
	/* And one that is there still works. */
	ASSERT_EQ(write(fds[1], "hello", 5), 5);
	EXPECT_EQ(run(bq, BACKING_READ, &iov, 1, 0), 5);
	bq->ops->close(bq);
	close(fds[0]);
	close(fds[1]);
}

TEST(pieces_written, .title = "D63 several pieces are written in order")
{
	char path[4096];
	uint8_t buf[1024], in[1024];
	const struct iovec two[] = { { buf + 512, 512 }, { buf, 512 } }, one = { in, 1024 };
	struct backing_queue *bq;
	struct backing *b;

	need_uring();
	b = open_pattern(path);
	ASSERT_EQ(b->ops->open_queue(b, 8, &bq), 0);
	for (unsigned int i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(i / 4);
	EXPECT_EQ(run(bq, BACKING_WRITE, two, 2, 4096), 1024);
	EXPECT_EQ(b->ops->readv(b, &one, 1, 4096), 1024);
	EXPECT_MEMEQ(in, buf + 512, 512);
	EXPECT_MEMEQ(in + 512, buf, 512);
	bq->ops->close(bq);
	backing_close(b);
}

static int probe(void *arg)
{
	(void)arg;
	return backing_uring_probe();
}

TEST(no_queue, .title = "no memory or descriptor for a queue: said, nothing left")
{
	need_uring();
	EXPECT_EQ(fault_each(FAULT_MEMORY, ENOMEM, probe, NULL), 1);
	EXPECT_EQ(fault_each(FAULT_FD, EMFILE, probe, NULL), 1);
}

/* What a container's seccomp policy does to io_uring. */
static void forbid_uring(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), 0);
}

TEST(forbidden, .title = "io_uring forbidden: said, and synchronous")
{
	struct backing *b;
	char buf[512] = "";
	const struct iovec iov = { buf, sizeof(buf) };

	forbid_uring();
	ASSERT_EQ(backing_create_temp(4096, ss_tmpdir(), &b, NULL, 0), 0);
	EXPECT_EQ(backing_set_kind(b, BACKING_URING), -EPERM);
	EXPECT_NULL(b->ops->open_queue);
	EXPECT_EQ(b->ops->readv(b, &iov, 1, 0), 512);
	backing_close(b);
}

/* --- under a disk --- */

struct disk {
	struct mock_guest g;
	struct mock_queue q;
	struct backing *backing;
	struct blk *blk;
	struct virtio_mmio *m;
};

static void disk_init(struct disk *d)
{
	char path[4096];
	struct blk_config config = { 0 };

	need_uring();
	mock_guest_init(&d->g);
	config.backing = d->backing = open_pattern(path);
	ASSERT_EQ(blk_create(&config, &d->blk), 0);
	d->m = blk_mmio(d->blk);
	virtio_mmio_set_mem(d->m, &d->g.mem);
}

static void disk_start(struct disk *d)
{
	mock_negotiate(d->m, BLK_FEATURES);
	mock_queue_init(&d->q, &d->g, 0, 256);
	mock_setup_queue(d->m, &d->q);
	mock_driver_ok(d->m);
}

static void disk_free(struct disk *d)
{
	EXPECT_EQ(blk_destroy(d->blk), 0);
	backing_close(d->backing);
	mock_guest_free(&d->g);
}

static void kick(struct disk *d)
{
	reg_write(d->m, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
}

static void wait_used(struct disk *d, uint16_t idx)
{
	while (mock_used_idx(&d->q) != idx) {
		ASSERT_TRUE(mock_wait_fd(virtio_mmio_irq_fd(d->m), LONG_MS));
		mock_eventfd(virtio_mmio_irq_fd(d->m));
	}
}

TEST(disk_reads, .title = "D84 a disk on io_uring: many rounds of many reads, all right")
{
	struct disk d;

	disk_init(&d);
	disk_start(&d);
	for (unsigned int round = 0; round < 100; round++) {
		struct mock_req req[32];

		for (unsigned int i = 0; i < 32; i++)
			req[i] = mock_read(&d.q, (round * 32 + i) % 2000, MOCK_BLK_DATA + 512 * i,
					   512);
		kick(&d);
		wait_used(&d, d.q.avail_idx);
		for (unsigned int i = 0; i < 32; i++) {
			ASSERT_EQ(mock_status(&d.q, &req[i]), VIRTIO_BLK_S_OK);
			ASSERT_EQ(*(uint8_t *)mock_ptr(&d.g, MOCK_BLK_DATA + 512 * i + 9, 1),
				  mock_byte((round * 32 + i) % 2000 * 512 + 9));
		}
	}
	disk_free(&d);
}

TEST(disk_resets, .title = "D95 resets and pauses with io_uring requests in flight")
{
	struct disk d;

	disk_init(&d);
	for (unsigned int round = 0; round < 100; round++) {
		disk_start(&d);
		for (unsigned int i = 0; i < 60; i++) {
			mock_read(&d.q, i, MOCK_BLK_DATA + 512 * i, 512);
			if (i % 20 == 19)
				kick(&d);
		}
		if (round % 3 == 0) {
			uint16_t used;

			ASSERT_EQ(blk_pause(d.blk, LONG_MS * 1000000ULL), 0);
			used = mock_used_idx(&d.q);
			memset(mock_ptr(&d.g, MOCK_BLK_DATA, 512 * 60), 0xa5, 512 * 60);
			kick(&d);
			ASSERT_EQ(mock_used_idx(&d.q), used);
			blk_resume(d.blk);
			wait_used(&d, d.q.avail_idx);
		}
		reg_write(d.m, VIRTIO_MMIO_STATUS, 0);
		ASSERT_EQ(virtio_mmio_status(d.m), 0);
	}
	disk_free(&d);
}

TEST(disk_writes, .title = "D67 D69 writes and flushes by io_uring are in the file")
{
	struct mock_req req[16];
	uint8_t buf[512];
	struct iovec iov = { buf, sizeof(buf) };
	struct disk d;

	disk_init(&d);
	disk_start(&d);
	for (unsigned int i = 0; i < 15; i++) {
		memset(mock_ptr(&d.g, MOCK_BLK_DATA + 512 * i, 512), (int)(100 + i), 512);
		req[i] = mock_write(&d.q, 3 * i, MOCK_BLK_DATA + 512 * i, 512);
	}
	kick(&d);
	wait_used(&d, d.q.avail_idx);
	req[15] = mock_flush(&d.q);
	kick(&d);
	wait_used(&d, d.q.avail_idx);
	for (unsigned int i = 0; i < 16; i++)
		EXPECT_EQ(mock_status(&d.q, &req[i]), VIRTIO_BLK_S_OK);
	for (unsigned int i = 0; i < 15; i++) {
		ASSERT_EQ(d.backing->ops->readv(d.backing, &iov, 1, 1536 * i), 512);
		EXPECT_EQ(buf[0], 100 + i);
		EXPECT_EQ(buf[511], 100 + i);
	}
	disk_free(&d);
}

TEST_HARNESS_MAIN
