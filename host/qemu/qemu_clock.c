// SPDX-License-Identifier: GPL-2.0-only
/* Answers the guest on the clock page. */
#include "qemu/qemu_int.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "lib/time.h"
#include "ss_clock_page.h"

#define LOOK_NS (2 * NSEC_PER_MSEC)  /* while nobody asks */
#define ROW_NS	(20 * NSEC_PER_MSEC) /* the longest time without sleep */
#define STAY_NS (2 * NSEC_PER_MSEC)  /* after a question, for the next one */

int qemu_clock_init(struct qemu *q)
{
	q->page_fd = memfd_create("stallscope-clock", MFD_CLOEXEC);
	if (q->page_fd < 0 || ftruncate(q->page_fd, SS_CLOCK_PAGE_SIZE))
		return -errno;
	q->page = mmap(NULL, SS_CLOCK_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, q->page_fd, 0);
	if (q->page == MAP_FAILED) {
		q->page = NULL;
		return -errno;
	}
	q->page->magic = SS_CLOCK_PAGE_MAGIC;
	return 0;
}

/*
 * Where the vCPUs keep all of the host's CPUs busy, an ordinary thread is put off in the
 * middle of an answer, for milliseconds. It needs some ten microseconds a second.
 */
static void go_first(void)
{
	const struct sched_param fifo = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_FIFO, &fifo))
		setpriority(PRIO_PROCESS, (id_t)gettid(), -20);
}

/* The CPU that a thread ran on last, -1: not known. */
static int last_cpu(pid_t tid)
{
	char path[40], text[1024] = "", *p;
	FILE *f;
	int cpu;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)tid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	/* The 39th field; the second one, in parentheses, may hold anything. */
	p = strrchr(text, ')');
	for (int i = 2; p && i < 39; i++)
		p = strchr(p + 1, ' ');
	return p && sscanf(p, "%d", &cpu) == 1 ? cpu : -1;
}

/* On the vCPU's own CPU it would keep the guest from asking. */
static void move_away(const struct qemu *q)
{
	const __u64 vcpu = __atomic_load_n(&q->page->cpu, __ATOMIC_RELAXED);
	int cpu = vcpu < QEMU_MAX_VCPUS && q->tid[vcpu] ? last_cpu(q->tid[vcpu]) : -1;
	cpu_set_t cpus = q->cpus;

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return;
	CPU_CLR(cpu, &cpus);
	if (CPU_COUNT(&cpus))
		sched_setaffinity(0, sizeof(cpus), &cpus);
}

/*
 * The guest's questions come in rows, some a second: then the answers come from a loop, as
 * the time they take is the uncertainty of the clock. Else it sleeps; and a guest that asks
 * without end doesn't have the CPU for ever.
 */
static void *answer(void *arg)
{
	struct qemu *q = arg;
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	uint64_t now, woken = 0, until = 0;

	go_first();
	sched_getaffinity(0, sizeof(q->cpus), &q->cpus);
	while (!atomic_load_explicit(&q->clock_stop, memory_order_relaxed)) {
		const bool asked = ss_clock_page_answer(q->page);

		now = monotonic_ns();
		if (asked && now >= until)
			move_away(q);
		if (asked)
			until = now + STAY_NS;
		if (now < until && now - woken < ROW_NS)
			continue;
		nanosleep(&pause, NULL);
		woken = monotonic_ns();
	}
	return NULL;
}

int qemu_clock_start(struct qemu *q)
{
	int ret = pthread_create(&q->clock, NULL, answer, q);

	q->clock_runs = !ret;
	return -ret;
}

void qemu_clock_destroy(struct qemu *q)
{
	atomic_store(&q->clock_stop, true);
	if (q->clock_runs)
		pthread_join(q->clock, NULL);
	q->clock_runs = false;
	if (q->page)
		munmap(q->page, SS_CLOCK_PAGE_SIZE);
	q->page = NULL;
	if (q->page_fd >= 0)
		close(q->page_fd);
	q->page_fd = -1;
}
