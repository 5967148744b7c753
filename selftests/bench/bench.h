/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the native bench's files share: the work that is measured, and what a contestant is. In C and in C++.
 *
 * A contestant is ring, or a peer that users would pick instead: one file in peers/. It has channels that carry
 * records, and five loops, which loops.h makes of its send() and receive(). Workers, pinned processes or threads,
 * run these loops; sample.c starts them.
 */
#ifndef BENCH_H
#define BENCH_H

#ifdef __cplusplus
#include <atomic>
#define _Static_assert static_assert
extern "C" {
#endif

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALWAYS_INLINE	inline __attribute__((always_inline))
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

#define LINE		64u
#define APART		128u	/* lines are fetched in pairs */

#define BATCH		32u
#define SIZE_MAX_RECORD	65536u
#define WORKERS_MAX	10u
#define PRODUCERS_MAX	8u

/* How many records a channel holds, for all contestants: 256 KiB of 64 bytes, 4 MiB from 1 KiB on */
#define DEPTH(size)	((size) >= 4096u ? 64u : 4096u)

enum kind {
	STREAM,		/* one producer, one consumer */
	BROADCAST,	/* one producer, each of the consumers gets every record */
	GATHER,		/* many producers, one consumer */
	PIPELINE,	/* three stages: a producer, one that passes on, a consumer */
	PINGPONG,	/* one record there, one back */
};

/* Whether a consumer may go to sleep: then who sends must see to it that it wakes */
enum waiting {
	SPIN,
	SPINSLEEP,	/* looks for a while, then sleeps */
	SLEEP,
};

/**
 * struct work - what is to be done, the same for all contestants
 * @kind: who sends to whom
 * @size: bytes of a record
 * @batch: records handed over at a time, 1 or BATCH
 * @in_place: the consumer makes a checksum over each record, where it lies if the contestant can; else each
 *	record is copied to memory of the consumer's own
 * @waiting: whether a consumer may sleep
 * @producers: how many
 * @consumers: how many
 * @one_cpu: all workers on one CPU
 */
struct work {
	enum kind kind;
	size_t size;
	unsigned int batch;
	bool in_place;
	enum waiting waiting;
	unsigned int producers;
	unsigned int consumers;
	bool one_cpu;
};

/**
 * struct end - a worker's end of a channel
 * @work: what is to be done
 * @channel: what peer.open() made
 * @id: which of the producers, or of the consumers, of that channel
 * @crowded: there are more workers than CPUs: who waits gives way
 * @record: room for BENCH_OWN records of up to 256 bytes, BATCH of up to 4 KiB or one, this end's own
 * @own: for the peer
 * @expected: number of the next record of each producer
 * @sum: of what was received
 * @spins: how often it found nothing since it found something
 */
struct end {
	const struct work *work;
	void *channel;
	unsigned int id;
	bool crowded;
	unsigned char *record;
	void *own;
	uint64_t expected[PRODUCERS_MAX];
	uint64_t sum;
	unsigned int spins;
};

/**
 * struct peer - a contestant
 * @name: as its users call it
 * @threads: it lives in one process: its workers are threads
 * @broadcasts: one channel serves all consumers; else there is one for each
 * @limit: not a contestant but what the hardware gives
 * @convoys: one producer waits for another that may not be running: hardly moves when they outnumber the CPUs
 * @can: whether it does such work
 * @open: a channel; what it returns is used by all workers, at one address
 * @attach: a worker begins; may be NULL
 * @detach: a worker ends; may be NULL
 */
struct peer {
	const char *name;
	bool threads;
	bool broadcasts;
	bool limit;
	bool convoys;
	bool (*can)(const struct work *w);
	void *(*open)(const struct work *w);
	void (*attach)(struct end *e, bool sends);
	void (*detach)(struct end *e);

	/* loops.h */
	void (*produce)(struct end *ends, unsigned int n, uint64_t count);
	void (*consume)(struct end *e, uint64_t count);
	void (*forward)(struct end *from, struct end *to, uint64_t count);
	void (*ping)(struct end *there, struct end *back, uint64_t count);
	void (*pong)(struct end *there, struct end *back, uint64_t count);

	struct peer *next;
};

extern struct peer *peers;

/* Each peer's file ends with this; LOOPS is what loops.h made. */
#define PEER(identifier, ...)						\
	static struct peer identifier = { __VA_ARGS__ };		\
	__attribute__((constructor)) static void register_##identifier(void)	\
	{								\
		identifier.next = peers;				\
		peers = &identifier;					\
	}

/* Memory that the processes which are started later share, zeroed, with a page that faults behind it */
void *bench_shared(size_t bytes);

/* This sample cannot be: says why and ends the process. */
void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

uint64_t bench_ns(void);

static ALWAYS_INLINE void bench_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield" ::: "memory");
#else
	__asm__ __volatile__("" ::: "memory");
#endif
}

/* Nothing there, or no room: who has a CPU of its own looks again, others give way. */
static ALWAYS_INLINE void bench_relax(struct end *e)
{
	if (e->crowded && ++e->spins > 20) {
		e->spins = 0;
		sched_yield();
	}
	bench_pause();
}

/* ---- Records: a number, then bytes that do not change ---- */

/* The number of a record; its producer in the upper bits */
static ALWAYS_INLINE uint64_t bench_number(const struct end *e, uint64_t n)
{
	return (uint64_t)e->id << 56 | n;
}

/*
 * The sender's own records: it has put the numbers into them long before it sends them. What is stored and at
 * once copied by wider loads waits until all stores before it are done, those to the channel too; that is no
 * property of a channel, and a program that makes its records does not do so.
 */
#define BENCH_OWN	64u	/* records, of up to 256 bytes */
#define BENCH_AHEAD	32u

static ALWAYS_INLINE void bench_put(void *record, uint64_t number)
{
	memcpy(record, &number, sizeof(number));
}

/* How many of @n records, from number @first on, lie in one piece at bench_made() */
static ALWAYS_INLINE unsigned int bench_make(struct end *e, uint64_t first, unsigned int n, size_t size)
{
	unsigned int i, most = BENCH_OWN - (unsigned int)(first % BENCH_OWN);

	if (size > 4096)
		n = 1;
	if (size > 256) {
		for (i = 0; i < n; i++)
			bench_put(e->record + i * size, bench_number(e, first + i));
		return n;
	}
	n = n < most ? n : most;
	for (i = 0; i < n; i++)
		bench_put(e->record + (first + i + BENCH_AHEAD) % BENCH_OWN * size,
			  bench_number(e, first + i + BENCH_AHEAD));
	return n;
}

static ALWAYS_INLINE void *bench_made(const struct end *e, uint64_t first, size_t size)
{
	return e->record + (size > 256 ? 0 : first % BENCH_OWN * size);
}

/* In memory of the channel: all of a record is written, in order, by stores that are aligned as records are, to 16. */
static ALWAYS_INLINE void bench_fill(const struct end *e, void *record, uint64_t number, size_t size)
{
	unsigned char *to = (unsigned char *)record;

	bench_put(to, bench_number(e, number));
	if (size > 8) {
		memcpy(to + 8, e->record + 8, 8);
		memcpy(to + 16, e->record + 16, size - 16);
	}
}

typedef uint64_t bench_words __attribute__((vector_size(64), aligned(8), may_alias));

static ALWAYS_INLINE uint64_t bench_sum(const void *record, size_t size)
{
	const bench_words *w = (const bench_words *)record;
	bench_words sum = { 0 };
	uint64_t first;
	size_t i;

	if (size < sizeof(*w)) {
		memcpy(&first, record, sizeof(first));
		return first;
	}
	for (i = 0; i < size / sizeof(*w); i++)
		sum += w[i];
	return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

/* A record has arrived, here: the next of its producer? */
static ALWAYS_INLINE void bench_take(struct end *e, const void *record, size_t size, bool in_place)
{
	uint64_t number;
	unsigned int producer;

	memcpy(&number, record, sizeof(number));
	producer = number >> 56;
	if (unlikely(producer >= PRODUCERS_MAX || (number << 8 >> 8) != e->expected[producer]))
		bench_fail("record %llu of producer %u came, expected was %llu",
			   (unsigned long long)(number << 8 >> 8), producer,
			   (unsigned long long)e->expected[producer % PRODUCERS_MAX]);
	e->expected[producer]++;
	if (in_place)
		e->sum += bench_sum(record, size);
}

/* Where a receiver copies the @i'th record to */
static ALWAYS_INLINE unsigned char *bench_record(const struct end *e, unsigned int i, size_t size)
{
	return e->record + (size > 4096 ? 0 : i * size);
}

#ifdef __cplusplus
}
#endif

#endif /* BENCH_H */
