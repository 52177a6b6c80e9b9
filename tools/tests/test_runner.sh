#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The runner's own tests: that a program which fails, hangs, crashes, leaks, is
# silent or stops half-way makes the run fail, whatever else happens.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")
build=${SS_BUILD:-$src/build}
# The programs' time limits are not scaled, whatever scale these tests run with.
[ "${1-}" != --ktap-run ] || export SS_TEST_TIME_SCALE=1

# A list of one line a program, each a script made of the text given for it.
program() {
	printf '#!/bin/bash\n[ "$1" != -l ] || { echo %s; exit; }\n%s\n' "$1" "$2" >"$T/$1.sh"
	chmod +x "$T/$1.sh"
	echo "t $T/$1.sh ${3-}" >>"$T/list"
}

# run_list [ARG]...: sets out, err and rc
run_list() {
	mkdir -p "$T/build"
	rc=0
	out=$(cd "$src" && "$build/run_tests" -b "$T/build" -f "$T/list" "$@" 2>"$T/err") || rc=$?
	err=$(cat "$T/err")
}

last_line() { tail -n 1 <<<"$out"; }

# What a whole run makes of one program: its result line, the last line, failed or not.
expect_run() {
	local result=$1 last=$2 status=$3

	run_list
	expect_match "output" "$out" $'\n'"$result"
	expect_eq "the last line" "$(last_line)" "$last"
	expect_eq "exit status" "$rc" "$status"
}

good='printf "KTAP version 1\n1..1\nok 1 a\n"'

run_passes() {
	program good "$good"
	expect_run 'ok 1 t:good.sh' '1 passed, 0 failed, 0 skipped' 0
	expect_has "tiers" "$out" $'\n# tier 1, in-process: yes\n'
	expect_match "tiers" "$out" $'\n# tier 2, [^\n]*: (yes|no), '
	expect_match "tiers" "$out" $'\n# tier 3, [^\n]*: (yes|no), '
	expect_no_file "$T/build/tests/logs/t.good.sh.log"
}

run_with_a_failure() {
	program good "$good"
	program bad 'printf "KTAP version 1\n1..2\nok 1 a\nnot ok 2 b\n"; exit 1'
	expect_run 'not ok 2 t:bad.sh' '2 passed, 1 failed, 0 skipped' 1
	expect_has "summary" "$out" "# failed: t:bad.sh b"
	expect_has "the log" "$(cat "$T/build/tests/logs/t.bad.sh.log")" "not ok 2 b"
}

run_hangs() {
	program good "$good"
	program hangs 'printf "KTAP version 1\n1..2\nok 1 a\n"; sleep 1000' timeout=1
	expect_run 'not ok 2 t:hangs.sh' '2 passed, 1 failed, 0 skipped' 1
	expect_has "output" "$out" "# no end after 1 s, killed"
}

run_crashes() {
	program crash 'printf "KTAP version 1\n1..2\nok 1 a\n    1..3\n    ok 1 x\n"; kill -SEGV $$'
	expect_run 'not ok 1 t:crash.sh' '2 passed, 2 failed, 0 skipped' 1
	expect_has "output" "$out" "ended by signal 11"
}

run_crashes_after_all() {
	program crash "$good; kill -SEGV \$\$"
	expect_run 'not ok 1 t:crash.sh' '0 passed, 1 failed, 0 skipped' 1
}

run_silent() {
	program silent 'exit 0'
	expect_run 'not ok 1 t:silent.sh' '0 passed, 1 failed, 0 skipped' 1
}

run_half_planned() {
	program half 'printf "KTAP version 1\n1..3\nok 1 a\n"'
	expect_run 'not ok 1 t:half.sh' '1 passed, 2 failed, 0 skipped' 1
}

run_bad_status() {
	program bad "$good; exit 1"
	expect_run 'not ok 1 t:bad.sh' '0 passed, 1 failed, 0 skipped' 1
}

run_leaks_process() {
	program leak "(exec -a leftover setsid sleep 1000) & $good"
	expect_run 'not ok 1 t:leak.sh' '0 passed, 1 failed, 0 skipped' 1
	expect_has "output" "$out" "left a process behind"
	! grep -l "$T/build" /proc/[0-9]*/environ >/dev/null 2>&1 || fail "it still runs"
}

run_leaks_file() {
	program leak "touch \$TMPDIR/left; $good"
	expect_run 'not ok 1 t:leak.sh' '0 passed, 1 failed, 0 skipped' 1
	expect_has "output" "$out" "left a temporary file behind: left"
	expect_no_file "$T/build/tests/tmp"
}

run_kernel_complains() {
	export SS_KMSG=$T/kmsg
	echo '4,1,1,-;WARNING: before the run' >"$SS_KMSG"
	program good "$good"
	program noise "echo '6,2,1,-;traps: x[1] general protection fault' >>\$SS_KMSG
		echo '12,3,1,-;WARNING: from a program' >>\$SS_KMSG; $good"
	expect_run 'ok 2 t:noise.sh' '2 passed, 0 failed, 0 skipped' 0
	program warns "echo '4,4,1,-;WARNING: CPU: 0 PID: 1 at mm/x.c:1' >>\$SS_KMSG; $good"
	program after "$good"
	run_list -j 1
	expect_has "output" "$out" $'\nnot ok 3 t:warns.sh'
	expect_eq "the last line" "$(last_line)" "3 passed, 1 failed, 0 skipped"
	expect_has "output" "$out" "the kernel's log: WARNING: CPU: 0"
}

run_kernel_complains_of_either() {
	export SS_KMSG=$T/kmsg P=$T
	: >"$SS_KMSG"
	mkfifo "$T/a" "$T/b"
	# While the second warns, the first runs: either may be the cause.
	program first 'printf "KTAP version 1\n1..1\n"; echo x >"$P/a"; read -r _ <"$P/b"; echo ok 1 a'
	program second "printf 'KTAP version 1\n1..1\n'; read -r _ <\"\$P/a\"
		echo '4,4,1,-;BUG: bad page' >>\$SS_KMSG; sleep 0.5; echo x >\"\$P/b\"; echo ok 1 b"
	program after "$good"
	run_list -j 2
	expect_eq "exit status" "$rc" 1
	expect_has "output" "$out" $'\nnot ok 1 t:first.sh'
	expect_has "output" "$out" $'\nnot ok 2 t:second.sh'
	expect_has "output" "$out" $'\nok 3 t:after.sh'
}

run_reaps_orphans() {
	# The orphan is the runner's child: it stays in /proc until reaped.
	program orphan 'printf "KTAP version 1\n1..1\n"; pid=$(sleep 1000 >/dev/null & echo $!)
		kill -KILL $pid; while kill -0 $pid 2>/dev/null; do sleep 0.01; done; echo ok 1 a' timeout=20
	expect_run 'ok 1 t:orphan.sh' '1 passed, 0 failed, 0 skipped' 0
}

run_all_skipped() {
	program skip 'printf "KTAP version 1\n1..1\nok 1 a # SKIP no disk\n"; exit 4'
	program skip_whole 'printf "KTAP version 1\n1..0 # SKIP no disk either\n"; exit 4'
	expect_run 'ok 1 t:skip.sh # SKIP' '0 passed, 0 failed, 2 skipped' 1
	expect_has "output" "$out" "ok 2 t:skip_whole.sh # SKIP no disk either"
	program good "$good"
	expect_run 'ok 3 t:good.sh' '1 passed, 0 failed, 2 skipped' 0
}

run_nothing() {
	echo "t $T/none*.sh" >"$T/list"
	run_list
	expect_eq "the last line" "$(last_line)" "0 passed, 0 failed, 0 skipped"
	expect_eq "exit status" "$rc" 1
	program good "$good"
	run_list -t no_such_test
	expect_eq "exit status for a test that isn't there" "$rc" 1
	run_list no_such_target
	expect_eq "exit status for a target that isn't there" "$rc" 1
}

run_missing_program() {
	echo "t $T/missing.sh" >"$T/list"
	expect_run 'not ok 1 t:missing.sh' '0 passed, 1 failed, 0 skipped' 1
}

run_unlisted_program() {
	# It can't list its tests, so it may hold the one asked for.
	program good "$good"
	program broken 'printf "KTAP version 1\n1..1\nnot ok 1 a\n"; exit 1'
	sed -i '1a exit 127' "$T/broken.sh"
	run_list -t good
	expect_eq "the last line" "$(last_line)" "1 passed, 1 failed, 0 skipped"
	expect_eq "exit status" "$rc" 1
	expect_has "message" "$err" "broken.sh -l failed"
	echo "t $T/missing.sh" >>"$T/list"
	sed -i /broken/d "$T/list"
	run_list -t good
	expect_eq "exit status with one that isn't there" "$rc" 1
	expect_has "output" "$out" "not built, or not executable"
}

run_endless_list() {
	local how

	export SS_TEST_TIME_SCALE=0.02 P=$T
	for how in '' 'exec >&-;' 'echo endless; wait() { :; };'; do
		: >"$T/list"
		program endless "$good"
		sed -i "1a [ \"\$1\" != -l ] || { $how sleep 1000 & echo \$! >\$P/pid; wait; exit; }" \
			"$T/endless.sh"
		run_list -l
		expect_eq "exit status with '$how'" "$rc" 1
		expect_has "message with '$how'" "$err" "endless.sh -l failed"
		expect_gone "$(cat "$T/pid")"
	done
}

run_bad_list() {
	echo "t $T/x.sh nonsense" >"$T/list"
	run_list
	expect_eq "exit status" "$rc" 2
	expect_has "message" "$err" "list:1:"
}

run_not_valid() {
	program noise 'echo ok 1 a; echo "KTAP version 1"; echo ok 2 b; echo 1..2; echo ok'
	run_list
	expect_eq "exit status" "$rc" 1
	expect_match "the last line" "$(last_line)" '^0 passed, [1-9][0-9]* failed, 0 skipped$'
}

run_mixed_streams() {
	program err 'echo -n half a line >&2; printf "KTAP version 1\n1..1\nok 1 a\n"'
	expect_run 'ok 1 t:err.sh' '1 passed, 0 failed, 0 skipped' 0
	expect_has "output" "$out" "    # half a line"
}

run_live() {
	program slow 'printf "KTAP version 1\n1..2\nok 1 a\n"; read -r _ <"$FIFO"; echo ok 2 b'
	mkdir "$T/build"
	mkfifo "$T/fifo" "$T/out"
	(cd "$src" && FIFO=$T/fifo "$build/run_tests" -b "$T/build" -f "$T/list" >"$T/out") &
	exec 5<"$T/out"
	while read -r -u 5 line; do
		# Seen while the program still waits for us
		[ "$line" != "ok 1 a" ] || break
	done
	echo go >"$T/fifo"
	out=$(cat <&5)
	wait $!
	expect_has "the rest" "$out" "    ok 2 b"
}

run_parallel() {
	local i

	# Each waits for the other, so that they only end when they run at once.
	mkfifo "$T/a" "$T/b"
	program one 'printf "KTAP version 1\n1..1\n"; echo x >"$P/a"; read -r _ <"$P/b"; echo ok 1 a'
	program two 'printf "KTAP version 1\n1..1\n"; read -r _ <"$P/a"; echo x >"$P/b"; echo ok 1 b'
	program skip 'printf "KTAP version 1\n1..0 # SKIP x\n"; exit 4'
	export P=$T
	run_list -j 3
	expect_eq "the last line" "$(last_line)" "2 passed, 0 failed, 1 skipped"
	i=$(grep -nE '^(not )?ok' <<<"$out" | cut -d: -f2- | tr '\n' ';')
	expect_eq "the order" "$i" "ok 1 t:one.sh;ok 2 t:two.sh;ok 3 t:skip.sh # SKIP x;"
}

run_one_more() {
	local cpu

	cpu=$(taskset -cp $BASHPID | sed 's/.*: //; s/[-,].*//')
	taskset -cp "$cpu" $BASHPID >/dev/null
	mkfifo "$T/a" "$T/b"
	program one 'printf "KTAP version 1\n1..1\n"; echo x >"$P/a"; read -r _ <"$P/b"; echo ok 1 a'
	program two 'printf "KTAP version 1\n1..1\n"; read -r _ <"$P/a"; echo x >"$P/b"; echo ok 1 b'
	export P=$T
	run_list
	expect_eq "two in-process, on one CPU" "$(last_line)" "2 passed, 0 failed, 0 skipped"
	: >"$T/list"
	# A directory that is there already: the other one runs.
	program one "mkdir \$P/busy || exit 1; sleep 0.3; rmdir \$P/busy; $good" source
	program two "mkdir \$P/busy || exit 1; sleep 0.3; rmdir \$P/busy; $good"
	run_list
	expect_eq "one that isn't only in-process" "$(last_line)" "2 passed, 0 failed, 0 skipped"
}

run_longest_first() {
	local i

	export SS_NO_GUESTS='' GUEST_KERNEL=/dev/null QEMU=/bin/true
	program guest "echo guest >>\$P/order; $good" "guest timeout=500"
	program short "echo short >>\$P/order; $good" timeout=5
	program long "echo long >>\$P/order; $good" timeout=50
	program alone "echo alone >>\$P/order; $good" "alone timeout=20"
	export P=$T
	run_list -j 1
	expect_eq "the order they ran in" "$(xargs <"$T/order")" "long alone short guest"
	i=$(grep -E '^ok' <<<"$out" | xargs)
	expect_eq "the order of their results" "$i" \
		"ok 1 t:long.sh ok 2 t:alone.sh ok 3 t:short.sh ok 4 t:guest.sh"
	run_list -j 3
	expect_eq "the last line" "$(last_line)" "4 passed, 0 failed, 0 skipped"
}

run_selects() {
	program good "$good"
	program other "$good"
	run_list -t good
	expect_eq "the last line" "$(last_line)" "1 passed, 0 failed, 0 skipped"
	run_list t:other.sh
	expect_has "output" "$out" "ok 1 t:other.sh"
	expect_eq "the last line" "$(last_line)" "1 passed, 0 failed, 0 skipped"
	run_list -l
	expect_eq "the list" "$out" $'t:good.sh\tgood\nt:other.sh\tother'
}

run_shards() {
	local i all

	for i in a b c d e; do program "$i" "$good"; done
	for i in 1 2 3; do
		run_list -s "$i/3"
		expect_eq "exit status of shard $i" "$rc" 0
		grep '^ok' <<<"$out" | cut -d' ' -f3
	done >"$T/ran"
	expect_eq "what the shards ran" "$(sort "$T/ran" | xargs)" \
		"t:a.sh t:b.sh t:c.sh t:d.sh t:e.sh"
	run_list -s 2/3
	expect_has "output" "$out" $'\n# shard 2/3: 2 of 5 test programs\n'
	all=$out
	run_list -s 2/3
	expect_eq "the same shard again" "$(grep ^ok <<<"$out")" "$(grep ^ok <<<"$all")"
	for i in 0/3 4/3 2 x/3 1/3x -1/3; do
		run_list -s "$i"
		expect_eq "exit status of -s $i" "$rc" 2
	done
}

run_shards_of_all() {
	local i

	cd "$src"
	for i in 1 2 3 4 5 6 7; do "$build/run_tests" -b "$build" -p -s "$i/7"; done | sort >"$T/shards"
	"$build/run_tests" -b "$build" -p | sort >"$T/all"
	[ "$(wc -l <"$T/all")" -gt 50 ] || fail "hardly a test program"
	cmp "$T/all" "$T/shards"
}

run_idle_shard() {
	program good "$good"
	program beyond "$good" guest
	# No kernel, so that no guest can be booted: another shard tests.
	export GUEST_KERNEL=
	run_list -s 2/2
	expect_eq "exit status of a shard that can't" "$rc" 0
	expect_eq "the last line" "$(last_line)" "0 passed, 0 failed, 1 skipped"
	run_list -s 5/5
	expect_eq "exit status of an empty shard" "$rc" 0
	expect_has "output" "$out" $'\n1..0 # SKIP this shard is empty\n'
	# Nothing to test in any of them, or all skipped though it was run.
	run_list -s 1/2 t:beyond.sh
	expect_eq "exit status when no shard can" "$rc" 1
	run_list -s 1/2 no_such_target
	expect_eq "exit status when there is nothing" "$rc" 1
	program skip 'printf "KTAP version 1\n1..0 # SKIP x\n"; exit 4'
	run_list -s 3/3
	expect_eq "exit status of a shard that skipped all" "$rc" 1
}

run_without_guests() {
	program beyond "$good" guest
	program good "$good"
	export SS_NO_GUESTS="not today" GUEST_KERNEL=/dev/null QEMU=/bin/true
	run_list
	expect_has "tiers" "$out" $'\n# tier 3, Linux guests: no, not today\n'
	expect_has "output" "$out" $'\nok 2 t:beyond.sh # SKIP not today'
}

run_prints_programs() {
	mkdir -p "$T/build"
	printf 'timeout=7\n' >"$T/settings"
	program good "$good" "root alone"
	echo "t tools/dev/harness/tests/shell_victim.sh timeout=9" >>"$T/list"
	run_list -p
	expect_eq "the programs" "$out" \
		"t	$T/good.sh root alone timeout=7"$'\n'"t	tools/dev/harness/tests/shell_victim.sh timeout=9"
}

run_junit() {
	program good "$good"
	program bad 'printf "KTAP version 1\n1..2\n# why <&>\nnot ok 1 b\nok 2 c # SKIP d\n"; exit 1'
	run_list
	out=$(cat "$T/build/tests/junit.xml")
	expect_has "JUnit file" "$out" '<testsuites tests="3" failures="1" skipped="1"'
	expect_has "JUnit file" "$out" 'why &lt;&amp;&gt;'
	expect_has "JUnit file" "$out" '<skipped>d</skipped>'
	if command -v xmllint >/dev/null; then
		xmllint --noout "$T/build/tests/junit.xml"
	fi
}

# Starts a run whose program has a child in a session of its own, and waits for both.
start_run() {
	program sleeper 'printf "KTAP version 1\n1..2\nok 1 a\n"; touch $TMPDIR/left
		setsid sleep 1000 & echo $! >"$P/child"; mv "$P/child" "$P/pid"; sleep 1000'
	export P=$T
	mkdir -p "$T/build"
	(cd "$src" && exec "$build/run_tests" -b "$T/build" -f "$T/list" >"$T/out" 2>&1) &
	runner=$!
	until [ -e "$T/pid" ]; do sleep 0.02; done
	orphan=$(cat "$T/pid")
}

# A zombie that its adoptive parent has not reaped yet counts as gone.
expect_gone() {
	local i state

	for ((i = 0; i < 200; i++)); do
		state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || return 0
		[ "${state:0:1}" != Z ] || return 0
		sleep 0.02
	done
	fail "process $1 still runs"
}

run_interrupted() {
	start_run
	kill -INT "$runner"
	rc=0
	wait "$runner" || rc=$?
	out=$(cat "$T/out")
	expect_eq "exit status" "$rc" 130
	expect_gone "$orphan"
	expect_no_file "$T/build/tests/tmp"
	expect_match "the last line" "$(last_line)" '^1 passed, 1 failed, 0 skipped$'
}

run_killed() {
	start_run
	kill -KILL "$runner"
	wait "$runner" 2>/dev/null || true
	expect_file "$T/build/tests/tmp"
	rm "$T/list" "$T/pid"
	program good "$good"
	run_list
	expect_eq "exit status of the next run" "$rc" 0
	expect_gone "$orphan"
	expect_no_file "$T/build/tests/tmp"
}

run_busy() {
	start_run
	run_list
	expect_eq "exit status of a second run" "$rc" 1
	expect_has "message" "$err" "another run is at work"
	kill -INT "$runner"
	wait "$runner" || true
}

# ---- others read it too ----

run_read_by_prove() {
	command -v prove >/dev/null || skip "prove isn't there"
	program good "$good"
	program bad 'printf "KTAP version 1\n1..2\nok 1 a\nnot ok 2 b\n"; exit 1'
	program crash 'printf "KTAP version 1\n1..2\nok 1 a\n    1..3\n    ok 1 x\n"; kill -SEGV $$'
	program skip 'printf "KTAP version 1\n1..0 # SKIP x\n"; exit 4'
	run_list
	printf '#!/bin/sh\ncat %s\n' "$T/saved" >"$T/cat.sh"
	printf '%s\n' "$out" >"$T/saved"
	out=$(prove -e sh "$T/cat.sh" 2>&1) || true
	expect_has "prove" "$out" "Failed 2/4 subtests"
	expect_has "prove" "$out" "(less 1 skipped subtest: 1 okay)"
}

# KUNIT_PY=.../tools/testing/kunit/kunit.py of an unpacked kernel source, or that of make kunit-check
run_read_by_kunit() {
	local numbers cache=${STALLSCOPE_CACHE:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/stallscope}

	: "${KUNIT_PY:=$cache/kunit/tools/testing/kunit/kunit.py}"
	[ -e "$KUNIT_PY" ] || skip "no kunit.py: make kunit-check fetches it, or set KUNIT_PY"
	program good "$good"
	program crash 'printf "KTAP version 1\n1..2\nok 1 a\n    1..3\n    ok 1 x\n"; kill -SEGV $$'
	program noise 'echo ok 1 a; echo "KTAP version 1"; echo ok 2 b; echo 1..2; echo ok'
	program skip 'printf "KTAP version 1\n1..0 # SKIP x\n"; exit 4'
	program silent 'exit 0'
	echo "t tools/dev/harness/tests/shell_victim.sh" >>"$T/list"
	run_list
	printf '%s\n' "$out" >"$T/saved"
	numbers=$(last_line | tr -dc '0-9 ' | xargs)
	out=$(python3 "$KUNIT_PY" parse "$T/saved" 2>&1) || true
	expect_match "kunit.py" "$out" 'Testing complete\. Ran [^\n]*'
	expect_eq "its counts" "$(grep 'Testing complete' <<<"$out" |
		sed -E 's/.*passed: ([0-9]+), failed: ([0-9]+), skipped: ([0-9]+)$/\1 \2 \3/')" "$numbers"
}

ktap_test run_passes "a run that passes"
ktap_test run_with_a_failure "one failure makes the run fail"
ktap_test run_hangs "a program that hangs makes the run fail"
ktap_test run_crashes "a crash in the middle of a subtest makes the run fail"
ktap_test run_crashes_after_all "a crash after the last result makes the run fail"
ktap_test run_silent "a program that prints nothing makes the run fail"
ktap_test run_half_planned "missing results make the run fail"
ktap_test run_bad_status "an exit status without a failure makes the run fail"
ktap_test run_leaks_process "a process left behind makes the run fail, and is ended"
ktap_test run_leaks_file "a temporary file left behind makes the run fail, and is removed"
ktap_test run_kernel_complains "a warning in the kernel's log makes the run fail"
ktap_test run_kernel_complains_of_either "of two that run when the kernel warns, both have failed"
ktap_test run_reaps_orphans "orphans are reaped while the program runs"
ktap_test run_all_skipped "a run in which all was skipped has failed"
ktap_test run_nothing "a run that executed nothing has failed"
ktap_test run_missing_program "a program that isn't there makes the run fail"
ktap_test run_unlisted_program "a program that can't list its tests is run, whichever are asked for"
ktap_test -T 30 run_endless_list "a list that doesn't end is cut off, and its program ended"
ktap_test run_bad_list "a mistake in the list is named"
ktap_test run_not_valid "output that isn't KTAP makes the run fail"
ktap_test run_mixed_streams "what goes to stderr doesn't break results"
ktap_test run_live "results appear while the program runs"
ktap_test run_one_more "in-process one program more than CPUs runs at once, else none"
ktap_test run_parallel "programs run at once, their output in order"
ktap_test run_longest_first "what may take longest starts first, what needs a guest last; results come so, too"
ktap_test run_selects "by target, by program, by test"
ktap_test run_shards "each program is in exactly one shard, always the same"
ktap_test run_shards_of_all "the shards of all tests are all tests, each once"
ktap_test run_idle_shard "an idle shard is no failure where others test"
ktap_test run_without_guests "guests can be left out, with a reason"
ktap_test run_prints_programs "the programs as a list, with their time limits"
ktap_test run_junit "the JUnit file agrees"
ktap_test run_interrupted "ctrl-C ends all and still reports"
ktap_test run_killed "after kill -9 the next run clears up"
ktap_test run_busy "two runs don't share a build directory"
ktap_test run_read_by_prove "prove agrees on the run"
ktap_test run_read_by_kunit "the kernel's parser agrees on the run"
ktap_main "$@"
