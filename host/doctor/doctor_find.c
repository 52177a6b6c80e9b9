// SPDX-License-Identifier: GPL-2.0-only
/* stallscope doctor: finds the guest kernel and the QEMU that a run would use by default. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "lib/helper.h"

static void take_value(const char *line, const char *key, char out[PATH_MAX])
{
	size_t n = strlen(key);

	if (strncmp(line, key, n) || strncmp(line + n, " := ", 4))
		return;
	snprintf(out, PATH_MAX, "%s", line + n + 4);
	out[strcspn(out, "\n")] = '\0';
}

/* The file "kind" beside a kernel in the cache tells. */
static bool is_with_sched_ext(const char *vmlinux)
{
	char path[PATH_MAX], kind[8] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%.*skind", (int)(strrchr(vmlinux, '/') + 1 - vmlinux),
		 vmlinux);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(kind, sizeof(kind), f))
		kind[0] = '\0';
	fclose(f);
	return !strcmp(kind, "with\n");
}

/* Where tools/run/get-kernel and get-qemu keep what they fetch (STALLSCOPE_CACHE). */
static void look_in_cache(struct doctor *d)
{
	const char *set = getenv("STALLSCOPE_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	char cache[PATH_MAX - 64], path[PATH_MAX];
	glob_t g;

	if (set && *set)
		snprintf(cache, sizeof(cache), "%s", set);
	else if (xdg && *xdg)
		snprintf(cache, sizeof(cache), "%s/stallscope", xdg);
	else
		snprintf(cache, sizeof(cache), "%s/.cache/stallscope", home ? home : "");
	snprintf(path, sizeof(path), "%s/qemu/run", cache);
	if (!access(path, X_OK))
		snprintf(d->qemu, sizeof(d->qemu), "%s", path);
	snprintf(path, sizeof(path), "%s/kernel/*/vmlinux", cache);
	if (glob(path, GLOB_NOSORT, NULL, &g))
		return;
	for (size_t i = 0; i < g.gl_pathc; i++)
		if (is_with_sched_ext(g.gl_pathv[i]) &&
		    strverscmp(g.gl_pathv[i], d->default_kernel) > 0)
			snprintf(d->default_kernel, sizeof(d->default_kernel), "%s", g.gl_pathv[i]);
	globfree(&g);
}

/* In the build tree, config.mk beside the program names what the build found. */
void doctor_find(struct doctor *d)
{
	char dir[PATH_MAX], path[PATH_MAX + 16], line[PATH_MAX + 64];
	FILE *f;

	look_in_cache(d);
	if (!helper_self_dir(dir))
		return;
	snprintf(path, sizeof(path), "%s/config.mk", dir);
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		take_value(line, "GUEST_VMLINUX", d->default_kernel);
		take_value(line, "QEMU", d->qemu);
	}
	fclose(f);
}
