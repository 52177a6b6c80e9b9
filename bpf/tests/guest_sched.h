/* SPDX-License-Identifier: GPL-2.0-only */
/* Schedulers as the tests start them, on a kernel with sched_ext. */
#ifndef SS_TEST_GUEST_SCHED_H
#define SS_TEST_GUEST_SCHED_H

#include <stddef.h>
#include <sys/types.h>

/** sched_need() - skip the test on a kernel without sched_ext. */
void sched_need(void);

/** sched_log() - where a test's scheduler writes. Return: @path. */
const char *sched_log(char path[256]);

/** sched_start() - start a program, its output in @log. Return: its pid. */
pid_t sched_start(const char *const argv[], const char *log);

/** sched_wait_enabled() - until the program says so: by then the kernel has enabled it. */
void sched_wait_enabled(pid_t pid, const char *log);

/** sched_status() - wait for its end. Return: its exit status. */
int sched_status(pid_t pid);

/** sched_read() - a file's text, "" if there is none. */
void sched_read(const char *path, char *text, size_t len);

#endif /* SS_TEST_GUEST_SCHED_H */
