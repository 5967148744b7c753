# SPDX-License-Identifier: GPL-2.0
# A thin wrapper: Kbuild builds the module, userlib/Makefile the library and the tool,
# selftests/Makefile the tests.

# Everything that building and testing needs on Debian (or what is made from it)
PACKAGES = build-essential linux-headers-amd64 linux-source-6.1 kmod pkg-config libcjson-dev \
	   qemu-system-x86 busybox-static cpio xz-utils procps jq shellcheck man-db spin \
	   abigail-tools openssl trace-cmd linux-perf
# What building and testing the Debian packages needs besides
PACKAGING = debhelper dh-dkms git lintian mmdebstrap
# What the bench compares ring with, and draws with; one that is not there is left out
BENCH_PACKAGES = g++ libboost-dev libck-dev libdpdk-dev liburcu-dev libtbb-dev libreaderwriterqueue-dev \
		 libconcurrentqueue-dev libqb-dev libzmq3-dev libiceoryx-posh-dev libiceoryx-hoofs-dev iceoryx \
		 libbpf-dev gnuplot-nox
# What check-kernels needs besides; what is built for other kernels and processors is not installed
KERNELS_PACKAGES = bubblewrap qemu-system-arm

# What check-static and check-debug need besides
DEBUG_PACKAGES = bc bison ccache clang-tidy coccinelle flex libelf-dev libssl-dev ocaml-nox sparse

# The running kernel's headers; without them, Debian's newest
KDIR ?= $(firstword $(shell ls -d /lib/modules/$$(uname -r)/build 2>/dev/null; \
	ls -d /lib/modules/*-amd64/build 2>/dev/null | grep -v -e -rt- -e -cloud- | sort -rV))
release = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)
# Where lib.mk and kselftest.h are
KSFT ?= $(shell selftests/vm/fetch kselftest)

# Test programs, as selftests/Makefile names them for lib.mk
tests = $(addprefix selftests/,$(notdir $(shell $(MAKE) -s -C selftests KSFT=$(KSFT) \
	--eval='list: ; @echo $(1)' list)))
# All rings do the same, mediated and direct; a few tests are about what only direct ones do.
MEDIATED_TESTS = $(call tests,$$(filter-out $$(DIRECT_ONLY) $$(DEBUG_ONLY),$$(notdir $$(TEST_GEN_PROGS))) $$(TEST_PROGS))
DIRECT_TESTS = $(call tests,$$(filter-out $$(DEBUG_ONLY),$$(notdir $$(TEST_GEN_PROGS))) $$(TEST_PROGS))

HOST_TESTS = $(addprefix selftests/host/,version docs barriers abi udev sign security fuzz) selftests/bench/smoke
# Those that only compute
BESIDE_TESTS = selftests/model/check selftests/host/check

MODARGS = rings=4 slots=4096,4096,4 slot_size=64 size=1M,16M,0 policy=block,overwrite,block,overwrite

MAKEFLAGS += --no-print-directory

all: module userlib selftests

module:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

userlib:
	$(MAKE) -C userlib

selftests: userlib
	$(MAKE) -C selftests KSFT=$(KSFT)

install:
	$(MAKE) -C userlib install

# Headers packages have neither the key with which to sign what is installed, nor the System.map without which the
# kernel's makefile leaves depmod out.
modules_install:
	$(MAKE) -C $(KDIR) M=$(CURDIR) $(if $(wildcard $(KDIR)/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=) \
		modules_install
	depmod $(if $(INSTALL_MOD_PATH),-b $(INSTALL_MOD_PATH)) $(release)

# With the key of which Secure Boot has been told; the default is where dkms has its own
KEY  ?= /var/lib/dkms/mok.key
CERT ?= /var/lib/dkms/mok.pub
sign: module
	@for f in $(KEY) $(CERT); do [ -r $$f ] || { echo "make sign: $$f: cannot be read" >&2; exit 1; }; done
	$(KDIR)/scripts/sign-file sha256 $(KEY) $(CERT) ring.ko

# deps installs what is missing, and then does nothing any more
check: deps
	@$(MAKE) all
	@selftests/vm/check --beside $(BESIDE_TESTS) --host selftests/vm/lint selftests/vm/selftest $(HOST_TESTS) \
		--vm "$(MODARGS)" $(MEDIATED_TESTS) --vm "$(MODARGS) direct=1" $(DIRECT_TESTS)

# What takes too long for each change: the largest of the models (6 GB of memory)
check-proofs: deps
	@selftests/model/check --heavy

# What can be told from the source alone
check-static: deps
	@selftests/vm/fetch packages $(DEBUG_PACKAGES)
	@KDIR=$(KDIR) HOST_TIMEOUT=3000 selftests/vm/check --host selftests/vm/lint selftests/debug/static

# Everything on kernels with debuggers, which are built once: first whether each debugger sees what it is there for.
# With -j2 the two kernels' tests run side by side.
DEBUG_MEDIATED = --vm "$(MODARGS)" selftests/failure_test $(MEDIATED_TESTS)
DEBUG_DIRECT = --vm "$(MODARGS) direct=1" $(DIRECT_TESTS)
LEAK_TESTS = $(addprefix selftests/,control_test subscribe_test publish_test mmap_test failure_test debug/leaks.sh)
check-debug: deps
	@selftests/vm/fetch packages $(DEBUG_PACKAGES)
	@$(MAKE) all
	@$(MAKE) -k check-debug-kasan check-debug-kcsan

check-debug-kasan check-debug-kcsan: check-debug-%:
	@failed=0; export HOST_TIMEOUT=7200; \
	selftests/debug/kernel $* >/dev/null && \
	KERNEL=$* selftests/vm/check --host selftests/debug/selftest && \
	APPEND=kmemleak=off selftests/debug/check $* $(DEBUG_MEDIATED) $(DEBUG_DIRECT) || failed=1; \
	$(if $(filter kasan,$*),\
		selftests/debug/check kasan --vm "$(MODARGS)" $(LEAK_TESTS) || failed=1; \
		selftests/vm/check --host selftests/debug/fuzz || failed=1;) \
	exit $$failed

# Programs at random, guided by what code they reach, for so many seconds
FUZZ_SECONDS ?= 3600
fuzz: deps
	@selftests/vm/fetch packages $(DEBUG_PACKAGES)
	@$(MAKE) userlib selftests
	@selftests/debug/fuzz $(FUZZ_SECONDS) $(FUZZ)

# Processes come and go, are killed and stopped, memory runs short, processors are taken away, for so many minutes.
# A small machine: much memory takes an emulated processor long to fill.
MINUTES ?= 60
soak: deps
	@$(MAKE) all
	@for direct in 0 1; do \
		selftests/vm/run --smp 4 --append mem=384M --timeout $$(($(MINUTES) * 30 * 2 + 600)) --modargs \
			"rings=2 slots=4096 size=1M,16M policy=block,overwrite direct=$$direct" -- \
			selftests/soak $$(($(MINUTES) * 30)) || exit 1; \
	done

# Which lines of the module and of the library the tests run
coverage: deps
	@selftests/vm/fetch packages $(DEBUG_PACKAGES)
	@selftests/debug/coverage "$(MODARGS)" --mediated $(MEDIATED_TESTS) --direct $(DIRECT_TESTS) selftests/failure_test

# The Debian packages of what is committed
check-packages: deps
	@selftests/vm/fetch packages $(PACKAGING)
	@$(MAKE) module
	@selftests/vm/check --host selftests/packages/check

# On the kernels that Debian has, those that KERNELS names or all of selftests/vm/kernels
check-kernels: deps
	@selftests/vm/fetch packages $(KERNELS_PACKAGES)
	@$(MAKE) all
	@selftests/vm/kernels $(KERNELS) --vm "$(MODARGS)" $(MEDIATED_TESTS) --vm "$(MODARGS) direct=1" $(DIRECT_TESTS)

# Against what users would pick instead; on an idle machine. BENCH=--quick: only what the table of targets needs
bench: deps
	@selftests/vm/fetch packages $(BENCH_PACKAGES)
	@$(MAKE) module userlib
	@selftests/bench/bench $(BENCH)

demo: deps
	@$(MAKE) all
	@selftests/vm/run --modargs "$(MODARGS)" -- selftests/demo.sh

packages:
	@selftests/vm/fetch packages $(PACKAGES)

deps: packages
	@selftests/vm/fetch kselftest >/dev/null
	@selftests/vm/fetch udev >/dev/null
	@selftests/vm/fetch kernel $(release) >/dev/null

clean:
	-$(MAKE) -C $(KDIR) M=$(CURDIR) clean
	$(MAKE) -C userlib clean
	$(MAKE) -C selftests KSFT=$(KSFT) clean
	$(MAKE) -C selftests/bench clean
	rm -rf .kernels

help:
	@echo 'make            build the module (ring.ko), the library, the tool and the tests'
	@echo 'make module     only the module; also userlib, selftests'
	@echo 'make check      build, and run all tests in virtual machines (installs packages)'
	@echo 'make check-proofs  the model at full length (ten minutes, 6 GB)'
	@echo 'make check-static  sparse, checkpatch, coccicheck, analyzers, shellcheck (installs packages)'
	@echo 'make check-debug  the tests on kernels with KASAN, lockdep, KCSAN and others'
	@echo 'make soak       producers and subscribers come and go, for MINUTES=60'
	@echo 'make fuzz       programs at random on a kernel with debuggers (FUZZ_SECONDS=3600, FUZZ="--seed N" or "--replay FILE")'
	@echo 'make coverage   which lines the tests run, and which they do not'
	@echo 'make check-packages  build the Debian packages of HEAD, and try them in a clean Debian'
	@echo 'make check-kernels  the tests on each of several kernels, in an hour or two (KERNELS=NAMES: only on these)'
	@echo 'make bench      ring beside its peers: tables and plots in selftests/bench (installs packages)'
	@echo 'make demo       build, and show it in a virtual machine (installs packages)'
	@echo 'make deps       install the Debian packages that are missing'
	@echo 'make install    install the library, the tool and what belongs to them (DESTDIR, PREFIX=/usr/local)'
	@echo 'make modules_install  install the module for the kernel of KDIR'
	@echo 'make sign       sign the module with KEY and CERT (those of dkms), for Secure Boot'
	@echo 'make clean      remove what was built'
	@echo
	@echo 'W=1             with more warnings'
	@echo 'KDIR=FOLDER     for the kernel with these headers ($(KDIR))'

.PHONY: all module userlib selftests install modules_install sign \
	check check-static check-debug check-debug-kasan check-debug-kcsan fuzz soak coverage check-proofs check-packages check-kernels \
	bench demo packages deps clean help
