// SPDX-License-Identifier: GPL-2.0
/*
 * No wake-up of a writer is missed: writers find the smallest of rings full and wait in one of the ways there
 * are to wait, while subscribers make room, one record at a time.
 */

#include <sys/resource.h>

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

/* A writer is asleep, or about to be; or all have ended. */
static void await_sleep(const struct rt_map *m)
{
	__u64 deadline = rt_in_ms(100);

	while (ring_load(&m->mem.control->wake_space) == RING_NONE && rt_now() < deadline)
		rt_sleep_ms(1);
}

/*
 * Makes room, one record at a time, when the writer has had about the time to fall asleep; now and then when it
 * certainly has, because how often it falls asleep by itself is a matter of the machine.
 */
static void drain(struct __test_metadata *_metadata, struct player *p, int fd, __u64 count, __u32 players)
{
	struct rt_map m = rt_map(_metadata, fd);
	__u64 number;

	p->way = POLL;
	subscribe(_metadata, p, TINY, RING_SUBSCRIBE_RELIABLE);
	ready(p, players);
	for (number = 0; number < count; number++) {
		learn_to_dawdle(p, number);
		if (number % 50 == 49)
			await_sleep(&m);
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
			drain(_metadata, &p, self->fd, count, players);
		else
			press(_metadata, &p, variant->writing, players);
		_exit(0);
	}
	watch(_metadata, self->shared, count * variant->readers, (const int []) { TINY, TINY });
	wakes = rt_stat(_metadata, self->fd).writer_wakes - wakes;
	EXPECT_LT(count / 100, wakes);
	for (i = 0; i < players; i++)
		kill(pid[i], SIGKILL);
}

/* ---- Records of different sizes ---- */

#define ROUNDS		200
#define PARKED		1000

/**
 * struct bout - writers that wait for different amounts of room, in rounds
 * @ring: its number; 16 slots, of which the longest record takes 4
 * @long_one: number of the round in which the one is to write a long record
 * @short_one: likewise the other one a short one
 * @short_ones: how many it has written
 */
struct bout {
	__u32 ring;
	__u32 long_one;
	__u32 short_one;
	__u32 short_ones;
};

static void await(__u32 *word, __u32 value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) < value)
		;
}

static void *write_long_ones(void *arg)
{
	struct bout *bout = arg;
	int fd = rt_try_open(bout->ring, O_WRONLY);
	char record[1024] = "";
	__u32 round;

	for (round = 1; round <= ROUNDS; round++) {
		while (__atomic_load_n(&bout->long_one, __ATOMIC_ACQUIRE) < round)
			rt_sleep_ms(1);
		if (write(fd, record, sizeof(record)) != sizeof(record))
			break;
	}
	close(fd);
	return NULL;
}

static void *write_short_ones(void *arg)
{
	struct bout *bout = arg;
	int fd = rt_try_open(bout->ring, O_WRONLY);
	__u32 round, random = 1;

	for (round = 1; round <= ROUNDS; round++) {
		volatile __u32 spins = random_below(&random, DAWDLE_MAX);

		await(&bout->short_one, round);
		while (spins)
			spins--;
		if (rt_write(fd, 8, round) != 8)
			break;
		__atomic_store_n(&bout->short_ones, round, __ATOMIC_RELEASE);
	}
	close(fd);
	return NULL;
}

static ssize_t take_one(int fd)
{
	char record[1024];

	return read(fd, record, sizeof(record));
}

/* Subscribers that are ahead of all writers for ever: they make a look at all cursors take its time. */
static void park(struct __test_metadata *_metadata, __u32 ring)
{
	struct rlimit files = { 3 * PARKED, 3 * PARKED };
	int i, cursor_fd;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	for (i = 0; i < PARKED; i++) {
		struct ring_cursor *cursor = rt_map_cursor(_metadata, rt_open(_metadata, ring, O_RDONLY), &cursor_fd);

		close(cursor_fd);
		cursor->cursor = 1ull << 40;
	}
}

/*
 * Who needs little room may find it between its look and its arming: the word that it left then, crossed already,
 * took the place of that of one who sleeps for more room, and who slept on for good if nobody armed after that.
 */
TEST(who_needs_less_room_does_not_keep_others_asleep)
{
	struct ring_create c;
	struct bout bout = {};
	pthread_t threads[2];
	__u32 round;
	__u64 sleeps;
	int r, w, i;

	ring_create_defaults(&c);
	c.slots = 16;
	c.bulk_size = 4096;
	ASSERT_EQ(0, ring_create(&c));
	bout.ring = c.id;
	r = rt_open(_metadata, c.id, O_RDONLY | O_NONBLOCK);
	w = rt_open(_metadata, c.id, O_WRONLY | O_NONBLOCK);
	rt_subscribe(_metadata, r, 0, RING_NEXT);
	park(_metadata, c.id);
	ASSERT_EQ(0, pthread_create(&threads[0], NULL, write_long_ones, &bout));
	ASSERT_EQ(0, pthread_create(&threads[1], NULL, write_short_ones, &bout));
	for (round = 1; round <= ROUNDS; round++) {
		/* Not until it is full: that would arm. */
		for (i = 0; i < 16; i++) {
			ASSERT_EQ(8, rt_write(w, 8, i));
		}
		sleeps = rt_stat(_metadata, w).writer_sleeps;
		__atomic_store_n(&bout.long_one, round, __ATOMIC_RELEASE);
		while (rt_stat(_metadata, w).writer_sleeps == sleeps)
			rt_sleep_ms(1);
		__atomic_store_n(&bout.short_one, round, __ATOMIC_RELEASE);
		ASSERT_EQ(8, take_one(r));
		await(&bout.short_ones, round);
		for (i = 0; i < 17; i++) {
			struct pollfd p = { .fd = r, .events = POLLIN };

			ASSERT_EQ(1, poll(&p, 1, 5000 * rt_slow())) {
				TH_LOG("round %u, after %d records: all sleep", round, i);
			}
			take_one(r);
		}
	}
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ASSERT_EQ(0, ring_destroy(c.id, RING_DESTROY_FORCE));
}

TEST_HARNESS_MAIN
