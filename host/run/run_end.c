// SPDX-License-Identifier: GPL-2.0-only
/* How a guest ended, and the exit status that follows from it. */
#include "run/run_guest.h"
#include "lib/log.h"

#include <stdarg.h>
#include <string.h>

static enum run_end run_end_of(const struct guest *g)
{
	/* A guest that was asked to stop powers off if it can: the reason is the request. */
	if (g->stop_ns && g->end.end == VM_END_POWEROFF)
		return g->stopped_for == VM_END_INTERRUPTED ? RUN_END_INTERRUPTED : RUN_END_TIMEOUT;
	switch (g->end.end) {
	case VM_END_POWEROFF:
		return RUN_END_POWEROFF;
	case VM_END_REBOOT:
		return RUN_END_REBOOT;
	case VM_END_PANIC:
		return RUN_END_PANIC;
	case VM_END_TRIPLE_FAULT:
		return RUN_END_TRIPLE_FAULT;
	case VM_END_INTERNAL_ERROR:
		if (g->run->o.machine == RUN_MACHINE_QEMU)
			return RUN_END_QEMU_DIED;
		return RUN_END_KVM_ERROR;
	case VM_END_TIMEOUT:
		return RUN_END_TIMEOUT;
	case VM_END_INTERRUPTED:
		return RUN_END_INTERRUPTED;
	default:
		return RUN_END_UNKNOWN;
	}
}

/* A guest's own end is the reason; for one that was stopped, where its vCPUs were is added. */
void guest_note_end(struct guest *g)
{
	struct run_result *r = &g->run->r;
	const char *detail = g->end.detail;
	size_t n;

	r->end = run_end_of(g);
	if (r->end == RUN_END_TIMEOUT && r->end_message[0]) {
		n = strlen(r->end_message);
		detail = g->end.end == VM_END_TIMEOUT ? strchr(detail, ':') : NULL;
		snprintf(r->end_message + n, sizeof(r->end_message) - n, "%s", detail ?: "");
		return;
	}
	snprintf(r->end_message, sizeof(r->end_message), "%s", detail);
}

static int fault(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int fault(int status, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	ss_err("%s", line);
	return status;
}

static int judge_end(const struct guest *g)
{
	const struct run_result *r = &g->run->r;
	const char *msg = r->end_message;

	switch (r->end) {
	case RUN_END_POWEROFF:
		return SS_EXIT_OK;
	case RUN_END_INTERRUPTED:
		return fault(SS_EXIT_INTERRUPTED, "interrupted: what was measured so far is kept");
	case RUN_END_PANIC:
		return fault(SS_EXIT_GUEST_PANIC, "the guest's kernel panicked: %s", msg);
	case RUN_END_REBOOT:
		return fault(SS_EXIT_GUEST_REBOOT, "the guest rebooted instead of powering off");
	case RUN_END_TRIPLE_FAULT:
		return fault(SS_EXIT_GUEST_TRIPLE, "the guest crashed with a triple fault: %s",
			     msg);
	case RUN_END_TIMEOUT:
		return fault(SS_EXIT_GUEST_TIMEOUT, "the guest was stopped: %s", msg);
	case RUN_END_QEMU_DIED:
		return fault(SS_EXIT_QEMU_DIED, "the guest's machine is gone: %s", msg);
	default:
		return fault(SS_EXIT_GUEST_TRIPLE, "KVM could not go on: %s", msg);
	}
}

/* The first line of what the kernel or the verifier said, for a one-line message. */
static const char *first_line(const char *text, char *buf, size_t size)
{
	snprintf(buf, size, "%.*s", (int)strcspn(text, "\n"), text);
	return buf;
}

static int judge_sched(const struct guest *g)
{
	const struct run_sched *sc = &g->run->r.sched;
	char line[400];

	first_line(sc->message, line, sizeof(line));
	switch (g->session.sched_fault) {
	case AGENT_SCHED_FAILED:
		return fault(SS_EXIT_SCHED_LOAD, "--sched: %s did not load: %s", g->run->o.sched,
			     line);
	case AGENT_SCHED_EXITED:
		return fault(SS_EXIT_SCHED_EXITED,
			     "--sched: %s ended by itself in mid-run (%s %d): %s", g->run->o.sched,
			     sc->signal ? "signal" : "exit status",
			     sc->signal ? sc->signal : sc->exit, line);
	case AGENT_SCHED_KICKED:
		return fault(SS_EXIT_SCHED_KICKED, "--sched: the kernel ejected %s in mid-run: %s",
			     g->run->o.sched, line);
	default:
		if (sc->wanted && !sc->loaded)
			return fault(SS_EXIT_SCHED_LOAD, "--sched: %s was never enabled",
				     g->run->o.sched);
		return SS_EXIT_OK;
	}
}

static int judge_workload(const struct guest *g)
{
	const struct run_workload *w = &g->run->r.workload;

	if (!g->run->o.exec)
		return SS_EXIT_OK;
	if (!w->ended)
		return fault(SS_EXIT_AGENT, "the guest ended before the workload did");
	if (w->signal)
		return fault(SS_EXIT_WORKLOAD,
			     "--exec: the workload was killed by signal %d; see %s/workload.log",
			     w->signal, g->run->out_name);
	if (w->exit)
		return fault(SS_EXIT_WORKLOAD,
			     "--exec: the workload failed with exit status %d; see %s/workload.log",
			     w->exit, g->run->out_name);
	return SS_EXIT_OK;
}

static int judge_guest(const struct guest *g)
{
	const struct agent_session *s = &g->session;
	const char *kernel = g->run->o.kernel;

	if (!s->hello)
		return fault(SS_EXIT_AGENT,
			     "the guest ended without a word from its agent; see %s/console.log",
			     g->run->out_name);
	if (g->run->o.sched && !s->has_sched_ext)
		return fault(
			SS_EXIT_GUEST_UNFIT,
			"--kernel: %s (Linux %s) has no sched_ext: choose one built with CONFIG_SCHED_CLASS_EXT",
			kernel, g->run->r.guest_kernel);
	if (g->run->o.sched && !s->has_btf)
		return fault(
			SS_EXIT_GUEST_UNFIT,
			"--kernel: %s (Linux %s) has no BTF: choose one built with CONFIG_DEBUG_INFO_BTF",
			kernel, g->run->r.guest_kernel);
	if (!s->has_virtio_blk)
		return fault(
			SS_EXIT_GUEST_UNFIT,
			"--kernel: %s (Linux %s) shows no virtio disk: it lacks virtio_mmio or virtio_blk; give its --modules",
			kernel, g->run->r.guest_kernel);
	if (g->run->o.nr_nets && !s->has_virtio_net)
		return fault(
			SS_EXIT_GUEST_UNFIT,
			"--kernel: %s (Linux %s) has no driver for --net: it lacks virtio_net; give its --modules",
			kernel, g->run->r.guest_kernel);
	return SS_EXIT_OK;
}

int guest_judge(const struct guest *g)
{
	int ret = SS_EXIT_OK;

	/* First: an unfit kernel explains whatever came after. */
	if (g->session.hello)
		ret = judge_guest(g);
	if (!ret)
		ret = judge_end(g);
	if (!ret)
		ret = judge_guest(g);
	if (!ret)
		ret = judge_sched(g);
	if (!ret)
		ret = judge_workload(g);
	if (!ret && !g->session.bye)
		ret = fault(SS_EXIT_AGENT,
			    "the guest's agent broke off before it had sent everything");
	if (!ret && g->run->records_error)
		ret = fault(SS_EXIT_OUTPUT, "--out: %s: %s", g->run->out_name,
			    strerror(-g->run->records_error));
	return ret;
}
