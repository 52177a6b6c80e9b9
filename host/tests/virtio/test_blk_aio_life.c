// SPDX-License-Identifier: GPL-2.0-only
/* The same tests in front of a backing with a queue. */
#include "test_blk_life.c"

__attribute__((constructor)) static void with_queue(void)
{
	mock_backing_async = true;
}
