# shellcheck shell=bash disable=SC2034,SC2154 # shared with who includes this
# SPDX-License-Identifier: GPL-2.0
# What the tests of ringctl share
# shellcheck source=selftests/script_lib.sh
. ./script_lib.sh
PATH=$PWD/../userlib/build/ringctl:$PATH
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp"' EXIT

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
	timeout 60 "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
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
	for ((i = 0; i < 200 * ${RING_SLOW:-1}; i++)); do
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

# Before each of them, before_each; what is wrong empties $ok
run_test() {
	ok=1
	before_each
	$1
	[ "$ok" ]
}
