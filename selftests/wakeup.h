/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the tests that no wake-up is missed: processes that wait for each other, in all ways there are.
 *
 * A wake-up that is missed leaves both sides asleep: the process that watches them sees no progress for five
 * seconds and says which way it was. Sleeps are interesting while the other side commits or releases, so each
 * side first dawdles for a random part of the time that the other one needs.
 */
#ifndef WAKEUP_H
#define WAKEUP_H

#include <libring.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "ring_test.h"

#define NAP		50	/* ms */
#define STALLED		(100 * rt_slow())	/* naps without progress */
#define PLAYERS_MAX	6
#define DAWDLE_MAX	10000	/* spins */

/* Ways to wait, and to take a record */
enum way { READ, READ_MANY, WAIT, SPIN, WAIT_SEQUENCE, POLL, SELECT, LEVEL, EDGE, SIGNAL };
enum take { BY_CALL, BY_LIBRARY, BY_HAND };

/**
 * struct shared - what the processes share
 * @ready: how many players are
 * @progress: records taken, by player
 * @wrong: empty, or what went wrong first
 */
struct shared {
	__u32 ready;
	__u64 progress[PLAYERS_MAX];
	char wrong[200];
};

/**
 * struct player - one process
 * @way: how it waits
 * @take: how it takes records
 * @fd: what it subscribes with
 * @r: the handle of @fd, when the library takes
 * @map: its mapping, when it takes by hand
 * @sequence: with WAIT_SEQUENCE, of the next record
 * @epoll: with LEVEL or EDGE
 * @out: what it writes to
 * @lib_out: what it publishes with
 * @dawdle: spins before it waits, at most
 * @shortest: the shortest time that so many rounds took without, ns
 * @begun: when the rounds being timed began
 * @random: what dawdling and the like take their numbers from
 * @number: which player
 * @shared: what it shares with the others
 */
struct player {
	enum way way;
	enum take take;
	int fd;
	struct ring *r;
	struct rt_map map;
	__u64 sequence;
	int epoll;
	int out;
	struct ring *lib_out;
	__u32 dawdle;
	__u64 shortest;
	__u64 begun;
	__u32 random;
	int number;
	struct shared *shared;
};

/* What went wrong ends the process: the other one then stalls, and the test tells both. */
__attribute__((format(printf, 2, 3)))
static inline void give_up(struct player *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->shared->wrong, sizeof(p->shared->wrong), format, args);
	va_end(args);
	_exit(1);
}

static inline __u32 random_below(__u32 *state, __u32 limit)
{
	*state = *state * 1664525u + 1013904223u;
	return ((__u64)*state * limit) >> 32;
}

static inline void dawdle(struct player *p)
{
	volatile __u32 spins = 0;

	if (p->dawdle && random_below(&p->random, 4))
		spins = random_below(&p->random, p->dawdle);
	while (spins)
		spins--;
}

/*
 * Dawdle from now on for up to as long as a round takes without that. The shortest time is taken of several:
 * in between the machine may have done something else.
 */
static inline void learn_to_dawdle(struct player *p, __u64 round)
{
	const __u32 rounds = 40, times = 6, many = 10000;
	volatile __u32 spins = many;
	__u64 now;

	if (round % rounds || round > times * rounds)
		return;
	now = rt_now();
	if (round && (!p->shortest || p->shortest > now - p->begun))
		p->shortest = now - p->begun;
	p->begun = now;
	if (round < times * rounds)
		return;
	while (spins)
		spins--;
	p->dawdle = p->shortest / rounds * many / (rt_now() - now + 1);
	if (p->dawdle > DAWDLE_MAX)
		p->dawdle = DAWDLE_MAX;
}

/* ---- Subscribers ---- */

/* By the protocol alone; whoever waits for edges does when it finds nothing what the manual says. */
static inline bool look_by_hand(struct player *p, __u64 *number)
{
	struct ring_cursor *c = p->map.cursor;
	__u64 cursor, state;
	enum ring_look look;

	for (;;) {
		cursor = ring_load(&c->cursor);
		look = ring_mem_look(&p->map.mem, cursor, &state);
		if (look == RING_LOOK_READY) {
			memcpy(number, ring_mem_slot(&p->map.mem, cursor) + 1, sizeof(*number));
			if (ring_cursor_release(&p->map.mem, c, cursor + 1, 1))
				ioctl(p->fd, RING_IOC_WAKE, RING_WAKE_SPACE);
			return true;
		}
		if (look != RING_LOOK_EMPTY && look != RING_LOOK_BUSY)
			give_up(p, "look at %llu says %d", cursor, look);
		if (p->way != EDGE || rt_wait_data(p->fd, RING_NOW))
			return false;
	}
}

/* Take a record if there is one; with READ and READ_MANY wait for it. */
static inline bool look(struct player *p, __u64 *number)
{
	struct ring_read_record record;
	struct ring_read many = {
		.size = sizeof(many), .records = (uintptr_t)&record, .count = 1,
		.buf = (uintptr_t)number, .buf_len = sizeof(*number), .deadline = RING_NEVER,
	};
	struct ring_view v;
	int ret;

	if (p->way == READ_MANY) {
		if (ioctl(p->fd, RING_IOC_READ, &many) || many.taken != 1)
			give_up(p, "READ: %s", strerror(errno));
		return true;
	}
	if (p->way == WAIT_SEQUENCE) {
		ret = ring_get(p->r, p->sequence, number, sizeof(*number), NULL);
		if (!ret)
			p->sequence++;
		else if (ret != -EAGAIN)
			give_up(p, "ring_get(): %s", ring_strerror(ret));
		return !ret;
	}
	if (p->take == BY_HAND)
		return look_by_hand(p, number);
	if (p->take == BY_CALL) {
		ret = read(p->fd, number, sizeof(*number));
		if (ret != sizeof(*number) && (p->way == READ || errno != EAGAIN))
			give_up(p, "read(): %d %s", ret, strerror(errno));
		return ret == sizeof(*number);
	}
	ret = ring_next(p->r, &v);
	if (ret == 1) {
		memcpy(number, v.data, sizeof(*number));
		ret = ring_release(p->r) ?: 1;
	}
	if (ret != 1 && ret != -EAGAIN)
		give_up(p, "ring_next(), ring_release(): %s", ring_strerror(ret));
	return ret == 1;
}

/* Sleep until there is something for @events. */
static inline void sleep_for(struct player *p, int fd, short events)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };
	struct epoll_event event;
	fd_set set;
	int ret;

	switch (p->way) {
	case POLL:
		ret = poll(&poll_fd, 1, -1);
		break;
	case SELECT:
		FD_ZERO(&set);
		FD_SET(fd, &set);
		ret = select(fd + 1, events & POLLIN ? &set : NULL, events & POLLOUT ? &set : NULL, NULL,
			     NULL);
		break;
	default:
		ret = epoll_wait(p->epoll, &event, 1, -1);
		break;
	}
	if (ret != 1)
		give_up(p, "way %d: %d %s", p->way, ret, strerror(errno));
}

static inline void make_epoll(struct player *p, int fd, __u32 events)
{
	struct epoll_event event = { .events = events | (p->way == EDGE ? (__u32)EPOLLET : 0) };

	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &event))
		give_up(p, "epoll_ctl(): %s", strerror(errno));
}

static inline void await_record(struct player *p)
{
	sigset_t set;
	int ret = 0;

	switch (p->way) {
	case READ:
	case READ_MANY:
		return;
	case WAIT:
	case SPIN:
		if (p->take == BY_LIBRARY)
			ret = ring_wait(p->r, RING_NEVER);
		else if (rt_wait_data(p->fd, RING_NEVER))
			ret = -errno;
		break;
	case WAIT_SEQUENCE:
		ret = ring_wait_sequence(p->r, p->sequence, RING_NEVER);
		break;
	case SIGNAL:
		sigemptyset(&set);
		sigaddset(&set, SIGIO);
		if (sigwaitinfo(&set, NULL) != SIGIO)
			ret = -errno;
		break;
	default:
		sleep_for(p, p->r ? ring_fd(p->r) : p->fd, POLLIN);
	}
	if (ret)
		give_up(p, "cannot wait: %s", strerror(-ret));
}

static inline __u64 receive(struct player *p)
{
	__u64 number;

	dawdle(p);
	/* Edges come after everything was taken, levels before. */
	if ((p->way == EDGE || p->way == SIGNAL) && look(p, &number))
		return number;
	do {
		await_record(p);
	} while (!look(p, &number));
	return number;
}

/* Subscribe at the next record, and prepare for the way to wait. */
static inline void subscribe(struct __test_metadata *_metadata, struct player *p, int ring, __u32 flags)
{
	struct ring_subscribe_options o = RING_SUBSCRIBE_OPTIONS_INIT;
	struct ring_stat stat;
	sigset_t set;

	p->fd = rt_open(_metadata, ring, O_RDONLY | (p->way == READ ? 0 : O_NONBLOCK));
	if (p->take == BY_LIBRARY) {
		ASSERT_EQ(0, ring_open_fd(p->fd, 0, &p->r));
		if (p->way == WAIT_SEQUENCE) {
			ASSERT_EQ(0, ring_get_stat(p->r, &stat, NULL, 0));
			p->sequence = stat.head;
			return;
		}
		o.flags = flags;
		o.start = RING_NEXT;
		o.spin = p->way == SPIN ? 30000 : 0;
		ASSERT_EQ(0, ring_subscribe(p->r, &o));
	} else {
		rt_subscribe(_metadata, p->fd, flags, RING_NEXT);
		if (p->take == BY_HAND)
			p->map = rt_map_subscriber(_metadata, p->fd);
	}
	if (p->way == LEVEL || p->way == EDGE)
		make_epoll(p, p->r ? ring_fd(p->r) : p->fd, EPOLLIN);
	if (p->way == SIGNAL) {
		sigemptyset(&set);
		sigaddset(&set, SIGIO);
		sigprocmask(SIG_BLOCK, &set, NULL);
		ASSERT_EQ(0, fcntl(p->fd, F_SETOWN, getpid()));
		ASSERT_EQ(0, fcntl(p->fd, F_SETFL, O_NONBLOCK | O_ASYNC));
	}
}

/* ---- The third process ---- */

static inline void ready(struct player *p, __u32 players)
{
	__atomic_add_fetch(&p->shared->ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&p->shared->ready, __ATOMIC_SEQ_CST) < players)
		rt_sleep_ms(1);
}

static inline void step(struct player *p)
{
	__atomic_add_fetch(&p->shared->progress[p->number], 1, __ATOMIC_RELAXED);
}

static inline __u64 steps(const struct shared *shared)
{
	__u64 sum = 0;
	int i;

	for (i = 0; i < PLAYERS_MAX; i++)
		sum += __atomic_load_n(&shared->progress[i], __ATOMIC_RELAXED);
	return sum;
}

/*
 * Wait until the players have made so many steps at these two rings. In naps, so that a machine that stands
 * still is no stall.
 */
static inline void watch(struct __test_metadata *_metadata, struct shared *shared, __u64 total,
			 const int *rings)
{
	__u64 before = 0, now;
	int i, fd;
	unsigned int naps = 0;

	while ((now = steps(shared)) < total && naps < STALLED) {
		rt_sleep_ms(NAP);
		naps = now == before ? naps + 1 : 0;
		before = now;
	}
	EXPECT_STREQ("", shared->wrong);
	EXPECT_EQ(total, now) {
		TH_LOG("no progress for %u ms: players have taken %llu, %llu, %llu, %llu", NAP * STALLED,
		       shared->progress[0], shared->progress[1], shared->progress[2], shared->progress[3]);
	}
	for (i = 0; now < total && i < 2; i++) {
		struct ring_stat stat;
		struct rt_map map;

		fd = rt_open(_metadata, rings[i], O_RDWR);
		stat = rt_stat(_metadata, fd);
		map = rt_map(_metadata, fd);
		TH_LOG("ring%d: head %lld, tail %lld, wake_data %lld, wake_space %lld, sleeps %llu and %llu",
		       rings[i], stat.head, stat.tail, map.mem.control->wake_data,
		       map.mem.control->wake_space, stat.reader_sleeps, stat.writer_sleeps);
	}
}

static inline struct shared *make_shared(struct __test_metadata *_metadata)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, (void *)shared);
	return shared;
}

#endif /* WAKEUP_H */
