/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of qemu/ share: qemu.c (the process), qemu_watch.c (its thread), qmp.c. */
#ifndef SS_QEMU_INT_H
#define SS_QEMU_INT_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "qemu/qemu.h"

#define QMP_LINE_MAX   65536
#define QEMU_WORDS_MAX 400

/* Which socket pair: our ends, and QEMU's. */
enum qemu_pair { PAIR_QMP, PAIR_SERIAL, PAIR_HVC, PAIR_AGENT, PAIR_DISK };
#define QEMU_PAIRS (PAIR_DISK + QEMU_MAX_DISKS)

/**
 * struct qmp - QEMU's control channel
 * @fd: non-blocking, borrowed
 * @event: called for each event; the JSON object is json_t
 */
struct qmp {
	int fd;
	size_t have;
	char buf[QMP_LINE_MAX];
	void (*event)(void *ctx, const char *name, const char *reason);
	void *ctx;
};

/**
 * struct qemu - the machine
 * @ours: @theirs: ends of the socket pairs, -1: closed or given away
 * @words_fd: the read end of QEMU's stderr
 * @words: how that began; the watching thread's while it runs
 * @page_fd: @page: the clock page (ss_clock_page.h), which @clock serves
 * @agent_out: what the agent's socket hadn't room for
 * @end_fd: eventfd
 * @reason: of the guest's end, by QMP; watching thread
 * @stopped: qemu_stop() was called
 */
struct qemu {
	const struct qemu_config *cfg;
	int ours[QEMU_PAIRS], theirs[QEMU_PAIRS];
	int words_fd, words_out;
	char words[QEMU_WORDS_MAX];
	size_t words_len;
	int end_fd, never_fd;
	pid_t pid;
	int pid_fd;
	bool reaped;
	int status;
	pid_t tid[QEMU_MAX_VCPUS];
	struct qmp qmp;
	pthread_t thread;
	bool watching;
	enum qemu_end reason;
	char panic[160];
	char line[200]; /* of the console, while it is incomplete */
	size_t line_len;
	atomic_bool stopped, clock_stop;
	int page_fd;
	struct ss_clock_page *page;
	pthread_t clock;
	bool clock_runs;
	cpu_set_t cpus; /* where @clock may run */
	char *agent_out;
	size_t agent_len;
};

/* --- qmp.c --- */

/**
 * qmp_greeting() - take QEMU's first words
 * @major: @minor: its version
 *
 * Return: 0, -ECONNRESET (QEMU has gone), -ETIMEDOUT, -EPROTO.
 */
int qmp_greeting(struct qmp *m, int *major, int *minor);

/** qmp_command() - send a command without arguments, and wait for its success. Return: as above */
int qmp_command(struct qmp *m, const char *name);

/** qmp_vcpus() - ask for the vCPUs' threads. Return: as above */
int qmp_vcpus(struct qmp *m, pid_t *tid, unsigned int nr);

/** qmp_events() - take what has come. Return: 0 or -ECONNRESET */
int qmp_events(struct qmp *m);

/* --- qemu_clock.c --- */

/** qemu_clock_init() - make the page. Return: 0 or a negative errno */
int qemu_clock_init(struct qemu *q);

/** qemu_clock_start() - start the thread that answers there. Return: the same */
int qemu_clock_start(struct qemu *q);

/** qemu_clock_destroy() - stop it, and free the page */
void qemu_clock_destroy(struct qemu *q);

/* --- qemu_watch.c --- */

/** qemu_watch_start() - start the thread. Return: 0 or a negative errno */
int qemu_watch_start(struct qemu *q);

/** qemu_watch_event() - an event of QMP's; @ctx is the machine */
void qemu_watch_event(void *ctx, const char *name, const char *reason);

/** qemu_take_words() - read what QEMU says on stderr */
void qemu_take_words(struct qemu *q);

#endif /* SS_QEMU_INT_H */
