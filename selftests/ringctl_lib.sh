# shellcheck shell=bash disable=SC2034,SC2154 # shared with who includes this
# SPDX-License-Identifier: GPL-2.0
# What the tests of ringctl share: they list functions in $tests and call run_tests.
PATH=$PWD/../userlib/build/ringctl:$PATH
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp"' EXIT
failed=0

# check WHAT COMMAND...: the command must succeed
check() {
	local what=$1
	shift
	"$@" >"$tmp/out" 2>"$tmp/err" && return
	echo "# $what: status $?"
	sed 's/^/# /' "$tmp/out" "$tmp/err"
	ok=''
}

equal() {
	[ "$2" = "$3" ] && return
	printf '# %s:\n# expected: %q\n# got:      %q\n' "$1" "$2" "$3"
	ok=''
}

# has TEXT WHAT FILE
has() {
	grep -q -F -e "$1" "$3" || equal "$2" "... $1 ..." "$(cat "$3")"
}

# matches PATTERN WHAT FILE
matches() {
	grep -q -e "$1" "$3" || equal "$2" "$1" "$(cat "$3")"
}

# json FILTER COMMAND...: what jq finds in the output, all of which must be JSON
json() {
	local filter=$1
	shift
	"$@" 2>"$tmp/err" >"$tmp/json" || equal "$* (status)" 0 $?
	jq -r "$filter" "$tmp/json" 2>&1
}

# refused STATUS TEXT COMMAND...: fails with this status and one line on stderr that has the text
refused() {
	local want=$1 text=$2 status
	shift 2
	timeout 10 "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	equal "$* (status)" "$want" "$status"
	equal "$* (lines)" 1 "$(wc -l <"$tmp/err")"
	case $(cat "$tmp/err") in
	ringctl:\ *:\ *) has "$text" "$* (message)" "$tmp/err" ;;
	*) equal "$* (message)" "ringctl: ...: ..." "$(cat "$tmp/err")" ;;
	esac
}

attr() {
	cat "/sys/class/ring/ring$1/$2"
}

# Wait until an attribute has a value
until_attr() {
	local i
	for ((i = 0; i < 200; i++)); do
		[ "$(attr "$1" "$2")" = "$3" ] && return
		sleep 0.05
	done
	echo "# ring$1: $2 did not become $3"
	ok=''
}

# A ring that is soon full
small() {
	ringctl create --slots 8 --size 4K "$@"
}

# As somebody who may do nothing
unprivileged=(setpriv --reuid 65534 --regid 65534 --clear-groups)

# The parameters the module was loaded with, for reload
params=()
for p in /sys/module/ring/parameters/*; do
	value=$(cat "$p")
	[ "$value" ] && params+=("${p##*/}=$value")
done

# reload [PARAM=VALUE...]: load the module anew; with the parameters it had when none are given
reload() {
	[ $# -gt 0 ] || set -- "${params[@]}"
	[ ! -d /sys/module/ring ] || rmmod ring
	modprobe ring "$@"
}

# Before each of them, before_each
run_tests() {
	local t n=0
	echo "TAP version 13"
	echo "1..${#tests[@]}"
	for t in "${tests[@]}"; do
		ok=1
		n=$((n + 1))
		before_each
		$t
		if [ "$ok" ]; then
			echo "ok $n $t"
		else
			echo "not ok $n $t"
			failed=1
		fi
	done
}
