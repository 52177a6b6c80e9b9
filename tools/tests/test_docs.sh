#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The check that the documents name what is there, on documents made up here.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")

# document LINE...: a tree with one source, one folder of documents and this README.md
document() {
	rm -rf "$T/tree"
	mkdir -p "$T/tree/host/io" "$T/tree/build/io" "$T/tree/Documentation/more"
	printf '%s\n' '#define LIMIT 3' 'static int serve(int n)' '{' $'\treturn helper(n);' '}' \
		'/* gone() was here */' '#include "vanished.h"' >"$T/tree/host/io/disk.c"
	printf '# Disks\n\n## How a *disk* stalls: now?\n' >"$T/tree/Documentation/disk.md"
	printf '%s\n' "$@" >"$T/tree/README.md"
}

check() {
	rc=0
	out=$("$src/tools/dev/check-docs" "$T/tree" 2>&1) || rc=$?
}

# good LINE...: a document with these lines is fine
good() {
	document "$@"
	check
	expect_eq "what it says" "$out" ""
	expect_eq "exit status" "$rc" 0
}

# bad WHAT LINE...: just this is said of a document with these lines
bad() {
	document "${@:2}"
	check
	expect_eq "what it says" "$out" "$1"
	expect_eq "exit status" "$rc" 1
}

paths() {
	good '# Title' 'See `host/io/disk.c`, `host/io/`, `host/*/*.[ch]` and `host`.' 'Run `host/io/disk.c --all`.'
	bad 'README.md:2: host/io/disc.c is not there' '# Title' 'See `host/io/disk.c` and `host/io/disc.c`.'
	bad 'README.md:1: host/*/*.h is not there' 'See `host/*/*.h`.'
	bad 'README.md:1: host/io/disk.c/ is not there' 'See `host/io/disk.c/`.'
}

functions() {
	good '`host/io/disk.c:serve` calls, `host/io/disk.c:LIMIT` bounds it.' 'Also `host/io/*.c:serve`.'
	bad 'README.md:1: host/io/disk.c does not define server' '`host/io/disk.c:server`'
	bad 'README.md:1: host/io/disk.c does not define helper' '`host/io/disk.c:helper`'
	bad 'README.md:1: host/io/disk.c does not define gone' '`host/io/disk.c:gone`'
	bad 'README.md:1: host/io/disk.c does not define vanished' '`host/io/disk.c:vanished`'
	bad 'README.md:1: host/io does not define serve' '`host/io:serve`'
}

any_name() {
	good 'A `host/ROOM/new.c:f`, a `host/io/NAME.c`, a `host/io/test_NAME.c`.'
	bad 'README.md:1: host/vm is not there' 'A `host/vm/test_NAME.c`.'
	bad 'README.md:1: host/io/SURNAME.c is not there' 'A `host/io/SURNAME.c`.'
}

code_blocks() {
	bad 'README.md:3: host/old is not there' 'Run' '' '    host/old --all' 'done'
	bad $'README.md:2: host/old is not there\nREADME.md:5: host/older is not there' \
		'```' 'host/old' '```' 'and' '`host/older`'
	bad 'README.md:3: host/old is not there' '- An item' '' '    goes on with `host/old`.'
	good '- An item' '' '    goes on, host/old in plain words.'
}

spans() {
	bad 'README.md:2: host/old is not there' 'A span `over two' 'lines host/old` ends, host/older is prose.'
	bad 'README.md:3: host/old is not there' 'A ` left alone' '' 'ends with its paragraph: `host/old`.'
}

others() {
	good 'No folder of ours: `kernel/host/old`, `/host/old`, `build/io/new.o`, `http://host/old`, `old/host`.'
}

links() {
	good '[disk](Documentation/disk.md), [stalls](Documentation/disk.md#how-a-disk-stalls-now)' \
		'[web](https://host/old.md) [here](#here)' '## Here'
	bad 'README.md:1: the link to Documentation/disc.md leads nowhere' '[disk](Documentation/disc.md)'
	bad 'README.md:1: Documentation/disk.md has no heading #stalls' '[disk](Documentation/disk.md#stalls)'
	bad 'README.md:1: README.md has no heading #there' '[there](#there)'
}

everywhere() {
	document 'fine'
	printf '`host/old`\n' >"$T/tree/CONTRIBUTING.md"
	printf '[up](../disk.md) [beside](disk.md)\n' >"$T/tree/Documentation/more/a.md"
	check
	expect_eq "what it says" "$out" "CONTRIBUTING.md:1: host/old is not there
Documentation/more/a.md:1: the link to disk.md leads nowhere"
	expect_eq "exit status" "$rc" 1
}

nothing() {
	mkdir "$T/tree"
	check
	expect_eq "exit status" "$rc" 2
	expect_match "what it says" "$out" 'no documents'
}

ours() {
	rc=0
	out=$("$src/tools/dev/check-docs" "$src" 2>&1) || rc=$?
	expect_eq "what it says of the documents" "$out" ""
	expect_eq "exit status" "$rc" 0
	for doc in README.md CONTRIBUTING.md Documentation/architecture.md; do
		expect_file "$src/$doc"
	done
}

ktap_test paths "a path that isn't there is named with its line, one with wildcards too"
ktap_test functions "a function has to be defined there, not only called or told of"
ktap_test any_name "NAME and ROOM stand for any name, in a folder that is there"
ktap_test code_blocks "code blocks are looked at, prose isn't"
ktap_test spans "words in backticks may go over lines, not over paragraphs"
ktap_test others "what doesn't begin with a folder of the tree is somebody else's"
ktap_test links "links lead to documents and headings that are there"
ktap_test everywhere "all documents are looked at, links are seen from their folder"
ktap_test nothing "without documents there is no check"
ktap_test ours "our documents name what is there"
ktap_main "$@"
