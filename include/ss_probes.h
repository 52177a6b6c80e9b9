/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices' static probes (USDT, provider "stallscope"). Unattached, each
 * is a one-byte nop. Queue is an index, disk a device's number (see
 * SS_DEV_NET_BASE; network devices have no req_* probes); times are
 * CLOCK_MONOTONIC ns.
 * A probe's arguments only grow at the end.
 */
#ifndef SS_PROBES_H
#define SS_PROBES_H

#include <sys/sdt.h>

/* The worker woke for a kick. */
#define ss_probe_kick(disk, queue)	  DTRACE_PROBE2(stallscope, kick, disk, queue)
#define ss_probe_drain_begin(disk, queue) DTRACE_PROBE2(stallscope, drain_begin, disk, queue)
/* chains: taken from the ring; published: used elements; stalled: ends with a stalled head */
#define ss_probe_drain_end(disk, queue, chains, published, stalled)                                \
	DTRACE_PROBE5(stallscope, drain_end, disk, queue, chains, published, stalled)
/* The throttle granted it, backing IO begins. */
#define ss_probe_req_start(disk, queue, head, type, sector, bytes)                                 \
	DTRACE_PROBE6(stallscope, req_start, disk, queue, head, type, sector, bytes)
/* Backing IO finished, nothing published yet. */
#define ss_probe_req_backing_done(disk, queue, head)                                               \
	DTRACE_PROBE3(stallscope, req_backing_done, disk, queue, head)
/* Used element published. Fires only for requests that had a req_start. */
#define ss_probe_req_done(disk, queue, head, status)                                               \
	DTRACE_PROBE4(stallscope, req_done, disk, queue, head, status)
/* One for each throttled_count increment. bucket: enum ss_bucket */
#define ss_probe_stall_begin(disk, queue, head, bucket, deficit, predicted_ns)                     \
	DTRACE_PROBE6(stallscope, stall_begin, disk, queue, head, bucket, deficit, predicted_ns)
/* granted: enum ss_stall_outcome */
#define ss_probe_stall_end(disk, queue, head, granted, predicted_ns, profile_ns)                   \
	DTRACE_PROBE6(stallscope, stall_end, disk, queue, head, granted, predicted_ns, profile_ns)
#define ss_probe_interrupt(disk, queue) DTRACE_PROBE2(stallscope, interrupt, disk, queue)
/* event: enum ss_dev_event */
#define ss_probe_dev_event(disk, queue, event, arg)                                                \
	DTRACE_PROBE4(stallscope, dev_event, disk, queue, event, arg)

#endif /* SS_PROBES_H */
