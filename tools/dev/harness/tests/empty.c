// SPDX-License-Identifier: GPL-2.0-only
/*
 * No tests at all, for the harness' own tests. Not a test program by itself.
 */
#include "ss_harness.h"

TEST_HARNESS_MAIN
