// SPDX-License-Identifier: GPL-2.0-only
/*
 * What came of a run: the summary and the JUnit file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

#define SLOWEST 5

/** run_keep_case() - note one test's result. Out of memory ends the run. */
void run_keep_case(struct run_program *p, const struct ktap_result *r, const char *text,
		   double seconds)
{
	struct run_case *c = reallocarray(p->cases, p->n_cases + 1, sizeof(*c));

	if (!c)
		abort();
	p->cases = c;
	c += p->n_cases++;
	*c = (struct run_case){ .parent = strdup(r->parent),
				.name = strdup(r->name),
				.text = strdup(text),
				.status = r->status,
				.seconds = seconds };
	if (!c->parent || !c->name || !c->text)
		abort();
}

/* ---- JUnit ---- */

static void xml_text(FILE *f, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		default:
			/* XML 1.0 has no other control characters, and no stray bytes. */
			if ((unsigned char)*s >= 0x7f)
				fputc('?', f);
			else
				fputc((unsigned char)*s < ' ' && *s != '\n' && *s != '\t' ? '?'
											  : *s,
				      f);
		}
	}
}

static void xml_case(FILE *f, const struct run_program *p, const struct run_case *c)
{
	fputs("    <testcase classname=\"", f);
	xml_text(f, p->name);
	if (c->parent[0]) {
		fputc('/', f);
		xml_text(f, c->parent);
	}
	fputs("\" name=\"", f);
	xml_text(f, c->name);
	fprintf(f, "\" time=\"%.3f\">", c->seconds);
	if (c->status == KTAP_FAIL || c->status == KTAP_SKIP) {
		fprintf(f, c->status == KTAP_FAIL ? "<failure message=\"failed\">" : "<skipped>");
		xml_text(f, c->text);
		fprintf(f, c->status == KTAP_FAIL ? "</failure>" : "</skipped>");
	}
	fputs("</testcase>\n", f);
}

static int junit(const struct run *run, const struct ktap_counts *all, double seconds)
{
	char path[1024];
	FILE *f;
	int bad;

	snprintf(path, sizeof(path), "%s/tests/junit.xml", run->opts.build);
	f = fopen(path, "we");
	if (!f) {
		printf("# %s: %s\n", path, strerror(errno));
		return -1;
	}
	fprintf(f,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"%d\" "
		"failures=\"%d\" skipped=\"%d\" time=\"%.3f\">\n",
		all->passed + all->failed + all->xfailed + all->skipped, all->failed, all->skipped,
		seconds);
	for (int i = 0; i < run->n_programs; i++) {
		const struct run_program *p = &run->programs[i];
		const struct ktap_counts *c = &p->counts;

		fputs("  <testsuite name=\"", f);
		xml_text(f, p->name);
		fprintf(f, "\" tests=\"%d\" failures=\"%d\" skipped=\"%d\" time=\"%.3f\">\n",
			c->passed + c->failed + c->xfailed + c->skipped, c->failed, c->skipped,
			p->seconds);
		for (int k = 0; k < p->n_cases; k++)
			xml_case(f, p, &p->cases[k]);
		fputs("  </testsuite>\n", f);
	}
	fputs("</testsuites>\n", f);
	bad = ferror(f);
	bad |= fclose(f);
	if (bad)
		printf("# %s could not be written\n", path);
	return bad ? -1 : 0;
}

/* ---- summary ---- */

struct timed {
	const struct run_program *p;
	const struct run_case *c;
};

static int slower(const void *a, const void *b)
{
	const struct timed *x = a, *y = b;

	return (x->c->seconds < y->c->seconds) - (x->c->seconds > y->c->seconds);
}

static void print_slowest(const struct run *run)
{
	struct timed *all;
	int n = 0;

	for (int i = 0; i < run->n_programs; i++)
		n += run->programs[i].n_cases;
	all = calloc(n ?: 1, sizeof(*all));
	if (!all)
		return;
	n = 0;
	for (int i = 0; i < run->n_programs; i++)
		for (int k = 0; k < run->programs[i].n_cases; k++)
			all[n++] = (struct timed){ &run->programs[i], &run->programs[i].cases[k] };
	qsort(all, n, sizeof(*all), slower);
	if (n)
		printf("# slowest tests:\n");
	for (int i = 0; i < n && i < SLOWEST; i++)
		printf("#   %7.2f s  %s %s\n", all[i].c->seconds, all[i].p->name, all[i].c->name);
	free(all);
}

static void print_failed(const struct run *run)
{
	for (int i = 0; i < run->n_programs; i++) {
		const struct run_program *p = &run->programs[i];

		for (int k = 0; k < p->n_cases; k++)
			if (p->cases[k].status == KTAP_FAIL)
				printf("# failed: %s %s\n", p->name, p->cases[k].name);
	}
}

/* May this shard pass without a test? It is empty, or this machine can run none of it. */
static bool may_idle(const struct run *run)
{
	for (int i = 0; i < run->n_programs; i++)
		if (!run_tiers_lacks(&run->tiers, run->programs[i].needs))
			return false;
	return run->others_test && !run->signal;
}

/**
 * run_report() - print the summary and write build/tests/junit.xml.
 *
 * Returns the exit status of the run: 0 only if a test passed and none failed,
 * or if this machine can run nothing of this shard, but something of another.
 */
int run_report(struct run *run)
{
	struct ktap_counts all = { 0 };
	double seconds = 0;
	bool bad, idle, failed = false;

	for (int i = 0; i < run->n_programs; i++) {
		const struct ktap_counts *c = &run->programs[i].counts;

		all.passed += c->passed;
		all.failed += c->failed;
		all.xfailed += c->xfailed;
		all.skipped += c->skipped;
		failed |= run->programs[i].status == KTAP_FAIL;
		seconds += run->programs[i].seconds;
	}
	bad = junit(run, &all, seconds);
	print_slowest(run);
	print_failed(run);
	idle = !all.failed && !all.passed && !all.xfailed;
	if (idle && may_idle(run)) {
		printf("# nothing here is for this shard: others test\n");
		idle = false;
	} else if (idle) {
		printf("# nothing was tested: that is a failure\n");
	}
	if (run->signal)
		printf("# interrupted by signal %d\n", run->signal);
	printf("# Totals: pass:%d fail:%d xfail:%d xpass:0 skip:%d error:0\n", all.passed,
	       all.failed, all.xfailed, all.skipped);
	printf("%d passed, %d failed, %d skipped\n", all.passed + all.xfailed, all.failed,
	       all.skipped);
	return bad || fflush(stdout) || all.failed || failed || idle;
}
