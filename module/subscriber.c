// SPDX-License-Identifier: GPL-2.0
/* ring - subscribers: who has a cursor, where it is put, whether something is ready at it */

#include <linux/slab.h>

#include "internal.h"

/* The sequence that @start means, under ring->lock, so that it is not overwritten before it is used. */
static int find_start(struct ring *ring, u32 start, u64 *sequence)
{
	u64 tail = ring->mem.control->tail;
	u64 head = ring_head(ring);
	u64 wanted = *sequence;
	enum ring_look look;
	u64 state;

	lockdep_assert_held(&ring->lock);
	switch (start) {
	case RING_OLDEST:
		*sequence = tail;
		return 0;
	case RING_NEXT:
		*sequence = head;
		return 0;
	case RING_LATEST:
		if (ring_find_latest(ring, sequence, &head))
			*sequence = head;
		return 0;
	case RING_SEQUENCE:
		if (wanted < tail)
			return -ENODATA;
		if (wanted > head)
			return -EAGAIN;
		look = ring_mem_look(&ring->mem, wanted, &state);
		/* Nor in a batch that is not committed: nobody knows yet what will start where. */
		if (wanted != head && (look == RING_LOOK_EMPTY ||
				       (!ring_state_owner(state) && ring_look_alone(ring, wanted, &state) != look)))
			return -EINVAL;
		return 0;
	}
	return -EINVAL;
}

static bool starts_before(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct ring_subscriber, unplaced)->start <
	       rb_entry(b, struct ring_subscriber, unplaced)->start;
}

/* Its base is known now, or nobody's concern any more. */
void ring_cursor_placed(struct ring *ring, struct ring_subscriber *sub)
{
	lockdep_assert_held(&ring->lock);
	if (!RB_EMPTY_NODE(&sub->unplaced))
		rb_erase_cached(&sub->unplaced, &ring->unplaced);
	RB_CLEAR_NODE(&sub->unplaced);
}

/*
 * Put a cursor, under ring->lock. Records between the tail and the new place may still be BUSY, so how
 * many of them will count is not known yet; tell_ordinal() in tail.c tells when the tail gets there.
 */
void ring_cursor_place(struct ring_file *f, u64 sequence)
{
	struct ring *ring = f->ring;
	struct ring_subscriber *sub = &f->sub;
	struct ring_mark mark = ring_mem_mark_read(&ring->mem);

	lockdep_assert_held(&ring->lock);
	ring_cursor_placed(ring, sub);
	sub->start_taken = READ_ONCE(sub->cursor->taken);
	if (sequence == mark.tail) {
		WRITE_ONCE(sub->cursor->base, mark.ordinal - sub->start_taken);
	} else {
		sub->start = sequence;
		rb_add_cached(&sub->unplaced, &ring->unplaced, starts_before);
		WRITE_ONCE(sub->cursor->base, RING_NONE);
	}
	WRITE_ONCE(sub->part_sequence, RING_NONE);
	smp_store_release(&sub->cursor->cursor, sequence);	/* RB_RELEASE release/A */
}

static int subscribe_locked(struct ring_file *f, u32 flags, u32 watermark, u32 start, u64 *sequence,
			    gfp_t gfp)
{
	struct ring *ring = f->ring;
	struct ring_subscriber *sub = &f->sub;
	int ret;

	lockdep_assert_held(&f->lock);
	if (ring_is_subscriber(f))
		return -EBUSY;
	if (!(flags & RING_SUBSCRIBE_ALL))
		flags |= ring->geometry.policy == RING_BLOCK ? RING_SUBSCRIBE_RELIABLE : RING_SUBSCRIBE_LOSSY;
	if (flags & RING_SUBSCRIBE_RELIABLE && ring->geometry.policy != RING_BLOCK)
		return -EOPNOTSUPP;
	if (!sub->page.addr) {
		ret = ring_area_alloc(&sub->page, sizeof(struct ring_cursor), 1, gfp);
		if (ret)
			return ret;
		sub->cursor = sub->page.addr;
	}
	WRITE_ONCE(sub->cursor->taken, 0);
	WRITE_ONCE(sub->cursor->lost, 0);

	spin_lock(&ring->lock);
	ret = find_start(ring, start, sequence);
	if (!ret) {
		ring_cursor_place(f, *sequence);
		sub->flags = flags;
		sub->watermark = max(watermark, 1u);
		sub->id = ring->next_subscriber++;
		list_add_tail(&sub->all, &ring->subscribers);
		if (flags & RING_SUBSCRIBE_RELIABLE)
			list_add_tail(&sub->gate, &ring->gates);
		ring->subscriber_count++;
		smp_store_release(&sub->attached, true);	/* pairs with ring_is_subscriber() */
	}
	spin_unlock(&ring->lock);
	/* Where nobody gated, nothing was released; now what lies before this cursor is. */
	if (!ret && flags & RING_SUBSCRIBE_RELIABLE && start != RING_OLDEST)
		ring_wake_writers(ring);
	return ret;
}

/**
 * ring_subscribe - give a file a cursor
 * @f: the file
 * @flags: RING_SUBSCRIBE_*
 * @watermark: slots
 * @start: enum ring_start
 * @sequence: the start of RING_SEQUENCE; becomes the cursor
 */
int ring_subscribe(struct ring_file *f, u32 flags, u32 watermark, u32 start, u64 *sequence)
{
	int ret;

	ret = ring_file_lock(f, false);
	if (ret)
		return ret;
	ret = subscribe_locked(f, flags, watermark, start, sequence, GFP_KERNEL_ACCOUNT);
	mutex_unlock(&f->lock);
	return ret;
}

/* What a reader gets that asked for nothing */
int ring_subscribe_first(struct ring_file *f, bool nowait)
{
	u64 sequence = 0;
	int ret;

	ret = ring_file_lock(f, nowait);
	if (ret)
		return ret;
	if (!ring_is_subscriber(f))
		ret = subscribe_locked(f, 0, 1, RING_OLDEST, &sequence,
				       nowait ? GFP_NOWAIT | __GFP_ACCOUNT : GFP_KERNEL_ACCOUNT);
	mutex_unlock(&f->lock);
	/* Memory that is to be had only by waiting for it */
	return nowait && ret == -ENOMEM ? -EAGAIN : ret;
}

/**
 * ring_unsubscribe - take a file's cursor away
 * @f: the file
 *
 * It gates no more. What it released counts as released: when it is the last reliable one, the tail moves
 * to its cursor before it goes, or the next one would be given those records again.
 */
int ring_unsubscribe(struct ring_file *f)
{
	struct ring *ring = f->ring;
	struct ring_subscriber *sub = &f->sub;
	u64 lost;

	if (!ring_is_subscriber(f))
		return -EINVAL;
	if (!list_empty(&sub->gate) && !ring_error(ring))
		ring_tail_release(ring);
	spin_lock(&ring->lock);
	lost = ring_subscriber_lost(f);
	ring->lost_before += lost;
	list_del_init(&sub->gate);
	list_del_init(&sub->all);
	ring_cursor_placed(ring, sub);
	WRITE_ONCE(sub->attached, false);
	ring->subscriber_count--;
	spin_unlock(&ring->lock);
	ring_wake_writers(ring);
	return 0;
}

/**
 * ring_seek - move a file's cursor
 * @f: the file; becomes a subscriber if it is none
 * @start: enum ring_start
 * @sequence: the start of RING_SEQUENCE; becomes the cursor
 */
int ring_seek(struct ring_file *f, u32 start, u64 *sequence)
{
	struct ring *ring = f->ring;
	int ret;

	ret = ring_file_lock(f, false);
	if (ret)
		return ret;
	if (!ring_is_subscriber(f)) {
		ret = subscribe_locked(f, 0, 1, start, sequence, GFP_KERNEL_ACCOUNT);
	} else {
		spin_lock(&ring->lock);
		ret = find_start(ring, start, sequence);
		if (!ret)
			ring_cursor_place(f, *sequence);
		spin_unlock(&ring->lock);
		ring_wake_writers(ring);
	}
	mutex_unlock(&f->lock);
	return ret;
}

/* What it has lost, with what it does not know of yet; under ring->lock. Its own words: it may lie. */
u64 ring_subscriber_lost(struct ring_file *f)
{
	const struct ring_mem *mem = &f->ring->mem;
	const struct ring_cursor *c = f->sub.cursor;
	struct ring_mark mark = ring_mem_mark_read(mem);
	u64 lost = READ_ONCE(c->lost);

	lockdep_assert_held(&f->ring->lock);
	if ((s64)(mark.tail - READ_ONCE(c->cursor)) > 0) {
		s64 more = mark.ordinal - (READ_ONCE(c->base) + READ_ONCE(c->taken));

		/* Less than nothing: it is, or died, between the store of what it took and that of its cursor. */
		lost += max(more, 0LL);
	}
	return lost;
}

/*
 * Whether a read would give something: as many slots as the watermark asks, a loss to tell, or the end.
 * When not, @target is the sequence whose commit may change that.
 *
 * Discarded records before those wanted take room that only a read releases. When they leave less of it than
 * the longest record needs, a writer may wait for that: then the read passes over them, whatever else it gives.
 */
static bool ready(struct ring_file *f, u64 *target)
{
	struct ring *ring = f->ring;
	const struct ring_mem *mem = &ring->mem;
	u64 cursor = READ_ONCE(f->sub.cursor->cursor);
	u32 wanted = READ_ONCE(f->sub.part_sequence) == cursor ? 1 : f->sub.watermark;
	u64 most = mem->slot_count - mem->k_max;
	u64 s = cursor, slots = 0, state;
	/* RB_SHUTDOWN end/G: the status before the states */
	u32 status = smp_load_acquire(&mem->control->status);

	if (ring_status_error(status))
		return true;
	while (s - cursor <= most) {
		switch (ring_look(ring, s, &state)) {
		case RING_LOOK_PASSED:
			return true;
		case RING_LOOK_EMPTY:
			*target = min(s + (wanted - slots) - 1, cursor + most);
			return ring_ended(status) || ring_mem_lapped(mem, cursor);
		case RING_LOOK_BUSY:
			ring_note_busy(ring, s);
			*target = s;
			return ring_mem_lapped(mem, cursor);
		case RING_LOOK_READY:
			slots += ring_state_k(state);
			if (slots >= wanted)
				return true;
			break;
		case RING_LOOK_SKIP:
			break;
		}
		if (!ring_mem_k_valid(mem, ring_state_k(state)))
			return true;	/* the read will tell */
		s += ring_state_k(state);
	}
	return true;
}

/* Whether a read would give something now */
bool ring_subscriber_ready(struct ring_file *f)
{
	u64 target;

	return ready(f, &target);
}

/**
 * ring_subscriber_arm - whether a read would give something; if not, the commit that changes it wakes
 * @file: the struct ring_file
 *
 * Who goes to sleep on the answer is on ring->readers already. ready() may come to wait for an earlier sequence
 * than the one that was armed, when a claim came in between; then that is armed, and looked at again. Not without
 * end: the owner of the cursor page can have it so. Then the caller, told to look, finds nothing and begins anew.
 */
bool ring_subscriber_arm(void *file)
{
	struct ring_file *f = file;
	u64 target, armed = RING_NONE;
	int tries;

	for (tries = 0; tries < RING_CLAIM_TRIES && !ready(f, &target); tries++) {
		if (armed <= target)
			return false;
		ring_arm_data(f->ring, target);
		armed = target;
	}
	return true;
}
