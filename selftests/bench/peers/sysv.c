// SPDX-License-Identifier: GPL-2.0
/* System V message queue */
#include <errno.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "bench.h"

struct message {
	long type;
	unsigned char record[];
};

static struct message *buffer(struct end *e, size_t size)
{
	if (!e->own)
		e->own = malloc(sizeof(struct message) + size);
	return e->own;
}

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int n, size_t size,
				       unsigned int batch, bool in_place)
{
	struct message *m = buffer(e, size);

	m->type = 1;
	bench_make(e, first, 1, size);
	memcpy(m->record, bench_made(e, first, size), size);
	if (msgsnd((int)(intptr_t)e->channel, m, size, 0))
		bench_fail("msgsnd: %s", strerror(errno));
	return 1;
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int batch,
					  bool in_place)
{
	struct message *m = buffer(e, size);

	if (msgrcv((int)(intptr_t)e->channel, m, size, 0, 0) != (ssize_t)size)
		bench_fail("msgrcv: %s", strerror(errno));
	bench_take(e, m->record, size, in_place);
	return 1;
}

static void *make_channel(const struct work *w)
{
	int id = msgget(IPC_PRIVATE, 0600);
	struct msqid_ds ds;

	if (id < 0 || msgctl(id, IPC_STAT, &ds))
		bench_fail("msgget: %s", strerror(errno));
	ds.msg_qbytes = 1 << 20;
	msgctl(id, IPC_SET, &ds);	/* root only */
	return (void *)(intptr_t)id;
}

static void detach(struct end *e)
{
	msgctl((int)(intptr_t)e->channel, IPC_RMID, NULL);	/* by whoever is the first: all have done */
}

static bool can(const struct work *w)
{
	return w->waiting == SLEEP && w->batch == 1 && w->size <= 4096 && w->kind != GATHER;
}

#include "loops.h"

PEER(sysv, .name = "System V msg", .can = can, .open = make_channel, .detach = detach, LOOPS)
