// SPDX-License-Identifier: GPL-2.0-only
/*
 * KTAP reading and repair: whatever a program prints, valid KTAP comes out
 * and nothing that went wrong is lost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktap.h"
#include "ss_harness.h"

#define OUT_MAX (64 * 1024)

FIXTURE(ktap)
{
	struct ktap k;
	size_t out_len, results_len, diag_len;
	char out[OUT_MAX], results[OUT_MAX], diag[OUT_MAX];
};

static void append(char *buf, size_t *len, const char *text)
{
	int n = snprintf(buf + *len, OUT_MAX - *len, "%s\n", text);

	ASSERT_LT(*len + n, OUT_MAX);
	*len += n;
}

static void on_line(void *arg, const char *line)
{
	struct ss_fx_ktap *self = arg;

	append(self->out, &self->out_len, line);
}

static void on_result(void *arg, const struct ktap_result *r)
{
	static const char *const names[] = { "pass", "fail", "xfail", "skip" };
	struct ss_fx_ktap *self = arg;
	char text[1024];

	snprintf(text, sizeof(text), "%s%s%s=%s%s%s", r->parent, r->parent[0] ? "/" : "", r->name,
		 names[r->status], r->reason[0] ? " " : "", r->reason);
	append(self->results, &self->results_len, text);
}

static void on_diag(void *arg, const char *text)
{
	struct ss_fx_ktap *self = arg;

	append(self->diag, &self->diag_len, text);
}

FIXTURE_SETUP(ktap)
{
	const struct ktap_sink sink = { on_line, on_result, on_diag, self };

	ktap_init(&self->k, "prog", 0, &sink);
}

FIXTURE_TEARDOWN(ktap)
{
}

static void feed(struct ss_fx_ktap *self, const char *text)
{
	char line[4096];

	while (*text) {
		size_t n = strcspn(text, "\n");

		ASSERT_LT(n, sizeof(line));
		memcpy(line, text, n);
		line[n] = '\0';
		ktap_line(&self->k, line);
		text += n + (text[n] == '\n');
	}
}

/* Feeds all of it, ends it and compares what came out. */
#define EXPECT_RUN(text_, bad_, status_, out_)                                                     \
	do {                                                                                       \
		feed(self, text_);                                                                 \
		EXPECT_EQ(ktap_end(&self->k, bad_), status_);                                      \
		EXPECT_STREQ(self->out, out_);                                                     \
	} while (0)

#define EXPECT_COUNTS(passed_, failed_, xfailed_, skipped_)                                        \
	do {                                                                                       \
		EXPECT_EQ(self->k.counts.passed, passed_);                                         \
		EXPECT_EQ(self->k.counts.failed, failed_);                                         \
		EXPECT_EQ(self->k.counts.xfailed, xfailed_);                                       \
		EXPECT_EQ(self->k.counts.skipped, skipped_);                                       \
	} while (0)

TEST_F(ktap, passes_valid_output_on, .title = "valid KTAP comes out as it went in")
{
	static const char text[] =
		"KTAP version 1\n# Subtest: prog\n1..4\n# hello\nok 1 a: A title\n"
		"not ok 2 b\nok 3 c # SKIP no disk\nok 4 d # XFAIL known\n";

	EXPECT_RUN(text, NULL, KTAP_FAIL, text);
	EXPECT_COUNTS(1, 1, 1, 1);
	EXPECT_STREQ(self->results, "a: A title=pass\nb=fail\nc=skip no disk\nd=xfail known\n");
	EXPECT_STREQ(self->diag, "hello\n");
}

TEST_F(ktap, is_live, .title = "a result comes out at once, the last one at the end")
{
	feed(self, "KTAP version 1\n1..2\nok 1 a\n");
	EXPECT_STRSTR(self->out, "\nok 1 a\n");
	feed(self, "ok 2 b\n");
	EXPECT_NULL(strstr(self->out, "ok 2"));
	EXPECT_EQ(ktap_peek(&self->k).passed, 2);
	EXPECT_EQ(ktap_end(&self->k, NULL), KTAP_PASS);
	EXPECT_STRSTR(self->out, "\nok 2 b\n");
}

TEST_F(ktap, indents, .title = "the output is indented as deep as asked for")
{
	const struct ktap_sink sink = { on_line, on_result, on_diag, self };

	ktap_init(&self->k, "prog", 1, &sink);
	EXPECT_RUN("KTAP version 1\n1..1\nok 1 a\n", NULL, KTAP_PASS,
		   "    KTAP version 1\n    # Subtest: prog\n    1..1\n    ok 1 a\n");
}

TEST_F(ktap, marks_other_lines, .title = "anything else becomes a diagnostic")
{
	EXPECT_RUN(
		"KTAP version 1\n1..1\nhello\n\n  ok 1 indented by two\nok then\nnot ok\nok 1 a\n",
		NULL, KTAP_PASS,
		"KTAP version 1\n# Subtest: prog\n1..1\n# hello\n#   ok 1 indented by two\n"
		"# ok then\n# not ok\nok 1 a\n");
}

TEST_F(ktap, cleans_names, .title = "a hash that begins no directive leaves the name")
{
	EXPECT_RUN("KTAP version 1\n1..2\nok 1 - a # b #c\nok 2\n", NULL, KTAP_PASS,
		   "KTAP version 1\n# Subtest: prog\n1..2\nok 1 a _ b _c\nok 2 unnamed\n");
}

TEST_F(ktap, silent, .title = "a program that prints nothing has failed")
{
	EXPECT_RUN("", NULL, KTAP_FAIL, "# printed no results\n");
	EXPECT_COUNTS(0, 1, 0, 0);
}

TEST_F(ktap, only_chatter, .title = "a program without a plan has failed")
{
	EXPECT_RUN("all is well\n", NULL, KTAP_FAIL, "# all is well\n# printed no results\n");
	EXPECT_COUNTS(0, 1, 0, 0);
}

TEST_F(ktap, results_without_plan, .title = "results without a plan are a failure")
{
	feed(self, "ok 1 a\nok 2 b\n1..2\n");
	EXPECT_EQ(ktap_end(&self->k, NULL), KTAP_FAIL);
	EXPECT_LT(0, self->k.counts.failed);
	EXPECT_STRSTR(self->out, "# result without a plan: ok 1 a\n");
}

TEST_F(ktap, half_planned, .title = "missing results are made up for, as failures")
{
	EXPECT_RUN("KTAP version 1\n1..3\nok 1 a\n", NULL, KTAP_FAIL,
		   "KTAP version 1\n# Subtest: prog\n1..3\nok 1 a\n# 2 of 3 results are missing\n"
		   "not ok 2 no result\nnot ok 3 no result\n");
	EXPECT_COUNTS(1, 2, 0, 0);
}

TEST_F(ktap, plan_only, .title = "a plan and no result is a failure")
{
	feed(self, "KTAP version 1\n1..1\n");
	EXPECT_EQ(ktap_end(&self->k, NULL), KTAP_FAIL);
	EXPECT_COUNTS(0, 1, 0, 0);
}

TEST_F(ktap, too_many, .title = "results beyond the plan fail the last one")
{
	EXPECT_RUN("KTAP version 1\n1..1\nok 1 a\nok 2 b\n", NULL, KTAP_FAIL,
		   "KTAP version 1\n# Subtest: prog\n1..1\nnot ok 1 a\n"
		   "# result beyond the plan: ok 2 b\n# failed by what is said above\n");
	EXPECT_COUNTS(0, 1, 0, 0);
}

TEST_F(ktap, out_of_order, .title = "results out of order are renumbered and fail the last one")
{
	feed(self, "KTAP version 1\n1..2\nok 2 b\nok 1 a\n");
	EXPECT_EQ(ktap_end(&self->k, NULL), KTAP_FAIL);
	EXPECT_STRSTR(self->out, "\nok 1 b\n");
	EXPECT_STRSTR(self->out, "\nnot ok 2 a\n");
}

TEST_F(ktap, bad_end, .title = "a crash after the last result fails that one")
{
	EXPECT_RUN("KTAP version 1\n1..2\nok 1 a\nok 2 b\n", "ended by signal 11", KTAP_FAIL,
		   "KTAP version 1\n# Subtest: prog\n1..2\nok 1 a\nnot ok 2 b\n"
		   "# ended by signal 11\n# failed by the end of what runs it\n");
	EXPECT_COUNTS(1, 1, 0, 0);
}

TEST_F(ktap, bad_end_of_skip, .title = "a crash after the last skip is no skip")
{
	feed(self, "KTAP version 1\n1..1\nok 1 a # SKIP no disk\n");
	EXPECT_EQ(ktap_end(&self->k, "exit status 3"), KTAP_FAIL);
	EXPECT_COUNTS(0, 1, 0, 0);
}

TEST_F(ktap, second_plan, .title = "two documents in one are a failure")
{
	feed(self, "KTAP version 1\n1..1\nok 1 a\nKTAP version 1\n1..1\nok 1 a\n");
	EXPECT_EQ(ktap_end(&self->k, NULL), KTAP_FAIL);
	EXPECT_COUNTS(0, 1, 0, 0);
}

TEST_F(ktap, all_skipped, .title = "1..0 # SKIP skips the program, with its reason")
{
	EXPECT_RUN("KTAP version 1\n1..0 # SKIP no KVM\n", NULL, KTAP_SKIP, "");
	EXPECT_STREQ(self->k.skip, "no KVM");
	EXPECT_COUNTS(0, 0, 0, 1);
}

TEST_F(ktap, empty_plan, .title = "1..0 without a reason is a failure")
{
	feed(self, "KTAP version 1\n1..0\n");
	EXPECT_EQ(ktap_end(&self->k, NULL), KTAP_FAIL);
	EXPECT_COUNTS(0, 1, 0, 0);
}

TEST_F(ktap, each_skipped, .title = "a program whose every test was skipped is skipped")
{
	feed(self, "KTAP version 1\n1..2\nok 1 a # SKIP x\nok 2 b # SKIP y\n");
	EXPECT_EQ(ktap_end(&self->k, NULL), KTAP_SKIP);
	EXPECT_COUNTS(0, 0, 0, 2);
}

TEST_F(ktap, failed_skip, .title = "not ok with SKIP is a failure, not ok with XFAIL isn't")
{
	EXPECT_RUN("KTAP version 1\n1..2\nnot ok 1 a # SKIP x\nnot ok 2 b # TODO later\n", NULL,
		   KTAP_FAIL,
		   "KTAP version 1\n# Subtest: prog\n1..2\nnot ok 1 a\nok 2 b # XFAIL later\n");
}

TEST_F(ktap, nested, .title = "subtests pass through, only innermost results count")
{
	static const char text[] = "KTAP version 1\n# Subtest: prog\n1..2\n    KTAP version 1\n"
				   "    # Subtest: guest\n    1..2\n    ok 1 a\n    # note\n"
				   "    ok 2 b\nok 1 guest\nok 2 c\n";

	EXPECT_RUN(text, NULL, KTAP_PASS, text);
	EXPECT_COUNTS(3, 0, 0, 0);
	EXPECT_STREQ(self->results, "guest/a=pass\nguest/b=pass\nc=pass\n");
}

TEST_F(ktap, nested_failure, .title = "a failed subtest fails the test above it")
{
	EXPECT_RUN("KTAP version 1\n1..1\n    1..1\n    not ok 1 a\nok 1 guest\n", NULL, KTAP_FAIL,
		   "KTAP version 1\n# Subtest: prog\n1..1\n    KTAP version 1\n    1..1\n"
		   "    not ok 1 a\n# a subtest failed\nnot ok 1 guest\n");
	EXPECT_COUNTS(0, 1, 0, 0);
}

TEST_F(ktap, nested_parent_fails, .title = "a failed test doesn't have only passed subtests")
{
	feed(self,
	     "KTAP version 1\n1..1\n    KTAP version 1\n    1..1\n    ok 1 a\nnot ok 1 guest\n");
	EXPECT_EQ(ktap_end(&self->k, NULL), KTAP_FAIL);
	EXPECT_STRSTR(self->out, "    not ok 1 a\n");
	EXPECT_COUNTS(0, 1, 0, 0);
}

TEST_F(ktap, nested_parent_fails_with_hash,
       .title = "a failed test with a hash in its name doesn't, either")
{
	feed(self, "KTAP version 1\n1..2\n    1..1\n    ok 1 a\nnot ok 1 guest # why\n"
		   "    1..1\n    ok 1 a\nnot ok 2 guest # SKIP x\n");
	EXPECT_EQ(ktap_end(&self->k, NULL), KTAP_FAIL);
	EXPECT_STREQ(self->results, "?/a=fail\n?/a=fail\n");
	EXPECT_COUNTS(0, 2, 0, 0);
}

TEST_F(ktap, nested_deep_failure,
       .title = "what fails for none of its subtests, all well, is counted")
{
	feed(self, "KTAP version 1\n1..1\n    1..1\n        1..1\n        ok 1 a\n"
		   "    ok 2 inner\nok 1 outer\n");
	EXPECT_EQ(ktap_end(&self->k, NULL), KTAP_FAIL);
	EXPECT_STRSTR(self->out, "\nnot ok 1 outer\n");
	EXPECT_COUNTS(1, 1, 0, 0);
}

TEST_F(ktap, nested_crash, .title = "a crash in the middle of a subtest still gives valid KTAP")
{
	EXPECT_RUN("KTAP version 1\n1..3\nok 1 a\n    KTAP version 1\n    # Subtest: guest\n"
		   "    1..3\n    ok 1 x\n",
		   "ended by signal 9 (Killed)", KTAP_FAIL,
		   "KTAP version 1\n# Subtest: prog\n1..3\nok 1 a\n    KTAP version 1\n"
		   "    # Subtest: guest\n    1..3\n    ok 1 x\n    not ok 2 no result\n"
		   "    not ok 3 no result\n# ended by signal 9 (Killed)\n"
		   "# 2 of 3 results are missing\nnot ok 2 guest\nnot ok 3 no result\n");
	EXPECT_COUNTS(2, 3, 0, 0);
}

TEST_F(ktap, nested_without_plan, .title = "subtests without a plan fail the test above them")
{
	feed(self, "KTAP version 1\n1..1\n    KTAP version 1\n    ok 1 a\nok 1 guest\n");
	EXPECT_EQ(ktap_end(&self->k, NULL), KTAP_FAIL);
	EXPECT_COUNTS(0, 1, 0, 0);
}

TEST_F(ktap, nested_half, .title = "a subtest's missing result fails the test above it")
{
	feed(self, "KTAP version 1\n1..1\n    KTAP version 1\n    1..2\n    ok 1 a\nok 1 guest\n");
	EXPECT_EQ(ktap_end(&self->k, NULL), KTAP_FAIL);
	EXPECT_COUNTS(1, 1, 0, 0);
}

TEST_F(ktap, nested_skip, .title = "a test whose subtests are all left out stands for itself")
{
	feed(self, "KTAP version 1\n1..1\n    1..0 # SKIP none\nok 1 guest # SKIP no KVM\n");
	EXPECT_EQ(ktap_end(&self->k, NULL), KTAP_SKIP);
	EXPECT_STRSTR(self->out, "\nok 1 guest # SKIP no KVM\n");
	EXPECT_COUNTS(0, 0, 0, 1);
}

/* ---- any input ---- */

/* A strict reader of its own: every level has its plan and all its results. */
static void validate(const char *text)
{
	struct {
		int plan, seen;
	} level[KTAP_DEPTH_MAX + 2] = { { 0, 0 } };
	int depth = -1;

	while (*text) {
		size_t n = strcspn(text, "\n"), spaces = strspn(text, " ");
		const char *s = text + spaces;
		int d = spaces / 4, number, at = 0;

		if (*s == '#') {
			text += n + 1;
			continue;
		}
		ASSERT_EQ(spaces % 4, 0);
		if (!strncmp(s, "KTAP version 1\n", 15)) {
			ASSERT_EQ(d, depth + 1);
			level[++depth].plan = 0;
			level[depth].seen = 0;
		} else if (sscanf(s, "1..%d%n", &number, &at) == 1 && at) {
			ASSERT_EQ(d, depth);
			ASSERT_EQ(level[d].plan, 0);
			ASSERT_GT(number, 0);
			level[d].plan = number;
		} else {
			if (sscanf(s, "ok %d %n", &number, &at) != 1)
				ASSERT_EQ(sscanf(s, "not ok %d %n", &number, &at), 1);
			ASSERT_GT(at, 0);
			if (depth == d + 1) {
				ASSERT_EQ(level[depth].seen, level[depth].plan);
				depth--;
			}
			ASSERT_EQ(d, depth);
			ASSERT_EQ(number, ++level[d].seen);
			ASSERT_LE(number, level[d].plan);
		}
		text += n + 1;
	}
	ASSERT_LE(depth, 0);
	ASSERT_EQ(level[0].seen, level[0].plan);
}

/* A document as far as it has come: well-formed but for a number here and there. */
struct due {
	int depth, plan[4], seen[4];
	bool done;
};

static void due_line(char *line, struct due *due, unsigned int *seed)
{
	int d = due->depth;

	if (d && due->plan[d] && due->seen[d] == due->plan[d])
		d--;
	else if (due->plan[d] && d < 3 && rand_r(seed) % 2)
		due->plan[++d] = 0;
	due->depth = d;
	if (due->plan[d]) {
		due->done = ++due->seen[d] == due->plan[d] && !d;
		sprintf(line, "%*sok %d due", 4 * d, "", due->seen[d] + !(rand_r(seed) % 8));
		return;
	}
	due->plan[d] = 1 + rand_r(seed) % 2;
	due->seen[d] = 0;
	sprintf(line, "%*s1..%d", 4 * d, "", due->plan[d]);
}

TEST_F(ktap, any_input, .title = "whatever lines come in, valid KTAP comes out", .timeout_s = 60)
{
	static const char *const words[] = { "KTAP version 1",
					     "1..1",
					     "1..2",
					     "1..3",
					     "1..0 # SKIP x",
					     "ok 1 a",
					     "ok 2 b",
					     "not ok 1 c",
					     "not ok 2 d",
					     "ok 1 e # SKIP y",
					     "not ok 3 f # TODO",
					     "not ok 1 g # SKIP z",
					     "not ok 1 h # no directive",
					     "# Subtest: sub",
					     "# note",
					     "chatter",
					     "ok 3",
					     "Bail out!" };
	const struct ktap_sink sink = { on_line, on_result, on_diag, self };
	const unsigned int nr_words = sizeof(words) / sizeof(words[0]);
	unsigned int seed = 1;

	for (int round = 0; round < 20000; round++) {
		struct due due = { .depth = 0 };
		bool bad = rand_r(&seed) % 4 == 0;
		enum ktap_status status;
		int failed;

		self->out_len = self->results_len = self->diag_len = 0;
		self->out[0] = '\0';
		ktap_init(&self->k, "prog", 0, &sink);
		for (int i = rand_r(&seed) % 32; i > 0 && !due.done; i--) {
			char line[128];

			/* Mostly what is due, or nothing would ever get far. */
			if (rand_r(&seed) % 8)
				due_line(line, &due, &seed);
			else
				snprintf(line, sizeof(line), "%*s%s", 4 * (int)(rand_r(&seed) % 4),
					 "", words[rand_r(&seed) % nr_words]);
			ktap_line(&self->k, line);
		}
		status = ktap_end(&self->k, bad ? "exit status 3" : NULL);
		validate(self->out);
		failed = self->k.counts.failed;
		ASSERT_EQ(status == KTAP_FAIL, failed > 0)
		{
			TH_LOG("round %d: %s", round, self->out);
		}
		if (bad || !strncmp(self->out, "not ok", 6) || strstr(self->out, "\nnot ok"))
			ASSERT_EQ(status, KTAP_FAIL)
			{
				TH_LOG("round %d: %s", round, self->out);
			}
	}
}

TEST_F(ktap, long_and_dirty_lines, .title = "long lines and control characters do no harm")
{
	char line[9000];

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	ktap_line(&self->k, "KTAP version 1");
	ktap_line(&self->k, "1..1");
	ktap_line(&self->k, line);
	memcpy(line, "ok 1 ", 5);
	line[9] = '\033';
	ktap_line(&self->k, line);
	EXPECT_EQ(ktap_end(&self->k, NULL), KTAP_PASS);
	EXPECT_NULL(strchr(self->out, '\033'));
	validate(self->out);
}

TEST_HARNESS_MAIN
