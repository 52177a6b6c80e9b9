// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does scx_bad do to tasks what its options say? What is made known by it is what the
 * attribution is judged by. Seen by the tasks themselves, with no tracing. Part of test_bpf.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest_sched.h"
#include "ss_harness.h"

#define NS_PER_MS 1000000ULL
#define NAP_NS	  NS_PER_MS
#define GAP_NS	  NS_PER_MS /* a spinning task that sees no more of the clock than this ran on */
#define ANY_CPU	  -1
#define MAX_TASKS 3

/* What a task has seen. */
struct seen {
	uint64_t spun_ns, longest_gap_ns;
	uint64_t naps, late_ns, least_late_ns, most_late_ns;
	uint64_t cpus;
};

/* A scheduler with a fault, and tasks beside each other under it. */
FIXTURE(fault)
{
	pid_t sched, task[MAX_TASKS];
	unsigned int nr;
	struct seen *seen; /* shared with the tasks */
};

FIXTURE_SETUP(fault)
{
	sched_need();
	self->nr = 0;
	self->sched = 0;
	self->seen = mmap(NULL, sizeof(*self->seen) * MAX_TASKS, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(self->seen, MAP_FAILED);
}

FIXTURE_TEARDOWN(fault)
{
	for (unsigned int i = 0; i < self->nr; i++) {
		kill(self->task[i], SIGKILL);
		waitpid(self->task[i], NULL, 0);
	}
	if (self->sched > 0) {
		kill(self->sched, SIGTERM);
		EXPECT_EQ(sched_status(self->sched), 0);
	}
	munmap(self->seen, sizeof(*self->seen) * MAX_TASKS);
}

static void load(struct ss_fx_fault *self, const char *fault, const char *arg, const char *more,
		 const char *more_arg)
{
	const char *const argv[] = { "/bin/scx_bad", fault, arg, more, more_arg, NULL };
	char log[256];

	self->sched = sched_start(argv, sched_log(log));
	sched_wait_enabled(self->sched, log);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void saw_cpu(struct seen *s)
{
	s->cpus |= 1ULL << (sched_getcpu() % 64);
}

/* That it isn't begun at once counts, too. */
static void spin(struct seen *s, uint64_t begin, uint64_t until)
{
	uint64_t last = begin, t;

	for (; last < until; last = t) {
		saw_cpu(s);
		t = now();
		if (t - last < GAP_NS)
			s->spun_ns += t - last;
		else if (t - last > s->longest_gap_ns)
			s->longest_gap_ns = t - last;
	}
}

static void nap(struct seen *s, uint64_t begin, uint64_t until)
{
	(void)begin;
	const struct timespec ts = { .tv_nsec = NAP_NS };
	uint64_t t, late;

	s->least_late_ns = UINT64_MAX;
	while ((t = now()) < until) {
		nanosleep(&ts, NULL);
		late = now() - t - NAP_NS;
		saw_cpu(s);
		s->naps++;
		s->late_ns += late;
		if (late < s->least_late_ns)
			s->least_late_ns = late;
		if (late > s->most_late_ns)
			s->most_late_ns = late;
	}
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (cpu != ANY_CPU && sched_setaffinity(0, sizeof(set), &set))
		_exit(1);
}

/* A task named @name on @cpu that does @work for @ms. */
static void task(struct ss_fx_fault *self, const char *name, int cpu,
		 void (*work)(struct seen *, uint64_t, uint64_t), unsigned int ms)
{
	struct seen *s = &self->seen[self->nr];
	const uint64_t begin = now();
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		pin(cpu);
		work(s, begin, begin + ms * NS_PER_MS);
		_exit(0);
	}
	self->task[self->nr++] = pid;
}

static void finish(struct ss_fx_fault *self)
{
	for (unsigned int i = 0; i < self->nr; i++)
		EXPECT_EQ(sched_status(self->task[i]), 0);
	self->nr = 0;
}

static void need_cpus(long nr)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < nr)
		SKIP("too few CPUs");
}

TEST_F(fault, delay_only, .timeout_s = 60,
       .title = "scx_bad --delay --only: each wake-up of that task is held so long, nobody else's")
{
	load(self, "--delay", "40", "--only", "held");
	task(self, "held", ANY_CPU, nap, 1000);
	task(self, "free", ANY_CPU, nap, 1000);
	finish(self);
	EXPECT_GE(self->seen[0].naps, 2);
	EXPECT_GE(self->seen[0].least_late_ns, 39 * NS_PER_MS);
	EXPECT_LT(self->seen[1].least_late_ns, 39 * NS_PER_MS);
}

TEST_F(fault, delay_kthreads, .timeout_s = 60,
       .title =
	       "scx_bad --delay --whom kthreads: user tasks aren't held, who waits for a kernel thread is")
{
	uint64_t t;

	need_cpus(2);
	load(self, "--delay", "40", "--whom", "kthreads");
	task(self, "user", ANY_CPU, nap, 1000);
	/* A grace period needs RCU's thread to be woken once at least. */
	for (unsigned int i = 0; i < 3; i++) {
		t = now();
		ASSERT_EQ(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0), 0);
		EXPECT_GE(now() - t, 39 * NS_PER_MS);
	}
	finish(self);
	EXPECT_LT(self->seen[0].least_late_ns, 39 * NS_PER_MS);
}

TEST_F(fault, one_cpu, .timeout_s = 60,
       .title = "scx_bad --one-cpu: all who may run there do, whatever the others do")
{
	need_cpus(2);
	load(self, "--one-cpu", "1", NULL, NULL);
	task(self, "one", ANY_CPU, spin, 1000);
	task(self, "two", ANY_CPU, spin, 1000);
	task(self, "other", 0, spin, 1000);
	finish(self);
	EXPECT_EQ(self->seen[0].cpus, 2);
	EXPECT_EQ(self->seen[1].cpus, 2);
	EXPECT_EQ(self->seen[2].cpus, 1);
}

TEST_F(fault, no_kick, .timeout_s = 60,
       .title = "scx_bad --no-kick: who wakes up waits until the other CPU looks")
{
	need_cpus(2);
	load(self, "--no-kick", "200", NULL, NULL);
	task(self, "waits", ANY_CPU, nap, 2000);
	finish(self);
	/* Other events have that CPU look earlier now and then. */
	EXPECT_GE(self->seen[0].late_ns, 800 * NS_PER_MS);
}

TEST_F(fault, slice, .timeout_s = 60,
       .title = "scx_bad --slice: a task waits a whole one of the other's")
{
	load(self, "--fifo", "--slice", "150", NULL);
	task(self, "one", 0, spin, 1500);
	task(self, "two", 0, spin, 1500);
	finish(self);
	EXPECT_GE(self->seen[0].longest_gap_ns, 140 * NS_PER_MS);
	EXPECT_GE(self->seen[1].longest_gap_ns, 140 * NS_PER_MS);
}

TEST_F(fault, hogs, .timeout_s = 60, .title = "scx_bad --hogs: who sleeps waits for all that spin")
{
	load(self, "--hogs", NULL, NULL, NULL);
	task(self, "light", 0, nap, 2000);
	while (!__atomic_load_n(&self->seen[0].naps, __ATOMIC_RELAXED))
		usleep(1000);
	task(self, "hog", 0, spin, 1500);
	task(self, "hog", 0, spin, 1500);
	finish(self);
	EXPECT_GE(self->seen[0].most_late_ns, 500 * NS_PER_MS);
}

TEST_F(fault, lifo, .timeout_s = 60, .title = "scx_bad --lifo: of three that spin one is forgotten")
{
	uint64_t least = UINT64_MAX, most = 0;

	load(self, "--lifo", NULL, NULL, NULL);
	for (unsigned int i = 0; i < 3; i++)
		task(self, "spins", 0, spin, 2000);
	finish(self);
	for (unsigned int i = 0; i < 3; i++) {
		const uint64_t gap = self->seen[i].longest_gap_ns;

		least = gap < least ? gap : least;
		most = gap > most ? gap : most;
	}
	EXPECT_GE(most, 500 * NS_PER_MS);
	EXPECT_LT(least, most / 4);
}
