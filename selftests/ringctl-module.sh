#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The tool and the module: loaded when it is missing, and said not to fit when it does not
# shellcheck disable=SC2317 # the tests are called by name
cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/ringctl_lib.sh
. ./ringctl_lib.sh
conf=/etc/modprobe.d/ring-selftest.conf
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp" $conf; reload' EXIT

tests=(loads_the_module cannot_load_the_module stays_unloaded version)

# unloaded COMMAND...: it loads the module, as modprobe.d says
unloaded() {
	rmmod ring
	check "$*" "$@"
	equal "$* (rings)" 2 "$(find /dev -name 'ring[0-9]*' | wc -l)"
}

loads_the_module() {
	echo "options ring rings=2 slots=8 size=4K" >$conf
	unloaded ringctl list
	unloaded ringctl info
	unloaded ringctl info 0
	unloaded ringctl stat --once
	unloaded ringctl top -n 1
	unloaded ringctl top ring1 -n 1
	echo x | unloaded ringctl pub /dev/ring1
	unloaded ringctl sub 1 --timeout 50ms
	rmmod ring
	equal create /dev/ring2 "$(ringctl create third)"
	rmmod ring
	check bench ringctl bench --time 100ms
	rmmod ring
	refused 1 "no such ring" ringctl info nobody
	check "it was loaded all the same" test -c /dev/ring-control
	rmmod ring
	refused 1 "/nowhere: no such ring" ringctl sub /nowhere
	check "not for what is no ring" test ! -e /dev/ring-control
}

cannot_load_the_module() {
	local verb
	rmmod ring
	for verb in list info stat top create; do
		refused 1 "/dev/ring-control: the ring module is not loaded, and only root can load it" \
			"${unprivileged[@]}" ringctl $verb
	done
	refused 1 "x: the ring module is not loaded, and only root can load it" "${unprivileged[@]}" ringctl sub x
	echo "options ring slots=5" >$conf
	refused 1 "/dev/ring-control: modprobe ring: ERROR: could not insert 'ring': Invalid argument" ringctl list
	refused 1 "0: modprobe ring: ERROR: could not insert" ringctl sub 0
	refused 1 "x: modprobe ring: ERROR: could not insert" ringctl pub x
	refused 1 "modprobe ring: ERROR: could not insert" ringctl bench
}

# What need not be there is not loaded; and what was unloaded is left so.
stays_unloaded() {
	local top
	small x >/dev/null
	ringctl top -n 40 --interval 100ms >"$tmp/top" 2>"$tmp/top.err" &
	top=$!
	await "the first refresh" grep -q ' x ' "$tmp/top" || return
	await "the module lets itself be unloaded" rmmod ring 2>/dev/null || return
	refused 1 "0: no such ring: the ring module is not loaded" ringctl destroy 0
	ringctl --version >"$tmp/out"
	equal --version "module: not loaded" "$(tail -n 1 "$tmp/out")"
	wait $top
	equal "top (status)" 0 $?
	equal "top (messages)" "" "$(cat "$tmp/top.err")"
	check "not loaded" test ! -d /sys/module/ring
}

version() {
	check version ringctl --version
	equal version "ringctl libring module (abi 1)" "$(sed 's/ [0-9.]\+//' "$tmp/out" | xargs)"
	equal json "true 1" "$(json '"\(.fits) \(.abi)"' ringctl --version --json)"
	# A module of another ABI, as far as ringctl can see
	cat >"$tmp/abi.c" <<-'END'
		#include <stdarg.h>
		#include <sys/syscall.h>
		#include <unistd.h>
		#include <linux/ring.h>
		int ioctl(int fd, unsigned long request, ...)
		{
			va_list args;
			void *arg;
			int ret;

			va_start(args, request);
			arg = va_arg(args, void *);
			va_end(args);
			ret = syscall(SYS_ioctl, fd, request, arg);
			if (request == RING_CTL_VERSION)
				((struct ring_version *)arg)->abi++;
			if (request == RING_IOC_INFO)
				((struct ring_info *)arg)->abi++;
			return ret;
		}
	END
	check cc cc -shared -fPIC -I../uapi -o "$tmp/abi.so" "$tmp/abi.c"
	refused 1 "module: it speaks ABI 2, ringctl and libring speak 1: they do not fit together" \
		env LD_PRELOAD="$tmp/abi.so" ringctl --version
	matches '^module .* (abi 2)$' "it is told all the same" "$tmp/out"
	small x >/dev/null
	refused 1 "x: the module and the library are of different versions" env LD_PRELOAD="$tmp/abi.so" ringctl sub x
	rmmod ring
	equal "json, not loaded" null "$(json .module ringctl --version --json)"
}

before_each() {
	rm -f $conf
	reload rings=0
}

run_tests "${tests[@]}"
