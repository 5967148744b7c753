/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ring - passing over records with the tail: the part of the memory protocol that the kernel plays alone. A file of
 * its own, for the stress test and the benchmark to compile what the module does.
 */
#ifndef RING_PASS_H
#define RING_PASS_H

#ifndef __KERNEL__
#include <stdbool.h>
#endif
#include <linux/ring_protocol.h>

/**
 * struct ring_pass - records that the tail may pass, counted on the way
 * @mark: where it may get to
 * @discarded: discarded records before that
 * @busy: the record that stopped it, RING_NONE: something else
 * @corrupt: what stopped it makes no sense
 */
struct ring_pass {
	struct ring_mark mark;
	__u64 discarded;
	__u64 busy;
	bool corrupt;
};

/* From where the tail is. Under ring.lock; so the other two. */
static inline void ring_pass_begin(const struct ring_mem *m, struct ring_pass *p)
{
	p->mark = ring_mem_mark_read(m);
	p->discarded = ring_load(&m->control->discarded);
	p->busy = RING_NONE;
	p->corrupt = false;
}

/**
 * ring_pass - pass over whole records that are committed or discarded
 * @m: the ring
 * @goal: until this is reached, and no further than the record that it lies in
 * @limit: never beyond. One inside a record, from a cursor that is not where a record starts, is as good as the
 *	record's start
 * @claimed: everything before it is known to have been claimed: nobody ever would claim a hole there
 * @p: from ring_pass_begin(), or an earlier one
 *
 * Returns whether @goal was reached.
 */
static inline bool ring_pass(const struct ring_mem *m, __u64 goal, __u64 limit, __u64 claimed, struct ring_pass *p)
{
	while ((__s64)(goal - p->mark.tail) > 0) {
		__u64 room = limit - p->mark.tail, most = goal - p->mark.tail, n, state;
		enum ring_look look;
		__u32 k;

		if (most > room)
			most = room;
		n = ring_mem_singles(m, p->mark.tail, most);
		p->mark.tail += n;
		p->mark.ordinal += n;
		if (n)
			continue;
		look = ring_mem_look(m, p->mark.tail, &state);
		k = ring_state_k(state);
		if (look == RING_LOOK_EMPTY) {
			p->corrupt = (__s64)(claimed - p->mark.tail) > 0;
			return false;
		}
		if (look == RING_LOOK_BUSY) {
			p->busy = p->mark.tail;
			return false;
		}
		if (look == RING_LOOK_PASSED || !ring_mem_k_valid(m, k)) {
			p->corrupt = true;
			return false;
		}
		if ((__s64)(limit - p->mark.tail) < k)
			return false;
		if (look == RING_LOOK_READY)
			p->mark.ordinal++;
		else
			p->discarded++;
		p->mark.tail += k;
	}
	return true;
}

/* Move the tail there, which is not where it is. */
static inline void ring_pass_end(const struct ring_mem *m, const struct ring_pass *p)
{
	struct ring_control *control = m->control;
	__u64 index = ring_load(&control->mark_index) + 1;

	ring_store(&control->discarded, p->discarded);
	ring_store(&control->reclaims, ring_load(&control->reclaims) + 1);
	ring_wmb();	/* RB_MARK reclaim/F: the last change of the index before what it took away is filled */
	ring_store(&control->mark[index & 1].tail, p->mark.tail);
	ring_store(&control->mark[index & 1].ordinal, p->mark.ordinal);
	ring_store_release(&control->mark_index, index);		/* RB_MARK reclaim/F */
	/*
	 * RB_TAIL reclaim/B, pairs with claim/B: who claims what this frees does so after the loads of those
	 * who released it, which the lowest cursor acquired. RB_MARK: after the mark.
	 */
	ring_store_release(&control->tail, p->mark.tail);
}

#endif /* RING_PASS_H */
