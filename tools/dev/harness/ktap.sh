# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The harness for tests written in bash, the counterpart of ss_harness.h.
#
#	. tools/dev/harness/ktap.sh
#	names_the_disk() { run_it; expect_eq "exit status" "$rc" 6; }
#	ktap_test names_the_disk "a missing disk is named"
#	ktap_main "$@"
#
# ktap_test [-T SECONDS] [-n] FUNCTION [TITLE] registers a test. Each runs as
# a process group of its own under `set -euo pipefail`, with a time limit (60 s
# by default, multiplied by $SS_TEST_TIME_SCALE). A command that fails fails
# the test. What it prints becomes diagnostics; with -n, lines indented by four
# spaces are passed on as subtests (KTAP of the test's own).
#
# In a test: skip REASON, xfail REASON, fail TEXT, diag TEXT, the expect_
# functions below, $T (a directory of the test's own) and $TMPDIR (which must
# be empty at the end). A function `cleanup` of the script is run after each
# test, also after one that failed, but not after one that was killed.
#
# $SS_KERNEL_LOG may be a command that prints the kernel's log, dmesg -r: a test
# during which the kernel complains has then failed. (Where run_tests runs, that
# watches the log.)

ktap_script=$(realpath -- "$0")
ktap_signs=$(dirname "$(realpath -- "${BASH_SOURCE[0]}")")/kernel-complaints
ktap_names=() ktap_titles=() ktap_limits=() ktap_nested=()

ktap_test() {
	local limit=60 nested=0 opt OPTIND=1

	while getopts T:n opt; do
		case $opt in
		T) limit=$OPTARG ;;
		n) nested=1 ;;
		*) return 2 ;;
		esac
	done
	shift $((OPTIND - 1))
	ktap_names+=("$1") ktap_titles+=("${2-}") ktap_limits+=("$limit") ktap_nested+=("$nested")
}

# ---- in a test ----

diag() { printf '%s\n' "$*"; }

fail() {
	printf '%s:%s: %s\n' "${BASH_SOURCE[1]##*/}" "${BASH_LINENO[0]}" "$*"
	exit 1
}

skip() {
	printf '%s' "$*" >"$KTAP_DIR/skip"
	exit 4
}

xfail() { printf '%s' "$*" >"$KTAP_DIR/xfail"; }

# expect_eq WHAT GOT WANTED
expect_eq() {
	[ "$2" = "$3" ] || ktap_unexpected "$1 is '$2', not '$3'"
}

# expect_ne WHAT GOT UNWANTED
expect_ne() {
	[ "$2" != "$3" ] || ktap_unexpected "$1 is '$2'"
}

# expect_has WHAT TEXT PART
expect_has() {
	[[ $2 == *"$3"* ]] || ktap_unexpected "$1 lacks '$3': $2"
}

# expect_match WHAT TEXT REGEX
expect_match() {
	[[ $2 =~ $3 ]] || ktap_unexpected "$1 doesn't match '$3': $2"
}

# expect_file PATH, expect_no_file PATH
expect_file() { [ -e "$1" ] || ktap_unexpected "$1 isn't there"; }
expect_no_file() { [ ! -e "$1" ] || ktap_unexpected "$1 is there"; }

# kernel_complaints: those among the lines of a kernel's log or console on stdin
kernel_complaints() {
	awk 'NR == FNR { if (!/^#/) sign[$0]; next }
		{
			sub(/\r$/, "")
			sub(/^<[0-7]>/, "")
			sub(/^\[ *[0-9.]+\] */, "")
			for (s in sign)
				if (index($0, s) == 1) { print; next }
		}' "$ktap_signs" -
}

# expect_quiet_kernel LOG: a kernel's console or log, in which there is no complaint
expect_quiet_kernel() {
	local found

	found=$(kernel_complaints <"$1")
	[ -z "$found" ] || ktap_unexpected "the kernel whose log is $1 complained: ${found%%$'\n'*}"
}

ktap_unexpected() {
	printf '%s:%s: %s\n' "${BASH_SOURCE[2]##*/}" "${BASH_LINENO[1]}" "$1"
	exit 1
}

# ---- running them ----

ktap_on_error() {
	local rc=$?

	# In a subshell: a skip there is the test's.
	[ "$rc" != 4 ] || [ ! -e "$KTAP_DIR/skip" ] || exit 4
	printf '%s:%s: status %s from: %s\n' "${BASH_SOURCE[1]##*/}" "${BASH_LINENO[0]}" "$rc" "$1"
	exit 1
}

ktap_on_exit() {
	local rc=$?

	trap - ERR
	set +e
	if declare -F cleanup >/dev/null; then
		cleanup || rc=1
	fi
	exit "$rc"
}

# In a process of its own: one test.
ktap_run_one() {
	set -Eeuo pipefail
	trap 'ktap_on_error "$BASH_COMMAND"' ERR
	trap ktap_on_exit EXIT
	"$1"
	: >"$KTAP_DIR/finished"
}

ktap_selected() {
	local glob

	[ ${#ktap_globs[@]} -gt 0 ] || return 0
	for glob in "${ktap_globs[@]}"; do
		# shellcheck disable=SC2053 # it is a glob
		[[ $1 == $glob ]] && return 0
	done
	return 1
}

# What is wrong with the test that ended with this status, if anything.
ktap_judge() {
	local rc=$1 limit=$2

	if [ "$rc" = 137 ] && [ ! -e "$KTAP_DIR/finished" ]; then
		echo "killed, perhaps for having no end after $limit s"
	elif [ "$rc" -gt 128 ]; then
		echo "ended by signal $((rc - 128))"
	elif [ "$rc" = 4 ] && [ -e "$KTAP_DIR/skip" ]; then
		return
	elif [ "$rc" != 0 ] && [ "$rc" != 1 ]; then
		echo "exit status $rc"
	elif [ "$rc" = 0 ] && [ ! -e "$KTAP_DIR/finished" ]; then
		echo "called exit in the middle of the test"
	fi
}

# Prints why the test must fail for what it left behind, if anything.
ktap_leftovers() {
	local pgid=$1 tries=0

	while kill -0 -- "-$pgid" 2>/dev/null && [ $((tries++)) -lt 25 ]; do
		sleep 0.01
	done
	if kill -KILL -- "-$pgid" 2>/dev/null; then
		echo "left a process behind"
	fi
	find "$KTAP_DIR/tmp" -mindepth 1 -printf 'left a temporary file behind: %P\n' -quit
}

# ktap_kernel_log [LINE]: the log, from behind that line on; all of it where it lacks that:
# it is a ring, and may have gone round meanwhile. The time in front tells like lines apart.
ktap_kernel_log() {
	[ -z "${SS_KERNEL_LOG-}" ] || $SS_KERNEL_LOG | LAST="${1-}" awk '
		{ line[++n] = $0 }
		$0 != "" && $0 == ENVIRON["LAST"] { n = 0 }
		END { for (i = 1; i <= n; i++) print line[i] }'
}

ktap_one() {
	local number=$1 name=$2 title=$3 limit=$4 nested=$5
	local pid rc=0 why left ok='ok' directive='' relay='s/^/# /' seen complaint

	rm -rf "${KTAP_DIR:?}"/*
	mkdir "$KTAP_DIR/tmp" "$KTAP_DIR/scratch"
	: >"$KTAP_DIR/out"
	[ "$nested" = 0 ] || relay='/^    /b;s/^/# /'
	limit=$(awk "BEGIN { print $limit * ${SS_TEST_TIME_SCALE:-1} }")
	seen=$(ktap_kernel_log | tail -n 1)
	# timeout makes a process group of its own
	T=$KTAP_DIR/scratch TMPDIR=$KTAP_DIR/tmp timeout -s KILL "$limit" \
		bash "$ktap_script" --ktap-run "$name" >>"$KTAP_DIR/out" 2>&1 </dev/null \
		{ktap_lock}<&- &
	pid=$!
	# Not a pipe from the test: a process it leaves behind would hold it open.
	# 2>: bash has its own words about one that was killed.
	{
		tail -f -n +1 -s 0.02 --pid="$pid" "$KTAP_DIR/out" | sed -u "$relay"
		wait "$pid" || rc=$?
	} 2>/dev/null
	why=$(ktap_judge "$rc" "$limit")
	left=$(ktap_leftovers "$pid")
	complaint=$(ktap_kernel_log "$seen" | kernel_complaints | head -n 1)
	if [ -n "$complaint" ]; then
		echo "# the kernel complained: $complaint"
		ok='not ok'
	elif [ -n "$why" ]; then
		echo "# $why"
		ok='not ok'
	elif [ "$rc" = 1 ] && [ -e "$KTAP_DIR/xfail" ]; then
		directive=" # XFAIL $(cat "$KTAP_DIR/xfail")"
	elif [ "$rc" = 1 ]; then
		ok='not ok'
	elif [ -n "$left" ]; then
		echo "# $left"
		ok='not ok'
	elif [ "$rc" = 4 ]; then
		directive=" # SKIP $(cat "$KTAP_DIR/skip")"
		ktap_skipped=$((ktap_skipped + 1))
	elif [ -e "$KTAP_DIR/xfail" ]; then
		echo "# expected to fail ($(cat "$KTAP_DIR/xfail")), but passed"
		ok='not ok'
	fi
	[ "$ok" = ok ] || ktap_failed=$((ktap_failed + 1))
	echo "$ok $number $name${title:+: ${title//\#/_}}$directive"
}

# The C harness removes directories of this name that nobody holds locked.
ktap_make_dir() {
	local root=${TMPDIR:-/tmp} root_fd

	exec {root_fd}<"$root"
	flock "$root_fd"
	KTAP_DIR=$(mktemp -d "$root/ss-test.XXXXXX")
	export KTAP_DIR
	exec {ktap_lock}<"$KTAP_DIR"
	flock -n "$ktap_lock"
	exec {root_fd}<&-
}

ktap_usage() {
	echo "usage: ${0##*/} [-l] [-t GLOB]..."
	echo "  -l        list the tests, do not run them"
	echo "  -t GLOB   run only tests whose name matches"
}

ktap_main() {
	local list=0 opt OPTIND=1 i n=0
	local chosen=()

	ktap_globs=() ktap_failed=0 ktap_skipped=0
	if [ "${1-}" = --ktap-run ]; then
		ktap_run_one "$2"
		exit 0
	fi
	while getopts lt:h opt; do
		case $opt in
		l) list=1 ;;
		t) ktap_globs+=("$OPTARG") ;;
		h) ktap_usage && exit 0 ;;
		*) ktap_usage >&2 && exit 2 ;;
		esac
	done
	for i in "${!ktap_names[@]}"; do
		ktap_selected "${ktap_names[i]}" || continue
		chosen+=("$i")
		[ "$list" = 0 ] || printf '%s%s\n' "${ktap_names[i]}" \
			"${ktap_titles[i]:+$'\t'${ktap_titles[i]}}"
	done
	[ "$list" = 0 ] || exit 0
	echo 'KTAP version 1'
	if [ ${#ktap_names[@]} = 0 ]; then
		printf '1..0\n# it has no tests\n'
		exit 1
	elif [ ${#chosen[@]} = 0 ]; then
		echo '1..0 # SKIP no test of that name'
		exit 4
	fi
	ktap_make_dir
	trap 'rm -rf "$KTAP_DIR"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	echo "1..${#chosen[@]}"
	for i in "${chosen[@]}"; do
		n=$((n + 1))
		ktap_one "$n" "${ktap_names[i]}" "${ktap_titles[i]}" "${ktap_limits[i]}" \
			"${ktap_nested[i]}"
	done
	echo "# Totals: pass:$((n - ktap_failed - ktap_skipped)) fail:$ktap_failed skip:$ktap_skipped"
	[ "$ktap_failed" = 0 ] || exit 1
	[ "$ktap_skipped" != "$n" ] || exit 4
	exit 0
}
