#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What can be seen of the module is documented, and what is documented is there: parameters with their
# defaults in modinfo, attributes in sysfs, the lines of debugfs, tracepoints and their fields.
#
# Loads the module anew, and in the end as it was.
# shellcheck disable=SC2317 # the tests are called by name
cd "$(dirname "$0")/.." || exit 1
abi=Documentation/ABI/testing trace=Documentation/trace/events-ring.rst
tests=(modinfo_names_each_parameter modinfo_tells_the_defaults abi_entries_are_complete
	sysfs_attributes debugfs_lines tracepoints_and_fields)
# shellcheck source=selftests/script_lib.sh
. selftests/script_lib.sh
trap reload EXIT

# same WHAT THERE DOCUMENTED: two lists of words, in any order
same() {
	diff <(sort <<<"$2") <(sort <<<"$3") | sed -n "s/^</# $1 is not documented:/p; s/^>/# $1 is not there:/p" |
		grep . && return 1
	[ "$2" ]
}

modinfo_names_each_parameter() {
	same parameter "$(ls /sys/module/ring/parameters)" "$(modinfo -p "$RING_KO" | sed 's/:.*//')"
}

# Each says "(default V)"; those that are not words but values are what the module has without parameters.
modinfo_tells_the_defaults() {
	local name text default has bad=0 values=0
	rmmod ring && modprobe ring || return
	while IFS=: read -r name text; do
		default=$(sed -n 's/.*(default \(.*\)) *(.*)$/\1/p; s/.*(default \(.*\))$/\1/p' <<<"$text")
		has=$(cat "/sys/module/ring/parameters/$name")
		case $default in
		'a quarter of the memory') default='' ;;
		'') default='(none)' ;;
		*) values=$((values + 1)) ;;
		esac
		[ "$has" = "$default" ] || { echo "# $name: $text, but it is '$has'" && bad=1; }
	done < <(modinfo -p "$RING_KO")
	[ $bad = 0 ] && [ $values -ge 6 ]
}

# The form that Documentation/ABI/README of the kernel asks for
abi_entries_are_complete() {
	awk '
		function done() { if (what && keys != " What Date KernelVersion Contact Description") {
			print "# " what ":" keys; bad = 1 } }
		/^What:/ { done(); what = $2; keys = "" }
		/^[A-Z][A-Za-z]*:/ && !/^Users:/ { keys = keys " " substr($1, 1, length($1) - 1) }
		!/^([A-Z][A-Za-z]*:\t|\t\t|$)/ { print "# " FILENAME ": " $0; bad = 1 }
		END { done(); exit bad || !what }' "$abi"/*
}

sysfs_attributes() {
	local there
	there=$(cd /sys/class/ring/ring0 && find . -maxdepth 1 -type f ! -name dev ! -name uevent -printf '%f\n')
	same attribute "$there" \
		"$(sed -n 's,^What:.*/sys/class/ring/ringN/,,p' "$abi/sysfs-class-ring")"
}

debugfs_lines() {
	local there documented
	# A subscriber and a producer
	exec 3<>/dev/ring0
	echo x >&3
	read -r -t 5 -u 3
	there=$(sed 's/:.*//' /sys/kernel/debug/ring/ring0)
	exec 3>&-
	documented=$(awk '/=====/ { on = !on } on' "$abi/debugfs-ring" | sed -n 's/^\t\t\([a-z_]*\):.*/\1/p')
	same line "$(sort -u <<<"$there")" "$documented"
}

tracepoints_and_fields() {
	local event field bad=0
	same event "$(cd /sys/kernel/tracing/events/ring && find . -mindepth 1 -type d -printf '%f\n')" \
		"$(sed -n 's/^``\(ring_.*\)``$/\1/p' $trace)" || return
	for event in /sys/kernel/tracing/events/ring/ring_*; do
		# shellcheck disable=SC2013 # names are words
		for field in $(sed -n \
			'/^$/,$ s/.*field:.* \([a-z_]*\)\(\[.*\]\)\?;\toffset.*/\1/p' "$event/format"); do
			sed -n "/^\`\`${event##*/}\`\`/,/^$/p; /^All events/,/^$/p" $trace |
				grep -q "\`\`$field\`\`" ||
				{ echo "# ${event##*/}: $field is not documented" && bad=1; }
		done
	done
	[ $bad = 0 ]
}

mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug
mountpoint -q /sys/kernel/tracing || mount -t tracefs none /sys/kernel/tracing
run_tests "${tests[@]}"
