/* SPDX-License-Identifier: GPL-2.0-only */
/* A world of its own for each of the attribution's tests. */
#ifndef SS_TEST_ATTR_FIXTURE_H
#define SS_TEST_ATTR_FIXTURE_H

#include "attr_world.h"
#include "ss_harness.h"

/* Clock rounding may cost each stamp a ns. */
#define EXPECT_NEAR(a, b) EXPECT_LE(llabs((long long)(a) - (long long)(b)), 3)

FIXTURE(attr)
{
	struct world w;
};

FIXTURE_SETUP(attr)
{
	world_init(&self->w);
}

FIXTURE_TEARDOWN(attr)
{
	world_free(&self->w);
}

#endif /* SS_TEST_ATTR_FIXTURE_H */
