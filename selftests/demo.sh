#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One producer streams a real file through /dev/ring0 to four subscribers at once: one that reads in place through
# the library, cat, one that joins half-way, and a lossy one that is too slow. Fails unless each reliable one has the
# file's bytes, and what the lossy one received and lost adds up to what was published. Shuts the ring down.
#
#   demo.sh [FILE]
set -u
cd "$(dirname "$0")" || exit 1
file=${1:-$(command -v qemu-system-x86_64)}
ring=/dev/ring0 attr=/sys/class/ring/ring0
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp"' EXIT
failed=0

fail() {
	echo "demo: $*" >&2
	failed=1
}

# start NAME COMMAND...: run it, keep the digest of what it writes and the line that it tells
start() {
	local name=$1
	shift
	{ "$@" 2>"$tmp/$name.told" || echo "$*: status $?" >>"$tmp/$name.error"; } | sha256sum >"$tmp/$name.digest" &
}

subscribers() {
	local i
	for ((i = 0; i < 300; i++)); do
		[ "$(cat $attr/subscribers)" = "$1" ] && return
		sleep 0.1
	done
	fail "no $1 subscribers"
}

# row NAME EXPECTED-DIGEST: a line of the table
row() {
	local records bytes lost first ms digest verdict=''
	[ -s "$tmp/$1.error" ] && fail "$(cat "$tmp/$1.error" "$tmp/$1.told")"
	read -r records bytes lost first ms <"$tmp/$1.told"
	digest=$(cut -c1-64 "$tmp/$1.digest")
	if [ "$2" ]; then
		verdict="the file's"
		[ "$digest" = "$2" ] || fail "$1: the digest is not that of the file"
		[ "$first" = 0 ] || verdict="$verdict from record $first on"
		[ "${records:-0}" -gt 0 ] || fail "$1: no records"
	else
		digest='' verdict="$records + $lost = $((records + lost))"
	fi
	printf '%-10s %8d %8d.%d %8d  %-16.16s  %s\n' "$1" "$records" $((bytes / 1000 / (ms + 1))) \
		$((bytes / 100 / (ms + 1) % 10)) "$lost" "$digest" "$verdict"
}

size=$(stat -c %s "$file")
[ "$size" -ge $((8 << 20)) ] || fail "$file: shorter than 8 MiB"
echo "$file, $size bytes, through $ring:"

start zero-copy ./demo read "$file" $ring
start cat cat $ring
start lossy ./demo read "$file" $ring lossy 30000
subscribers 3
began=$(date +%s%N)
./demo produce "$file" $ring 2>"$tmp/producer.told" || fail "$(cat "$tmp/producer.told")" &
producer=$!
half=$((size / 4000 / 2))
until [ "$(cat $attr/published)" -ge $half ] || ! kill -0 $producer 2>/dev/null; do sleep 0.05; done
start late ./demo read "$file" $ring next
wait

whole=$(sha256sum <"$file")
read -r published _ _ _ ms <"$tmp/producer.told"
# cat tells nothing: its bytes are those of its digest, which is compared
echo "$published $size 0 0 $((($(date +%s%N) - began) / 1000000))" >"$tmp/cat.told"
read -r _ _ _ first _ <"$tmp/late.told"
rest=$(tail -c +$((first * 4000 + 1)) "$file" | sha256sum)
[ "${first:-0}" -gt 0 ] || fail "late: it was not late"

printf '%-10s %8s %10s %8s  %-16s\n' '' records MB/s lost sha256
printf '%-10s %8d %8d.%d\n' producer "$published" $((size / 1000 / (ms + 1))) $((size / 100 / (ms + 1) % 10))
row zero-copy "${whole%% *}"
row cat "${whole%% *}"
row late "${rest%% *}"
row lossy ''
read -r records _ lost _ <"$tmp/lossy.told"
[ $((records + lost)) = "$published" ] || fail "lossy: $records received and $lost lost are not $published"
[ $failed = 0 ] && echo "All that is reliable has the file; nothing is unaccounted for."
exit $failed
