// SPDX-License-Identifier: GPL-2.0
/* wfcqueue of liburcu: nodes from a pool of each producer's, given back by a flag */
#include <urcu/wfcqueue.h>

#include "bench.h"

struct node {
	struct cds_wfcq_node link;
	uint32_t used;
	unsigned char payload[] __attribute__((aligned(16)));
};

struct channel {
	struct __cds_wfcq_head head __attribute__((aligned(APART)));
	struct cds_wfcq_tail tail __attribute__((aligned(APART)));
	unsigned char *pools[PRODUCERS_MAX];
};

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int n, size_t size,
				       unsigned int batch, bool in_place)
{
	struct channel *c = e->channel;
	size_t bytes = (sizeof(struct node) + size + LINE - 1) / LINE * LINE;
	struct node *node = (struct node *)(void *)(c->pools[e->id] + first % DEPTH(size) * bytes);

	if (__atomic_load_n(&node->used, __ATOMIC_ACQUIRE))
		return 0;
	bench_fill(e, node->payload, first, size);
	node->used = 1;
	cds_wfcq_node_init(&node->link);
	cds_wfcq_enqueue(&c->head, &c->tail, &node->link);
	return 1;
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int batch,
					  bool in_place)
{
	struct channel *c = e->channel;
	struct cds_wfcq_node *link = __cds_wfcq_dequeue_nonblocking(&c->head, &c->tail);
	struct node *node;

	if (!link || link == CDS_WFCQ_WOULDBLOCK)
		return 0;
	node = caa_container_of(link, struct node, link);
	if (!in_place)
		memcpy(e->record, node->payload, size);
	bench_take(e, in_place ? node->payload : e->record, size, in_place);
	__atomic_store_n(&node->used, 0, __ATOMIC_RELEASE);
	return 1;
}

static void *make_channel(const struct work *w)
{
	struct channel *c = bench_shared(sizeof(*c));
	size_t bytes = (sizeof(struct node) + w->size + LINE - 1) / LINE * LINE;
	unsigned int i;

	__cds_wfcq_init(&c->head, &c->tail);
	for (i = 0; i < w->producers; i++)
		c->pools[i] = bench_shared(DEPTH(w->size) * bytes);
	return c;
}

static bool can(const struct work *w)
{
	return w->waiting == SPIN && w->batch == 1;
}

#include "loops.h"

PEER(urcu, .name = "urcu wfcqueue", .can = can, .open = make_channel, LOOPS)
