// SPDX-License-Identifier: GPL-2.0-only
/*
 * btfcheck FILE: can this kernel (an uncompressed ELF, or raw BTF) run
 * sched_ext schedulers? Prints one line; exits 0 if so, 1 if not, 2 if FILE
 * can't be read.
 */
#include <errno.h>
#include <stdio.h>

#include "trace/btf_check.h"

int main(int argc, char **argv)
{
	struct btf_check_result res;
	int err;

	if (argc != 2) {
		fprintf(stderr, "usage: btfcheck VMLINUX|BTF\n");
		return 2;
	}
	err = btf_check_sched_ext(argv[1], &res);
	printf("%s\n", res.verdict);
	if (err && err != -ENODATA)
		return 2;
	return res.usable ? 0 : 1;
}
