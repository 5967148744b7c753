// SPDX-License-Identifier: GPL-2.0
/* ZeroMQ, PAIR sockets: between threads, and over its local transport */
#include <errno.h>
#include <zmq.h>

#include "bench.h"

struct channel {
	void *context;
	void *sockets[2];
};

static struct channel *new_channel(const struct work *w, const char *address)
{
	static void *context;
	struct channel *c = calloc(1, sizeof(*c));
	int i, room = (int)DEPTH(w->size) / 2, zero = 0;

	if (!context)
		context = zmq_ctx_new();
	if (!c || !context)
		bench_fail("zmq");
	for (i = 0; i < 2; i++) {
		c->sockets[i] = zmq_socket(context, ZMQ_PAIR);
		zmq_setsockopt(c->sockets[i], ZMQ_SNDHWM, &room, sizeof(room));
		zmq_setsockopt(c->sockets[i], ZMQ_RCVHWM, &room, sizeof(room));
		zmq_setsockopt(c->sockets[i], ZMQ_LINGER, &zero, sizeof(zero));
		if ((i ? zmq_connect : zmq_bind)(c->sockets[i], address))
			bench_fail("%s: %s", address, zmq_strerror(errno));
	}
	return c;
}

static ALWAYS_INLINE unsigned int send_one(struct end *e, uint64_t first, size_t size)
{
	struct channel *c = e->channel;
	void *record = bench_made(e, first, size);

	bench_make(e, first, 1, size);
	return zmq_send(c->sockets[1], record, size, e->work->waiting == SPIN ? ZMQ_DONTWAIT : 0) == (int)size;
}

#define send(e, first, n, size, batch, in_place)	send_one(e, first, size)

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int batch,
					  bool in_place)
{
	struct channel *c = e->channel;

	if (zmq_recv(c->sockets[0], e->record, size, e->work->waiting == SPIN ? ZMQ_DONTWAIT : 0) != (int)size)
		return 0;
	bench_take(e, e->record, size, in_place);
	return 1;
}

static void *make_inproc(const struct work *w)
{
	static unsigned int made;
	char address[32];

	snprintf(address, sizeof(address), "inproc://%u", made++);
	return new_channel(w, address);
}

static void *make_ipc(const struct work *w)
{
	static unsigned int made;
	char address[64];

	snprintf(address, sizeof(address), "ipc://@ring-bench-%d-%u", (int)getpid(), made++);
	return new_channel(w, address);
}

static bool can(const struct work *w)
{
	return w->kind != GATHER && w->waiting != SPINSLEEP && w->batch == 1;
}

#include "loops.h"

PEER(inproc, .name = "ZeroMQ inproc", .threads = true, .can = can, .open = make_inproc, LOOPS)
PEER(ipc, .name = "ZeroMQ ipc", .threads = true, .can = can, .open = make_ipc, LOOPS)
