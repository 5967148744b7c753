// SPDX-License-Identifier: GPL-2.0
/* boost::interprocess::message_queue */
#include <boost/interprocess/ipc/message_queue.hpp>

#include "bench.h"

using boost::interprocess::message_queue;

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int, size_t size, unsigned int, bool)
{
	message_queue *q = (message_queue *)e->channel;
	void *record = bench_made(e, first, size);

	bench_make(e, first, 1, size);
	if (e->work->waiting == SPIN)
		return q->try_send(record, size, 0);
	q->send(record, size, 0);
	return 1;
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int, size_t size, unsigned int, bool in_place)
{
	message_queue *q = (message_queue *)e->channel;
	boost::interprocess::message_queue::size_type got;
	unsigned int priority;

	if (e->work->waiting != SPIN)
		q->receive(e->record, size, got, priority);
	else if (!q->try_receive(e->record, size, got, priority))
		return 0;
	bench_take(e, e->record, size, in_place);
	return 1;
}

static void *make_channel(const struct work *w)
{
	static unsigned int made;
	char name[64];

	snprintf(name, sizeof(name), "ring-bench-%d-%u", (int)getpid(), made++);
	message_queue *q = new message_queue(boost::interprocess::create_only, name, DEPTH(w->size), w->size);
	message_queue::remove(name);	/* who uses it is forked */
	return q;
}

static bool can(const struct work *w)
{
	return w->waiting != SPINSLEEP && w->batch == 1;
}

#include "loops.h"

PEER(boost_mq, .name = "boost interprocess mq", .can = can, .open = make_channel, LOOPS)
