/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Can a kernel run sched_ext schedulers? Its BTF tells, before any boot.
 */
#ifndef SS_BTF_CHECK_H
#define SS_BTF_CHECK_H

#define BTF_CHECK_TEXT 256

/**
 * struct btf_check_result - what btf_check_sched_ext() found
 * @usable:	true if schedulers can be expected to load
 * @has_ops:	the kernel has the struct_ops type sched_ext_ops
 * @missing:	kfuncs that are needed and absent
 * @untagged:	kfuncs that are there without the "bpf_kfunc" tag, or with a
 *		prototype that programs can't call
 * @verdict:	the finding in one line, names included, without a newline
 */
struct btf_check_result {
	_Bool usable;
	_Bool has_ops;
	unsigned int missing;
	unsigned int untagged;
	char verdict[BTF_CHECK_TEXT];
};

/**
 * btf_check_sched_ext() - check that a kernel's BTF has what schedulers need
 * @path:	an uncompressed kernel (ELF with a .BTF section) or raw BTF, such
 *		as /sys/kernel/btf/vmlinux
 * @res:	the finding; filled in whatever is returned
 *
 * Looks for the struct_ops type sched_ext_ops and for the kfuncs that every
 * scheduler calls. Some kernels (7.1 and 7.2 of Debian among them) have the
 * kfuncs but lost their tags when BTF was made: there every scheduler fails to
 * load with "func_proto incompatible with vmlinux".
 *
 * Return: 0 if the BTF could be read (@res->usable has the answer), -ENODATA if
 * the file has no BTF, another negative errno if it can't be read.
 */
int btf_check_sched_ext(const char *path, struct btf_check_result *res);

#endif /* SS_BTF_CHECK_H */
