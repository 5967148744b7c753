// SPDX-License-Identifier: GPL-2.0
/* POSIX message queue; as many messages as one may have */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>

#include "bench.h"

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int n, size_t size,
				       unsigned int batch, bool in_place)
{
	void *record = bench_made(e, first, size);

	bench_make(e, first, 1, size);
	return !mq_send((mqd_t)(intptr_t)e->channel, record, size, 0);
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int batch,
					  bool in_place)
{
	if (mq_receive((mqd_t)(intptr_t)e->channel, (char *)e->record, size, NULL) != (ssize_t)size)
		return 0;
	bench_take(e, e->record, size, in_place);
	return 1;
}

static void *make_channel(const struct work *w)
{
	struct mq_attr attr = { .mq_msgsize = (long)w->size };
	char name[64];
	mqd_t mq = -1;

	snprintf(name, sizeof(name), "/bench-%d", (int)getpid());
	for (attr.mq_maxmsg = DEPTH(w->size); mq < 0 && attr.mq_maxmsg > 4; attr.mq_maxmsg /= 2)
		mq = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	if (mq < 0)
		bench_fail("mq_open: %s", strerror(errno));
	mq_unlink(name);
	return (void *)(intptr_t)mq;
}

static bool can(const struct work *w)
{
	FILE *f = fopen("/proc/sys/fs/mqueue/msgsize_max", "r");
	size_t most = 0;

	if (f && fscanf(f, "%zu", &most) != 1)
		most = 0;
	if (f)
		fclose(f);
	return w->waiting != SPINSLEEP && w->batch == 1 && w->size <= most;
}

#include "loops.h"

PEER(mq, .name = "POSIX mq", .can = can, .open = make_channel, LOOPS)
