/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * events.bin: a struct ss_events_header and then trace records. The writer is
 * shared by the threads of a run; the reader belongs to the report.
 */
#ifndef SS_EVENT_FILE_H
#define SS_EVENT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ss_events.h"

#define EVENTS_FILE    "events.bin"
#define EVENTS_REC_MAX 4096 /* bytes of one record, header included */

struct events_writer;
struct events_reader;

/* What became of the records handed to a writer. */
struct events_written {
	uint64_t records;   /* whole records in the file */
	uint64_t bytes;	    /* of these records */
	uint64_t rejected;  /* guest records refused: wrong type or length */
	uint64_t unwritten; /* records that could not be stored (disk full) */
	int error;	    /* first write error, negative errno, or 0 */
};

/**
 * events_create() - create (or replace) an events file and write its header.
 * @path: the file
 * @host_tsc_hz: host TSC frequency, 0 if unknown
 * @guest_tsc_hz: guest TSC frequency, 0 if unknown
 * @out: the writer, owned by the caller until events_close()
 *
 * Return: 0 or a negative errno.
 */
int events_create(const char *path, uint64_t host_tsc_hz, uint64_t guest_tsc_hz,
		  struct events_writer **out);

/**
 * events_append() - store the runner's own records.
 * @w: the writer; any thread may call
 * @recs: whole records, back to back, 8-byte multiples
 * @len: bytes
 *
 * Buffered. After the first failed write nothing more is stored; what was
 * stored stays a valid file, and every further record is counted.
 *
 * Return: 0, -EINVAL if @recs isn't a sequence of whole records (the whole
 * ones before the fault are stored), or the first write error (-ENOSPC, ...).
 */
int events_append(struct events_writer *w, const void *recs, size_t len);

/**
 * events_append_guest() - store records that came from the guest.
 *
 * As events_append(), but @recs is hostile input: only known guest types with
 * a length that fits their type are stored, the rest is counted as rejected and
 * skipped. A length that leads out of the buffer ends the batch.
 *
 * Return: 0, -EINVAL if at least one record was rejected, or the write error.
 */
int events_append_guest(struct events_writer *w, const void *recs, size_t len);

/** events_flush() - hand buffered records to the kernel. Return: as events_append(). */
int events_flush(struct events_writer *w);

/** events_written() - how it stands; any thread may call. */
void events_written(struct events_writer *w, struct events_written *out);

/**
 * events_close() - flush, cut the file behind the last whole record, free.
 * @w: may be NULL
 * @out: final figures, may be NULL
 *
 * Return: 0 or the first write error.
 */
int events_close(struct events_writer *w, struct events_written *out);

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
};

/* What a reader met. */
struct events_seen {
	uint64_t records;	/* whole records, unknown types included */
	uint64_t unknown;	/* of a type this version doesn't know, skipped */
	uint64_t short_records; /* shorter than their type's first layout, skipped */
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

/** events_seen() - what was met so far. */
void events_seen(const struct events_reader *r, struct events_seen *out);

void events_reader_free(struct events_reader *r);

/** events_rec_size() - smallest valid length of a record type, 0 if unknown. */
size_t events_rec_size(unsigned int type);

/** events_type_is_guest() - does the guest stamp it (with the guest's clock)? */
static inline bool events_type_is_guest(unsigned int type)
{
	return type >= SS_REC_GUEST;
}

#endif /* SS_EVENT_FILE_H */
