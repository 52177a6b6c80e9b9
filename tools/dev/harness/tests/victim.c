// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests that end in every way a test can end, for the harness' own tests to
 * judge the harness by. Not a test program by itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ss_harness.h"

enum colour { RED = 5 };

TEST_TITLED(passes, "a sentence about it")
{
	const char *text = "stall", *none = NULL;
	unsigned long three = 3;
	enum colour colour = RED;
	bool yes = true;

	EXPECT_EQ(three, 3);
	EXPECT_EQ(colour, RED);
	EXPECT_NE(colour, 6);
	EXPECT_LT(-1, 0u);
	EXPECT_GT(1ul << 63, -1);
	EXPECT_LE(3, three);
	EXPECT_GE(three, 3);
	EXPECT_EQ(yes, 1);
	EXPECT_TRUE(three);
	EXPECT_FALSE(none);
	EXPECT_NULL(none);
	EXPECT_NOT_NULL(text);
	EXPECT_STREQ(text, "stall");
	EXPECT_STREQ(none, NULL);
	EXPECT_STRNE(text, none);
	EXPECT_STRSTR(text, "tall");
	EXPECT_MEMEQ(text, "stab", 3);
	EXPECT_GT(0.75, 0.5);
	EXPECT_NE((double)NAN, (double)NAN);
	ASSERT_EQ(text, text);
}

TEST(eq_fails)
{
	int got = 7;

	errno = ENOENT;
	EXPECT_EQ(got, RED);
	TH_LOG("goes on");
}

TEST(wrong_sign)
{
	EXPECT_EQ(-1, 0xffffffffu);
}

TEST(wrong_double)
{
	EXPECT_EQ(0.5, 0.75);
}

TEST(not_a_number)
{
	EXPECT_EQ((double)NAN, (double)NAN);
}

TEST(null_string)
{
	const char *none = NULL;

	EXPECT_STREQ("a", none);
}

TEST(no_substring)
{
	EXPECT_STRSTR("stall", "drain");
}

TEST(wrong_memory)
{
	EXPECT_MEMEQ("abc", "abd", 3);
}

TEST(assert_stops)
{
	ASSERT_TRUE(RED == 6)
	{
		TH_LOG("the block runs");
	}
	TH_LOG("not reached");
}

static void *fail_in_thread(void *arg)
{
	EXPECT_NULL(arg);
	return NULL;
}

static void *assert_in_thread(void *arg)
{
	ASSERT_NULL(arg);
	return NULL;
}

static void *sleep_in_thread(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void run_thread(void *(*fn)(void *), bool join)
{
	pthread_t thread;

	ASSERT_EQ(pthread_create(&thread, NULL, fn, (void *)1), 0);
	if (join)
		pthread_join(thread, NULL);
}

TEST(thread_expect)
{
	run_thread(fail_in_thread, true);
}

TEST(thread_assert)
{
	run_thread(assert_in_thread, true);
	TH_LOG("not reached");
}

TEST(child_expect)
{
	pid_t pid = fork();

	if (!pid) {
		EXPECT_EQ(1, 2);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

TEST_TIMEOUT(hangs, 1)
{
	printf("an unfinished line");
	sleep_in_thread(NULL);
}

TEST_TIMEOUT(hangs_with_child, 1)
{
	if (!fork())
		setsid();
	sleep_in_thread(NULL);
}

TEST(crashes)
{
	raise(SIGSEGV);
}

TEST(is_killed)
{
	raise(SIGKILL);
}

TEST(exits)
{
	exit(0);
}

TEST(leaks_fd)
{
	ASSERT_LE(0, open("/dev/null", O_RDONLY));
}

TEST(leaks_thread)
{
	run_thread(sleep_in_thread, false);
}

TEST(leaks_process)
{
	if (!fork()) {
		setsid();
		sleep_in_thread(NULL);
	}
}

/* Passes only if the harness reaps it: we are not its parent. */
TEST(waits_for_orphan)
{
	int fds[2];
	pid_t pid, orphan = 0;

	ASSERT_EQ(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		orphan = fork();
		if (!orphan)
			sleep_in_thread(NULL);
		_exit(write(fds[1], &orphan, sizeof(orphan)) != sizeof(orphan));
	}
	waitpid(pid, NULL, 0);
	ASSERT_EQ(read(fds[0], &orphan, sizeof(orphan)), (int)sizeof(orphan));
	close(fds[0]);
	close(fds[1]);
	kill(orphan, SIGKILL);
	while (!kill(orphan, 0))
		usleep(1000);
}

TEST(leaks_file)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/left", getenv("TMPDIR"));
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ASSERT_LE(0, fd);
	close(fd);
}

TEST(uses_scratch)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/left", ss_tmpdir());
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	ASSERT_LE(0, fd);
	close(fd);
}

TEST_SIGNAL(aborts_as_it_should, SIGABRT)
{
	abort();
}

TEST_SIGNAL(should_abort, SIGABRT)
{
}

TEST(skips)
{
	SKIP("no %s here", "disk");
}

TEST(skips_after_failure)
{
	EXPECT_TRUE(false);
	SKIP("no disk here");
}

TEST(xfails)
{
	XFAIL("known since %d", 1999);
	EXPECT_TRUE(false);
}

TEST(xfail_passes)
{
	XFAIL("no more");
}

TEST(xfail_crashes)
{
	XFAIL("known");
	raise(SIGSEGV);
}

TEST(prints_ktap)
{
	printf("not ok 1 not_mine\nKTAP version 1\n1..7\n");
}

TEST(floods, .timeout_s = 60)
{
	for (int i = 0; i < 200000; i++)
		printf("line %d\n", i);
}

FIXTURE(pair)
{
	int value;
};

FIXTURE_VARIANT(pair)
{
	int value;
};

FIXTURE_VARIANT_ADD(pair, one){ .value = 1 };
FIXTURE_VARIANT_ADD(pair, two){ .value = 2 };

FIXTURE_SETUP(pair)
{
	self->value = variant->value;
}

FIXTURE_TEARDOWN(pair)
{
	TH_LOG("teardown of %d", self->value);
}

TEST_F_TITLED(pair, is_one, "the value is one")
{
	ASSERT_EQ(self->value, 1);
}

FIXTURE(broken)
{
	int value;
};

FIXTURE_SETUP(broken)
{
	ASSERT_EQ(self->value, 1);
}

FIXTURE_TEARDOWN(broken)
{
	TH_LOG("not reached");
}

TEST_F(broken, test)
{
	TH_LOG("not reached");
}

TEST_HARNESS_MAIN
