/* SPDX-License-Identifier: GPL-2.0-only */
/* run.json as tables: all that is in it, in its order, and what it means. */
#ifndef SS_REPORT_RUN_FIGURES_H
#define SS_REPORT_RUN_FIGURES_H

#include "lib/figures.h"

/* A run.json: the table of struct run_result. */
extern const struct figures run_figures;

/* --- its parts that the analysis fills, for run_figures.c --- */

extern const struct figures attr_io_figures;	  /* struct attr_io */
extern const struct figures attr_disk_figures;	  /* struct attr_disk, beside a disk's own */
extern const struct figures attr_net_figures;	  /* struct attr_stalls, likewise */
extern const struct figures attr_task_figures;	  /* struct attr_task */
extern const struct figures attr_softirq_figures; /* struct attr_softirq */
extern const struct figures attr_clock_figures;	  /* struct clock_info */
extern const struct figures attr_verdict_figures; /* of struct attribution */
extern const struct figures attr_scx_figures;	  /* of struct attribution */

#endif /* SS_REPORT_RUN_FIGURES_H */
