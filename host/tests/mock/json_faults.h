/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * jansson without memory: one allocation of its own fails, which faults.h can't do, as
 * the linker doesn't see it. For one test program each, in which all is static.
 */
#ifndef SS_TEST_JSON_FAULTS_H
#define SS_TEST_JSON_FAULTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>

static unsigned int json_left, json_blocks;

static void *json_failing_malloc(size_t size)
{
	if (json_left && !--json_left)
		return NULL;
	json_blocks++;
	return malloc(size);
}

static void json_counting_free(void *block)
{
	json_blocks -= !!block;
	free(block);
}

/* From here on the @n-th fails, and json_blocks says what is held of the others. */
static inline void json_fault_begin(unsigned int n)
{
	json_set_alloc_funcs(json_failing_malloc, json_counting_free);
	json_blocks = 0;
	json_left = n;
}

/* Return: one has failed, there weren't fewer. */
static inline bool json_fault_end(void)
{
	json_set_alloc_funcs(malloc, free);
	return !json_left;
}

#endif /* SS_TEST_JSON_FAULTS_H */
