/* SPDX-License-Identifier: GPL-2.0 */
/* Tests of rings that are made and removed at run time: a small one to make, and whether all that was made is gone */
#ifndef CONTROL_H
#define CONTROL_H

#include "churn.h"

/* Some are there already, and max_bytes is known. */
RT_LOADS("rings=2 slots=256 size=64K max_bytes=64M")

FIXTURE(control) {
	struct ring_create c;		/* a small ring */
	unsigned int before;		/* how many there are */
	__u64 bytes;
};

FIXTURE_SETUP(control)
{
	struct ring_version v;

	ring_create_defaults(&self->c);
	self->c.slots = 64;
	self->c.bulk_size = 4096;
	ASSERT_LE(0, ring_list(NULL, 0, &self->before));
	ASSERT_EQ(0, ring_module_version(&v));
	self->bytes = v.bytes;
}

FIXTURE_TEARDOWN(control)
{
	struct ring_version v;
	unsigned int after;

	/* Whatever a test has made, it has removed. */
	EXPECT_LE(0, ring_list(NULL, 0, &after));
	EXPECT_EQ(self->before, after);
	EXPECT_EQ(0, ring_module_version(&v));
	EXPECT_EQ(self->bytes, v.bytes);
}

#endif /* CONTROL_H */
