// SPDX-License-Identifier: GPL-2.0
/*
 * What the hardware gives: a line that both write, lines that only one side writes, one at a time or streamed, and
 * memcpy()
 */
#include "bench.h"

/* A line that is handed to and fro */
struct line {
	uint64_t turn;
} __attribute__((aligned(APART)));

static ALWAYS_INLINE void ping_by(struct line *there, const struct line *back, struct end *e, uint64_t count)
{
	uint64_t turn = e->expected[0];

	while (count--) {
		__atomic_store_n(&there->turn, turn + 1, __ATOMIC_RELEASE);
		turn += 2;
		while (__atomic_load_n(&back->turn, __ATOMIC_ACQUIRE) != turn)
			bench_pause();
	}
	e->expected[0] = turn;
}

static ALWAYS_INLINE void pong_by(const struct line *there, struct line *back, struct end *e, uint64_t count)
{
	uint64_t turn = e->expected[0];

	while (count--) {
		while (__atomic_load_n(&there->turn, __ATOMIC_ACQUIRE) != turn + 1)
			bench_pause();
		turn += 2;
		__atomic_store_n(&back->turn, turn, __ATOMIC_RELEASE);
	}
	e->expected[0] = turn;
}

/* Both write the same one, so that who reads it gets it to write in one go. */
static void ping(struct end *there, struct end *back, uint64_t count)
{
	ping_by(there->channel, there->channel, there, count);
}

static void pong(struct end *there, struct end *back, uint64_t count)
{
	pong_by(there->channel, there->channel, there, count);
}

/* Each writes its own, as where a reader may not write: who writes must first take it from who looks at it. */
static void ping_own(struct end *there, struct end *back, uint64_t count)
{
	ping_by(there->channel, back->channel, there, count);
}

static void pong_own(struct end *there, struct end *back, uint64_t count)
{
	pong_by(there->channel, back->channel, there, count);
}

static bool can_line(const struct work *w)
{
	return w->kind == PINGPONG && w->waiting == SPIN && !w->one_cpu;
}

/* A stream of lines, each with its number in it; the consumer tells how far it is once an eighth of the ring */
struct lines {
	uint64_t tail __attribute__((aligned(APART)));
	struct {
		uint64_t number;
		unsigned char payload[LINE - 8];
	} lines[DEPTH(64)] __attribute__((aligned(APART)));
};

static void produce(struct end *ends, unsigned int n, uint64_t count)
{
	struct lines *l = ends->channel;
	uint64_t i, seen = 0, end = ends->expected[0] + count;

	for (i = ends->expected[0]; i < end; i++) {
		while (i - seen >= DEPTH(64)) {
			seen = __atomic_load_n(&l->tail, __ATOMIC_ACQUIRE);
			if (i - seen >= DEPTH(64))
				bench_pause();
		}
		memcpy(l->lines[i % DEPTH(64)].payload, ends->record, LINE - 8);
		__atomic_store_n(&l->lines[i % DEPTH(64)].number, i + 1, __ATOMIC_RELEASE);
	}
	ends->expected[0] = end;
}

static void consume(struct end *e, uint64_t count)
{
	struct lines *l = e->channel;
	uint64_t i, end = e->expected[0] + count;

	for (i = e->expected[0]; i < end; i++) {
		while (__atomic_load_n(&l->lines[i % DEPTH(64)].number, __ATOMIC_ACQUIRE) != i + 1)
			bench_pause();
		e->sum += bench_sum(&l->lines[i % DEPTH(64)], LINE);
		if ((i + 1) % (DEPTH(64) / 8) == 0 || i + 1 == end)
			__atomic_store_n(&l->tail, i + 1, __ATOMIC_RELEASE);
	}
	e->expected[0] = end;
}

static bool can_lines(const struct work *w)
{
	return w->kind == STREAM && w->size == 64 && w->waiting == SPIN;
}

/* Copies of a long record into a ring of them, by one CPU alone; the other one only waits */
struct copies {
	uint64_t done __attribute__((aligned(APART)));
	unsigned char records[DEPTH(65536)][65536] __attribute__((aligned(4096)));
};

static void copy(struct end *ends, unsigned int n, uint64_t count)
{
	struct copies *c = ends->channel;
	uint64_t i, end = ends->expected[0] + count;

	for (i = ends->expected[0]; i < end; i++) {
		memcpy(c->records[i % DEPTH(65536)], ends->record, 65536);
		__asm__ __volatile__("" ::: "memory");
	}
	ends->expected[0] = end;
	__atomic_store_n(&c->done, end, __ATOMIC_RELEASE);
}

static void wait(struct end *e, uint64_t count)
{
	struct copies *c = e->channel;

	e->expected[0] += count;
	while (__atomic_load_n(&c->done, __ATOMIC_ACQUIRE) < e->expected[0])
		bench_pause();
}

static bool can_copy(const struct work *w)
{
	return w->kind == STREAM && w->size == 65536 && w->waiting == SPIN;
}

static void *make_channel(const struct work *w)
{
	return bench_shared(w->kind == PINGPONG ? sizeof(struct line) :
			    w->size == 64 ? sizeof(struct lines) : sizeof(struct copies));
}

PEER(line, .name = "limit: one line", .limit = true, .can = can_line, .open = make_channel, .ping = ping, .pong = pong)
PEER(own_lines, .name = "limit: a line each", .limit = true, .can = can_line, .open = make_channel,
     .ping = ping_own, .pong = pong_own)
PEER(lines, .name = "limit: lines with flags", .limit = true, .can = can_lines, .open = make_channel,
     .produce = produce, .consume = consume)
PEER(copies, .name = "limit: memcpy", .limit = true, .can = can_copy, .open = make_channel,
     .produce = copy, .consume = wait)
