// SPDX-License-Identifier: GPL-2.0-only
/*
 * The frames that a guest's netcheck sends and checks: a check that can't fail
 * would be worth nothing.
 */
#include <string.h>

#include "frame.h"
#include "ss_harness.h"

#define MAX 9014

FIXTURE(frame)
{
	struct frame_kind kind;
	uint8_t buf[MAX], scratch[MAX];
	uint64_t seq;
};

FIXTURE_SETUP(frame)
{
	self->kind = (struct frame_kind){
		.mac = { 0x52, 0x54, 0, 1, 2, 3 },
		.seed = 7,
		.run = 4711,
		.min = FRAME_MIN,
		.max = 1514,
	};
}
FIXTURE_TEARDOWN(frame)
{
}

static enum frame_fault check(struct ss_fx_frame *self, uint32_t len)
{
	return frame_check(&self->kind, self->buf, len, self->scratch, &self->seq);
}

TEST_F(frame, good, .title = "a frame that comes back as it was sent is good, and says which it is")
{
	for (uint64_t seq = 0; seq < 3000; seq++) {
		const uint32_t len = frame_make(&self->kind, seq, self->buf);

		ASSERT_GE(len, self->kind.min);
		ASSERT_LE(len, self->kind.max);
		ASSERT_EQ(check(self, len), FRAME_GOOD);
		ASSERT_EQ(self->seq, seq);
	}
}

TEST_F(frame, every_byte, .title = "a change of any byte shows, and so does another length")
{
	for (uint64_t seq = 0; seq < 3; seq++) {
		const uint32_t len = frame_make(&self->kind, seq, self->buf);

		for (uint32_t i = 0; i < len; i++) {
			self->buf[i] ^= 0x10;
			EXPECT_NE(check(self, len), FRAME_GOOD);
			self->buf[i] ^= 0x10;
		}
		EXPECT_NE(check(self, len - 1), FRAME_GOOD);
		EXPECT_NE(check(self, len + 1), FRAME_GOOD);
		EXPECT_EQ(check(self, len), FRAME_GOOD);
	}
	EXPECT_EQ(check(self, 10), FRAME_FOREIGN);
}

TEST_F(frame, lengths,
       .title = "the shortest and the longest frame come first, and all between them")
{
	bool seen[MAX] = { false };
	unsigned int n = 0;

	EXPECT_EQ(frame_make(&self->kind, 0, self->buf), 60);
	EXPECT_EQ(frame_make(&self->kind, 1, self->buf), 1514);
	for (uint64_t seq = 0; seq < 40000; seq++)
		seen[frame_make(&self->kind, seq, self->buf)] = true;
	for (unsigned int len = 0; len < MAX; len++)
		n += seen[len];
	EXPECT_EQ(n, 1514 - 60 + 1);
}

TEST_F(frame, others, .title = "another run's frames are told apart, another seed's differ")
{
	uint32_t len = frame_make(&self->kind, 5, self->buf);

	self->kind.run++;
	EXPECT_EQ(check(self, len), FRAME_FOREIGN);
	self->kind.run--;
	self->kind.seed++;
	EXPECT_EQ(check(self, len), FRAME_BROKEN);
	/* One that takes another's place is a whole frame, with its own number. */
	len = frame_make(&self->kind, 6, self->buf);
	EXPECT_EQ(check(self, len), FRAME_GOOD);
	EXPECT_EQ(self->seq, 6);
}

TEST_HARNESS_MAIN
