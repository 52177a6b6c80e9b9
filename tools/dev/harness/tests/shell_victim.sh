#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Shell tests that end in every way a test can end, for the harness' own tests.
. "$(dirname "$(realpath "$0")")/../ktap.sh"

passes() { echo hello; expect_eq "a number" 1 1; expect_has "a text" stall tall; }
eq_fails() { expect_eq "exit status" 2 3; echo "not reached"; }
command_fails() { false; echo "not reached"; }
command_in_pipe_fails() { false | cat; }
unset_variable() { echo "$no_such_variable"; }
exits() { exit 0; }
exits_with_3() { exit 3; }
skips() { skip "no disk here"; }
skips_inside() { value=$(skip "no disk there"); echo "not reached"; }
exits_with_4() { exit 4; }
xfails() { xfail "known"; false; }
xfail_passes() { xfail "no more"; }
hangs() { sleep 1000; }
killed() { kill -SEGV $BASHPID; }
leaks_process() { sleep 1000 & }
leaks_file() { touch "$TMPDIR/left"; }
uses_scratch() { touch "$T/left"; }
prints_ktap() { echo "not ok 1 not_mine"; echo "    ok 1 nor_mine"; }
nests() {
	printf '    %s\n' 'KTAP version 1' '1..2' 'ok 1 inner_a' 'ok 2 inner_b'
}
nests_and_dies() {
	printf '    %s\n' 'KTAP version 1' '1..2' 'ok 1 inner_a'
	kill -KILL $BASHPID
}
cleanup() { [ ! -e "$T/left" ] || echo "cleaned up"; }

ktap_test passes "a sentence about it"
for name in eq_fails command_fails command_in_pipe_fails unset_variable exits exits_with_3 \
	skips skips_inside exits_with_4 xfails xfail_passes killed leaks_process leaks_file uses_scratch \
	prints_ktap; do
	ktap_test "$name"
done
ktap_test -T 1 hangs
ktap_test -n nests
ktap_test -n nests_and_dies
ktap_main "$@"
