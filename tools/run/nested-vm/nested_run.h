/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's side of tools/run/nested: one program, nested-run, that starts QEMU,
 * speaks proto.h with the init inside, and ends with the command's status.
 */
#ifndef NESTED_RUN_H
#define NESTED_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "lib/exitcodes.h"
#include "proto.h"

/* An exit status besides those of exitcodes.h: the time limit was reached, as timeout(1) reports it. */
#define RUN_TIME_LIMIT 124

#define RUN_MAX_DRIVES 8

struct run_options {
	const char *qemu;   /* program to start */
	const char *kernel; /* ELF kernel with a PVH entry, or bzImage */
	const char *initrd;
	const char *scratch;  /* directory to remove once the initrd is open, or NULL */
	const char *out;      /* directory for what /out held, or NULL */
	const char *append;   /* more of the kernel's command line, or NULL */
	unsigned int memory;  /* MiB */
	unsigned int timeout; /* seconds for the command, 0 none */
	unsigned int boot_timeout;
	bool verbose;
	const char *drives[RUN_MAX_DRIVES]; /* FILE[,ro][,share] */
	unsigned int nr_drives;
	char **env;
	char **argv;
};

/* --- machine.c: QEMU --- */

struct machine {
	pid_t pid;   /* 0 when it has been reaped */
	int channel; /* our end of the virtio port */
	int console; /* memfd: the kernel's console */
	int errors;  /* memfd: what QEMU itself says */
	int initrd;  /* kept open: its name is gone by the time of a second try */
	int wait_status;
};

/** machine_init() - open the initrd. Return: 0 or a negative errno. */
int machine_init(struct machine *m, const struct run_options *o);

/** machine_start() - start QEMU, which dies with us. Return: 0 or a negative errno. */
int machine_start(struct machine *m, const struct run_options *o);

/** machine_kill() - end QEMU and wait for it. Harmless when it is gone. */
void machine_kill(struct machine *m);

/**
 * machine_reason() - why did it die? In one line, from the console (a panic,
 * init's last words), QEMU's stderr, or its wait status.
 * @gone: its end of the channel is closed, so that it is about to end at least.
 */
void machine_reason(struct machine *m, bool gone, char *text, size_t size);

/* --- klog.c: the kernel log --- */

struct klog {
	char *text;
	size_t len;
};

void klog_add(struct klog *k, const void *data, size_t len);

/** klog_take_console() - the console's text instead, if no log arrived. */
void klog_take_console(struct klog *k, int console);

/** klog_report() - say on stderr which lines tell of trouble, the first few of them. */
void klog_report(const struct klog *k);

/** klog_save() - write it to DIR/l1-kernel.log. Return: 0 or a negative errno. */
int klog_save(const struct klog *k, const char *dir);

void klog_free(struct klog *k);

/* --- boot.c: one boot --- */

enum outcome {
	OUTCOME_DONE,	       /* the command ran; status is its exit status */
	OUTCOME_NEVER_STARTED, /* the machine died before the command was started */
	OUTCOME_DIED,	       /* ... after */
	OUTCOME_STOPPED,       /* status says why: a time limit, a second interrupt */
};

/* One boot, and what came of it. */
struct boot {
	const struct run_options *o;
	struct machine *machine;
	struct klog klog;
	int status;	  /* to exit with */
	bool began;	  /* the command was started */
	char reason[256]; /* with NEVER_STARTED and DIED */
};

/** boot_run() - boot, run the command, collect what it left. */
enum outcome boot_run(struct boot *boot);

void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* NESTED_RUN_H */
