// SPDX-License-Identifier: GPL-2.0
/* A pipe of 1 MiB: a write and a read for each record, or for so many at a time */
#include <errno.h>
#include <fcntl.h>

#include "bench.h"

/* In this sample, which is a process of its own */
static bool one_a_call;

static ALWAYS_INLINE unsigned int send(struct end *e, uint64_t first, unsigned int n, size_t size,
				       unsigned int batch, bool in_place)
{
	int *fd = e->channel;
	unsigned char *records = bench_made(e, first, size);
	size_t done;
	ssize_t ret;

	n = bench_make(e, first, one_a_call ? 1 : n, size);
	for (done = 0; done < n * size; done += (size_t)ret) {
		ret = write(fd[1], records + done, n * size - done);
		if (ret < 0)
			bench_fail("write: %s", strerror(errno));
	}
	return n;
}

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int batch,
					  bool in_place)
{
	int *fd = e->channel;
	unsigned int i;
	size_t done = 0;
	ssize_t ret;

	if (size > 4096 || one_a_call)
		n = 1;
	/* What there is, up to so many; then the rest of the last one */
	do {
		ret = read(fd[0], e->record + done, n * size - done);
		if (ret <= 0)
			bench_fail("read: %s", strerror(errno));
		done += (size_t)ret;
		n = (unsigned int)((done + size - 1) / size);
	} while (done % size);
	for (i = 0; i < n; i++)
		bench_take(e, bench_record(e, i, size), size, in_place);
	return n;
}

static void *make_channel(const struct work *w)
{
	int *fd = malloc(2 * sizeof(*fd));

	if (!fd || pipe(fd))
		bench_fail("pipe: %s", strerror(errno));
	if (fcntl(fd[1], F_SETPIPE_SZ, 1 << 20) < 0)
		fcntl(fd[1], F_SETPIPE_SZ, 1 << 16);
	return fd;
}

static void *make_one(const struct work *w)
{
	one_a_call = true;
	return make_channel(w);
}

static bool can(const struct work *w)
{
	/* Writes of more than a page from several producers are mixed up. */
	return w->waiting != SPINSLEEP && (w->kind != GATHER || w->size * w->batch <= 4096);
}

#include "loops.h"

static bool can_one(const struct work *w)
{
	return can(w) && w->batch > 1 && w->waiting == SLEEP && w->kind == STREAM;
}

PEER(pipe_, .name = "pipe", .can = can, .open = make_channel, LOOPS)
PEER(pipe_one, .name = "pipe, one a call", .can = can_one, .open = make_one, LOOPS)
