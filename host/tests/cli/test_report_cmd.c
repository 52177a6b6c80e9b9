// SPDX-License-Identifier: GPL-2.0-only
/*
 * `stallscope report`.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cmds.h"
#include "lib/exitcodes.h"
#include "run_world.h"
#include "ss_harness.h"

FIXTURE(report)
{
	struct run_result r;
	char dir[256], json[300], out[300];
};

FIXTURE_SETUP(report)
{
	snprintf(self->dir, sizeof(self->dir), "%s", ss_tmpdir());
	snprintf(self->json, sizeof(self->json), "%s/run.json", self->dir);
	snprintf(self->out, sizeof(self->out), "%s/out", self->dir);
	run_world_fill(&self->r, self->dir);
}
FIXTURE_TEARDOWN(report)
{
}

/* `stallscope report ARGS` in a process of its own, output to @out. */
static int report_cmd(const char *out, const char *a, const char *b)
{
	char *argv[] = { "report", (char *)a, (char *)b, NULL };
	int status;
	pid_t pid = fork();

	if (!pid) {
		int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0644);

		dup2(fd, 1);
		if (strcmp(out, "/dev/full"))
			dup2(fd, 2);
		_exit(cmd_report(b ? 3 : a ? 2 : 1, argv));
	}
	ASSERT_GT(pid, 0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* It fails with @status, and one line that has @what. */
static void expect_fails(const char *out, const char *a, const char *b, int status,
			 const char *what)
{
	char *s;

	EXPECT_EQ(report_cmd(out, a, b), status);
	s = run_slurp(out);
	EXPECT_STRSTR(s, what);
	EXPECT_STREQ(strchr(s, '\n'), "\n")
	{
		TH_LOG("one line: %s", s);
	}
}

TEST_F(report, cmd, .title = "stallscope report prints a run again, from run.json or recomputed")
{
	char *t, path[300];

	ASSERT_EQ(report_write_json(&self->r, self->dir), 0);
	t = run_as_text(&self->r, self->out);
	EXPECT_EQ(report_cmd(self->out, self->dir, NULL), 0);
	EXPECT_STREQ(run_slurp(self->out), t);
	EXPECT_EQ(report_cmd(self->out, "--recompute", self->dir), 0);
	EXPECT_STREQ(run_slurp(self->out), t);
	free(t);
	t = run_as_json(&self->r, self->out);
	EXPECT_EQ(report_cmd(self->out, "--json", self->dir), 0);
	EXPECT_STREQ(run_slurp(self->out), t);
	EXPECT_EQ(report_cmd(self->out, "-rj", self->dir), 0);
	EXPECT_STREQ(run_slurp(self->out), t);
	free(t);
	/* run.json alone is enough */
	snprintf(path, sizeof(path), "%s/events.bin", self->dir);
	ASSERT_EQ(unlink(path), 0);
	EXPECT_EQ(report_cmd(self->out, self->dir, NULL), 0);
	expect_fails(self->out, "-r", self->dir, SS_EXIT_FAIL, "events.bin: No such file");
	EXPECT_EQ(report_cmd(self->out, "--help", NULL), 0);
	EXPECT_STRSTR(run_slurp(self->out), "build/demo");
}

TEST_F(report, cmd_errors, .title = "each way to misuse it: one line and its exit status")
{
	expect_fails(self->out, NULL, NULL, SS_EXIT_USAGE, "which run?");
	expect_fails(self->out, "a", "b", SS_EXIT_USAGE, "one run directory at a time");
	expect_fails(self->out, "--bogus", self->dir, SS_EXIT_USAGE, "--bogus");
	expect_fails(self->out, "/nonexistent", NULL, SS_EXIT_USAGE, "/nonexistent: No such file");
	expect_fails(self->out, "/dev/null", NULL, SS_EXIT_USAGE, "not a directory");
	expect_fails(self->out, self->dir, NULL, SS_EXIT_USAGE, "not a run's directory");
	ASSERT_EQ(report_write_json(&self->r, self->dir), 0);
	if (!access("/dev/full", W_OK))
		EXPECT_EQ(report_cmd("/dev/full", self->dir, NULL), SS_EXIT_OUTPUT);
	run_put_file(self->json, "{\"format\": 1,\n");
	expect_fails(self->out, self->dir, NULL, SS_EXIT_FAIL, "run.json is damaged: line 2");
	run_put_file(self->json, "{\"format\": 9}\n");
	expect_fails(self->out, self->dir, NULL, SS_EXIT_FAIL, "its format is 9");
}

TEST_HARNESS_MAIN
