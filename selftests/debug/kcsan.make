# SPDX-License-Identifier: GPL-2.0
# The kernel has data races of its own, which are not for a module's tests to find, and end the machine at some time of its
# start. What is instrumented is the module, and of the kernel what orders or links what is the module's; sched and mm
# have their barriers instrumented by their own makefiles. A change that the module sees somebody else make, in the
# middle of an access, is a race all the same: "of unknown origin".
KCSAN_SANITIZE=n
KCSAN_SANITIZE_spinlock.o=y
KCSAN_SANITIZE_spinlock_debug.o=y
KCSAN_SANITIZE_qspinlock.o=y
KCSAN_SANITIZE_qrwlock.o=y
KCSAN_SANITIZE_mutex.o=y
KCSAN_SANITIZE_mutex-debug.o=y
KCSAN_SANITIZE_rtmutex_api.o=y
KCSAN_SANITIZE_rwsem.o=y
KCSAN_SANITIZE_semaphore.o=y
KCSAN_SANITIZE_percpu-rwsem.o=y
KCSAN_SANITIZE_osq_lock.o=y
KCSAN_SANITIZE_list_debug.o=y
KCSAN_SANITIZE_rbtree.o=y
