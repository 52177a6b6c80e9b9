#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# make install and make gen_tar: that what they leave works without the source
# and build trees. test_guest_whole.sh boots a guest by an installed stallscope.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")
build=${SS_BUILD:-$src/build}
cache=${STALLSCOPE_CACHE:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/stallscope}

# do_make ARG...: in the source tree, without building anything
do_make() {
	command -v make >/dev/null || skip "no make"
	[ -e "$build/config.mk" ] || skip "$build has no config.mk"
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -C "$src" "O=$build" -o all "$@"
}

# Sets stallscope, libexec
need_installed() {
	do_make install "DESTDIR=$T/dest" PREFIX=/opt/x
	stallscope=$T/dest/opt/x/bin/stallscope
	libexec=$T/dest/opt/x/libexec/stallscope
}

# try COMMAND...: sets rc, out, err; far from the source tree
try() {
	rc=0
	(cd / && "$@") >"$T/out" 2>"$T/err" </dev/null || rc=$?
	out=$(cat "$T/out")
	err=$(cat "$T/err")
}

installs() {
	local dirs

	need_installed
	try "$stallscope" --version
	expect_eq "exit status" "$rc" 0
	expect_file "$T/dest/opt/x/share/man/man1/stallscope.1"
	dirs=$(cd "$T/dest/opt/x" && find . -mindepth 1 -maxdepth 2 -type d | sort | xargs)
	expect_eq "directories" "$dirs" \
		"./bin ./libexec ./libexec/stallscope ./share ./share/man"
	! grep -rIlE -- "$src|$build" "$T/dest" || fail "text files name the source tree"
	do_make uninstall "DESTDIR=$T/dest" PREFIX=/opt/x
	expect_eq "files after uninstall" "$(find "$T/dest" -type f)" ""
}

doctor() {
	need_installed
	try env "STALLSCOPE_CACHE=$T/none" "$stallscope" doctor --json
	if grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo; then
		diag "guests run right here"
	else
		# It would fetch what it lacks.
		expect_has "doctor without a cache" "$out" "the first run fetches a QEMU"
		rm "$libexec/nested"
		try env "STALLSCOPE_CACHE=$T/none" "$stallscope" doctor
		expect_has "doctor without its helper" "$out" "install stallscope whole"
	fi
	ls "$cache"/kernel/*/kind >/dev/null 2>&1 || skip "no kernel in the cache"
	try env "STALLSCOPE_CACHE=$cache" "$stallscope" doctor
	expect_match "doctor with a cache" "$out" "ok +kernel +$cache/kernel/"
	expect_has "the kernel" "$(tr -s '\n ' ' ' <<<"$out")" "sched_ext usable"
	try env "STALLSCOPE_CACHE=$cache" "$stallscope" doctor --kernel "$cache"/kernel/7*/vmlinuz
	expect_has "doctor on a bzImage" "$(tr -s '\n ' ' ' <<<"$out")" "sched_ext usable"
}

helpers() {
	local name

	need_installed
	for name in stallscope-mkinitramfs agent nested scx_vtime tools/nested-run tools/btfcheck; do
		[ -x "$libexec/$name" ] || fail "$libexec/$name can't be run"
	done
	try "$libexec/nested" --help
	expect_eq "exit status of nested" "$rc" 0
	try "$libexec/nested" -- no-such-program-here
	expect_eq "exit status of nested ($err)" "$rc" 8
	ls "$cache"/kernel/*/kind >/dev/null 2>&1 || skip "no kernel in the cache"
	try env STALLSCOPE_OFFLINE=1 KERNEL= "$libexec/tools/get-kernel"
	expect_file "$out/vmlinux"
	try env STALLSCOPE_OFFLINE=1 "STALLSCOPE_CACHE=$T/none" KERNEL= "$libexec/tools/get-kernel"
	expect_has "offline, without a cache" "$err" STALLSCOPE_OFFLINE
	rm "$libexec/agent"
	try "$stallscope" run --kernel "$cache"/kernel/7*/vmlinux --disk size=1M --exec true \
		--out "$T/run"
	expect_eq "exit status without the agent" "$rc" 8
	expect_match "its message" "$err" "'agent'.*install"
}

tarball() {
	local top

	do_make gen_tar
	tar -C "$T" -xzf "$build"/stallscope-tests-*.tar.gz
	top=$(echo "$T"/stallscope-tests-*)
	! grep -rIlE -- "$src|$build" "$top" || fail "text files name the source tree"
	expect_eq "the same programs" "$("$top/run_tests.sh" -p | sort)" \
		"$(cd "$src" && "$build/run_tests" -b "$build" -p | sort)"
	# No make, no compiler, and no cache.
	mkdir "$T/empty"
	try env -u GUEST_KERNEL -u QEMU -u SS_BUILD -u SS_NO_GUESTS "STALLSCOPE_CACHE=$T/empty" \
		"$top/run_tests.sh" core:test_cpulist core:test_initramfs tools:test_setup.sh \
		guest:test_guest.sh
	diag "$out$err"
	expect_eq "exit status" "$rc" 0
	expect_match "the last line" "$(tail -n 1 <<<"$out")" '^[1-9][0-9]* passed, 0 failed, [2-9] skipped$'
	expect_has "why not the set-up" "$out" "tools:test_setup.sh # SKIP needs the source tree"
	expect_has "why no guests" "$out" "guest:test_guest.sh # SKIP there is no guest kernel"
	expect_eq "what was put into the cache" "$(ls "$T/empty")" ""
}

ktap_test -T 120 installs "make install and uninstall, under a DESTDIR"
ktap_test -T 120 doctor "an installed doctor finds the cache and its helpers"
ktap_test -T 120 helpers "what belongs to an installed stallscope is there and works"
ktap_test -T 300 tarball "the tarball runs without compiler, sources or cache"
ktap_main "$@"
