// SPDX-License-Identifier: GPL-2.0-only
/* How a guest's end is told: what it was stopped for and what became of it. */
#include "run/run_guest.h"
#include "ss_harness.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT "still running at the time limit of 20 s"
#define STOOD "vCPU 0 at 0xffffffff81000000, vCPU 1 idle at 0x10"

FIXTURE(end)
{
	struct guest *g;
	struct run *run;
};

FIXTURE_SETUP(end)
{
	self->g = calloc(1, sizeof(*self->g));
	self->run = calloc(1, sizeof(*self->run));
	ASSERT_NOT_NULL(self->g);
	ASSERT_NOT_NULL(self->run);
	self->g->run = self->run;
}

FIXTURE_TEARDOWN(end)
{
	free(self->g);
	free(self->run);
}

/* As the loop leaves it when a limit has passed. */
static void time_is_over(struct ss_fx_end *self)
{
	strcpy(self->run->r.end_message, LIMIT);
	self->g->stop_ns = 1;
	self->g->stopped_for = VM_END_TIMEOUT;
}

static void ends(struct ss_fx_end *self, enum vm_end end, const char *detail)
{
	self->g->end.end = end;
	strcpy(self->g->end.detail, detail);
	guest_note_end(self->g);
}

TEST_F(end, hangs, .title = "a guest that doesn't stop: the limit, and where its vCPUs stood")
{
	time_is_over(self);
	ends(self, VM_END_TIMEOUT, "still running at the time limit: " STOOD);
	EXPECT_EQ(self->run->r.end, RUN_END_TIMEOUT);
	EXPECT_STREQ(self->run->r.end_message, LIMIT ": " STOOD);
	EXPECT_EQ(guest_judge(self->g), SS_EXIT_GUEST_TIMEOUT);
}

TEST_F(end, stops, .title = "one that does when asked to: the limit it was stopped at")
{
	time_is_over(self);
	ends(self, VM_END_POWEROFF, "the guest powered off");
	EXPECT_EQ(self->run->r.end, RUN_END_TIMEOUT);
	EXPECT_STREQ(self->run->r.end_message, LIMIT);
}

TEST_F(end, panics_late, .title = "one that panics when asked to: its panic, not the limit")
{
	time_is_over(self);
	ends(self, VM_END_PANIC, "Kernel panic - not syncing: hung_task");
	EXPECT_EQ(self->run->r.end, RUN_END_PANIC);
	EXPECT_STREQ(self->run->r.end_message, "Kernel panic - not syncing: hung_task");
	EXPECT_EQ(guest_judge(self->g), SS_EXIT_GUEST_PANIC);
}

TEST_F(end, crashes_late, .title = "one that crashes without a word when asked to: not the limit")
{
	time_is_over(self);
	ends(self, VM_END_TRIPLE_FAULT, "");
	EXPECT_EQ(self->run->r.end, RUN_END_TRIPLE_FAULT);
	EXPECT_STREQ(self->run->r.end_message, "");
}

TEST_F(end, interrupted, .title = "one that a user stopped: interrupted, whatever else passed")
{
	self->g->stop_ns = 1;
	self->g->stopped_for = VM_END_INTERRUPTED;
	ends(self, VM_END_POWEROFF, "the guest powered off");
	EXPECT_EQ(self->run->r.end, RUN_END_INTERRUPTED);
	EXPECT_EQ(guest_judge(self->g), SS_EXIT_INTERRUPTED);
}

TEST_HARNESS_MAIN
