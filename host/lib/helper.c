// SPDX-License-Identifier: GPL-2.0-only
/* Finds the programs that were built or installed with this one. */
#include "lib/helper.h"
#include "lib/log.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool helper_self_dir(char dir[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return false;
	self[n] = '\0';
	snprintf(dir, PATH_MAX, "%s", dirname(self));
	return true;
}

/* If STALLSCOPE_LIBEXEC is set, only there. */
static const char *libexec_set(void)
{
	const char *set = getenv("STALLSCOPE_LIBEXEC");

	return set && *set ? set : NULL;
}

static bool is_program(const char *dir, const char *sub, const char *name, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s%s/%s", dir, sub, name) < PATH_MAX &&
	       !access(path, X_OK);
}

bool helper_path(const char *name, char path[PATH_MAX])
{
	static const char *const places[] = { "", "/guest", "/../libexec/stallscope",
					      "/../tools/run" };
	const char *set = libexec_set();
	char dir[PATH_MAX];

	if (set)
		return is_program(set, "", name, path);
	if (!helper_self_dir(dir))
		return false;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (is_program(dir, places[i], name, path))
			return true;
	return false;
}

int helper_find(const char *name, char path[PATH_MAX])
{
	const char *set = libexec_set();

	if (helper_path(name, path))
		return 0;
	ss_err("the program '%s' that belongs to stallscope is missing%s%s; build or install it whole",
	       name, set ? " in STALLSCOPE_LIBEXEC=" : "", set ? set : "");
	return -ENOENT;
}
