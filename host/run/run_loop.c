// SPDX-License-Identifier: GPL-2.0-only
/* The main loop while a guest runs: one thread serves the agent, the traces and the user. */
#include "run/run_guest.h"
#include "lib/interrupt.h"
#include "lib/time.h"
#include "live/ctl.h"
#include "lib/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define TURN_MS		   20  /* how often the host's ring buffer is emptied */
#define LAST_WORDS_MS	   100 /* with nothing from the agent for so long, it has said all */
#define CLOCK_EVERY_NS	   (NSEC_PER_SEC / 10)
#define STATUS_EVERY_NS	   NSEC_PER_SEC
#define PLAIN_STATUS_EVERY 5 /* intervals, where standard output is no terminal */
/* A guest that hasn't said hello after so many seconds is stuck; under emulation it may be slow. */
#define BOOT_LIMIT_S	    120
#define BOOT_LIMIT_NESTED_S 400
#define STOP_GRACE_NS	    (15 * NSEC_PER_SEC) /* for the agent to send what it has */

int guest_send_config(struct guest *g)
{
	char text[RUN_CONFIG_MAX];
	struct agent_kv kv;

	run_config(&g->run->o, &kv, text);
	return agent_kv_send(&g->link, SS_F_CONFIG, &kv);
}

/* Asks the agent to end the run; @why becomes the reason of its end. */
static void ask_stop(struct guest *g, enum vm_end why)
{
	char text[32];
	struct agent_kv kv;

	if (g->stop_ns)
		return;
	g->stop_ns = monotonic_ns();
	g->stopped_for = why;
	agent_kv_init(&kv, text, sizeof(text));
	agent_kv_add(&kv, "reason", "%s", why == VM_END_INTERRUPTED ? "interrupt" : "timeout");
	if (!g->hello_ns || agent_kv_send(&g->link, SS_F_STOP, &kv))
		g->ops->stop(g, why);
}

static void watch_user(struct guest *g)
{
	int n = interrupts_seen();

	if (n >= 1 && !g->stop_ns)
		run_progress(g->run, "interrupted: stopping the guest (again to stop it at once)");
	if (n >= 1)
		ask_stop(g, VM_END_INTERRUPTED);
	if (n >= 2)
		g->ops->stop(g, VM_END_INTERRUPTED);
}

static void watch_time(struct guest *g, uint64_t now)
{
	const uint64_t limit = (uint64_t)g->run->o.time_limit_s * NSEC_PER_SEC;
	const uint64_t boot_s = run_in_nested() ? BOOT_LIMIT_NESTED_S : BOOT_LIMIT_S;
	char *msg = g->run->r.end_message;
	size_t size = sizeof(g->run->r.end_message);

	if (g->stop_ns) {
		if (now - g->stop_ns >= STOP_GRACE_NS)
			g->ops->stop(g, g->stopped_for);
		return;
	}
	if (limit && now - g->begun_ns >= limit) {
		snprintf(msg, size, "still running at the time limit of %u s",
			 g->run->o.time_limit_s);
		ask_stop(g, VM_END_TIMEOUT);
	} else if (!g->hello_ns && now - g->begun_ns >= boot_s * NSEC_PER_SEC) {
		snprintf(msg, size, "no word from the guest's agent within %" PRIu64 " s", boot_s);
		ask_stop(g, VM_END_TIMEOUT);
	}
}

/* "; 5 frames sent, 5 back, 1 throttle stalls" */
static void net_status(struct guest *g, char *line, size_t size)
{
	unsigned long long sent = 0, back = 0, stalls = 0;

	for (unsigned int i = 0; i < g->run->o.nr_nets; i++) {
		struct ss_net_counters c;
		struct ss_net_pressure p;

		net_snapshot(g->live.net[i].net, &c);
		net_pressure_snapshot(g->live.net[i].net, &p);
		sent += c.tx_packets;
		back += c.rx_packets;
		stalls += p.throttled_count;
	}
	snprintf(line, size, "; %llu frames sent, %llu back, %llu throttle stalls", sent, back,
		 stalls);
}

static void show_status(struct guest *g, unsigned int count)
{
	struct ss_blk_counters sum = { 0 };
	char line[300];
	int n;

	if (!g->session.workload_begun || g->session.workload_ended)
		return;
	for (unsigned int i = 0; i < g->run->o.nr_disks; i++) {
		struct ss_blk_counters c;

		blk_snapshot(g->live.disk[i].blk, &c);
		sum.reads_completed += c.reads_completed;
		sum.writes_completed += c.writes_completed;
		sum.throttled_count += c.throttled_count;
		sum.currently_throttled_gauge += c.currently_throttled_gauge;
		sum.io_errors += c.io_errors;
	}
	n = snprintf(line, sizeof(line),
		     "%llu reads, %llu writes, %llu throttle stalls%s, %llu IO errors",
		     sum.reads_completed, sum.writes_completed, sum.throttled_count,
		     sum.currently_throttled_gauge ? " (stalled now)" : "", sum.io_errors);
	if (g->run->o.nr_nets)
		net_status(g, line + n, sizeof(line) - (size_t)n);
	run_status_line(g->run, "%s", line);
	if (!isatty(STDOUT_FILENO) && count % PLAIN_STATUS_EVERY == 0)
		run_progress(g->run, "%s", line);
}

/*
 * Takes what the agent has sent. Bounded, so that a guest that never stops sending
 * can't keep us from the clock, the user and the guest's end.
 */
static void serve_agent(struct guest *g)
{
	char buf[65536];
	ssize_t n;

	for (int i = 0; i < 256; i++) {
		int ret;

		n = g->ops->agent_read(g, buf, sizeof(buf));
		if (n <= 0)
			break;
		ret = agent_link_feed(&g->link, buf, (size_t)n);
		if (ret && !g->run->records_error)
			g->run->records_error = ret;
	}
	if (!g->session.hello || g->hello_ns)
		return;
	g->hello_ns = monotonic_ns();
	g->run->r.boot_seconds = (double)(g->hello_ns - g->begun_ns) / 1e9;
	guest_tsc_records(g);
	if (guest_send_config(g))
		ss_warn("the guest's agent takes no configuration");
}

void guest_loop(struct guest *g)
{
	struct pollfd fds[] = {
		{ .fd = g->ops->end_fd(g), .events = POLLIN },
		{ .fd = g->ops->agent_fd(g), .events = POLLIN },
		{ .fd = ctl_fd(g->live.ctl), .events = POLLIN },
	};
	uint64_t next_clock = 0, next_status = 0;
	unsigned int status_count = 0;

	for (;;) {
		uint64_t now;

		poll(fds, 3, TURN_MS);
		guest_poll_trace(g);
		serve_agent(g);
		guest_live_turn(g);
		ctl_serve(g->live.ctl);
		guest_threads(g);
		now = monotonic_ns();
		if (now >= next_clock) {
			guest_clock_sample(g);
			next_clock = now + CLOCK_EVERY_NS;
		}
		if (now >= next_status) {
			show_status(g, status_count++);
			next_status = now + STATUS_EVERY_NS;
		}
		if (fds[0].revents & POLLIN)
			break;
		watch_user(g);
		watch_time(g, now);
	}
	g->ops->wait(g);
	if (g->hello_ns)
		g->run->r.guest_seconds = (double)(monotonic_ns() - g->hello_ns) / 1e9;
	/* The channel is still there: take what was on its way when the guest ended. */
	do
		serve_agent(g);
	while (!g->session.bye && poll(&fds[1], 1, LAST_WORDS_MS) > 0);
	guest_live_turn(g);
	guest_clock_sample(g);
}
