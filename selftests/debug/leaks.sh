#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Is there memory that nobody points to? To be run last in a machine, with kmemleak on. TAP on stdout.
file=/sys/kernel/debug/kmemleak
echo 1..1
[ -w $file ] && echo scan >$file || {
	echo "not ok 1 $file: no kmemleak"
	exit 1
}
sleep 6 # younger ones do not count
echo scan >$file
echo scan >$file
if grep -q -e '\[ring\]' -e '\[broken\]' $file; then
	sed 's/^/# /' $file | head -n 100
	echo "not ok 1 nothing has leaked"
	exit 1
fi
echo "ok 1 nothing has leaked"
