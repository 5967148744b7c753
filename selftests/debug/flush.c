// SPDX-License-Identifier: GPL-2.0
/* Linked to programs whose coverage is counted: the counts are written also when a test ends with _exit(). */
void __gcov_dump(void);
void __real__exit(int status) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));

void __wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}
