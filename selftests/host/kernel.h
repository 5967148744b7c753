/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What stands for the kernel in the stress test: module/pass.h itself, and functions that follow module/tail.c,
 * wait.c, subscriber.c and producer.c step by step, with a mutex for ring.lock and a condition for a wait queue.
 */
#ifndef STRESS_KERNEL_H
#define STRESS_KERNEL_H

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __SANITIZE_THREAD__
/*
 * ThreadSanitizer knows no fences. It needs none: whatever the protocol orders by a fence alone is read and
 * written by atomics. So the fence is made where it cannot see it, and no race is hidden from it by taking
 * a fence for more than it is.
 */
static inline void fence(void)
{
#if defined(__x86_64__)
	__asm__ __volatile__("mfence" ::: "memory");
#elif defined(__aarch64__)
	__asm__ __volatile__("dmb ish" ::: "memory");
#else
#error "a full barrier for this processor, please"
#endif
}
#define __atomic_thread_fence(order)	fence()
#endif

#include <linux/ring.h>
#include <linux/ring_protocol.h>

#include "../../module/pass.h"

#define PRODUCERS	4
#define SUBSCRIBERS	4
#define OWNERS		64

typedef __u64 u64;
typedef __u32 u32;

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t wakes;
	u64 generation;
};

struct subscriber {
	struct ring_cursor *cursor;
	bool reliable;
	u64 received;
	u64 last[PRODUCERS];	/* number of the last record of each */
	struct ring *ring;
	int id;
};

/**
 * struct ring - one ring
 * @mem: as the protocol sees it
 * @policy: enum ring_policy
 * @atomic: there are lossy subscribers
 * @exclusive: its one producer is an exclusive one
 * @lock: ring.lock
 * @writers_want_data: as in the module
 * @readers: ring.readers
 * @writers: ring.writers
 * @owners: owner ids in use
 * @records: each producer's
 */
struct ring {
	struct ring_mem mem;
	enum ring_policy policy;
	bool atomic;
	bool exclusive;
	pthread_mutex_t lock;
	bool writers_want_data;
	struct queue readers;
	struct queue writers;
	bool owners[OWNERS];
	u64 records;
	struct subscriber subscribers[SUBSCRIBERS];
	u64 deaths;
	u64 sleeps;
};

static int failures;

static void __attribute__((format(printf, 1, 2))) fail(const char *format, ...)
{
	va_list args;

	if (__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED) > 20)
		return;
	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

static u64 lowest_cursor(struct ring *ring)
{
	u64 tail = ring_load(&ring->mem.control->tail);
	u64 lowest = RING_NONE;
	int i;

	for (i = 0; i < SUBSCRIBERS; i++) {
		struct subscriber *sub = &ring->subscribers[i];
		int64_t ahead;

		if (!sub->reliable)
			continue;
		ahead = (int64_t)(ring_load_acquire(&sub->cursor->cursor) - tail);	/* RB_RELEASE reclaim/A */
		if (ahead < 0)
			ahead = 0;
		if ((u64)ahead < lowest)
			lowest = (u64)ahead;
	}
	return lowest == RING_NONE ? tail : tail + lowest;
}

/* Returns the tail */
static u64 reclaim(struct ring *ring, u64 need, u64 *busy)
{
	const struct ring_mem *mem = &ring->mem;
	u64 tail, goal, limit;
	struct ring_pass p;

	pthread_mutex_lock(&ring->lock);
	tail = ring_load(&mem->control->tail);
	goal = tail + (mem->slot_count / 8 ? mem->slot_count / 8 : 1);
	if (need > goal)
		goal = need;
	limit = ring->policy == RING_BLOCK ? lowest_cursor(ring) : tail + mem->slot_count;
	ring_pass_begin(mem, &p);
	ring_pass(mem, goal, limit, need, &p);
	if (p.corrupt) {
		fail("the tail found nonsense at %llu", p.mark.tail);
		abort();
	}
	if (p.mark.tail != tail)
		ring_pass_end(mem, &p);
	pthread_mutex_unlock(&ring->lock);
	*busy = p.busy;
	return p.mark.tail;
}

static void wake_up(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->generation++;
	pthread_cond_broadcast(&queue->wakes);
	pthread_mutex_unlock(&queue->lock);
}

static void wake_readers(struct ring *ring)
{
	bool writers_too;

	pthread_mutex_lock(&ring->lock);
	ring_store(&ring->mem.control->wake_data, RING_NONE);
	writers_too = ring->writers_want_data;
	ring->writers_want_data = false;
	pthread_mutex_unlock(&ring->lock);
	wake_up(&ring->readers);
	if (writers_too)
		wake_up(&ring->writers);
}

static void wake_writers(struct ring *ring)
{
	pthread_mutex_lock(&ring->lock);
	ring_store(&ring->mem.control->wake_space, RING_NONE);
	pthread_mutex_unlock(&ring->lock);
	wake_up(&ring->writers);
}

static void lower(__u64 *word, u64 value)
{
	if (value < ring_load(word))
		ring_store(word, value);
}

static void arm_data(struct ring *ring, u64 sequence)
{
	pthread_mutex_lock(&ring->lock);
	lower(&ring->mem.control->wake_data, sequence);
	pthread_mutex_unlock(&ring->lock);
	ring_mb();						/* RB_DATA sleep/D */
}

static bool forget_crossed(struct ring *ring)
{
	__u64 *word = &ring->mem.control->wake_space;

	if (ring_load(word) > lowest_cursor(ring))
		return false;
	ring_store(word, RING_NONE);
	return true;
}

static void arm_space(struct ring *ring, u64 cursor, u64 busy)
{
	bool wake;

	pthread_mutex_lock(&ring->lock);
	wake = forget_crossed(ring);
	if (cursor > lowest_cursor(ring))
		lower(&ring->mem.control->wake_space, cursor);
	if (busy != RING_NONE) {
		lower(&ring->mem.control->wake_data, busy);
		ring->writers_want_data = true;
	}
	ring_mb();						/* RB_SPACE sleep/E */
	wake |= forget_crossed(ring);
	pthread_mutex_unlock(&ring->lock);
	if (wake)
		wake_up(&ring->writers);
}

static bool room(struct ring *ring, u32 k, u64 *need, u64 *busy)
{
	u64 tail;
	__u64 head, old, seen;

	switch (ring_mem_find_head(&ring->mem, RING_NONE, &head, &old, &seen)) {
	case RING_CLAIM_CORRUPT:
		fail("room() found nonsense");
		abort();
	case RING_CLAIM_AGAIN:
		return true;
	default:
		break;
	}
	*need = head + k - ring->mem.slot_count;
	if ((int64_t)(*need - seen) <= 0)
		return true;
	tail = reclaim(ring, *need, busy);
	return (int64_t)(*need - tail) <= 0;
}

static bool room_arm(struct ring *ring, u32 k)
{
	u64 need, busy, armed_cursor = RING_NONE, armed_busy = RING_NONE;

	while (!room(ring, k, &need, &busy)) {
		if (armed_cursor == need && armed_busy <= busy)
			return false;
		arm_space(ring, need, busy);
		armed_cursor = need;
		armed_busy = busy;
	}
	return true;
}

/* ready(): whether there is something at the cursor; if not, what to wait for */
static bool ready(struct ring *ring, u64 cursor, u64 *target)
{
	const struct ring_mem *mem = &ring->mem;
	u32 status = ring_load_acquire(&mem->control->status);	/* RB_SHUTDOWN end/G */
	u64 s = cursor;
	__u64 state;

	while (s - cursor <= mem->slot_count - mem->k_max) {
		switch (ring_mem_look(mem, s, &state)) {
		case RING_LOOK_EMPTY:
			*target = s;
			return status || ring_mem_lapped(mem, cursor);
		case RING_LOOK_BUSY:
			*target = s;
			return ring_mem_lapped(mem, cursor);
		case RING_LOOK_SKIP:
			s += ring_state_k(state);
			break;
		default:
			return true;
		}
	}
	return true;
}

static bool subscriber_arm(struct ring *ring, u64 cursor)
{
	u64 target, armed = RING_NONE;

	while (!ready(ring, cursor, &target)) {
		if (armed <= target)
			return false;
		arm_data(ring, target);
		armed = target;
	}
	return true;
}

/* ring_sleep() */
static void sleep_on(struct ring *ring, struct queue *queue, struct subscriber *sub, u64 cursor, u32 k)
{
	u64 generation;

	for (;;) {
		pthread_mutex_lock(&queue->lock);
		generation = queue->generation;
		pthread_mutex_unlock(&queue->lock);
		if (sub ? subscriber_arm(ring, cursor) : room_arm(ring, k))
			return;
		__atomic_fetch_add(&ring->sleeps, 1, __ATOMIC_RELAXED);
		pthread_mutex_lock(&queue->lock);
		while (queue->generation == generation) {
			struct timespec late;

			clock_gettime(CLOCK_REALTIME, &late);
			late.tv_sec += 60;
			if (pthread_cond_timedwait(&queue->wakes, &queue->lock, &late)) {
				fail("%s slept for a minute: tail %llu, wake_data %llu, wake_space %llu, cursor %llu",
				     sub ? "a subscriber" : "a producer",
				     ring_load(&ring->mem.control->tail),
				     ring_load(&ring->mem.control->wake_data),
				     ring_load(&ring->mem.control->wake_space),
				     cursor);
				abort();
			}
		}
		pthread_mutex_unlock(&queue->lock);
	}
}

static u32 owner_alloc(struct ring *ring)
{
	static u32 next;
	u32 owner;

	pthread_mutex_lock(&ring->lock);
	do
		owner = 1 + next++ % (OWNERS - 1);
	while (ring->owners[owner]);
	ring->owners[owner] = true;
	pthread_mutex_unlock(&ring->lock);
	return owner;
}

/* ring_unproduce() of a direct producer: reap, wake, and only then its id is free. */
static void unproduce(struct ring *ring, u32 owner)
{
	const struct ring_mem *mem = &ring->mem;
	u64 tail, s;
	__u64 state;
	u32 k;

again:
	tail = ring_load_acquire(&mem->control->tail);
	for (s = tail; s - tail <= mem->slot_mask; s += k) {
		enum ring_look look = ring_mem_look(mem, s, &state);

		if (look == RING_LOOK_EMPTY)
			break;
		if (look == RING_LOOK_PASSED)
			goto again;
		k = ring_state_k(state);
		if (look == RING_LOOK_BUSY && ring_state_owner(state) == owner)
			ring_cas(&ring_mem_slot(mem, s)->state, &state,
				 ring_state_make(ring_state_lap(state), k, owner, RING_DISCARDED));
	}
	wake_readers(ring);
	pthread_mutex_lock(&ring->lock);
	ring->owners[owner] = false;
	ring->deaths++;
	pthread_mutex_unlock(&ring->lock);
}

#endif /* STRESS_KERNEL_H */
