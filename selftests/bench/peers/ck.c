// SPDX-License-Identifier: GPL-2.0
/* ck_ring of Concurrency Kit: spsc, and mpsc where there are more producers */
#include <ck_ring.h>

#include "bench.h"

/* Its typed form, for each size */
#define RECORD(bytes)							\
	struct record##bytes {						\
		unsigned char payload[bytes];				\
	};								\
	CK_RING_PROTOTYPE(record##bytes, record##bytes)

RECORD(8)
RECORD(64)
RECORD(256)
RECORD(1024)
RECORD(4096)
RECORD(65536)

struct channel {
	struct ck_ring ring;
	unsigned char records[] __attribute__((aligned(APART)));
};

#define PUT(bytes)										\
	do {											\
		return e->work->kind == GATHER ?						\
			ck_ring_enqueue_mpsc_record##bytes(&c->ring, (void *)c->records, record) : \
			ck_ring_enqueue_spsc_record##bytes(&c->ring, (void *)c->records, record); \
	} while (0)

#define GET(bytes)										\
	do {											\
		got = e->work->kind == GATHER ?							\
			ck_ring_dequeue_mpsc_record##bytes(&c->ring, (void *)c->records, (void *)e->record) : \
			ck_ring_dequeue_spsc_record##bytes(&c->ring, (void *)c->records, (void *)e->record); \
	} while (0)

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int n, size_t size,
				       unsigned int batch, bool in_place)
{
	struct channel *c = e->channel;
	void *record = bench_made(e, first, size);

	bench_make(e, first, 1, size);
	switch (size) {
	case 8:
		PUT(8);
	case 64:
		PUT(64);
	case 256:
		PUT(256);
	case 1024:
		PUT(1024);
	case 4096:
		PUT(4096);
	default:
		PUT(65536);
	}
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int batch,
					  bool in_place)
{
	struct channel *c = e->channel;
	bool got;

	switch (size) {
	case 8:
		GET(8);
		break;
	case 64:
		GET(64);
		break;
	case 256:
		GET(256);
		break;
	case 1024:
		GET(1024);
		break;
	case 4096:
		GET(4096);
		break;
	default:
		GET(65536);
	}
	if (got)
		bench_take(e, e->record, size, in_place);
	return got;
}

static void *make_channel(const struct work *w)
{
	struct channel *c = bench_shared(sizeof(*c) + DEPTH(w->size) * w->size);

	ck_ring_init(&c->ring, DEPTH(w->size));
	return c;
}

static bool can(const struct work *w)
{
	return w->waiting == SPIN && w->batch == 1;
}

#include "loops.h"

PEER(ck, .name = "ck_ring", .convoys = true, .can = can, .open = make_channel, LOOPS)
