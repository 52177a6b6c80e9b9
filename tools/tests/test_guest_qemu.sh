#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Guests on a machine of QEMU's: the report of a throttled one, changes while it runs, and
# every way in which one of the three (guest, QEMU, runner) may end.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")
build=${SS_BUILD:-$src/build}
name=qemu-test-$$
run="" qemu_pid=""

config() { sed -n "s/^$1 := //p" "$build/config.mk"; }

need_all() {
	vmlinux=$(config GUEST_VMLINUX)
	modules=$(config GUEST_MODULES)
	[ -e "$vmlinux" ] || skip "there is no guest kernel"
	qemu=$("$src/tools/run/get-qemu") || skip "no QEMU"
}

cleanup() {
	[ -z "$run" ] || kill -9 "$run" 2>/dev/null || true
}

# start OPTION...: sets run
start() {
	"$build/stallscope" run --machine=qemu --qemu "$qemu" --name "$name" --out "$T/run" --kernel "$vmlinux" \
		--modules "$modules" --memory 256M "$@" >"$T/out" 2>"$T/err" &
	run=$!
}

# child_of PID: one of its children; processes may end while they are looked at
child_of() {
	{ grep -ls "^PPid:[[:space:]]$1\$" /proc/[0-9]*/status || true; } | head -n 1 | cut -d / -f 3
}

# wait_for PATTERN: until the runner has said it
wait_for() {
	until grep -q "$1" "$T/out"; do
		kill -0 "$run" 2>/dev/null || fail "the run ended before '$1': $(cat "$T/err")"
		sleep 0.1
	done
	qemu_pid=$(child_of "$run")
}

# ended STATUS [WORDS]: the run's exit status, and what its one line on stderr says
ended() {
	local rc=0

	wait "$run" || rc=$?
	run=""
	diag "$(cat "$T/out" "$T/err")"
	expect_eq "exit status" "$rc" "$1"
	[ -z "${2:-}" ] || expect_match "stderr" "$(cat "$T/err")" "$2"
	[ -z "${2:-}" ] || expect_eq "number of lines on stderr" "$(wc -l <"$T/err")" 1
}

figure() { jq -r "$1" "$T/run/run.json"; }

# gone PID: within some seconds
gone() {
	local i

	for ((i = 0; i < 100; i++)); do
		[ -d "/proc/$1" ] && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null || return 0
		sleep 0.1
	done
	fail "QEMU runs on"
}

throttled() {
	need_all
	start --disk size=16M,iops=20,queues=2 --disk size=16M --exec \
		'dd if=$STALLSCOPE_DISK0 of=/dev/null bs=4k count=60 iflag=direct &&
		dd if=/dev/zero of=$STALLSCOPE_DISK1 bs=4k count=30 oflag=direct'
	ended 0
	expect_match "mode" "$(figure .mode)" '^qemu'
	[ "$(figure '.disks[0].counters.throttled_count')" -ge 30 ] || fail "few stalls"
	expect_eq "writes of the second disk" "$(figure '.disks[1].counters.writes_completed')" 30
	if [ "$(figure .clock.aligned)" = true ]; then
		[ "$(figure .clock.error_ns)" -lt 1000000 ] || fail "the clocks agree within $(figure .clock.error_ns) ns"
		expect_eq "the clock's source" "$(figure .clock.source)" port
	else
		fail "the clocks aren't aligned: $(figure .clock.reason)"
	fi
}

changes() {
	need_all
	start --disk size=16M,iops=5 --exec 'dd if=$STALLSCOPE_DISK0 of=/dev/null bs=4k count=2000 iflag=direct'
	wait_for "workload is running"
	expect_has "stat" "$("$build/stallscope" stat "$name")" disk0
	"$build/stallscope" throttle "$name" disk0 iops=0 >"$T/throttle" 2>&1 || fail "$(cat "$T/throttle")"
	ended 0
	expect_eq "changes" "$(figure '.disks[0].limit_changes')" 1
	[ ! -e "/sys/fs/bpf/stallscope/$name" ] || fail "pins stay"
}

interrupted() {
	need_all
	start --disk size=16M,iops=20 --exec 'cat $STALLSCOPE_DISK0 >/dev/null; sleep 1000'
	wait_for "workload is running"
	kill -INT "$run"
	ended 130 interrupted
	expect_eq "end" "$(figure .end)" interrupted
	gone "$qemu_pid"
}

qemu_killed() {
	need_all
	start --disk size=16M,iops=20 --exec 'cat $STALLSCOPE_DISK0 >/dev/null; sleep 1000'
	wait_for "workload is running"
	kill -9 "$qemu_pid"
	ended 26 "machine is gone: QEMU ended .signal 9"
	expect_eq "end" "$(figure .end)" qemu_died
	[ "$(figure '.disks[0].counters.reads_completed')" -gt 0 ] || fail "no figures were kept"
}

runner_killed() {
	local before

	need_all
	before=$(ls -A "$T" "${TMPDIR:-/tmp}" 2>/dev/null | grep -c sock || true)
	start --disk size=16M,iops=20 --exec 'cat $STALLSCOPE_DISK0 >/dev/null; sleep 1000'
	wait_for "workload is running"
	kill -9 "$run"
	wait "$run" 2>/dev/null || true
	run=""
	gone "$qemu_pid"
	expect_eq "sockets" "$(ls -A "$T" "${TMPDIR:-/tmp}" 2>/dev/null | grep -c sock || true)" "$before"
	expect_eq "sockets in the run directory" "$(find "$T/run" -type s | wc -l)" 0
}

panics() {
	need_all
	start --append rdinit=/nothing-there --disk size=16M --exec true
	ended 14 "panicked: Kernel panic - not syncing"
}

# The agent takes part in nothing: no word from it.
never_up() {
	need_all
	start --append "rdinit=/nothing-there root=/dev/vdz rootwait" --time-limit 20 \
		--disk size=16M --exec true
	ended 16 "stopped: still running at the time limit"
}

ktap_test -T 120 throttled "a throttled disk of two queues, and another: report and clocks are whole"
ktap_test -T 120 changes "stat and throttle reach it, and no pins stay"
ktap_test -T 120 interrupted "ctrl-C stops the guest, and what was measured is kept"
ktap_test -T 120 qemu_killed "a QEMU that is killed in mid-run: status 26, and what was measured is kept"
ktap_test -T 120 runner_killed "kill -9 of the runner takes QEMU along, and leaves no socket"
ktap_test -T 120 panics "a guest that panics: status 14, with its words"
ktap_test -T 120 never_up "one that never comes up: status 16"
ktap_main "$@"
