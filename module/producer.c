// SPDX-License-Identifier: GPL-2.0
/* ring - producers: who may publish, under which owner id, and what happens to the claims of a dead one */

#include "internal.h"
#include "trace.h"

/* An id that rested longest, so that a stale state is told from a new owner's for as long as can be. */
static int owner_alloc(struct ring *ring)
{
	u32 owner = find_next_zero_bit(ring->owners, RING_OWNER_MAX + 1, ring->next_owner);

	lockdep_assert_held(&ring->lock);
	if (owner > RING_OWNER_MAX)
		owner = find_next_zero_bit(ring->owners, RING_OWNER_MAX + 1, 1);
	if (owner > RING_OWNER_MAX)
		return -EAGAIN;
	set_bit(owner, ring->owners);	/* atomic, for ring_owner_gone() */
	ring->next_owner = owner == RING_OWNER_MAX ? 1 : owner + 1;
	return owner;
}

/**
 * ring_produce - attach a file as a producer
 * @f: the file
 * @flags: RING_PRODUCE_*
 */
int ring_produce(struct ring_file *f, u32 flags)
{
	struct ring *ring = f->ring;
	int ret;

	if (flags & RING_PRODUCE_DIRECT && !(ring->geometry.flags & RING_DIRECT))
		return -EOPNOTSUPP;
	spin_lock(&ring->lock);
	if (f->prod.owner || ring->exclusive || (flags & RING_PRODUCE_EXCLUSIVE && ring->producer_count)) {
		ret = -EBUSY;
		goto out;
	}
	ret = owner_alloc(ring);
	if (ret < 0)
		goto out;
	WRITE_ONCE(f->prod.flags, flags);
	WRITE_ONCE(f->prod.owner, ret);
	ring->exclusive = flags & RING_PRODUCE_EXCLUSIVE;
	ring->producer_count++;
	list_add_tail(&f->prod.all, &ring->producers);
	ret = 0;
out:
	spin_unlock(&ring->lock);
	return ret;
}

/* What a file becomes that just writes */
int ring_produce_first(struct ring_file *f)
{
	int ret = ring_produce(f, 0);

	/* Another thread may have attached it meanwhile. */
	return READ_ONCE(f->prod.owner) ? 0 : ret;
}

/*
 * Discard what a producer had claimed and never will commit. Nobody else writes those states: the
 * file is gone, and with it every mapping through which its process could. (Pages that it had pinned, as for io_uring,
 * can still be written to. That is one more way to write rubbish, and found like any other.) The tail passes no BUSY
 * record, so they are all between the tail and what could have been claimed by now. Whether there were any.
 */
static bool reap(struct ring_file *f)
{
	struct ring *ring = f->ring;
	u32 owner = f->prod.owner;
	const struct ring_mem *mem = &ring->mem;
	u64 s = smp_load_acquire(&mem->control->tail);	/* RB_TAIL walk/B */
	u64 end = s + mem->slot_count;
	bool discarded = false;
	u64 state;

	while ((s64)(end - s) > 0) {
		enum ring_look look = ring_mem_look(mem, s, &state);
		u32 k = ring_state_k(state);

		if (look == RING_LOOK_EMPTY)
			break;
		/* The tail went on, up to a record of this owner at most: from there. */
		if (look == RING_LOOK_PASSED && ring_mem_lapped(mem, s)) {
			s = smp_load_acquire(&mem->control->tail);	/* RB_TAIL walk/B */
			continue;
		}
		if (look == RING_LOOK_PASSED || !ring_mem_k_valid(mem, k)) {
			ring_corrupt(ring);
			break;
		}
		if (look == RING_LOOK_BUSY && ring_state_owner(state) == owner &&
		    ring_cas(&ring_mem_slot(mem, s)->state, &state,
			     ring_state_make(ring_state_lap(state), k, owner, RING_DISCARDED))) {
			trace_ring_reap(f, s, k);
			discarded = true;
		}
		s += k;
		cond_resched();
	}
	return discarded;
}

/**
 * ring_owner_gone - whether a record is BUSY for good: under an owner id that nobody has
 * @ring: the ring
 * @sequence: its sequence
 * @state: its state, BUSY
 *
 * An id is given back after the last record that bears it is BUSY no more, so this is somebody's forgery.
 */
bool ring_owner_gone(struct ring *ring, u64 sequence, u64 state)
{
	bool gone;
	u64 now;

	/* The usual case, for everybody who meets a BUSY record; an owner that leaves now is met by the next look. */
	if (test_bit(ring_state_owner(state), ring->owners))
		return false;
	spin_lock(&ring->lock);
	gone = !test_bit(ring_state_owner(state), ring->owners) &&
	       ring_look(ring, sequence, &now) == RING_LOOK_BUSY && now == state;
	spin_unlock(&ring->lock);
	return gone;
}

/* Detach a file; its owner id is free again when nothing bears it any more. */
void ring_unproduce(struct ring_file *f)
{
	struct ring *ring = f->ring;
	bool direct = f->prod.flags & RING_PRODUCE_DIRECT;
	u32 owner = f->prod.owner;
	bool wake;

	if (!owner)
		return;
	/* It may have died between a commit and its look at the wake word. */
	wake = direct;
	/* What bears a mediated producer's id is done with, unless a direct one has forged it. */
	if (ring->geometry.flags & RING_DIRECT)
		wake |= reap(f);
	if (direct && !ring_consistent(ring))
		ring_corrupt(ring);
	if (wake)
		ring_wake_readers(ring);
	spin_lock(&ring->lock);
	list_del_init(&f->prod.all);
	ring->producer_count--;
	ring->exclusive = false;
	clear_bit(owner, ring->owners);
	spin_unlock(&ring->lock);
}
