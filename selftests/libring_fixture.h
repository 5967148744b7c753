/* SPDX-License-Identifier: GPL-2.0 */
/* A writer and a reader of the library's, on a ring of each kind, and by system calls where it is direct */
#ifndef LIBRING_FIXTURE_H
#define LIBRING_FIXTURE_H

#include <libring.h>

#include "ring_test.h"

FIXTURE(lib) {
	struct ring *w, *r;
	struct ring_info info;
};

FIXTURE_VARIANT(lib) {
	const char *ring;
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(lib, block) { "0", 0 };
FIXTURE_VARIANT_ADD(lib, overwrite) { "ring1", 0 };
FIXTURE_VARIANT_ADD(lib, block_by_system_calls) { "/dev/ring0", RING_OPEN_MEDIATED };

FIXTURE_SETUP(lib)
{
	ASSERT_EQ(0, ring_open(variant->ring, RING_OPEN_READ | RING_OPEN_WRITE | variant->flags, &self->w));
	ASSERT_EQ(0, ring_flush(self->w));
	ASSERT_EQ(0, ring_open(variant->ring, RING_OPEN_READ, &self->r));
	ASSERT_EQ(0, ring_subscribe(self->r, NULL));
	ASSERT_EQ(0, ring_get_info(self->r, &self->info));
}

FIXTURE_TEARDOWN(lib)
{
	ring_close(self->r);
	ring_close(self->w);
}

#endif /* LIBRING_FIXTURE_H */
