#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The tool on rings that come and go: create, list, destroy; names everywhere; and what it refuses, each in
# one line that names what and why.
# shellcheck disable=SC2317 # the tests are called by name
cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/ringctl_lib.sh
. ./ringctl_lib.sh
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp"; reload' EXIT

tests=(
	create_prints_the_device create_makes_what_is_asked_for list_shows names_everywhere json_is_json
	refuses_geometry refuses_names refuses_what_is_taken refuses_too_much refuses_who_may_not usage
	destroy_of_what_is_in_use destroy_by_any_name ephemeral
)

create_prints_the_device() {
	local device
	device=$(ringctl create)
	equal device /dev/ring0 "$device"
	check "it is there" test -c "$device"
	equal "the next" /dev/ring1 "$(ringctl create second)"
	equal json "ring2 /dev/ring2 third" "$(json '"\(.ring) \(.path) \(.name)"' ringctl create third --json)"
}

create_makes_what_is_asked_for() {
	local all='"\(.name) \(.policy) \(.direct) \(.ephemeral) \(.slots) \(.slot_size) \(.size)"'
	ringctl create >/dev/null
	equal defaults " block false false 4096 64 1048576" "$(json "$all" ringctl info 0 --json)"
	ringctl create x --slots 1K --slot-size 128 --size 128KiB --policy overwrite --direct --ephemeral \
		--id 77 >/dev/null
	equal all "x overwrite true true 1024 128 131072" "$(json "$all" ringctl info 77 --json)"
	ringctl create --size 0 --slots 4 --id 78 >/dev/null
	equal "no bulk area" 48 "$(json .longest ringctl info 78 --json)"
	equal mode 640 "$(stat -c %a "$(ringctl create --mode 0640)")"
}

list_shows() {
	check nothing ringctl list
	equal nothing "" "$(ringctl list)"
	small audio --policy overwrite >/dev/null
	small video >/dev/null
	check list ringctl list
	equal lines 3 "$(wc -l <"$tmp/out")"
	matches '^ring0 *audio *overwrite *mediated *8 *4 KiB' list "$tmp/out"
	equal json $'ring0 audio 8 0\nring1 video 8 0' \
		"$(json '"\(.ring) \(.name) \(.slots) \(.opens)"' ringctl list --json)"
	exec 9</dev/ring1
	equal opens "0 1" "$(json .opens ringctl list --json | xargs)"
	exec 9<&-
}

names_everywhere() {
	local where
	small gamma >/dev/null
	ln -s /dev/ring0 "$tmp/link"
	for where in gamma 0 ring0 /dev/ring0 "$tmp/link"; do
		echo "to $where" | check "pub $where" ringctl pub "$where"
		equal "sub $where" "to $where" "$(ringctl sub "$where" -n 1 --timeout 5s)"
		equal "info $where" ring0 "$(json .ring ringctl info "$where" --json)"
		equal "stat $where" "ring0 gamma" "$(json '"\(.ring) \(.name)"' ringctl stat "$where" --once --json)"
		equal "top $where" ring0 "$(json .ring ringctl top "$where" -n 1 --json)"
	done
	equal "the name is told" gamma "$(json .name ringctl info 0 --json)"
	# As long as a name can be
	where=$(printf '%063d' 0 | tr 0 n)
	small "$where" >/dev/null
	check list ringctl list
	matches "^ring1 *$where *block " "list shows all of it" "$tmp/out"
	equal "list --json" "$where" "$(json 'select(.ring == "ring1").name' ringctl list --json)"
	check info ringctl info "$where"
	matches "^  name *$where$" "info shows all of it" "$tmp/out"
	equal "info --json" "ring1 $where" "$(json '"\(.ring) \(.name)"' ringctl info "$where" --json)"
	check top ringctl top "$where" -n 1
	matches "^ring1 *${where:0:24} block " "top shows what fits" "$tmp/out"
	equal "top --json" "ring1 $where" "$(json '"\(.ring) \(.name)"' ringctl top "$where" -n 1 --json)"
	equal "stat --json" "ring1 $where" "$(json '"\(.ring) \(.name)"' ringctl stat "$where" --once --json)"
	echo hello | check pub ringctl pub "$where"
	equal sub hello "$(ringctl sub "$where" -n 1 --timeout 5s)"
	refused 1 "${where}n: no such ring" ringctl sub "${where}n"
	check destroy ringctl destroy "$where"
	refused 1 "no such ring" ringctl pub delta
	refused 1 "no such ring" ringctl sub delta
	refused 1 "no such ring" ringctl info delta
	refused 1 "no such ring" ringctl stat delta
	refused 1 "no such ring" ringctl top delta
	refused 1 "no such ring" ringctl bench delta
	refused 1 "/dev/null: not a ring" ringctl stat /dev/null
}

# A line for each object, and nothing else
json_is_json() {
	local verb
	small a >/dev/null
	small b >/dev/null
	for verb in list info "stat --once" "stat --interval 50ms" "top -n 1" "sub a -n 2 --timeout 5s"; do
		printf '"quoted"\n\\\n' | ringctl pub a --json >"$tmp/pub"
		matches '"published":2' pub "$tmp/pub"
		# shellcheck disable=SC2086 # words
		ringctl $verb --json >"$tmp/json"
		equal "$verb (lines)" 2 "$(wc -l <"$tmp/json")"
		equal "$verb (objects)" 2 "$(jq -r type "$tmp/json" | grep -c '^object$')"
		ringctl sub a --timeout 0 >/dev/null
	done
}

refuses_geometry() {
	refused 2 "--slots: 5: not a power of two" ringctl create --slots 5
	refused 2 "--slots: 2: not from 4 to 1M" ringctl create --slots 2
	refused 2 "--slots: 2M: not from 4 to 1M" ringctl create --slots 2M
	refused 2 "--slot-size: 40: not a multiple of 16" ringctl create --slot-size 40
	refused 2 "--slot-size: 16: not from 32 to 4096" ringctl create --slot-size 16
	refused 2 "--slot-size: 8K: not from 32 to 4096" ringctl create --slot-size 8K
	refused 2 "--size: 3000: neither 0 nor a power of two" ringctl create --size 3000
	refused 2 "--size: 128K: less than 64 bytes a slot" ringctl create --size 128K
	refused 2 "--size: 2K: less than a page" ringctl create --slots 4 --size 2K
	refused 2 "--size: 8G: more than 4G" ringctl create --size 8G
	refused 2 "--size: 1 MiB, unless another one is given: less than 64 bytes a slot" ringctl create --slots 1M
	refused 2 "--slots: 'many' is not a size" ringctl create --slots many
	refused 2 "--size: '1X' is not a size" ringctl create --size 1X
	refused 2 "--size: '99999999999G' is not a size" ringctl create --size 99999999999G
	refused 2 "--policy: 'drop' is neither block nor overwrite" ringctl create --policy drop
	equal "nothing was made" "" "$(ringctl list)"
}

refuses_names() {
	refused 2 "the name is empty" ringctl create ""
	refused 2 "7: no name: it is a number" ringctl create 7
	refused 2 "ring7: no name: it is a number" ringctl create ring7
	refused 2 "a/b: a name is of letters" ringctl create a/b
	refused 2 "a b: a name is of letters" ringctl create "a b"
	refused 2 "a?b: a name is of letters" ringctl create $'a\eb'
	refused 2 "..: no name" ringctl create ..
	refused 2 "longer than 63 bytes" ringctl create "$(printf '%064d' 0 | tr 0 x)"
	refused 2 "b: one ring at a time" ringctl create a b
	equal "nothing was made" "" "$(ringctl list)"
	check "63 bytes" ringctl create "$(printf '%063d' 0 | tr 0 x)"
}

refuses_what_is_taken() {
	small one >/dev/null
	refused 1 "one: the name is taken, by ring0" ringctl create one
	refused 1 "--id: 0 is taken" ringctl create --id 0
	refused 2 "--id: 4096: not from 0 to 4095" ringctl create --id 4096
	refused 2 "--id: 99999999999: not from 0 to 4095" ringctl create --id 99999999999
	refused 2 "--mode: 0: not permissions of a device, as 0640" ringctl create --mode 0
	refused 2 "--mode: 0755: not permissions of a device, as 0640" ringctl create --mode 0755
	refused 2 "--mode: rw: not permissions of a device, as 0640" ringctl create --mode rw
	refused 2 "--id: 'x' is not a number" ringctl create --id x
}

refuses_too_much() {
	reload rings=0 max_bytes=8M
	ringctl create --size 4M >/dev/null
	refused 1 "--size: the ring takes 4.3 MiB; all together may hold 8 MiB (max_bytes), and 4.3 MiB are in use" \
		ringctl create --size 4M
	refused 1 "--slots: the ring takes 32.0 MiB; all together may hold 8 MiB (max_bytes)" \
		ringctl create --slots 8K --slot-size 4K --size 0
	check "what fits" ringctl create --size 2M
}

refuses_who_may_not() {
	small x >/dev/null
	refused 1 "/dev/ring-control: permission denied" "${unprivileged[@]}" ringctl create
	refused 1 "/dev/ring-control: permission denied" "${unprivileged[@]}" ringctl destroy 0
	refused 1 "0: permission denied" "${unprivileged[@]}" ringctl sub 0
	refused 1 "x: permission denied" "${unprivileged[@]}" ringctl stat x
	equal "list is for all" ring0 "$(json .ring "${unprivileged[@]}" ringctl list --json)"
	equal "and info" ring0 "$(json .ring "${unprivileged[@]}" ringctl info x --json)"
	equal "top says so in its line" "permission denied" "$(json .error "${unprivileged[@]}" ringctl top -n 1 --json)"
	chmod 600 /dev/ring-control
	refused 1 "/dev/ring-control: permission denied" "${unprivileged[@]}" ringctl list
	refused 1 "/dev/ring-control: permission denied" "${unprivileged[@]}" ringctl info
	refused 1 "/dev/ring-control: permission denied" "${unprivileged[@]}" ringctl --version
	refused 1 "x: permission denied" "${unprivileged[@]}" ringctl sub x
	chmod 666 /dev/ring0
	equal "what may be opened may be seen" ring0 "$(json .ring "${unprivileged[@]}" ringctl info 0 --json)"
}

usage() {
	local verb
	refused 2 "destroy: which ring?" ringctl destroy
	refused 2 "0: list takes no ring" ringctl list 0
	refused 2 "--interval: 0: more than nothing and at most a day" ringctl top --interval 0
	refused 2 "--interval: 1000h: more than nothing and at most a day" ringctl top --interval 1000h
	refused 2 "--interval: 'soon' is not a duration" ringctl top --interval soon
	refused 2 "--count: 'x' is not a number" ringctl top -n x
	refused 2 "--slots: needs a value" ringctl create --slots
	refused 2 "ringctl destroy has no such option" ringctl destroy --all 0
	refused 2 "-a: ringctl list has no such option" ringctl list -al
	refused 2 "-n: needs a value" ringctl top -n
	refused 2 "--version: takes nothing but --json" ringctl --version 0
	for verb in list create destroy info pub sub stat top bench; do
		check "$verb --help" ringctl $verb --help
		matches "^ringctl $verb" "$verb --help" "$tmp/out"
		ringctl --help | grep -q "^  $verb " || equal "--help has" $verb ""
	done
}

destroy_of_what_is_in_use() {
	small x >/dev/null
	ringctl sub x 2>"$tmp/told" &
	until_attr 0 subscribers 1
	refused 1 "x: somebody has it open; --force removes it all the same" ringctl destroy x
	check "it is still there" ringctl info x
	check force ringctl destroy --force x
	wait $!
	equal "who reads there (status)" 1 $?
	equal "who reads there" "ringctl: ring0: the ring was destroyed, or the module is not loaded" "$(cat "$tmp/told")"
	equal gone "" "$(ringctl list)"
}

destroy_by_any_name() {
	local where
	ln -sf /dev/ring0 "$tmp/link"
	for where in name 0 ring0 /dev/ring0 "$tmp/link"; do
		small name >/dev/null
		check "destroy $where" ringctl destroy "$where"
		equal "$where is gone" "" "$(ringctl list)"
	done
	small a >/dev/null
	small b >/dev/null
	refused 1 "nothing: no such ring" ringctl destroy a nothing b
	equal "the others are gone" "" "$(ringctl list)"
	refused 1 "0: no such ring" ringctl destroy 0
	refused 1 "/dev/null: not a ring" ringctl destroy /dev/null
	refused 1 "/dev/ring-control: not a ring" ringctl destroy /dev/ring-control
}

# To look at it is not to end it.
ephemeral() {
	small brief --ephemeral >/dev/null
	check list ringctl list
	check info ringctl info brief
	check "info by path" ringctl info /dev/ring0
	check "stat of all" ringctl stat --once
	check "top of all" ringctl top -n 2 --interval 50ms
	refused 1 "brief: ephemeral, and nobody has it open" ringctl stat --once brief
	equal "still there" brief "$(json .name ringctl list --json)"
	exec 9</dev/ring0
	equal "in use it is seen" ring0 "$(json .ring ringctl stat --once --json)"
	exec 9<&-
	equal "gone with the last close" "" "$(ringctl list)"
}

before_each() {
	reload rings=0
}

run_tests "${tests[@]}"
