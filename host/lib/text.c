// SPDX-License-Identifier: GPL-2.0-only
/* Text that others wrote, made fit to be printed. */
#include "lib/text.h"

#include <stdint.h>
#include <string.h>

/* The character at @s by UTF-8's rules (RFC 3629); 0: there is none. */
static uint32_t decode(const unsigned char *s, size_t len, size_t *bytes)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = s[0];
	size_t n;

	*bytes = 1;
	if (c < 0x80)
		return c;
	n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (c < 0xc2 || c > 0xf4 || n > len)
		return 0;
	c &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*bytes = n;
	return c;
}

bool text_next(const char *s, size_t len, size_t *bytes)
{
	const uint32_t c = decode((const unsigned char *)s, len, bytes);

	if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
		return false;
	/* Line and paragraph separators, embeddings, overrides, isolates. */
	return !((c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069));
}

static void clean(char *s, bool lines)
{
	size_t len = strlen(s), n;
	char *to = s;

	for (; len; s += n, len -= n) {
		const bool fine = text_next(s, len, &n);
		const bool white = strchr("\t\n\v\f\r", *s);

		if (fine || (lines && strchr("\t\n", *s))) {
			memmove(to, s, n);
			to += n;
		} else {
			*to++ = white ? ' ' : '?';
		}
	}
	*to = '\0';
}

void text_clean(char *s)
{
	clean(s, false);
}

void text_clean_lines(char *s)
{
	clean(s, true);
}
