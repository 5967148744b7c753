#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What bash completes after ringctl. TAP on stdout. Needs rings 0 to 3.
cd "$(dirname "$0")/../userlib" || exit 1
PATH=$PWD/build/ringctl:$PATH
# shellcheck source=../userlib/completion/ringctl
. completion/ringctl
points=0 failed=0

# completes EXPECTED WORD...: after "ringctl WORD...", the last of which is being typed, comes EXPECTED
completes() {
	local expected=$1 got
	shift
	COMP_WORDS=(ringctl "$@") COMP_CWORD=$# COMPREPLY=()
	_ringctl ringctl "${!#}" "${COMP_WORDS[$# - 1]}"
	got=${COMPREPLY[*]}
	points=$((points + 1))
	if [ "$got" = "$expected" ]; then
		echo "ok $points ringctl $*: $got"
	else
		echo "not ok $points ringctl $*: $got, not $expected"
		failed=1
	fi
}

verbs=$(ringctl --help | sed -n 's/^  \([a-z]*\) .*/\1/p' | paste -sd' ')
completes "$verbs --help --version" ''
completes pub pu
completes '' nonsense ''
completes '0 1 2 3' info ''
completes '0 1 2 3' info 0 ''
completes /dev/ring1 info /dev/ring1
completes 3 sub 3
completes '' sub 3 ''
completes lib/libring.map pub 0 lib/libring.map
completes lib/libring.map pub --block 64K 0 Makefile lib/libring.map
completes '--json' stat --j
completes '--lines --lossy' sub --l
completes 'oldest next latest' sub --from ''
completes next sub --from n
completes next sub --from = n
completes 'oldest next latest' sub --from =
completes '' sub -n ''
completes '' sub -n 3 --timeout ''
completes '0 1 2 3' sub -n 3 --timeout 3s --lossy ''
completes '0 1 2 3' sub --timeout = 3s --lossy ''

points=$((points + 1))
if complete -p ringctl | grep -q -- '-F _ringctl '; then
	echo "ok $points bash asks it"
else
	echo "not ok $points bash asks it"
	failed=1
fi
echo "1..$points"
exit $failed
