/* SPDX-License-Identifier: MIT */
/*
 * libring - the hot path, for libring.h to include: to read a record and, on a direct ring, to publish one
 * without a call. All else is in the functions that end in _slow. It goes with the SONAME.
 */
#ifndef LIBRING_INLINE_H
#define LIBRING_INLINE_H

#include <linux/ring_protocol.h>

#define ring_likely(x)		__builtin_expect(!!(x), 1)
/* Where a length is a constant, so is the copy: twice as fast where a line is on its way to another processor. */
#define RING_HOT		static inline __attribute__((always_inline))
/* What is not done for each record: it takes no registers from what is */
#define RING_SELDOM		static __attribute__((noinline, unused))

/* The members of the reading and of the publishing side lie apart. */
struct ring {
	const __u32 *reading;		/* to 1 while subscribed, in the process of the handle; else to 0 */
	struct ring_cursor *cursor;
	__u64 position;			/* of the record that ring_next() gives next */
	__u64 released;			/* the cursor */
	__u64 pending;			/* records given, not yet released */
	struct ring_mem in;
	__u64 behind;			/* the hint, as last looked at: before this a reader need not hang back */
	__u32 patience;			/* pauses that it is worth to wait for a later hint */
	const __u32 *publishing __attribute__((aligned(RING_APART)));	/* the same, while direct */
	__u32 owner;
	struct ring_mem out;
	__u64 claimed;				/* before this all is; of whichever thread claimed last */
	__u32 exclusive;
	struct ring_exclusive only;		/* while exclusive */
};

/* When there is more to do than to look at the memory */
int ring_next_slow(struct ring *r, struct ring_view *v);
int ring_next_many_slow(struct ring *r, struct ring_view *v, unsigned int count);
int ring_release_slow(struct ring *r);
int ring_overrun(struct ring *r);
int ring_wake(struct ring *r, unsigned int which);
int ring_notify_slow(struct ring *r);
int ring_publish_slow(struct ring *r, const void *buf, size_t len, uint32_t tag, uint64_t deadline);
int ring_reserve_slow(struct ring *r, size_t len, uint64_t deadline, struct ring_reservation *res);
int ring_commit_slow(struct ring *r, struct ring_reservation *res, size_t len);
int ring_discard_slow(struct ring *r, struct ring_reservation *res);
int ring_reserve_many_slow(struct ring *r, size_t len, unsigned int count, uint64_t deadline, struct ring_batch *b);
void *ring_batch_at_slow(struct ring *r, struct ring_batch *b, unsigned int i, size_t len, uint32_t tag);
int ring_commit_many_slow(struct ring *r, struct ring_batch *b, unsigned int count);
int ring_discard_many_slow(struct ring *r, struct ring_batch *b);

/*
 * Whether a committed record of one slot stands at @sequence, whose slot is @slot; then @v is of it, unless it is
 * lapped. @single: from ring_mem_single()
 */
RING_HOT int ring_view_single(const struct ring_mem *m, __u64 sequence, const struct ring_slot *slot, __u64 single,
			      struct ring_view *v)
{
	__u32 word, tag;

	if (!ring_likely(ring_slot_is(slot, single)))
		return 0;
	word = ring_load(&slot->len);
	tag = ring_load(&slot->tag);
	if (!ring_likely(ring_mem_len_valid(m, 1, word)))
		return 0;
	v->data = ring_slot_payload(m, slot, sequence, word);
	v->sequence = sequence;
	v->len = word & ~RING_LEN_BULK;
	v->tag = tag;
	return 1;
}

#define RING_PATIENCE	32u	/* pauses, in which a producer writes some records */

/* In a loop that waits for another processor */
static inline void ring_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield" ::: "memory");
#else
	__asm__ __volatile__("" ::: "memory");
#endif
}

/*
 * A reader at its producer's heels takes each line from it that it is about to write. So where records come one after
 * another it hangs back, for a moment, until the hint says that a number of them are done; and where they do not, it
 * does not. Whether there is a record the slots alone tell. ("Temporal slipping" in J. Giacomoni et al., FastForward
 * for efficient pipeline parallelism, PPoPP 2008.)
 */
RING_SELDOM void ring_hang_back(struct ring *r)
{
	__u64 ahead = ring_load(&r->in.producers->hint) - r->position;

	while (r->patience && (__s64)ahead <= 0) {
		r->patience--;
		ring_pause();
		ahead = ring_load(&r->in.producers->hint) - r->position;
	}
	if ((__s64)ahead <= 0)
		return;
	r->behind = r->position + ahead;
	/* One alone is no stream. */
	if (ahead > 1)
		r->patience = RING_PATIENCE;
}

RING_INLINE int ring_next(struct ring *r, struct ring_view *v)
{
	const struct ring_mem *m = &r->in;
	__u64 sequence = r->position;

	if (!ring_likely(ring_load(r->reading)))
		return ring_next_slow(r, v);
	if (!ring_likely((__s64)(sequence - r->behind) < 0))
		ring_hang_back(r);
	if (!ring_likely(ring_view_single(m, sequence, ring_mem_slot(m, sequence), ring_mem_single(m, sequence), v)) ||
	    !ring_likely(!ring_mem_lapped(m, r->released)))
		return ring_next_slow(r, v);
	r->position = sequence + 1;
	r->pending++;
	return 1;
}

RING_INLINE int ring_next_many(struct ring *r, struct ring_view *v, unsigned int count)
{
	const struct ring_mem m = r->in;	/* what is stored through other pointers does not change it */
	__u64 sequence = r->position, single = ring_mem_single(&m, sequence);
	const struct ring_slot *slot = ring_mem_slot(&m, sequence);
	unsigned int n;

	if (!ring_likely(ring_load(r->reading)))
		return ring_next_many_slow(r, v, count);
	if (count > ring_mem_to_end(&m, sequence))
		count = ring_mem_to_end(&m, sequence);
	for (n = 0; n < count && ring_view_single(&m, sequence + n, slot, single, &v[n]); n++)
		slot = ring_mem_slot_behind(&m, slot);
	if (!ring_likely(n) || !ring_likely(!ring_mem_lapped(&r->in, r->released)))
		return ring_next_many_slow(r, v, count);
	r->position = sequence + n;
	r->pending += n;
	return (int)n;
}

RING_INLINE int ring_release(struct ring *r)
{
	int wake;

	if (!ring_likely(ring_load(r->reading)))
		return ring_release_slow(r);
	if (r->position == r->released)
		return 0;
	/* Before the cursor is moved: afterwards nobody could say whether what was read is whole. */
	if (!ring_likely(!ring_mem_lapped(&r->in, r->released)))
		return ring_overrun(r);
	wake = ring_cursor_release(&r->in, r->cursor, r->position, r->pending);
	r->released = r->position;
	r->pending = 0;
	return ring_likely(!wake) ? 0 : ring_wake(r, RING_WAKE_SPACE);
}

RING_INLINE int ring_valid(struct ring *r, const struct ring_view *v)
{
	return ring_likely(ring_load(r->reading)) && !ring_mem_lapped(&r->in, v->sequence);
}

RING_INLINE uint64_t ring_lost(const struct ring *r)
{
	return ring_likely(ring_load(r->reading)) ? ring_load(&r->cursor->lost) : 0;
}

RING_INLINE uint64_t ring_taken(const struct ring *r)
{
	return ring_likely(ring_load(r->reading)) ? ring_load(&r->cursor->taken) : 0;
}

RING_INLINE uint64_t ring_position(const struct ring *r)
{
	return ring_likely(ring_load(r->reading)) ? r->position : RING_NONE;
}

RING_INLINE uint64_t ring_released(const struct ring *r)
{
	return ring_likely(ring_load(r->reading)) ? r->released : RING_NONE;
}

RING_INLINE int ring_is_direct(const struct ring *r)
{
	return (int)ring_load(ring_load_acquire(&r->publishing));
}

/* Wake who sleeps for what was published before @end. */
static inline void ring_wake_data(struct ring *r, __u64 end)
{
	if (!ring_likely(!ring_mem_wakes_data(&r->out, end)))
		ring_wake(r, RING_WAKE_DATA);
}

/* A direct producer's claim of @k slots; 0 when there is more to it, and nothing was claimed. */
RING_HOT int ring_claim_direct(struct ring *r, __u32 k, __u64 *sequence)
{
	const struct ring_mem *m = &r->out;
	enum ring_claim claim;

	if (r->exclusive)
		claim = ring_mem_claim_exclusive(m, &r->only, r->owner, k, sequence);
	else
		claim = ring_mem_claim(m, r->owner, k, ring_load(&r->claimed), sequence);
	if (!ring_likely(claim == RING_CLAIMED))
		return 0;
	ring_store(&r->claimed, *sequence + k);
	if (ring_likely(!ring_load(&m->control->status)))		/* RB_SHUTDOWN claim/G */
		return 1;
	ring_mem_discard(m, *sequence, k, r->owner);
	ring_wake_data(r, *sequence + k);
	return 0;
}

/* A direct producer's reservation; 0 when there is more to it, and nothing was reserved. */
RING_HOT int ring_reserve_direct(struct ring *r, size_t len, struct ring_reservation *res)
{
	const struct ring_mem *m = &r->out;
	__u64 sequence;
	__u32 k;

	if (!ring_likely(ring_is_direct(r) && len <= m->longest))
		return 0;
	k = ring_mem_slots_for(m, len);
	if (!ring_likely(ring_claim_direct(r, k, &sequence)))
		return 0;
	res->data = ring_mem_payload(m, sequence, ring_mem_len_word(m, len));
	res->sequence = sequence;
	res->len = (uint32_t)len;
	res->tag = 0;
	res->k = k;
	res->reserved = 0;
	return 1;
}

/* Commit what the caller itself has just reserved. */
RING_HOT void ring_commit_direct(struct ring *r, const struct ring_reservation *res, size_t len)
{
	const struct ring_mem *m = &r->out;
	struct ring_slot *slot = ring_mem_slot(m, res->sequence);

	/* A record stays where its room was reserved, in the slot or in the bulk area, however short. */
	ring_slot_describe(slot, (__u32)len | (ring_mem_len_word(m, res->len) & RING_LEN_BULK), res->tag);
	ring_mem_commit(m, res->sequence, res->k, r->owner);
}

/*
 * Whether @res is a reservation of this direct producer that is still open. The ring's own memory says it:
 * a state that names this lap, this length, this owner and BUSY is made by ring_reserve_direct() only.
 */
static inline int ring_reservation_open(struct ring *r, const struct ring_reservation *res, size_t len)
{
	const struct ring_mem *m = &r->out;

	return ring_mem_k_valid(m, res->k) && len <= res->len && res->len <= m->longest &&
	       ring_mem_slots_for(m, res->len) == res->k &&
	       ring_load(&ring_mem_slot(m, res->sequence)->state) ==
	       ring_state_make(ring_mem_lap(m, res->sequence), res->k, r->owner, RING_BUSY);
}

/*
 * The only producer claims and commits with one store, after which the record's memory is the readers': nobody polls
 * a line that is still written to.
 */
RING_HOT int ring_put_exclusive(struct ring *r, const void *buf, size_t len, uint32_t tag, __u64 *end)
{
	const struct ring_mem *m = &r->out;
	int fits = len <= m->inline_max;
	struct ring_slot *slot;
	__u64 sequence;
	__u32 k = 1;

	if (!ring_likely(fits)) {
		if (len > m->longest)
			return 0;
		k = ring_mem_slots_for(m, len);
	}
	if (!ring_likely(ring_mem_exclusive_room(m, &r->only, k, &sequence) == RING_CLAIMED))
		return 0;
	/* RB_SHUTDOWN claim/G: after the tail, which may have given room since the end was marked on a full ring */
	if (!ring_likely(!ring_load(&m->control->status)))
		return 0;
	slot = ring_mem_slot(m, sequence);
	if (ring_likely(fits)) {
		if (len)
			memcpy(slot + 1, buf, len);
		ring_slot_describe(slot, (__u32)len, tag);
	} else {
		memcpy(ring_slot_payload(m, slot, sequence, RING_LEN_BULK), buf, len);
		ring_slot_describe(slot, (__u32)len | RING_LEN_BULK, tag);
	}
	ring_slot_exclusive_store(m, &r->only, slot, r->owner, k, sequence, RING_COMMITTED);
	*end = sequence + k;
	/* RB_SHUTDOWN claim/G: shut down meanwhile. Then the readers' end may lie before this record or behind it. */
	return ring_likely(!(ring_load(&m->control->status) & (RING_STATUS_SHUTDOWN | RING_STATUS_CLOSING))) ?
	       1 : -EPIPE;
}

/* Publish directly, but for the wake-up. 1: done. 0: there is more to it, and nothing was published. Or an error. */
RING_HOT int ring_put_direct(struct ring *r, const void *buf, size_t len, uint32_t tag, __u64 *end)
{
	struct ring_reservation res;

	if (ring_likely(r->exclusive))
		return ring_likely(ring_is_direct(r)) ? ring_put_exclusive(r, buf, len, tag, end) : 0;
	if (!ring_likely(ring_reserve_direct(r, len, &res)))
		return 0;
	if (len)
		memcpy(res.data, buf, len);
	res.tag = tag;
	ring_commit_direct(r, &res, len);
	*end = res.sequence + res.k;
	return 1;
}

RING_INLINE int ring_publish(struct ring *r, const void *buf, size_t len, uint32_t tag, uint64_t deadline)
{
	__u64 end;
	int ret = ring_put_direct(r, buf, len, tag, &end);

	if (!ring_likely(ret))
		return ring_publish_slow(r, buf, len, tag, deadline);
	ring_wake_data(r, end);
	return ring_likely(ret > 0) ? 0 : ret;
}

RING_INLINE int ring_publish_quiet(struct ring *r, const void *buf, size_t len, uint32_t tag, uint64_t deadline)
{
	__u64 end;
	int ret = ring_put_direct(r, buf, len, tag, &end);

	if (!ring_likely(ret))
		return ring_publish_slow(r, buf, len, tag, deadline);
	return ring_likely(ret > 0) ? 0 : ret;
}

RING_INLINE int ring_notify(struct ring *r)
{
	if (ring_likely(ring_is_direct(r))) {
		ring_wake_data(r, RING_NONE - 1);
		return 0;
	}
	return ring_notify_slow(r);
}

RING_INLINE int ring_reserve(struct ring *r, size_t len, uint64_t deadline, struct ring_reservation *res)
{
	if (ring_likely(ring_reserve_direct(r, len, res)))
		return 0;
	return ring_reserve_slow(r, len, deadline, res);
}

RING_INLINE int ring_commit(struct ring *r, struct ring_reservation *res, size_t len)
{
	if (!ring_likely(ring_is_direct(r) && ring_reservation_open(r, res, len)))
		return ring_commit_slow(r, res, len);
	ring_commit_direct(r, res, len);
	ring_wake_data(r, res->sequence + res->k);
	return 0;
}

RING_INLINE int ring_discard(struct ring *r, struct ring_reservation *res)
{
	if (!ring_likely(ring_is_direct(r) && ring_reservation_open(r, res, 0)))
		return ring_discard_slow(r, res);
	ring_mem_discard(&r->out, res->sequence, res->k, r->owner);
	ring_wake_data(r, res->sequence + res->k);
	return 0;
}

/* ---- Batches ---- */

RING_SELDOM int ring_reserve_batch(struct ring *r, size_t len, unsigned int count, struct ring_batch *b)
{
	const struct ring_mem *m = &r->out;
	__u64 sequence;
	__u32 k;

	if (!ring_likely(ring_is_direct(r) && len <= m->longest))
		return 0;
	k = ring_mem_slots_for(m, len);
	if (!ring_likely(count && (__u64)count * k <= m->k_max && ring_claim_direct(r, count * k, &sequence)))
		return 0;
	b->sequence = sequence;
	b->count = count;
	b->len = (uint32_t)len;
	b->k = k;
	b->reserved = 0;
	return 1;
}

/* Whether @b is a batch of this direct producer that is still open: as ring_reservation_open() */
static inline int ring_batch_open(struct ring *r, const struct ring_batch *b)
{
	const struct ring_mem *m = &r->out;
	__u64 slots = (__u64)b->count * b->k;

	return slots && slots <= m->k_max &&
	       ring_load(&ring_mem_slot(m, b->sequence)->state) ==
	       ring_state_make(ring_mem_lap(m, b->sequence), (__u32)slots, r->owner, RING_BUSY);
}

RING_INLINE int ring_reserve_many(struct ring *r, size_t len, unsigned int count, uint64_t deadline,
				  struct ring_batch *b)
{
	if (ring_likely(ring_reserve_batch(r, len, count, b)))
		return (int)count;
	return ring_reserve_many_slow(r, len, count, deadline, b);
}

/*
 * The header before the payload: stores in the order of the memory are quicker, when its lines are on their way. And
 * none that can be done without: a processor asks for the lines of so many stores ahead, whatever they are to.
 */
RING_INLINE void *ring_batch_at(struct ring *r, struct ring_batch *b, unsigned int i, size_t len, uint32_t tag)
{
	const struct ring_mem *m = &r->out;
	__u64 sequence = b->sequence + (__u64)i * b->k;
	struct ring_slot *slot = ring_mem_slot(m, sequence);

	/* Only whether this process still may: who reserved has acquired what goes with it. */
	if (!ring_likely(b->k && i < b->count && len <= b->len && ring_load(r->publishing)))
		return ring_batch_at_slow(r, b, i, len, tag);
	if (ring_likely(i))
		ring_slot_batch_store(m, slot, sequence, b->k, RING_COMMITTED);
	if (!ring_likely(b->len <= m->inline_max)) {
		ring_slot_describe(slot, (__u32)len | RING_LEN_BULK, tag);
		return ring_slot_payload(m, slot, sequence, RING_LEN_BULK);
	}
	ring_slot_describe(slot, (__u32)len, tag);
	return slot + 1;
}

RING_SELDOM void ring_commit_batch(struct ring *r, struct ring_batch *b, unsigned int count)
{
	const struct ring_mem *m = &r->out;
	__u32 k = b->k, slots = b->count * k, used = count * k, at;

	if (ring_likely(count)) {
		/* One by one: who looks at one alone must not find what was there before. */
		for (at = used; at < slots; at += k)
			ring_mem_batch_store(m, b->sequence + at, k, RING_DISCARDED);
		/* What nobody has described would be a hole. */
		ring_mem_batch_close(m, b->sequence, k, used);
		ring_mem_commit(m, b->sequence, k, r->owner);
	} else {
		ring_mem_discard(m, b->sequence, slots, r->owner);
	}
	b->count = 0;
	ring_wake_data(r, b->sequence + slots);
}

RING_INLINE int ring_commit_many(struct ring *r, struct ring_batch *b, unsigned int count)
{
	if (!ring_likely(count <= b->count && ring_is_direct(r) && ring_batch_open(r, b)))
		return ring_commit_many_slow(r, b, count);
	ring_commit_batch(r, b, count);
	return (int)count;
}

RING_INLINE int ring_discard_many(struct ring *r, struct ring_batch *b)
{
	__u32 k = b->count * b->k;

	if (!ring_likely(ring_is_direct(r) && ring_batch_open(r, b)))
		return ring_discard_many_slow(r, b);
	ring_mem_discard(&r->out, b->sequence, k, r->owner);
	b->count = 0;
	ring_wake_data(r, b->sequence + k);
	return 0;
}

#endif /* LIBRING_INLINE_H */
