// SPDX-License-Identifier: GPL-2.0-only
/* Whole numbers and sizes as people type them. */
#include "lib/number.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

int number_parse(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	/* All digits first: "-1" and "12x" are not numbers, however large. */
	for (const char *p = s; *p; p++)
		if (!isdigit((unsigned char)*p))
			return -EINVAL;
	for (; *s; s++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *s - '0', &v) ||
		    v > max)
			return -ERANGE;
	*out = v;
	return 0;
}

int number_size(const char *s, uint64_t *out)
{
	static const char suffixes[] = "KMGT";
	char digits[24];
	size_t n = strspn(s, "0123456789");
	unsigned int shift = 0;
	uint64_t v;
	int err;

	if (!n || strlen(s) > n + 1)
		return -EINVAL;
	if (s[n]) {
		const char *suffix = strchr(suffixes, toupper((unsigned char)s[n]));

		if (!suffix)
			return -EINVAL;
		shift = 10 * ((unsigned int)(suffix - suffixes) + 1);
	}
	if (n >= sizeof(digits))
		return -ERANGE;
	memcpy(digits, s, n);
	digits[n] = '\0';
	err = number_parse(digits, INT64_MAX >> shift, &v);
	if (err)
		return err;
	*out = v << shift;
	return 0;
}
