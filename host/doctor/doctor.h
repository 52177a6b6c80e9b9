/* SPDX-License-Identifier: GPL-2.0-only */
/* What `stallscope doctor` finds, and the checks that add to it. */
#ifndef SS_DOCTOR_H
#define SS_DOCTOR_H

#include <limits.h>
#include <stdbool.h>

#define DOCTOR_MAX_CHECKS 24

enum doctor_result { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor_check {
	enum doctor_result result;
	const char *name;
	char text[320];
	char hint[256]; /* what to do, "" nothing */
};

struct doctor {
	const char *kernel;
	bool json;
	char default_kernel[PATH_MAX], qemu[PATH_MAX];
	struct doctor_check check[DOCTOR_MAX_CHECKS];
	unsigned int checks;
	bool direct; /* guests run right here */
	int status;  /* of the first reason why no run is possible, else 0 */
};

/** doctor_add() - a finding, printf-like; @hint: what to do, NULL nothing. */
void doctor_add(struct doctor *d, const char *name, enum doctor_result result, const char *hint,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/** doctor_give_up() - no run is possible, it would end with @status; the first call counts. */
void doctor_give_up(struct doctor *d, int status);

/**
 * doctor_check() - make all checks, in the order they are shown.
 * @d: zeroed, but for what was asked; filled
 */
void doctor_check(struct doctor *d);

/** doctor_find() - the guest kernel and QEMU that the build or the cache has, into @d. */
void doctor_find(struct doctor *d);

/** doctor_check_kernel() - can the guest's kernel load schedulers? */
void doctor_check_kernel(struct doctor *d);

#endif /* SS_DOCTOR_H */
