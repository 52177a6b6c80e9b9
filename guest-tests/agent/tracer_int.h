/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the tracer share: tracer.c, tracer_load.c, tracer_hists.c. */
#ifndef SS_TRACER_INT_H
#define SS_TRACER_INT_H

#include <stdbool.h>

#include <bpf/libbpf.h>

#include "stream.h"
#include "tracer.h"

struct guest_trace_bpf;

/* What goes missing together. */
enum part {
	PART_IO = 1 << 0,
	PART_RUN = 1 << 1,
	PART_SCX = 1 << 2,
	PART_SCX_CLAIM = 1 << 3,
	PART_STREAM = 1 << 4,
	PART_KICK = 1 << 5,
	PART_CHANGE = 1 << 6,
	PART_HINT = 1 << 7,
	PART_ALL = (1 << 8) - 1,
	PART_TASKS = PART_STREAM | PART_KICK | PART_CHANGE | PART_HINT,
};

#define NR_LINKS 64

struct tracer {
	struct guest_trace_bpf *skel;
	struct ring_buffer *ring;
	struct bpf_link *link[NR_LINKS];
	struct bpf_link *tasks; /* one of them: the iterator over all tasks */
	struct stream stream;
	size_t cpus_len, events_len; /* bytes mapped of the stream's two halves */
	tracer_emit_fn emit;
	void *ctx;
	__u64 taken;	     /* records, from the ring */
	__u64 next_look;     /* at all tasks, ns */
	unsigned int wanted; /* to be traced, of enum part */
	unsigned int parts;  /* traced */
	struct ss_drops own; /* records that the tracer makes itself */
};

/** tracer_load() - load what this kernel takes. @why: gets why something is left out. */
int tracer_load(struct tracer *t, int *why);

/** tracer_attach() - attach it; a part of which one program can't be is left out whole. */
int tracer_attach(struct tracer *t, int *why);

/** tracer_detach_records() - detach what makes records, but for the stream's, which has a switch. */
void tracer_detach_records(struct tracer *t);

/** tracer_detach() - detach all programs. */
void tracer_detach(struct tracer *t);

/** tracer_reason() - an error of theirs in words. */
const char *tracer_reason(int err);

/** tracer_describe_missing() - what isn't traced and could be, in words. Return: is there any? */
bool tracer_describe_missing(const struct tracer *t, int why, char *err, size_t errlen);

/** tracer_missed() - events that the kernel skipped a program for. */
__u64 tracer_missed(const struct tracer *t);

/** tracer_emit_hists() - emit the histograms. Return: 0 or a negative errno. */
int tracer_emit_hists(struct tracer *t);

/** tracer_emit_own() - emit a record that the tracer has made itself. */
void tracer_emit_own(struct tracer *t, const struct ss_rec *rec, size_t len);

__u64 tracer_now(void);

#endif /* SS_TRACER_INT_H */
