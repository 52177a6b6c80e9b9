// SPDX-License-Identifier: GPL-2.0-only
/* How the guest's agent reads the marks that a workload sets (attribution.md, A1). */
#include "guest-tests/agent/agent.h"
#include "ss_harness.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static struct ss_rec_g_mark got[16];
static unsigned int nr_got;
static char noted[256];
static unsigned int nr_notes;
static uint32_t watched = 1;

uint64_t now_ns(void)
{
	return 4711;
}

void note(struct agent *a, const char *level, const char *fmt, ...)
{
	va_list ap;

	(void)a;
	EXPECT_STREQ(level, "warn");
	va_start(ap, fmt);
	vsnprintf(noted, sizeof(noted), fmt, ap);
	va_end(ap);
	nr_notes++;
}

void batch_add(void *agent, const struct ss_rec *rec, size_t len)
{
	(void)agent;
	ASSERT_EQ(len, sizeof(got[0]));
	ASSERT_LT(nr_got, 16);
	memcpy(&got[nr_got++], rec, len);
}

void agent_watch(struct agent *a, int fd, enum event_source src, uint32_t events)
{
	(void)a;
	(void)fd;
	EXPECT_EQ(src, EV_MARK);
	watched = events;
}

static struct agent agent;

/* The workload writes, the agent's loop sees it. */
static void written(int fd, const char *text)
{
	ASSERT_EQ(write(fd, text, strlen(text)), strlen(text));
	marks_read(&agent);
}

static int marks_pipe(void)
{
	int fd[2];

	ASSERT_EQ(pipe(fd), 0);
	agent.marks.fd = fd[0];
	return fd[1];
}

TEST(marks, .title = "A1: \"begin\" and \"end\" are marks, however they are cut")
{
	int fd = marks_pipe();

	written(fd, "begin\n");
	ASSERT_EQ(nr_got, 1);
	EXPECT_EQ(got[0].mark, SS_MARK_WINDOW_BEGIN);
	EXPECT_EQ(got[0].h.type, SS_REC_G_MARK);
	EXPECT_EQ(got[0].h.len, sizeof(got[0]));
	EXPECT_EQ(got[0].h.ts, 4711);
	written(fd, "en");
	EXPECT_EQ(nr_got, 1);
	written(fd, "d\nbegin\ne");
	ASSERT_EQ(nr_got, 3);
	EXPECT_EQ(got[1].mark, SS_MARK_WINDOW_END);
	EXPECT_EQ(got[2].mark, SS_MARK_WINDOW_BEGIN);
	written(fd, "nd\n");
	ASSERT_EQ(nr_got, 4);
	EXPECT_EQ(got[3].mark, SS_MARK_WINDOW_END);
	EXPECT_EQ(nr_notes, 0);
	marks_close(&agent);
	close(fd);
}

TEST(strange, .title = "A1: a line that is no mark ends it, and is named")
{
	int fd = marks_pipe();

	written(fd, "begin\nbegin now\nend\n");
	EXPECT_EQ(nr_got, 1);
	EXPECT_EQ(nr_notes, 1);
	EXPECT_STRSTR(noted, "\"begin now\"");
	EXPECT_EQ(agent.marks.fd, -1);
	EXPECT_EQ(watched, 0);
	marks_read(&agent);
	EXPECT_EQ(nr_got, 1);
	close(fd);
}

TEST(endless, .title = "a line without end and marks without number don't keep the agent busy")
{
	int fd = marks_pipe(), times = 0;

	while (agent.marks.fd >= 0 && times++ < 1000)
		written(fd, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	EXPECT_EQ(times, MARKS_MAX / 32 + 1);
	EXPECT_STRSTR(noted, "too many");
	EXPECT_EQ(nr_got, 0);
	EXPECT_EQ(agent.marks.len, sizeof(agent.marks.line) - 1);
	close(fd);
}

TEST_HARNESS_MAIN
