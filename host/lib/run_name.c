// SPDX-License-Identifier: GPL-2.0-only
/* What a run may be called: a name that is a file's name everywhere it is used as one. */
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
