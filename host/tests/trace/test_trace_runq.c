// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run-queue delay: two threads share a CPU, so that one has to wait.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "ss_probes.h"
#include "trace_util.h"

#define LIMIT_NS (20 * 1000000000ULL)
#define MIN_NS	 100000

struct rivals {
	struct trace *t;
	atomic_int stop;
	atomic_int tid; /* of the one that is traced */
	pthread_t thread[2];
};

static void *traced(void *arg)
{
	struct rivals *r = arg;

	atomic_store(&r->tid, syscall(SYS_gettid));
	while (!atomic_load(&r->stop))
		;
	return NULL;
}

static void *rival(void *arg)
{
	struct rivals *r = arg;

	while (!atomic_load(&r->stop))
		;
	return NULL;
}

static void start(struct rivals *r)
{
	void *(*const fn[])(void *) = { traced, rival };
	pthread_attr_t attr;
	cpu_set_t cpus;
	int i, cpu = sched_getcpu();

	ASSERT_GE(cpu, 0);
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	pthread_attr_init(&attr);
	ASSERT_EQ(pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus), 0);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(pthread_create(&r->thread[i], &attr, fn[i], r), 0);
	pthread_attr_destroy(&attr);
	while (!atomic_load(&r->tid))
		sched_yield();
}

static void stop(struct rivals *r)
{
	int i;

	atomic_store(&r->stop, 1);
	for (i = 0; i < 2; i++)
		pthread_join(r->thread[i], NULL);
}

/* Polls until a wait was recorded. Return: its number of records. */
static unsigned int wait_for_record(struct trace *t, struct kept *kept)
{
	__u64 limit = now_ns() + LIMIT_NS;

	while (!kept_of(kept, SS_REC_HOST_RUNQ) && now_ns() < limit) {
		trace_poll(t, keep, kept);
		sched_yield();
	}
	return kept_of(kept, SS_REC_HOST_RUNQ);
}

static void probe_present(void)
{
	/* Without one of the device's probes there is nothing to open. */
	ss_probe_kick(0, 0);
}

/* Skips unless run-queue delay can be traced here. */
static void need_runq(void)
{
	struct trace_config cfg = {};
	struct trace *t;
	unsigned int i;
	int ret;

	probe_present();
	t = open_or_skip(&cfg);
	ret = trace_add_thread(t, syscall(SYS_gettid), SS_THREAD_OTHER, 0);
	for (i = 0; ret && trace_missing(t, i); i++)
		TH_LOG("%s", trace_missing(t, i));
	trace_close(t);
	if (ret == -EOPNOTSUPP)
		SKIP("run-queue delay can't be traced here");
	ASSERT_EQ(ret, 0);
}

/* Return: whether some waits were recorded and all are as they must be. */
static bool delay_is_right(void)
{
	struct trace_config cfg = { .runq_min_ns = MIN_NS };
	static struct kept kept;
	struct rivals r = {};
	const struct ss_rec_host_runq *rec;
	unsigned int i;
	bool right;

	r.t = open_or_skip(&cfg);
	start(&r);
	right = !trace_add_thread(r.t, r.tid, SS_THREAD_WORKER, 0x102);
	right = right && wait_for_record(r.t, &kept) > 0;
	stop(&r);
	trace_remove_thread(r.t, r.tid);
	for (i = 0; i < kept.n; i++) {
		rec = kept_at(&kept, i);
		right = right && rec->h.type == SS_REC_HOST_RUNQ && rec->tid == (__u32)r.tid &&
			rec->kind == SS_THREAD_WORKER && rec->index == 0x102 &&
			rec->h.ts - rec->since_ts >= MIN_NS && rec->h.ts <= now_ns();
	}
	trace_close(r.t);
	return right;
}

TEST(delay, .title = "a thread that waits for a CPU is recorded, by its own tid, no other is")
{
	need_runq();
	EXPECT_TRUE(delay_is_right());
}

#define NO_NAMESPACE 77

/* In a child of its own: who unshared its pid namespace can't fork for long. */
static int in_pid_namespace(void)
{
	int status;
	pid_t pid;

	if (syscall(SYS_unshare, CLONE_NEWPID))
		return NO_NAMESPACE;
	pid = fork();
	if (pid < 0)
		return 1;
	if (!pid)
		_exit(getpid() != 1 || !delay_is_right());
	return waitpid(pid, &status, 0) != pid || status;
}

TEST(delay_in_pid_namespace, .title = "in a pid namespace too a thread is known by the tid it sees")
{
	int ret;

	need_runq();
	ret = in_child(in_pid_namespace);
	if (ret == NO_NAMESPACE)
		SKIP("no new pid namespace");
	EXPECT_EQ(ret, 0);
}

TEST(removed, .title = "a thread that was removed isn't recorded any more")
{
	struct trace_config cfg = { .runq_min_ns = 1 };
	static struct kept kept, after;
	struct rivals r = {};

	need_runq();
	r.t = open_or_skip(&cfg);
	start(&r);
	EXPECT_EQ(trace_add_thread(r.t, r.tid, SS_THREAD_VCPU, 0), 0);
	EXPECT_GT(wait_for_record(r.t, &kept), 0);
	trace_remove_thread(r.t, r.tid);
	trace_poll(r.t, keep, &kept);
	stop(&r);
	EXPECT_EQ(trace_poll(r.t, keep, &after), 0);
	trace_close(r.t);
}

static void *busy(void *arg)
{
	struct rivals *r = arg;

	while (!atomic_load(&r->stop))
		ss_probe_dev_event(0, 0, 0, 0);
	return NULL;
}

static void count(void *ctx, const struct ss_rec *rec, size_t len)
{
	(void)rec, (void)len;
	++*(uint64_t *)ctx;
}

TEST(finish, .title = "at the end each record that counts as made has been given, whoever goes on")
{
	struct trace_config cfg = {};

	for (int i = 0; i < 20; i++) {
		uint64_t given = 0, polls = 0;
		struct rivals r = {};
		struct ss_drops drops;
		pthread_t thread;

		r.t = open_or_skip(&cfg);
		ASSERT_EQ(pthread_create(&thread, NULL, busy, &r), 0);
		while (given < 100 && polls++ < 1000000)
			trace_poll(r.t, count, &given);
		trace_finish(r.t, count, &given, &drops);
		atomic_store(&r.stop, 1);
		pthread_join(thread, NULL);
		EXPECT_GE(drops.recorded, 100);
		EXPECT_EQ(given, drops.recorded);
		trace_drops(r.t, &drops);
		EXPECT_EQ(given, drops.recorded);
		trace_close(r.t);
	}
}

TEST_HARNESS_MAIN
