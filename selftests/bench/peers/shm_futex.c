// SPDX-License-Identifier: GPL-2.0
/*
 * A ring made by hand in shared memory, whose consumer sleeps on a futex: who sends looks, after a full barrier,
 * whether it is asleep.
 */
#include "futex.h"
#include "spsc.h"

#define SPINS	2000u

static ALWAYS_INLINE void full_barrier(void)
{
#if defined(__x86_64__)
	/* A quarter of mfence's time */
	__asm__ __volatile__("lock; addl $0,-4(%%rsp)" ::: "memory", "cc");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int n, size_t size,
				       unsigned int batch, bool in_place)
{
	struct spsc *q = e->channel;

	n = spsc_send(q, e, first, n, size, in_place);
	if (n) {
		full_barrier();
		if (unlikely(__atomic_load_n(&q->asleep, __ATOMIC_RELAXED))) {
			__atomic_store_n(&q->asleep, 0, __ATOMIC_RELAXED);
			futex_wake(&q->asleep);
		}
	}
	return n;
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int batch,
					  bool in_place)
{
	struct spsc *q = e->channel;

	n = spsc_receive(q, e, n, size, in_place);
	if (n) {
		e->spins = 0;
	} else if (e->work->waiting == SLEEP || ++e->spins > SPINS) {
		__atomic_store_n(&q->asleep, 1, __ATOMIC_RELAXED);
		full_barrier();
		if (__atomic_load_n(&q->head, __ATOMIC_ACQUIRE) == q->tail)
			futex_wait(&q->asleep, 1);
	}
	return n;
}

static void *make_channel(const struct work *w)
{
	return spsc_make(w);
}

static bool can(const struct work *w)
{
	return w->kind != GATHER && w->waiting != SPIN;
}

#include "loops.h"

PEER(shm_futex, .name = "shm + futex", .can = can, .open = make_channel, LOOPS)
