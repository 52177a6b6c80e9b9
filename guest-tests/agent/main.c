// SPDX-License-Identifier: GPL-2.0-only
/* A guest's life, from mounting /proc to powering off, in one loop. */
#include "agent.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PATIENCE_S	30 /* "stallscope.wait=" on the kernel command line changes it */
#define SCHED_TIMEOUT_S 30

/* --- what the runner says --- */

static char *kv_dup(const void *p, size_t len, const char *key)
{
	int n = agent_kv_get(p, len, key, NULL, 0);
	char *s;

	if (n <= 0)
		return NULL;
	s = malloc((size_t)n + 1);
	if (s)
		agent_kv_get(p, len, key, s, (size_t)n + 1);
	return s;
}

static uint64_t kv_seconds(const void *p, size_t len, const char *key, uint64_t absent)
{
	char text[24];

	if (agent_kv_get(p, len, key, text, sizeof(text)) <= 0)
		return absent * NSEC_PER_SEC;
	return strtoull(text, NULL, 10) * NSEC_PER_SEC;
}

static void take_config(struct agent *a, const void *p, size_t len)
{
	struct config *c = &a->cfg;
	char text[4096];
	size_t pos = 0;

	if (c->known) {
		note(a, "warn", "a second CONFIG was ignored");
		return;
	}
	c->sched = kv_dup(p, len, "sched");
	c->exec = kv_dup(p, len, "exec");
	while (c->nr_sched_args < MAX_ARGS &&
	       agent_kv_next(p, len, &pos, "sched_arg", text, sizeof(text)) >= 0)
		c->sched_args[c->nr_sched_args++] = strdup(text);
	pos = 0;
	while (c->nr_nets < SS_AGENT_MAX_NETS &&
	       agent_kv_next(p, len, &pos, "net", c->nets[c->nr_nets], sizeof(c->nets[0])) >= 0)
		c->nr_nets++;
	c->duration_ns = kv_seconds(p, len, "duration", 0);
	c->sched_timeout_ns = kv_seconds(p, len, "sched_timeout", SCHED_TIMEOUT_S);
	c->trace = agent_kv_get(p, len, "trace", text, sizeof(text)) < 0 || strcmp(text, "0");
	c->trace_tasks =
		agent_kv_get(p, len, "trace_tasks", text, sizeof(text)) > 0 && !strcmp(text, "1");
	c->known = true;
}

static int agent_frame(void *ctx, unsigned int type, const void *payload, size_t len)
{
	struct agent *a = ctx;

	switch (type) {
	case SS_F_CONFIG:
		take_config(a, payload, len);
		break;
	case SS_F_STOP:
		a->stop = true;
		break;
	default:
		note(a, "warn", "a frame of unknown type %u was ignored", type);
	}
	return 0;
}

/* --- the phases of a run --- */

static void hello(struct agent *a)
{
	char text[1024];
	struct agent_kv kv;
	struct utsname u;

	uname(&u);
	agent_kv_init(&kv, text, sizeof(text));
	agent_kv_add(&kv, "agent", "%s", SS_VERSION);
	agent_kv_add(&kv, "kernel", "%s", u.release);
	agent_kv_add(&kv, "cpus", "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	agent_kv_add(&kv, "btf", "%d", a->has_btf);
	agent_kv_add(&kv, "sched_ext", "%d", a->has_sched_ext);
	agent_kv_add(&kv, "virtio_blk", "%d", a->has_blk);
	agent_kv_add(&kv, "virtio_net", "%d", a->has_net);
	agent_kv_add(&kv, "disks", "%u", a->nr_disks);
	agent_kv_add(&kv, "clock_port", "%d", a->has_clock_port || a->clock_page);
	port_send_kv(a, SS_F_HELLO, &kv);
	for (size_t at = 0; at < a->early_len; at += strlen(a->early + at) + 1)
		port_send(a, SS_F_LOG, a->early + at, strlen(a->early + at));
}

static void start_tracer(struct agent *a)
{
	char text[1024], why[600] = "";
	struct agent_kv kv;
	int ret = tracer_start(&a->tracer, a->cfg.trace_tasks, batch_add, a, why, sizeof(why));

	if (ret < 0)
		a->tracer = NULL;
	if (ret < 0 && !*why)
		snprintf(why, sizeof(why), "%s", strerror(-ret));
	agent_kv_init(&kv, text, sizeof(text));
	agent_kv_add(&kv, "state", "%s", ret < 0 ? "off" : ret ? "partial" : "on");
	agent_kv_add(&kv, "msg", "%s", why);
	port_send_kv(a, SS_F_TRACE, &kv);
	if (ret)
		say("guest tracing is %s: %s", ret < 0 ? "off" : "partial", why);
}

static void name_nets(struct agent *a)
{
	char name[32], interface[32];

	for (unsigned int i = 0; i < a->cfg.nr_nets; i++) {
		if (sys_find_net(a->cfg.nets[i], interface, sizeof(interface))) {
			note(a, "warn", "there is no network interface with the address %s",
			     a->cfg.nets[i]);
			continue;
		}
		snprintf(name, sizeof(name), "STALLSCOPE_NET%u", i);
		setenv(name, interface, 1);
	}
}

static void begin(struct agent *a)
{
	char name[32], path[48];

	for (unsigned int i = 0; i < a->nr_disks; i++) {
		snprintf(name, sizeof(name), "STALLSCOPE_DISK%u", a->disks[i].index);
		snprintf(path, sizeof(path), "/dev/%s", a->disks[i].name);
		setenv(name, path, 1);
	}
	name_nets(a);
	disk_records(a);
	if (a->cfg.trace)
		start_tracer(a);
	/* From here on every bit of our time is taken from what is measured. */
	a->cpu_ns_start = sys_cpu_ns();
	clock_sample_cpus(a, CLOCK_MANY);
	a->next_clock = now_ns() + CLOCK_NS;
	marks_open(a);
	sched_start(a);
	a->phase = PHASE_SCHED;
}

static void finish(struct agent *a)
{
	struct ss_drops total = { 0 };
	char text[64];
	int n;

	/* What follows takes nothing from what was measured any more. */
	a->cpu_ns = sys_cpu_ns() - a->cpu_ns_start;
	marks_close(a);
	if (a->tracer) {
		if (tracer_finish(a->tracer, &total))
			note(a, "warn", "the tracer's last records could not be read");
	}
	clock_sample_cpus(a, CLOCK_MANY);
	batch_flush(a);
	sched_stats(a);
	figures_send(a);
	total.lost += a->batch.dropped;
	port_send(a, SS_F_LOST, &total, sizeof(total));
	n = snprintf(text, sizeof(text), "status=%d\n", a->port.lost_frames ? 1 : 0);
	port_send(a, SS_F_BYE, text, (size_t)n);
	port_drain(a, 10 * NSEC_PER_SEC);
	say("done, powering off");
	kill(-1, SIGKILL);
	sys_power_off();
}

static void give_up(struct agent *a, const char *what)
{
	say("no runner has %s the port %s within %llu s, powering off", what, SS_AGENT_PORT,
	    (unsigned long long)(a->patience_ns / NSEC_PER_SEC));
	sys_power_off();
}

static void connect_runner(struct agent *a)
{
	int ret = port_open(a);

	if (!ret) {
		a->phase = PHASE_CONFIG;
		a->phase_deadline = now_ns() + a->patience_ns;
		hello(a);
	} else if (ret != -ENOENT) {
		say("can't open the port %s: %s", SS_AGENT_PORT, strerror(-ret));
		sys_power_off();
	} else if (now_ns() >= a->phase_deadline) {
		give_up(a, "given us");
	}
}

static void step_run(struct agent *a)
{
	if (a->sched.faulted)
		work_stop(a, "stopped, the scheduler is gone");
	else if (a->stop)
		work_stop(a, "stopped by the runner");
	work_poll(a);
	if (a->work.state != WORK_DONE)
		return;
	sched_stop(a);
	a->phase = PHASE_STOP;
}

/* See how far things have come, and go on. */
static void step(struct agent *a)
{
	sched_poll(a);
	switch (a->phase) {
	case PHASE_CONNECT:
		connect_runner(a);
		break;
	case PHASE_CONFIG:
		if (a->stop)
			a->phase = PHASE_STOP;
		else if (a->cfg.known)
			begin(a);
		else if (now_ns() >= a->phase_deadline)
			give_up(a, "answered at");
		break;
	case PHASE_SCHED:
		if (a->sched.faulted || a->stop) {
			sched_stop(a);
			a->phase = PHASE_STOP;
		} else if (a->sched.state == SCHED_NONE || a->sched.state == SCHED_ENABLED) {
			work_start(a);
			a->phase = PHASE_RUN;
		}
		break;
	case PHASE_RUN:
		step_run(a);
		break;
	case PHASE_STOP:
		if (a->sched.state == SCHED_NONE || a->sched.state == SCHED_DONE)
			finish(a);
		break;
	}
}

/* --- the loop --- */

static void watch_hangup(struct agent *a, uint64_t now)
{
	if (!a->port.hangup)
		a->hangup_since = 0;
	else if (!a->hangup_since)
		a->hangup_since = now;
	else if (a->phase > PHASE_CONFIG && now - a->hangup_since > a->patience_ns)
		a->stop = true;
}

static void tick(struct agent *a, uint64_t now)
{
	uint64_t records = a->batch.total;
	bool soon = false;

	a->next_tick = now + (a->phase == PHASE_CONNECT ? BUSY_TICK_NS : TICK_NS);
	port_flush(a);
	watch_hangup(a, now);
	if (a->phase < PHASE_SCHED)
		return;
	sched_output(a);
	work_output(a);
	/* With the channel full, records wait in the tracer's ring, which counts its losses. */
	if (!port_room(a))
		return;
	if (a->tracer)
		soon = tracer_poll(a->tracer);
	batch_flush(a);
	records = a->batch.total - records;
	if (soon || records >= BUSY_RECORDS)
		a->next_tick = now + BUSY_TICK_NS;
	else if (records < QUIET_RECORDS && a->phase == PHASE_RUN)
		a->next_tick = now + QUIET_TICK_NS;
}

static void dispatch(struct agent *a, const struct epoll_event *ev)
{
	struct signalfd_siginfo si;

	switch ((enum event_source)ev->data.u32) {
	case EV_PORT:
		port_event(a, ev->events);
		break;
	case EV_MARK:
		marks_read(a);
		break;
	case EV_SIGNAL:
		while (read(a->sigfd, &si, sizeof(si)) > 0)
			;
		child_reap(a);
		break;
	}
}

static void loop(struct agent *a)
{
	for (;;) {
		uint64_t now = now_ns(), next = a->next_tick;
		struct epoll_event ev[8];
		int n, ms;

		if (a->next_clock && a->next_clock < next)
			next = a->next_clock;
		if (a->work.state == WORK_RUNNING && a->work.deadline < next)
			next = a->work.deadline;
		ms = next > now ? (int)((next - now) / NSEC_PER_MSEC) + 1 : 0;
		n = epoll_wait(a->epfd, ev, 8, ms);
		for (int i = 0; i < n; i++)
			dispatch(a, &ev[i]);
		now = now_ns();
		if (a->next_clock && now >= a->next_clock) {
			clock_tick(a);
			a->next_clock = now + CLOCK_NS;
		}
		if (now >= a->next_tick)
			tick(a, now);
		step(a);
	}
}

/*
 * sched_ext schedules every SCHED_NORMAL task once a scheduler is enabled (all
 * but those with SCX_OPS_SWITCH_PARTIAL). Real-time tasks stay outside, so the
 * agent runs whatever the scheduler does. The lowest priority will do.
 */
static void become_realtime(void)
{
	struct sched_param p = { .sched_priority = sched_get_priority_min(SCHED_FIFO) };

	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &p))
		say("can't become a real-time task: %s", strerror(errno));
}

static int init(struct agent *a)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	a->epfd = epoll_create1(EPOLL_CLOEXEC);
	a->sigfd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (a->epfd < 0 || a->sigfd < 0)
		return -errno;
	agent_watch(a, a->sigfd, EV_SIGNAL, EPOLLIN);
	return port_init(a, agent_frame);
}

static void environment(void)
{
	clearenv();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("USER", "root", 1);
	setenv("TERM", "dumb", 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("STALLSCOPE_FIGURES", FIGURES, 1);
	setenv("STALLSCOPE_MARK", MARKS, 1);
}

int main(void)
{
	static struct agent agent;
	struct agent *a = &agent;
	int ret;

	if (getpid() != 1) {
		fprintf(stderr, "stallscope-agent: this is the /init of a stallscope guest\n");
		return 2;
	}
	a->sched.child.out = a->work.child.out = a->marks.fd = -1;
	sys_mount();
	become_realtime();
	environment();
	sys_load_modules(a);
	a->nr_disks = sys_scan_disks(a->disks, SS_AGENT_MAX_DISKS);
	a->has_btf = sys_exists("/sys/kernel/btf/vmlinux");
	a->has_sched_ext = sys_exists("/sys/kernel/sched_ext/state");
	a->has_blk = sys_exists("/sys/bus/virtio/drivers/virtio_blk");
	a->has_net = sys_exists("/sys/bus/virtio/drivers/virtio_net");
	a->patience_ns = sys_cmdline("stallscope.wait", PATIENCE_S) * NSEC_PER_SEC;
	a->phase_deadline = now_ns() + a->patience_ns;
	ret = init(a);
	if (ret) {
		say("can't start: %s", strerror(-ret));
		sys_power_off();
	}
	kmsg_open(a);
	clock_init(a);
	if (!a->has_blk)
		note(a, "warn",
		     "this kernel has no virtio_blk driver (CONFIG_VIRTIO_BLK): no disks");
	else if (!a->nr_disks)
		note(a, "info", "no disk of the runner's was found");
	loop(a);
}
