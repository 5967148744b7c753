# shellcheck shell=bash disable=SC2034,SC2154 # shared with who includes this
# SPDX-License-Identifier: GPL-2.0
# What the test scripts share: functions that are tests, run one after the other, and the module loaded anew.

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

# await WHAT COMMAND...: until the command succeeds, a minute at most; what did not come is told
await() {
	local what=$1 end=$((SECONDS + 60))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || {
			echo "# it did not come: $what"
			ok=''
			return 1
		}
		sleep 0.05
	done
}

# One test; its status is the verdict
run_test() {
	$1
}

# run_tests TEST...
run_tests() {
	local t n=0 failed=0
	echo "TAP version 13"
	echo "1..$#"
	for t; do
		n=$((n + 1))
		if run_test "$t"; then
			echo "ok $n $t"
		else
			echo "not ok $n $t"
			failed=1
		fi
	done
	return $failed
}
