#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The memory of a ring is charged to the cgroup of who makes it, and a cgroup's limit holds for it.
#
# Loads the module anew, and in the end as it was.
# shellcheck disable=SC2317 # the tests are called by name
top=/sys/fs/cgroup group=$top/ring-test
tests=(charged_to_who_loads limit_holds nothing_is_left)
# shellcheck source=selftests/script_lib.sh
. "$(dirname "$0")/script_lib.sh"

restore() {
	[ ! -d /sys/module/ring ] || rmmod ring
	rmdir "$group" 2>/dev/null
	reload
}
trap restore EXIT

# in_group LIMIT COMMAND...: run it in a new group; its memory at the end in $used
in_group() {
	rmdir "$group" 2>/dev/null
	mkdir "$group" && echo "$1" >"$group"/memory.max || return
	shift
	(echo "$BASHPID" >"$group"/cgroup.procs && exec "$@") >/dev/null 2>&1
	status=$?
	used=$(cat "$group"/memory.current)
}

charged_to_who_loads() {
	local without
	in_group max modprobe ring rings=1 slots=1024 size=1M || return
	[ "$status" = 0 ] || return
	without=$used
	rmmod ring
	in_group max modprobe ring rings=1 slots=1024 size=32M
	[ "$status" = 0 ] || return
	echo "# $((without >> 10)) KiB with 1 MiB, $((used >> 10)) KiB with 32 MiB"
	[ $((used - without)) -ge $((30 << 20)) ] && [ $((used - without)) -le $((36 << 20)) ]
}

limit_holds() {
	rmmod ring 2>/dev/null
	in_group $((16 << 20)) modprobe ring rings=1 slots=1024 size=32M
	[ "$status" != 0 ] && [ ! -d /sys/module/ring ]
}

nothing_is_left() {
	[ "$used" -lt $((8 << 20)) ] || echo "# $((used >> 10)) KiB are left"
	[ "$used" -lt $((8 << 20)) ]
}

rmmod ring
echo +memory >"$top"/cgroup.subtree_control
run_tests "${tests[@]}"
