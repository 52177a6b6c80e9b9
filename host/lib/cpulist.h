/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists of CPUs as users write them: "0-3,6". */
#ifndef SS_CPULIST_H
#define SS_CPULIST_H

#include <sched.h>
#include <stddef.h>

/**
 * cpulist_parse() - numbers and ranges with commas between them
 *
 * Return: 0, or -EINVAL for anything else, a range that goes down, or a number
 * of CPU_SETSIZE or more.
 */
int cpulist_parse(const char *list, cpu_set_t *out);

/**
 * cpulist_spread() - a CPU of the list for each of @nr threads, in turn
 * @each: @nr sets of one CPU
 * @err: gets half a line for the user
 *
 * Return: 0; -EINVAL bad list; -ENODEV one of its CPUs isn't this process's to use.
 */
int cpulist_spread(const char *list, cpu_set_t *each, unsigned int nr, char *err, size_t err_len);

#endif /* SS_CPULIST_H */
