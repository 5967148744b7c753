/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What stands for the kernel in the native bench: moving the tail, sleeping and waking, as module/tail.c and wait.c do
 * it, over shared memory, and with a system call where a producer would make one.
 */
#ifndef RING_KERNEL_H
#define RING_KERNEL_H

#include <errno.h>

#include "../../../module/pass.h"
#include "futex.h"

#define SUBSCRIBERS_MAX	8u

/**
 * struct channel - a ring
 * @mem: its areas, as all processes have them mapped
 * @cursors: of its subscribers
 * @subscribers: how many
 * @lock: ring.lock
 * @wakes: counts wake-ups of the readers, who sleep on it
 */
struct channel {
	struct ring_mem mem;
	struct ring_cursor *cursors[SUBSCRIBERS_MAX];
	unsigned int subscribers;
	uint32_t lock __attribute__((aligned(RING_APART)));
	uint32_t wakes __attribute__((aligned(RING_APART)));
};

static void lock(struct channel *c)
{
	while (__atomic_exchange_n(&c->lock, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void unlock(struct channel *c)
{
	__atomic_store_n(&c->lock, 0, __ATOMIC_RELEASE);
}

/* reclaim() on a block ring whose subscribers are all reliable */
static __attribute__((noinline)) void reclaim(struct channel *c)
{
	const struct ring_mem *m = &c->mem;
	__u64 tail, limit = RING_NONE;
	struct ring_pass p;
	unsigned int i;

	syscall(SYS_getppid);		/* the way into the kernel and back */
	lock(c);
	tail = m->control->tail;
	for (i = 0; i < c->subscribers; i++) {
		__u64 cursor = ring_load_acquire(&c->cursors[i]->cursor);	/* RB_RELEASE reclaim/A */

		limit = cursor < limit ? cursor : limit;
	}
	ring_pass_begin(m, &p);
	ring_pass(m, tail + m->slot_count / 8, limit, tail, &p);
	if (p.mark.tail != tail)
		ring_pass_end(m, &p);
	unlock(c);
}

/* ring_wake_readers() */
static void wake_readers(struct channel *c)
{
	lock(c);
	ring_store(&c->mem.control->wake_data, RING_NONE);
	unlock(c);
	__atomic_fetch_add(&c->wakes, 1, __ATOMIC_SEQ_CST);
	futex_wake(&c->wakes);
}

/* ring_sleep() with ring_subscriber_arm(), once */
static void sleep_for_data(struct channel *c, __u64 position)
{
	uint32_t wakes = __atomic_load_n(&c->wakes, __ATOMIC_ACQUIRE);
	__u64 state;

	lock(c);
	if (position < c->mem.control->wake_data)
		ring_store(&c->mem.control->wake_data, position);
	unlock(c);
	ring_mb();							/* RB_DATA sleep/D */
	if (ring_mem_look(&c->mem, position, &state) < RING_LOOK_READY)
		futex_wait(&c->wakes, wakes);
}

#endif /* RING_KERNEL_H */
