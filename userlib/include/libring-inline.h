/* SPDX-License-Identifier: MIT */
/*
 * libring - the hot path, for libring.h to include: to read a record and, on a direct ring, to publish one
 * without a call. All else is in the functions that end in _slow. It goes with the SONAME.
 */
#ifndef LIBRING_INLINE_H
#define LIBRING_INLINE_H

#include <linux/ring_protocol.h>

#define ring_likely(x)		__builtin_expect(!!(x), 1)

/* The members of the reading and of the publishing side lie apart. */
struct ring {
	const __u32 *reading;		/* to 1 while subscribed, in the process of the handle; else to 0 */
	struct ring_cursor *cursor;
	__u64 position;			/* of the record that ring_next() gives next */
	__u64 released;			/* the cursor */
	__u64 pending;			/* records given, not yet released */
	struct ring_mem in;
	const __u32 *publishing __attribute__((aligned(RING_APART)));	/* the same, while direct */
	__u32 owner;
	struct ring_mem out;
	__u32 exclusive;
	struct ring_exclusive only;		/* while exclusive */
};

/* When there is more to do than to look at the memory */
int ring_next_slow(struct ring *r, struct ring_view *v);
int ring_release_slow(struct ring *r);
int ring_overrun(struct ring *r);
int ring_wake(struct ring *r, unsigned int which);
int ring_publish_slow(struct ring *r, const void *buf, size_t len, uint32_t tag, uint64_t deadline);
int ring_reserve_slow(struct ring *r, size_t len, uint64_t deadline, struct ring_reservation *res);
int ring_commit_slow(struct ring *r, struct ring_reservation *res, size_t len);
int ring_commit_many_slow(struct ring *r, struct ring_reservation *res, unsigned int count);
int ring_discard_slow(struct ring *r, struct ring_reservation *res);

/* Make @v of the record at the position, whose state is COMMITTED; 0: lapped, or no record can be so. */
static inline int ring_take(struct ring *r, __u64 state, struct ring_view *v)
{
	__u64 sequence = r->position;
	const struct ring_slot *slot = ring_mem_slot(&r->in, sequence);
	__u32 k = ring_state_k(state);
	__u32 word = ring_load(&slot->len);
	__u32 tag = ring_load(&slot->tag);

	/* The order matters: only a record that is not lapped by now has a len that goes with its k. */
	if (!ring_likely(ring_mem_k_valid(&r->in, k) && ring_mem_len_valid(&r->in, k, word) &&
			 !ring_mem_lapped(&r->in, r->released)))
		return 0;
	v->data = ring_mem_payload(&r->in, sequence, word);
	v->sequence = sequence;
	v->len = word & ~RING_LEN_BULK;
	v->tag = tag;
	r->position = ring_mem_after(sequence, k);
	r->pending++;
	return 1;
}

RING_INLINE int ring_next(struct ring *r, struct ring_view *v)
{
	__u64 state;

	if (ring_likely(ring_load(r->reading)) &&
	    ring_likely(ring_mem_look(&r->in, r->position, &state) == RING_LOOK_READY) &&
	    ring_likely(ring_take(r, state, v)))
		return 1;
	return ring_next_slow(r, v);
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

static inline enum ring_claim ring_claim_direct(struct ring *r, __u32 k, __u64 *sequence)
{
	if (r->exclusive)
		return ring_mem_claim_exclusive(&r->out, &r->only, r->owner, k, sequence);
	return ring_mem_claim(&r->out, r->owner, k, RING_NONE, sequence);
}

/* A direct producer's reservation; 0 when there is more to it, and nothing was reserved. */
static inline int ring_reserve_direct(struct ring *r, size_t len, struct ring_reservation *res)
{
	const struct ring_mem *m = &r->out;
	__u64 sequence;
	__u32 k;

	if (!ring_likely(ring_is_direct(r) && len <= m->longest))
		return 0;
	k = ring_mem_slots_for(m, len);
	if (!ring_likely(ring_claim_direct(r, k, &sequence) == RING_CLAIMED))
		return 0;
	if (!ring_likely(!ring_load(&m->control->status))) {		/* RB_SHUTDOWN claim/G */
		ring_mem_discard(m, sequence, k, r->owner);
		if (ring_mem_wakes_data(m, sequence + k))
			ring_wake(r, RING_WAKE_DATA);
		return 0;
	}
	res->data = ring_mem_payload(m, sequence, ring_mem_len_word(m, len));
	res->sequence = sequence;
	res->len = (uint32_t)len;
	res->tag = 0;
	res->k = k;
	res->reserved = 0;
	return 1;
}

/* Commit what the caller itself has just reserved. */
static inline void ring_commit_direct(struct ring *r, const struct ring_reservation *res, size_t len)
{
	const struct ring_mem *m = &r->out;
	struct ring_slot *slot = ring_mem_slot(m, res->sequence);

	/* A record stays where its room was reserved, in the slot or in the bulk area, however short. */
	ring_store(&slot->len, (__u32)len | (ring_mem_len_word(m, res->len) & RING_LEN_BULK));
	ring_store(&slot->tag, res->tag);
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

RING_INLINE int ring_publish(struct ring *r, const void *buf, size_t len, uint32_t tag, uint64_t deadline)
{
	struct ring_reservation res;

	if (!ring_likely(ring_reserve_direct(r, len, &res)))
		return ring_publish_slow(r, buf, len, tag, deadline);
	if (len)
		memcpy(res.data, buf, len);
	res.tag = tag;
	ring_commit_direct(r, &res, len);
	if (ring_mem_wakes_data(&r->out, res.sequence + res.k))
		ring_wake(r, RING_WAKE_DATA);
	return 0;
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
	if (ring_mem_wakes_data(&r->out, res->sequence + res->k))
		ring_wake(r, RING_WAKE_DATA);
	return 0;
}

RING_INLINE int ring_commit_many(struct ring *r, struct ring_reservation *res, unsigned int count)
{
	__u64 end = count ? res[0].sequence : 0;
	unsigned int i;

	/* Without a k: reserved before the handle was a direct producer */
	if (!ring_likely(count && ring_is_direct(r) && res[0].k))
		return ring_commit_many_slow(r, res, count);
	/* In order, hence none twice */
	for (i = 0; i < count; i++) {
		if (!ring_likely((__s64)(res[i].sequence - end) >= 0 && ring_reservation_open(r, &res[i], res[i].len)))
			return -EINVAL;
		end = res[i].sequence + res[i].k;
	}
	for (i = count; i--;)
		ring_commit_direct(r, &res[i], res[i].len);
	if (ring_mem_wakes_data(&r->out, end))
		ring_wake(r, RING_WAKE_DATA);
	return (int)count;
}

RING_INLINE int ring_discard(struct ring *r, struct ring_reservation *res)
{
	if (!ring_likely(ring_is_direct(r) && ring_reservation_open(r, res, 0)))
		return ring_discard_slow(r, res);
	ring_mem_discard(&r->out, res->sequence, res->k, r->owner);
	if (ring_mem_wakes_data(&r->out, res->sequence + res->k))
		ring_wake(r, RING_WAKE_DATA);
	return 0;
}

#endif /* LIBRING_INLINE_H */
