// SPDX-License-Identifier: GPL-2.0-only
/* What a run's report makes of its exit status. */
#include "run/run.h"
#include "faults.h"
#include "run_world.h"
#include "ss_harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

FIXTURE(report)
{
	struct run *run;
	char text[300];
};

FIXTURE_SETUP(report)
{
	self->run = calloc(1, sizeof(*self->run));
	ASSERT_NOT_NULL(self->run);
	snprintf(self->run->out, sizeof(self->run->out), "%s", ss_tmpdir());
	snprintf(self->text, sizeof(self->text), "%s/said", ss_tmpdir());
	self->run->out_name = "shown-dir";
	run_world_fill(&self->run->r, self->run->out);
}

FIXTURE_TEARDOWN(report)
{
	free(self->run);
}

/* In a process of its own; what it says on stderr goes to @text. */
static int report(struct ss_fx_report *self, int status, bool no_memory)
{
	pid_t pid = fork();

	if (!pid) {
		int fd = open(self->text, O_WRONLY | O_CREAT | O_TRUNC, 0644);

		dup2(fd, STDERR_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		if (no_memory)
			fault_set(FAULT_MEMORY, 0, 1, ENOMEM);
		_exit(run_report(self->run, status));
	}
	ASSERT_GT(pid, 0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect_said(struct ss_fx_report *self, const char *what)
{
	char *s = run_slurp(self->text);

	if (what)
		EXPECT_STRSTR(s, what);
	EXPECT_EQ(strchr(s, '\n') ? strlen(strchr(s, '\n')) : 0, what ? 1 : 0);
}

TEST_F(report, fine, .title = "all records stored and read: no fault")
{
	EXPECT_EQ(report(self, SS_EXIT_OK, false), SS_EXIT_OK);
	expect_said(self, NULL);
}

TEST_F(report, told_late, .title = "a full disk that only the file's end tells of is a fault")
{
	self->run->r.events.error = -EDQUOT;
	EXPECT_EQ(report(self, SS_EXIT_OK, false), SS_EXIT_OUTPUT);
	expect_said(self, "--out: shown-dir/events.bin: Disk quota exceeded");
	self->run->r.events.unwritten = 7;
	EXPECT_EQ(report(self, SS_EXIT_OK, false), SS_EXIT_OUTPUT);
	expect_said(self, "--out: shown-dir: 7 records could not be stored: Disk quota exceeded");
}

TEST_F(report, unread, .title = "records that can't be analysed are a fault")
{
	char path[PATH_MAX + 16];

	EXPECT_EQ(report(self, SS_EXIT_OK, true), SS_EXIT_FAIL);
	expect_said(self,
		    "the records in shown-dir/events.bin can't be analysed: not enough memory");
	snprintf(path, sizeof(path), "%s/events.bin", self->run->out);
	EXPECT_EQ(unlink(path), 0);
	EXPECT_EQ(report(self, SS_EXIT_OK, false), SS_EXIT_OUTPUT);
	expect_said(self, "shown-dir/events.bin can't be analysed: No such file");
	/* what went wrong before comes first */
	EXPECT_EQ(report(self, SS_EXIT_WORKLOAD, false), SS_EXIT_WORKLOAD);
	expect_said(self, "warning: the records in shown-dir/events.bin can't be analysed");
}

TEST_HARNESS_MAIN
