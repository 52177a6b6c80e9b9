/* SPDX-License-Identifier: GPL-2.0-only */
/* What a device's counters did since they were last looked at, as text. */
#ifndef SS_MOCK_COUNTERS_H
#define SS_MOCK_COUNTERS_H

#include <stddef.h>

#include "ss_counters.h"

/* A 64-bit field of a struct of counters. */
struct mock_counter {
	const char *name;
	size_t off;
};

/* A network device's thirteen, in their order. */
#define MOCK_NET_COUNTERS (sizeof(struct ss_net_counters) / sizeof(__u64))
extern const struct mock_counter mock_net_counters[]; /* MOCK_NET_COUNTERS */

/**
 * mock_counter_changes() - append what is in @now, but not in @seen
 * @text: "reads_completed+1 bytes_read+512" or empty; of @size bytes
 */
void mock_counter_changes(const struct mock_counter *field, size_t nr, const void *now,
			  const void *seen, char *text, size_t size);

#endif /* SS_MOCK_COUNTERS_H */
