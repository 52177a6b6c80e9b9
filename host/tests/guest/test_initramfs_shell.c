// SPDX-License-Identifier: GPL-2.0-only
/* Which programs a shell command line names: the initramfs maker's scanner. */
#include "tools/run/initramfs/mkinitramfs.h"
#include "ss_harness.h"

#include <stdio.h>
#include <string.h>

struct words {
	char sure[512];
	char maybe[512];
};

static int note_word(void *ctx, const struct shell_word *w)
{
	struct words *words = ctx;
	char *to = w->sure ? words->sure : words->maybe;

	snprintf(to + strlen(to), 512 - strlen(to), "%s|", w->text);
	return 0;
}

FIXTURE(shell)
{
	int none;
};

FIXTURE_VARIANT(shell)
{
	const char *cmd, *sure, *maybe;
};

FIXTURE_SETUP(shell)
{
	self->none = 0;
}

FIXTURE_TEARDOWN(shell)
{
}

#define CMD(name_, cmd_, sure_, maybe_)                                                            \
	FIXTURE_VARIANT_ADD(shell, name_){ .cmd = cmd_, .sure = sure_, .maybe = maybe_ };

CMD(simple, "fio --name=x", "fio|", "")
CMD(lists, "a && b || c; d & e | f\ng", "a|b|c|d|e|f|g|", "")
CMD(quotes, "'a b' \"c;d\" ; \"e\"f g", "a b|ef|", "")
CMD(escapes, "a\\ b c; d\\;e", "a b|d;e|", "")
CMD(assignments, "A=1 B='x y' prog A=2", "prog|", "")
CMD(only_assignment, "A=1; prog", "prog|", "")
CMD(redirections, "a >b 2>c <d; >x y 2>&1 z; p &>l arg", "a|y|p|", "")
CMD(keywords, "if a; then b; elif c; then d; else e; fi; while ! f; do { g; }; done",
    "a|b|c|d|e|f|g|", "")
CMD(for_loop, "for i in one two; do prog $i; done", "prog|", "")
CMD(subshell, "(a; b) | (c)", "a|b|c|", "")
CMD(substitution, "x=$(a b $(c)) echo \"$(d 'e)')\" `f g`", "a|c|echo|d|f|", "")
CMD(arithmetic, "x=$((a + b)); p", "p|", "")
CMD(variables, "$PROG x; ${P} y; \"$A\"b; p", "p|", "")
CMD(globs, "./* ; ~/x ; p", "p|", "")
CMD(prefixes, "exec a; time b; ! c; command -v d", "a|b|c|d|", "")
CMD(wrappers, "timeout -s KILL 5 fio x; env A=1 nice prog", "timeout|env|",
    "KILL|5|fio|x|nice|prog|")
CMD(nested, "sh -c 'a; b'; bash -ec \"c\"; eval 'd'; nice sh -c 'e f'",
    "sh|a|b|bash|c|eval|d|nice|e|", "sh|")
CMD(shell_script, "sh ./x.sh ./y", "sh|", "./x.sh|")
CMD(comment, "a # b; c\nd#e", "a|d#e|", "")
CMD(functions, "f() { a; }; f", "", "a|f|")
CMD(case_words, "case $x in a) b;; esac", "", "b|esac|")
CMD(here_document, "cat <<E\nword\nE\nprog", "cat|", "word|E|prog|")
CMD(unclosed, "a 'b; c", "a|", "")
CMD(empty, "  ;; \n # x", "", "")

TEST_F(shell, words, .title = "the programs that a command line names")
{
	struct words w = { "", "" };

	EXPECT_EQ(shell_commands(variant->cmd, note_word, &w), 0);
	EXPECT_STREQ(w.sure, variant->sure);
	EXPECT_STREQ(w.maybe, variant->maybe);
}

TEST(shell_deep, .title = "a command line nested without end is cut off")
{
	char cmd[1001];
	struct words w = { "", "" };

	for (size_t i = 0; i < 1000; i += 2)
		memcpy(cmd + i, "$(", 2);
	cmd[1000] = '\0';
	EXPECT_EQ(shell_commands(cmd, note_word, &w), 0);
}

TEST_HARNESS_MAIN
