# SPDX-License-Identifier: GPL-2.0-only
# What the scripts in tools/ share: messages, the cache, and making things in
# it once. Source it; it sets $cache, $top (the source tree) and $tools, where
# the scripts that ship lie: tools/run of the sources, tools of an installation.
# Results go to stdout, so everything here talks on stderr.
set -euo pipefail
shopt -s inherit_errexit

tools=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
top=${tools%/tools*}
me=${0##*/}

say() {
	printf '  %-7s %s\n' "$1" "$2" >&2
}

die() {
	printf '%s: %s\n' "$me" "$*" >&2
	exit 1
}

cache=${STALLSCOPE_CACHE:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/stallscope}
case $cache in
/.cache/*)	die "HOME is not set; say where downloads may go with STALLSCOPE_CACHE=DIR" ;;
*[[:space:]]*)	die "the cache directory '$cache' has a blank in its name; set STALLSCOPE_CACHE to another" ;;
/*)		;;
*)		cache=$PWD/$cache ;;
esac
mkdir -p "$cache/tmp" "$cache/lock" "$cache/log" 2>/dev/null ||
	die "can't write to the cache directory $cache; set STALLSCOPE_CACHE to another"

# locked NAME COMMAND...: run COMMAND in a subshell that holds the lock NAME.
locked() {
	local name=${1//\//_}
	shift
	(
		exec 9>"$cache/lock/$name"
		flock -n 9 || { say WAIT "another process is making $name"; flock 9; }
		"$@"
	)
}

# In the subshell of a lock; tmp is global so that the trap sees it.
make_in_cache() {
	local name=$1
	shift
	[ ! -e "$cache/$name" ] || return 0
	tmp=$cache/tmp/${name//\//_}
	trap 'rm -rf "$tmp"' EXIT
	# What killed runs have left, of this name or any other.
	find "$cache/tmp" -mindepth 1 -maxdepth 1 -mmin +600 -exec rm -rf {} +
	rm -rf "$tmp"
	mkdir -p "$tmp" "$(dirname "$cache/$name")"
	"$@" "$tmp"
	sync -f "$tmp"
	mv -T "$tmp" "$cache/$name"
}

# cached NAME MAKER...: make sure that $cache/NAME exists. MAKER is called with
# an empty directory as its last argument, which gets that name when MAKER is
# done: what is there under its name is always whole. Don't call this in a
# condition: bash then ignores failures inside MAKER.
cached() {
	[ -e "$cache/$1" ] || locked "$1" make_in_cache "$@"
}

# logged NAME COMMAND...: run COMMAND with its output in a log, and show the
# log's end if it fails.
logged() {
	local log=$cache/log/$1.log
	shift
	"$@" >"$log" 2>&1 9>&- || {
		tail -n 8 "$log" | sed 's/^/    /' >&2
		die "failed: $* (all of its output: $log)"
	}
}
