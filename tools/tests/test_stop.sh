#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A run of tests that is stopped by ctrl-C or kill -9 leaves, after its next
# start, no process, mount, pin or temporary file, whatever it was doing.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")
build=${SS_BUILD:-$src/build}
cache=${STALLSCOPE_CACHE:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/stallscope}
run=stop-$$
pins=/sys/fs/bpf/stallscope/$run

# program BODY: the only test program; BODY makes $READY when it has got that far
program() {
	mkdir -p "$T/build/tools"
	ln -sf "$build/tools/clear-runs" "$T/build/tools/"
	printf '#!/bin/bash\n[ "$1" != -l ] || { echo x; exit; }\n%s\n' \
		'printf "KTAP version 1\n1..1\n"'"$1" >"$T/program.sh"
	chmod +x "$T/program.sh"
	echo "t $T/program.sh" >"$T/list"
	echo "t $src/tools/dev/harness/tests/shell_victim.sh" >"$T/next"
	export READY=$T/ready
}

# stop SIGNAL: sends it to a run whose program is ready
stop() {
	local runner i

	(cd "$src" && exec "$build/run_tests" -b "$T/build" -f "$T/list" >"$T/out" 2>&1) &
	runner=$!
	for ((i = 0; i < 6000; i++)); do
		[ ! -e "$READY" ] || break
		kill -0 "$runner" || fail "it ended: $(cat "$T/out")"
		sleep 0.02
	done
	kill "-$1" "$runner"
	rc=0
	wait "$runner" 2>/dev/null || rc=$?
	[ "$1" = INT ] || return 0
	expect_eq "exit status" "$rc" 130
	nothing_left
}

# Start the tests once more, another program.
start_again() {
	(cd "$src" && "$build/run_tests" -b "$T/build" -f "$T/next" -t passes) >"$T/out" 2>&1 ||
		fail "$(cat "$T/out")"
	nothing_left
}

nothing_left() {
	local i left

	# A killed process takes a moment to disappear.
	for ((i = 0; i < 250; i++)); do
		left=$(grep -lzx "SS_RUN_DIR=$T/build" /proc/[0-9]*/environ 2>/dev/null |
			grep -v "^/proc/$BASHPID/") || break
		sleep 0.02
	done
	expect_eq "processes" "$left" ""
	expect_eq "mounts" "$(grep -F "$T/build" /proc/mounts || true)" ""
	expect_no_file "$T/build/tests/tmp"
	expect_no_file "$pins"
	expect_eq "in /run/stallscope" "$(ls /run/stallscope 2>/dev/null | grep "^$run" || true)" ""
	for dir in "$cache"/run/nested.*; do
		[ ! -d "$dir" ] || ! flock -n "$dir" true || fail "$dir is left"
	done
}

need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# ---- in a test on this machine ----

# Files, a mount where that is possible, a child that left its parents
in_process() {
	need_root
	program "
		touch \$TMPDIR/file
		mkdir \$TMPDIR/mount
		mount -t tmpfs none \$TMPDIR/mount 2>/dev/null
		setsid bash -c 'trap : INT TERM HUP; while :; do sleep 1000; done' &
		touch \$READY
		sleep 1000"
	stop INT
	rm "$READY"
	stop KILL
	expect_file "$T/build/tests/tmp"
	start_again
}

# As a stallscope run leaves them that dies with its test
pinned() {
	need_root
	grep -q ' /sys/fs/bpf bpf ' /proc/mounts || skip "no bpffs"
	program "
		mkdir -p /run/stallscope $pins
		touch /run/stallscope/$run.lock
		bpftool map create $pins/counters type array key 4 value 4 entries 1 name x 2>/dev/null
		flock /run/stallscope/$run.lock sh -c 'touch \$READY; sleep 1000'"
	stop INT
	rm "$READY"
	stop KILL
	expect_file "$pins"
	start_again
}

# ---- with an emulated machine ----

need_machine() {
	need_root
	[ -x "$build/tools/nested-run" ] && ls "$cache"/kernel/*/kind >/dev/null 2>&1 ||
		skip "no kernel in the cache: make fetches one"
	export STALLSCOPE_BUILD=$build
	program "
		\"$src/tools/run/nested\" -- sh -c 'echo up; sleep 1000' | while read -r line; do
			touch \"\$READY\"
		done"
}

machine_interrupted() {
	need_machine
	stop INT
}

machine_killed() {
	need_machine
	stop KILL
	start_again
}

# While the machine's files are being packed
packing() {
	need_machine
	# The whole build, but its packer says when it has packed and never ends.
	mkdir "$T/slow"
	ln -s "$build"/* "$T/slow"
	rm "$T/slow/stallscope-mkinitramfs"
	printf '#!/bin/bash\n"%s" "$@"\ntouch "$READY"\nsleep 1000\n' \
		"$build/stallscope-mkinitramfs" >"$T/slow/stallscope-mkinitramfs"
	chmod +x "$T/slow/stallscope-mkinitramfs"
	export STALLSCOPE_BUILD=$T/slow
	stop INT
	rm "$READY"
	stop KILL
	start_again
}

ktap_test -T 120 in_process "stopped within a test: processes, mounts and files go"
ktap_test -T 120 pinned "stopped while a run has pins: they go"
ktap_test -T 240 packing "stopped while an emulated machine is being made"
ktap_test -T 240 machine_interrupted "ctrl-C while an emulated machine runs"
ktap_test -T 240 machine_killed "kill -9 while an emulated machine runs"
ktap_main "$@"
