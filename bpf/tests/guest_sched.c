// SPDX-License-Identifier: GPL-2.0-only
/* Schedulers as the tests start them, on a kernel with sched_ext. */
#include "guest_sched.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ss_harness.h"

#define NAP_NS 10000000

pid_t sched_start(const char *const argv[], const char *log)
{
	pid_t pid = fork();
	int fd;

	ASSERT_GE(pid, 0);
	if (pid)
		return pid;
	fd = open(log, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	if (fd >= 0) {
		dup2(fd, 1);
		dup2(fd, 2);
	}
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

int sched_status(pid_t pid)
{
	int status;

	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFEXITED(status));
	return WEXITSTATUS(status);
}

void sched_read(const char *path, char *text, size_t len)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, len - 1);

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* Until the program says so: by then the kernel has enabled it. */
void sched_wait_enabled(pid_t pid, const char *log)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };
	char text[4096] = "";
	int status;

	while (!strstr(text, "enabled")) {
		ASSERT_EQ(waitpid(pid, &status, WNOHANG), 0)
		TH_LOG("it ended: %s", text);
		nanosleep(&nap, NULL);
		sched_read(log, text, sizeof(text));
	}
	sched_read("/sys/kernel/sched_ext/state", text, sizeof(text));
	EXPECT_STREQ(text, "enabled\n");
}

const char *sched_log(char path[256])
{
	snprintf(path, 256, "%s/log", ss_tmpdir());
	return path;
}

void sched_need(void)
{
	if (access("/sys/kernel/sched_ext/state", R_OK))
		SKIP("this kernel has no sched_ext");
}
