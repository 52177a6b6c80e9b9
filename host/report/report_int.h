/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by host/report's own files only.
 */
#ifndef SS_REPORT_REPORT_INT_H
#define SS_REPORT_REPORT_INT_H

#include <jansson.h>

#include "report/report.h"

/**
 * report_from_json() - fill @r from a run's JSON.
 * @why: one line if it isn't one
 *
 * What is absent stays zero; only what a report can't do without must be there.
 * Return: 0 or -EINVAL.
 */
int report_from_json(struct run_result *r, const json_t *root, char *why, size_t why_len);

#endif /* SS_REPORT_REPORT_INT_H */
