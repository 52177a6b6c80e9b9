/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * events.bin: a struct ss_events_header and then trace records. What its writer
 * (trace/events_writer.h) and its reader (analysis/events_reader.h) agree on.
 */
#ifndef SS_LIB_EVENT_FILE_H
#define SS_LIB_EVENT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ss_events.h"
#include "ss_sched.h"

#define EVENTS_FILE    "events.bin"
#define EVENTS_VERSION 1
#define EVENTS_REC_MAX 4096 /* bytes of one record, header included */

/* What happened to the records that a writer was given. */
struct events_written {
	uint64_t records;   /* whole records in the file */
	uint64_t bytes;	    /* of these records */
	uint64_t rejected;  /* guest records refused: wrong type or length */
	uint64_t unwritten; /* records that could not be stored (disk full) */
	int error;	    /* first write error, negative errno, or 0 */
};

/** events_rec_size() - smallest valid length of a record type, 0 if unknown. */
size_t events_rec_size(unsigned int type);

/**
 * events_rec_fits() - has a whole record the length that its type and its contents ask for?
 * @rec: a struct ss_rec whose len is possible, with that many bytes
 *
 * What it holds isn't looked at beyond that: a guest may write anything there.
 */
bool events_rec_fits(const void *rec);

/** events_rec_len_possible() - can a record of @len bytes be stepped over? */
bool events_rec_len_possible(size_t len);

/** events_type_is_guest() - does the guest stamp it (with the guest's clock)? */
static inline bool events_type_is_guest(unsigned int type)
{
	return type >= SS_REC_GUEST;
}

#endif /* SS_LIB_EVENT_FILE_H */
