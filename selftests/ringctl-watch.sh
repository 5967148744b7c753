#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The tool's top and bench
# shellcheck disable=SC2317 # the tests are called by name
cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/ringctl_lib.sh
. ./ringctl_lib.sh
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp"; reload' EXIT

tests=(
	top_prints top_shows_who_is_behind top_while_rings_come_and_go top_on_a_terminal
	bench_measures bench_refuses bench_fails_when_records_are_missing
)

top_prints() {
	small x >/dev/null
	small y --policy overwrite >/dev/null
	: >"$tmp/out"
	rm -f "$tmp/enough"
	while [ ! -e "$tmp/enough" ]; do seq 20 | ringctl pub y; done &
	ringctl top -n 10 --interval 300ms >"$tmp/out"
	equal status 0 $?
	: >"$tmp/enough"
	wait $!
	equal rings 20 "$(grep -c '^ring[01] ' "$tmp/out")"
	matches '^rings hold .* of .*iB$' memory "$tmp/out"
	matches '^ring1 *y *overwrite *[0-9]*[1-9][0-9]*\.[0-9] .*\[##* *\] ' "a rate and a bar" "$tmp/out"
	grep -q $'\e' "$tmp/out" && equal "escapes" none some
	check "one of them" ringctl top y -n 1
	equal "one of them" ring1 "$(grep -o '^ring[0-9]' "$tmp/out")"
	equal json "4 rates: 2" "$(json '.per_second.published // "none"' ringctl top --json -n 2 --interval 50ms |
		awk '{ n++ } $1 != "none" { r++ } END { print n " rates: " r }')"
	ringctl top --interval 50ms 2>"$tmp/err" | head -n 1 >/dev/null
	equal "nobody reads" 0 "${PIPESTATUS[0]}"
	equal "and it is quiet about that" "" "$(cat "$tmp/err")"
}

top_shows_who_is_behind() {
	local pid
	small x >/dev/null
	ringctl sub x >/dev/null &
	pid=$!
	until_attr 0 subscribers 1
	kill -STOP $pid
	seq 4 | ringctl pub x
	check "half full" ringctl top -n 1
	matches "^  [0-9]* *$pid ringctl *reliable .* 0 *4  \[##########          \]  50%$" "half a bar" "$tmp/out"
	seq 9 | ringctl pub x --timeout 100ms 2>/dev/null
	check "full" ringctl top -n 1
	matches "^  [0-9]* *$pid ringctl *reliable .* 8  \[####################\] 100% writers wait$" \
		"a whole bar" "$tmp/out"
	equal "as JSON" "$pid 8" "$(json '.subscribers[] | "\(.pid) \(.lag)"' ringctl top -n 1 --json)"
	kill -CONT $pid
	kill $pid
	wait $pid
}

top_while_rings_come_and_go() {
	local i stays busy=0
	small stays >/dev/null
	ringctl top -n 40 --interval 50ms >"$tmp/top" 2>"$tmp/err" &
	stays=$!
	ringctl top stays -n 40 --interval 50ms >"$tmp/named" 2>>"$tmp/err" &
	for ((i = 0; i < 10; i++)); do
		small comes >/dev/null
		# It may just be looked at
		until ringctl destroy comes 2>/dev/null; do busy=$((busy + 1)) && [ $busy -lt 100 ] || break; done
	done
	equal "it lets go" "" "$(ringctl list | grep comes)"
	small comes >/dev/null
	ringctl destroy stays --force
	small stays >/dev/null
	wait $stays
	equal status 0 $?
	wait $!
	equal "status, of one by name" 0 $?
	equal messages "" "$(cat "$tmp/err")"
	matches '^ring[0-9]* *comes' "the new one" "$tmp/top"
	equal "refreshes of the named" 40 "$(grep -c RING/ID "$tmp/named")"
}

top_on_a_terminal() {
	local signal
	for signal in INT TERM WINCH; do
		: >"$tmp/tty"
		small "for-$signal" >/dev/null
		# The terminal is small: 5 rows of 40
		script -qefc "stty rows 5 cols 40; echo \$\$ >$tmp/pid; exec ringctl top --interval 200ms" /dev/null \
			</dev/null >"$tmp/tty" 2>&1 &
		await "the first screen" grep -q "for-" "$tmp/tty" || return
		kill "-$signal" "$(cat "$tmp/pid")"
		[ $signal != WINCH ] || { sleep 1; kill "$(cat "$tmp/pid")"; }
		wait $!
		equal "$signal (status)" 0 $?
		has $'\e[H\e[J' "a new screen" "$tmp/tty"
	done
	small last >/dev/null
	equal "no line is longer" 40 "$(tr -d '\r' <"$tmp/tty" | sed 's/\x1b\[.//g' |
		awk 'length > n { n = length } END { print n }')"
}

bench_measures() {
	local where what='[.records, .records_per_second, .megabytes_per_second, .round_trips, .round_trip_median_ns]'
	what="$what | all(. > 0)"
	check bench ringctl bench --time 200ms
	equal lines 3 "$(wc -l <"$tmp/out")"
	matches '^ring0 (made for this), mediated, records of 32 bytes, 1 a call, 1 subscriber$' \
		"what was measured" "$tmp/out"
	matches '^published .* records/s, .* MB/s; each arrived at each subscriber$' rate "$tmp/out"
	matches '^round trip  median .*, 99 % within ' "round trip" "$tmp/out"
	equal "its ring is gone" "" "$(ringctl list)"
	equal json true "$(json "$what" ringctl bench --time 200ms --direct --subscribers 3 --batch 16 --size 1K --json)"
	equal "as asked" "true 3 16 1024" "$(jq -r '"\(.direct) \(.subscribers) \(.batch) \(.size)"' "$tmp/json")"
	equal "longer than usual rings hold" true "$(json "$what" ringctl bench --time 200ms --size 1M --json)"
	small mine >/dev/null
	for where in mine 0 ring0 /dev/ring0; do
		equal "on $where" true "$(json "$what" ringctl bench "$where" --time 200ms --batch 100 --json)"
	done
	equal "which stays" mine "$(json .name ringctl list --json)"
}

bench_refuses() {
	small block >/dev/null
	small over --policy overwrite >/dev/null
	refused 1 "an overwrite ring may lose records" ringctl bench over
	refused 1 "--size: 2048 bytes are more than the longest record of ring0, 1024 bytes" ringctl bench block --size 2K
	refused 2 "--direct: is for the ring that bench makes" ringctl bench block --direct
	refused 2 "--size: 4: not from 8 to" ringctl bench --size 4
	refused 2 "--subscribers: 0: not from 1 to 256" ringctl bench --subscribers 0
	refused 2 "--batch: 5000: not from 1 to 4096" ringctl bench --batch 5000
	refused 2 "--time: 0: more than nothing" ringctl bench --time 0
	refused 2 "over: one ring at a time" ringctl bench block over
	refused 1 "--size: the ring takes" ringctl bench --size 512M
	exec 9>/dev/ring0
	echo x >&9
	refused 1 "another process publishes there" ringctl bench block
	exec 9>&-
	equal "nothing is left" 2 "$(ringctl list --json | wc -l)"
}

bench_fails_when_records_are_missing() {
	local bench
	ringctl create x >/dev/null
	ringctl bench x --subscribers 2 --time 1h >"$tmp/out" 2>"$tmp/err" &
	bench=$!
	until_attr 0 subscribers 2
	kill -KILL "$(pgrep -P $bench | tail -n 1)"
	wait $bench # before the time is over
	equal "a subscriber was killed (status)" 1 $?
	matches '^ringctl: bench: process [0-9]* was killed by signal 9$' "a subscriber was killed" "$tmp/err"
	ringctl bench x --time "$((2 * ${RING_SLOW:-1}))s" >"$tmp/out" 2>"$tmp/err" &
	bench=$!
	until_attr 0 subscribers 2 # it waits for what it sends to come back
	kill -KILL "$(pgrep -P $bench)"
	wait $bench
	equal "the other side was killed (status)" 1 $?
	matches '^ringctl: bench: process [0-9]* was killed by signal 9$' "the other side was killed" "$tmp/err"
	equal "and nothing else is said" 1 "$(wc -l <"$tmp/err")"
	ringctl bench x --time 60s >"$tmp/out" 2>"$tmp/err" &
	bench=$!
	until_attr 0 subscribers 1
	ringctl destroy --force x
	wait $bench
	equal "the ring was destroyed (status)" 1 $?
	matches 'ring0: the ring was destroyed' "the ring was destroyed" "$tmp/err"
	equal "it claims nothing" "" "$(cat "$tmp/out")"
}

before_each() {
	reload rings=0
}

run_tests "${tests[@]}"
