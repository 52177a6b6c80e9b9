// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sched_ext check, on BTF made for it: sound, cut down, and with the two
 * faults that kernels have been seen with.
 */
#include "trace/btf_check.h"
#include "ss_harness.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const kfuncs[] = {
	"scx_bpf_create_dsq",	     "scx_bpf_dsq_insert",    "scx_bpf_dsq_insert_vtime",
	"scx_bpf_dsq_move_to_local", "scx_bpf_dsq_nr_queued", "scx_bpf_select_cpu_dfl",
	"scx_bpf_kick_cpu",	     "scx_bpf_exit_bstr",     "scx_bpf_error_bstr",
};

#define NR_KFUNCS (sizeof(kfuncs) / sizeof(kfuncs[0]))

/* How one kfunc is described. */
enum shape { SOUND, ABSENT, NO_TAG, HIDDEN_ARG, TAG_OF_ANOTHER_NAME, TAG_ON_AN_ARGUMENT };

FIXTURE(btf)
{
	struct btf *btf;
	char path[256];
	int aux; /* type of a pointer to struct bpf_prog_aux */
	int number;
	struct btf_check_result res;
};

FIXTURE_SETUP(btf)
{
	int aux;

	self->btf = btf__new_empty();
	ASSERT_NOT_NULL(self->btf);
	self->number = btf__add_int(self->btf, "u64", 8, 0);
	aux = btf__add_struct(self->btf, "bpf_prog_aux", 8);
	self->aux = btf__add_ptr(self->btf, btf__add_const(self->btf, aux));
	ASSERT_GT(self->aux, 0);
	snprintf(self->path, sizeof(self->path), "%s/btf", ss_tmpdir());
}

FIXTURE_TEARDOWN(btf)
{
	btf__free(self->btf);
}

static void add_ops(struct btf *btf)
{
	ASSERT_GT(btf__add_struct(btf, "sched_ext_ops", 8), 0);
	ASSERT_GT(btf__add_struct(btf, "bpf_struct_ops_sched_ext_ops", 8), 0);
}

static void add_kfunc(FIXTURE_DATA(btf) * self, const char *name, enum shape shape)
{
	int proto, func;

	if (shape == ABSENT)
		return;
	proto = btf__add_func_proto(self->btf, self->number);
	ASSERT_EQ(btf__add_func_param(self->btf, "dsq_id", self->number), 0);
	if (shape == HIDDEN_ARG)
		ASSERT_EQ(btf__add_func_param(self->btf, "aux", self->aux), 0);
	func = btf__add_func(self->btf, name, BTF_FUNC_STATIC, proto);
	ASSERT_GT(func, 0);
	if (shape == NO_TAG)
		return;
	ASSERT_GT(btf__add_decl_tag(self->btf,
				    shape == TAG_OF_ANOTHER_NAME ? "bpf_fastcall" : "bpf_kfunc",
				    func, shape == TAG_ON_AN_ARGUMENT ? 0 : -1),
		  0);
}

static void add_kfuncs(FIXTURE_DATA(btf) * self, const char *odd, enum shape shape)
{
	for (size_t i = 0; i < NR_KFUNCS; i++)
		add_kfunc(self, kfuncs[i], odd && !strcmp(odd, kfuncs[i]) ? shape : SOUND);
}

static int check(FIXTURE_DATA(btf) * self)
{
	const void *data;
	__u32 size;
	FILE *f;

	data = btf__raw_data(self->btf, &size);
	f = fopen(self->path, "we");
	ASSERT_NOT_NULL(f);
	ASSERT_EQ(fwrite(data, 1, size, f), size);
	ASSERT_EQ(fclose(f), 0);
	return btf_check_sched_ext(self->path, &self->res);
}

TEST_F(btf, sound, .title = "all kfuncs there and tagged: usable")
{
	add_ops(self->btf);
	add_kfuncs(self, NULL, SOUND);
	ASSERT_EQ(check(self), 0);
	EXPECT_TRUE(self->res.usable);
	EXPECT_TRUE(self->res.has_ops);
	EXPECT_EQ(self->res.missing, 0);
	EXPECT_EQ(self->res.untagged, 0);
	EXPECT_STRSTR(self->res.verdict, "usable");
}

TEST_F(btf, without_sched_ext, .title = "no sched_ext_ops: said so, whatever kfuncs there are")
{
	add_kfuncs(self, NULL, SOUND);
	ASSERT_EQ(check(self), 0);
	EXPECT_FALSE(self->res.usable);
	EXPECT_FALSE(self->res.has_ops);
	EXPECT_STRSTR(self->res.verdict, "built without sched_ext");
}

TEST_F(btf, each_missing, .title = "each kfunc needed is missed by its name")
{
	for (size_t i = 0; i < NR_KFUNCS; i++) {
		btf__free(self->btf);
		self->btf = btf__new_empty();
		self->number = btf__add_int(self->btf, "u64", 8, 0);
		add_ops(self->btf);
		add_kfuncs(self, kfuncs[i], ABSENT);
		ASSERT_EQ(check(self), 0);
		EXPECT_FALSE(self->res.usable);
		EXPECT_EQ(self->res.missing, 1);
		EXPECT_STRSTR(self->res.verdict, kfuncs[i]);
	}
}

static void check_fault(FIXTURE_DATA(btf) * self, enum shape shape)
{
	add_ops(self->btf);
	add_kfuncs(self, "scx_bpf_create_dsq", shape);
	ASSERT_EQ(check(self), 0);
	EXPECT_FALSE(self->res.usable);
	EXPECT_TRUE(self->res.has_ops);
	EXPECT_EQ(self->res.missing, 0);
	EXPECT_EQ(self->res.untagged, 1);
	EXPECT_STRSTR(self->res.verdict, "faulty BTF");
	EXPECT_STRSTR(self->res.verdict, "scx_bpf_create_dsq");
}

TEST_F(btf, no_tag, .title = "a kfunc without its tag is a fault of the BTF")
{
	check_fault(self, NO_TAG);
}

TEST_F(btf, hidden_argument,
       .title = "a kfunc described with its hidden argument is a fault of the BTF")
{
	check_fault(self, HIDDEN_ARG);
}

TEST_F(btf, tag_of_another_name, .title = "another tag isn't taken for bpf_kfunc")
{
	check_fault(self, TAG_OF_ANOTHER_NAME);
}

TEST_F(btf, tag_on_an_argument, .title = "a tag on an argument isn't taken for the function's")
{
	check_fault(self, TAG_ON_AN_ARGUMENT);
}

TEST_F(btf, newer_name, .title = "a newer name of a kfunc does as well as the old one")
{
	add_ops(self->btf);
	add_kfuncs(self, "scx_bpf_dsq_insert", ABSENT);
	add_kfunc(self, "scx_bpf_dsq_insert___v2", SOUND);
	ASSERT_EQ(check(self), 0);
	EXPECT_TRUE(self->res.usable);
}

TEST_F(btf, many_names, .title = "a long list of names is cut, the count is not")
{
	add_ops(self->btf);
	ASSERT_EQ(check(self), 0);
	EXPECT_EQ(self->res.missing, NR_KFUNCS);
	EXPECT_STRSTR(self->res.verdict, ", ...");
	EXPECT_LT(strlen(self->res.verdict), sizeof(self->res.verdict));
}

TEST(elf_without_btf, .title = "an ELF file without BTF is ENODATA")
{
	struct btf_check_result res;

	EXPECT_EQ(btf_check_sched_ext("/proc/self/exe", &res), -ENODATA);
	EXPECT_FALSE(res.usable);
	EXPECT_STRSTR(res.verdict, "no BTF");
}

TEST(no_file, .title = "a file that isn't there is ENOENT, not a kernel without BTF")
{
	struct btf_check_result res;

	EXPECT_EQ(btf_check_sched_ext("/nonexistent/vmlinux", &res), -ENOENT);
	EXPECT_STRSTR(res.verdict, "No such file");
}

TEST(neither, .title = "a file that is neither ELF nor BTF is refused")
{
	struct btf_check_result res;
	int err = btf_check_sched_ext("/etc/passwd", &res);

	EXPECT_LT(err, 0);
	EXPECT_NE(err, -ENODATA);
	EXPECT_FALSE(res.usable);
	EXPECT_STRSTR(res.verdict, "no readable BTF");
}

TEST_HARNESS_MAIN
