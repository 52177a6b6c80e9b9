// SPDX-License-Identifier: GPL-2.0-only
/* Text of others: what may be printed, and what stands for the rest. */
#include "lib/text.h"

#include <stdio.h>
#include <string.h>

#include "ss_harness.h"

static const char *cleaned(const char *s)
{
	static char buf[256];

	snprintf(buf, sizeof(buf), "%s", s);
	text_clean(buf);
	return buf;
}

TEST(plain, .title = "what is printable stays, in every script")
{
	static const char *const texts[] = {
		"",
		"kworker/u8:0-flush",
		"gr\xc3\xbc\xc3\x9f",
		"\xe6\x97\xa5\xe6\x9c\xac",
		"\xf0\x9f\x90\xa7",
		"\xc2\xa0\xef\xbf\xbd",
	};

	for (unsigned int i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		EXPECT_STREQ(cleaned(texts[i]), texts[i]);
}

TEST(controls, .title = "C0, DEL and C1, also as UTF-8, become question marks, white space blanks")
{
	char s[2] = "", c1[3] = "\xc2";

	for (int c = 1; c < 0x20; c++) {
		s[0] = (char)c;
		EXPECT_STREQ(cleaned(s), c >= '\t' && c <= '\r' ? " " : "?");
	}
	EXPECT_STREQ(cleaned("\x7f"), "?");
	for (int c = 0x80; c < 0xa0; c++) {
		c1[1] = (char)c;
		EXPECT_STREQ(cleaned(c1), "?");
	}
	EXPECT_STREQ(cleaned("a\x1b[2Jb\xc2\x9b"
			     "2Jc"),
		     "a?[2Jb?2Jc");
}

TEST(no_utf8, .title = "bytes that are no UTF-8 become a question mark each, what follows stays")
{
	EXPECT_STREQ(cleaned("\x9b[2J"), "?[2J");
	EXPECT_STREQ(cleaned("a\xc3"), "a?");
	EXPECT_STREQ(cleaned("\xc3z"), "?z");
	EXPECT_STREQ(cleaned("\xe6\x97z"), "??z");
	/* Overlong, a surrogate, beyond the last. */
	EXPECT_STREQ(cleaned("\xc0\x9b"), "??");
	EXPECT_STREQ(cleaned("\xe0\x82\x9b"), "???");
	EXPECT_STREQ(cleaned("\xed\xa0\x80"), "???");
	EXPECT_STREQ(cleaned("\xf4\x90\x80\x80"), "????");
	EXPECT_STREQ(cleaned("\xff\xfe"), "??");
}

TEST(deceit, .title = "what separates lines or turns the direction of writing is a question mark")
{
	EXPECT_STREQ(cleaned("a\xe2\x80\xae"
			     "b"),
		     "a?b");
	EXPECT_STREQ(cleaned("a\xe2\x80\xa8"
			     "b\xe2\x80\xa9"),
		     "a?b?");
	EXPECT_STREQ(cleaned("\xe2\x81\xa6\xe2\x81\xa9"), "??");
	EXPECT_STREQ(cleaned("\xe2\x80\xa7\xe2\x80\xaf"), "\xe2\x80\xa7\xe2\x80\xaf");
}

TEST(lines, .title = "new lines and tabs stay where a text may have lines")
{
	char s[] = "one\n\ttwo\r\n\x1bthree\xc2\x85";

	text_clean_lines(s);
	EXPECT_STREQ(s, "one\n\ttwo \n?three?");
}

TEST_HARNESS_MAIN
