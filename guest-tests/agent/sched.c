// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scheduler under test: a program that loads a sched_ext scheduler and
 * stays as long as it shall be in force.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCX		"/sys/kernel/sched_ext/"

#define FAULT_WAIT_NS	(2 * NSEC_PER_SEC) /* for kernel and program to say their words */
#define EVENTS_NS	NSEC_PER_SEC

#define ESCALATION_KILL 2

static bool scx_state_is(const char *want)
{
	static int fd = -1;
	char state[32];
	ssize_t n;

	if (fd < 0)
		fd = open(SCX "state", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : pread(fd, state, sizeof(state) - 1, 0);
	if (n <= 0)
		return false;
	state[n] = '\0';
	state[strcspn(state, "\n")] = '\0';
	return !strcmp(state, want);
}

static uint64_t scx_number(const char *file)
{
	char text[32];

	return sys_read(file, text, sizeof(text)) < 0 ? 0 : strtoull(text, NULL, 10);
}

static const char *basename_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Everything both sides have said, the kernel first: its line names the cause. */
static void add_words(struct agent *a, struct agent_kv *kv, const char *first)
{
	const struct tail *k = &a->kmsg.words, *o = &a->sched.output;

	agent_kv_add(kv, "msg", "%s%s%s%s%s", first, *first && k->len ? "\n" : "",
		     k->len ? k->text : "", o->len ? "\n" : "", o->len ? o->text : "");
}

static void report(struct agent *a, const char *state, const char *first)
{
	static char text[3 * TAIL_SIZE];
	struct sched *s = &a->sched;
	struct agent_kv kv;

	agent_kv_init(&kv, text, sizeof(text));
	agent_kv_add(&kv, "state", "%s", state);
	agent_kv_add(&kv, "name", "%s", s->name);
	if (s->child.ended) {
		agent_kv_add(&kv, "exit", "%d", s->child.exit_code);
		agent_kv_add(&kv, "signal", "%d", s->child.signal);
	}
	if (a->kmsg.reason[0])
		agent_kv_add(&kv, "kind", "%d", kmsg_kind(&a->kmsg));
	if (first)
		add_words(a, &kv, first);
	port_send_kv(a, SS_F_SCHED, &kv);
	say("scheduler %s: %s%s%s", s->name, state, first && *first ? ": " : "",
	    first ? first : "");
}

static void report_fault(struct agent *a, const char *state, const char *first)
{
	a->sched.faulted = true;
	report(a, state, first);
}

void sched_output(struct agent *a)
{
	char buf[4096];
	ssize_t n;

	while ((n = child_read(&a->sched.child, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			buf[i] = buf[i] ? buf[i] : ' ';
		tail_add(&a->sched.output, buf, n);
	}
}

/* Collect what kernel and scheduler have said up to now. */
static void hear(struct agent *a)
{
	kmsg_read(a);
	sched_output(a);
}

static void read_events(struct agent *a)
{
	char text[sizeof(a->sched.events)];

	if (sys_read(SCX "root/events", text, sizeof(text)) > 0)
		memcpy(a->sched.events, text, sizeof(text));
	a->sched.next_events = now_ns() + EVENTS_NS;
}

void sched_start(struct agent *a)
{
	struct sched *s = &a->sched;
	char *argv[MAX_ARGS + 2] = { a->cfg.sched };
	int err;

	if (!a->cfg.sched) {
		s->state = SCHED_NONE;
		return;
	}
	for (unsigned int i = 0; i < a->cfg.nr_sched_args; i++)
		argv[i + 1] = a->cfg.sched_args[i];
	snprintf(s->name, sizeof(s->name), "%s", basename_of(a->cfg.sched));
	s->state = SCHED_DONE;
	if (!a->has_sched_ext) {
		report_fault(a, "failed",
			     "this kernel has no sched_ext (CONFIG_SCHED_CLASS_EXT is off)");
		return;
	}
	s->start_seq = scx_number(SCX "enable_seq");
	s->deadline = now_ns() + a->cfg.sched_timeout_ns;
	report(a, "starting", NULL);
	tracer_children(a->tracer, SS_TASK_SCHEDULER);
	err = child_start(&s->child, argv);
	tracer_children(a->tracer, SS_TASK_OTHER);
	if (err)
		report_fault(a, "failed", strerror(-err));
	else
		s->state = SCHED_STARTING;
}

/* Send it a signal, a stronger one each time. */
static void escalate(struct agent *a, uint64_t now)
{
	static const struct {
		int sig, seconds;
	} steps[] = { { SIGINT, 5 }, { SIGTERM, 3 }, { SIGKILL, 5 } };
	struct sched *s = &a->sched;

	if (s->escalation < sizeof(steps) / sizeof(steps[0])) {
		if (steps[s->escalation].sig == SIGKILL) {
			/*
			 * A dying task needs a CPU too, which its own scheduler may
			 * not give it: have the kernel throw that out first.
			 */
			note(a, "warn", "the scheduler %s doesn't end by itself, killing it",
			     s->name);
			sys_sysrq('S');
		}
		child_kill(&s->child, steps[s->escalation].sig);
		s->deadline = now + steps[s->escalation].seconds * NSEC_PER_SEC;
	} else {
		note(a, "error", "the scheduler %s can't be ended", s->name);
		s->state = SCHED_DONE;
	}
	s->escalation++;
}

void sched_stop(struct agent *a)
{
	struct sched *s = &a->sched;

	if (s->state == SCHED_NONE || s->state == SCHED_DONE || s->state == SCHED_STOPPING)
		return;
	read_events(a);
	s->state = SCHED_STOPPING;
	/* One that lets nothing run won't let its own program run either. */
	s->escalation = a->work.starved ? ESCALATION_KILL : 0;
	escalate(a, now_ns());
}

static void enabled(struct agent *a)
{
	struct sched *s = &a->sched;
	char name[SS_SCX_NAME_LEN];

	if (sys_read(SCX "root/ops", name, sizeof(name)) > 0)
		snprintf(s->name, sizeof(s->name), "%s", name);
	s->state = SCHED_ENABLED;
	report(a, "enabled", NULL);
}

static void failed(struct agent *a)
{
	struct sched *s = &a->sched;
	char first[160] = "it ended before the kernel had enabled it";

	if (!s->child.ended)
		snprintf(first, sizeof(first), "the kernel has not enabled it within %u s",
			 (unsigned int)(a->cfg.sched_timeout_ns / NSEC_PER_SEC));
	else if (!a->has_btf)
		snprintf(
			first, sizeof(first),
			"this kernel has no BTF (CONFIG_DEBUG_INFO_BTF is off), which schedulers need");
	report_fault(a, "failed", first);
	if (s->child.ended)
		s->state = SCHED_DONE;
	else
		sched_stop(a);
}

static void poll_starting(struct agent *a, uint64_t now)
{
	struct sched *s = &a->sched;
	bool ended = s->child.ended; /* before looking whether it was enabled */

	if (scx_number(SCX "enable_seq") > s->start_seq && (ended || scx_state_is("enabled"))) {
		enabled(a);
	} else if (ended || now >= s->deadline) {
		hear(a);
		failed(a);
	}
}

static void poll_fault(struct agent *a, uint64_t now)
{
	struct sched *s = &a->sched;

	if (!(s->child.ended && scx_state_is("disabled")) && now < s->deadline)
		return;
	hear(a);
	if (kmsg_kicked(&a->kmsg))
		report_fault(a, "kicked", a->kmsg.reason);
	else
		report_fault(a, "exited", s->child.signal ? "it was killed" : "it ended by itself");
	if (s->child.ended)
		s->state = SCHED_DONE;
	else
		sched_stop(a);
}

static void poll_stopping(struct agent *a, uint64_t now)
{
	struct sched *s = &a->sched;

	if (s->child.ended && scx_state_is("disabled")) {
		hear(a);
		s->state = SCHED_DONE;
		if (!s->faulted)
			report(a, "stopped", NULL);
	} else if (now >= s->deadline) {
		escalate(a, now);
	}
}

void sched_poll(struct agent *a)
{
	struct sched *s = &a->sched;
	uint64_t now = now_ns();

	switch (s->state) {
	case SCHED_STARTING:
		poll_starting(a, now);
		break;
	case SCHED_ENABLED:
		if (s->child.ended || !scx_state_is("enabled")) {
			s->state = SCHED_FAULT;
			s->deadline = now + FAULT_WAIT_NS;
		} else if (now >= s->next_events) {
			read_events(a);
		}
		break;
	case SCHED_FAULT:
		poll_fault(a, now);
		break;
	case SCHED_STOPPING:
		poll_stopping(a, now);
		break;
	default:
		break;
	}
}

void send_stat(struct agent *a, const char *name, long long value)
{
	char text[256];
	struct agent_kv kv;

	agent_kv_init(&kv, text, sizeof(text));
	agent_kv_add(&kv, "name", "%s", name);
	agent_kv_add(&kv, "value", "%lld", value);
	port_send_kv(a, SS_F_STAT, &kv);
}

void sched_stats(struct agent *a)
{
	char *save, name[64];
	unsigned long long value;

	/* What the agent itself cost, so that nobody has to take its word for it. */
	send_stat(a, "agent_cpu_ns", (long long)a->cpu_ns);
	for (char *l = strtok_r(a->sched.events, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		if (sscanf(l, "%63s %llu", name, &value) == 2)
			send_stat(a, name, (long long)value);
	if (!a->has_sched_ext)
		return;
	send_stat(a, "nr_rejected", scx_number(SCX "nr_rejected"));
	send_stat(a, "enable_seq", scx_number(SCX "enable_seq"));
}
