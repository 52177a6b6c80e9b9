/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What in a kernel's log fails a test: tools/dev/harness/kernel-complaints.
 */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/** kernel_complains() - is this message, without level and time, a complaint? */
static inline bool kernel_complains(const char *message)
{
	static const char *const begins[] = {
#include "kernel_complaints.h"
	};

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (!strncmp(message, begins[i], strlen(begins[i])))
			return true;
	return false;
}

#endif /* KERNEL_LOG_H */
