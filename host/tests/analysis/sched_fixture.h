/* SPDX-License-Identifier: GPL-2.0-only */
/* A scripted stream for each test. */
#ifndef SS_TEST_SCHED_FIXTURE_H
#define SS_TEST_SCHED_FIXTURE_H

#include <stdlib.h>

#include "sched_world.h"
#include "ss_harness.h"

/* Clock rounding may cost each stamp a ns. */
#define EXPECT_NEAR(a, b) EXPECT_LE(llabs((long long)(a) - (long long)(b)), 20)

FIXTURE(sched)
{
	struct sched_world s;
};

FIXTURE_TEARDOWN(sched)
{
	sw_free(&self->s);
}

#endif /* SS_TEST_SCHED_FIXTURE_H */
