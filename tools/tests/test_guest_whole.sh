#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Linux guests as a user runs them: this machine's `stallscope run`, and whatever
# it starts to have one.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"
. "$(dirname "$(realpath "$0")")/guest/machine.sh"

kept=$build/tests/guest_whole
stallscope=$build/stallscope

# whole NAME OPTION...: sets rc, out, err
whole() {
	need_kernel
	mkdir -p "$kept"
	rm -rf "${kept:?}/$1"
	rc=0
	"$stallscope" run --name "$1" --out "$kept/$1" --kernel "$vmlinux" \
		${modules:+--modules "$modules"} --memory 256M --disk size=16M,iops=4 "${@:2}" \
		>"$T/out" 2>"$T/err" || rc=$?
	out=$(cat "$T/out")
	err=$(cat "$T/err")
	diag "$out"
	diag "$err"
}

# An installed stallscope works like that of the build tree.
installed() {
	[ -e "$src/Makefile" ] && command -v make >/dev/null || return 0
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -C "$src" "O=$build" -o all install \
		"DESTDIR=$T/dest" PREFIX=/usr
	stallscope=$T/dest/usr/bin/stallscope
}

passes_on() {
	installed
	whole passes_on --sched "$build/guest/scx_vtime" --exec \
		'dd if=$STALLSCOPE_DISK0 of=/dev/null bs=4k count=20 iflag=direct; exit 7'
	expect_eq "exit status" "$rc" 13
	expect_eq "number of lines on stderr" "$(wc -l <"$T/err")" 1
	expect_match "stderr" "$err" "^stallscope: --exec: .* 7.*$kept/passes_on"
	if hardware_kvm; then mode=kvm; else mode=qemu; fi
	expect_eq "mode" "$(jq -r .mode "$kept/passes_on/run.json")" $mode
	expect_eq "the workload's exit status" "$(jq .workload.exit "$kept/passes_on/run.json")" 7
	[ "$(jq '.disks[0].counters.throttled_count' "$kept/passes_on/run.json")" -gt 0 ] ||
		fail "no stall"
	expect_has "report" "$out" DISKS
	expect_has "the report again" "$("$build/stallscope" report "$kept/passes_on")" DISKS
	expect_eq "files" "$(ls "$kept/passes_on" | grep -v l1-kernel.log | xargs)" \
		"console.log events.bin run.json workload.log"
}

interrupted() {
	local run

	need_kernel
	mkdir -p "$kept"
	rm -rf "$kept/interrupted_here"
	"$build/stallscope" run --name interrupted_here --out "$kept/interrupted_here" \
		--kernel "$vmlinux" ${modules:+--modules "$modules"} --memory 256M \
		--disk size=16M,iops=20 --exec 'cat $STALLSCOPE_DISK0 >/dev/null; sleep 1000' \
		>"$T/out" 2>"$T/err" &
	run=$!
	until grep -q "workload is running" "$T/out"; do
		kill -0 "$run" || fail "it ended: $(cat "$T/err")"
		sleep 0.1
	done
	kill -INT "$run"
	rc=0
	wait "$run" || rc=$?
	diag "$(cat "$T/out" "$T/err")"
	expect_eq "exit status" "$rc" 130
	expect_eq "end" "$(jq -r .end "$kept/interrupted_here/run.json")" interrupted
	expect_eq "number of lines on stderr" "$(wc -l <"$T/err")" 1
}

# A run directory whose name has --file's own colon, in a place that a mount hides in
# the emulated machine; and nobody can read the report.
odd_places() {
	need_kernel
	[ -w /dev/full ] || skip "no /dev/full"
	odd=$(mktemp -d /dev/shm/stallscope-test:XXXXXX)
	rc=0
	"$build/stallscope" run --name odd_places --out "$odd/a:b" --kernel "$vmlinux" \
		${modules:+--modules "$modules"} --memory 256M --cpus 1 --no-trace \
		--disk size=16M --exec true >/dev/full 2>"$T/err" || rc=$?
	diag "$(cat "$T/err")"
	expect_eq "exit status" "$rc" 9
	expect_eq "number of lines on stderr" "$(wc -l <"$T/err")" 1
	expect_match "stderr" "$(cat "$T/err")" \
		"^stallscope: can't write to standard output: No space left"
	expect_eq "the workload's end" "$(jq -c '[.end, .workload.exit]' "$odd/a:b/run.json")" \
		'["poweroff",0]'
}

cleanup() { [ -z "${odd-}" ] || rm -r "$odd"; }

schema() { valid_runs; }

ktap_test -T 400 passes_on "a failing workload's status comes back, the run is kept"
ktap_test -T 400 interrupted "ctrl-C goes through to the guest"
ktap_test -T 400 odd_places "a colon in --out, and a standard output that is full: status 9, all is kept"
ktap_test schema "their run.json are as their schema says"
ktap_main "$@"
