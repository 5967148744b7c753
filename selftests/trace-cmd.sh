#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# trace-cmd lists the module's tracepoints, records them and can say what they say. Needs ring 0.
# shellcheck disable=SC2317 # the tests are called by name
cd "$(dirname "$0")" || exit 1
tests=(lists_all records_what_a_record_goes_through)
# shellcheck source=selftests/script_lib.sh
. ./script_lib.sh
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

lists_all() {
	diff <(trace-cmd list -e '^ring:' | sort) \
		<(cd /sys/kernel/tracing/events/ring && find . -mindepth 1 -type d -printf 'ring:%f\n' | sort) |
		sed 's/^/# /' | grep . && return 1
	[ "$(trace-cmd list -e '^ring:' | wc -l)" -ge 9 ]
}

# A reader that sleeps is woken by a record, and releases it.
works() {
	head -c 6 /dev/ring0 >/dev/null &
	until grep -q '^wake_data:.[0-9]' /sys/kernel/debug/ring/ring0; do sleep 0.05; done
	echo hello >/dev/ring0
	wait
}

records_what_a_record_goes_through() {
	local event missing=0
	export -f works
	# norecord-cmd: as in trace_test.c
	trace-cmd record -q -O norecord-cmd -o "$out/trace.dat" -e ring bash -c works >"$out/log" 2>&1 || {
		sed 's/^/# /' "$out/log"
		return 1
	}
	trace-cmd report -i "$out/trace.dat" >"$out/report" 2>>"$out/log"
	for event in ring_sleep ring_publish ring_wake ring_release; do
		grep -q "^ *[a-z<.>-]*-[0-9].* $event: *ring0 [a-z]" "$out/report" || {
			echo "# no $event"
			missing=1
		}
	done
	[ $missing = 0 ] || sed 's/^/# /' "$out/log" "$out/report"
	return $missing
}

run_tests "${tests[@]}"
