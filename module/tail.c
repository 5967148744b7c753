// SPDX-License-Identifier: GPL-2.0
/*
 * ring - the tail: moving it is what overwrites records, and only the kernel does it, under ring->lock,
 * over whole records that are committed or discarded. On a block ring it goes no further than the lowest
 * reliable cursor.
 */

#include "internal.h"
#include "pass.h"
#include "trace.h"

/* Slots that a flush drops at a time */
#define FLUSH_PIECE	1024

/* Tell those whose cursor was put to @at, or before it, what its ordinal is. Returns where the next ones are. */
static u64 tell_ordinal(struct ring *ring, const struct ring_mark *at)
{
	struct ring_subscriber *sub;
	struct rb_node *first;

	while ((first = rb_first_cached(&ring->unplaced))) {
		sub = rb_entry(first, struct ring_subscriber, unplaced);
		if (sub->start > at->tail)
			return sub->start;
		WRITE_ONCE(sub->cursor->base, at->ordinal - sub->start_taken);
		ring_cursor_placed(ring, sub);
	}
	return RING_NONE;
}

/* ring_pass() from the tail on. Those whose cursor lies on the way are told its ordinal. */
static void pass(struct ring *ring, u64 goal, u64 limit, u64 claimed, struct ring_pass *p)
{
	u64 told;

	lockdep_assert_held(&ring->lock);
	ring_pass_begin(&ring->mem, p);
	do
		told = tell_ordinal(ring, &p->mark);
	while (ring_pass(&ring->mem, min(goal, told), limit, claimed, p) && (s64)(goal - p->mark.tail) > 0);
}

static void publish_tail(struct ring *ring, const struct ring_pass *p)
{
	lockdep_assert_held(&ring->lock);
	if (p->mark.tail == ring->mem.control->tail)
		return;
	trace_ring_reclaim(ring, &p->mark, p->discarded);
	ring_pass_end(&ring->mem, p);
}

/* The lowest reliable cursor, not below the tail; the tail when nobody gates: nothing was released then. */
u64 ring_lowest_cursor(struct ring *ring)
{
	u64 tail = ring->mem.control->tail;
	u64 lowest = RING_NONE;
	struct ring_file *f;

	lockdep_assert_held(&ring->lock);
	list_for_each_entry(f, &ring->gates, sub.gate) {
		/* RB_RELEASE reclaim/A. The owner of the page may have put anything there. */
		s64 ahead = smp_load_acquire(&f->sub.cursor->cursor) - tail;

		lowest = min_t(u64, lowest, max_t(s64, ahead, 0));
	}
	return lowest == RING_NONE ? tail : tail + lowest;
}

/*
 * Move the tail to @need, which is at or before the head, and further while it is cheap: an eighth of the
 * ring, so that producers come here a few times a lap. @dry: only find out.
 */
static void reclaim(struct ring *ring, u64 need, bool dry, struct ring_pass *p)
{
	u64 tail, goal, limit;
	bool lost;

	spin_lock(&ring->lock);
	tail = ring->mem.control->tail;
	goal = dry ? need : max(need, tail + max(ring->mem.slot_count / 8, 1u));
	limit = ring->geometry.policy == RING_BLOCK ? ring_lowest_cursor(ring) : tail + ring->mem.slot_count;
	pass(ring, goal, limit, need, p);
	if (!dry)
		publish_tail(ring, p);
	lost = ring->mem.control->tail > ring->wake_lost;
	if (lost)
		ring->wake_lost = RING_NONE;
	spin_unlock(&ring->lock);
	if (lost)
		ring_wake_readers(ring);
	if (p->busy != RING_NONE)
		ring_note_busy(ring, p->busy);
	if (p->corrupt)
		ring_corrupt(ring);
}

/*
 * Whether a record of @k slots has room, after a reclaim if need be. If not: @cursor, which the slowest
 * subscriber must get to, and @busy, the BUSY record that is in the way, RING_NONE for none.
 */
static bool room(struct ring *ring, u32 k, bool dry, u64 *cursor, u64 *busy)
{
	u64 head, old, tail, need;
	struct ring_pass p;

	switch (ring_mem_find_head(&ring->mem, RING_NONE, &head, &old, &tail)) {
	case RING_CLAIM_CORRUPT:
		ring_corrupt(ring);
		return true;		/* the next claim will tell */
	case RING_CLAIM_AGAIN:
		return true;
	default:
		break;
	}
	need = head + k - ring->mem.slot_count;
	if ((s64)(need - tail) <= 0)
		return true;
	reclaim(ring, need, dry && ring->geometry.policy == RING_OVERWRITE, &p);
	*cursor = need;
	*busy = p.busy;
	return p.corrupt || (s64)(need - p.mark.tail) <= 0;
}

/**
 * ring_room_arm - whether a record of @k slots has room; if not, what gives room wakes the writers
 * @ring: the ring
 * @k: slots
 * @dry: on an overwrite ring, move nothing, only say whether it could be
 *
 * Who goes to sleep on the answer is on ring->writers already. As ring_subscriber_arm(): a direct producer can have
 * the head somewhere else at each look.
 */
bool ring_room_arm(struct ring *ring, u32 k, bool dry)
{
	u64 cursor, busy, armed_cursor = RING_NONE, armed_busy = RING_NONE;
	int tries;

	for (tries = 0; tries < RING_CLAIM_TRIES; tries++) {
		if (READ_ONCE(ring->mem.control->status) || room(ring, k, dry, &cursor, &busy))
			return true;
		/* Another need than was armed, also a greater one: the word may have been crossed already. */
		if (armed_cursor == cursor && armed_busy <= busy)
			return false;
		ring_arm_space(ring, cursor, busy);
		armed_cursor = cursor;
		armed_busy = busy;
	}
	return true;
}

/*
 * Move the tail as far as the reliable subscribers have released, which is at most a ring further: a cursor that is
 * beyond the head lets no more of what comes meanwhile go.
 */
void ring_tail_release(struct ring *ring)
{
	u64 before = READ_ONCE(ring->mem.control->tail);
	u64 end = before + ring->mem.slot_count;
	struct ring_pass p;

	for (;;) {
		reclaim(ring, before, false, &p);
		if (p.mark.tail == before || p.corrupt || (s64)(end - p.mark.tail) <= 0)
			return;
		before = p.mark.tail;
		cond_resched();
	}
}

/*
 * Begin anew where nothing makes sense any more: all slots free, and the tail, which is the head too, at the
 * start of a lap beyond all that can have been claimed. What the ring held is not counted as published.
 * A direct producer that still writes its rubbish makes the ring corrupt again, and that is all it can.
 */
static void reset(struct ring *ring)
{
	struct ring_control *control = ring->mem.control;
	u64 slots = ring->mem.slot_count;
	struct ring_pass p;
	struct ring_file *f;
	u64 s;

	spin_lock(&ring->lock);
	ring_pass_begin(&ring->mem, &p);
	p.mark.tail = (p.mark.tail | (slots - 1)) + 1 + slots;
	for (s = 0; s < slots; s++)
		WRITE_ONCE(ring_mem_slot(&ring->mem, s)->state, 0);
	WRITE_ONCE(ring->mem.producers->hint, p.mark.tail);
	publish_tail(ring, &p);
	list_for_each_entry(f, &ring->subscribers, sub.all)
		ring_cursor_place(f, p.mark.tail);
	WRITE_ONCE(control->status, control->status & ~RING_STATUS_CORRUPT);
	spin_unlock(&ring->lock);
}

/* Drop what is retained, up to the first BUSY record; all of it, BUSY or not, when the ring is corrupt. */
void ring_flush(struct ring *ring)
{
	u64 head = ring_head(ring);
	struct ring_pass p;
	u64 before, goal;

	/* In pieces, so that the lock is not held for long. */
	p.corrupt = ring_error(ring);
	while (!p.corrupt) {
		spin_lock(&ring->lock);
		before = ring->mem.control->tail;
		goal = min(head, before + FLUSH_PIECE);
		pass(ring, goal, head, goal, &p);
		publish_tail(ring, &p);
		spin_unlock(&ring->lock);
		if (p.mark.tail == before)
			break;
		cond_resched();
	}
	if (p.corrupt || !ring_consistent(ring))
		reset(ring);
	ring_wake_readers(ring);
	ring_wake_writers(ring);
}

/* The sequence that the next record will get; a moment later it may be another. */
u64 ring_head(const struct ring *ring)
{
	u64 head, old, tail;

	if (ring_mem_find_head(&ring->mem, RING_NONE, &head, &old, &tail) >= RING_CLAIM_AGAIN)
		return READ_ONCE(ring->mem.control->tail);
	return head;
}

/**
 * ring_find_latest - the latest committed record
 * @ring: the ring
 * @sequence: its sequence
 * @head: the head at that time
 *
 * Looks from the hint on, and when nothing is committed there, from the tail on. -ENODATA: nothing
 * committed is retained. -EAGAIN: lapped while looking, which cannot be under ring->lock.
 */
int ring_find_latest(struct ring *ring, u64 *sequence, u64 *head)
{
	const struct ring_mem *mem = &ring->mem;
	u64 hint = READ_ONCE(mem->producers->hint);
	u64 tail = smp_load_acquire(&mem->control->tail);	/* RB_TAIL walk/B */
	u64 start = hint - tail > mem->slot_mask ? tail : hint;
	u64 s, state;
	bool found = false;

	for (;; start = tail) {
		for (s = start; s - tail <= mem->slot_mask; s += ring_state_k(state)) {
			enum ring_look look = ring_mem_look(mem, s, &state);

			if (look == RING_LOOK_EMPTY)
				break;
			if (look == RING_LOOK_PASSED)
				return ring_mem_lapped(mem, s) ? -EAGAIN : -EUCLEAN;
			if (!ring_mem_k_valid(mem, ring_state_k(state)))
				return -EUCLEAN;
			if (look == RING_LOOK_READY) {
				*sequence = s;
				found = true;
			}
		}
		*head = s;
		if (found || start == tail)
			return found ? 0 : -ENODATA;
	}
}
