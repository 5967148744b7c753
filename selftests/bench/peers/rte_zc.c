// SPDX-License-Identifier: GPL-2.0
/* rte_ring of DPDK by its zero-copy calls: records are written and read where they lie */
#include <rte_ring.h>
#include <rte_ring_peek_zc.h>

#include "bench.h"

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int n, size_t size,
				       unsigned int batch, bool in_place)
{
	struct rte_ring_zc_data where;
	unsigned int i;

	n = rte_ring_enqueue_zc_burst_elem_start(e->channel, size, n, &where, NULL);
	if (!n)
		return 0;
	for (i = 0; i < n; i++) {
		unsigned char *to = i < where.n1 ? (unsigned char *)where.ptr1 + i * size :
						   (unsigned char *)where.ptr2 + (i - where.n1) * size;

		bench_fill(e, to, first + i, size);
	}
	rte_ring_enqueue_zc_finish(e->channel, n);
	return n;
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int batch,
					  bool in_place)
{
	struct rte_ring_zc_data where;
	unsigned int i;

	n = rte_ring_dequeue_zc_burst_elem_start(e->channel, size, n, &where, NULL);
	if (!n)
		return 0;
	for (i = 0; i < n; i++) {
		const unsigned char *from = i < where.n1 ? (unsigned char *)where.ptr1 + i * size :
							   (unsigned char *)where.ptr2 + (i - where.n1) * size;

		bench_take(e, from, size, in_place);
	}
	rte_ring_dequeue_zc_finish(e->channel, n);
	return n;
}

static void *make_channel(const struct work *w)
{
	struct rte_ring *r = bench_shared((size_t)rte_ring_get_memsize_elem(w->size, 2 * DEPTH(w->size)));

	if (rte_ring_init(r, "bench", DEPTH(w->size), RING_F_SC_DEQ | RING_F_SP_ENQ | RING_F_EXACT_SZ))
		bench_fail("rte_ring_init");
	return r;
}

static bool can(const struct work *w)
{
	return w->kind != GATHER && w->waiting == SPIN && w->in_place;
}

#include "loops.h"

PEER(rte_zc, .name = "rte_ring, zero-copy calls", .can = can, .open = make_channel, LOOPS)
