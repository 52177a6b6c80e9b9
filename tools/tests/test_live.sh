#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What throttle, stat and dump say without a run, and the disks' profile= and
# group=: each bad input has one clear line and an exit status.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")
build=${SS_BUILD:-$src/build}
stallscope=$build/stallscope

# host/lib/exitcodes.h
USAGE=2 DISK=6 NO_RUN=21

# refused STATUS PART COMMAND...
refused() {
	rc=0
	(cd "$T" && exec timeout 60 "${@:3}") >"$T/out" 2>"$T/err" </dev/null || rc=$?
	err=$(cat "$T/err")
	expect_eq "exit status (stderr: $err)" "$rc" "$1"
	expect_eq "number of lines on stderr ($err)" "$(wc -l <"$T/err")" 1
	expect_match "stderr" "$err" '^stallscope: '
	expect_has "stderr" "$err" "$2"
	expect_eq "stdout" "$(cat "$T/out")" ""
}

no_such_run() {
	refused $NO_RUN "no run named ghost" "$stallscope" throttle ghost disk0 iops=5
	refused $NO_RUN "no run named ghost" "$stallscope" throttle ghost net0 pps=5
	refused $NO_RUN "no run named ghost" "$stallscope" stat ghost
	refused $NO_RUN "no run named ghost" "$stallscope" stat ghost --interval 1
	refused $NO_RUN "no run named ghost" "$stallscope" dump ghost
}

bad_words() {
	refused $USAGE "wants a run's name, a device and limits" "$stallscope" throttle
	refused $USAGE "wants a run's name, a device and limits" "$stallscope" throttle ghost disk0
	refused $USAGE "'speed=5' is not a limit of a disk" "$stallscope" throttle ghost disk0 speed=5
	refused $USAGE "'iops' is not a limit" "$stallscope" throttle ghost disk0 iops
	refused $USAGE "'pps=5' is not a limit of a disk" "$stallscope" throttle ghost disk0 pps=5
	refused $USAGE "'iops=5' is not a limit of a network device (known: pps=" "$stallscope" \
		throttle ghost net0 iops=5
	refused $USAGE "pps= is given twice" "$stallscope" throttle ghost net0 pps=5 pps=6
	refused $USAGE "too high" "$stallscope" throttle ghost net0 pps=9000000000000000000
	refused $USAGE "'-5' is not a whole number" "$stallscope" throttle ghost disk0 iops=-5
	refused $USAGE "'1Q' is not a number of bytes" "$stallscope" throttle ghost disk0 bps=1Q
	refused $USAGE "too high" "$stallscope" throttle ghost disk0 iops=9000000000000000000
	refused $USAGE "too high" "$stallscope" throttle ghost disk0 bps=99999999999999999999
	refused $USAGE "iops= is given twice" "$stallscope" throttle ghost disk0 iops=5 iops=6
	refused $USAGE "'../x' is not a run's name" "$stallscope" stat ../x
	refused $USAGE "'' is not a run's name" "$stallscope" dump ""
	refused $USAGE "which run" "$stallscope" dump
	refused $USAGE "which run" "$stallscope" stat
	refused $USAGE "one run at a time" "$stallscope" stat a b
	refused $USAGE "--interval: '0'" "$stallscope" stat ghost --interval 0
	refused $USAGE "--frequency" "$stallscope" stat ghost --frequency 0
}

disks() {
	local good=(--kernel /dev/null --out "$T/run")

	printf 'limit iops=5\nspeed 7\n' >"$T/bad.profile"
	printf 'limit iops=5\n' >"$T/limits.profile"
	# The kernel is looked at first where it's looked at: none of these gets there.
	refused $USAGE "profile= names no file" "$stallscope" run "${good[@]}" --disk size=1M,profile=
	refused $USAGE "group= names no group" "$stallscope" run "${good[@]}" --disk size=1M,group=
	refused $USAGE "group=a has different limits on disk0 and disk2" "$stallscope" run \
		"${good[@]}" --disk size=1M,iops=5,group=a --disk size=1M,group=b \
		--disk size=1M,iops=6,group=a
}

profiles() {
	local kernel

	kernel=$(sed -n 's/^GUEST_KERNEL := //p' "$build/config.mk" 2>/dev/null) || true
	[ -e "$kernel" ] || skip "no guest kernel"
	disks
	refused $DISK "bad.profile:2: unknown statement 'speed'" "$stallscope" run \
		--kernel "$kernel" --out "$T/run" --disk "size=1M,profile=$T/bad.profile"
	refused $DISK "missing.profile: No such file" "$stallscope" run \
		--kernel "$kernel" --out "$T/run" --disk "size=1M,profile=$T/missing.profile"
	refused $DISK "sets limits, group=g shares them" "$stallscope" run --kernel "$kernel" \
		--out "$T/run" --disk "size=1M,profile=$T/limits.profile,group=g"
	expect_no_file "$T/run"
}

help() {
	local cmd

	for cmd in throttle stat dump; do
		"$stallscope" "$cmd" --help >"$T/out"
		expect_has "help of $cmd" "$(cat "$T/out")" "Exit status"
		expect_has "the list of commands" "$("$stallscope" --help)" "  $cmd "
		expect_has "the manual" "$(cat "$src/Documentation/stallscope.1")" "stallscope $cmd"
	done
}

ktap_test no_such_run "no such run"
ktap_test bad_words "bad names and limits"
ktap_test disks "bad profile= and group= of a disk"
ktap_test profiles "bad profiles are found before anything is started"
ktap_test help "each command has help, and is in the manual"
ktap_main "$@"
