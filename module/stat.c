// SPDX-License-Identifier: GPL-2.0
/* ring - what can be counted and shown: nothing here costs a publisher or a reader anything */

#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"

/* Counting begins anew when the tail overtakes it, so often; then the figures are of different moments. */
#define CENSUS_TRIES	8

static bool count_records(struct ring *ring, struct ring_census *c)
{
	const struct ring_mem *mem = &ring->mem;
	u64 s, state;
	u32 k;

	memset(c, 0, sizeof(*c));
	c->busy = RING_NONE;
	c->mark = ring_mem_mark_read(mem);
	c->discarded = READ_ONCE(mem->control->discarded);
	c->head = c->mark.tail;
	for (s = c->mark.tail; s - c->mark.tail <= mem->slot_mask; s += k) {
		enum ring_look look = ring_mem_look(mem, s, &state);

		k = ring_state_k(state);
		if (look == RING_LOOK_EMPTY)
			break;
		if (look == RING_LOOK_PASSED || !ring_mem_k_valid(mem, k))
			return false;
		if (look == RING_LOOK_READY) {
			c->committed++;
		} else if (look == RING_LOOK_SKIP) {
			c->discarded++;
		} else if (c->busy == RING_NONE) {
			c->busy = s;
			c->owner = ring_state_owner(state);
		}
		c->head = s + k;
		cond_resched();
	}
	return !ring_mem_lapped(mem, c->mark.tail);
}

/* Count the records between tail and head. */
void ring_take_census(struct ring *ring, struct ring_census *census)
{
	int tries;

	for (tries = 0; tries < CENSUS_TRIES && !count_records(ring, census); tries++)
		;
	if (census->busy != RING_NONE)
		ring_note_busy(ring, census->busy);
}

/* Somebody found the record at @sequence BUSY and in the way: remember since when. */
void ring_note_busy(struct ring *ring, u64 sequence)
{
	u64 known = READ_ONCE(ring->busy_sequence);
	u64 state;

	if (ring_look(ring, sequence, &state) != RING_LOOK_BUSY)
		return;
	/* Whoever waits for that one would wait for ever. */
	if (ring_owner_gone(ring, sequence, state)) {
		ring_corrupt(ring);
		return;
	}
	if (sequence == known)
		return;
	spin_lock(&ring->lock);
	known = ring->busy_sequence;
	/* The oldest one counts, until it is BUSY no more. */
	if (sequence < known || ring_look(ring, known, &state) != RING_LOOK_BUSY) {
		WRITE_ONCE(ring->busy_sequence, sequence);
		ring->busy_since = ktime_get_ns();
	}
	spin_unlock(&ring->lock);
}

/* Records lost by all subscribers, past and present */
u64 ring_lost(struct ring *ring)
{
	struct ring_file *f;
	u64 lost;

	spin_lock(&ring->lock);
	lost = ring->lost_before;
	list_for_each_entry(f, &ring->subscribers, sub.all)
		lost += ring_subscriber_lost(f);
	spin_unlock(&ring->lock);
	return lost;
}

static void stat_subscriber(struct ring_file *f, u64 head, struct ring_stat_subscriber *s)
{
	u64 cursor = READ_ONCE(f->sub.cursor->cursor);

	s->id = f->sub.id;
	s->pid = pid_vnr(f->pid);
	s->flags = f->sub.flags & RING_SUBSCRIBE_LOSSY ? RING_STAT_LOSSY : 0;
	if (ring_mem_lapped(&f->ring->mem, cursor))
		s->flags |= RING_STAT_LOST;
	s->watermark = f->sub.watermark;
	s->cursor = cursor;
	s->lag = (s64)(head - cursor) > 0 ? head - cursor : 0;
	s->taken = READ_ONCE(f->sub.cursor->taken);
	s->lost = ring_subscriber_lost(f);
	strscpy(s->comm, f->comm, sizeof(s->comm));
}

static int slowest(struct ring *ring, u64 tail)
{
	u64 lowest = RING_NONE;
	struct ring_file *f;
	u32 id = 0;

	list_for_each_entry(f, &ring->gates, sub.gate) {
		u64 ahead = max_t(s64, READ_ONCE(f->sub.cursor->cursor) - tail, 0);

		if (ahead < lowest) {
			lowest = ahead;
			id = f->sub.id;
		}
	}
	return id;
}

/**
 * ring_stat_fill - everything that RING_IOC_STAT tells
 * @ring: the ring
 * @stat: filled in
 * @subscribers: filled with as many as there are, and as there is room for; @stat tells how many
 * @room: its length
 */
void ring_stat_fill(struct ring *ring, struct ring_stat *stat, struct ring_stat_subscriber *subscribers,
		    u32 room)
{
	struct ring_census census;
	struct ring_file *f;
	u32 filled = 0;

	ring_take_census(ring, &census);
	stat->status = READ_ONCE(ring->mem.control->status);
	stat->head = census.head;
	stat->tail = census.mark.tail;
	stat->published = census.mark.ordinal + census.committed;
	stat->discarded = census.discarded;
	stat->retained = census.committed;
	stat->lost = ring_lost(ring);
	stat->bytes = ring_bytes(ring);
	stat->busy_sequence = census.busy;
	stat->busy_owner = census.owner;
	stat->busy_pid = 0;
	stat->busy_since = 0;
	stat->reclaims = READ_ONCE(ring->mem.control->reclaims);
	stat->reader_sleeps = atomic64_read(&ring->reader_sleeps);
	stat->writer_sleeps = atomic64_read(&ring->writer_sleeps);
	stat->reader_wakes = atomic64_read(&ring->reader_wakes);
	stat->writer_wakes = atomic64_read(&ring->writer_wakes);

	spin_lock(&ring->lock);
	stat->subscribers = ring->subscriber_count;
	stat->producers = ring->producer_count;
	stat->exclusive = ring->exclusive;
	stat->slowest = slowest(ring, ring->mem.control->tail);
	list_for_each_entry(f, &ring->subscribers, sub.all) {
		if (filled == room)
			break;
		stat_subscriber(f, census.head, &subscribers[filled++]);
	}
	if (census.busy != RING_NONE) {
		if (ring->busy_sequence == census.busy)
			stat->busy_since = ring->busy_since;
		list_for_each_entry(f, &ring->producers, prod.all)
			if (f->prod.owner == census.owner)
				stat->busy_pid = pid_vnr(f->pid);
	}
	spin_unlock(&ring->lock);
	stat->subscriber_count = filled;
}

/**
 * ring_stat - fill in RING_IOC_STAT's structure
 * @f: the file that asks
 * @stat: in: the subscriber array. out: all
 */
int ring_stat(struct ring_file *f, struct ring_stat *stat)
{
	struct ring *ring = f->ring;
	struct ring_stat_subscriber *subscribers = NULL;
	u32 room = stat->subscriber_array ? min(stat->subscriber_count, READ_ONCE(ring->subscriber_count)) : 0;
	int ret = 0;

	if (room) {
		subscribers = kvcalloc(room, sizeof(*subscribers), GFP_KERNEL_ACCOUNT);
		if (!subscribers)
			return -ENOMEM;
	}
	ring_stat_fill(ring, stat, subscribers, room);
	if (stat->subscriber_count && copy_to_user(u64_to_user_ptr(stat->subscriber_array), subscribers,
						   stat->subscriber_count * sizeof(*subscribers)))
		ret = -EFAULT;
	kvfree(subscribers);
	return ret;
}

void ring_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct ring_file *f = file->private_data;
	struct ring *ring = f->ring;
	u64 head = ring_head(ring);
	u32 owner;

	spin_lock(&ring->lock);
	if (ring_is_subscriber(f)) {
		struct ring_stat_subscriber s;

		stat_subscriber(f, head, &s);
		seq_printf(m, "ring-subscriber:\t%u %s\n", s.id,
			   s.flags & RING_STAT_LOSSY ? "lossy" : "reliable");
		seq_printf(m, "ring-cursor:\t%llu\nring-lag:\t%llu\n", s.cursor, s.lag);
		seq_printf(m, "ring-taken:\t%llu\nring-lost:\t%llu\n", s.taken, s.lost);
	}
	owner = f->prod.owner;
	if (owner)
		seq_printf(m, "ring-producer:\t%u %s%s\n", owner,
			   f->prod.flags & RING_PRODUCE_EXCLUSIVE ? "exclusive" : "shared",
			   f->prod.flags & RING_PRODUCE_DIRECT ? " direct" : "");
	spin_unlock(&ring->lock);
}
