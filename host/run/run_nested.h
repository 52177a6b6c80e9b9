/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line that starts an emulated machine with the same run inside. */
#ifndef SS_RUN_NESTED_H
#define SS_RUN_NESTED_H

#include "run/run.h"

#define NESTED_MAX_ARGS (4 * RUN_MAX_FILES + 12 * SS_MAX_DISKS + 2 * SS_MAX_NETS + 64)

/**
 * struct nested_args - an argument vector under construction.
 * @v: @n words, each of its own, and a NULL.
 * @full: there was no room, or no memory, for another one.
 */
struct nested_args {
	char *v[NESTED_MAX_ARGS];
	unsigned int n;
	bool full;
};

/**
 * nested_check_memory() - has the host the memory that the machine needs for the disks?
 *
 * Return: SS_EXIT_OK, or SS_EXIT_DISK after one line on stderr.
 */
int nested_check_memory(const struct run *run);

/**
 * nested_machine_args() - add the machine's words: its memory, files, drives; up to "--".
 * @nested: the program that starts it
 * @self: this program, which is copied into it
 */
void nested_machine_args(const struct run *run, struct nested_args *a, const char *nested,
			 const char *self);

/** nested_run_args() - add `SELF run ...`, which the machine executes. */
void nested_run_args(const struct run *run, struct nested_args *a, const char *self);

/** nested_args_free() - free the words. */
void nested_args_free(struct nested_args *a);

#endif /* SS_RUN_NESTED_H */
