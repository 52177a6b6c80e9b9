/* SPDX-License-Identifier: GPL-2.0-only */
/* A run's name: its pins, its control socket and its report have it. */
#ifndef SS_LIB_RUN_NAME_H
#define SS_LIB_RUN_NAME_H

#include <stdbool.h>

#define RUN_NAME_MAX 64

/** run_name_valid() - 1 to 64 of [A-Za-z0-9._-], neither "." nor "..". */
bool run_name_valid(const char *name);

#endif /* SS_LIB_RUN_NAME_H */
