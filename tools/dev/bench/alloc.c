// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts allocations: these take the place of the C library's functions for the
 * whole program, its libraries included, and hand on to them.
 */
#include "bench.h"

#include <stdlib.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t nr, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static uint64_t calls;

uint64_t alloc_count(void)
{
	return __atomic_load_n(&calls, __ATOMIC_RELAXED);
}

static void count(void)
{
	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
	count();
	return __libc_malloc(size);
}

void *calloc(size_t nr, size_t size)
{
	count();
	return __libc_calloc(nr, size);
}

void *realloc(void *p, size_t size)
{
	count();
	return __libc_realloc(p, size);
}
