#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The mutation run, on a small tree made up here; and that all mutants fit the code.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")
build=${SS_BUILD:-$src/build}

# A tree with a function to be wrong about, and a test program.
tree() {
	rm -rf "$T/tree"
	mkdir -p "$T/tree/host/tests/core" "$T/tree/data" "$T/tree/build"
	cd "$T/tree"
	cat >Makefile <<-'EOF'
	.RECIPEPREFIX = >
	build/tests/test_%: host/tests/core/test_%.c host/sum.c
	>@mkdir -p build/tests
	>@gcc $(CFLAGS) -o $@ $^
	EOF
	cat >host/sum.c <<-'EOF'
	int sum(const int *v, int nr)
	{
		int s = 0;

		for (int i = 0; i < nr; i++)
			s += v[i];
		return s;
	}

	int other(int nr)
	{
		return nr < 0 ? 0 : nr;
	}
	EOF
	cat >host/tests/core/test_sum.c <<-'EOF'
	#include <stdio.h>
	int sum(const int *v, int nr);
	int main(void)
	{
		int v[] = { 1, 2, 3 };
		int good = sum(v, 3) == 6;

		printf("KTAP version 1\n1..1\n%s 1 adds_up: all are added\n", good ? "ok" : "not ok");
		return !good;
	}
	EOF
	printf 'file: host/*.c\ntests: test_sum\n' >data/a.mut
}

# mutant NAME IN FIND WITH
mutant() {
	printf '\nmutant: %s\n\twhat: %s\n\tin: %s\n\t- %s\n\t+ %s\n' "$1" "it is wrong" "$2" "$3" "$4" >>data/a.mut
}

# run ARG...: its status in $rc, what it says in $out
run() {
	rc=0
	out=$("$build/run_mutants" -d data "$@" 2>&1) || rc=$?
}

caught() {
	tree
	mutant one-too-few sum 'i < nr' 'i < nr - 1'
	run
	expect_eq "exit status" "$rc" 0
	expect_match "the row" "$out" 'one-too-few +caught .* it is wrong'
	expect_has "who caught it" "$out" 'test_sum adds_up: all are added'
	expect_has "the end" "$out" '1 caught (0 by a time limit), 0 survived'
	expect_file build/mutants/table.txt
}

survivor() {
	tree
	mutant one-too-few sum 'i < nr' 'i < nr - 1'
	mutant not-noticed other 'nr < 0' 'nr < 1'
	run
	expect_eq "exit status" "$rc" 1
	expect_match "the row" "$out" 'not-noticed +SURVIVED'
	expect_has "where it is described" "$out" 'data/a.mut:10: not-noticed: no test noticed'
	expect_has "the end" "$out" '1 caught (0 by a time limit), 1 survived'
}

chosen() {
	tree
	mutant one-too-few sum 'i < nr' 'i < nr - 1'
	mutant not-noticed other 'nr < 0' 'nr < 1'
	run 'one-*'
	expect_eq "exit status" "$rc" 0
	run 'two-*'
	expect_eq "exit status for a name that isn't there" "$rc" 2
}

does_not_build() {
	tree
	mutant broken sum 's += v[i];' 's += w[i];'
	run
	expect_eq "exit status" "$rc" 1
	expect_match "the row" "$out" "broken +DOESN'T BUILD"
	expect_has "its log" "$(cat build/mutants/logs/broken.log)" undeclared
}

hangs() {
	tree
	# What the harness says of a test that it had to kill.
	cat >host/tests/core/test_sum.c <<-'EOF'
	#include <stdio.h>
	int sum(const int *v, int nr);
	int main(void)
	{
		int v[] = { 1, 2, 3 };
		int good = sum(v, 3) == 6;

		printf("KTAP version 1\n1..1\n%s", good ? "" : "# no end after 3 s, killed\n");
		printf("%s 1 adds_up\n", good ? "ok" : "not ok");
		return !good;
	}
	EOF
	mutant one-too-few sum 'i < nr' 'i < nr - 1'
	run
	expect_eq "exit status" "$rc" 0
	expect_match "the row" "$out" 'one-too-few +time limit'
	expect_has "the end" "$out" '1 caught (1 by a time limit)'
}

crashes() {
	tree
	mutant crash sum 's += v[i];' '__builtin_trap();'
	run
	expect_eq "exit status" "$rc" 0
	expect_has "who caught it" "$out" 'test_sum, ended by signal'
}

stops_early() {
	tree
	cat >host/tests/core/test_sum.c <<-'EOF'
	#include <stdio.h>
	#include <unistd.h>
	int sum(const int *v, int nr);
	int main(void)
	{
		int v[] = { 1, 2, 3 };

		setvbuf(stdout, NULL, _IOLBF, 0);
		printf("KTAP version 1\n1..2\n%s 1 adds_up\n", sum(v, 3) == 6 ? "ok" : "not ok");
		if (sum(v, 3) != 6)
			sleep(50);
		printf("ok 2 more\n");
		return 0;
	}
	EOF
	mutant one-too-few sum 'i < nr' 'i < nr - 1'
	run
	expect_eq "exit status" "$rc" 0
	expect_match "the row" "$out" 'one-too-few +caught'
}

bad_baseline() {
	tree
	sed -i 's/== 6/== 7/' host/tests/core/test_sum.c
	mutant one-too-few sum 'i < nr' 'i < nr - 1'
	run
	expect_eq "exit status" "$rc" 1
	expect_has "message" "$out" 'without any mutant: test_sum adds_up'
}

skipped() {
	tree
	printf '#include <stdio.h>\nint main(void) { puts("1..0 # SKIP no"); return 4; }\n' >host/tests/core/test_sum.c
	mutant one-too-few sum 'i < nr' 'i < nr - 1'
	run
	expect_eq "exit status" "$rc" 1
	expect_has "the end" "$out" '0 caught (0 by a time limit), 0 survived, 1 skipped'
}

# What must be refused before anything is built.
refused() {
	run -n
	expect_eq "exit status" "$rc" 2
	expect_has "message" "$out" "$1"
	expect_no_file build/mutants/0
}

no_place() {
	tree
	mutant gone sum 'i <= nr' 'i < nr'
	refused 'data/a.mut:4: gone: must match once, matches 0 times within sum in host/*.c'
}

two_places() {
	tree
	mutant twice sum 's' 't'
	refused 'host/sum.c:3: twice: matches here'
	expect_match "how often" "$out" 'must match once, matches 3 times'
}

other_format() {
	tree
	mutant one-too-few sum 'for(int i=0;i<nr;i++) s+=v[i];' ';'
	run
	expect_eq "exit status" "$rc" 0
	tree
	mutant part-of-a-word sum 'fo' 'whi'
	refused 'part-of-a-word: must match once, matches 0 times'
}

bad_data() {
	tree
	printf 'mutant: x\n\twhat: y\n' >>data/a.mut
	refused "data/a.mut:4: x ends without a '-' line"
	tree
	printf 'mutant: x\n\tnonsense\n' >>data/a.mut
	refused "data/a.mut:4: neither KEY: VALUE nor '-' nor '+': nonsense"
	tree
	sed -i 's/test_sum/test_gone/' data/a.mut
	mutant one-too-few sum 'i < nr' 'i < nr - 1'
	refused 'no test program test_gone'
	tree
	mutant same sum 'i < nr' 'i < nr'
	refused 'changes nothing'
	tree
	mutant same sum 'i < nr' 'i < 1'
	mutant same sum 'i < nr' 'i < 2'
	refused 'there is another of this name'
}

# A test that never ends, so that the run can be interrupted in it.
endless() {
	tree
	sed -i 's/int good/while (sum(v, 3) != 6)\n\t\t\t;\n\tint good/' host/tests/core/test_sum.c
	mutant one-too-few sum 'i < nr' 'i < nr - 1'
	"$build/run_mutants" -d data >out 2>&1 &
	pid=$!
	for _ in $(seq 1000); do
		! grep -qs '^== test_sum' build/mutants/logs/one-too-few.log || return 0
		sleep 0.02
	done
	fail "the mutant isn't tried"
}

# Processes in the tree's copies.
left() {
	local cwd n=0
	for cwd in /proc/[0-9]*/cwd; do
		case $(readlink "$cwd" 2>/dev/null || true) in
		"$T"/tree/build/mutants/*) n=$((n + 1)) ;;
		esac
	done
	echo "$n"
}

interrupted() {
	local rc=0
	endless
	kill -INT "$pid"
	wait "$pid" || rc=$?
	expect_eq "exit status" "$rc" 130
	expect_eq "processes left" "$(left)" 0
	expect_eq "copies with the mutant in" "$(grep -l 'i < nr - 1' build/mutants/[01]/host/sum.c || true)" ''
}

killed() {
	local rc=0
	endless
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null || true
	for _ in $(seq 500); do
		[ "$(left)" != 0 ] || break
		sleep 0.02
	done
	expect_eq "processes left" "$(left)" 0
	# The next run starts from a clean tree.
	sed -i 's/while (sum.*/if (0)/' host/tests/core/test_sum.c
	run
	expect_eq "exit status" "$rc" 0
	expect_match "the row" "$out" 'one-too-few +caught'
}

second_run() {
	local rc=0
	tree
	mutant one-too-few sum 'i < nr' 'i < nr - 1'
	run
	# The fault must be gone from what was built.
	: >data/a.mut
	printf 'file: host/*.c\ntests: test_sum\n' >>data/a.mut
	mutant not-noticed other 'nr < 0' 'nr < 1'
	run
	expect_match "the row" "$out" 'not-noticed +SURVIVED'
	sed -i 's/s = 0/s = 1/' host/sum.c
	run
	expect_has "message about the changed source" "$out" 'without any mutant: test_sum adds_up'
}

all_fit() {
	cd "$src"
	run -d tools/dev/mutants -n
	expect_eq "exit status ($out)" "$rc" 0
}

ktap_test all_fit "each mutant of tools/dev/mutants fits the code, in one place"
ktap_test caught "a mutant that a test notices is caught by it"
ktap_test survivor "one that none notices is a failure"
ktap_test chosen "mutants are chosen by name"
ktap_test does_not_build "one that does not build is a failure of its own"
ktap_test hangs "one that makes a test hang is caught by the time limit"
ktap_test crashes "one that makes a program crash is caught"
ktap_test stops_early "a program is ended at its first failure"
ktap_test bad_baseline "a test that fails without any mutant is named, and none is tried"
ktap_test skipped "a run in which nothing was caught has failed"
ktap_test no_place "a pattern that matches nothing is refused"
ktap_test two_places "so is one that matches more than once"
ktap_test other_format "white space doesn't matter, words do"
ktap_test bad_data "bad data is named by line"
ktap_test interrupted "an interrupted run leaves no process and no mutant"
ktap_test killed "after a killed one the next starts from a clean tree"
ktap_test second_run "the copy is brought up to date, with what is built from it"
ktap_main "$@"
