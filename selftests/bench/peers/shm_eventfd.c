// SPDX-License-Identifier: GPL-2.0
/* A ring made by hand in shared memory, with an eventfd: one write for each send, one read before each look */
#include <sys/eventfd.h>

#include "spsc.h"

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int n, size_t size,
				       unsigned int batch, bool in_place)
{
	struct spsc *q = e->channel;
	uint64_t one = 1;

	n = spsc_send(q, e, first, n, size, in_place);
	if (n && write(q->event, &one, sizeof(one)) != sizeof(one))
		bench_fail("eventfd");
	return n;
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int batch,
					  bool in_place)
{
	struct spsc *q = e->channel;
	uint64_t events;

	n = spsc_receive(q, e, n, size, in_place);
	if (!n && read(q->event, &events, sizeof(events)) != sizeof(events))
		bench_fail("eventfd");
	return n;
}

static void *make_channel(const struct work *w)
{
	struct spsc *q = spsc_make(w);

	q->event = eventfd(0, EFD_CLOEXEC);
	return q;
}

static bool can(const struct work *w)
{
	return w->kind != GATHER && w->waiting == SLEEP;
}

#include "loops.h"

PEER(shm_eventfd, .name = "shm + eventfd", .can = can, .open = make_channel, LOOPS)
