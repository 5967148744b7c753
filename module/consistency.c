// SPDX-License-Identifier: GPL-2.0
/*
 * ring - whether the slots' states make sense: what a direct producer has written there beside the protocol
 * is found when it leaves, and by a flush, rather than by those who would wait at it for ever.
 */

#include "internal.h"

/* Looking begins anew when claims or the tail overtake it, so often; then the ring is seen to work. */
#define TRIES	8

/* One look at all slots. False: what was found is wrong, unless the ring went on meanwhile: *@went_on. */
static bool look_at_all(struct ring *ring, bool *went_on)
{
	const struct ring_mem *mem = &ring->mem;
	u64 tail = smp_load_acquire(&mem->control->tail);	/* RB_TAIL walk/B */
	u64 next = tail, head = RING_NONE;
	bool batch = false;
	u64 s, state;

	for (s = tail; s - tail < mem->slot_count; s++) {
		enum ring_look look = ring_mem_look(mem, s, &state);
		u32 k = ring_state_k(state);

		cond_resched();
		if (look == RING_LOOK_EMPTY) {
			if (s == next && head == RING_NONE)
				head = s;
			continue;
		}
		/* Of a batch that is not committed, or never will be */
		if (batch && (s64)(next - s) > 0 && look != RING_LOOK_PASSED && !ring_state_owner(state))
			continue;
		/* Claimed: then a record starts here, all before it is claimed, and it ends before the tail's slot. */
		if (look == RING_LOOK_PASSED || head != RING_NONE || s != next ||
		    !ring_mem_k_valid(mem, k) || s + k - tail > mem->slot_count)
			break;
		if (look == RING_LOOK_BUSY && ring_owner_gone(ring, s, state))
			break;
		next = s + k;
		batch = look == RING_LOOK_BUSY || look == RING_LOOK_SKIP;
	}
	if (s - tail == mem->slot_count)
		return true;
	/* Who claimed beyond either saw a later tail, or the head claimed: now both are seen here as well. */
	*went_on = ring_mem_lapped(mem, tail) ||
		   (head != RING_NONE && ring_mem_look(mem, head, &state) != RING_LOOK_EMPTY);
	return false;
}

/**
 * ring_consistent - whether all slots are in a state that the protocol can have brought about
 * @ring: the ring
 *
 * From the tail on record follows record up to the head; what is not the start of one was last claimed in an
 * earlier lap, unless it is in a batch that is not committed, and who holds a claim is attached. Bounded, and may
 * be wrong only when saying yes, to a ring that changes all the time or is written to by somebody hostile at this
 * very moment.
 */
bool ring_consistent(struct ring *ring)
{
	bool went_on = false;
	int tries;

	if (!(ring->geometry.flags & RING_DIRECT))
		return true;
	for (tries = 0; tries < TRIES; tries++) {
		if (look_at_all(ring, &went_on))
			return true;
		if (!went_on)
			return false;
	}
	return true;
}
