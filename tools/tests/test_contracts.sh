#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The check of contracts against code and tests, on small trees made up here, whose
# families are Q and R: the sources that are checked at the end have none of that name.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")
contract=Documentation/contracts/q.md

# tree: Q1 and Q3 are defined and tested, Q2 never was, Q4 is not yet
tree() {
	mkdir -p "$T/Documentation/contracts" "$T/host/tests"
	cat >"$T/$contract" <<-'END'
		# Queues

		Never assigned: Q2.

		- **Q1** The first.
		  Code: `host/q.c:first`, `host/q.h:queue`.
		- **Q3** The third, after Q1.
		  Code: `host/q.c:third`.
		- **Q4** The fourth.
		  Not yet: nobody has begun.
	END
	printf -- '- **Q1** So a statement begins.\n' >"$T/Documentation/contracts/README.md"
	cat >"$T/host/q.c" <<-'END'
		/* Q1: this. */
		int first(int a)
		{
			return later(a);
		}

		static const char *third(const char *a,
					 const char *b)
		{
			return a;
		}

		int later(int a);
		#define BEGIN {
	END
	printf 'struct queue {\n\tint q;\n};\n' >"$T/host/q.h"
	printf 'TEST(all, .title = "Q1 Q3 all of them")\n{\n}\n' >"$T/host/tests/test_q.c"
}

# check: its status in $rc, what it says in $out
check() {
	rc=0
	out=$("$src/tools/dev/check-contracts" "$T" 2>&1) || rc=$?
}

agrees() {
	check
	expect_eq "what it says" "$out" ""
	expect_eq "exit status" "$rc" 0
}

# says LINE: status 1 and just this line
says() {
	check
	expect_eq "what it says" "$out" "$1"
	expect_eq "exit status" "$rc" 1
}

keeps_to_it() {
	tree
	agrees
}

undefined() {
	tree
	printf '\n/* As Q5 wants it. */\n' >>"$T/host/q.c"
	says 'host/q.c:16: Q5 is not defined in Documentation/contracts'
}

undefined_in_a_test() {
	tree
	printf 'TEST(more, .title = "Q17 more")\n' >>"$T/host/tests/test_q.c"
	says 'host/tests/test_q.c:4: Q17 is not defined in Documentation/contracts'
}

undefined_in_a_document() {
	tree
	printf 'See Q1, Q3.\nSee Q8.\n' >"$T/README.md"
	says 'README.md:2: Q8 is not defined in Documentation/contracts'
}

never_assigned() {
	tree
	printf '# Q2 and Q3\n' >"$T/host/run.sh"
	says 'host/run.sh:1: Q2 was never assigned'
}

no_citation() {
	tree
	printf 'int Q5 = 0xQ6, aQ7, Q8x, Q_9, Q1024, Q05;\nint Q11(void);\n' >>"$T/host/q.c"
	printf 'char c = %s, s[] = "\\"", Q12[2];\n' "'\"'" >>"$T/host/q.c"
	printf 'x = Q13 + 1; /* Q1 */ y = Q14; // Q3\n' >>"$T/host/q.c"
	printf 'Q1024, Q9(x), xQ5, Q6_y, U+Q7, %%Q8, $Q10, S5\n' >"$T/README.md"
	agrees
}

long_comment() {
	tree
	printf '/*\n * "Q1\n * Q9\n */\nint Q10;\n' >>"$T/host/q.c"
	says 'host/q.c:17: Q9 is not defined in Documentation/contracts'
}

ranges() {
	tree
	printf 'Q1 to Q3, Q1-Q4, Q1..Q4, Q1 to\nQ4.\n' >"$T/README.md"
	agrees
	printf 'Q3 to Q1\n' >>"$T/README.md"
	says 'README.md:3: Q3 to Q1 is no range'
}

range_end() {
	tree
	printf '/* Q3-Q9, Q1 to\n Q11 */\n' >>"$T/host/q.c"
	check
	expect_eq "what it says" "$out" "host/q.c:15: Q9 is not defined in Documentation/contracts
host/q.c:16: Q11 is not defined in Documentation/contracts"
}

untested() {
	tree
	printf 'TEST(all, .title = "Q1 nearly all of them")\n' >"$T/host/tests/test_q.c"
	says "$contract:7: Q3: no test cites it"
}

range_is_no_test() {
	tree
	printf 'TEST(all, .title = "Q1 to Q3 all of them")\n/* Q1 to\n * Q3 */\n' >"$T/host/tests/test_q.c"
	check
	expect_eq "what it says" "$out" "$contract:5: Q1: no test cites it
$contract:7: Q3: no test cites it"
}

elsewhere_is_no_test() {
	tree
	mv "$T/host/tests/test_q.c" "$T/host/test_q.c"
	check
	expect_has "what it says" "$out" "Q1: no test cites it"
	mkdir -p "$T/guest-tests/bare" "$T/tools/tests"
	printf '/* Q1 */\n' >"$T/guest-tests/bare/q.c"
	printf 'ktap_test all "Q3 all"\n' >"$T/tools/tests/test_q.sh"
	agrees
}

done_already() {
	tree
	sed -i '/Not yet/d' "$T/$contract"
	check
	expect_eq "what it says" "$out" \
		"$contract:9: Q4 names no \`file:function\`, and no \"Not yet:\" says why
$contract:9: Q4: no test cites it"
}

function_gone() {
	tree
	sed -i 's/first/second/' "$T/host/q.c"
	says "$contract:6: Q1: host/q.c defines no first"
}

function_moved() {
	tree
	printf 'int first(int a)\n{\n\treturn a;\n}\n' >"$T/host/moved.c"
	sed -i 's/first/second/' "$T/host/q.c"
	says "$contract:6: Q1: host/q.c defines no first; there is one in host/moved.c"
}

only_declared() {
	tree
	sed -i 's/`host.q.c:first`/`host\/q.c:later`/' "$T/$contract"
	says "$contract:6: Q1: host/q.c defines no later"
}

file_gone() {
	tree
	mkdir "$T/host/io"
	mv "$T/host/q.h" "$T/host/io/q.h"
	says "$contract:6: Q1: there is no file host/q.h; there is host/io/q.h"
}

defined_twice() {
	tree
	printf -- '- **Q1** Once more.\n  Code: `host/q.c:first`.\n' >>"$T/$contract"
	says "$contract:11: Q1 is defined twice, first at $contract:5"
}

gap() {
	tree
	sed -i '/^Never/d' "$T/$contract"
	says 'Documentation/contracts: Q2 is neither defined nor listed as never assigned'
}

defined_and_never() {
	tree
	sed -i 's/^Never.*/Never assigned: Q2, Q4./' "$T/$contract"
	says 'Documentation/contracts: Q4 is both defined and listed as never assigned'
}

families() {
	tree
	printf '/* See R1. */\n' >>"$T/host/q.c"
	agrees
	printf -- '- **R1** Another.\n  Code: `host/q.c:first`.\n' >"$T/Documentation/contracts/r.md"
	says 'Documentation/contracts/r.md:1: R1: no test cites it'
	printf '/* R1 */\n' >>"$T/host/tests/test_q.c"
	agrees
	printf '/* Q1 to R1 */\n' >>"$T/host/q.c"
	says 'host/q.c:16: Q1 to R1 is no range'
}

tracked_only() {
	command -v git >/dev/null || skip "there is no git"
	tree
	git -C "$T" init -q
	git -C "$T" add .
	printf '/* Q9 */\n' >"$T/host/untracked.c"
	mkdir "$T/build"
	printf '/* Q9 */\n' >"$T/build/made.c"
	agrees
	git -C "$T" rm -q --cached host/q.h
	says "$contract:6: Q1: there is no file host/q.h"
}

no_contracts() {
	mkdir "$T/host"
	check
	expect_eq "exit status" "$rc" 2
	expect_eq "what it says" "$out" "check-contracts: there are no contracts in Documentation/contracts"
}

no_tree() {
	rc=0
	out=$("$src/tools/dev/check-contracts" "$T/none" 2>&1) || rc=$?
	expect_ne "exit status" "$rc" 0
	expect_has "what it says" "$out" "$T/none"
}

ours() {
	rc=0
	out=$("$src/tools/dev/check-contracts" "$src" 2>&1) || rc=$?
	expect_eq "what it says of the sources" "$out" ""
	expect_eq "exit status" "$rc" 0
}

ktap_test keeps_to_it "a tree that keeps to its contracts is no complaint"
ktap_test undefined "a number that isn't defined is named where it is cited"
ktap_test undefined_in_a_test "so it is in the title of a test"
ktap_test undefined_in_a_document "so it is in a document"
ktap_test never_assigned "a number that was never assigned can't be cited"
ktap_test no_citation "names, calls, hexadecimal numbers and C's code cite nothing"
ktap_test long_comment "a comment of several lines cites, whatever quotes are in it"
ktap_test ranges "a range has two ends, the lower one first"
ktap_test range_end "both ends of a range are defined, over the end of a line too"
ktap_test untested "a statement that no test cites is named"
ktap_test range_is_no_test "a range is no citation by a test"
ktap_test elsewhere_is_no_test "tests are what lies in tests/ and guest-tests/"
ktap_test done_already "a statement needs its place and its test, or the words: not yet"
ktap_test function_gone "a function that is gone is named"
ktap_test function_moved "one that has moved is found"
ktap_test only_declared "a declaration is no definition"
ktap_test file_gone "a file that has moved is found"
ktap_test defined_twice "a number that is defined twice is named"
ktap_test gap "so is one that is left out"
ktap_test defined_and_never "so is one that is there and was never assigned"
ktap_test families "a new file brings a new family, and what it demands"
ktap_test tracked_only "in a checkout only tracked files count"
ktap_test no_contracts "without contracts there is no check"
ktap_test no_tree "nor is there one without a tree"
ktap_test ours "contracts, code and tests of this tree agree"
ktap_main "$@"
