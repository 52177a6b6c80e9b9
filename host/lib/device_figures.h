/* SPDX-License-Identifier: GPL-2.0-only */
/* What devices count and measure, as figures: in run.json, `stat` and `dump` alike. */
#ifndef SS_LIB_DEVICE_FIGURES_H
#define SS_LIB_DEVICE_FIGURES_H

#include "lib/figures.h"
#include "ss_counters.h"
#include "ss_latency.h"

/* Tables of struct ss_blk_counters, ss_blk_lat, ss_net_counters and ss_net_pressure. */
extern const struct figures blk_counters_figures;
extern const struct figures blk_lat_figures;
extern const struct figures net_counters_figures;
extern const struct figures net_pressure_figures;

#define NET_NR_COUNTERS (sizeof(struct ss_net_counters) / sizeof(__u64))

/** net_counter_name() - the name of the n-th of the thirteen, in their struct's order */
const char *net_counter_name(unsigned int n);

/** net_counter_value() - its value */
uint64_t net_counter_value(const struct ss_net_counters *c, unsigned int n);

/** net_lost() - frames that were sent and didn't come back, for whichever reason */
uint64_t net_lost(const struct ss_net_counters *c);

/** latency_percentile() - the end of the slot in which @percent of the samples are reached, ns */
uint64_t latency_percentile(const struct ss_hist *h, unsigned int percent);

#endif /* SS_LIB_DEVICE_FIGURES_H */
