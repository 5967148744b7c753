#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Is there memory that nobody points to? To be run last in a machine, with kmemleak on. TAP on stdout.
file=/sys/kernel/debug/kmemleak

# What kmemleak has found that has to do with a module under test, but for one thing: when 6.1's class_register() runs out
# of memory in kset_register(), the name that it has given the class stays, and no module can get at it.
leaks() {
	awk '
	function judge() {
		if (object ~ /\[(ring|broken)\]/ && object !~ / kobject_set_name\+[^\n]*\n[^\n]* __class_register\+/)
			printf "%s", object
		object = ""
	}
	/^unreferenced object/ { judge() }
	{ object = object "# " $0 "\n" }
	END { judge() }
	' $file
}

echo 1..1
echo 'ring: leaks are looked at' >/dev/kmsg # see vm/complaint
[ -w $file ] && echo scan >$file || {
	echo "not ok 1 $file: no kmemleak"
	exit 1
}
sleep 6 # younger ones do not count
echo scan >$file
echo scan >$file
if leaks | head -n 100 | grep .; then
	echo "not ok 1 nothing has leaked"
	exit 1
fi
echo "ok 1 nothing has leaked"
