// SPDX-License-Identifier: GPL-2.0-only
#include <linux/virtio_blk.h>
#include <stdio.h>
#include <string.h>

#include "sched_world.h"
#include "ss_harness.h"

#define REC(s, type, field, ts) (&world_rec(&(s)->w, type, sizeof((s)->w.rec->field), ts)->field)

static struct ss_sched_event *event(struct sched_world *s, unsigned int cpu, int64_t at,
				    unsigned int type)
{
	size_t len = sizeof(struct ss_rec_g_sched) + 2 * sizeof(struct ss_sched_event);
	struct ss_rec_g_sched *b = &world_rec(&s->w, SS_REC_G_SCHED, len, at)->g_sched;

	/* Without a second event, what is there for one is left over. */
	b->h.len -= sizeof(struct ss_sched_event);
	b->h.cpu = cpu;
	b->nr = 1;
	b->event[0].type = (uint8_t)type;
	return &b->event[0];
}

void sw_init(struct sched_world *s, unsigned int cpus, int64_t end)
{
	memset(s, 0, sizeof(*s));
	world_init(&s->w);
	s->w.cfg.run_ns = (uint64_t)(end - T0);
	sw_other(s, SW_INIT, "sh", SS_TASK_OTHER, 0);
	sw_other(s, SW_AGENT, "agent", SS_TASK_TOOL, 1)->rt_prio = 50;
	sw_mark(s, T0, SS_MARK_TRACE_BEGIN);
	sw_mark(s, T0, SS_MARK_WORKLOAD_BEGIN);
	sw_mark(s, end, SS_MARK_WORKLOAD_END);
	sw_mark(s, end, SS_MARK_TRACE_END);
	/* Each CPU has been idle and is. */
	for (unsigned int c = 0; c < cpus; c++)
		event(s, c, T0, SS_SCHED_SWITCH);
}

void sw_free(struct sched_world *s)
{
	world_free(&s->w);
}

struct ss_rec_g_task *sw_other(struct sched_world *s, uint32_t tid, const char *comm,
			       unsigned int class, unsigned int policy)
{
	struct ss_rec_g_task *t = REC(s, SS_REC_G_TASK, g_task, T0);

	t->tid = t->tgid = tid;
	t->parent = SW_INIT;
	t->class = (uint16_t) class;
	t->policy = (uint16_t)policy;
	t->weight = 1024;
	t->state = SS_TASK_SLEEPING;
	snprintf(t->comm, sizeof(t->comm), "%s", comm);
	memset(t->cpus, 0xff, sizeof(t->cpus));
	return t;
}

struct ss_rec_g_task *sw_task(struct sched_world *s, uint32_t tid, const char *comm)
{
	return sw_other(s, tid, comm, SS_TASK_WORKLOAD, 0);
}

void sw_run(struct sched_world *s, unsigned int cpu, int64_t at, uint32_t next, enum sw_how how)
{
	struct ss_sched_event *e = event(s, cpu, at, SS_SCHED_SWITCH);

	e->tid = s->on[cpu];
	e->arg = next;
	e->flags = how == SW_PREEMPTED ? SS_SWITCH_PREEMPTED : how == SW_ENDS ? SS_SWITCH_DEAD : 0;
	s->on[cpu] = next;
}

void sw_wake(struct sched_world *s, unsigned int cpu, int64_t at, uint32_t tid, uint32_t waker,
	     unsigned int flags)
{
	struct ss_sched_event *e = event(s, cpu, at, SS_SCHED_WAKE);

	e->tid = tid;
	e->arg = waker;
	e->flags = (uint8_t)(flags | (waker ? 0 : SS_WAKE_IRQ));
}

void sw_wake_io(struct sched_world *s, unsigned int cpu, int64_t at, uint32_t tid, uint32_t serial)
{
	struct ss_sched_event *e = event(s, cpu, at, SS_SCHED_WAKE);
	struct ss_rec_g_sched *b = &s->w.rec[s->w.nr - 1].g_sched;

	e->tid = tid;
	e->flags = SS_WAKE_IO | SS_WAKE_IRQ;
	b->nr = 2;
	b->h.len += sizeof(*e);
	e[1].type = SS_SCHED_MORE;
	e[1].tid = serial;
}

void sw_fork(struct sched_world *s, unsigned int cpu, int64_t at, uint32_t child, uint32_t parent)
{
	struct ss_sched_event *e = event(s, cpu, at, SS_SCHED_FORK);

	e->tid = child;
	e->arg = parent;
}

void sw_kick(struct sched_world *s, unsigned int cpu, int64_t at)
{
	event(s, cpu, at, SS_SCHED_KICK)->aux = (uint16_t)cpu;
}

void sw_lost(struct sched_world *s, unsigned int cpu, int64_t at, uint32_t lost)
{
	event(s, cpu, at, SS_SCHED_LATE);
	s->w.rec[s->w.nr - 1].g_sched.lost = lost;
}

void sw_mark(struct sched_world *s, int64_t at, unsigned int mark)
{
	REC(s, SS_REC_G_MARK, g_mark, at)->mark = mark;
}

void sw_steal(struct sched_world *s, unsigned int cpu, int64_t from, int64_t to)
{
	world_runq(&s->w, SS_THREAD_VCPU, (uint16_t)cpu, from, to);
}

void sw_io(struct sched_world *s, uint32_t tid, uint32_t serial, int64_t start, int64_t stall,
	   int64_t done)
{
	struct world_io io = {
		.tid = tid,
		.type = VIRTIO_BLK_T_IN,
		.sector = serial * 8,
		.bytes = 4096,
		.start = start,
		.issue = start + 10 * US,
		.begun = start + 10 * US + stall,
		.backed = done - 20 * US,
		.published = done - 20 * US,
		.done = done,
	};

	world_io(&s->w, &io);
	s->w.rec[s->w.nr - 2].g_io.serial = serial;
	if (stall)
		world_stall(&s->w, 0, 0, io.issue, io.begun, stall);
}

/* A3: the states are the life, and causes are all that was waited. */
static void expect_sums(const struct task_row *row)
{
	uint64_t life = 0, ready = 0, blocked = 0;

	for (unsigned int c = 0; c < WAIT_CAUSES; c++) {
		ready += row->ready[0][c] + row->ready[1][c];
		blocked += row->blocked[0][c] + row->blocked[1][c];
	}
	EXPECT_EQ(ready, row->time[TASK_READY]);
	EXPECT_EQ(blocked, row->time[TASK_BLOCKED]);
	for (unsigned int w = 0; w < TASK_TIMES; w++)
		life += row->time[w];
	EXPECT_EQ(life, row->life);
}

const struct tasks *sw_solve(struct sched_world *s)
{
	const struct tasks *t = &s->w.a.tasks_time;

	world_solve(&s->w);
	EXPECT_TRUE(t->present);
	for (uint32_t i = 0; i < t->rows; i++)
		expect_sums(&t->row[i]);
	expect_sums(&t->sum);
	return t;
}

const struct task_row *sw_row(const struct sched_world *s, uint32_t tid)
{
	static const struct task_row none;
	const struct tasks *t = &s->w.a.tasks_time;

	for (uint32_t i = 0; i < t->rows; i++)
		if (t->row[i].tid == tid)
			return &t->row[i];
	TH_LOG("no row of task %u", tid);
	EXPECT_TRUE(false);
	return &none;
}

uint64_t sw_ready(const struct sched_world *s, uint32_t tid, enum wait_cause c)
{
	const struct task_row *r = sw_row(s, tid);

	return r->ready[0][c] + r->ready[1][c];
}

uint64_t sw_blocked(const struct sched_world *s, uint32_t tid, enum wait_cause c)
{
	const struct task_row *r = sw_row(s, tid);

	return r->blocked[0][c] + r->blocked[1][c];
}
