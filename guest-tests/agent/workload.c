// SPDX-License-Identifier: GPL-2.0-only
/* The workload: started, its output passed on, stopped in time. */
#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define TERM_WAIT_NS (3 * NSEC_PER_SEC)
#define KILL_WAIT_NS (2 * NSEC_PER_SEC)
#define REST_WAIT_NS (10 * NSEC_PER_SEC)

void work_start(struct agent *a)
{
	struct workload *w = &a->work;
	char *argv[] = { "/bin/sh", "-c", a->cfg.exec, NULL };
	static const char begin[] = "state=begin\n";
	int err = 0;

	port_send(a, SS_F_WORKLOAD, begin, sizeof(begin) - 1);
	w->begin = now_ns();
	w->deadline = a->cfg.duration_ns ? w->begin + a->cfg.duration_ns : UINT64_MAX;
	w->state = WORK_RUNNING;
	tracer_children(a->tracer, SS_TASK_WORKLOAD);
	if (a->cfg.exec)
		err = child_start(&w->child, argv);
	tracer_children(a->tracer, SS_TASK_OTHER);
	mark_add(a, SS_MARK_WORKLOAD_BEGIN, w->begin, (uint64_t)w->child.pid);
	if (err) {
		note(a, "error", "the workload can't be started: %s", strerror(-err));
		w->child.ended = true;
		w->child.exit_code = 127;
	}
}

void work_output(struct agent *a)
{
	struct workload *w = &a->work;
	char buf[65536];
	ssize_t n;

	/* The channel is full: the workload waits at its pipe, nothing is lost. */
	while (port_room(a)) {
		n = child_read(&w->child, buf, sizeof(buf));
		if (n <= 0)
			return;
		port_send(a, SS_F_OUTPUT, buf, n);
	}
}

/* What is still in the pipe, at the channel's speed. */
static void send_rest(struct agent *a)
{
	struct child *c = &a->work.child;
	uint64_t until = now_ns() + REST_WAIT_NS;

	work_output(a);
	while (c->out >= 0 && !port_room(a) && now_ns() < until) {
		port_drain(a, NSEC_PER_SEC);
		work_output(a);
	}
	if (c->out < 0)
		return;
	/* Somebody outside its process group still has the pipe. */
	if (!port_room(a))
		note(a, "warn", "the workload's last output was cut off");
	close(c->out);
	c->out = -1;
}

static void end(struct agent *a)
{
	struct workload *w = &a->work;
	char text[512];
	struct agent_kv kv;
	uint64_t ns;

	w->state = WORK_DONE;
	if (!w->end)
		w->end = now_ns();
	mark_add(a, SS_MARK_WORKLOAD_END, w->end,
		 w->child.ended ? (uint64_t)(unsigned int)w->child.status : UINT64_MAX);
	ns = w->end - w->begin;
	send_rest(a);
	agent_kv_init(&kv, text, sizeof(text));
	agent_kv_add(&kv, "state", "end");
	agent_kv_add(&kv, "exit", "%d", w->why ? 0 : w->child.exit_code);
	agent_kv_add(&kv, "signal", "%d", w->why ? 0 : w->child.signal);
	agent_kv_add(&kv, "seconds", "%llu.%09llu", (unsigned long long)(ns / NSEC_PER_SEC),
		     (unsigned long long)(ns % NSEC_PER_SEC));
	agent_kv_add(&kv, "msg", "%s", w->why ? w->why : "");
	port_send_kv(a, SS_F_WORKLOAD, &kv);
}

void work_stop(struct agent *a, const char *why)
{
	struct workload *w = &a->work;

	if (w->state != WORK_RUNNING)
		return;
	w->why = why;
	w->state = WORK_STOPPING;
	w->deadline = now_ns() + TERM_WAIT_NS;
	child_kill(&w->child, SIGTERM);
	work_poll(a);
}

static void poll_stopping(struct agent *a, uint64_t now)
{
	struct workload *w = &a->work;

	if (!w->child.pid && child_group_gone(&w->child)) {
		end(a);
	} else if (now >= w->deadline && !w->killed) {
		child_kill(&w->child, SIGKILL);
		w->killed = true;
		w->deadline = now + KILL_WAIT_NS;
	} else if (now >= w->deadline) {
		/* It can't even die: the scheduler gives it no CPU, or it hangs in IO. */
		note(a, "warn", "the workload has been killed but is not gone");
		w->starved = true;
		end(a);
	}
}

void work_poll(struct agent *a)
{
	struct workload *w = &a->work;
	uint64_t now = now_ns();

	if (w->state == WORK_STOPPING) {
		poll_stopping(a, now);
	} else if (w->state == WORK_RUNNING && w->child.ended) {
		/* The shell is done; what it left in the background is not the workload. */
		child_kill(&w->child, SIGKILL);
		end(a);
	} else if (w->state == WORK_RUNNING && now >= w->deadline) {
		work_stop(a, "ended at the duration");
	}
}
