/* SPDX-License-Identifier: GPL-2.0 */
/* What the test programs share that use the library; as in ring_test.h, these end the test when they fail. */
#ifndef LIBRING_HELPERS_H
#define LIBRING_HELPERS_H

#include <libring.h>

#include "ring_test.h"

static inline struct ring_stat stat_of(struct __test_metadata *_metadata, struct ring *r)
{
	struct ring_stat stat;

	ASSERT_EQ(0, ring_get_stat(r, &stat, NULL, 0));
	return stat;
}

/* A ring with nothing in it and nobody reading it */
static inline struct ring *open_empty(struct __test_metadata *_metadata, const char *where)
{
	struct ring *r;

	ASSERT_EQ(0, ring_open(where, RING_OPEN_READ | RING_OPEN_WRITE, &r));
	/* Who was killed may take a moment to let go. The harness' timeout is this loop's. */
	while (stat_of(_metadata, r).subscribers)
		rt_sleep_ms(1);
	ASSERT_EQ(0, ring_flush(r));
	return r;
}

static inline int try_subscriber(const char *where, enum ring_start start, struct ring **r)
{
	struct ring_subscribe_options o = RING_SUBSCRIBE_OPTIONS_INIT;
	int ret = ring_open(where, RING_OPEN_READ, r);

	o.start = start;
	return ret ? ret : ring_subscribe(*r, &o);
}

static inline struct ring *subscriber(struct __test_metadata *_metadata, const char *where, enum ring_start start)
{
	struct ring *r;

	ASSERT_EQ(0, try_subscriber(where, start, &r));
	return r;
}

#endif /* LIBRING_HELPERS_H */
