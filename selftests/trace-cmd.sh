#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# trace-cmd and perf list the module's tracepoints, record them and can say what they say. Needs ring 0.
# shellcheck disable=SC2317 # the tests are called by name
cd "$(dirname "$0")" || exit 1
tests=(lists_all records_what_a_record_goes_through records_what_a_ring_goes_through perf_does_too)
# shellcheck source=selftests/script_lib.sh
. ./script_lib.sh
PATH=$PWD/../userlib/build/ringctl:$PATH
out=$(mktemp -d)
export out
trap 'rm -rf "$out"' EXIT

# On stdin: all that there are
are_all() {
	diff <(sort) <(cd /sys/kernel/tracing/events/ring && find . -mindepth 1 -type d -printf 'ring:%f\n' | sort) |
		sed 's/^/# /' | grep . && return 1
	[ "$(find /sys/kernel/tracing/events/ring -mindepth 1 -type d | wc -l)" -ge 9 ]
}

lists_all() {
	trace-cmd list -e '^ring:' | are_all
}

# A reader that sleeps is woken by a record, and releases it.
record() {
	head -c 6 /dev/ring0 >/dev/null &
	await "the reader sleeps" grep -q '^wake_data:.[0-9]' /sys/kernel/debug/ring/ring0 || return
	echo hello >/dev/ring0
	wait
}

# Records of a ring that was made overtake its reader, a producer dies in the middle of one, the ring is removed.
ring() {
	local ring
	ring=$(ringctl create --policy overwrite --direct --slots 8 --size 4K) || return
	exec 9<"$ring"
	echo first >"$ring"
	head -c 6 <&9 >/dev/null
	seq 30 | ringctl pub "$ring"
	! head -c 6 <&9 2>/dev/null || return
	"$out/dies" "$ring" || return
	ringctl destroy --force "$ring"
}

# records FUNCTION EVENT...: what trace-cmd records of it has each of them
records() {
	local function=$1 event missing=0
	shift
	export -f await "${function?}"
	# norecord-cmd: as in trace_test.c
	trace-cmd record -q -O norecord-cmd -o "$out/trace.dat" -e ring bash -c "$function" >"$out/log" 2>&1 || {
		sed 's/^/# /' "$out/log"
		return 1
	}
	trace-cmd report -i "$out/trace.dat" >"$out/report" 2>>"$out/log"
	for event; do
		grep -q "^ *[a-z<.>-]*-[0-9].* $event: *ring[0-9]* [a-z]" "$out/report" || {
			echo "# no $event"
			missing=1
		}
	done
	[ $missing = 0 ] || sed 's/^/# /' "$out/log" "$out/report"
	return $missing
}

records_what_a_record_goes_through() {
	records record ring_sleep ring_publish ring_wake ring_release
}

records_what_a_ring_goes_through() {
	cat >"$out/dies.c" <<-'END'
		#include <libring.h>
		int main(int argc, char **argv)
		{
			struct ring_reservation res;
			struct ring *r;

			return argc != 2 || ring_open(argv[1], RING_OPEN_READ | RING_OPEN_WRITE, &r) ||
			       ring_reserve(r, 8, RING_NOW, &res) || !ring_is_direct(r);
		}
	END
	cc -I../userlib/include -I../uapi -o "$out/dies" "$out/dies.c" ../userlib/build/libring.a -pthread || return
	records ring ring_create ring_publish ring_reclaim ring_overrun ring_reap ring_destroy
}

perf_does_too() {
	local modules status=0
	perf list 'ring:*' 2>/dev/null | sed -n 's/^ *\(ring:[a-z_]*\) .*/\1/p' | are_all || return
	# It would look at each of the thousands of modules that are there.
	modules=/lib/modules/$(uname -r)
	busybox mount -t tmpfs none "$modules" || return
	export -f await record
	perf record -q -o "$out/perf.data" -e 'ring:*' -a bash -c record >"$out/log" 2>&1 || status=1
	busybox umount "$modules" || return
	perf script -i "$out/perf.data" >"$out/report" 2>>"$out/log" || status=1
	[ $status = 0 ] && grep -q ' ring:ring_publish: ring0 .* len=6 ' "$out/report" &&
		grep -q ' ring:ring_release: ring0 .* records=1$' "$out/report" && return
	sed 's/^/# /' "$out/log" "$out/report"
	return 1
}

# Whatever another test left in ring 0 would be read without a sleep
reload
run_tests "${tests[@]}"
