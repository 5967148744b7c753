// SPDX-License-Identifier: GPL-2.0
/*
 * No wake-up of a writer is missed: writers find the smallest of rings full and wait in one of the ways there
 * are to wait, while subscribers make room, one record at a time.
 */

#include "wakeup.h"

#define TINY		2	/* a ring of 4 slots, policy block */
#define SPACE_RECORDS	3000

FIXTURE(space) {
	int fd;
	struct shared *shared;
};

enum writing { WRITE, PUBLISH, WAIT_SPACE, LIB_PUBLISH, LIB_WAIT_SPACE, RESERVE, BY_POLLING };

FIXTURE_VARIANT(space) {
	enum writing writing;
	enum way way;		/* with BY_POLLING */
	enum take take;
	int writers;
	int readers;
};

#define SPACE(name, writing_, way_, take_, writers_, readers_)			\
	FIXTURE_VARIANT_ADD(space, name) {					\
		.writing = writing_, .way = way_, .take = take_, .writers = writers_, .readers = readers_, \
	}

SPACE(write, WRITE, READ, BY_CALL, 1, 1);
SPACE(write_released_in_the_mapping, WRITE, READ, BY_HAND, 1, 1);
SPACE(publish, PUBLISH, READ, BY_HAND, 1, 1);
SPACE(wait_then_write, WAIT_SPACE, READ, BY_CALL, 1, 1);
SPACE(wait_then_write_released_in_the_mapping, WAIT_SPACE, READ, BY_HAND, 1, 1);
SPACE(ring_publish, LIB_PUBLISH, READ, BY_LIBRARY, 1, 1);
SPACE(ring_wait_space, LIB_WAIT_SPACE, READ, BY_LIBRARY, 1, 1);
SPACE(ring_reserve, RESERVE, READ, BY_LIBRARY, 1, 1);
SPACE(poll, BY_POLLING, POLL, BY_HAND, 1, 1);
SPACE(select, BY_POLLING, SELECT, BY_HAND, 1, 1);
SPACE(epoll_level, BY_POLLING, LEVEL, BY_HAND, 1, 1);
SPACE(epoll_edge, BY_POLLING, EDGE, BY_HAND, 1, 1);
SPACE(epoll_edge_released_by_read, BY_POLLING, EDGE, BY_CALL, 1, 1);
SPACE(write_by_three_to_one, WRITE, READ, BY_HAND, 3, 1);
SPACE(write_by_three_to_two, WRITE, READ, BY_HAND, 3, 2);
SPACE(poll_by_three_to_two, BY_POLLING, POLL, BY_HAND, 3, 2);
SPACE(ring_publish_by_three_to_two, LIB_PUBLISH, READ, BY_LIBRARY, 3, 2);

FIXTURE_SETUP(space)
{
	self->shared = make_shared(_metadata);
	self->fd = rt_open_empty(_metadata, TINY);
	ASSERT_EQ(4, rt_info(_metadata, self->fd).slots);
}

FIXTURE_TEARDOWN(space)
{
	close(self->fd);
}

/* Publish when there is room; false: there is none, so sleep. */
static bool try_to_publish(struct player *p, enum writing writing, __u64 *number)
{
	struct ring_reservation res;
	int err = 0;

	switch (writing) {
	case PUBLISH:
		if (rt_publish(p->out, number, sizeof(*number), 0, RING_NEVER, NULL))
			err = -errno;
		break;
	case LIB_PUBLISH:
		err = ring_publish(p->lib_out, number, sizeof(*number), 0, RING_NEVER);
		break;
	case LIB_WAIT_SPACE:
		err = ring_wait_space(p->lib_out, sizeof(*number), RING_NEVER);
		if (!err)
			err = ring_publish(p->lib_out, number, sizeof(*number), 0, RING_NOW);
		break;
	case RESERVE:
		err = ring_reserve(p->lib_out, sizeof(*number), RING_NEVER, &res);
		if (!err) {
			memcpy(res.data, number, sizeof(*number));
			err = ring_commit(p->lib_out, &res, sizeof(*number));
		}
		break;
	case WAIT_SPACE:
		if (rt_wait_space(p->out, 1, RING_NEVER))
			give_up(p, "WAIT: %s", strerror(errno));
		__attribute__((fallthrough));
	default:
		if (write(p->out, number, sizeof(*number)) != sizeof(*number))
			err = -errno;
	}
	if (err && err != -EAGAIN)
		give_up(p, "cannot publish: %s", strerror(-err));
	return !err;
}

static void press(struct __test_metadata *_metadata, struct player *p, enum writing writing, __u32 players)
{
	__u64 number;

	p->out = rt_open(_metadata, TINY, O_WRONLY | (writing == WRITE ? 0 : O_NONBLOCK));
	ASSERT_EQ(0, ring_open("2", RING_OPEN_READ | RING_OPEN_WRITE, &p->lib_out));
	if (p->way == LEVEL || p->way == EDGE)
		make_epoll(p, p->out, EPOLLOUT);
	ready(p, players);
	for (number = 0; number < rt_times(SPACE_RECORDS); number++)
		while (!try_to_publish(p, writing, &number))
			if (writing == BY_POLLING)
				sleep_for(p, p->out, POLLOUT);
}

/* Makes room, one record at a time, when the writer has had about the time to fall asleep. */
static void drain(struct __test_metadata *_metadata, struct player *p, __u64 count, __u32 players)
{
	__u64 number;

	p->way = POLL;
	subscribe(_metadata, p, TINY, RING_SUBSCRIBE_RELIABLE);
	ready(p, players);
	for (number = 0; number < count; number++) {
		learn_to_dawdle(p, number);
		receive(p);
		step(p);
	}
}

TEST_F_TIMEOUT(space, never_lost, 120)
{
	int players = variant->writers + variant->readers, i;
	__u64 count = rt_times(SPACE_RECORDS) * variant->writers;
	__u64 wakes = rt_stat(_metadata, self->fd).writer_wakes;
	pid_t pid[PLAYERS_MAX];

	for (i = 0; i < players; i++) {
		struct player p = {
			.way = variant->way, .take = variant->take, .shared = self->shared, .number = i,
			.random = i + 1,
		};

		pid[i] = rt_fork(_metadata);
		if (pid[i])
			continue;
		if (i < variant->readers)
			drain(_metadata, &p, count, players);
		else
			press(_metadata, &p, variant->writing, players);
		_exit(0);
	}
	watch(_metadata, self->shared, count * variant->readers, (const int []) { TINY, TINY });
	wakes = rt_stat(_metadata, self->fd).writer_wakes - wakes;
	/* They did sleep. How often is a matter of the machine: the fewest seen were 137 for 3000 records. */
	EXPECT_LT(count / 100, wakes);
	for (i = 0; i < players; i++)
		kill(pid[i], SIGKILL);
}

TEST_HARNESS_MAIN
