/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the harness and the runner: finding and clearing what a test or a
 * run left behind (processes and temporary files), the time, and signals.
 */
#ifndef SS_CLEAN_H
#define SS_CLEAN_H

#include <sys/types.h>

/* A temporary directory of ours; one that no process holds locked is stale. */
struct ss_tmp {
	char base[96];
	char checked[112]; /* becomes a test's $TMPDIR, must be empty afterwards */
	char scratch[112]; /* a test may leave what it likes here */
	int lock_fd;
};

int ss_tmp_make(struct ss_tmp *tmp);
int ss_tmp_fresh(const struct ss_tmp *tmp);
int ss_tmp_leftovers(const struct ss_tmp *tmp);
void ss_tmp_remove(struct ss_tmp *tmp);
int ss_remove_tree(const char *path);

ssize_t ss_read_text(const char *path, char *buf, size_t size);
pid_t ss_next_task(pid_t pid, pid_t after);
pid_t ss_next_child(pid_t parent, pid_t after);
int ss_reap(void);
int ss_kill_children(pid_t parent);

double ss_now(void);
void ss_catch_signals(void (*handler)(int sig));

#endif /* SS_CLEAN_H */
