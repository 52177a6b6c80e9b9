#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The check of which room of host/ includes which, on small trees made up here.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")

# tree ROOMS: rooms top, mid and low with a file each, which keep to "top: mid", "mid: low"
tree() {
	rm -rf "$T/host"
	mkdir -p "$T/host/top" "$T/host/mid" "$T/host/low" "$T/host/tests/low"
	printf '%s\n' "$1" >"$T/host/rooms"
	printf '#include "top/a.h"\n#include "mid/b.h"\n#include <stdio.h>\n' >"$T/host/top/a.c"
	printf '#include "low/c.h"\n#include "ss_events.h"\n' >"$T/host/mid/b.c"
	printf 'int c;\n' >"$T/host/low/c.c"
	printf '#include "top/a.h"\n' >"$T/host/tests/low/test_c.c"
}

good='top: mid
mid: low -<bpf/
low: -<bpf/'

check() {
	rc=0
	out=$(cd "$T" && "$src/tools/dev/check-rooms" host 2>&1) || rc=$?
}

# refused LINE: status 1 and just this line
refused() {
	check
	expect_eq "exit status" "$rc" 1
	expect_eq "what it says" "$out" "$1"
}

allowed() {
	tree "$good"
	check
	expect_eq "exit status" "$rc" 0
	expect_eq "what it says" "$out" ""
}

upward() {
	tree "$good"
	printf '#include "mid/b.h"\n' >>"$T/host/low/c.c"
	refused 'host/low/c.c:2: low must not include "mid/b.h": see host/rooms'
}

past_a_room() {
	tree "$good"
	printf '  #  include "low/c.h"\n' >>"$T/host/top/a.c"
	refused 'host/top/a.c:4: top must not include "low/c.h": see host/rooms'
}

around() {
	tree "$good"
	printf '#include "../top/a.h"\n' >>"$T/host/low/c.c"
	refused 'host/low/c.c:2: an include by "../top/a.h" goes round the rooms: write ROOM/FILE.h'
}

system_header() {
	tree "$good"
	printf '#include <bpf/libbpf.h>\n' >>"$T/host/mid/b.c"
	refused 'host/mid/b.c:3: mid must not know <bpf/libbpf.h>'
}

new_room() {
	tree "$good"
	mkdir "$T/host/attic"
	printf '#include <stdio.h>\n#include <errno.h>\n' >"$T/host/attic/d.h"
	refused 'host/attic/d.h:1: attic is no room of host/rooms'
}

circle() {
	tree $'top: mid\nmid: low\nlow: top'
	refused 'host/rooms:3: low may not use top, which is not below it'
}

unlisted() {
	tree $'top: mid\nmid: lwo\nlow:'
	refused 'host/rooms:3: lwo is used and not listed'
}

no_list() {
	tree "$good"
	rm "$T/host/rooms"
	check
	expect_eq "exit status" "$rc" 2
	expect_match "what it says" "$out" 'host/rooms is not there'
}

ours() {
	rc=0
	out=$(cd "$src" && tools/dev/check-rooms 2>&1) || rc=$?
	expect_eq "what it says of the sources" "$out" ""
	expect_eq "exit status" "$rc" 0
}

ktap_test allowed "includes that the list allows are no complaint, tests include what they like"
ktap_test upward "an include from below is named with its line"
ktap_test past_a_room "so is one that the list leaves out"
ktap_test around "so is one by a relative path"
ktap_test system_header "a room that must not know a system header is told"
ktap_test new_room "a room that isn't listed is told once"
ktap_test circle "a list with a circle in it is refused"
ktap_test unlisted "so is one that names a room that isn't there"
ktap_test no_list "without a list there is no check"
ktap_test ours "the rooms of host/ keep to their list"
ktap_main "$@"
