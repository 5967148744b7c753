#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The tool: what it publishes and prints, its exit status, and the one line of each of its errors.
#
# On /dev/ring0 (block) and /dev/ring1 (overwrite), of a module loaded anew, with the parameters it has: an overwrite
# ring keeps what other tests published.
# shellcheck disable=SC2317 # the tests are called by name
cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/ringctl_lib.sh
. ./ringctl_lib.sh

tests=(
	pub_lines sub_formats pub_blocks pub_whole pub_files pub_too_long sub_count_timeout durations sub_from
	sub_lossy_is_told sub_json info_shows stat_shows_who_is_waited_for signals broken_pipe errors usage
)

pub_lines() {
	printf 'one\ntwo\n\nlast without newline' | check pub ringctl pub 0
	equal lines $'one\ntwo\n\nlast without newline' "$(ringctl sub 0 -n 4 --timeout 5s)"
}

sub_formats() {
	printf 'A\n' | ringctl pub ring0 --tag 7
	case $(ringctl sub /dev/ring0 -n 1 --timeout 5s --hex) in
	*7*1*41*) ;;
	*) equal hex "sequence, tag 7, length 1, 41" "$(cat "$tmp/out")" ;;
	esac
	printf 'x\ny\n' | ringctl pub 0
	equal raw xy "$(ringctl sub 0 -n 2 --timeout 5s --raw)"
}

pub_blocks() {
	head -c 10000 /dev/urandom >"$tmp/data"
	check pub ringctl pub 0 --block 1K "$tmp/data"
	equal records 10 "$(($(attr 0 published) - published))"
	ringctl sub 0 -n 10 --timeout 5s --raw >"$tmp/copy"
	check content cmp "$tmp/data" "$tmp/copy"
}

pub_whole() {
	head -c 200000 /dev/urandom >"$tmp/data"
	check pub ringctl pub 0 --whole "$tmp/data"
	ringctl sub 0 -n 1 --timeout 5s --raw >"$tmp/copy"
	check content cmp "$tmp/data" "$tmp/copy"
}

pub_files() {
	echo a >"$tmp/a"
	echo b >"$tmp/b"
	check pub ringctl pub 0 "$tmp/a" "$tmp/b"
	equal both $'a\nb' "$(ringctl sub 0 -n 2 --timeout 5s)"
	check count ringctl pub 0 --count 1 "$tmp/a" "$tmp/b"
	equal first a "$(ringctl sub 0 -n 1 --timeout 5s)"
}

pub_too_long() {
	head -c 300000 /dev/zero >"$tmp/long"
	local than="longest record of ring0, 262144 bytes"
	refused 1 "$tmp/long: longer than the $than; --block cuts it" ringctl pub 0 --whole "$tmp/long"
	refused 1 "$tmp/long: line 1 is longer than the $than" ringctl pub 0 "$tmp/long"
	refused 1 "--block: 1048576 bytes are more than the $than" ringctl pub 0 --block 1M "$tmp/long"
	equal "nothing published" "$before" "$(attr 0 head)"
}

sub_count_timeout() {
	refused 1 "ring0: 0 of 1 records within 200ms" ringctl sub 0 -n 1 --timeout 200ms
	echo x | ringctl pub 0
	refused 1 "ring0: 1 of 2 records within 200ms" ringctl sub 0 -n 2 --timeout 200ms
	check "no count" ringctl sub 0 --timeout 200ms
	# The ring is full: a writer gives up too.
	head -c 2M /dev/zero >"$tmp/much"
	refused 1 "ring0: no room within 200ms; 1024 records were published" \
		ringctl pub 0 --block 1K --timeout 200ms "$tmp/much"
}

durations() {
	local given
	for given in "900us 900us" "2500us 2.5ms" "400000ns 400us" "0.005m 300ms" "0.0001h 360ms" "0.2 200ms" "1s 1s"; do
		refused 1 "ring0: 0 of 1 records within ${given#* }" ringctl sub 0 -n 1 --timeout "${given% *}"
	done
	check "a minute is longer than that" ringctl sub 0 --timeout 0.001m
	echo x | check "minutes" ringctl pub 0 --timeout 2m
	equal "minutes" x "$(ringctl sub 0 -n 1 --timeout 2m)"
}

sub_from() {
	printf '1\n2\n3\n' | ringctl pub 1
	equal latest 3 "$(ringctl sub 1 -n 1 --timeout 5s --from latest)"
	equal oldest 1 "$(ringctl sub 1 -n 1 --timeout 5s --from oldest)"
	equal sequence 2 "$(ringctl sub 1 -n 1 --timeout 5s --from $(($(attr 1 head) - 2)))"
	ringctl sub 1 -n 1 --timeout 10s --from next >"$tmp/next" &
	until_attr 1 subscribers 1
	echo 4 | ringctl pub 1
	wait $!
	equal next 4 "$(cat "$tmp/next")"
}

# lossy OPTION: stopped while more is published than the ring holds. All that it then prints is in $tmp/lossy and
# $tmp/lost.
lossy() {
	: >"$tmp/lossy"
	ringctl sub 1 --lossy "$1" --timeout 10m --from next >"$tmp/lossy" 2>"$tmp/lost" &
	until_attr 1 subscribers 1
	kill -STOP $!
	await "the subscriber stops" grep -q '^State:.T' "/proc/$!/status"
	seq 10000 | ringctl pub 1
	kill -CONT $!
	await "the last record" grep -q 10000 "$tmp/lossy"
	kill $!
	wait $!
	equal "lossy $1 (status)" 0 $?
}

sub_lossy_is_told() {
	lossy --lines
	matches '^ringctl: ring1: lost [0-9]* records$' message "$tmp/lost"
	equal "taken and lost" 10000 "$(($(wc -l <"$tmp/lossy") + $(awk '{ n += $4 } END { print n }' "$tmp/lost")))"
	equal "the end is there" 10000 "$(tail -n 1 "$tmp/lossy")"
	lossy --json
	equal "it is in the stream" "" "$(cat "$tmp/lost")"
	equal "JSON of two kinds" "lost sequence,tag,length,data" "$(jq -r 'keys_unsorted | join(",")' "$tmp/lossy" |
		sort -u | xargs)"
	equal "a loss, and not of nothing" true "$(jq -s 'map(.lost // empty) | length > 0 and all(. > 0)' "$tmp/lossy")"
	equal "taken and lost, as JSON" 10000 "$(jq -s 'map(.lost // 1) | add' "$tmp/lossy")"
	equal "the end is there, as JSON" 10000 "$(tail -n 1 "$tmp/lossy" | jq -r .data)"
}

sub_json() {
	printf 'h\xc3\xa9llo\n' | ringctl pub 0 --tag 9
	printf '\xff\xfe' | ringctl pub 0 --block 2
	ringctl sub 0 -n 2 --timeout 5s --json >"$tmp/json"
	equal objects 2 "$(wc -l <"$tmp/json")"
	equal text '"data":"héllo"' "$(head -1 "$tmp/json" | tr -d ' ' | grep -o '"data":"[^"]*"')"
	equal tag '"tag":9' "$(head -1 "$tmp/json" | tr -d ' ' | grep -o '"tag":9')"
	equal base64 '//4=' "$(tail -1 "$tmp/json" | tr -d ' \134' | grep -o '//4=')"
}

info_shows() {
	check info ringctl info 0
	check "all of them" ringctl info
	equal slots 4096 "$(ringctl info 0 --json | tr -d ' ' | grep -o '"slots":[0-9]*' | cut -d: -f2)"
	equal policy '"policy":"overwrite"' "$(ringctl info 1 --json | tr -d ' ' | grep -o '"policy":"[a-z]*"')"
}

# A stopped subscriber keeps a writer waiting: stat names it.
stat_shows_who_is_waited_for() {
	ringctl sub 0 >"$tmp/out" &
	until_attr 0 subscribers 1
	kill -STOP $!
	head -c 5000 /dev/zero | tr '\0' '\n' | timeout 5 ringctl pub 0 --timeout 1s 2>/dev/null
	ringctl stat --once 0 >"$tmp/stat" 2>&1
	grep -q "$!" "$tmp/stat" || equal "the pid in stat" "... $! ..." "$(cat "$tmp/stat")"
	ringctl stat --once --json 0 >"$tmp/json"
	grep -q "$!" "$tmp/json" || equal "the pid in stat --json" "... $! ..." "$(cat "$tmp/json")"
	kill -CONT $!
	kill $!
	wait $!
	ringctl stat --interval 100ms --once >"$tmp/stat" || equal "stat of all" 0 $?
}

signals() {
	local signal
	for signal in INT TERM; do
		(trap - INT && exec ringctl sub 0) &
		until_attr 0 subscribers 1
		kill -"$signal" $!
		wait $!
		equal "$signal (subscribers)" 0 "$(attr 0 subscribers)"
	done
}

broken_pipe() {
	yes | head -n 3000 | ringctl pub 0
	ringctl sub 0 2>"$tmp/err" | head -n 1 >/dev/null
	equal quiet "" "$(cat "$tmp/err")"
	until_attr 0 subscribers 0
}

errors() {
	refused 1 "no such ring" ringctl info 4000
	refused 1 "/nowhere" ringctl sub /nowhere
	refused 1 "/dev/null" ringctl info /dev/null
	refused 1 "$tmp/missing" ringctl pub 0 "$tmp/missing"
	refused 1 "$tmp" ringctl pub 0 "$tmp"
	refused 1 "--from: record 99999999999 of ring0 is not there yet" ringctl sub 0 --from 99999999999
}

usage() {
	refused 2 "frobnicate: no such verb; ringctl --help lists them" ringctl frobnicate
	refused 2 "no verb: ringctl --help lists them" ringctl
	refused 2 "sub: which ring?" ringctl sub
	refused 2 "--from: 'never' is not oldest, next, latest or a sequence" ringctl sub 0 --from never
	refused 2 "--count: '-1' is not a number" ringctl sub 0 --count -1
	refused 2 "--timeout: '3parsecs' is not a duration, like 500ms, 2s or 1.5m" ringctl sub 0 --timeout 3parsecs
	refused 2 "--timeout: '-1s' is not a duration" ringctl sub 0 --timeout -1s
	refused 2 "--block: must be longer than nothing" ringctl pub 0 --block 0
	refused 2 "--tag: '4294967296' is more than 32 bits" ringctl pub 0 --tag 4294967296
	refused 2 "--lines, --block, --whole: only one of them" ringctl pub 0 --lines --whole
	refused 2 "--lines, --raw, --hex, --json: only one of them" ringctl sub 0 --raw --json
	refused 2 "--no-such-option: ringctl sub has no such option" ringctl sub 0 --no-such-option
	check version ringctl --version
	check help ringctl --help
	check "help of a verb" ringctl pub --help
}

before_each() {
	# Drop what another test left
	timeout 2 ringctl sub 0 --timeout 50ms >/dev/null 2>&1
	before=$(attr 0 head) published=$(attr 0 published)
}

reload
run_tests "${tests[@]}"
