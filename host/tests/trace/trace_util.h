/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tests of host tracing: opening it or skipping, and keeping the records.
 */
#ifndef SS_TESTS_TRACE_UTIL_H
#define SS_TESTS_TRACE_UTIL_H

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "trace/trace.h"
#include "ss_harness.h"

#define KEEP_MAX 8192
#define KEEP_LEN 96

/* Records as they came, the biggest fits. */
struct kept {
	unsigned int n;
	struct {
		__u64 bytes[KEEP_LEN / 8];
	} rec[KEEP_MAX];
};

static inline void keep(void *ctx, const struct ss_rec *rec, size_t len)
{
	struct kept *k = ctx;

	ASSERT_LT(k->n, KEEP_MAX);
	ASSERT_LE(len, KEEP_LEN);
	EXPECT_EQ(rec->len, len);
	memcpy(k->rec[k->n++].bytes, rec, len);
}

static inline const void *kept_at(const struct kept *k, unsigned int i)
{
	ASSERT_LT(i, k->n);
	return k->rec[i].bytes;
}

static inline unsigned int kept_of(const struct kept *k, unsigned int type)
{
	unsigned int i, n = 0;

	for (i = 0; i < k->n; i++)
		n += ((const struct ss_rec *)k->rec[i].bytes)->type == type;
	return n;
}

static inline struct trace *open_or_skip(const struct trace_config *cfg)
{
	char err[256] = "";
	struct trace *t = NULL;
	int ret = trace_open(cfg, &t, err, sizeof(err));

	if (ret == -EPERM || ret == -EACCES || ret == -ENOSYS || ret == -ESRCH)
		SKIP("%s", err);
	if (ret)
		TH_LOG("%s", err);
	ASSERT_EQ(ret, 0);
	return t;
}

static inline __u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Runs @fn in a child; its return value is the child's exit status. */
static inline int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(fn());
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#endif /* SS_TESTS_TRACE_UTIL_H */
