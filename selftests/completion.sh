#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What bash completes after ringctl. TAP on stdout. Needs rings 0 to 3.
cd "$(dirname "$0")/../userlib" || exit 1
PATH=$PWD/build/ringctl:$PATH
# shellcheck source=../userlib/completion/ringctl
. completion/ringctl
points=0 failed=0
breaks=:=
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'

# completes EXPECTED WORD...: after "ringctl WORD...", the last of which is being typed, comes EXPECTED. Bash splits
# words at what COMP_WORDBREAKS has, as here at : and =; several of these in a row are one word.
completes() {
	local expected=$1 got word rest part
	shift
	COMP_LINE="ringctl $*" COMP_WORDS=(ringctl) COMPREPLY=()
	COMP_POINT=${#COMP_LINE}
	for word; do
		rest=$word
		while
			part=${rest%%["$breaks"]*}
			[ "$part" ] || part=${rest%%[!"$breaks"]*}
			[ "$part" ] || part=$rest
			COMP_WORDS+=("$part")
			rest=${rest#"$part"}
			[ "$rest" ]
		do :; done
	done
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	part=${COMP_WORDS[COMP_CWORD]}
	_ringctl ringctl "${part##["$breaks"]*}" "${COMP_WORDS[COMP_CWORD - 1]}"
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
completes next sub --from=n
completes 'oldest next latest' sub --from=
completes 'oldest next latest' sub --lossy --from=
completes '' sub -n ''
completes '' sub -n 3 --timeout ''
completes '0 1 2 3' sub -n 3 --timeout 3s --lossy ''
completes '0 1 2 3' sub --timeout=3s --lossy ''
completes 'block overwrite' create --policy ''
completes 'block overwrite' create --policy=
completes overwrite create --policy=o
completes overwrite create name --policy o
completes '--policy' create --pol
completes '' create ''
completes '--force' destroy --f
completes '0 1 2 3' destroy ''
completes '0 1 2 3' destroy --force 0 ''

# Names as they may be. The number of the first of them is 4.
for name in log:app log:db::x a=b=c "it's" plain; do
	ringctl create --slots 8 --size 4K "$name" >/dev/null || exit 1
done
completes "0 1 2 3 4 log:app 5 log:db::x 6 a=b=c 7 it\\'s 8 plain" info ''
completes plain info p
completes plain destroy --force log:app p
completes 'log:app log:db::x' info lo
completes 'app db::x' info log:
completes app info log:a
completes db::x info log:db
completes x info log:db::
completes '' info log:db:x
completes 'a=b=c' info a
completes 'b=c' info a=
completes c info a=b=
completes "app db::x" sub --from=next log:
completes '' info nothing:
completes lib/libring.map pub log:app lib/libring.map
completes '' sub log:app ''
breaks=:
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
completes a=b=c info a=b
completes app info log:a
completes --policy=overwrite create --policy=o
breaks=' '
COMP_WORDBREAKS=${COMP_WORDBREAKS//:}
completes log:app info log:a
completes 'log:app log:db::x' info l
ringctl destroy 4 5 6 7 8 || exit 1

points=$((points + 1))
if complete -p ringctl | grep -q -- '-F _ringctl '; then
	echo "ok $points bash asks it"
else
	echo "not ok $points bash asks it"
	failed=1
fi
echo "1..$points"
exit $failed
