/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A minimal ring for one producer and one consumer: each caches what it last saw of the other's index. What
 * people write by hand, and what peers that sleep stand on.
 */
#ifndef SPSC_H
#define SPSC_H

#include "bench.h"

struct spsc {
	uint64_t head __attribute__((aligned(APART)));	/* the producer's */
	uint64_t tail_seen;
	uint64_t tail __attribute__((aligned(APART)));	/* the consumer's */
	uint64_t head_seen;
	uint32_t asleep __attribute__((aligned(APART)));
	int event;
	unsigned char records[] __attribute__((aligned(APART)));
};

static inline struct spsc *spsc_make(const struct work *w)
{
	return bench_shared(sizeof(struct spsc) + DEPTH(w->size) * w->size);
}

static ALWAYS_INLINE unsigned int spsc_send(struct spsc *q, struct end *e, uint64_t first, unsigned int n, size_t size,
					    bool in_place)
{
	uint64_t head = q->head;
	unsigned int i;

	if (head + n - q->tail_seen > DEPTH(size)) {
		q->tail_seen = __atomic_load_n(&q->tail, __ATOMIC_ACQUIRE);
		if (head + n - q->tail_seen > DEPTH(size))
			return 0;
	}
	for (i = 0; i < n; i++) {
		unsigned char *to = q->records + (head + i) % DEPTH(size) * size;

		bench_fill(e, to, first + i, size);
	}
	__atomic_store_n(&q->head, head + n, __ATOMIC_RELEASE);
	return n;
}

static ALWAYS_INLINE unsigned int spsc_receive(struct spsc *q, struct end *e, unsigned int n, size_t size,
					       bool in_place)
{
	uint64_t tail = q->tail;
	unsigned int i;

	if (q->head_seen == tail) {
		q->head_seen = __atomic_load_n(&q->head, __ATOMIC_ACQUIRE);
		if (q->head_seen == tail)
			return 0;
	}
	if (n > q->head_seen - tail)
		n = (unsigned int)(q->head_seen - tail);
	for (i = 0; i < n; i++) {
		const unsigned char *from = q->records + (tail + i) % DEPTH(size) * size;

		if (!in_place)
			memcpy(bench_record(e, i, size), from, size);
		bench_take(e, in_place ? from : bench_record(e, i, size), size, in_place);
	}
	__atomic_store_n(&q->tail, tail + n, __ATOMIC_RELEASE);
	return n;
}

#endif /* SPSC_H */
