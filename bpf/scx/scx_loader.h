/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the loaders of our schedulers share: waiting, and telling how it ended.
 */
#ifndef SS_SCX_LOADER_H
#define SS_SCX_LOADER_H

#include <stdbool.h>

#include "scx_exit.h"

enum scx_status {
	SCX_STATUS_OK = 0,   /* ended because a signal asked for it */
	SCX_STATUS_LOAD = 1, /* couldn't be loaded */
	SCX_STATUS_USAGE = 2,
	SCX_STATUS_EXITED = 3, /* the kernel or somebody else ended it, without an error */
	SCX_STATUS_KICKED = 4, /* the kernel ejected it for an error */
};

#define SCX_FLAG_SWITCH_PARTIAL (1ULL << 3) /* SCX_OPS_SWITCH_PARTIAL */

/** scx_loader_init() - catch SIGINT and SIGTERM, show libbpf's warnings. */
void scx_loader_init(void);

/** scx_loader_number() - a whole number from @min to @max. Return: 0 or -EINVAL. */
int scx_loader_number(const char *text, long min, long max, long *out);

struct bpf_map;
struct bpf_object_skeleton;

/**
 * scx_loader_run() - load and enable a scheduler, stay, and say how it ended.
 * @name: for messages
 * @skel: opened and configured
 * @ops: its struct_ops map
 * @rec: the BPF part's exit_record, in @skel's bss; libbpf keeps its address
 *	when it maps the memory at the load
 * @stay: until a signal comes or the kernel lets it go; otherwise end at once
 *
 * Return: the program's exit status.
 */
int scx_loader_run(const char *name, struct bpf_object_skeleton *skel, struct bpf_map *ops,
		   const volatile struct scx_exit_record *rec, bool stay);

#endif /* SS_SCX_LOADER_H */
