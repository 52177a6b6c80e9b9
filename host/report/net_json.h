/* SPDX-License-Identifier: GPL-2.0-only */
/* A network device's counters as JSON, in run.json, stat and dump alike. */
#ifndef SS_REPORT_NET_JSON_H
#define SS_REPORT_NET_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "ss_counters.h"

#define NET_NR_COUNTERS (sizeof(struct ss_net_counters) / sizeof(__u64))

/** net_counter_name() - the name of the n-th of the thirteen, in their struct's order */
const char *net_counter_name(unsigned int n);

/** net_counter_value() - its value */
uint64_t net_counter_value(const struct ss_net_counters *c, unsigned int n);

/** net_counters_json() - all thirteen by name. Return: a new object, NULL when out of memory. */
json_t *net_counters_json(const struct ss_net_counters *c);

/** net_counters_from_json() - the same back; what is missing or odd reads as 0 */
void net_counters_from_json(struct ss_net_counters *c, const json_t *o);

/** net_pressure_json() - {"throttled_count": ..., "currently_throttled_gauge": ...} */
json_t *net_pressure_json(const struct ss_net_pressure *p);

/** net_pressure_from_json() - the same back */
void net_pressure_from_json(struct ss_net_pressure *p, const json_t *o);

/** net_lost() - frames that were sent and didn't come back, for whichever reason */
uint64_t net_lost(const struct ss_net_counters *c);

#endif /* SS_REPORT_NET_JSON_H */
