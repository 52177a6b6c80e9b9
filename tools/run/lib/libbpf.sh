# SPDX-License-Identifier: GPL-2.0-only
# libbpf, and the bpftool that writes skeletons for just that libbpf. Debian
# 12's own are too old for sched_ext. Needs common.sh and apt.sh.

# The release whose libbpf (1.5) and bpftool (7.5) match.
libbpf_release=trixie

# What a libbpf.a depends on besides its version.
libbpf_abi() {
	. /etc/os-release
	echo "gcc$(gcc -dumpfullversion)-$ID${VERSION_ID:-}"
}

# The newest libbpf in the cache that fits this system; empty if there's none.
libbpf_dir() {
	find "$cache/libbpf" -mindepth 1 -maxdepth 1 -name "*-$(libbpf_abi)" 2>/dev/null | sort -V | tail -n 1
}

# Which libraries a program with libbpf needs besides it, static ones too: what
# libelf.a needs depends on the release.
libbpf_try_link() {
	local dir=$1 libs
	gcc -O2 -c -o "$dir/libeu.o" "$tools/lib/libeu.c"
	ar rcs "$dir/lib/libeu.a" "$dir/libeu.o"
	printf '#include <bpf/libbpf.h>\nint main(void)\n{\n\treturn !bpf_object__open("x");\n}\n' >"$dir/try.c"
	for libs in '-lelf -lz' '-lelf -lz -lzstd' '-lelf -leu -lz -lzstd'; do
		gcc -static -isystem "$dir/include" -isystem "$dir/uapi" -o "$dir/try" "$dir/try.c" "$dir/lib/libbpf.a" \
			"-L$dir/lib" $libs 2>"$cache/log/libbpf-link.log" || continue
		echo "$libs" >"$dir/libs"
		rm "$dir/try" "$dir/try.c" "$dir/libeu.o"
		return
	done
	tail -n 4 "$cache/log/libbpf-link.log" >&2
	die "a static program with libbpf can't be linked (see above)"
}

libbpf_build() {
	local source=$1 dir=$2
	mkdir "$dir/source"
	tar -xf "$source" -C "$dir/source" --strip-components=1
	logged libbpf make -C "$dir/source/src" -j2 BUILD_STATIC_ONLY=1 NO_PKG_CONFIG=1 CC=gcc CFLAGS='-O2 -g -fPIC' \
		PREFIX=/ LIBDIR=/lib UAPIDIR=/uapi DESTDIR="$dir" install install_uapi_headers
	rm -rf "$dir/source" "$dir/lib/pkgconfig"
	[ -e "$dir/lib/libbpf.a" ] && [ -e "$dir/include/bpf/libbpf.h" ] && [ -e "$dir/uapi/linux/bpf.h" ] ||
		die "building libbpf left files out"
	libbpf_try_link "$dir"
}

libbpf_fetch() {
	local tmp=$cache/tmp/libbpf-source source version release
	[ -z "$(libbpf_dir)" ] || return 0
	rm -rf "$tmp"
	mkdir "$tmp"
	for release in "$libbpf_release" forky sid; do
		apt_root "src-$release" "deb-src $release"
		version=$(apt_private "src-$release" apt-cache showsrc --only-source libbpf 2>/dev/null |
			awk '$1 == "Version:" { print $2 }' | sort -V | tail -n 1)
		[ -z "$version" ] || break
	done
	[ -n "$version" ] || die "no release of Debian on this mirror has the source of libbpf"
	say GET "libbpf $version (source)"
	cd "$tmp"
	logged get-libbpf apt_private "src-$release" apt-get source --download-only --only-source "libbpf=$version"
	source=$(find "$tmp" -name 'libbpf_*.orig.tar.*' ! -name '*.asc')
	[ -n "$source" ] || die "the source package of libbpf $version has no orig tarball"
	version=${source##*/libbpf_}
	version=${version%%.orig.*}
	say BUILD "libbpf $version"
	cached "libbpf/$version-$(libbpf_abi)" libbpf_build "$source"
	rm -rf "$tmp" "$cache/apt/src-$release/lists"
	rm -f "$cache/apt/src-$release/updated"
}

libbpf_get() {
	[ -n "$(libbpf_dir)" ] || locked libbpf libbpf_fetch
}

bpftool_make() {
	apt_root trixie 'deb trixie' 'deb trixie-backports'
	say GET "bpftool $(apt_version trixie bpftool "$libbpf_release") (for skeletons; the system's stays as it is)"
	apt_tree trixie "$libbpf_release" bpftool "$1"
	loader_wrapper "$1" usr/sbin/bpftool
	"$1/run" version >/dev/null || die "the bpftool from $libbpf_release does not start"
}

# bpftool_get: makes sure that $cache/bpftool/run is a bpftool that matches libbpf_get's.
bpftool_get() {
	cached bpftool bpftool_make
}
