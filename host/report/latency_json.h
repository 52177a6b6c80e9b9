/* SPDX-License-Identifier: GPL-2.0-only */
/* A disk's latency histograms as JSON, in run.json, stat and dump alike. */
#ifndef SS_REPORT_LATENCY_JSON_H
#define SS_REPORT_LATENCY_JSON_H

#include <jansson.h>

#include "ss_latency.h"

/**
 * latency_json() - {"queue_ns": {...}, "stall_ns": {...}, "backing_ns": {...}}
 *
 * Each with count, sum, max, and slots: slot n counts [2^n, 2^(n+1)) ns, up to
 * the last one that isn't 0. Return: a new object, NULL when out of memory.
 */
json_t *latency_json(const struct ss_blk_lat *lat);

/** latency_from_json() - the same back; what is missing or odd reads as 0 */
void latency_from_json(struct ss_blk_lat *lat, const json_t *o);

/** latency_percentile() - the end of the slot in which @percent of the samples are reached, ns */
__u64 latency_percentile(const struct ss_hist *h, unsigned int percent);

#endif /* SS_REPORT_LATENCY_JSON_H */
