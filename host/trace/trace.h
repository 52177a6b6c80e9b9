/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host tracing: BPF programs on the runner's own static probes and on the
 * scheduler, and the maps of the devices' counters. Without permission for BPF there is
 * less to show: trace_missing() says what is missing, and why.
 */
#ifndef SS_TRACE_H
#define SS_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "ss_counters.h"
#include "ss_events.h"
#include "ss_hist.h"

struct trace;
struct pins;

/* Zero means the default given with each field. */
struct trace_config {
	unsigned int disks;	 /* 1 to SS_MAX_DISKS; 1 */
	unsigned int queues;	 /* queues a disk, up to TRACE_MAX_QUEUES; 1 */
	unsigned int nets;	 /* network devices, 0 to SS_MAX_NETS */
	unsigned int ring_bytes; /* ring buffer, rounded up to a power of two; 2 MiB */
	__u64 runq_min_ns;	 /* shorter run-queue waits aren't recorded; 50 us */
	bool irq;		 /* record each interrupt sent to the guest; no */
	const char *path;	 /* executable that holds the probes; /proc/self/exe */
};

#define TRACE_MAX_QUEUES  16
#define TRACE_MAX_MISSING 16

/**
 * trace_open() - load the programs and attach them to this process.
 * @cfg: what to trace; not kept
 * @out: the trace; freed by trace_close()
 * @err: one line of text when the result isn't 0
 *
 * Once it returned, every probe that fires is counted: call it before the
 * guest starts. A part that this kernel lacks is switched off and named by
 * trace_missing(); only when no block probe at all could be traced is that an
 * error. Return: 0, -EPERM without the rights for BPF, -EINVAL for a bad @cfg,
 * another negative errno. Not thread-safe against itself.
 */
int trace_open(const struct trace_config *cfg, struct trace **out, char *err, size_t errlen);

typedef void (*trace_record_fn)(void *ctx, const struct ss_rec *rec, size_t len);

/**
 * trace_poll() - hand every record that is waiting to @fn, without blocking.
 *
 * The ring buffer never wakes anybody: call this every few ms from one thread,
 * and once more after the last device thread stopped. @rec is valid during the
 * call only. Return: the number of records, or a negative errno.
 */
int trace_poll(struct trace *t, trace_record_fn fn, void *ctx);

/**
 * trace_add_thread() - record the run-queue delay of one of our threads.
 * @tid: as gettid() returns it
 * @kind: enum ss_thread_kind
 * @index: vCPU number, or device << 8 | queue
 *
 * Any thread. Return: 0, -EOPNOTSUPP if run-queue delay can't be traced here,
 * another negative errno.
 */
int trace_add_thread(struct trace *t, int tid, unsigned int kind, unsigned int index);

/** trace_remove_thread() - forget a thread that ends; any thread. */
void trace_remove_thread(struct trace *t, int tid);

/**
 * trace_drops() - records made and lost since trace_open(); any thread.
 *
 * An event that a program missed is a lost record.
 */
void trace_drops(const struct trace *t, struct ss_drops *out);

/**
 * trace_finish() - stop tracing, take the last records, tell how many were made and lost.
 * @fn, @ctx: as for trace_poll()
 *
 * On trace_poll()'s thread. All that @out counts as made has been given to trace_poll()'s
 * and this call's @fn, unless a program hangs in the middle of one for 200 ms.
 */
void trace_finish(struct trace *t, trace_record_fn fn, void *ctx, struct ss_drops *out);

/**
 * trace_missing() - what isn't traced, why, and what a report can't tell then.
 * @i: 0, 1, ...
 *
 * Return: one line, valid until trace_close(), or NULL after the last.
 */
const char *trace_missing(const struct trace *t, unsigned int i);

/* The log2 histograms. They are pinned as hist_stall, net_hist_stall, ... */
enum trace_hist_kind {
	TRACE_HIST_STALL,   /* stall_begin to stall_end */
	TRACE_HIST_BACKING, /* req_start to req_backing_done; disks only */
	TRACE_HIST_DRAIN,   /* drain_begin to drain_end */
	TRACE_HIST_KINDS,
};

/**
 * trace_hist() - copy one device's histogram.
 * @dev: its number in probes, see SS_DEV_NET_BASE
 *
 * Return: 0 or a negative errno.
 */
int trace_hist(const struct trace *t, enum trace_hist_kind kind, unsigned int dev,
	       struct ss_hist *out);

/**
 * trace_pin() - pin counters, drops and histograms, see pins.h.
 *
 * Those of network devices only if there are any. Does nothing without @pins (NULL),
 * or where pins_open() said that nothing can be pinned. Return: 0 or a negative
 * errno; then nothing stays pinned by this call.
 */
int trace_pin(struct trace *t, struct pins *pins);

/** trace_close() - detach, unload, free. NULL is fine. Counters must be freed first. */
void trace_close(struct trace *t);

/*
 * The devices' counters: plain atomics, on memory of BPF maps, which bpftool shows by
 * name; or on ordinary zeroed memory without permission for BPF.
 */
struct counters {
	struct ss_blk_counters *disk; /* arrays, one element a device */
	struct ss_net_counters *net;
	struct ss_net_pressure *net_pressure;
	unsigned int disks, nets;
	size_t disk_map_bytes, net_map_bytes, pressure_map_bytes; /* 0: ordinary memory */
};

/**
 * counters_alloc() - counters for @disks disks and @nets network devices.
 * @t: the trace whose maps shall hold them, or NULL
 *
 * Falls back to ordinary memory if a map can't be had. They must be freed by
 * counters_free() after the last device thread stopped and before
 * trace_close(). Return: 0 or -ENOMEM.
 */
int counters_alloc(struct trace *t, unsigned int disks, unsigned int nets, struct counters *out);

/** counters_free() - also fine for a zeroed struct. */
void counters_free(struct counters *c);

#endif /* SS_TRACE_H */
