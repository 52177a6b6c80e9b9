/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes events.bin; shared by the threads of a run. */
#ifndef SS_TRACE_EVENTS_WRITER_H
#define SS_TRACE_EVENTS_WRITER_H

#include "lib/event_file.h"

struct events_writer;

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

/** events_written() - the figures so far; any thread may call. */
void events_written(struct events_writer *w, struct events_written *out);

/**
 * events_close() - flush, cut the file after the last whole record, free.
 * @w: may be NULL
 * @out: final figures, may be NULL
 *
 * Return: 0 or the first write error.
 */
int events_close(struct events_writer *w, struct events_written *out);

#endif /* SS_TRACE_EVENTS_WRITER_H */
