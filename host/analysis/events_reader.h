/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads events.bin, whatever state it was left in. */
#ifndef SS_ANALYSIS_EVENTS_READER_H
#define SS_ANALYSIS_EVENTS_READER_H

#include "lib/event_file.h"

struct events_reader;

/* Any record, so that a shorter one can be filled up with zeroes. */
union events_rec {
	struct ss_rec h;
	struct ss_rec_stall_begin stall_begin;
	struct ss_rec_stall_end stall_end;
	struct ss_rec_drain drain;
	struct ss_rec_req req;
	struct ss_rec_irq irq;
	struct ss_rec_dev_event dev_event;
	struct ss_rec_host_runq host_runq;
	struct ss_rec_host_clock host_clock;
	struct ss_rec_vcpu_tsc vcpu_tsc;
	struct ss_rec_limits limits;
	struct ss_rec_g_io g_io;
	struct ss_rec_g_run g_run;
	struct ss_rec_g_scx g_scx;
	struct ss_rec_g_clock g_clock;
	struct ss_rec_g_hist g_hist;
	struct ss_rec_g_disk g_disk;
	struct ss_rec_g_sched g_sched; /* its events: events_sched() */
	struct ss_rec_g_task g_task;
	struct ss_rec_g_sum g_sum;
	struct ss_rec_g_mark g_mark;
	struct ss_rec_g_flush g_flush;
};

/* What a reader met. */
struct events_seen {
	uint64_t records;	/* whole records, unknown types included */
	uint64_t unknown;	/* of a type this version doesn't know, skipped */
	uint64_t short_records; /* shorter than their type or their contents ask for, skipped */
	uint64_t truncated;	/* bytes of a last record that isn't whole */
	uint64_t damaged;	/* bytes behind a record with an impossible length */
};

/**
 * events_open() - open an events file for reading.
 * @out: the reader, owned by the caller until events_reader_free()
 *
 * Return: 0, -ENOENT and the like, -EINVAL (not an events file), -EPROTO (a
 * version this program doesn't know).
 */
int events_open(const char *path, struct events_reader **out);

/** events_header() - the file's header; valid as long as the reader. */
const struct ss_events_header *events_header(const struct events_reader *r);

/**
 * events_next() - read the next record of a known type.
 * @rec: filled; fields the file's layout lacks are zero, strings are NUL-terminated
 *
 * Return: 1 a record, 0 the end (also before a truncated or damaged tail, see
 * events_seen()), or a negative errno.
 */
int events_next(struct events_reader *r, union events_rec *rec);

/**
 * events_sched() - the events of the SS_REC_G_SCHED that events_next() has just given.
 *
 * Return: as many as its nr says, at most SS_SCHED_BATCH_MAX; valid until the next call
 * of events_next(). NULL after any other record.
 */
const struct ss_sched_event *events_sched(const struct events_reader *r);

/** events_seen() - what was met so far. */
void events_seen(const struct events_reader *r, struct events_seen *out);

void events_reader_free(struct events_reader *r);

#endif /* SS_ANALYSIS_EVENTS_READER_H */
