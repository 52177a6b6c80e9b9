// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scheduler's stream (attribution.md, A31) on a live kernel: who switched, and what
 * tasks are. Part of test_bpf.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "guest_stream.h"

FIXTURE(stream)
{
	struct session s;
};

FIXTURE_SETUP(stream)
{
	session_begin(&self->s);
}

FIXTURE_TEARDOWN(stream)
{
	session_end(&self->s);
}

/* --- a pipe --- */

struct ends {
	int in, out, rounds;
	int others[2]; /* the partner's: closed, so that its end is seen */
	__u64 until;   /* instead of rounds, and not as fast as it could be */
	int cpu;
};

#define PACE 15 /* rounds a ms at most */

static int echo(void *arg)
{
	struct ends *e = arg;
	__u64 begin = now_ns();
	char c;

	close(e->others[0]);
	close(e->others[1]);
	if (e->cpu >= 0 && pin(0, e->cpu))
		return 1;
	for (int i = 0; i < e->rounds || (e->until && now_ns() < e->until); i++) {
		if (read(e->in, &c, 1) != 1 || write(e->out, &c, 1) != 1)
			return e->until ? 0 : 2;
		if (e->until && (__u64)i > (now_ns() - begin) / NS_PER_MS * PACE + PACE)
			nap(NS_PER_MS);
	}
	return 0;
}

/* Two children that hand a byte to and fro. */
static void ping_pong(struct ends e[2], pid_t pid[2])
{
	int a[2], b[2];

	ASSERT_EQ(pipe(a) | pipe(b), 0);
	e[0].in = b[0];
	e[0].out = a[1];
	e[1].in = a[0];
	e[1].out = b[1];
	memcpy(e[0].others, (int[]){ a[0], b[1] }, sizeof(e[0].others));
	memcpy(e[1].others, (int[]){ b[0], a[1] }, sizeof(e[1].others));
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 2; i++)
		pid[i] = child(echo, &e[i]);
	ASSERT_EQ(write(b[1], "x", 1), 1);
	close(a[0]);
	close(a[1]);
	close(b[0]);
	close(b[1]);
}

TEST_F(stream, A31_pipe, .timeout_s = 60,
       .title = "A31: over a pipe each switch and each wake-up is there, with who woke")
{
	struct ends e[2] = { { .rounds = 500, .cpu = 0 }, { .rounds = 500, .cpu = 0 } };
	unsigned int sleeps[2] = { 0 }, wakes[2] = { 0 }, by_partner[2] = { 0 };
	pid_t pid[2];

	ping_pong(e, pid);
	gone(pid[0]);
	gone(pid[1]);
	session_finish(&self->s);
	for (size_t i = 0; i < self->s.tape.nr_events; i++) {
		const struct event *ev = &self->s.tape.event[i];
		int who = ev->tid == (__u32)pid[0] ? 0 : ev->tid == (__u32)pid[1] ? 1 : -1;

		if (who < 0)
			continue;
		sleeps[who] += ev->type == SS_SCHED_SWITCH && !ev->flags;
		wakes[who] += ev->type == SS_SCHED_WAKE;
		by_partner[who] +=
			ev->type == SS_SCHED_WAKE && ev->arg == (__u32)pid[!who] && !ev->flags;
	}
	for (int i = 0; i < 2; i++) {
		/* It doesn't sleep when the byte is there already, as the other one ran first. */
		EXPECT_GT(sleeps[i], 100);
		/* One that is preempted on its way to sleep is ready; it may be woken. */
		EXPECT_GE(wakes[i], sleeps[i]);
		EXPECT_LE(wakes[i] - sleeps[i], 10);
		/* The first byte is ours, and starting and ending it may wait for something, too. */
		EXPECT_LE(wakes[i] - by_partner[i], 10);
	}
}

/* --- tasks --- */

static int grandchild(void *arg)
{
	(void)arg;
	return 0;
}

static int parent(void *arg)
{
	int *out = arg, status;
	pid_t pid = fork();

	if (!pid)
		_exit(grandchild(NULL));
	return write(*out, &pid, sizeof(pid)) != sizeof(pid) || waitpid(pid, &status, 0) != pid ||
	       status;
}

/* It came, it lived, it ended, and each of that is told once. */
static void expect_life(const struct tape *t, pid_t pid, pid_t from, unsigned int class)
{
	size_t born = tape_find(t, 0, SS_SCHED_FORK, pid), died;
	const struct ss_rec_g_task *r;

	ASSERT_LT(born, t->nr_events);
	EXPECT_EQ(t->event[born].arg, from);
	EXPECT_EQ(tape_find(t, born + 1, SS_SCHED_FORK, pid), t->nr_events);
	died = tape_find(t, born, SS_SCHED_EXIT, pid);
	ASSERT_LT(died, t->nr_events);
	EXPECT_EQ(tape_find(t, died + 1, SS_SCHED_EXIT, pid), t->nr_events);
	EXPECT_EQ(tape_find(t, died + 1, SS_SCHED_WAKE, pid), t->nr_events);
	r = tape_task(t, pid, t->event[died].ts);
	ASSERT_NOT_NULL(r);
	EXPECT_EQ(r->class, class);
	EXPECT_EQ(r->tgid, pid);
	EXPECT_STREQ(r->comm, "test_bpf");
}

TEST_F(stream, A2_descent, .timeout_s = 60,
       .title = "A2: forks and exits are told, and a task's class goes on to those it makes")
{
	pid_t plain, work, grand = 0;
	int fd[2];

	ASSERT_EQ(pipe(fd), 0);
	plain = child(grandchild, NULL);
	tracer_children(self->s.t, SS_TASK_WORKLOAD);
	work = child(parent, &fd[1]);
	tracer_children(self->s.t, SS_TASK_OTHER);
	gone(plain);
	gone(work);
	ASSERT_EQ(read(fd[0], &grand, sizeof(grand)), sizeof(grand));
	close(fd[0]);
	close(fd[1]);
	/* They can be waited for before they have left their CPU for the last time. */
	usleep(200000);
	session_finish(&self->s);
	expect_life(&self->s.tape, plain, getpid(), SS_TASK_OTHER);
	expect_life(&self->s.tape, work, getpid(), SS_TASK_WORKLOAD);
	expect_life(&self->s.tape, grand, work, SS_TASK_WORKLOAD);
}

static const struct ss_rec_g_task *task_at(const struct tape *t, pid_t pid, __u64 ts)
{
	const struct ss_rec_g_task *r = tape_task(t, pid, ts);

	ASSERT_NOT_NULL(r);
	EXPECT_EQ(r->h.len, sizeof(*r));
	return r;
}

TEST_F(stream, A31_tasks_at_first, .timeout_s = 60,
       .title =
	       "A31: all tasks are told at the beginning, with class and state, kernel threads too")
{
	const struct tape *t = &self->s.tape;
	const struct ss_rec_g_mark *begin, *end;
	const struct ss_rec_g_task *r = NULL;
	unsigned int kernel = 0, running = 0;

	session_finish(&self->s);
	begin = tape_next(&self->s.tape, NULL, SS_REC_G_MARK);
	ASSERT_NOT_NULL(begin);
	EXPECT_EQ(begin->mark, SS_MARK_TRACE_BEGIN);
	end = tape_next(&self->s.tape, begin, SS_REC_G_MARK);
	ASSERT_NOT_NULL(end);
	EXPECT_EQ(end->mark, SS_MARK_TRACE_END);
	EXPECT_NULL(tape_next(&self->s.tape, end, SS_REC_G_MARK));
	while ((r = tape_next(&self->s.tape, r, SS_REC_G_TASK))) {
		EXPECT_LE(begin->h.ts, r->h.ts);
		EXPECT_LE(r->h.ts, end->h.ts);
		kernel += r->class == SS_TASK_KERNEL;
		running += r->state == SS_TASK_RUNNING;
		if (r->tid == 2)
			EXPECT_STREQ(r->comm, "kthreadd");
	}
	EXPECT_GT(kernel, 1);
	EXPECT_GE(running, 1);
	r = task_at(t, getpid(), end->h.ts);
	EXPECT_EQ(r->class, SS_TASK_TOOL);
	EXPECT_EQ(r->state, SS_TASK_RUNNING);
	EXPECT_EQ(r->nice, 0);
	EXPECT_EQ(r->parent, getppid());
	EXPECT_NE(r->cpus[0], 0);
}

static int wait_for_byte(void *arg)
{
	char c;

	return read(*(int *)arg, &c, 1) != 1;
}

TEST_F(stream, A31_changes, .timeout_s = 60,
       .title = "A31: policy, nice, affinity and weight are told as they change")
{
	struct sched_param fifo = { .sched_priority = 7 }, none = { 0 };
	const struct tape *t = &self->s.tape;
	__u64 at[5];
	int fd[2];
	pid_t pid;

	if (self->s.partial)
		SKIP("changes aren't told as they happen here");
	ASSERT_EQ(pipe(fd), 0);
	pid = child(wait_for_byte, &fd[0]);
	nap(20 * NS_PER_MS);
	at[0] = now_ns();
	EXPECT_EQ(setpriority(PRIO_PROCESS, pid, 5), 0);
	at[1] = now_ns();
	EXPECT_EQ(pin(pid, 0), 0);
	at[2] = now_ns();
	EXPECT_EQ(sched_setscheduler(pid, SCHED_FIFO, &fifo), 0);
	at[3] = now_ns();
	EXPECT_EQ(sched_setscheduler(pid, SCHED_IDLE, &none), 0);
	at[4] = now_ns();
	ASSERT_EQ(write(fd[1], "x", 1), 1);
	gone(pid);
	close(fd[0]);
	close(fd[1]);
	session_finish(&self->s);
	EXPECT_EQ(task_at(t, pid, at[0])->nice, 0);
	EXPECT_EQ(task_at(t, pid, at[0])->weight, 1024);
	EXPECT_EQ(task_at(t, pid, at[1])->nice, 5);
	EXPECT_EQ(task_at(t, pid, at[1])->weight, 335);
	EXPECT_EQ(task_at(t, pid, at[2])->cpus[0], 1);
	EXPECT_EQ(task_at(t, pid, at[3])->policy, SCHED_FIFO);
	EXPECT_EQ(task_at(t, pid, at[3])->rt_prio, 7);
	EXPECT_EQ(task_at(t, pid, at[4])->policy, SCHED_IDLE);
	EXPECT_EQ(task_at(t, pid, at[4])->weight, 3);
}

static int spin(void *arg)
{
	__u64 until = now_ns() + *(__u64 *)arg;

	if (pin(0, 0))
		return 1;
	while (now_ns() < until)
		;
	return 0;
}

static int fifo_naps(void *arg)
{
	struct sched_param fifo = { .sched_priority = 10 };

	(void)arg;
	if (pin(0, 0) || sched_setscheduler(0, SCHED_FIFO, &fifo))
		return 1;
	for (int i = 0; i < 20; i++)
		nap(5 * NS_PER_MS);
	return 0;
}

TEST_F(stream, A4_preempted, .timeout_s = 60,
       .title = "A4: a task that a real-time one takes the CPU from is ready from there on")
{
	__u64 ns = 300 * NS_PER_MS;
	unsigned int preempted = 0, kicked = 0;
	pid_t victim, fifo;

	victim = child(spin, &ns);
	nap(50 * NS_PER_MS);
	fifo = child(fifo_naps, NULL);
	gone(fifo);
	gone(victim);
	session_finish(&self->s);
	for (size_t i = 0; i < self->s.tape.nr_events; i++) {
		const struct event *e = &self->s.tape.event[i];

		if (e->type == SS_SCHED_KICK && e->aux == 0)
			kicked++;
		if (e->type != SS_SCHED_SWITCH || e->tid != (__u32)victim || e->arg != (__u32)fifo)
			continue;
		EXPECT_EQ(e->flags, SS_SWITCH_PREEMPTED);
		EXPECT_EQ(e->cpu, 0);
		preempted++;
	}
	EXPECT_GE(preempted, 15);
	/* A CPU that a tick has told of something else just before isn't told again. */
	EXPECT_GE(kicked, preempted / 2);
}

static int yields(void *arg)
{
	if (pin(0, 0))
		return 1;
	for (int i = 0; i < *(int *)arg; i++)
		sched_yield();
	return 0;
}

TEST_F(stream, A4_yielded, .timeout_s = 60,
       .title = "A4: a task that yields is ready, and said to have yielded")
{
	int times = 200, ready = 0, of_itself = 0;
	pid_t pid[2];

	if (self->s.partial)
		SKIP("yields aren't told here");
	for (int i = 0; i < 2; i++)
		pid[i] = child(yields, &times);
	for (int i = 0; i < 2; i++)
		gone(pid[i]);
	session_finish(&self->s);
	for (size_t i = 0; i < self->s.tape.nr_events; i++) {
		const struct event *e = &self->s.tape.event[i];

		if (e->type != SS_SCHED_SWITCH || e->tid != (__u32)pid[0])
			continue;
		ready += !!(e->flags & SS_SWITCH_PREEMPTED);
		of_itself += !!(e->flags & SS_SWITCH_YIELDED);
	}
	EXPECT_GE(of_itself, 50);
	EXPECT_GE(ready, of_itself);
}

/* --- many --- */

static __u64 stats_of(const char *prefix, __u64 *runs)
{
	struct bpf_prog_info info;
	__u32 id = 0, len;
	__u64 ns = 0;
	int fd;

	while (!bpf_prog_get_next_id(id, &id)) {
		fd = bpf_prog_get_fd_by_id(id);
		len = sizeof(info);
		memset(&info, 0, sizeof(info));
		if (fd < 0)
			continue;
		if (!bpf_prog_get_info_by_fd(fd, &info, &len) &&
		    !strncmp(info.name, prefix, strlen(prefix))) {
			ns += info.run_time_ns;
			*runs += info.run_cnt;
		}
		close(fd);
	}
	return ns;
}

/* The stream's programs; the names are cut to 15 letters. */
static const char *const programs[] = {
	"stream_",    "on_hrtimer", "on_timer",	    "on_softirq", "on_irq_done",
	"on_io_done", "on_resched", "on_csd_queue", "on_task_",
};

static void tell_cost(__u64 events)
{
	__u64 sum = 0, ns, runs;

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		runs = 0;
		ns = stats_of(programs[i], &runs);
		sum += ns;
		if (runs)
			TH_LOG("%s*: %llu runs, %llu ns each", programs[i],
			       (unsigned long long)runs, (unsigned long long)(ns / runs));
	}
	TH_LOG("%llu events, %llu ns each in all programs", (unsigned long long)events,
	       (unsigned long long)(events ? sum / events : 0));
}

#define LOUD_NS (3 * NS_PER_S)
#define PAIRS	2

TEST_F(stream, A31_loud, .timeout_s = 90,
       .title =
	       "A31: no event is lost of up to 60,000 switches a second; what each costs is printed")
{
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	struct ends e[PAIRS][2] = { 0 };
	__u64 begin = now_ns(), switches = 0, cpu;
	struct timespec used[2];
	pid_t pid[PAIRS][2];

	for (int i = 0; i < PAIRS; i++) {
		e[i][0] = e[i][1] = (struct ends){ .until = begin + LOUD_NS, .cpu = -1 };
		ping_pong(e[i], pid[i]);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used[0]);
	while (now_ns() < begin + LOUD_NS)
		nap(tracer_poll(self->s.t) ? 20 * NS_PER_MS : 100 * NS_PER_MS);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used[1]);
	for (int i = 0; i < PAIRS; i++) {
		gone(pid[i][0]);
		gone(pid[i][1]);
	}
	session_finish(&self->s);
	if (stats >= 0)
		tell_cost(self->s.tape.nr_events);
	for (size_t i = 0; i < self->s.tape.nr_events; i++)
		switches += self->s.tape.event[i].type == SS_SCHED_SWITCH;
	cpu = (used[1].tv_sec - used[0].tv_sec) * NS_PER_S + used[1].tv_nsec - used[0].tv_nsec;
	TH_LOG("%llu switches and %llu events a second, %llu bytes; taking them: %.2f %% of a CPU",
	       (unsigned long long)(switches * NS_PER_S / LOUD_NS),
	       (unsigned long long)(self->s.tape.nr_events * NS_PER_S / LOUD_NS),
	       (unsigned long long)self->s.tape.len, 100.0 * cpu / LOUD_NS);
	/* An emulated machine does some thousands. */
	EXPECT_GT(switches, 1000 * (LOUD_NS / NS_PER_S));
	if (stats >= 0)
		close(stats);
}
