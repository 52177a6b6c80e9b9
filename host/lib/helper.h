/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds the programs that belong to this one. */
#ifndef SS_LIB_HELPER_H
#define SS_LIB_HELPER_H

#include <limits.h>
#include <stdbool.h>

/** helper_self_dir() - the directory of this program. Return: false if it can't be found. */
bool helper_self_dir(char dir[PATH_MAX]);

/**
 * helper_path() - where a program that belongs to stallscope is.
 * @name: such as "agent" or "nested"
 * @path: filled
 *
 * Looks beside the running binary (build tree) and in ../libexec/stallscope
 * (installed); STALLSCOPE_LIBEXEC names another place.
 *
 * Return: false if it isn't there.
 */
bool helper_path(const char *name, char path[PATH_MAX]);

/** helper_find() - helper_path() that must succeed. Return: 0, or -ENOENT after one line on stderr. */
int helper_find(const char *name, char path[PATH_MAX]);

#endif /* SS_LIB_HELPER_H */
