// SPDX-License-Identifier: GPL-2.0-only
/* The guest's driver: fills the ring, rings the eventfd, takes completions. */
#include "bench.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* As in Linux, header and status byte of a request share a cache line of its own. */
#define SLOT_HEADER(i) (GUEST_HEADERS + 64ULL * (i))
#define SLOT_STATUS(i) (SLOT_HEADER(i) + sizeof(struct virtio_blk_outhdr))
#define SLOT_DESCS     3u
#define QUEUE_SIZE     256
#define POLL_MS	       10000
#define POLL_LOOKS     8 /* between two looks at the clock */

static void die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	abort();
}

/* --- where threads run --- */

static cpu_set_t allowed; /* empty: not known yet */

static void pin(pid_t tid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(tid, sizeof(set), &set);
}

static void place(pid_t tid, bool apart)
{
	int cpu[2], nr = 0;

	if (!CPU_COUNT(&allowed))
		sched_getaffinity(0, sizeof(allowed), &allowed);
	for (int i = 0; i < CPU_SETSIZE && nr < 2; i++)
		if (CPU_ISSET(i, &allowed))
			cpu[nr++] = i;
	if (nr < 2)
		return;
	pin(0, cpu[apart ? 0 : 1]);
	pin(tid, cpu[1]);
}

void threads_apart(pid_t tid)
{
	place(tid, true);
}

void threads_together(pid_t tid)
{
	place(tid, false);
}

void threads_free(void)
{
	if (CPU_COUNT(&allowed))
		sched_setaffinity(0, sizeof(allowed), &allowed);
}

/* --- the disk --- */

static void setup_slot(struct bench_disk *d, unsigned int i)
{
	struct mock_queue *q = &d->q;
	const uint16_t at = (uint16_t)(SLOT_DESCS * i);

	mock_desc(q, at, SLOT_HEADER(i), sizeof(struct virtio_blk_outhdr), VRING_DESC_F_NEXT,
		  at + 1);
	mock_desc(q, at + 1, BENCH_SLOT_DATA(i), BENCH_BLOCK,
		  VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, at + 2);
	mock_desc(q, at + 2, SLOT_STATUS(i), 1, VRING_DESC_F_WRITE, 0);
}

void disk_open(struct bench_disk *d, struct backing *backing, const struct throttle_limits *limits,
	       bool manual)
{
	static const struct throttle_limits none;
	const struct blk_config config = {
		.backing = backing,
		.limits = limits ? *limits : none,
		.manual = manual,
	};

	memset(d, 0, sizeof(*d));
	d->random = 88172645463325252ULL;
	d->sectors = backing->size / BLK_SECTOR;
	mock_guest_init(&d->g);
	d->low = mock_ptr(&d->g, 0, GUEST_LOW_SIZE);
	if (blk_create(&config, &d->blk))
		die("the disk can't be made");
	d->m = blk_mmio(d->blk);
	virtio_mmio_set_mem(d->m, &d->g.mem);
	mock_negotiate(d->m, mock_offered(d->m));
	mock_queue_init(&d->q, &d->g, 0, QUEUE_SIZE);
	mock_setup_queue(d->m, &d->q);
	for (unsigned int i = 0; i < QUEUE_SIZE / SLOT_DESCS; i++)
		setup_slot(d, i);
	mock_driver_ok(d->m);
	if (virtio_mmio_status(d->m) & VIRTIO_CONFIG_S_NEEDS_RESET)
		die("the disk didn't start");
}

void disk_close(struct bench_disk *d)
{
	if (blk_destroy(d->blk))
		die("the disk can't be stopped");
	mock_guest_free(&d->g);
}

static uint8_t *low(struct bench_disk *d, uint64_t gpa)
{
	return d->low + gpa;
}

static uint16_t *low_u16(struct bench_disk *d, uint64_t gpa)
{
	return (uint16_t *)(void *)low(d, gpa);
}

void disk_submit(struct bench_disk *d, unsigned int i)
{
	const uint64_t blocks = d->sectors / (BENCH_BLOCK / BLK_SECTOR);
	struct virtio_blk_outhdr *hdr = (void *)low(d, SLOT_HEADER(i));

	hdr->type = VIRTIO_BLK_T_IN;
	hdr->sector = random_next(&d->random) % blocks * (BENCH_BLOCK / BLK_SECTOR);
	*low(d, SLOT_STATUS(i)) = STATUS_UNTOUCHED;
	*low_u16(d, d->q.avail + 4 + 2ULL * (d->avail % QUEUE_SIZE)) = (uint16_t)(SLOT_DESCS * i);
	__atomic_store_n(low_u16(d, d->q.avail + 2), ++d->avail, __ATOMIC_RELEASE);
}

bool disk_kick(struct bench_disk *d, uint16_t old)
{
	const uint64_t one = 1;
	uint16_t event;

	__sync_synchronize();
	event = __atomic_load_n(low_u16(d, d->q.used + 4 + 8ULL * QUEUE_SIZE), __ATOMIC_RELAXED);
	if ((uint16_t)(d->avail - event - 1) >= (uint16_t)(d->avail - old))
		return false;
	/* What KVM does for a write to QUEUE_NOTIFY. */
	if (write(virtio_mmio_kick_fd(d->m, 0), &one, sizeof(one)) != sizeof(one))
		die("the kick failed");
	return true;
}

static bool used_any(struct bench_disk *d)
{
	return __atomic_load_n(low_u16(d, d->q.used + 2), __ATOMIC_ACQUIRE) != d->used;
}

int disk_reap(struct bench_disk *d)
{
	const struct vring_used_elem *elem;
	unsigned int i;

	if (!used_any(d))
		return -1;
	elem = (void *)low(d, d->q.used + 4 + 8ULL * (d->used++ % QUEUE_SIZE));
	i = elem->id / SLOT_DESCS;
	if (*low(d, SLOT_STATUS(i)) != VIRTIO_BLK_S_OK)
		die("a read failed");
	return (int)i;
}

static void set_used_event(struct bench_disk *d, uint16_t event)
{
	__atomic_store_n(low_u16(d, d->q.avail + 4 + 2ULL * QUEUE_SIZE), event, __ATOMIC_RELAXED);
	__sync_synchronize();
}

/* What Linux's interrupt handler does first. */
static bool take_interrupt(struct bench_disk *d)
{
	uint32_t *status = &d->m->interrupt_status;

	return __atomic_load_n(status, __ATOMIC_ACQUIRE) &&
	       __atomic_exchange_n(status, 0, __ATOMIC_ACQ_REL);
}

static void await_interrupt(struct bench_disk *d)
{
	const uint64_t until = monotonic_ns() + d->halt_poll_ns;
	struct pollfd irq = { .fd = virtio_mmio_irq_fd(d->m), .events = POLLIN };
	uint64_t count;

	do {
		for (unsigned int i = 0; i < POLL_LOOKS; i++) {
			if (take_interrupt(d))
				return;
			__builtin_ia32_pause();
		}
	} while (monotonic_ns() < until);
	while (!take_interrupt(d)) {
		if (poll(&irq, 1, POLL_MS) != 1)
			die("no interrupt for 10 s");
		/* The eventfd still holds the interrupts that were taken awake. */
		if (read(irq.fd, &count, sizeof(count)) != sizeof(count))
			die("the interrupt can't be read");
	}
}

void disk_wait(struct bench_disk *d)
{
	set_used_event(d, d->used);
	while (!used_any(d))
		await_interrupt(d);
}

uint64_t disk_run(struct bench_disk *d, unsigned int qd, uint64_t ns, uint64_t *done)
{
	const uint64_t start = monotonic_ns();
	unsigned int flying = 0;
	uint16_t old = d->avail;
	bool more = true;
	int i;

	*done = 0;
	while (flying < qd)
		disk_submit(d, flying++);
	disk_kick(d, old);
	while (flying) {
		disk_wait(d);
		more = more && monotonic_ns() - start < ns;
		old = d->avail;
		while ((i = disk_reap(d)) >= 0) {
			++*done;
			if (more)
				disk_submit(d, (unsigned int)i);
			else
				flying--;
		}
		if (d->avail != old)
			disk_kick(d, old);
	}
	return monotonic_ns() - start;
}

uint64_t disk_worker_cpu_ns(struct bench_disk *d)
{
	/* A thread's CPU clock by its kernel id, as pthread_getcpuclockid() makes it. */
	const clockid_t clock = (clockid_t)(~(unsigned int)blk_worker_tid(d->blk, 0) << 3 | 6);
	struct timespec ts;

	if (clock_gettime(clock, &ts))
		die("the worker's CPU time can't be read");
	return (uint64_t)ts.tv_sec * IO_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* --- a backing that costs nothing --- */

static ssize_t null_rw(struct backing *b, const struct iovec *iov, unsigned int nr, uint64_t off)
{
	size_t sum = 0;

	(void)b, (void)off;
	for (unsigned int i = 0; i < nr; i++)
		sum += iov[i].iov_len;
	return (ssize_t)sum;
}

static int null_flush(struct backing *b)
{
	(void)b;
	return 0;
}

static int null_discard(struct backing *b, uint64_t off, uint64_t len)
{
	(void)b, (void)off, (void)len;
	return 0;
}

static int null_write_zeroes(struct backing *b, uint64_t off, uint64_t len, bool unmap)
{
	(void)b, (void)off, (void)len, (void)unmap;
	return 0;
}

static void null_close(struct backing *b)
{
	(void)b;
}

void bench_null_backing(struct backing *b, uint64_t size)
{
	static const struct backing_ops ops = {
		.readv = null_rw,
		.writev = null_rw,
		.flush = null_flush,
		.discard = null_discard,
		.write_zeroes = null_write_zeroes,
		.close = null_close,
	};

	*b = (struct backing){ .ops = &ops, .size = size };
}
