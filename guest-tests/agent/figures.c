// SPDX-License-Identifier: GPL-2.0-only
/* Figures that the workload prints, gathered for the report. */
#include "agent.h"

#include <string.h>

#define MAX_FIGURES 32
#define NAME_LEN    40

struct figure {
	char name[NAME_LEN];
	long long value;
};

static bool name_ok(const char *name)
{
	static const char good[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	return *name && strspn(name, good) == strlen(name);
}

static void add(struct figure *list, unsigned int *nr, const char *name, long long value)
{
	struct figure *f = list;

	while (f < list + *nr && strcmp(f->name, name))
		f++;
	if (f == list + MAX_FIGURES)
		return;
	if (f == list + *nr) {
		*f = (struct figure){ .value = 0 };
		snprintf(f->name, sizeof(f->name), "%s", name);
		(*nr)++;
	}
	if (__builtin_add_overflow(f->value, value, &f->value))
		f->value = value < 0 ? INT64_MIN : INT64_MAX;
}

void figures_send(struct agent *a)
{
	struct figure list[MAX_FIGURES];
	FILE *f = fopen(FIGURES, "re");
	char line[256], name[NAME_LEN], full[NAME_LEN + 16], rest;
	unsigned int nr = 0;
	long long value;

	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%39s %lld %c", name, &value, &rest) == 2 && name_ok(name))
			add(list, &nr, name, value);
	fclose(f);
	for (unsigned int i = 0; i < nr; i++) {
		snprintf(full, sizeof(full), "workload.%.*s", NAME_LEN, list[i].name);
		send_stat(a, full, list[i].value);
	}
}
