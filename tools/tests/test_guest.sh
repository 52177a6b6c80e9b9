#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Linux guests, many runs in one machine: tools/tests/guest/runs.sh.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"
. "$(dirname "$(realpath "$0")")/guest/machine.sh"

runs=$src/tools/tests/guest/runs.sh
kept=$build/tests/guest
tools=(bpftool)

# A kernel that has no sched_ext, or the reason why there is none.
old_kernel() {
	local old release

	mkdir "$1"
	old=$(KERNEL='' "$src/tools/run/get-kernel" --without sched_ext 2>"$1/why") || return 0
	release=$(cat "$old/release")
	ln -s "$old/vmlinuz" "$1/vmlinuz"
	make_initrd "$1/initrd.cpio" "$old/lib/modules/$release" --sched "$build/guest/scx_vtime"
	rm "$1/why"
}

prepare() {
	need_fio
	make_initrd "$1/initrd.cpio" "$modules" \
		--file "$build/guest/scx_vtime:/usr/bin/scx_vtime" \
		--file "$build/guest/scx_bad:/usr/bin/scx_bad" --file "$fio:/usr/bin/fio"
	# Its first process is busybox's init, which waits for someone at the console.
	"$build/stallscope-mkinitramfs" --output "$1/silent.cpio" --modules none \
		--agent "$(command -v busybox)"
	old_kernel "$1/old"
}

shared_machine() { guest_machine; }

schema() { valid_runs; }

ktap_test -T 3000 -n shared_machine "runs of guests in one machine"
ktap_test schema "every run.json is as its schema says"
guest_main shared_machine "$@"
