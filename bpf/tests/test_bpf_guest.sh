#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The guest's BPF programs on a guest's kernel: test_guest_bpf.c in the emulated
# machine, which needs no KVM inside for that. Its tests appear as subtests.
. "$(dirname "$(realpath "$0")")/../../tools/dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")
export STALLSCOPE_BUILD=${SS_BUILD:-$src/build}

in_machine() {
	local program
	for program in test_bpf scx_vtime scx_bad nested-init; do
		[ -x "$STALLSCOPE_BUILD/guest/$program" ] || skip "build/guest/$program isn't built"
	done
	truncate -s 64M "$T/disk"
	"$src/tools/run/nested" --file "$STALLSCOPE_BUILD/guest/test_bpf:/bin/test_bpf" \
		--file "$STALLSCOPE_BUILD/guest/scx_vtime:/bin/scx_vtime" \
		--file "$STALLSCOPE_BUILD/guest/scx_bad:/bin/scx_bad" \
		--drive "$T/disk" --timeout 280 -- /bin/test_bpf | sed 's/^/    /'
}

ktap_test -n -T 300 in_machine "tracing and schedulers on a kernel with sched_ext"
ktap_main "$@"
