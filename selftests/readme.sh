#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the README shows works: its C program, compiled against an installed library, and its shell lines.
# shellcheck disable=SC2317 # the tests are called by name
cd "$(dirname "$0")/.." || exit 1
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp"' EXIT
tests=(installs c_program cxx_program shared_library shell run_time)
# shellcheck source=selftests/script_lib.sh
. selftests/script_lib.sh

export PKG_CONFIG_PATH=$tmp/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$tmp
export LD_LIBRARY_PATH=$tmp/usr/lib PATH=$tmp/usr/sbin:$PATH

installs() {
	make -s -C userlib install DESTDIR="$tmp" PREFIX=/usr >"$tmp/log" 2>&1 || { cat "$tmp/log"; return 1; }
	awk '/^```c/ { on = 1; next } /^```/ { on = 0 } on' README.md >"$tmp/hello.c"
	[ -s "$tmp/hello.c" ]
}

# One publishes, one prints: the sequence and the text
run_hello() {
	local first
	first=$(cat /sys/class/ring/ring0/head)
	"$1" "hello from $1" || return
	timeout 2 "$1" >"$tmp/out"
	[ $? = 124 ] && [ "$(cat "$tmp/out")" = "$first: hello from $1" ] && return
	sed 's/^/# /' "$tmp/out"
	return 1
}

flags() {
	pkg-config "$@" libring
}

c_program() {
	# shellcheck disable=SC2046 # flags are words
	cc -Wall -Wextra -Werror -o "$tmp/hello" "$tmp/hello.c" $(flags --cflags --libs) || return
	run_hello "$tmp/hello"
}

cxx_program() {
	# shellcheck disable=SC2046 # flags are words
	c++ -x c++ -Wall -Wextra -Werror -o "$tmp/hello++" "$tmp/hello.c" $(flags --cflags --libs) || return
	run_hello "$tmp/hello++"
}

# What is exported is what libring.h declares, and it is versioned.
shared_library() {
	nm -D --defined-only "$tmp/usr/lib/libring.so.0" | awk '$2 == "T" { print $3 }' | sort >"$tmp/exported"
	grep -q -v '@@RING_' "$tmp/exported" && { echo "# a symbol without version"; return 1; }
	[ "$(readelf -d "$tmp/usr/lib/libring.so.0" | grep -c 'SONAME.*libring.so.0')" = 1 ] || return
	sed 's/@@.*//' "$tmp/exported" | while read -r symbol; do
		grep -q "\<$symbol(" userlib/include/*.h || { echo "# $symbol is in no header"; return 1; }
	done
}

shell() {
	cat /dev/ring0 >"$tmp/out" &
	await "a subscriber" grep -q 1 /sys/class/ring/ring0/subscribers || return
	echo hello > /dev/ring0
	for ((i = 0; i < 100 && $(stat -c %s "$tmp/out") < 6; i++)); do sleep 0.05; done
	kill $!
	wait $!
	[ "$(cat "$tmp/out")" = hello ] || return
	echo hello > /dev/ring1
	timeout 5 ringctl sub 1 --from latest --hex -n 1 | grep -q 68
}

# Its lines from "ringctl create" to "ringctl destroy", of what runs for ever one refresh or a moment
run_time() {
	sed -n '/^    ringctl create/,/^    ringctl destroy/p' README.md |
		sed 's/^    //; s/ringctl top/& -n 1/; s/journalctl -f/echo x/' >"$tmp/lines"
	[ "$(wc -l <"$tmp/lines")" = 5 ] || return
	bash -e "$tmp/lines" >"$tmp/out" || return
	[ "$(grep -c '^ring[0-9]* *audit ' "$tmp/out")" = 2 ] || { sed 's/^/# /' "$tmp/out"; return 1; }
	! ringctl info audit 2>/dev/null
}

# Another test may have left records in ring 0
reload
run_tests "${tests[@]}"
