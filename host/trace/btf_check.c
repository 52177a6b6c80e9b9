// SPDX-License-Identifier: GPL-2.0-only
/* Reads a kernel's BTF and tells whether sched_ext schedulers will load. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "trace/btf_check.h"

/* What a scheduler calls, and the name that newer kernels use instead. */
static const struct needed {
	const char *name;
	const char *or_name;
} needed[] = {
	{ .name = "scx_bpf_create_dsq" },
	{ .name = "scx_bpf_dsq_insert___v2", .or_name = "scx_bpf_dsq_insert" },
	{ .name = "__scx_bpf_dsq_insert_vtime", .or_name = "scx_bpf_dsq_insert_vtime" },
	{ .name = "scx_bpf_dsq_move_to_local___v2", .or_name = "scx_bpf_dsq_move_to_local" },
	{ .name = "scx_bpf_dsq_nr_queued" },
	{ .name = "scx_bpf_select_cpu_dfl" },
	{ .name = "scx_bpf_kick_cpu" },
	{ .name = "scx_bpf_exit_bstr" },
	{ .name = "scx_bpf_error_bstr" },
};

#define NR_NEEDED (sizeof(needed) / sizeof(needed[0]))

enum kfunc_state {
	KFUNC_MISSING,
	KFUNC_UNTAGGED,
	KFUNC_GOOD,
};

/*
 * The kernel passes some kfuncs a hidden last argument. Correct BTF describes
 * them without it; where the tagging went wrong, it still has it, and no
 * program's declaration can match.
 */
static bool has_hidden_arg(const struct btf *btf, const struct btf_type *func)
{
	const struct btf_type *proto = btf__type_by_id(btf, func->type);
	const struct btf_type *t;
	const char *name;
	__u16 n;

	if (!proto || !btf_is_func_proto(proto))
		return false;
	n = btf_vlen(proto);
	if (!n)
		return false;
	t = btf__type_by_id(btf, btf_params(proto)[n - 1].type);
	while (t && (btf_is_ptr(t) || btf_is_mod(t)))
		t = btf__type_by_id(btf, t->type);
	name = t && btf_is_struct(t) ? btf__name_by_offset(btf, t->name_off) : NULL;
	return name && !strcmp(name, "bpf_prog_aux");
}

static bool is_tagged(const struct btf *btf, __u32 id)
{
	const struct btf_type *t;
	const char *name;
	__u32 i, n = btf__type_cnt(btf);

	for (i = 1; i < n; i++) {
		t = btf__type_by_id(btf, i);
		if (!btf_is_decl_tag(t) || t->type != id || btf_decl_tag(t)->component_idx != -1)
			continue;
		name = btf__name_by_offset(btf, t->name_off);
		if (name && !strcmp(name, "bpf_kfunc"))
			return true;
	}
	return false;
}

static enum kfunc_state check_kfunc(const struct btf *btf, const char *name)
{
	__s32 id = name ? btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) : -ENOENT;

	if (id < 0)
		return KFUNC_MISSING;
	if (!is_tagged(btf, id) || has_hidden_arg(btf, btf__type_by_id(btf, id)))
		return KFUNC_UNTAGGED;
	return KFUNC_GOOD;
}

struct name_list {
	char text[160];
	unsigned int named;
};

static void add_name(struct name_list *list, const char *name)
{
	size_t used = strlen(list->text);

	if (list->named == 3)
		snprintf(list->text + used, sizeof(list->text) - used, ", ...");
	else if (list->named < 3)
		snprintf(list->text + used, sizeof(list->text) - used, "%s%s", used ? ", " : "",
			 name);
	list->named++;
}

static void check_all(const struct btf *btf, struct btf_check_result *res)
{
	struct name_list missing = {}, untagged = {};
	enum kfunc_state state, other;
	size_t i;

	res->has_ops =
		btf__find_by_name_kind(btf, "sched_ext_ops", BTF_KIND_STRUCT) > 0 &&
		btf__find_by_name_kind(btf, "bpf_struct_ops_sched_ext_ops", BTF_KIND_STRUCT) > 0;
	for (i = 0; i < NR_NEEDED; i++) {
		const char *name = needed[i].or_name ? needed[i].or_name : needed[i].name;

		state = check_kfunc(btf, needed[i].name);
		other = check_kfunc(btf, needed[i].or_name);
		if (other > state)
			state = other;
		if (state == KFUNC_MISSING) {
			res->missing++;
			add_name(&missing, name);
		} else if (state == KFUNC_UNTAGGED) {
			res->untagged++;
			add_name(&untagged, name);
		}
	}
	res->usable = res->has_ops && !res->missing && !res->untagged;

	if (res->usable)
		snprintf(res->verdict, sizeof(res->verdict),
			 "sched_ext usable: sched_ext_ops and all %zu kfuncs needed are there",
			 NR_NEEDED);
	else if (!res->has_ops)
		snprintf(res->verdict, sizeof(res->verdict),
			 "built without sched_ext: no struct_ops type sched_ext_ops");
	else if (res->missing)
		snprintf(res->verdict, sizeof(res->verdict),
			 "sched_ext too old or cut down: %u of %zu kfuncs missing: %s",
			 res->missing, NR_NEEDED, missing.text);
	else
		snprintf(
			res->verdict, sizeof(res->verdict),
			"faulty BTF: %u of %zu kfuncs lack their bpf_kfunc tag, no scheduler can load: %s",
			res->untagged, NR_NEEDED, untagged.text);
}

/* libbpf would print its own, longer story about a file without BTF. */
static int stay_silent(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level;
	(void)fmt;
	(void)args;
	return 0;
}

int btf_check_sched_ext(const char *path, struct btf_check_result *res)
{
	libbpf_print_fn_t old_print;
	struct btf *btf;
	int err = 0;

	memset(res, 0, sizeof(*res));
	if (access(path, R_OK)) {
		err = -errno;
		snprintf(res->verdict, sizeof(res->verdict), "can't be read: %s", strerror(-err));
		return err;
	}
	old_print = libbpf_set_print(stay_silent);
	btf = btf__parse(path, NULL);
	if (!btf)
		err = errno ? -errno : -EINVAL;
	libbpf_set_print(old_print);
	if (!btf) {
		/* libbpf says ENOENT or ENODATA for an ELF file without the section */
		if (err == -ENOENT)
			err = -ENODATA;
		snprintf(res->verdict, sizeof(res->verdict), "%s",
			 err == -ENODATA
				 ? "no BTF: built without CONFIG_DEBUG_INFO_BTF"
				 : "no readable BTF: neither an uncompressed kernel nor raw BTF");
		return err;
	}
	check_all(btf, res);
	btf__free(btf);
	return 0;
}
