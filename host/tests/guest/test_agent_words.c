// SPDX-License-Identifier: GPL-2.0-only
/* How the guest's agent reads the kernel's words about a scheduler's end. */
#include "guest-tests/agent/agent.h"
#include "ss_harness.h"

#include <string.h>

void say(const char *fmt, ...)
{
	(void)fmt;
}

static void line(struct kmsg *k, const char *text)
{
	kmsg_line(k, text, strlen(text));
}

TEST(kicked,
     .title =
	     "a watchdog's, an error's and a sysrq's end count as kicked, with the kernel's number")
{
	static const struct {
		const char *reason;
		int kind;
	} ends[] = {
		{ "runnable task stall", 1026 }, { "scx_bpf_error", 1025 },
		{ "runtime error", 1024 },	 { "disabled by sysrq-S", 67 },
		{ "something new", -1 },
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct kmsg k = { 0 };
		char text[128];

		snprintf(text, sizeof(text), "sched_ext: BPF scheduler \"x\" disabled (%s)",
			 ends[i].reason);
		line(&k, text);
		EXPECT_STREQ(k.reason, ends[i].reason);
		EXPECT_TRUE(kmsg_kicked(&k));
		EXPECT_EQ(kmsg_kind(&k), ends[i].kind);
	}
}

TEST(own_will, .title = "a scheduler that unloads itself, from either side, was not kicked")
{
	struct kmsg k = { 0 };

	EXPECT_FALSE(kmsg_kicked(&k));
	line(&k, "sched_ext: BPF scheduler \"x\" enabled");
	EXPECT_FALSE(kmsg_kicked(&k));
	line(&k, "sched_ext: BPF scheduler \"x\" disabled (unregistered from user space)");
	EXPECT_FALSE(kmsg_kicked(&k));
	EXPECT_EQ(kmsg_kind(&k), 64);
	line(&k, "sched_ext: BPF scheduler \"x\" disabled (unregistered from BPF)");
	EXPECT_FALSE(kmsg_kicked(&k));
}

TEST(words, .title = "only lines about sched_ext are kept, in order")
{
	struct kmsg k = { 0 };

	line(&k, "usb 1-1: device disabled (by user)");
	line(&k, "sched_ext: x: scx_victim[102] failed to run for 2.068s");
	line(&k, "EXT4-fs (vda): mounted");
	line(&k, "sched_ext: second");
	EXPECT_STREQ(k.words.text, "sched_ext: x: scx_victim[102] failed to run for 2.068s\n"
				   "sched_ext: second\n");
	EXPECT_STREQ(k.reason, "");
}

TEST(odd_lines, .title = "a reason that is cut off, empty, holds brackets or is too long")
{
	char text[512];
	struct kmsg k = { 0 };

	line(&k, "sched_ext: BPF scheduler \"x\" disabled (cut o");
	EXPECT_STREQ(k.reason, "");
	line(&k, "sched_ext: BPF scheduler \"x\" disabled ()");
	EXPECT_STREQ(k.reason, "");
	line(&k, "sched_ext: BPF scheduler \"x\" disabled (a (b) c)");
	EXPECT_STREQ(k.reason, "a (b) c");
	memset(text, 'r', sizeof(text));
	memcpy(text, "sched_ext: \"x\" disabled (", 25);
	text[sizeof(text) - 2] = ')';
	text[sizeof(text) - 1] = '\0';
	line(&k, text);
	EXPECT_EQ(strlen(k.reason), sizeof(k.reason) - 1);
}

TEST(tail, .title = "a tail keeps the end, whatever the pieces")
{
	static char big[3 * TAIL_SIZE];
	static struct tail t;

	memset(big, 'a', sizeof(big));
	tail_add(&t, "start", 5);
	EXPECT_STREQ(t.text, "start");
	tail_add(&t, big, TAIL_SIZE - 6);
	EXPECT_EQ(t.len, (size_t)TAIL_SIZE - 1);
	EXPECT_EQ(memcmp(t.text, "starta", 6), 0);
	tail_add(&t, "bc", 2);
	EXPECT_EQ(t.len, (size_t)TAIL_SIZE - 1);
	EXPECT_EQ(memcmp(t.text, "arta", 4), 0);
	EXPECT_STREQ(t.text + TAIL_SIZE - 4, "abc");
	memcpy(big + sizeof(big) - 3, "END", 3);
	tail_add(&t, big, sizeof(big));
	EXPECT_EQ(t.len, (size_t)TAIL_SIZE - 1);
	EXPECT_STREQ(t.text + TAIL_SIZE - 4, "END");
}

TEST_HARNESS_MAIN
