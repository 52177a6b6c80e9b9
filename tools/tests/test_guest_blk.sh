#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The disk under Linux's own driver: tools/tests/guest/blk.sh.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"
. "$(dirname "$(realpath "$0")")/guest/machine.sh"

runs=$src/tools/tests/guest/blk.sh
kept=$build/tests/guest_blk

prepare() {
	local tool with=()

	need_fio
	for tool in mkfs.ext4 e2fsck blkdiscard; do
		command -v "$tool" >/dev/null || skip "no $tool (packages e2fsprogs and util-linux)"
		with+=(--exec-prog "$tool") # by its name: wherever it lies here, it is found there
	done
	make_initrd "$1/initrd.cpio" "$modules" --file "$fio:/usr/bin/fio" "${with[@]}"
}

disk() { guest_machine; }

ktap_test -T 3000 -n disk "the disk under Linux's driver, in one machine"
guest_main disk "$@"
