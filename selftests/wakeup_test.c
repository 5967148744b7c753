// SPDX-License-Identifier: GPL-2.0
/*
 * No wake-up of a reader is missed: two processes play ping-pong over two rings, 100,000 times in all, each
 * waiting for the other's record in one of the ways there are to wait, and taking it by a call or from the
 * mapping.
 */

#include "wakeup.h"

#define BALL_ROUNDS	5000
#define BALL_VARIANTS	20

FIXTURE(ball) {
	int fd[2];
	struct shared *shared;
	pid_t pid[2];
};

FIXTURE_VARIANT(ball) {
	enum way way;
	enum take take;
	bool crowd;		/* others wait at the same rings */
};

#define BALL(name, way_, take_, crowd_)	\
	FIXTURE_VARIANT_ADD(ball, name) { .way = way_, .take = take_, .crowd = crowd_ }

BALL(read, READ, BY_CALL, false);
BALL(read_many, READ_MANY, BY_CALL, false);
BALL(wait_then_read, WAIT, BY_CALL, false);
BALL(wait_then_mapping, WAIT, BY_LIBRARY, false);
BALL(wait_then_mapping_by_hand, WAIT, BY_HAND, false);
BALL(spin_then_mapping, SPIN, BY_LIBRARY, false);
BALL(wait_for_sequence_then_get, WAIT_SEQUENCE, BY_LIBRARY, false);
BALL(poll_then_read, POLL, BY_CALL, false);
BALL(poll_then_mapping, POLL, BY_LIBRARY, false);
BALL(select_then_read, SELECT, BY_CALL, false);
BALL(select_then_mapping, SELECT, BY_LIBRARY, false);
BALL(epoll_level_then_read, LEVEL, BY_CALL, false);
BALL(epoll_level_then_mapping, LEVEL, BY_LIBRARY, false);
BALL(epoll_edge_then_read, EDGE, BY_CALL, false);
BALL(epoll_edge_then_mapping, EDGE, BY_LIBRARY, false);
BALL(epoll_edge_then_mapping_by_hand, EDGE, BY_HAND, false);
BALL(sigio_then_read, SIGNAL, BY_CALL, false);
BALL(read_among_others, READ, BY_CALL, true);
BALL(wait_then_mapping_among_others, WAIT, BY_LIBRARY, true);
BALL(epoll_edge_then_mapping_among_others, EDGE, BY_LIBRARY, true);

FIXTURE_SETUP(ball)
{
	ASSERT_LE(100000, BALL_ROUNDS * BALL_VARIANTS);
	self->shared = make_shared(_metadata);
	self->fd[0] = rt_open_empty(_metadata, BLOCK);
	self->fd[1] = rt_open_empty(_metadata, OVERWRITE);
}

FIXTURE_TEARDOWN(ball)
{
	close(self->fd[0]);
	close(self->fd[1]);
}

/* By a call, or as the library does it, which on a direct ring is without one */
static void hit(struct player *p, __u64 number)
{
	int err = 0;

	/* Nobody releases anything: there is no subscriber. */
	if (p->way == WAIT_SEQUENCE && number % 1000 == 999)
		err = ring_flush(p->lib_out);
	if (err)
		give_up(p, "ring_flush(): %s", ring_strerror(err));
	if (number % 2)
		err = ring_publish(p->lib_out, &number, sizeof(number), 0, RING_NEVER);
	else if (write(p->out, &number, sizeof(number)) != sizeof(number))
		err = -errno;
	if (err)
		give_up(p, "cannot publish: %s", strerror(-err));
}

/* Side 0 serves on the one ring and waits at the other, side 1 returns. */
static void play(struct __test_metadata *_metadata, struct player *p, int side)
{
	__u64 number, got;
	char where[8];

	p->number = side;
	p->random = side + 1;
	snprintf(where, sizeof(where), "%d", side);
	p->out = rt_open(_metadata, side, O_WRONLY);
	ASSERT_EQ(0, ring_open(where, RING_OPEN_READ | RING_OPEN_WRITE, &p->lib_out));
	subscribe(_metadata, p, !side, 0);
	ready(p, 2);
	for (number = 0; number < (__u64)rt_times(BALL_ROUNDS); number++) {
		learn_to_dawdle(p, number);
		if (!side)
			hit(p, number);
		got = receive(p);
		if (got != number)
			give_up(p, "side %d got %llu instead of %llu", side, got, number);
		step(p);
		if (side)
			hit(p, number);
	}
}

/*
 * One that takes part in nothing but sleeps at both rings in turn, lossy: by read(), until four records are
 * there, by an edge, or for a record that is far ahead.
 */
static void hang_about(struct __test_metadata *_metadata, int kind, int ring)
{
	struct player p = { .way = kind == 2 ? EDGE : READ };
	struct ring_subscribe sub = {
		.size = sizeof(sub), .flags = RING_SUBSCRIBE_LOSSY, .start = RING_NEXT,
		.watermark = kind == 1 ? 4 : 0,
	};
	struct ring_wait wait = {
		.size = sizeof(wait), .flags = RING_WAIT_DATA, .sequence = 10, .deadline = RING_NEVER,
	};
	char buf[64];

	p.fd = rt_open(_metadata, ring, O_RDONLY);
	RT_OK(ioctl(p.fd, RING_IOC_SUBSCRIBE, &sub));
	if (kind == 2)
		make_epoll(&p, p.fd, EPOLLIN);
	for (;; wait.sequence += 10) {
		if (kind == 3 && ioctl(p.fd, RING_IOC_WAIT, &wait))
			continue;
		if (kind == 2)
			sleep_for(&p, p.fd, POLLIN);
		if (read(p.fd, buf, sizeof(buf)) < 0 && errno != EOVERFLOW)
			_exit(1);
	}
}

TEST_F_TIMEOUT(ball, never_lost, 120)
{
	struct player p = { .way = variant->way, .take = variant->take, .shared = self->shared };
	__u64 wakes = rt_stat(_metadata, self->fd[0]).reader_wakes;
	pid_t others[8];
	int i;

	for (i = 0; variant->crowd && i < 8; i++) {
		others[i] = rt_fork(_metadata);
		if (!others[i])
			hang_about(_metadata, i / 2, i % 2);
	}
	for (i = 0; i < 2; i++) {
		self->pid[i] = rt_fork(_metadata);
		if (!self->pid[i]) {
			play(_metadata, &p, i);
			_exit(0);
		}
	}
	watch(_metadata, self->shared, 2 * rt_times(BALL_ROUNDS), (const int []) { BLOCK, OVERWRITE });
	wakes = rt_stat(_metadata, self->fd[0]).reader_wakes - wakes;
	/* They did sleep; but who spins first need not, on a machine that has nothing else to do. */
	if (variant->way != SPIN)
		EXPECT_LT(rt_times(BALL_ROUNDS) / 10, wakes);
	for (i = 0; i < 2; i++)
		kill(self->pid[i], SIGKILL);
	for (i = 0; variant->crowd && i < 8; i++) {
		/* They are asleep, or awake; they did not fail. */
		EXPECT_EQ(0, waitpid(others[i], NULL, WNOHANG));
		kill(others[i], SIGKILL);
	}
}

TEST_HARNESS_MAIN
