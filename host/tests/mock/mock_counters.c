// SPDX-License-Identifier: GPL-2.0-only
#include "mock_counters.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct mock_counter mock_net_counters[] = {
#define FIELD(name)                                                                                \
	{                                                                                          \
#name, offsetof(struct ss_net_counters, name)                                      \
	}
	FIELD(tx_packets),
	FIELD(tx_bytes),
	FIELD(rx_packets),
	FIELD(rx_bytes),
	FIELD(tx_chain_invalid),
	FIELD(tx_oversize_dropped),
	FIELD(tx_dropped_no_rx_buffer),
	FIELD(tx_dropped_rx_poisoned),
	FIELD(rx_chain_invalid),
	FIELD(rx_write_failed),
	FIELD(tx_add_used_failures),
	FIELD(rx_add_used_failures),
	FIELD(invalid_avail_idx_count),
#undef FIELD
};

_Static_assert(sizeof(mock_net_counters) / sizeof(mock_net_counters[0]) == MOCK_NET_COUNTERS,
	       "every counter has its line");

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
