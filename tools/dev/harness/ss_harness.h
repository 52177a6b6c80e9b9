/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small test harness in the manner of the kernel's kselftest_harness.h, for
 * host tests and guest tests alike. See Documentation/testing.md.
 *
 *	TEST(adds, .title = "D75 a refill saturates") { EXPECT_EQ(f(1), 2); }
 *
 *	FIXTURE(disk) { int fd; };
 *	FIXTURE_SETUP(disk) { self->fd = ...; ASSERT_LE(0, self->fd); }
 *	FIXTURE_TEARDOWN(disk) { close(self->fd); }
 *	TEST_F(disk, reads) { EXPECT_EQ(...self->fd...); }
 *
 *	TEST_HARNESS_MAIN
 *
 * Every test runs in a process and process group of its own with a time limit
 * (30 s unless .timeout_s says otherwise, multiplied by $SS_TEST_TIME_SCALE).
 * What it prints becomes KTAP diagnostics. A test fails when a check failed,
 * it crashed, timed out, called exit(), or left threads, processes, file
 * descriptors or files in $TMPDIR behind. The program exits with 0 when tests
 * passed and none failed, 1 when one failed, 4 when all were skipped.
 *
 * Checks may be used in any function and any thread. An ASSERT_* that fails
 * ends the test after its FIXTURE_TEARDOWN (in a thread other than the test's
 * own it ends the process at once, without the teardown). A check may be
 * followed by a block, which runs only when the check failed:
 *
 *	EXPECT_EQ(a, b) { TH_LOG("round %d", i); }
 */
#ifndef SS_HARNESS_H
#define SS_HARNESS_H

#include <stdbool.h>
#include <stddef.h>

/* What TEST() and its relatives may set after the name, as `.member = value`. */
struct ss_test_opts {
	const char *title;	/* a sentence for people, shown in the result line */
	unsigned int timeout_s; /* 0: the default */
	int signal;		/* the test must end by this signal; 0: orderly */
};

struct ss_variant {
	const char *name;
	const void *data;
	struct ss_variant *next;
};

struct ss_fixture {
	const char *name;
	size_t size;
	void (*setup)(void *self, const void *variant);
	void (*teardown)(void *self, const void *variant);
	struct ss_variant *variants;
};

struct ss_test {
	const char *name;
	struct ss_test_opts opts;
	struct ss_fixture *fixture; /* NULL: a plain TEST() */
	void (*fn)(void *self, const void *variant);
	struct ss_test *next;
};

/**
 * ss_harness_main() - run the tests that the command line selects.
 *
 * -l lists them, -t GLOB (repeatable) selects by full or bare name, -h helps.
 * Returns the exit status of the program: 0, 1, 2 (bad usage) or 4.
 */
int ss_harness_main(int argc, char **argv);

/**
 * ss_tmpdir() - a directory of this test's own for whatever files it needs.
 *
 * Removed with all that is in it when the test ends, unlike $TMPDIR, which
 * the code under test must leave empty. Valid until the test ends.
 */
const char *ss_tmpdir(void);

#define TEST_HARNESS_MAIN                                                                          \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		return ss_harness_main(argc, argv);                                                \
	}

/* ---- tests ---- */

#define TEST(name_, ...)                                                                           \
	static void ss_t_##name_(void);                                                            \
	static void ss_tw_##name_(void *self_, const void *variant_)                               \
	{                                                                                          \
		(void)self_, (void)variant_;                                                       \
		ss_t_##name_();                                                                    \
	}                                                                                          \
	SS_REGISTER_(ss_td_##name_, #name_, NULL, ss_tw_##name_, __VA_ARGS__)                      \
	static void ss_t_##name_(void)

#define TEST_TITLED(name_, title_)    TEST(name_, .title = title_)
#define TEST_TIMEOUT(name_, seconds_) TEST(name_, .timeout_s = seconds_)
#define TEST_SIGNAL(name_, signal_)   TEST(name_, .signal = signal_)

#define TEST_F(fx_, name_, ...)                                                                    \
	static void ss_t_##fx_##_##name_(struct ss_fx_##fx_ *self,                                 \
					 const struct ss_fv_##fx_ *variant);                       \
	static void ss_tw_##fx_##_##name_(void *self_, const void *variant_)                       \
	{                                                                                          \
		ss_t_##fx_##_##name_(self_, variant_);                                             \
	}                                                                                          \
	SS_REGISTER_(ss_td_##fx_##_##name_, #name_, &ss_fd_##fx_, ss_tw_##fx_##_##name_,           \
		     __VA_ARGS__)                                                                  \
	static void ss_t_##fx_##_##name_(struct ss_fx_##fx_ *self __attribute__((unused)),         \
					 const struct ss_fv_##fx_ *variant                         \
					 __attribute__((unused)))

#define TEST_F_TITLED(fx_, name_, title_)    TEST_F(fx_, name_, .title = title_)
#define TEST_F_TIMEOUT(fx_, name_, seconds_) TEST_F(fx_, name_, .timeout_s = seconds_)
#define TEST_F_SIGNAL(fx_, name_, signal_)   TEST_F(fx_, name_, .signal = signal_)

/* ---- fixtures ---- */

#define FIXTURE_DATA(fx_) struct ss_fx_##fx_

#define FIXTURE(fx_)                                                                               \
	struct ss_fx_##fx_;                                                                        \
	struct ss_fv_##fx_;                                                                        \
	static struct ss_fixture ss_fd_##fx_ = { .name = #fx_ };                                   \
	struct ss_fx_##fx_

#define FIXTURE_SETUP(fx_)    SS_FIXTURE_HOOK_(fx_, setup)
#define FIXTURE_TEARDOWN(fx_) SS_FIXTURE_HOOK_(fx_, teardown)

#define SS_FIXTURE_HOOK_(fx_, hook_)                                                               \
	static void ss_f##hook_##_##fx_(struct ss_fx_##fx_ *self,                                  \
					const struct ss_fv_##fx_ *variant);                        \
	static void ss_fw##hook_##_##fx_(void *self_, const void *variant_)                        \
	{                                                                                          \
		ss_f##hook_##_##fx_(self_, variant_);                                              \
	}                                                                                          \
	__attribute__((constructor)) static void ss_fc##hook_##_##fx_(void)                        \
	{                                                                                          \
		ss_fd_##fx_.hook_ = ss_fw##hook_##_##fx_;                                          \
		ss_fd_##fx_.size = sizeof(struct ss_fx_##fx_);                                     \
	}                                                                                          \
	static void ss_f##hook_##_##fx_(struct ss_fx_##fx_ *self __attribute__((unused)),          \
					const struct ss_fv_##fx_ *variant __attribute__((unused)))

/* FIXTURE_VARIANT(disk) { bool io_uring; }; before any FIXTURE_VARIANT_ADD(). */
#define FIXTURE_VARIANT(fx_) struct ss_fv_##fx_

/* FIXTURE_VARIANT_ADD(disk, sync) { .io_uring = false }; */
#define FIXTURE_VARIANT_ADD(fx_, var_)                                                             \
	static const struct ss_fv_##fx_ ss_fvd_##fx_##_##var_;                                     \
	__attribute__((constructor)) static void ss_fvc_##fx_##_##var_(void)                       \
	{                                                                                          \
		static struct ss_variant v_ = { #var_, &ss_fvd_##fx_##_##var_, NULL };             \
		ss_variant_add(&ss_fd_##fx_, &v_);                                                 \
	}                                                                                          \
	static const struct ss_fv_##fx_ ss_fvd_##fx_##_##var_ =

/* ---- outcomes other than pass and fail ---- */

/* SKIP("no /dev/kvm: %s", strerror(errno)) ends the test. */
#define SKIP(...) ss_skip(__FILE__, __LINE__, __VA_ARGS__)

/* From here on a failing check is expected, and its absence is a failure. */
#define XFAIL(...) ss_xfail(__VA_ARGS__)

/* A line of diagnostics. */
#define TH_LOG(...) ss_log(__FILE__, __LINE__, __VA_ARGS__)

/* ---- checks ---- */

#define EXPECT_EQ(a, b)	   SS_CMP_(false, "EXPECT_EQ", SS_OP_EQ, #a, #b, a, b)
#define EXPECT_NE(a, b)	   SS_CMP_(false, "EXPECT_NE", SS_OP_NE, #a, #b, a, b)
#define EXPECT_LT(a, b)	   SS_CMP_(false, "EXPECT_LT", SS_OP_LT, #a, #b, a, b)
#define EXPECT_LE(a, b)	   SS_CMP_(false, "EXPECT_LE", SS_OP_LE, #a, #b, a, b)
#define EXPECT_GT(a, b)	   SS_CMP_(false, "EXPECT_GT", SS_OP_GT, #a, #b, a, b)
#define EXPECT_GE(a, b)	   SS_CMP_(false, "EXPECT_GE", SS_OP_GE, #a, #b, a, b)
#define EXPECT_NULL(a)	   SS_CMP_(false, "EXPECT_NULL", SS_OP_EQ, #a, NULL, a, (void *)0)
#define EXPECT_NOT_NULL(a) SS_CMP_(false, "EXPECT_NOT_NULL", SS_OP_NE, #a, NULL, a, (void *)0)
#define EXPECT_TRUE(a)	   SS_TRUTH_(false, "EXPECT_TRUE", true, #a, a)
#define EXPECT_FALSE(a)	   SS_TRUTH_(false, "EXPECT_FALSE", false, #a, a)
#define EXPECT_STREQ(a, b) SS_STR_(false, "EXPECT_STREQ", SS_OP_EQ, #a, #b, a, b)
#define EXPECT_STRNE(a, b) SS_STR_(false, "EXPECT_STRNE", SS_OP_NE, #a, #b, a, b)
#define EXPECT_STRSTR(hay, needle)                                                                 \
	SS_STR_(false, "EXPECT_STRSTR", SS_OP_HAS, #hay, #needle, hay, needle)
#define EXPECT_MEMEQ(a, b, len) SS_MEM_(false, "EXPECT_MEMEQ", #a, #b, a, b, len)

#define ASSERT_EQ(a, b)		SS_CMP_(true, "ASSERT_EQ", SS_OP_EQ, #a, #b, a, b)
#define ASSERT_NE(a, b)		SS_CMP_(true, "ASSERT_NE", SS_OP_NE, #a, #b, a, b)
#define ASSERT_LT(a, b)		SS_CMP_(true, "ASSERT_LT", SS_OP_LT, #a, #b, a, b)
#define ASSERT_LE(a, b)		SS_CMP_(true, "ASSERT_LE", SS_OP_LE, #a, #b, a, b)
#define ASSERT_GT(a, b)		SS_CMP_(true, "ASSERT_GT", SS_OP_GT, #a, #b, a, b)
#define ASSERT_GE(a, b)		SS_CMP_(true, "ASSERT_GE", SS_OP_GE, #a, #b, a, b)
#define ASSERT_NULL(a)		SS_CMP_(true, "ASSERT_NULL", SS_OP_EQ, #a, NULL, a, (void *)0)
#define ASSERT_NOT_NULL(a)	SS_CMP_(true, "ASSERT_NOT_NULL", SS_OP_NE, #a, NULL, a, (void *)0)
#define ASSERT_TRUE(a)		SS_TRUTH_(true, "ASSERT_TRUE", true, #a, a)
#define ASSERT_FALSE(a)		SS_TRUTH_(true, "ASSERT_FALSE", false, #a, a)
#define ASSERT_STREQ(a, b)	SS_STR_(true, "ASSERT_STREQ", SS_OP_EQ, #a, #b, a, b)
#define ASSERT_STRNE(a, b)	SS_STR_(true, "ASSERT_STRNE", SS_OP_NE, #a, #b, a, b)
#define ASSERT_STRSTR(hay, needle)                                                                 \
	SS_STR_(true, "ASSERT_STRSTR", SS_OP_HAS, #hay, #needle, hay, needle)
#define ASSERT_MEMEQ(a, b, len) SS_MEM_(true, "ASSERT_MEMEQ", #a, #b, a, b, len)

/* ---- below: what the macros are made of ---- */

enum ss_op { SS_OP_EQ, SS_OP_NE, SS_OP_LT, SS_OP_LE, SS_OP_GT, SS_OP_GE, SS_OP_HAS };

/* A number or pointer of any type, so that 1u and -1 compare as in mathematics. */
struct ss_num {
	enum ss_num_kind { SS_NUM_SIGNED, SS_NUM_UNSIGNED, SS_NUM_DOUBLE, SS_NUM_POINTER } kind;
	union {
		long long s;
		unsigned long long u;
		double d;
		const volatile void *p;
	};
};

struct ss_site {
	const char *file;
	int line;
	const char *check, *a, *b;
};

void ss_test_add(struct ss_test *test);
void ss_variant_add(struct ss_fixture *fixture, struct ss_variant *variant);
/* Each returns true when the check failed, having said so. */
bool ss_check_num(const struct ss_site *site, enum ss_op op, struct ss_num a, struct ss_num b);
bool ss_check_truth(const struct ss_site *site, bool want, bool got);
bool ss_check_str(const struct ss_site *site, enum ss_op op, const char *a, const char *b);
bool ss_check_mem(const struct ss_site *site, const void *a, const void *b, size_t len);
void ss_bail(void) __attribute__((noreturn));
void ss_skip(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));
void ss_xfail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void ss_log(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static inline bool ss_check_end(bool is_assert)
{
	if (is_assert)
		ss_bail();
	return false;
}

static inline struct ss_num ss_num_s(long long v)
{
	return (struct ss_num){ .kind = SS_NUM_SIGNED, .s = v };
}

static inline struct ss_num ss_num_u(unsigned long long v)
{
	return (struct ss_num){ .kind = SS_NUM_UNSIGNED, .u = v };
}

static inline struct ss_num ss_num_d(double v)
{
	return (struct ss_num){ .kind = SS_NUM_DOUBLE, .d = v };
}

static inline struct ss_num ss_num_p(const volatile void *v)
{
	return (struct ss_num){ .kind = SS_NUM_POINTER, .p = v };
}

/*
 * A type that isn't listed and isn't a pointer (__int128, a struct) doesn't compile.
 * Versions of clang-format disagree about such lists.
 */
/* clang-format off */
#define SS_NUM_(x)									\
	_Generic((x),									\
		float: ss_num_d, double: ss_num_d,					\
		char: ss_num_s, signed char: ss_num_s, short: ss_num_s, int: ss_num_s,	\
		long: ss_num_s, long long: ss_num_s,					\
		_Bool: ss_num_u, unsigned char: ss_num_u, unsigned short: ss_num_u,	\
		unsigned int: ss_num_u, unsigned long: ss_num_u,			\
		unsigned long long: ss_num_u,						\
		default: ss_num_p)(x)
/* clang-format on */

#define SS_SITE_(check_, a_, b_) (&(const struct ss_site){ __FILE__, __LINE__, check_, a_, b_ })

#define SS_CAT2_(a, b)		 a##b
#define SS_CAT_(a, b)		 SS_CAT2_(a, b)

/* A loop of at most one round, so that a block may follow; a name of its own, for -Wshadow. */
#define SS_WHEN_(failed_, assert_) SS_WHEN2_(SS_CAT_(ss_failed_, __COUNTER__), failed_, assert_)
#define SS_WHEN2_(var_, failed_, assert_)                                                          \
	for (bool var_ = (failed_); var_; var_ = ss_check_end(assert_))

/* ta, tb: the arguments as they are written, before macros in them are replaced. */
#define SS_CMP_(assert_, check_, op_, ta_, tb_, a_, b_)                                            \
	SS_WHEN_(ss_check_num(SS_SITE_(check_, ta_, tb_), op_, SS_NUM_(a_), SS_NUM_(b_)), assert_)
#define SS_TRUTH_(assert_, check_, want_, ta_, a_)                                                 \
	SS_WHEN_(ss_check_truth(SS_SITE_(check_, ta_, NULL), want_, (a_) ? true : false), assert_)
#define SS_STR_(assert_, check_, op_, ta_, tb_, a_, b_)                                            \
	SS_WHEN_(ss_check_str(SS_SITE_(check_, ta_, tb_), op_, a_, b_), assert_)
#define SS_MEM_(assert_, check_, ta_, tb_, a_, b_, len_)                                           \
	SS_WHEN_(ss_check_mem(SS_SITE_(check_, ta_, tb_), a_, b_, len_), assert_)

#define SS_REGISTER_(var_, name_, fixture_, fn_, ...)                                              \
	static struct ss_test var_ = {                                                             \
		.name = name_, .opts = { __VA_ARGS__ }, .fixture = fixture_, .fn = fn_             \
	};                                                                                         \
	__attribute__((constructor)) static void SS_CAT_(var_, _add)(void)                         \
	{                                                                                          \
		ss_test_add(&var_);                                                                \
	}

#endif /* SS_HARNESS_H */
