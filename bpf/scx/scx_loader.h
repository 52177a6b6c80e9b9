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

/** scx_loader_enabled() - say that the scheduler named @name schedules now. */
void scx_loader_enabled(const char *name);

/**
 * scx_loader_wait() - until a signal comes or the kernel lets the scheduler go.
 * @rec: the BPF part's exit_record, mapped
 */
void scx_loader_wait(const volatile struct scx_exit_record *rec);

/** scx_loader_gone() - true once the kernel let the scheduler go. */
bool scx_loader_gone(const volatile struct scx_exit_record *rec);

/**
 * scx_loader_report() - say how it ended, after the link is destroyed.
 * @gone: it was gone before we destroyed the link
 *
 * Return: the program's exit status.
 */
int scx_loader_report(const char *name, const volatile struct scx_exit_record *rec, bool gone);

#endif /* SS_SCX_LOADER_H */
