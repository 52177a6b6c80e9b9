// SPDX-License-Identifier: GPL-2.0-only
/* Answers the guest on the clock page. */
#include "qemu/qemu_int.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/time.h"
#include "ss_clock_page.h"

#define LOOK_NS (2 * NSEC_PER_MSEC) /* while nobody asks */
#define STAY_NS (3 * NSEC_PER_MSEC) /* after a question, for the next one */

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
 * The guest's questions come in rows, one a second: then the answers
 * come from a loop, as the time they take is the uncertainty of the clock. Else it sleeps.
 */
static void *answer(void *arg)
{
	struct qemu *q = arg;
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	uint64_t until = 0;

	while (!atomic_load_explicit(&q->clock_stop, memory_order_relaxed)) {
		if (ss_clock_page_answer(q->page)) {
			until = monotonic_ns() + STAY_NS;
		} else if (monotonic_ns() >= until) {
			nanosleep(&pause, NULL);
		}
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
