// SPDX-License-Identifier: GPL-2.0-only
/* Checks a run's name: it becomes a file's name in several places. */
#include "lib/run_name.h"

#include <string.h>

bool run_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > RUN_NAME_MAX || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			    "0123456789._-") == len;
}
