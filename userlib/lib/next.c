/* SPDX-License-Identifier: MIT */
/* libring - reading from the memory: what ring_next() and ring_release() leave to do */

#include "internal.h"

#define ARM_TRIES	8

int ring_skip(struct ring *r)
{
	__u64 state;
	__u32 k;

	while (ring_mem_look(&r->in, r->position, &state) == RING_LOOK_SKIP) {
		k = ring_state_k(state);
		if (!ring_mem_k_valid(&r->in, k))
			return -EUCLEAN;
		/* Lapped in the meantime: what is passed over was another lap's, and the caller will see. */
		if (r->position - r->released > r->in.slot_mask)
			break;
		r->position += k;
	}
	return 0;
}

/* An edge-triggered poller goes to sleep now: the next commit must wake it. 0: look again, or -errno. */
static int arm(struct handle *h)
{
	struct ring *r = &h->ring;
	struct ring_wait call = {
		.size = sizeof(call),
		.flags = RING_WAIT_DATA,
		.sequence = r->pending ? r->position : RING_NONE,
		.deadline = RING_NOW,
	};

	return ring_call(h, RING_IOC_WAIT, &call);
}

EXPORT int ring_overrun(struct ring *r)
{
	r->released = ring_cursor_catch_up(&r->in, r->cursor);
	r->position = r->released;
	r->pending = 0;
	return -EOVERFLOW;
}

EXPORT int ring_release_slow(struct ring *r)
{
	/* Not subscribed: nothing was given, so there is nothing to release. */
	return usable_for_reading(handle_of(r));
}

/* The end, nothing yet, corrupt or destroyed: no record at the position, whose slot looked like @look after @status. */
static int nothing(struct ring *r, enum ring_look look, __u32 status)
{
	int err = status_error(status);

	if (err)
		return err;
	/* Discarded records that were passed over are nobody's to release, and a writer may wait for them. */
	if (!r->pending) {
		err = ring_release(r);
		if (err)
			return err;
	}
	return look == RING_LOOK_EMPTY && status & RING_STATUS_SHUTDOWN ? 0 : -EAGAIN;
}

/* Make @v of the record at the position, whose state is COMMITTED; false: lapped, or no record can be so. */
static bool take(struct ring *r, __u64 state, struct ring_view *v)
{
	const struct ring_mem *m = &r->in;
	__u64 sequence = r->position;
	const struct ring_slot *slot = ring_mem_slot(m, sequence);
	__u32 k = ring_state_k(state);
	__u32 word = ring_load(&slot->len);
	__u32 tag = ring_load(&slot->tag);

	/* The order matters: only a record that is not lapped by now has a len that goes with its k. */
	if (!ring_mem_k_valid(m, k) || !ring_mem_len_valid(m, k, word) || ring_mem_lapped(m, r->released))
		return false;
	v->data = ring_mem_payload(m, sequence, word);
	v->sequence = sequence;
	v->len = word & ~RING_LEN_BULK;
	v->tag = tag;
	r->position = sequence + k;
	r->pending++;
	return true;
}

EXPORT int ring_next_slow(struct ring *r, struct ring_view *v)
{
	struct handle *h = handle_of(r);
	const struct ring_mem *m = &r->in;
	enum ring_look look;
	__u32 status;
	__u64 state;
	bool armed;
	int tries;
	int err;

	err = ring_reading(h);
	/* One of several slots, which ring_next() leaves to this */
	if (!err && ring_mem_look(m, r->position, &state) == RING_LOOK_READY && take(r, state, v))
		return 1;
	for (tries = 0; !err && tries < ARM_TRIES; tries++) {
		err = ring_skip(r);
		status = ring_load_acquire(&m->control->status);	/* RB_SHUTDOWN end/G */
		/*
		 * Armed by somebody, for here or earlier, before this look: then a commit that this look
		 * does not see sees the word and wakes everybody. Looking first would not do: the commit
		 * could fall between.
		 */
		armed = ring_load(&m->control->wake_data) <= r->position;
		ring_mb();						/* RB_DATA armed/D */
		look = ring_mem_look(m, r->position, &state);

		if (look == RING_LOOK_READY && take(r, state, v))
			return 1;
		if (ring_mem_lapped(m, r->released))
			return ring_overrun(r);
		if (err)
			return err;
		if (look == RING_LOOK_READY || look == RING_LOOK_PASSED)
			return -EUCLEAN;
		if (look == RING_LOOK_SKIP)
			continue;
		err = nothing(r, look, status);
		if (err != -EAGAIN || !h->polled || armed)
			return err;
		err = arm(h);
	}
	return err ? err : -EAGAIN;
}

EXPORT int ring_next_many_slow(struct ring *r, struct ring_view *v, unsigned int count)
{
	unsigned int n;
	int ret = -EINVAL;

	for (n = 0; n < count; n++) {
		ret = ring_next(r, &v[n]);
		if (ret <= 0)
			break;
	}
	/* The other reasons to end are there at the next call, too. */
	return n && ret != -EOVERFLOW ? (int)n : ret;
}
