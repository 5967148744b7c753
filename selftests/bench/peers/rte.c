// SPDX-License-Identifier: GPL-2.0
/*
 * rte_ring of DPDK, without its EAL: SP/SC; where there are more producers MP/SC, by relaxed tail sync, which is for
 * producers that outnumber the CPUs, or by what is usual, which then hardly moves. Records are its elements.
 */
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "bench.h"

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int n, size_t size,
				       unsigned int batch, bool in_place)
{
	struct rte_ring *r = e->channel;
	void *records = bench_made(e, first, size);

	n = bench_make(e, first, n, size);
	return e->work->kind != GATHER ? rte_ring_sp_enqueue_burst_elem(r, records, size, n, NULL) :
	       e->crowded ? rte_ring_mp_rts_enqueue_burst_elem(r, records, size, n, NULL) :
			    rte_ring_mp_enqueue_burst_elem(r, records, size, n, NULL);
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int batch,
					  bool in_place)
{
	unsigned int i;

	n = rte_ring_sc_dequeue_burst_elem(e->channel, e->record, size, size > 4096 ? 1 : n, NULL);
	for (i = 0; i < n; i++)
		bench_take(e, bench_record(e, i, size), size, in_place);
	return n;
}

static void *make_channel(const struct work *w)
{
	bool crowded = w->producers >= (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int flags = RING_F_SC_DEQ | RING_F_EXACT_SZ |
			     (w->kind != GATHER ? RING_F_SP_ENQ : crowded ? RING_F_MP_RTS_ENQ : 0);
	struct rte_ring *r = bench_shared((size_t)rte_ring_get_memsize_elem(w->size, 2 * DEPTH(w->size)));

	if (rte_ring_init(r, "bench", DEPTH(w->size), flags))
		bench_fail("rte_ring_init");
	return r;
}

static bool can(const struct work *w)
{
	return w->waiting == SPIN;
}

#include "loops.h"

PEER(rte, .name = "rte_ring", .can = can, .open = make_channel, LOOPS)
