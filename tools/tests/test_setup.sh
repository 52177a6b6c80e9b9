#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What tools/setup and the scripts it is made of find, fetch and refuse. Nothing
# here asks the archive: what would be fetched is in the cache already, or the
# test is skipped.
. "$(dirname "$(realpath "$0")")/../dev/harness/ktap.sh"

src=$(realpath "$(dirname "$(realpath "$0")")/../..")
build=${SS_BUILD:-$src/build}
real_cache=${STALLSCOPE_CACHE:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/stallscope}

need_cache() {
	[ -d "$real_cache/kernel" ] && [ -d "$real_cache/libbpf" ] && [ -d "$real_cache/bpftool" ] ||
		skip "nothing is in the cache yet: make fills it"
}

# kernel_of KIND: a kernel's directory; one without sched_ext is fetched, as only this test needs it
kernel_of() {
	local kind
	[ "$1" != without ] ||
		STALLSCOPE_CACHE=$real_cache KERNEL='' "$src/tools/run/get-kernel" --without sched_ext >/dev/null 2>&1 ||
		skip "no kernel without sched_ext to be had"
	for kind in "$real_cache"/kernel/*/kind; do
		[ ! -e "$kind" ] || [ "$(cat "$kind")" != "$1" ] || { echo "${kind%/kind}"; return; }
	done
	skip "no kernel $1 sched_ext in the cache"
}

# lib SCRIPT ARG...: run bash with the scripts of tools/run/lib loaded and a cache of its own
lib() {
	STALLSCOPE_CACHE=$T/cache bash -c '. "$1/tools/run/lib/common.sh"; . "$1/tools/run/lib/apt.sh"
		. "$1/tools/run/lib/libbpf.sh"; . "$1/tools/run/lib/kernel.sh"; '"$1" lib "$src" "${@:2}"
}

# fake NAME TEXT: a program that stands in for another, first in PATH
fake() {
	mkdir -p "$T/bin"
	printf '#!/bin/sh\n%s\n' "$2" >"$T/bin/$1"
	chmod +x "$T/bin/$1"
}

setup_again() {
	need_cache
	"$src/tools/setup" --output "$T/one.mk" 2>"$T/err"
	expect_eq "what setup says" "$(cat "$T/err")" ''
	"$src/tools/setup" --output "$T/two.mk"
	expect_eq "what differs" "$(diff "$T/one.mk" "$T/two.mk" | grep -v "$T" | grep '^[<>]' || true)" ''
}

config_is_true() {
	local path
	need_cache
	"$src/tools/setup" --output "$T/config.mk"
	printf 'include %s\nshow:\n\t@echo $(BPFTOOL) $(VMLINUX_H_DIR)/vmlinux.h $(GUEST_KERNEL) $(GUEST_VMLINUX)' "$T/config.mk" \
		>"$T/Makefile"
	printf ' $(GUEST_MODULES)/modules.dep $(BUSYBOX) $(firstword $(LIBBPF_LIBS))\n' >>"$T/Makefile"
	for path in $(make -s -f "$T/Makefile" show); do
		expect_file "$path"
	done
	expect_has "the config" "$(cat "$T/config.mk")" "GUEST_RELEASE := $(cat "$(kernel_of with)/release")"
}

not_root() {
	local rc=0
	fake dpkg-query 'echo installed gcc'
	fake id 'echo 1000'
	PATH=$T/bin:$PATH STALLSCOPE_CACHE=$T/cache "$src/tools/setup" --output "$T/config.mk" 2>"$T/err" || rc=$?
	expect_eq "exit status" "$rc" 1
	expect_eq "lines" "$(wc -l <"$T/err")" 1
	expect_has "message" "$(cat "$T/err")" 'apt-get install --no-install-recommends libc6-dev'
	expect_no_file "$T/config.mk"
}

one_package() {
	fake dpkg-query 'echo installed "$@"'
	fake id 'echo 0'
	fake apt-get 'echo "$*" >>'"$T/asked"
	PATH=$T/bin:$PATH STALLSCOPE_CACHE=$T/cache "$src/tools/setup" --package gcovr 2>"$T/err"
	expect_eq "what was said" "$(cat "$T/err")" '  INSTALL gcovr'
	expect_eq "what was asked of apt" "$(sed 's/ .*install/ install/' "$T/asked")" $'-qq update\n-qq install gcovr'
	fake dpkg-query 'echo installed gcovr'
	PATH=$T/bin:$PATH STALLSCOPE_CACHE=$T/cache "$src/tools/setup" --package gcovr 2>"$T/err"
	expect_eq "what was said, with it installed" "$(cat "$T/err")" ''
}

not_debian() {
	local rc=0
	mkdir "$T/bin"
	ln -s /usr/bin/* "$T/bin/"
	rm "$T/bin/apt-get"
	PATH=$T/bin STALLSCOPE_CACHE=$T/cache "$src/tools/setup" --output "$T/config.mk" 2>"$T/err" || rc=$?
	expect_eq "exit status" "$rc" 1
	expect_eq "lines" "$(wc -l <"$T/err")" 1
	expect_has "message" "$(cat "$T/err")" 'not Debian'
}

mirror() {
	fake apt-get 'cat <<-EOF
		https://example.org/apt tools main
		cdrom:[x] bookworm main
		http://security.example.org/debian-security bookworm-security main
		http://mirror.example.org/debian/ bookworm contrib
		http://mirror.example.org/debian/ bookworm main
		http://other.example.org/debian/ trixie main
	EOF'
	expect_eq mirror "$(PATH=$T/bin:$PATH lib apt_mirror)" http://mirror.example.org/debian/
}

no_mirror() {
	local rc=0
	fake apt-get 'echo https://example.org/apt tools main'
	PATH=$T/bin:$PATH lib 'apt_root x "deb trixie"' 2>"$T/err" || rc=$?
	expect_eq "exit status" "$rc" 1
	expect_has message "$(cat "$T/err")" 'no Debian release among its sources'
}

private_apt() {
	local of
	command -v apt-config >/dev/null || skip "no apt here"
	fake apt-get 'echo http://mirror.example.org/debian/ bookworm main'
	PATH=$T/bin:$PATH lib 'apt_write_root "$cache/apt/x" "deb trixie" "deb-src trixie"'
	for of in Dir::Etc::sourcelist Dir::Etc::sourceparts Dir::State::status Dir::State::lists Dir::Cache::archives; do
		expect_has "$of" "$(apt-config -c "$T/cache/apt/x/apt.conf" shell v "$of/f")" "$T/cache/apt/x"
	done
	expect_eq "hooks" "$(apt-config -c "$T/cache/apt/x/apt.conf" dump | grep -c -i 'Invoke.*"..*"' || true)" 0
	expect_match "sources" "$(cat "$T/cache/apt/x/sources.list")" \
		'^deb \[signed-by=[^ ]*\] http://mirror.example.org/debian/ trixie main'
}

killed_maker() {
	local rc=0
	lib 'm() { echo half >"$1/f"; kill -KILL $BASHPID; }; cached thing m' 2>/dev/null || rc=$?
	expect_ne "exit status" "$rc" 0
	expect_no_file "$T/cache/thing"
	lib 'm() { [ ! -e "$1/f" ]; echo whole >"$1/f"; }; cached thing m'
	expect_eq "the thing" "$(cat "$T/cache/thing/f")" whole
}

failed_maker() {
	local rc=0
	lib 'm() { echo half >"$1/f"; false; echo whole >"$1/f"; }; cached thing m' || rc=$?
	expect_ne "exit status" "$rc" 0
	expect_no_file "$T/cache/thing"
	expect_eq "left in tmp" "$(ls "$T/cache/tmp")" ''
}

two_makers() {
	local line first
	mkfifo "$T/begun" "$T/go" "$T/said"
	# The first holds the lock until the second has said that it waits.
	lib 'm() { echo >"$1"; read -r _ <"$2"; echo first >"$3/f"; }; cached thing m "$2" "$3"' "$T/begun" "$T/go" &
	first=$!
	read -r _ <"$T/begun"
	lib 'm() { echo second >"$1/f"; }; cached thing m' 2>"$T/said" &
	read -r line <"$T/said"
	echo >"$T/go"
	wait "$first"
	wait $!
	expect_has "what the second says" "$line" 'another process is making thing'
	expect_eq "made by" "$(cat "$T/cache/thing/f")" first
}

kernel_names() {
	fake apt-cache 'cat <<-EOF
		linux-image-6.12.107+deb13-cloud-amd64
		linux-image-6.12.107+deb13-cloud-amd64-dbg
		linux-image-cloud-amd64
		linux-image-7.2.12+deb13-cloud-amd64
		linux-binary-7.2.12+deb13-cloud-amd64
		linux-binary-unsigned-7.2.12+deb13-cloud-amd64
		linux-modules-7.2.12+deb13-cloud-amd64
		linux-binary-6.19.6+deb13-cloud-amd64
		linux-image-6.19.6+deb13-cloud-amd64
		linux-binary-unsigned-7.10.1+deb13-cloud-amd64
		linux-modules-7.10.1+deb13-cloud-amd64
		linux-base-7.10.1+deb13-cloud-amd64
		linux-modules-7.3.4+deb13-amd64
	EOF'
	mkdir -p "$T/cache/apt/x"
	: >"$T/cache/apt/x/apt.conf"
	expect_eq "list" "$(PATH=$T/bin:$PATH lib 'kernel_list x' | sed 's/+deb13-cloud-amd64//g; s/ *$//')" \
"7.10.1 linux-binary-unsigned-7.10.1 linux-modules-7.10.1 linux-base-7.10.1
7.2.12 linux-binary-7.2.12 linux-modules-7.2.12
6.12.107 linux-image-6.12.107"
}

extract_refuses() {
	local rc image
	image=$(kernel_of with)/vmlinuz
	head -c 1000000 "$image" >"$T/cut"
	head -c 1000 "$image" >"$T/stub"
	# A byte of the compressed payload changed.
	cp "$image" "$T/damaged"
	printf '\377\377\377\377' | dd of="$T/damaged" bs=1 seek=8000000 conv=notrunc status=none
	for image in cut stub damaged nothing; do
		rc=0
		"$src/tools/run/lib/extract-vmlinux" "$T/$image" "$T/vmlinux" 2>"$T/err" || rc=$?
		expect_eq "exit status for $image" "$rc" 1
		expect_has "message" "$(tail -n 1 "$T/err")" "$T/$image: "
	done
}

own_kernel() {
	local dir rc=0
	need_cache
	dir=$(kernel_of with)
	KERNEL=/etc/passwd "$src/tools/setup" --output "$T/config.mk" 2>"$T/err" || rc=$?
	expect_eq "exit status" "$rc" 1
	expect_has "message" "$(cat "$T/err")" '/etc/passwd'
	expect_no_file "$T/config.mk"
	rc=0
	KERNEL=$dir/vmlinuz MODULES=/etc "$src/tools/setup" --output "$T/config.mk" 2>"$T/err" || rc=$?
	expect_eq "exit status" "$rc" 1
	expect_has "message" "$(cat "$T/err")" 'MODULES=/etc'
	KERNEL=$dir/vmlinuz "$src/tools/setup" --output "$T/config.mk"
	expect_has "config" "$(cat "$T/config.mk")" "GUEST_RELEASE := $(cat "$dir/release")"
	expect_match "config" "$(cat "$T/config.mk")" $'GUEST_MODULES := *\n'
}

unfit_kernel() {
	local dir
	need_cache
	dir=$(kernel_of without)
	KERNEL=$dir/vmlinuz "$src/tools/setup" --output "$T/config.mk" 2>"$T/err"
	expect_has "message" "$(cat "$T/err")" 'built without sched_ext'
	expect_has "config" "$(cat "$T/config.mk")" "GUEST_RELEASE := $(cat "$dir/release")"
	expect_has "types from a kernel with it" "$(cat "$T/config.mk")" "VMLINUX_H_DIR := $(kernel_of with)/include"
}

btfcheck() {
	local rc=0 with without
	[ -x "$build/tools/btfcheck" ] || skip "btfcheck isn't built"
	with=$(kernel_of with)
	without=$(kernel_of without)
	expect_has "verdict" "$("$build/tools/btfcheck" "$with/vmlinux")" 'sched_ext usable'
	"$build/tools/btfcheck" "$T/nothing" >/dev/null || rc=$?
	expect_eq "exit status without a file" "$rc" 2
	rc=0
	"$build/tools/btfcheck" "$without/vmlinux" >"$T/verdict" || rc=$?
	expect_eq "exit status without sched_ext" "$rc" 1
	expect_has "verdict" "$(cat "$T/verdict")" 'built without sched_ext'
}

ktap_test setup_again "a second run says nothing and writes the same"
ktap_test config_is_true "what config.mk names is there"
ktap_test not_root "packages missing and not root: the command to say, status 1"
ktap_test one_package "a package that not every build needs is installed by itself"
ktap_test not_debian "not Debian: one line that says what is needed"
ktap_test mirror "the mirror is the system's first of a Debian release"
ktap_test no_mirror "no Debian release among apt's sources is said so"
ktap_test private_apt "the private apt configuration keeps everything in the cache and runs no hooks"
ktap_test killed_maker "what a killed process has half made isn't taken for whole"
ktap_test failed_maker "what failed half-way isn't kept"
ktap_test two_makers "two at once: one makes it, the other says that it waits"
ktap_test kernel_names "kernels of every package naming are listed, newest first"
ktap_test extract_refuses "an image cut off, damaged or missing is named"
ktap_test -T 120 own_kernel "a user's own kernel and modules, good and bad"
ktap_test -T 120 unfit_kernel "a user's kernel without sched_ext is used, types come from another"
ktap_test btfcheck "verdicts on a kernel with and one without sched_ext"
ktap_main "$@"
