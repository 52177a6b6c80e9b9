// SPDX-License-Identifier: GPL-2.0-only
/*
 * The report for a person: one screen, 80 columns. Whatever came from a guest
 * is printed without its control characters.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/device_figures.h"
#include "lib/text.h"
#include "report/report.h"
#include "report/tasks_text.h"

#define WIDTH	    79
#define MAX_TASKS   5
#define MAX_MESSAGE 6 /* lines of a scheduler's last words */

struct page {
	FILE *f;
	const char *bold, *bad, *good, *dim, *off;
};

static void page_open(struct page *p, FILE *f)
{
	bool colour = isatty(fileno(f)) && !getenv("NO_COLOR");

	p->f = f;
	p->bold = colour ? "\033[1m" : "";
	p->bad = colour ? "\033[1;31m" : "";
	p->good = colour ? "\033[1;32m" : "";
	p->dim = colour ? "\033[2m" : "";
	p->off = colour ? "\033[0m" : "";
}

static void heading(const struct page *p, const char *s)
{
	fprintf(p->f, "\n%s%s%s\n", p->bold, s, p->off);
}

/* Columns a word takes: continuation bytes of UTF-8 take none. */
static int columns(const char *s, size_t len)
{
	int n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

/* What came from a guest or a scheduler may drive a terminal. */
static void put_word(const struct page *p, const char *s, size_t len)
{
	size_t n;

	for (; len; s += n, len -= n)
		if (text_next(s, len, &n))
			fwrite(s, 1, n, p->f);
		else
			fputc('?', p->f);
}

/* Words, wrapped at WIDTH; the first line begins with @first, the others with @indent blanks. */
static void wrap(const struct page *p, const char *first, int indent, const char *s)
{
	int col = columns(first, strlen(first));
	bool begun = false;

	fputs(first, p->f);
	while (*s) {
		size_t len = strcspn(s, " \t\n");
		int cols = columns(s, len);

		if (len && begun && col + 1 + cols > WIDTH) {
			fprintf(p->f, "\n%*s", indent, "");
			col = indent;
			begun = false;
		}
		if (len && begun)
			fputc(' ', p->f), col++;
		if (len) {
			put_word(p, s, len);
			col += cols;
			begun = true;
		}
		s += len;
		s += *s != '\0';
	}
	fputc('\n', p->f);
}

static char *fmt_bytes(char *buf, size_t len, uint64_t v)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double d = (double)v;
	unsigned int u = 0;

	while (d >= 1023.5 && u < 4) {
		d /= 1024;
		u++;
	}
	snprintf(buf, len, u && d < 9.95 ? "%.1f %s" : "%.0f %s", d, unit[u]);
	return buf;
}

/* ---- what ran ---- */

static const char *end_words(enum run_end e)
{
	static const char *const words[] = {
		[RUN_END_UNKNOWN] = "the runner failed",
		[RUN_END_POWEROFF] = "the guest powered off",
		[RUN_END_REBOOT] = "the guest asked for a reboot",
		[RUN_END_PANIC] = "the guest's kernel panicked",
		[RUN_END_TRIPLE_FAULT] = "the guest died of a triple fault",
		[RUN_END_KVM_ERROR] = "KVM could not go on",
		[RUN_END_TIMEOUT] = "stopped at the time limit",
		[RUN_END_INTERRUPTED] = "interrupted",
		[RUN_END_QEMU_DIED] = "QEMU ended by itself",
		[RUN_END_NOT_BOOTED] = "the guest was not started",
	};

	return (unsigned int)e < RUN_ENDS ? words[e] : words[0];
}

static void print_sched(const struct page *p, const struct run_result *r)
{
	const struct run_sched *s = &r->sched;
	char line[512];

	if (!s->wanted) {
		fputs("scheduler  the kernel's own\n", p->f);
		return;
	}
	snprintf(line, sizeof(line), "%s, %s%s%s", s->name, s->loaded ? "loaded" : "NOT loaded",
		 s->state[0] ? ", last state " : "", s->state);
	if (s->ended && s->signal)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), ", killed by signal %d",
			 s->signal);
	else if (s->ended)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), ", exit status %d",
			 s->exit);
	wrap(p, "scheduler  ", 11, line);
}

/* The first lines of the kernel's or verifier's words. */
static void print_message(const struct page *p, const char *s)
{
	char line[300];

	for (int n = 0; *s; n++) {
		size_t len = strcspn(s, "\n");

		if (n == MAX_MESSAGE) {
			fputs("           ... (all of it is in run.json)\n", p->f);
			return;
		}
		snprintf(line, sizeof(line), "%.*s", (int)(len < 280 ? len : 280), s);
		if (line[0])
			wrap(p, "           ", 11, line);
		s += len;
		s += *s == '\n';
	}
}

static void print_workload(const struct page *p, const struct run_workload *w)
{
	char line[1200];

	if (!w->command[0])
		return;
	if (!w->ran)
		snprintf(line, sizeof(line), "not started: %s", w->command);
	else if (!w->ended)
		snprintf(line, sizeof(line), "had not ended: %s", w->command);
	else if (w->signal)
		snprintf(line, sizeof(line), "killed by signal %d after %.1f s: %s", w->signal,
			 w->seconds, w->command);
	else
		snprintf(line, sizeof(line), "exit status %d after %.1f s: %s", w->exit, w->seconds,
			 w->command);
	if (strlen(line) > 200)
		strcpy(line + 196, " ...");
	wrap(p, "workload   ", 11, line);
}

/* Figures that the workload itself had to tell. */
static void print_figures(const struct page *p, const struct run_result *r)
{
	static const char prefix[] = "workload.";
	char line[2048] = "figures:";
	size_t n = strlen(line);
	bool any = false;

	for (uint32_t i = 0; i < r->stats && n + 100 < sizeof(line); i++) {
		const struct run_stat *s = &r->stat[i];

		if (strncmp(s->name, prefix, strlen(prefix)))
			continue;
		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s %s %" PRId64, any ? "," : "",
				      s->name + strlen(prefix), s->value);
		any = true;
	}
	if (any)
		wrap(p, "           ", 11, line);
}

static const char *mode_words(const char *mode)
{
	if (!strcmp(mode, "nested"))
		return "nested in an emulated machine";
	if (!strcmp(mode, "qemu"))
		return "emulated by QEMU";
	return !strcmp(mode, "qemu-kvm") ? "on QEMU's machine with KVM" : mode;
}

static void print_run(const struct page *p, const struct run_result *r)
{
	char line[1024], mem[16];

	snprintf(line, sizeof(line), "%s: Linux %s, %" PRIu32 " vCPU%s, %s, %s", r->name,
		 r->guest_kernel[0] ? r->guest_kernel : "(release unknown)", r->cpus,
		 r->cpus == 1 ? "" : "s", fmt_bytes(mem, sizeof(mem), r->memory),
		 mode_words(r->mode));
	wrap(p, "run        ", 11, line);
	if (!strcmp(r->mode, "nested") || !strcmp(r->mode, "qemu"))
		fputs("           (functional figures, not performance: everything is slower)\n",
		      p->f);
	snprintf(line, sizeof(line), "%s after %.1f s", end_words(r->end), r->seconds);
	if (r->boot_seconds > 0)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), " (up after %.1f s)",
			 r->boot_seconds);
	/* Of an orderly end there is nothing more to say. */
	if (r->end_message[0] && r->end != RUN_END_POWEROFF)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), ": %s", r->end_message);
	wrap(p, "end        ", 11, line);
	print_sched(p, r);
	if (r->sched.wanted && (!r->sched.loaded || r->exit_status))
		print_message(p, r->sched.message);
	print_workload(p, &r->workload);
	print_figures(p, r);
}

/* ---- verdict and table ---- */

static void print_verdict(const struct page *p, const struct run_result *r)
{
	const struct attr_verdict *v = &r->attr.verdict;
	const char *colour = v->cause == ATTR_CAUSE_NONE ? p->good : p->bad;

	fprintf(p->f, "\n%sVERDICT    %s%s%s%s\n", p->bold, p->off, colour,
		attribution_cause_name(v->cause), p->off);
	wrap(p, "           ", 11,
	     v->sentence[0] ? v->sentence : "can't tell: nothing was analysed");
}

static void print_row(const struct page *p, const char *name, const struct attr_stat *s,
		      uint64_t count, uint64_t all)
{
	char sum[16], p50[16], p99[16], max[16];

	if (!count) {
		fprintf(p->f, "  %-33s %8s\n", name, "-");
		return;
	}
	fprintf(p->f, "  %-21s %8" PRIu64 " %9s %5.1f %% %8s %8s %8s\n", name, count,
		attribution_fmt_ns(sum, sizeof(sum), s->sum),
		all ? 100.0 * (double)s->sum / (double)all : 0,
		attribution_fmt_ns(p50, sizeof(p50), s->p50),
		attribution_fmt_ns(p99, sizeof(p99), s->p99),
		attribution_fmt_ns(max, sizeof(max), s->max));
}

static void print_parts(const struct page *p, const struct run_result *r)
{
	static const char *const label[ATTR_PARTS] = {
		[ATTR_GUEST_QUEUE] = "guest block layer",
		[ATTR_THROTTLE] = "throttle stall",
		[ATTR_BACKING] = "backing IO",
		[ATTR_WORKER] = "waiting for worker",
		[ATTR_COMPLETION] = "completion",
		[ATTR_SCHEDULER] = "scheduler, CPUs idle",
		[ATTR_RT] = "real-time task on CPU",
		[ATTR_SATURATION] = "all CPUs busy",
		[ATTR_HOST] = "host took the CPU",
		[ATTR_UNKNOWN] = "device, untraced",
	};
	const struct attr_io *io = &r->attr.io;
	char err[16];

	if (!io->count)
		return;
	fprintf(p->f, "\n%s%-23s %8s %9s %7s %8s %8s %8s%s\n", p->bold, "WHERE THE TIME WENT",
		"IOs", "sum", "share", "p50", "p99", "max", p->off);
	for (unsigned int i = 0; i < ATTR_PARTS; i++)
		if (i != ATTR_UNKNOWN || io->parts[i].count)
			print_row(p, label[i], &io->parts[i], io->parts[i].count, io->e2e.sum);
	print_row(p, "end to end", &io->e2e, io->count, io->e2e.sum);
	if (r->attr.clock.aligned)
		fprintf(p->f,
			"  %s%" PRIu64 " of %" PRIu64 " IOs matched; host and guest clocks agree "
			"within %s%s\n",
			p->dim, io->matched, io->count,
			attribution_fmt_ns(err, sizeof(err), r->attr.clock.error_ns), p->off);
}

/* ---- disks, tasks, notes ---- */

/* @rate of @unit, and bytes a second */
static void put_rates(const struct page *p, uint64_t rate, const char *unit, uint64_t bps)
{
	char text[16];

	if (rate)
		fprintf(p->f, "%" PRIu64 " %s", rate, unit);
	if (bps)
		fprintf(p->f, "%s%s/s", rate ? ", " : "", fmt_bytes(text, sizeof(text), bps));
}

static void print_limits(const struct page *p, uint64_t rate, const char *unit, uint64_t bps,
			 const char *group, uint32_t changes)
{
	if (!rate && !bps && !changes)
		return;
	fputs("          limit ", p->f);
	if (!rate && !bps)
		fputs("none at first", p->f);
	put_rates(p, rate, unit, bps);
	if (*group) {
		fputs(", shared by group ", p->f);
		put_word(p, group, strnlen(group, 24));
	}
	if (changes)
		fprintf(p->f, "; changed %" PRIu32 " time%s", changes, changes == 1 ? "" : "s");
	fputc('\n', p->f);
}

static void print_stalls(const struct page *p, const struct attr_stalls *a)
{
	char sum[16], max[16];

	if (a->stalls)
		fprintf(p->f, "          %" PRIu64 " stalls traced, %s in all, longest %s\n",
			a->stalls, attribution_fmt_ns(sum, sizeof(sum), a->stall_ns),
			attribution_fmt_ns(max, sizeof(max), a->stall_max_ns));
}

/* Under which limits it was stalled, if there were several. */
static void print_stalled_under(const struct page *p, const struct attr_disk *a)
{
	char sum[16];

	for (uint32_t i = 0; a->limits > 1 && i < a->limits; i++) {
		const struct attr_limits *l = &a->limit[i];

		fprintf(p->f, "            %s under ",
			attribution_fmt_ns(sum, sizeof(sum), l->stall_ns));
		if (!l->iops && !l->bps)
			fputs("no limit", p->f);
		put_rates(p, l->iops, "IOPS", l->bps);
		fputc('\n', p->f);
	}
	if (a->profile_stall_ns)
		fprintf(p->f, "            %s of it ordered by the disk's profile\n",
			attribution_fmt_ns(sum, sizeof(sum), a->profile_stall_ns));
}

static void print_disks(const struct page *p, const struct run_result *r)
{
	if (!r->disks)
		return;
	fprintf(p->f, "\n%s%-8s %8s %8s %8s %9s %9s %10s %6s%s\n", p->bold, "DISKS", "reads",
		"writes", "flushes", "read", "written", "throttled", "errors", p->off);
	for (uint32_t i = 0; i < r->disks; i++) {
		const struct run_disk *d = &r->disk[i];
		const struct ss_blk_counters *c = &d->counters;
		const struct attr_disk *a = &r->attr.disk[i];
		char rd[16], wr[16];

		fputs("  ", p->f);
		put_word(p, d->name, strnlen(d->name, 6));
		fprintf(p->f, "%*s %8llu %8llu %8llu %9s %9s %10llu %6llu\n",
			6 - (int)strnlen(d->name, 6), "", c->reads_completed, c->writes_completed,
			c->flushes_completed, fmt_bytes(rd, sizeof(rd), c->bytes_read),
			fmt_bytes(wr, sizeof(wr), c->bytes_written), c->throttled_count,
			c->io_errors);
		print_limits(p, d->iops, "IOPS", d->bps, d->group, d->limit_changes);
		print_stalls(p, &a->traced);
		if (a->traced.stalls)
			print_stalled_under(p, a);
		if (c->chains_dropped || c->invalid_avail_idx_count)
			fprintf(p->f, "          %llu chains dropped, ring broken %llu times\n",
				c->chains_dropped, c->invalid_avail_idx_count);
		if (c->discards_completed || c->write_zeroes_completed)
			fprintf(p->f, "          %llu discards, %llu times zeroes written\n",
				c->discards_completed, c->write_zeroes_completed);
	}
}

/* All of the thirteen that aren't in the table, but for those that are 0. */
static void print_net_events(const struct page *p, const struct ss_net_counters *c)
{
	char line[600] = "";
	size_t n = 0;

	for (unsigned int i = 4; i < NET_NR_COUNTERS; i++)
		if (net_counter_value(c, i))
			n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s %" PRIu64,
					      n ? ", " : "", net_counter_name(i),
					      net_counter_value(c, i));
	if (n)
		wrap(p, "          ", 10, line);
}

static void print_nets(const struct page *p, const struct run_result *r)
{
	if (!r->nets)
		return;
	fprintf(p->f, "\n%s%-8s %12s %10s %12s %10s %8s %10s%s\n", p->bold, "NETWORK", "sent",
		"bytes", "received", "bytes", "lost", "throttled", p->off);
	for (uint32_t i = 0; i < r->nets; i++) {
		const struct run_net *n = &r->net[i];
		const struct ss_net_counters *c = &n->counters;
		char tx[16], rx[16];

		fputs("  ", p->f);
		put_word(p, n->name, strnlen(n->name, 6));
		fprintf(p->f, "%*s %12llu %10s %12llu %10s %8" PRIu64 " %10llu\n",
			6 - (int)strnlen(n->name, 6), "", c->tx_packets,
			fmt_bytes(tx, sizeof(tx), c->tx_bytes), c->rx_packets,
			fmt_bytes(rx, sizeof(rx), c->rx_bytes), net_lost(c),
			n->pressure.throttled_count);
		print_limits(p, n->pps, "frames/s", n->bps, "", n->limit_changes);
		print_stalls(p, &r->attr.net[i]);
		print_net_events(p, c);
	}
}

static void print_wait(const struct page *p, const char *name, uint64_t count, uint64_t total_ns,
		       uint64_t p50_ns, uint64_t p99_ns, uint64_t max_ns)
{
	char sum[16], p50[16], p99[16], max[16];

	fprintf(p->f, "  %-31.31s %8" PRIu64 " %9s %8s %8s %8s\n", name, count,
		attribution_fmt_ns(sum, sizeof(sum), total_ns),
		attribution_fmt_ns(p50, sizeof(p50), p50_ns),
		attribution_fmt_ns(p99, sizeof(p99), p99_ns),
		attribution_fmt_ns(max, sizeof(max), max_ns));
}

/* Interrupts' work that was put off, waiting for its turn. */
static void print_ksoftirqd(const struct page *p, const struct attr_softirq *k)
{
	char name[48];

	if (!k->threads)
		return;
	snprintf(name, sizeof(name), "ksoftirqd, %" PRIu32 " thread%s", k->threads,
		 k->threads == 1 ? "" : "s");
	print_wait(p, name, k->count, k->total_ns, k->p50_ns, k->p99_ns, k->max_ns);
}

static void print_tasks(const struct page *p, const struct attribution *a)
{
	if (!a->tasks)
		return;
	fprintf(p->f, "\n%s%-33s %8s %9s %8s %8s %8s%s\n", p->bold, "LONGEST WAITS FOR A GUEST CPU",
		"waits", "sum", "p50", "p99", "max", p->off);
	for (uint32_t i = 0; i < a->tasks && i < MAX_TASKS; i++) {
		const struct attr_task *t = &a->task[i];
		char name[64];

		if (t->tid)
			snprintf(name, sizeof(name), "%.15s (%" PRIu32 ")%s", t->comm, t->tid,
				 t->policy == 1 || t->policy == 2 ? ", real-time" : "");
		else
			snprintf(name, sizeof(name), "tasks that ended early");
		text_clean(name);
		print_wait(p, name, t->count, t->total_ns, t->p50_ns, t->p99_ns, t->max_ns);
	}
	print_ksoftirqd(p, &a->ksoftirqd);
}

static void print_missing(const struct page *p, const struct run_result *r)
{
	const struct attribution *a = &r->attr;

	if (!r->host_missing_nr && !r->guest_missing_nr && !a->notes)
		return;
	heading(p, "WHAT THIS REPORT CAN'T TELL, AND WARNINGS");
	for (uint32_t i = 0; i < r->host_missing_nr; i++)
		wrap(p, "  host: ", 4, r->host_missing[i]);
	for (uint32_t i = 0; i < r->guest_missing_nr; i++)
		wrap(p, "  guest: ", 4, r->guest_missing[i]);
	for (uint32_t i = 0; i < a->notes; i++)
		wrap(p, "  ", 4, a->note[i]);
}

static void print_events(const struct page *p, const struct run_result *r)
{
	uint64_t lost = report_lost(r), uncounted = report_uncounted(r);

	fprintf(p->f, "\n%sevents%s     %" PRIu64 " recorded, %s%" PRIu64 " lost%s", p->bold,
		p->off, r->events.records, lost ? p->bad : "", lost, lost ? p->off : "");
	if (uncounted)
		fprintf(p->f, ", %s%" PRIu64 " gone without being counted%s", p->bad, uncounted,
			p->off);
	if (r->events.error)
		fprintf(p->f, " (writing failed: %s)", strerror(-r->events.error));
	fputc('\n', p->f);
}

int report_print_text(const struct run_result *r, FILE *f)
{
	struct page p;

	errno = 0;
	page_open(&p, f);
	print_run(&p, r);
	print_verdict(&p, r);
	tasks_text_print(f, p.bold, p.off, &r->attr.tasks_time);
	print_parts(&p, r);
	print_disks(&p, r);
	print_nets(&p, r);
	print_tasks(&p, &r->attr);
	print_missing(&p, r);
	print_events(&p, r);
	if (fflush(f) || ferror(f))
		return errno ? -errno : -EIO;
	return 0;
}
