/* SPDX-License-Identifier: GPL-2.0-only */
/* Whole numbers and sizes as people type them, in options and files. */
#ifndef SS_LIB_NUMBER_H
#define SS_LIB_NUMBER_H

#include <stdint.h>

/**
 * number_parse() - parse a whole decimal number.
 * @s: the text; signs, blanks and anything after the digits are refused.
 * @max: largest value accepted.
 * @out: where the value goes.
 *
 * Return: 0, -EINVAL (not a number) or -ERANGE (larger than @max).
 */
int number_parse(const char *s, uint64_t max, uint64_t *out);

/**
 * number_size() - parse bytes with an optional suffix K, M, G or T (powers of 1024).
 *
 * Return: 0, -EINVAL or -ERANGE (does not fit 63 bits: it must also be an off_t).
 */
int number_size(const char *s, uint64_t *out);

#endif /* SS_LIB_NUMBER_H */
