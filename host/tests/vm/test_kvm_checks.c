// SPDX-License-Identifier: GPL-2.0-only
/* A check that fails in a bare-metal guest fails the host's test, and says where. */
#include "bare_guest.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

FIXTURE(checks)
{
	struct bare_guest n;
};

FIXTURE_SETUP(checks)
{
	self->n = (struct bare_guest){ 0 };
}

FIXTURE_TEARDOWN(checks)
{
	bare_guest_free(&self->n);
}

/* All that the test prints from now on goes to a file. Return: where it went before */
static int capture(char *path, size_t size)
{
	int fd, before = dup(STDERR_FILENO);

	snprintf(path, size, "%s/printed", ss_tmpdir());
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
	return before;
}

/*
 * The test must fail now, which is what is expected of it; but were it for another
 * reason, leaving it in the middle is a failure in any case.
 */
static void fails(struct bare_guest *n, const char *name, const char *want)
{
	char path[256], text[4096] = "";
	int before, fd;

	bare_guest_disk(n, &(struct bare_guest_opts){ .cpus = 2 });
	XFAIL("the guest's check fails");
	before = capture(path, sizeof(path));
	bare_guest_run(n, name);
	dup2(before, STDERR_FILENO);
	close(before);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || !strstr(text, want) ||
	    strstr(text, "not reached")) {
		fprintf(stderr, "\"%s\" was to be printed, it was:\n%s", want, text);
		_exit(1);
	}
	close(fd);
}

TEST_F(checks, pass, .timeout_s = BARE_TIMEOUT_S, .title = "checks that hold say nothing")
{
	bare_guest_disk(&self->n, &(struct bare_guest_opts){ 0 });
	bare_guest_run(&self->n, "passes");
}

TEST_F(checks, number, .timeout_s = BARE_TIMEOUT_S,
       .title = "numbers compare as in mathematics, and both are told, with the place")
{
	fails(&self->n, "fails_number",
	      "blk_checks.c:17: EXPECT_GT(minus_one, 0u) failed: minus_one = -1, 0u = 0");
}

TEST_F(checks, log, .timeout_s = BARE_TIMEOUT_S, .title = "a guest's line of diagnostics")
{
	fails(&self->n, "fails_number", "blk_checks.c:19: text: -7, 7, 0xffffffffffffffff, -1\n");
}

TEST_F(checks, truth, .timeout_s = BARE_TIMEOUT_S, .title = "a truth that isn't one")
{
	fails(&self->n, "fails_truth", "EXPECT_FALSE(shared->queues) failed: it is true");
}

TEST_F(checks, memory, .timeout_s = BARE_TIMEOUT_S, .title = "the first byte that differs")
{
	fails(&self->n, "fails_memory", "[2] = 0x63, (\"abd\")[2] = 0x64");
}

TEST_F(checks, assertion, .timeout_s = BARE_TIMEOUT_S,
       .title = "a failed ASSERT ends the guest there")
{
	fails(&self->n, "fails_assert", "= 1953655158 (0x74726976), 0, errno");
}

TEST_F(checks, fault, .timeout_s = BARE_TIMEOUT_S,
       .title = "an exception is told, with its address")
{
	fails(&self->n, "faults", "exception 14 in the guest at 0x2");
}

TEST_F(checks, second_cpu, .timeout_s = BARE_TIMEOUT_S, .title = "a check on the second CPU")
{
	fails(&self->n, "fails_second_cpu", "EXPECT_EQ(user_irqs(1), 1) failed: user_irqs(1) = 0");
}

TEST_F(checks, too_early, .timeout_s = BARE_TIMEOUT_S,
       .title = "a guest that is off before its test's end has failed")
{
	fails(&self->n, "powers_off", "EXPECT_TRUE(n->finished) failed");
}

TEST_F(checks, no_test, .timeout_s = BARE_TIMEOUT_S, .title = "a test that the guest doesn't have")
{
	fails(&self->n, "fails", "there is no test of that name");
}

TEST_HARNESS_MAIN
