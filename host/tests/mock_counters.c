// SPDX-License-Identifier: GPL-2.0-only
#include "mock_counters.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void mock_counter_changes(const struct mock_counter *field, size_t nr, const void *now,
			  const void *seen, char *text, size_t size)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < nr; i++) {
		uint64_t is, was;

		memcpy(&is, (const char *)now + field[i].off, sizeof(is));
		memcpy(&was, (const char *)seen + field[i].off, sizeof(was));
		if (is != was)
			len += (size_t)snprintf(text + len, size - len, "%s%s%+" PRId64,
						len ? " " : "", field[i].name, (int64_t)(is - was));
	}
}
