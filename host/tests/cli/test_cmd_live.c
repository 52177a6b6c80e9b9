// SPDX-License-Identifier: GPL-2.0-only
/* stallscope stat and throttle, asking a run that isn't one: this process. */
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cmds.h"
#include "live/ctl.h"
#include "lib/exitcodes.h"
#include "ss_harness.h"

FIXTURE(live)
{
	char name[40], out[512], err[512];
	struct ctl *ctl;
};

static json_t *answer(void *ctx, const json_t *request)
{
	(void)ctx;
	(void)request;
	return json_pack("{s:b,s:f,s:[s],s:{s:i},s:{s:i}}", "ok", 1, "seconds", 1.5, "disks",
			 "disk0", "old", "iops", 100, "new", "iops", 50);
}

FIXTURE_SETUP(live)
{
	char err[300];

	memset(self, 0, sizeof(*self));
	snprintf(self->name, sizeof(self->name), "test-live-%d", (int)getpid());
	snprintf(self->out, sizeof(self->out), "%s/out", ss_tmpdir());
	snprintf(self->err, sizeof(self->err), "%s/err", ss_tmpdir());
	setenv("XDG_RUNTIME_DIR", ss_tmpdir(), 0);
	if (ctl_open(NULL, self->name, answer, self, &self->ctl, err, sizeof(err)))
		SKIP("%s", err);
}

FIXTURE_TEARDOWN(live)
{
	ctl_close(self->ctl);
}

static pid_t begin(struct ss_fx_live *self, int (*cmd)(int, char **), const char *out, char **argv)
{
	pid_t pid = fork();
	int argc = 0;

	if (pid)
		return pid;
	dup2(open(out, O_WRONLY | O_CREAT | O_TRUNC, 0644), STDOUT_FILENO);
	dup2(open(self->err, O_WRONLY | O_CREAT | O_TRUNC, 0644), STDERR_FILENO);
	while (argv[argc])
		argc++;
	_exit(cmd(argc, argv));
}

static const char *read_back(const char *path)
{
	static char text[4096];
	FILE *f = fopen(path, "r");
	size_t n;

	ASSERT_NOT_NULL(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static void serve(struct ss_fx_live *self)
{
	struct pollfd p = { .fd = ctl_fd(self->ctl), .events = POLLIN };

	ASSERT_GE(poll(&p, 1, 20), 0);
	ctl_serve(self->ctl);
}

/* Answer until the first answer has been shown. */
static void serve_one(struct ss_fx_live *self)
{
	while (access(self->out, F_OK) || !strchr(read_back(self->out), '\n'))
		serve(self);
}

/* Its exit status; @answered: serve it until then. */
static int end(struct ss_fx_live *self, pid_t pid, bool answered)
{
	int status, ret;

	while (!(ret = waitpid(pid, &status, answered ? WNOHANG : 0)))
		serve(self);
	ASSERT_EQ(ret, pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(live, stands_still, .title = "a run that stops to answer is none that has ended")
{
	pid_t pid = begin(self, cmd_stat, self->out,
			  (char *[]){ "stat", self->name, "--interval=1", NULL });

	serve_one(self);
	EXPECT_EQ(end(self, pid, false), SS_EXIT_FAIL);
	EXPECT_STRSTR(read_back(self->err), "doesn't answer within");
	EXPECT_STRSTR(read_back(self->out), self->name);
}

TEST_F(live, ends, .title = "a run that ends is the end of the list")
{
	pid_t pid = begin(self, cmd_stat, self->out,
			  (char *[]){ "stat", self->name, "--interval=1", "--json", NULL });
	const char *text;

	serve_one(self);
	ctl_close(self->ctl);
	self->ctl = NULL;
	EXPECT_EQ(end(self, pid, false), SS_EXIT_OK);
	EXPECT_STREQ(read_back(self->err), "");
	text = read_back(self->out);
	ASSERT_NOT_NULL(strchr(text, '\n'));
	EXPECT_STREQ(strchr(text, '\n'), "\n");
}

TEST_F(live, full, .title = "an answer that can't be written: status 9 and a line")
{
	static const struct {
		int (*cmd)(int, char **);
		const char *word[3];
	} each[] = {
		{ cmd_stat, { "--interval=1" } },
		{ cmd_stat, { "--json" } },
		{ cmd_stat, { "--json", "--interval=1" } },
		{ cmd_throttle, { "disk0", "iops=50" } },
		{ cmd_throttle, { "disk0", "iops=50", "--json" } },
	};

	for (unsigned int i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		char *const *word = (char *const *)each[i].word;
		pid_t pid = begin(self, each[i].cmd, "/dev/full",
				  (char *[]){ "cmd", self->name, word[0], word[1], word[2], NULL });

		EXPECT_EQ(end(self, pid, true), SS_EXIT_OUTPUT);
		EXPECT_STREQ(read_back(self->err),
			     "stallscope: can't write the answer: No space left on device\n");
	}
}

TEST_F(live, throttle, .title = "old and new limits are printed")
{
	pid_t pid = begin(self, cmd_throttle, self->out,
			  (char *[]){ "throttle", self->name, "disk0", "iops=50", NULL });

	EXPECT_EQ(end(self, pid, true), SS_EXIT_OK);
	EXPECT_STREQ(read_back(self->out), "disk0: iops=100 -> 50 bps=0\n");
}

TEST_HARNESS_MAIN
