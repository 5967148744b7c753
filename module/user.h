/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ring - between a record in the ring and user space.
 *
 * As lib/iov_iter.c copies, and not copy_to_user() and copy_from_user(): those would look up in which vmap area the
 * record lies, under a lock that all processors share. Who calls has checked that it lies in the ring, whose pages are
 * made to be seen.
 */
#ifndef RING_USER_H
#define RING_USER_H

#include <linux/fault-inject-usercopy.h>
#include <linux/instrumented.h>
#include <linux/uaccess.h>

/* Both return how many bytes could not be copied, and may sleep in a page fault unless page faults are disabled. */

static inline size_t ring_copy_out(void __user *to, const void *from, size_t len)
{
	might_fault();
	if (should_fail_usercopy() || !access_ok(to, len))
		return len;
	instrument_read(from, len);
	return raw_copy_to_user(to, from, len);
}

static inline size_t ring_copy_in(void *to, const void __user *from, size_t len)
{
	might_fault();
	if (should_fail_usercopy() || !access_ok(from, len))
		return len;
	instrument_write(to, len);
	return raw_copy_from_user(to, from, len);
}

#endif /* RING_USER_H */
