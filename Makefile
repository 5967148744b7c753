# SPDX-License-Identifier: GPL-2.0
# A thin wrapper: Kbuild builds the module, userlib/Makefile the library and the tool,
# selftests/Makefile the tests.

# Everything that building and testing needs on Debian (or what is made from it)
PACKAGES = build-essential linux-headers-amd64 linux-source-6.1 kmod pkg-config libcjson-dev \
	   qemu-system-x86 busybox-static cpio xz-utils procps jq shellcheck man-db spin

# The running kernel's headers; without them, Debian's newest
KDIR ?= $(firstword $(shell ls -d /lib/modules/$$(uname -r)/build 2>/dev/null; \
	ls -d /lib/modules/*-amd64/build 2>/dev/null | grep -v -e -rt- -e -cloud- | sort -rV))
# Where lib.mk and kselftest.h are
KSFT ?= $(shell selftests/vm/fetch kselftest)

# Test programs, as selftests/Makefile names them for lib.mk
tests = $(addprefix selftests/,$(notdir $(shell $(MAKE) -s -C selftests KSFT=$(KSFT) \
	--eval='list: ; @echo $(1)' list)))
# All rings do the same, mediated and direct; a few tests are about what only direct ones do.
MEDIATED_TESTS = $(call tests,$$(filter-out $$(DIRECT_ONLY),$$(notdir $$(TEST_GEN_PROGS))) $$(TEST_PROGS))
DIRECT_TESTS = $(call tests,$$(notdir $$(TEST_GEN_PROGS)) $$(TEST_PROGS))

MODARGS = rings=4 slots=4096,4096,4 slot_size=64 size=1M,16M,0 policy=block,overwrite,block,overwrite

MAKEFLAGS += --no-print-directory

all: module userlib selftests

module:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

userlib:
	$(MAKE) -C userlib

selftests: userlib
	$(MAKE) -C selftests KSFT=$(KSFT)

# deps installs what is missing, and then does nothing any more
check: deps
	@$(MAKE) all
	@selftests/vm/check --host selftests/vm/lint selftests/vm/selftest \
		selftests/host/check selftests/model/check \
		--vm "$(MODARGS)" $(MEDIATED_TESTS) --vm "$(MODARGS) direct=1" $(DIRECT_TESTS)

# What takes too long for each change: ten million records, and the largest of the models (6 GB of memory)
check-proofs: deps
	@RECORDS=10000000 selftests/host/check
	@selftests/model/check --heavy

demo: deps
	@$(MAKE) all
	@selftests/vm/run --modargs "$(MODARGS)" -- selftests/demo.sh

packages:
	@selftests/vm/fetch packages $(PACKAGES)

deps: packages
	@selftests/vm/fetch kselftest >/dev/null
	@selftests/vm/fetch kernel $$(sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h) >/dev/null

clean:
	-$(MAKE) -C $(KDIR) M=$(CURDIR) clean
	$(MAKE) -C userlib clean
	$(MAKE) -C selftests KSFT=$(KSFT) clean

help:
	@echo 'make            build the module (ring.ko), the library, the tool and the tests'
	@echo 'make module     only the module; also userlib, selftests'
	@echo 'make check      build, and run all tests in virtual machines (installs packages)'
	@echo 'make check-proofs  the stress test and the model at full length (a quarter of an hour, 6 GB)'
	@echo 'make demo       build, and show it in a virtual machine (installs packages)'
	@echo 'make deps       install the Debian packages that are missing'
	@echo 'make clean      remove what was built'
	@echo
	@echo 'W=1             with more warnings'
	@echo 'KDIR=FOLDER     for the kernel with these headers ($(KDIR))'

.PHONY: all module userlib selftests check check-proofs demo packages deps clean help
