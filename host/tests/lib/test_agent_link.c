// SPDX-License-Identifier: GPL-2.0-only
#include "lib/agent_link.h"
#include "ss_harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_MAX (4 * SS_FRAME_MAX)

/* A link whose output can be fed back, and which remembers what came in. */
struct wire {
	struct agent_link link;
	uint8_t *out;
	size_t out_len;
	int write_ret;
	int frame_ret;
	unsigned int nr, last_type;
	size_t last_len, total;
	uint8_t last[64];
};

static int on_frame(void *ctx, unsigned int type, const void *payload, size_t len)
{
	struct wire *w = ctx;

	w->nr++;
	w->last_type = type;
	w->last_len = len;
	w->total += len;
	memcpy(w->last, payload, len < sizeof(w->last) ? len : sizeof(w->last));
	return w->frame_ret;
}

static int on_write(void *ctx, const void *buf, size_t len)
{
	struct wire *w = ctx;

	if (w->write_ret)
		return w->write_ret;
	if (len > STREAM_MAX - w->out_len)
		return -EAGAIN;
	memcpy(w->out + w->out_len, buf, len);
	w->out_len += len;
	return 0;
}

static const struct agent_link_ops ops = { .frame = on_frame, .write = on_write };

FIXTURE(link)
{
	struct wire w;
};

FIXTURE_SETUP(link)
{
	memset(&self->w, 0, sizeof(self->w));
	self->w.out = malloc(STREAM_MAX);
	ASSERT_NE(self->w.out, NULL);
	agent_link_init(&self->w.link, &ops, &self->w);
}

FIXTURE_TEARDOWN(link)
{
	agent_link_destroy(&self->w.link);
	free(self->w.out);
}

TEST_F(link, whole, .title = "a frame that comes whole is handed on whole")
{
	struct wire *w = &self->w;

	ASSERT_EQ(agent_link_send(&w->link, SS_F_LOG, "level=info\n", 11), 0);
	EXPECT_EQ(w->out_len, sizeof(struct ss_frame) + 11);
	ASSERT_EQ(agent_link_feed(&w->link, w->out, w->out_len), 0);
	EXPECT_EQ(w->nr, 1u);
	EXPECT_EQ(w->last_type, (unsigned int)SS_F_LOG);
	EXPECT_EQ(w->last_len, 11u);
	EXPECT_EQ(memcmp(w->last, "level=info\n", 11), 0);
	EXPECT_FALSE(agent_link_partial(&w->link));
}

TEST_F(link, split_anywhere, .title = "frames are the same however the stream is cut")
{
	struct wire *w = &self->w;
	char payload[300];

	memset(payload, 0x31, sizeof(payload)); /* '1', the magic's first byte */
	for (size_t i = 0; i < 5; i++)
		ASSERT_EQ(agent_link_send(&w->link, SS_F_EVENTS, payload, i * 75), 0);
	for (size_t step = 1; step < 40; step++) {
		agent_link_destroy(&w->link);
		w->link.next_in = 0;
		w->nr = w->total = 0;
		for (size_t at = 0; at < w->out_len; at += step) {
			size_t n = w->out_len - at < step ? w->out_len - at : step;

			ASSERT_EQ(agent_link_feed(&w->link, w->out + at, n), 0);
		}
		EXPECT_EQ(w->nr, 5u);
		EXPECT_EQ(w->total, 750u);
	}
	EXPECT_EQ(w->link.garbage, 0u);
	EXPECT_EQ(w->link.gaps, 0u);
}

TEST_F(link, largest, .title = "SS_FRAME_MAX bytes pass, one more is refused")
{
	struct wire *w = &self->w;
	uint8_t *big = calloc(1, SS_FRAME_MAX + 1);

	ASSERT_NE(big, NULL);
	EXPECT_EQ(agent_link_send(&w->link, SS_F_OUTPUT, big, SS_FRAME_MAX + 1), -EMSGSIZE);
	EXPECT_EQ(w->out_len, 0u);
	EXPECT_EQ(agent_link_send(&w->link, SS_F_OUTPUT, big, SS_FRAME_MAX), 0);
	EXPECT_EQ(agent_link_feed(&w->link, w->out, w->out_len), 0);
	EXPECT_EQ(w->last_len, (size_t)SS_FRAME_MAX);
	free(big);
}

TEST_F(link, oversized,
       .title = "a header that claims more than SS_FRAME_MAX is garbage, and costs nothing")
{
	struct ss_frame h = { .magic = SS_FRAME_MAGIC, .type = SS_F_LOG, .len = SS_FRAME_MAX + 1 };
	struct wire *w = &self->w;

	ASSERT_EQ(agent_link_feed(&w->link, &h, sizeof(h)), 0);
	h.len = 0xffffffff;
	ASSERT_EQ(agent_link_feed(&w->link, &h, sizeof(h)), 0);
	EXPECT_EQ(w->nr, 0u);
	EXPECT_EQ(w->link.garbage, 2 * sizeof(h));
	EXPECT_LE(w->link.cap, 4096u);
	/* and the link goes on */
	ASSERT_EQ(agent_link_send(&w->link, SS_F_BYE, "status=0\n", 9), 0);
	ASSERT_EQ(agent_link_feed(&w->link, w->out, w->out_len), 0);
	EXPECT_EQ(w->nr, 1u);
}

TEST_F(link, garbage,
       .title = "bytes between frames are skipped and counted, the next frame is found")
{
	static const char junk[] = "1S1SF1SF11SF1S1SF1"; /* almost magic, again and again */
	struct wire *w = &self->w;
	size_t second;

	ASSERT_EQ(agent_link_send(&w->link, SS_F_LOG, "a", 1), 0);
	second = w->out_len;
	ASSERT_EQ(agent_link_send(&w->link, SS_F_LOG, "b", 1), 0);
	ASSERT_EQ(agent_link_feed(&w->link, w->out, second), 0);
	ASSERT_EQ(agent_link_feed(&w->link, "\0\xff", 2), 0);
	ASSERT_EQ(agent_link_feed(&w->link, junk, sizeof(junk) - 1), 0);
	ASSERT_EQ(agent_link_feed(&w->link, w->out + second, w->out_len - second), 0);
	EXPECT_EQ(w->nr, 2u);
	EXPECT_EQ(w->last[0], 'b');
	EXPECT_EQ(w->link.garbage, 2 + sizeof(junk) - 1);
	EXPECT_EQ(w->link.gaps, 0u);
}

TEST_F(link, magic_in_junk,
       .title = "a false magic swallows bytes up to its claimed end, no further")
{
	struct ss_frame h = { .magic = SS_FRAME_MAGIC, .type = 999, .len = 4, .seq = 0 };
	struct wire *w = &self->w;

	ASSERT_EQ(agent_link_feed(&w->link, "xx", 2), 0);
	ASSERT_EQ(agent_link_feed(&w->link, &h, sizeof(h)), 0);
	EXPECT_TRUE(agent_link_partial(&w->link));
	ASSERT_EQ(agent_link_feed(&w->link, "abcdyy", 6), 0);
	EXPECT_EQ(w->nr, 1u);
	EXPECT_EQ(w->last_type, 999u);
	EXPECT_EQ(w->link.garbage, 4u);
}

TEST_F(link, gaps, .title = "missing sequence numbers are counted, a jump back is one break")
{
	static const uint32_t seqs[] = { 0, 1, 5, 6, 2, 3 };
	struct wire *w = &self->w;

	for (size_t i = 0; i < sizeof(seqs) / sizeof(seqs[0]); i++) {
		struct ss_frame h = { .magic = SS_FRAME_MAGIC, .type = SS_F_LOG, .seq = seqs[i] };

		ASSERT_EQ(agent_link_feed(&w->link, &h, sizeof(h)), 0);
	}
	EXPECT_EQ(w->nr, 6u);
	EXPECT_EQ(w->link.gaps, 3u + 1u);
}

TEST_F(link, callback_error, .title = "an error of the frame callback comes out of feed")
{
	struct wire *w = &self->w;

	ASSERT_EQ(agent_link_send(&w->link, SS_F_LOG, NULL, 0), 0);
	ASSERT_EQ(agent_link_send(&w->link, SS_F_LOG, NULL, 0), 0);
	w->frame_ret = -ENOSPC;
	EXPECT_EQ(agent_link_feed(&w->link, w->out, w->out_len), -ENOSPC);
	EXPECT_EQ(w->nr, 1u);
}

TEST_F(link, no_room, .title = "a frame that can't be written uses up no sequence number")
{
	struct wire *w = &self->w;

	w->write_ret = -EAGAIN;
	EXPECT_EQ(agent_link_send(&w->link, SS_F_STOP, NULL, 0), -EAGAIN);
	w->write_ret = 0;
	EXPECT_EQ(agent_link_send(&w->link, SS_F_STOP, NULL, 0), 0);
	ASSERT_EQ(agent_link_feed(&w->link, w->out, w->out_len), 0);
	EXPECT_EQ(w->link.gaps, 0u);
	EXPECT_EQ(w->link.sent, 1u);
}

/* xorshift: the same bytes in every run */
static uint32_t rnd(uint32_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	*s ^= *s << 5;
	return *s;
}

TEST_F(link, noise,
       .title = "random streams seeded with headers neither crash nor allocate beyond a frame")
{
	struct wire *w = &self->w;
	uint32_t seed = 12345;
	uint8_t buf[4096];

	for (int round = 0; round < 2000; round++) {
		size_t n = rnd(&seed) % sizeof(buf) + 1;

		for (size_t i = 0; i < n; i++)
			buf[i] = (uint8_t)rnd(&seed);
		for (size_t i = 0; i + sizeof(struct ss_frame) < n; i += 1 + rnd(&seed) % 700) {
			struct ss_frame h = { .magic = SS_FRAME_MAGIC, .len = rnd(&seed) % 3000 };

			h.len = rnd(&seed) % 8 ? h.len : rnd(&seed);
			memcpy(buf + i, &h, sizeof(h));
		}
		ASSERT_EQ(agent_link_feed(&w->link, buf, n), 0);
		ASSERT_LE(w->link.cap, 2u * SS_FRAME_MAX);
	}
	EXPECT_GT(w->nr, 1000u);
}

static const char text[] =
	"state=kicked\nname=scx_x\nsched_arg=-a\nsched_arg=b c\nempty=\nmsg=one\nname=no\nmsg=two\n";

TEST(kv_values, .title = "key=value: values, an empty one, an absent one")
{
	char buf[32];

	EXPECT_EQ(agent_kv_get(text, sizeof(text) - 1, "state", buf, sizeof(buf)), 6);
	EXPECT_STREQ(buf, "kicked");
	EXPECT_EQ(agent_kv_get(text, sizeof(text) - 1, "empty", buf, sizeof(buf)), 0);
	EXPECT_STREQ(buf, "");
	EXPECT_EQ(agent_kv_get(text, sizeof(text) - 1, "tate", buf, sizeof(buf)), -ENOENT);
	EXPECT_STREQ(buf, "");
	EXPECT_EQ(agent_kv_get(text, 0, "state", buf, sizeof(buf)), -ENOENT);
}

TEST(kv_rest, .title = "msg holds the rest of the text, keys in it are not keys")
{
	char buf[32];

	EXPECT_EQ(agent_kv_get(text, sizeof(text) - 1, "msg", buf, sizeof(buf)), 19);
	EXPECT_STREQ(buf, "one\nname=no\nmsg=two");
	EXPECT_EQ(agent_kv_get(text, sizeof(text) - 1, "name", buf, sizeof(buf)), 5);
	EXPECT_STREQ(buf, "scx_x");
}

TEST(kv_repeat, .title = "a repeated key is walked in order")
{
	size_t pos = 0;
	char buf[32];

	EXPECT_EQ(agent_kv_next(text, sizeof(text) - 1, &pos, "sched_arg", buf, sizeof(buf)), 2);
	EXPECT_STREQ(buf, "-a");
	EXPECT_EQ(agent_kv_next(text, sizeof(text) - 1, &pos, "sched_arg", buf, sizeof(buf)), 3);
	EXPECT_STREQ(buf, "b c");
	EXPECT_EQ(agent_kv_next(text, sizeof(text) - 1, &pos, "sched_arg", buf, sizeof(buf)),
		  -ENOENT);
}

TEST(kv_hostile, .title = "text without newline, without =, with NUL and too long for the buffer")
{
	char buf[4];

	EXPECT_EQ(agent_kv_get("a=12345", 7, "a", buf, sizeof(buf)), 5);
	EXPECT_STREQ(buf, "123");
	EXPECT_EQ(agent_kv_get("nonsense\n\n=\nb=x", 15, "b", buf, sizeof(buf)), 1);
	EXPECT_STREQ(buf, "x");
	EXPECT_EQ(agent_kv_get("a=\0b\n", 5, "a", buf, sizeof(buf)), 2);
	EXPECT_STREQ(buf, " b");
	EXPECT_EQ(agent_kv_get("msg=", 4, "msg", buf, sizeof(buf)), 0);
}

TEST(kv_build, .title = "what is built is what is read; newlines only in the last key")
{
	char buf[64], out[32];
	struct agent_kv kv;

	agent_kv_init(&kv, buf, sizeof(buf));
	agent_kv_add(&kv, "duration", "%d", 20);
	agent_kv_add(&kv, "exec", "%s", "a\nduration=9");
	ASSERT_EQ(kv.err, 0);
	EXPECT_EQ(agent_kv_get(kv.buf, kv.len, "duration", out, sizeof(out)), 2);
	EXPECT_STREQ(out, "20");
	agent_kv_get(kv.buf, kv.len, "exec", out, sizeof(out));
	EXPECT_STREQ(out, "a\nduration=9");
	agent_kv_add(&kv, "late", "x");
	EXPECT_EQ(kv.err, -EINVAL);

	agent_kv_init(&kv, buf, sizeof(buf));
	agent_kv_add(&kv, "sched_arg", "two\nlines");
	EXPECT_EQ(kv.err, -EINVAL);

	agent_kv_init(&kv, buf, 8);
	agent_kv_add(&kv, "k", "%s", "12345"); /* "k=12345\n" is just 8 */
	EXPECT_EQ(kv.err, 0);
	EXPECT_EQ(kv.len, 8u);
	agent_kv_init(&kv, buf, 8);
	agent_kv_add(&kv, "k", "%s", "123456");
	EXPECT_EQ(kv.err, -ENOSPC);
}

TEST_HARNESS_MAIN
