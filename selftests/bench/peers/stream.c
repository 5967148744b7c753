// SPDX-License-Identifier: GPL-2.0
/* AF_UNIX stream sockets; records of one length need not be kept apart */
#include <errno.h>
#include <sys/socket.h>

#include "bench.h"

static ALWAYS_INLINE unsigned int send_one(struct end *e, uint64_t first, size_t size)
{
	int *fd = e->channel;
	void *record = bench_made(e, first, size);

	bench_make(e, first, 1, size);
	if (write(fd[1], record, size) != (ssize_t)size)
		bench_fail("write: %s", strerror(errno));
	return 1;
}

#define send(e, first, n, size, batch, in_place)	send_one(e, first, size)

static ALWAYS_INLINE unsigned int receive(struct end *e, unsigned int n, size_t size, unsigned int batch,
					  bool in_place)
{
	int *fd = e->channel;
	size_t done;
	ssize_t ret;

	for (done = 0; done < size; done += (size_t)ret) {
		ret = read(fd[0], e->record + done, size - done);
		if (ret <= 0)
			bench_fail("read: %s", strerror(errno));
	}
	bench_take(e, e->record, size, in_place);
	return 1;
}

static void *make_channel(const struct work *w)
{
	int *fd = malloc(2 * sizeof(*fd)), room = 1 << 20;

	if (!fd || socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		bench_fail("socketpair: %s", strerror(errno));
	setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	return fd;
}

static bool can(const struct work *w)
{
	return w->waiting == SLEEP && w->batch == 1 && w->kind != GATHER;
}

#include "loops.h"

PEER(stream, .name = "AF_UNIX stream", .can = can, .open = make_channel, LOOPS)
