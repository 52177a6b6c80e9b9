// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the tasks' time went, for a person: a line for each task with its states, below it
 * what it waited for, and the longest waits with their chains. Names are printable already.
 */
#include <inttypes.h>
#include <string.h>

#include "analysis/attribution.h"
#include "report/tasks_text.h"

#define WIDTH	 79
#define MAX_ROWS 8

static const char *words(unsigned int cause)
{
	static const char *const name[WAIT_CAUSES] = {
		[WAIT_THROTTLE] = "throttle stall",
		[WAIT_BACKING] = "backing IO",
		[WAIT_WORKER] = "waiting for worker",
		[WAIT_HOST_VCPU] = "host took the vCPU",
		[WAIT_HOST_WORKER] = "host took the worker's CPU",
		[WAIT_SCHED_IDLE] = "scheduler, CPUs idle",
		[WAIT_SCHED_UNFAIR] = "scheduler, unfair",
		[WAIT_RT] = "real-time task",
		[WAIT_SATURATION] = "saturation",
		[WAIT_TOOL] = "our agent",
		[WAIT_WAKE_UP] = "CPU waking up",
		[WAIT_GUEST_QUEUE] = "guest block layer",
		[WAIT_COMPLETION] = "completion",
		[WAIT_BASELINE] = "IO as quick as it gets",
		[WAIT_SERVED] = "others at work for it",
		[WAIT_PARTNER] = "partner asleep",
		[WAIT_UNKNOWN] = "unknown",
	};

	return cause < WAIT_CAUSES ? name[cause] : "unknown";
}

struct item {
	unsigned int cause;
	uint64_t ns;
};

/* Heaviest first, those below a hundredth of the whole left out. */
static unsigned int by_weight(const uint64_t by[2][WAIT_CAUSES], uint64_t all, struct item *item)
{
	unsigned int nr = 0;

	for (unsigned int c = 0; c < WAIT_CAUSES; c++) {
		uint64_t ns = by[0][c] + by[1][c];
		unsigned int at = nr;

		if (!ns || ns < all / 100)
			continue;
		for (; at && item[at - 1].ns < ns; at--)
			item[at] = item[at - 1];
		item[at] = (struct item){ .cause = c, .ns = ns };
		nr++;
	}
	return nr;
}

static void print_causes(FILE *f, const char *what, const uint64_t by[2][WAIT_CAUSES], uint64_t all)
{
	struct item item[WAIT_CAUSES];
	unsigned int nr = all ? by_weight(by, all, item) : 0;
	int col = 0;

	for (unsigned int i = 0; i < nr; i++) {
		char text[64], ns[16];
		int len = snprintf(text, sizeof(text), "%s %s%s", words(item[i].cause),
				   attribution_fmt_ns(ns, sizeof(ns), item[i].ns),
				   i + 1 < nr ? "," : "");

		if (!i || col + 1 + len > WIDTH) {
			fprintf(f, "%s      %-8s %s", i ? "\n" : "", i ? "" : what, text);
			col = 15 + len;
		} else {
			fprintf(f, " %s", text);
			col += 1 + len;
		}
	}
	if (nr)
		fputc('\n', f);
}

static void print_row(FILE *f, const char *name, const struct task_row *r)
{
	char ns[5][16];

	fprintf(f, "  %-30.30s %8s %9s %8s %8s %8s\n", name,
		attribution_fmt_ns(ns[0], sizeof(ns[0]), r->life),
		attribution_fmt_ns(ns[1], sizeof(ns[1]), r->time[TASK_RUNS]),
		attribution_fmt_ns(ns[2], sizeof(ns[2]), r->time[TASK_READY]),
		attribution_fmt_ns(ns[3], sizeof(ns[3]), r->time[TASK_BLOCKED]),
		attribution_fmt_ns(ns[4], sizeof(ns[4]), r->time[TASK_ASLEEP]));
	print_causes(f, "ready:", r->ready, r->time[TASK_READY]);
	print_causes(f, "blocked:", r->blocked, r->time[TASK_BLOCKED]);
}

static void print_longest(FILE *f, const struct task_row *r)
{
	char ns[16], at[16];

	if (!r->longest)
		return;
	fprintf(f, "      longest wait for a CPU %s, %s into it",
		attribution_fmt_ns(ns, sizeof(ns), r->longest),
		attribution_fmt_ns(at, sizeof(at), (uint64_t)r->longest_at));
	if (r->longest_by)
		fprintf(f, ", while %s/%" PRIu32 " ran", r->longest_comm, r->longest_by);
	fputc('\n', f);
}

static void print_tool(FILE *f, const struct tasks *t)
{
	const struct task_row *k = &t->kind[SS_TASK_TOOL];
	char ran[16], made[16];

	if (t->window)
		fprintf(f,
			"  our agent and tracer ran %s, %.1f %% of the window, and kept tasks waiting %s\n",
			attribution_fmt_ns(ran, sizeof(ran), k->time[TASK_RUNS]),
			100.0 * (double)k->time[TASK_RUNS] / (double)t->window,
			attribution_fmt_ns(made, sizeof(made), t->cause[WAIT_TOOL]));
}

static void print_rows(FILE *f, const char *bold, const char *off, const struct tasks *t)
{
	char name[64], all[16];
	uint32_t rows = t->rows < MAX_ROWS ? t->rows : MAX_ROWS;

	fprintf(f, "\n%s%-32s %8s %9s %8s %8s %8s%s\n", bold, "WHERE THE TASKS' TIME WENT", "lived",
		"running", "ready", "blocked", "asleep", off);
	for (uint32_t i = 0; i < rows; i++) {
		snprintf(name, sizeof(name), "%.15s/%" PRIu32, t->row[i].comm, t->row[i].tid);
		print_row(f, name, &t->row[i]);
		print_longest(f, &t->row[i]);
	}
	if (t->workload > 1) {
		snprintf(name, sizeof(name), "all %" PRIu32 " of the workload", t->workload);
		print_row(f, name, &t->sum);
	}
	fprintf(f, "  in the %s that count%s\n", attribution_fmt_ns(all, sizeof(all), t->window),
		t->has_window ? "" : " (all of the recording: nobody marked the workload)");
	print_tool(f, t);
}

/* "jbd2/vda-8/110 <- disk0, throttle stall 61 ms" */
static void print_chain(FILE *f, const struct wait_top *w)
{
	char ns[16];

	for (uint32_t i = 0; i < w->links && i < TASKS_MAX_LINKS; i++) {
		const struct wait_link *l = &w->link[i];

		if (l->kind == WAIT_LINK_TASK)
			fprintf(f, "%s%s/%" PRIu32, i ? " <- " : " on ", l->comm, l->tid);
		else if (l->kind == WAIT_LINK_DISK)
			fprintf(f, "%sdisk%" PRIu32, i ? " <- " : " on ", l->tid);
		else
			fprintf(f, "%s%s %s", i ? ", " : ": ", words(l->cause),
				attribution_fmt_ns(ns, sizeof(ns), l->ns));
	}
	fputc('\n', f);
}

static void print_waits(FILE *f, const char *bold, const char *off, const struct tasks *t)
{
	char ns[16], at[16];

	if (t->waits)
		fprintf(f, "\n%sTHE %s LONGEST WAITS%s\n", bold, t->waits == 10 ? "TEN" : "TASKS'",
			off);
	for (uint32_t i = 0; i < t->waits; i++) {
		const struct wait_top *w = &t->wait[i];

		fprintf(f, "  %s/%" PRIu32 " waited %s%s, %s into it: %s", w->comm, w->tid,
			attribution_fmt_ns(ns, sizeof(ns), w->ns), w->open ? " until the end" : "",
			attribution_fmt_ns(at, sizeof(at), (uint64_t)w->at),
			w->blocked ? "blocked" : "ready");
		print_chain(f, w);
	}
}

void tasks_text_print(FILE *f, const char *bold, const char *off, const struct tasks *t)
{
	if (!t->present)
		return;
	print_rows(f, bold, off, t);
	print_waits(f, bold, off, t);
}
