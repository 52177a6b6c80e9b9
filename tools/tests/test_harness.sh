#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The harness' own tests: that a test which fails, hangs, crashes, leaks or stops
# half-way is reported as failed, in C and in bash. Those of the runner: test_runner.sh.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")
build=${SS_BUILD:-$src/build}
victim=$build/tests/victim
# The victims' time limits are not scaled, whatever scale these tests run with.
[ "${1-}" != --ktap-run ] || export SS_TEST_TIME_SCALE=1
shell_victim=$src/tools/dev/harness/tests/shell_victim.sh

# run_victim PROGRAM TEST...: sets out and rc
run_victim() {
	local args=() t

	for t in "${@:2}"; do args+=(-t "$t"); done
	rc=0
	out=$("$1" "${args[@]}" 2>&1) || rc=$?
}

# Each alone: the result line, the exit status and, where given, what is said.
expect_end() {
	local program=$1 name=$2 result=$3 status=$4 said=${5-}

	run_victim "$program" "$name"
	expect_match "$name: output" "$out"$'\n' $'\n'"$result"
	expect_eq "$name: exit status" "$rc" "$status"
	[ -z "$said" ] || expect_has "$name: output" "$out" "$said"
}

c_passes() {
	expect_end "$victim" passes 'ok 1 passes: a sentence about it'$'\n' 0
	expect_end "$victim" uses_scratch 'ok 1 ' 0
	expect_end "$victim" aborts_as_it_should 'ok 1 ' 0
	expect_end "$victim" waits_for_orphan 'ok 1 ' 0
	expect_end "$victim" pair.one.is_one 'ok 1 pair.one.is_one: the value is one' 0 "teardown of 1"
}

c_checks() {
	expect_end "$victim" eq_fails 'not ok 1 ' 1 \
		"EXPECT_EQ(got, RED) failed: got = 7, RED = 5, errno 2 (No such file or directory)"
	expect_match "its file and line" "$out" 'tests/victim\.c:[0-9]+: EXPECT_EQ'
	expect_has "output" "$out" "goes on"
	expect_end "$victim" wrong_sign 'not ok 1 ' 1 "0xffffffffu = 4294967295 (0xffffffff)"
	expect_end "$victim" wrong_double 'not ok 1 ' 1 "0.5, 0.75"
	expect_end "$victim" not_a_number 'not ok 1 ' 1
	expect_end "$victim" null_string 'not ok 1 ' 1 "none = NULL"
	expect_end "$victim" no_substring 'not ok 1 ' 1 "drain"
	expect_end "$victim" wrong_memory 'not ok 1 ' 1 '[2] = 0x63, ("abd")[2] = 0x64'
}

c_assert_stops() {
	expect_end "$victim" assert_stops 'not ok 1 ' 1 "the block runs"
	[[ $out != *"not reached"* ]] || fail "it went on"
	expect_end "$victim" pair.two.is_one 'not ok 1 ' 1 "teardown of 2"
	expect_end "$victim" broken.test 'not ok 1 ' 1
	[[ $out != *"not reached"* ]] || fail "it went on after a broken setup"
}

c_other_threads() {
	expect_end "$victim" thread_expect 'not ok 1 ' 1
	expect_end "$victim" thread_assert 'not ok 1 ' 1
	[[ $out != *"not reached"* ]] || fail "it went on"
	expect_end "$victim" child_expect 'not ok 1 ' 1
}

c_hangs() {
	expect_end "$victim" hangs 'not ok 1 ' 1 "no end after 1 s"
	expect_has "output" "$out" "# an unfinished line"
	expect_end "$victim" hangs_with_child 'not ok 1 ' 1
	expect_no_process "$victim"
}

c_crashes() {
	expect_end "$victim" crashes 'not ok 1 ' 1
	expect_end "$victim" is_killed 'not ok 1 ' 1 "crashed: signal 9"
	expect_end "$victim" exits 'not ok 1 ' 1 "called exit(0)"
	expect_end "$victim" should_abort 'not ok 1 ' 1 "should have ended by signal 6"
	expect_end "$victim" xfail_crashes 'not ok 1 ' 1
}

c_leaks() {
	expect_end "$victim" leaks_fd 'not ok 1 ' 1 "(/dev/null)"
	expect_end "$victim" leaks_thread 'not ok 1 ' 1 "left 1 thread"
	expect_end "$victim" leaks_process 'not ok 1 ' 1 "left a process behind"
	expect_end "$victim" leaks_file 'not ok 1 ' 1 "left a temporary file behind: left"
	expect_no_process "$victim"
}

c_directives() {
	expect_end "$victim" skips 'ok 1 skips # SKIP no disk here' 4
	expect_end "$victim" skips_after_failure 'not ok 1 skips_after_failure'$'\n' 1
	expect_end "$victim" xfails 'ok 1 xfails # XFAIL known since 1999' 0
	expect_end "$victim" xfail_passes 'not ok 1 xfail_passes'$'\n' 1
	run_victim "$victim" passes skips
	expect_eq "exit status of a pass and a skip" "$rc" 0
	run_victim "$victim" no_such_test
	expect_eq "exit status of nothing" "$rc" 4
	expect_has "output" "$out" "1..0 # SKIP"
}

c_empty() {
	run_victim "$build/tests/empty"
	expect_eq "exit status of a program without a test" "$rc" 1
	expect_has "output" "$out" $'\n1..0\n# it has no tests'
	run_victim "$build/tests/empty" passes
	expect_eq "exit status of a test by name" "$rc" 4
}

c_output() {
	expect_end "$victim" prints_ktap 'ok 1 ' 0 "# not ok 1 not_mine"
	expect_end "$victim" floods 'ok 1 ' 0 "the rest is dropped"
}

c_list() {
	local list

	list=$("$victim" -l)
	expect_has "list" "$list" $'passes\ta sentence about it'
	expect_has "list" "$list" $'pair.two.is_one\tthe value is one'
	list=$("$victim" -l -t 'pair.*')
	expect_eq "number of tests that match" "$(wc -l <<<"$list")" 2
}

c_leaves_nothing() {
	run_victim "$victim" leaks_file hangs crashes uses_scratch
	expect_eq "what is in \$TMPDIR" "$(ls "$TMPDIR")" ""
}

# Waits until no process runs that program.
expect_no_process() {
	local i

	for i in {1..100}; do
		processes_of "$1" | grep -q . || return 0
		sleep 0.02
	done
	fail "processes of $1 are left"
}

processes_of() {
	find /proc -mindepth 2 -maxdepth 2 -path '/proc/[0-9]*' -name exe -lname "$1" 2>/dev/null || true
}

c_killed() {
	local i pid

	# A copy, since other tests run this program meanwhile.
	cp "$victim" "$T/killed"
	"$T/killed" -t hangs_with_child >"$T/out" &
	pid=$!
	for ((i = 0; i < 200; i++)); do
		[ "$(processes_of "$T/killed" | wc -l)" -lt 3 ] || break
		sleep 0.02
	done
	kill -INT "$pid"
	rc=0
	wait "$pid" || rc=$?
	expect_eq "exit status" "$rc" 130
	expect_no_process "$T/killed"
	expect_eq "what is in \$TMPDIR" "$(ls "$TMPDIR")" ""
}

shell_ends() {
	local v=$shell_victim

	expect_end "$v" passes 'ok 1 passes: a sentence about it'$'\n' 0 "# hello"
	expect_end "$v" uses_scratch 'ok 1 ' 0 "cleaned up"
	expect_end "$v" eq_fails 'not ok 1 ' 1 "shell_victim.sh:7: exit status is '2', not '3'"
	expect_end "$v" command_fails 'not ok 1 ' 1 "from: false"
	expect_end "$v" command_in_pipe_fails 'not ok 1 ' 1
	expect_end "$v" unset_variable 'not ok 1 ' 1 "unbound variable"
	expect_end "$v" exits 'not ok 1 ' 1 "called exit"
	expect_end "$v" exits_with_3 'not ok 1 ' 1 "exit status 3"
	expect_end "$v" skips 'ok 1 skips # SKIP no disk here' 4
	expect_end "$v" skips_inside 'ok 1 skips_inside # SKIP no disk there' 4
	expect_end "$v" exits_with_4 'not ok 1 ' 1
	expect_end "$v" xfails 'ok 1 xfails # XFAIL known' 0
	expect_end "$v" xfail_passes 'not ok 1 ' 1
	expect_end "$v" hangs 'not ok 1 ' 1 "no end after 1 s"
	expect_end "$v" killed 'not ok 1 ' 1 "signal 11"
	expect_end "$v" leaks_process 'not ok 1 ' 1 "left a process behind"
	expect_end "$v" leaks_file 'not ok 1 ' 1 "left a temporary file behind: left"
	expect_end "$v" prints_ktap 'ok 1 ' 0 "#     ok 1 nor_mine"
	expect_end "$v" nests 'ok 1 ' 0 $'\n    ok 2 inner_b\n'
	expect_eq "what is in \$TMPDIR" "$(ls "$TMPDIR")" ""
}

shell_empty() {
	printf '. "%s/tools/dev/harness/ktap.sh"\nktap_main "$@"\n' "$src" >"$T/empty.sh"
	chmod +x "$T/empty.sh"
	run_victim "$T/empty.sh"
	expect_eq "exit status of a program without a test" "$rc" 1
	expect_has "output" "$out" $'\n1..0\n# it has no tests'
	run_victim "$shell_victim" no_such_test
	expect_eq "exit status of nothing" "$rc" 4
	expect_has "output" "$out" "1..0 # SKIP"
}

shell_kernel_complains() {
	cat >"$T/kernel.sh" <<-EOF
		. "$src/tools/dev/harness/ktap.sh"
		warns() { date '+<4>[%s.%N] WARNING: mm/x.c:1 at f, CPU#0' >>"$T/log"; }
		fails_too() { warns; fail "of its own"; }
		quiet() { echo '<12>[    8.000000] WARNING: from a program' >>"$T/log"; }
		reads() { expect_quiet_kernel "$T/console"; }
		# Its buffer is a ring: what is new takes the place of what is old.
		wraps() { warns; tail -n 3 "$T/log" >"$T/new"; mv "$T/new" "$T/log"; }
		goes_round() { echo '<4>[    9.000001] WARNING: all new' >"$T/log"; }
		for t in warns fails_too quiet reads wraps goes_round; do ktap_test \$t; done
		ktap_main "\$@"
	EOF
	chmod +x "$T/kernel.sh"
	echo '<1>[    0.000001] BUG: before it all' >"$T/log"
	printf '<6>[    0.%06d] filler\n' {2..9} >>"$T/log"
	printf '[    3.5] sched_ext: fine\r\nINFO: no task\n' >"$T/console"
	export SS_KERNEL_LOG="cat $T/log"
	expect_end "$T/kernel.sh" quiet 'ok 1 ' 0
	expect_end "$T/kernel.sh" warns 'not ok 1 ' 1 "# the kernel complained: WARNING: mm/x.c:1"
	expect_end "$T/kernel.sh" fails_too 'not ok 1 ' 1 "of its own"
	expect_end "$T/kernel.sh" reads 'ok 1 ' 0
	expect_end "$T/kernel.sh" wraps 'not ok 1 ' 1 "# the kernel complained: WARNING: mm/x.c:1"
	expect_end "$T/kernel.sh" quiet 'ok 1 ' 0
	expect_end "$T/kernel.sh" goes_round 'not ok 1 ' 1 "complained: WARNING: all new"
	printf '[   93.500000] INFO: task dd:17 blocked for more than 2 seconds.\r\n' >>"$T/console"
	expect_end "$T/kernel.sh" reads 'not ok 1 ' 1 "complained: INFO: task dd:17 blocked"
	# Each sign alone, with and without level and time
	grep -v '^#' "$src/tools/dev/harness/kernel-complaints" >"$T/signs"
	[ "$(wc -l <"$T/signs")" -ge 10 ] || fail "hardly a sign"
	expect_eq "signs that are known" "$(sed 's/.*/<3>[    0.5] &x\n&x/' "$T/signs" |
		kernel_complaints | wc -l)" "$(($(wc -l <"$T/signs") * 2))"
}

# ---- others read it too ----

# prove_agrees PROGRAM TEST...: on how many of its tests fail
prove_agrees() {
	local args=() t failed

	for t in "${@:2}"; do args+=(-t "$t"); done
	failed=$("$1" "${args[@]}" | grep -c '^not ok') || true
	out=$(prove -e '' "$1" :: "${args[@]}" 2>&1) || true
	expect_has "prove on ${1##*/}" "$out" "Failed $failed/$(($# - 1)) subtests"
}

read_by_prove() {
	command -v prove >/dev/null || skip "prove isn't there"
	prove_agrees "$victim" passes eq_fails crashes exits leaks_fd skips xfails xfail_passes \
		prints_ktap pair.one.is_one pair.two.is_one
	prove_agrees "$shell_victim" passes eq_fails exits skips xfails xfail_passes prints_ktap nests
}

for name in c_passes c_checks c_assert_stops c_other_threads c_crashes c_leaks c_directives \
	c_empty c_output c_list c_leaves_nothing c_killed; do
	ktap_test "$name"
done
ktap_test c_hangs "a test that hangs is killed with all it started, and fails"
ktap_test shell_ends "each way for a shell test to end is told apart"
ktap_test shell_empty "a shell test program without tests has failed"
ktap_test shell_kernel_complains "a kernel that complains fails a shell test"
ktap_test read_by_prove "prove agrees on the number of failures"
ktap_main "$@"
