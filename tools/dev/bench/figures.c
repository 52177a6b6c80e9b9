// SPDX-License-Identifier: GPL-2.0-only
/* Figures: keeping, printing, writing; and small arithmetic. */
#include "bench.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MAX_FIGURES 64

static struct figure figures[MAX_FIGURES];
static const char *skipped[MAX_FIGURES]; /* why; then only the key counts */
static unsigned int nr_figures;

void figure_add(const struct figure *f)
{
	if (nr_figures == MAX_FIGURES)
		abort();
	figures[nr_figures] = *f;
	if (f->against > 0 && !f->ratio)
		figures[nr_figures].ratio = f->value / f->against;
	nr_figures++;
}

void figure_skip(const char *key, const char *why)
{
	skipped[nr_figures] = why;
	figure_add(&(struct figure){ .key = key, .title = why, .unit = "", .target = NAN });
}

static bool figure_missed(const struct figure *f)
{
	const double v = f->against > 0 ? f->ratio : f->value;

	if (isnan(f->target))
		return false;
	return f->at_most ? v > f->target : v < f->target;
}

unsigned int figures_print(FILE *out)
{
	unsigned int missed = 0;

	fprintf(out, "%-58s %12s %12s %7s  %s\n", "", "measured", "beside it", "ratio", "target");
	for (unsigned int i = 0; i < nr_figures; i++) {
		const struct figure *f = &figures[i];
		char against[32] = "-", ratio[32] = "-", target[48] = "";

		if (skipped[i]) {
			fprintf(out, "%-58s not measured: %s\n", f->key, skipped[i]);
			continue;
		}
		if (f->against > 0) {
			snprintf(against, sizeof(against), "%.0f", f->against);
			snprintf(ratio, sizeof(ratio), "%.3f", f->ratio);
		}
		if (!isnan(f->target))
			snprintf(target, sizeof(target), "%s %g: %s",
				 f->at_most ? "<=" : ">=", f->target,
				 figure_missed(f) ? "MISSED" : "met");
		fprintf(out, "%-50s %7s %12.*f %12s %7s  %s\n", f->title, f->unit,
			f->value < 100 && f->value != floor(f->value) ? 2 : 0, f->value, against,
			ratio, target);
		missed += figure_missed(f);
	}
	return missed;
}

static json_t *figure_json(const struct figure *f, const char *skip)
{
	json_t *o = json_object();

	if (skip) {
		json_object_set_new(o, "not_measured", json_string(skip));
		return o;
	}
	json_object_set_new(o, "title", json_string(f->title));
	json_object_set_new(o, "unit", json_string(f->unit));
	json_object_set_new(o, "value", json_real(f->value));
	if (f->against > 0) {
		json_object_set_new(o, "beside", json_real(f->against));
		json_object_set_new(o, "ratio", json_real(f->ratio));
	}
	if (!isnan(f->target)) {
		json_object_set_new(o, f->at_most ? "at_most" : "at_least", json_real(f->target));
		json_object_set_new(o, "met", json_boolean(!figure_missed(f)));
	}
	return o;
}

int figures_write_json(const char *path)
{
	json_t *root = json_object();
	int ret;

	for (unsigned int i = 0; i < nr_figures; i++)
		json_object_set_new(root, figures[i].key, figure_json(&figures[i], skipped[i]));
	ret = json_dump_file(root, path, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	json_decref(root);
	return ret ? -EIO : 0;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), compare);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

double percentile(double *v, unsigned int n, double p)
{
	qsort(v, n, sizeof(*v), compare);
	return v[(unsigned int)ceil(p * n) - 1];
}

uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* --- how busy the machine is --- */

static void load_read(struct load *l)
{
	unsigned long long user, nice_, system, idle, iowait, irq, softirq;
	struct rusage ru;
	FILE *f = fopen("/proc/stat", "re");

	*l = (struct load){ 0 };
	if (f && fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice_, &system, &idle,
			&iowait, &irq, &softirq) == 7) {
		l->busy = (double)(user + nice_ + system + irq + softirq);
		l->total = l->busy + (double)(idle + iowait);
	}
	if (f)
		fclose(f);
	getrusage(RUSAGE_SELF, &ru);
	l->own = (double)sysconf(_SC_CLK_TCK) *
		 ((double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
		  1e-6 * (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec));
}

void load_start(struct load *l)
{
	load_read(l);
}

double load_others(const struct load *l)
{
	struct load now;
	double others;

	load_read(&now);
	if (now.total <= l->total)
		return 0;
	others = (now.busy - l->busy - (now.own - l->own)) / (now.total - l->total);
	return others > 0 ? others : 0;
}
