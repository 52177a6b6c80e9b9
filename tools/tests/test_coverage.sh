#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The judgement over coverage, on summaries made up here.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")

# summary FILE COVERED LINES ...: a summary as gcovr writes it
summary() {
	local files=()
	while [ $# -gt 0 ]; do
		files+=("{\"filename\": \"$1\", \"line_covered\": $2, \"line_total\": $3}")
		shift 3
	done
	(IFS=,; echo "{\"files\": [${files[*]}]}") >"$T/summary.json"
}

# judge GROUPS: its status in $rc, what it says in $out
judge() {
	rc=0
	printf '%s\n' "$1" >"$T/groups"
	out=$("$src/tools/dev/coverage/judge" "$T/groups" "$T/summary.json" 2>&1) || rc=$?
}

enough() {
	summary a/x.c 90 100 a/y.c 45 50 b/z.c 0 10
	judge 'one 90 a/*'
	expect_eq "exit status" "$rc" 0
	expect_match "the group" "$out" 'one +150 +135 +90\.0'
	expect_match "its source" "$out" 'a/y\.c +50 +45 +90\.0'
	expect_eq "lines about what is in no group" "$(grep -c z.c <<<"$out" || true)" 0
}

too_few() {
	summary a/x.c 89 100 b/x.c 100 100
	judge $'one 90 a/*\ntwo 90 b/x.c'
	expect_eq "exit status" "$rc" 1
	expect_match "the group" "$out" 'one +100 +89 +89\.0 +LESS THAN 90'
	expect_eq "groups with too few" "$(grep -c LESS <<<"$out")" 1
}

first_match() {
	summary a/x.c 100 100 a/y.c 0 100
	judge $'one 90 a/x.c\ntwo 0 a/*'
	expect_eq "exit status" "$rc" 0
	expect_match "the second group" "$out" 'two +100 +0 +0\.0'
}

no_source() {
	summary a/x.c 100 100
	judge 'one 90 a/* a/gone.c'
	expect_eq "exit status" "$rc" 1
	expect_has "message" "$out" 'groups: no source matches a/gone.c'
}

not_globbed_too_far() {
	summary a/b/x.c 100 100
	judge 'one 90 a/*'
	expect_eq "exit status" "$rc" 1
	expect_has "message" "$out" 'no source matches a/*'
}

bad_line() {
	summary a/x.c 100 100
	judge $'# comment\none ninety a/*'
	expect_eq "exit status" "$rc" 2
	expect_has "message" "$out" 'groups:2: not GROUP PERCENT PATTERN...'
}

nothing_counted() {
	summary
	judge 'one 90 a/*'
	expect_eq "exit status" "$rc" 1
}

groups_match() {
	local pattern
	cd "$src"
	for pattern in $(sed 's/#.*//' tools/dev/coverage/groups | awk '{ $1 = $2 = "" } 1' | tr -d '\n'); do
		compgen -G "$pattern" >/dev/null || fail "tools/dev/coverage/groups: no source matches $pattern"
	done
}

ktap_test enough "a group with enough of its lines run passes"
ktap_test too_few "one with too few fails, and is named"
ktap_test first_match "a source belongs to the first group that names it"
ktap_test no_source "a pattern that no source matches is named"
ktap_test not_globbed_too_far "an asterisk stops at a slash"
ktap_test bad_line "a line that is none is refused"
ktap_test nothing_counted "no counts at all are a failure"
ktap_test groups_match "the patterns in use match sources"
ktap_main "$@"
