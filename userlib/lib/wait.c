/* SPDX-License-Identifier: MIT */
/* libring - waiting */

#include <time.h>

#include "internal.h"

#define SPINS_PER_CLOCK	64

uint64_t ring_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

EXPORT uint64_t ring_deadline_in(uint64_t ns)
{
	uint64_t now;

	if (ns == RING_NOW || ns == RING_NEVER)
		return ns;
	now = ring_clock();
	return ns < RING_NEVER - 1 - now ? now + ns : RING_NEVER - 1;
}

/*
 * Whether ring_next() has something to say, and @slots of them if there is no end to tell. @from is where
 * this stopped looking the last time, @seen what it saw before that.
 */
static bool ready(struct ring *r, uint32_t slots, uint64_t *from, uint32_t *seen)
{
	const struct ring_mem *m = &r->in;
	__u32 status = ring_load_acquire(&m->control->status);		/* RB_SHUTDOWN end/G */
	enum ring_look look;
	__u64 state;

	if (ring_mem_lapped(m, r->released) || status_error(status))
		return true;
	while (*seen < slots) {
		look = ring_mem_look(m, *from, &state);
		if (look == RING_LOOK_EMPTY)
			return status & RING_STATUS_SHUTDOWN;
		if (look == RING_LOOK_BUSY)
			return false;
		if (look == RING_LOOK_PASSED || !ring_mem_k_valid(m, ring_state_k(state)))
			return true;
		if (look == RING_LOOK_READY)
			*seen += ring_state_k(state);
		else if (*from - r->released > m->slot_mask)
			return true;
		*from += ring_state_k(state);
	}
	return true;
}

static bool spin(struct handle *h, uint32_t slots, uint64_t *from, uint32_t *seen, uint64_t deadline)
{
	uint64_t end;
	int i;

	if (!h->spin || deadline == RING_NOW)
		return false;
	end = ring_deadline_in(h->spin);
	if (end > deadline)
		end = deadline;
	do {
		for (i = 0; i < SPINS_PER_CLOCK; i++) {
			if (ready(&h->ring, slots, from, seen))
				return true;
			ring_pause();
		}
	} while (ring_clock() < end);
	return false;
}

EXPORT int ring_wait(struct ring *r, uint64_t deadline)
{
	struct handle *h = handle_of(r);
	struct ring_wait call = { .size = sizeof(call), .flags = RING_WAIT_DATA, .deadline = deadline };
	uint32_t slots, seen = 0;
	uint64_t from;
	int err;

	err = ring_reading(h);
	if (err)
		return err;
	slots = r->pending ? 1 : h->watermark;
	from = r->position;
	while (!ready(r, slots, &from, &seen) && !spin(h, slots, &from, &seen, deadline)) {
		/* A poller's edge is prepared even if the caller does not sleep here. */
		if (deadline == RING_NOW && !h->polled)
			return -EAGAIN;
		/* Discarded records must not lie between the cursor and what the kernel looks at. */
		err = ring_skip(r);
		if (!err && !r->pending)
			err = ring_release(r);
		if (err)
			return 0;	/* for ring_next() to tell */
		call.sequence = r->pending ? r->position : RING_NONE;
		err = ring_call(h, RING_IOC_WAIT, &call);
		if (err < 0)
			return err;
		/* The kernel counts as the ring was; what matters now is whether there is anything. */
		slots = 1;
		from = r->position;
		seen = 0;
	}
	return 0;
}

EXPORT int ring_wait_sequence(struct ring *r, uint64_t sequence, uint64_t deadline)
{
	struct handle *h = handle_of(r);
	struct ring_wait call = {
		.size = sizeof(call),
		.flags = RING_WAIT_DATA,
		.sequence = sequence,
		.deadline = deadline,
	};
	int err = usable_for_reading(h);

	if (err)
		return err;
	if (sequence == RING_NONE)
		return -EINVAL;
	return ring_call(h, RING_IOC_WAIT, &call);
}

int ring_wait_slots(struct handle *h, uint32_t slots, uint64_t deadline)
{
	struct ring_wait call = {
		.size = sizeof(call),
		.flags = RING_WAIT_SPACE,
		.sequence = RING_NONE,
		.slots = slots,
		.deadline = deadline,
	};
	int err = ring_call(h, RING_IOC_WAIT, &call);

	return err < 0 ? err : 0;
}

EXPORT int ring_wait_space(struct ring *r, size_t len, uint64_t deadline)
{
	struct handle *h = handle_of(r);
	int err = usable_for_writing(h);

	if (err)
		return err;
	if (len > r->out.longest)
		return -EMSGSIZE;
	return ring_wait_slots(h, ring_mem_slots_for(&r->out, len), deadline);
}
