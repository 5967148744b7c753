// SPDX-License-Identifier: GPL-2.0
/* A ring made by hand in shared memory: nobody sleeps, nobody may die */
#include "spsc.h"

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int n, size_t size,
				       unsigned int batch, bool in_place)
{
	return spsc_send(e->channel, e, first, n, size, in_place);
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int batch,
					  bool in_place)
{
	return spsc_receive(e->channel, e, n, size, in_place);
}

static void *make_channel(const struct work *w)
{
	return spsc_make(w);
}

static bool can(const struct work *w)
{
	return w->kind != GATHER && w->waiting == SPIN;
}

#include "loops.h"

PEER(byhand, .name = "by hand, spsc", .can = can, .open = make_channel, LOOPS)
