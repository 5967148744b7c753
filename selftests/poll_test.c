// SPDX-License-Identifier: GPL-2.0
/* poll(), select(), epoll level- and edge-triggered, SIGIO: told of what there is, and of nothing else */

#include <sys/epoll.h>
#include <sys/select.h>

#include "ring_test.h"

#define ALL	(POLLIN | POLLOUT | POLLPRI)

FIXTURE(poll) {
	int w, r;		/* @r is a subscriber and does not block */
	int ow, or;		/* the same of the overwriting ring */
};

FIXTURE_SETUP(poll)
{
	self->w = rt_open_empty(_metadata, BLOCK);
	self->r = rt_open(_metadata, BLOCK, O_RDONLY | O_NONBLOCK);
	rt_subscribe(_metadata, self->r, 0, RING_OLDEST);
	self->ow = rt_open_empty(_metadata, OVERWRITE);
	self->or = rt_open(_metadata, OVERWRITE, O_RDONLY | O_NONBLOCK);
	rt_subscribe(_metadata, self->or, 0, RING_OLDEST);
}

FIXTURE_TEARDOWN(poll)
{
	close(self->w);
	close(self->r);
	close(self->ow);
	close(self->or);
}

TEST_F(poll, what_there_is)
{
	int both = rt_open(_metadata, BLOCK, O_RDWR), wo = rt_open(_metadata, BLOCK, O_WRONLY);

	EXPECT_EQ(0, rt_poll(self->r, ALL));
	EXPECT_EQ(POLLOUT, rt_poll(both, ALL));
	EXPECT_EQ(POLLOUT, rt_poll(wo, ALL));
	ASSERT_EQ(20, rt_write(self->w, 20, 0));
	EXPECT_EQ(POLLIN, rt_poll(self->r, ALL));
	EXPECT_EQ(POLLIN | POLLOUT, rt_poll(both, ALL));
	EXPECT_EQ(POLLOUT, rt_poll(wo, ALL));
	EXPECT_EQ(POLLIN | POLLRDNORM, rt_poll(self->r, POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM));
	EXPECT_EQ(POLLOUT | POLLWRNORM, rt_poll(wo, POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM));
	/* Who writes only is no subscriber, whatever he asks for. */
	EXPECT_EQ(2, rt_stat(_metadata, self->w).subscribers);
	/* A half read record is there still. */
	ASSERT_EQ(5, read(self->r, (char[5]) {}, 5));
	EXPECT_EQ(POLLIN, rt_poll(self->r, ALL));
	ASSERT_EQ(15, read(self->r, (char[64]) {}, 64));
	EXPECT_EQ(0, rt_poll(self->r, ALL));
	/* Full */
	ASSERT_LT(0, rt_write_until_full(self->w, 8));
	EXPECT_EQ(POLLIN, rt_poll(both, ALL));
	EXPECT_EQ(0, rt_poll(wo, ALL));
	close(both);
	ASSERT_EQ(8, rt_read(self->r, 64, 0));
	EXPECT_EQ(POLLOUT, rt_poll(wo, ALL));
	close(wo);
}

TEST_F(poll, room_for_the_longest_so_far)
{
	int small = rt_open(_metadata, BLOCK, O_WRONLY), large = rt_open(_metadata, BLOCK, O_WRONLY);

	/* 1000 bytes take 4 slots */
	ASSERT_EQ(1000, rt_write(large, 1000, 0));
	ASSERT_EQ(8, rt_write(small, 8, 1));
	ASSERT_EQ(4096 - 5, rt_write_until_full(self->w, 8));
	ASSERT_EQ(1000, rt_read(self->r, 1000, 0));
	EXPECT_EQ(POLLOUT, rt_poll(large, POLLOUT));
	ASSERT_EQ(8, rt_write(small, 8, 2));
	/* Three slots are left. */
	EXPECT_EQ(0, rt_poll(large, POLLOUT));
	EXPECT_EQ(POLLOUT, rt_poll(small, POLLOUT));
	/* Refused, but it is what this file wants to write now. */
	rt_set_nonblock(small, true);
	RT_FAILS(EAGAIN, rt_write(small, 1000, 3));
	EXPECT_EQ(0, rt_poll(small, POLLOUT));
	close(small);
	close(large);
}

TEST_F(poll, lost_records_are_urgent)
{
	int wo = rt_open(_metadata, OVERWRITE, O_WRONLY);

	for (int i = 0; i < 5000; i++) {
		ASSERT_EQ(8, rt_write(self->ow, 8, i));
		if (i == 0) {
			EXPECT_EQ(POLLIN, rt_poll(self->or, ALL));
		}
	}
	/* It is always ready to be written to. */
	EXPECT_EQ(POLLOUT, rt_poll(wo, ALL));
	EXPECT_EQ(POLLIN | POLLPRI, rt_poll(self->or, ALL));
	EXPECT_EQ(POLLPRI, rt_poll(self->or, POLLPRI));
	RT_FAILS(EOVERFLOW, rt_read(self->or, 64, 0));
	EXPECT_EQ(POLLIN, rt_poll(self->or, ALL));
	EXPECT_EQ(0, rt_poll(self->or, POLLPRI));
	/* Flushed is lost too, and there is nothing to read but that. */
	ASSERT_EQ(0, ioctl(self->ow, RING_IOC_FLUSH, 0));
	EXPECT_EQ(POLLIN | POLLPRI, rt_poll(self->or, ALL));
	RT_FAILS(EOVERFLOW, rt_read(self->or, 64, 0));
	EXPECT_EQ(0, rt_poll(self->or, ALL));
	close(wo);
}

struct poller {
	int fd;
	short events;
	int timeout;
	short revents;
};

static long do_poll(void *arg)
{
	struct poller *p = arg;
	struct pollfd pollfd = { .fd = p->fd, .events = p->events };
	int ret = poll(&pollfd, 1, p->timeout);

	p->revents = pollfd.revents;
	return ret;
}

TEST_F(poll, sleeps_until_there_is)
{
	struct poller in = { self->r, POLLIN, -1, 0 }, in2 = { self->r, POLLIN, -1, 0 };
	struct poller out = { self->w, POLLOUT, -1, 0 }, pri = { self->or, POLLPRI, -1, 0 };
	struct poller late = { self->r, POLLIN, 100, 0 };
	struct rt_thread t, t2;
	__u64 began = rt_now();

	EXPECT_EQ(0, do_poll(&late));
	EXPECT_LE(99 * RT_MS, rt_now() - began);
	EXPECT_TRUE(rt_within(began, 5000));

	/* Everybody is told. */
	rt_start_asleep(_metadata, &t, do_poll, &in);
	rt_start_asleep(_metadata, &t2, do_poll, &in2);
	ASSERT_EQ(8, rt_write(self->w, 8, 0));
	ASSERT_TRUE(rt_ends(&t, 5000));
	ASSERT_TRUE(rt_ends(&t2, 5000));
	EXPECT_EQ(POLLIN, in.revents);
	EXPECT_EQ(POLLIN, in2.revents);
	ASSERT_EQ(8, rt_read(self->r, 64, 0));

	ASSERT_LT(0, rt_write_until_full(self->w, 8));
	rt_start_asleep(_metadata, &t, do_poll, &out);
	ASSERT_EQ(8, rt_read(self->r, 64, 0));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(POLLOUT, out.revents);

	/* Who waits for losses only */
	ASSERT_EQ(8, rt_write(self->ow, 8, 0));
	rt_start_asleep(_metadata, &t, do_poll, &pri);
	ASSERT_EQ(0, ioctl(self->ow, RING_IOC_FLUSH, 0));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(POLLPRI, pri.revents);
}

/* Losses that come from records being overwritten, not from FLUSH */
TEST_F(poll, overwritten_records_wake_who_waits_for_losses)
{
	struct poller pri = { self->or, POLLPRI, -1, 0 };
	struct rt_thread t;

	ASSERT_EQ(8, rt_write(self->ow, 8, 0));
	rt_start_asleep(_metadata, &t, do_poll, &pri);
	for (int i = 0; i < 5000; i++) {
		ASSERT_EQ(8, rt_write(self->ow, 8, i));
	}
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(POLLPRI, pri.revents);
}

TEST_F(poll, watermark)
{
	struct ring_subscribe sub = { .size = sizeof(sub), .watermark = 8 };
	int fd = rt_open(_metadata, BLOCK, O_RDONLY);
	struct poller in = { fd, POLLIN, -1, 0 };
	struct rt_thread t;

	ASSERT_EQ(0, ioctl(fd, RING_IOC_SUBSCRIBE, &sub));
	rt_start_asleep(_metadata, &t, do_poll, &in);
	for (int i = 0; i < 7; i++) {
		ASSERT_EQ(8, rt_write(self->w, 8, i));
	}
	EXPECT_FALSE(rt_ends(&t, 50));
	ASSERT_EQ(8, rt_write(self->w, 8, 7));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(POLLIN, in.revents);
	close(fd);
}

static int do_select(int r, int w, int x)
{
	struct timeval now = { 0, 0 };
	fd_set in, out, except;
	int ret;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	FD_SET(r, &in);
	FD_SET(w, &out);
	FD_SET(x, &except);
	ret = select(64, &in, &out, &except, &now);
	return ret < 0 ? ret : FD_ISSET(r, &in) | FD_ISSET(w, &out) << 1 | FD_ISSET(x, &except) << 2;
}

TEST_F(poll, select)
{
	EXPECT_EQ(2, do_select(self->r, self->w, self->or));
	ASSERT_EQ(8, rt_write(self->w, 8, 0));
	ASSERT_EQ(8, rt_write(self->ow, 8, 0));
	EXPECT_EQ(3, do_select(self->r, self->w, self->or));
	ASSERT_LT(0, rt_write_until_full(self->w, 8));
	ASSERT_EQ(0, ioctl(self->ow, RING_IOC_FLUSH, 0));
	EXPECT_EQ(5, do_select(self->r, self->w, self->or));
}

static int add(int epoll, int fd, __u32 events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/* What epoll tells of its only file within @ms; 0: nothing */
static __u32 events(int epoll, int ms)
{
	struct epoll_event event = {};

	return epoll_wait(epoll, &event, 1, ms) > 0 ? event.events : 0;
}

TEST_F(poll, level_triggered)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(0, add(epoll, self->r, EPOLLIN | EPOLLPRI));
	EXPECT_EQ(0, events(epoll, 0));
	ASSERT_EQ(8, rt_write(self->w, 8, 0));
	ASSERT_EQ(8, rt_write(self->w, 8, 1));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(EPOLLIN, events(epoll, 5000));
	}
	ASSERT_EQ(8, rt_read(self->r, 64, 0));
	EXPECT_EQ(EPOLLIN, events(epoll, 5000));
	ASSERT_EQ(8, rt_read(self->r, 64, 1));
	EXPECT_EQ(0, events(epoll, 0));
	ASSERT_EQ(8, rt_write(self->w, 8, 2));
	EXPECT_EQ(EPOLLIN, events(epoll, 5000));
	close(epoll);
}

/* Told once of the edge; after having found the ring empty, of the next one. */
TEST_F(poll, edge_triggered)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct rt_map m = rt_map_subscriber(_metadata, self->r);
	struct ring_read_record record;
	char buf[64];
	struct ring_read many = {
		.size = sizeof(many), .records = (uintptr_t)&record, .count = 1, .buf = (uintptr_t)buf,
		.buf_len = sizeof(buf), .deadline = RING_NOW,
	};

	ASSERT_EQ(0, add(epoll, self->r, EPOLLIN | EPOLLET));
	EXPECT_EQ(0, events(epoll, 0));
	for (int i = 0; i < 30; i++) {
		ASSERT_EQ(8, rt_write(self->w, 8, i));
		ASSERT_EQ(EPOLLIN, events(epoll, 5000)) {
			TH_LOG("round %d", i);
		}
		ASSERT_EQ(0, events(epoll, 0));
		/* By read(), by READ, from the mapping */
		switch (i % 3) {
		case 0:
			ASSERT_EQ(8, rt_read(self->r, 64, i));
			RT_FAILS(EAGAIN, rt_read(self->r, 64, i));
			break;
		case 1:
			ASSERT_EQ(0, ioctl(self->r, RING_IOC_READ, &many));
			many.taken = 0;
			RT_FAILS(EAGAIN, ioctl(self->r, RING_IOC_READ, &many));
			break;
		case 2:
			ring_cursor_release(&m.mem, m.cursor, m.cursor->cursor + 1, 1);
			RT_FAILS(EAGAIN, rt_wait_data(self->r, RING_NOW));
			break;
		}
		ASSERT_EQ(0, events(epoll, 0));
	}
	rt_unmap(&m);
	close(epoll);
}

TEST_F(poll, edge_triggered_for_room)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int n = 0;

	rt_set_nonblock(self->w, true);
	ASSERT_EQ(0, add(epoll, self->w, EPOLLOUT | EPOLLET));
	EXPECT_EQ(EPOLLOUT, events(epoll, 5000));
	EXPECT_EQ(0, events(epoll, 0));
	for (int i = 0; i < 10; i++) {
		while (rt_write(self->w, 8, n) == 8)
			n++;
		ASSERT_EQ(EAGAIN, errno);
		ASSERT_EQ(0, events(epoll, 0));
		ASSERT_EQ(8, rt_read(self->r, 64, i));
		ASSERT_EQ(EPOLLOUT, events(epoll, 5000));
		ASSERT_EQ(0, events(epoll, 0));
	}
	close(epoll);
}

TEST_F(poll, one_shot_and_modified)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT };

	ASSERT_EQ(0, add(epoll, self->r, EPOLLIN | EPOLLONESHOT));
	ASSERT_EQ(8, rt_write(self->w, 8, 0));
	EXPECT_EQ(EPOLLIN, events(epoll, 5000));
	EXPECT_EQ(0, events(epoll, 0));
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_MOD, self->r, &event));
	EXPECT_EQ(EPOLLIN, events(epoll, 5000));
	ASSERT_EQ(8, rt_read(self->r, 64, 0));
	/* Asked for again while there is nothing */
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_MOD, self->r, &event));
	EXPECT_EQ(0, events(epoll, 0));
	ASSERT_EQ(8, rt_write(self->w, 8, 1));
	EXPECT_EQ(EPOLLIN, events(epoll, 5000));
	close(epoll);
}

struct epoller {
	int epoll, fd;
	int rounds;
};

/* Sleep in epoll, read until there is nothing, and so on: nothing may be missed. */
static long take_by_edges(void *arg)
{
	struct epoller *e = arg;
	int n = 0;

	while (n < e->rounds) {
		if (!events(e->epoll, 10000))
			return -1;
		while (rt_read(e->fd, 64, n) == 8)
			n++;
		if (errno != EAGAIN)
			return -2;
	}
	return n;
}

TEST_F(poll, no_edge_is_missed)
{
	struct epoller e = { epoll_create1(EPOLL_CLOEXEC), self->r, 3000 };
	struct rt_thread t;

	ASSERT_EQ(0, add(e.epoll, self->r, EPOLLIN | EPOLLET));
	rt_start(_metadata, &t, take_by_edges, &e);
	for (int i = 0; i < e.rounds; i++) {
		ASSERT_EQ(8, rt_write(self->w, 8, i));
		if (i % 7 == 0)
			sched_yield();
	}
	ASSERT_TRUE(rt_ends(&t, 20000));
	EXPECT_EQ(e.rounds, t.ret);
	close(e.epoll);
}

/* ---- SIGIO ---- */

static int signals[NSIG];
static siginfo_t info;

static void count(int signal, siginfo_t *i, void *context)
{
	(void)context;
	signals[signal]++;
	info = *i;
}

static void expect_signals(struct __test_metadata *_metadata, int signal, int n)
{
	__u64 deadline = rt_in_ms(n ? 5000 : 30);

	while (signals[signal] < (n ?: 1) && rt_now() < deadline)
		rt_sleep_ms(1);
	EXPECT_EQ(n, signals[signal]);
	signals[signal] = 0;
}

TEST_F(poll, sigio)
{
	struct sigaction action = { .sa_sigaction = count, .sa_flags = SA_SIGINFO | SA_RESTART };
	int signal = SIGRTMIN + 1;

	ASSERT_EQ(0, sigaction(SIGIO, &action, NULL));
	ASSERT_EQ(0, sigaction(signal, &action, NULL));
	ASSERT_EQ(0, fcntl(self->r, F_SETOWN, getpid()));
	ASSERT_EQ(0, fcntl(self->r, F_SETFL, O_NONBLOCK | O_ASYNC));
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(8, rt_write(self->w, 8, i));
		expect_signals(_metadata, SIGIO, 1);
		ASSERT_EQ(8, rt_read(self->r, 64, i));
		RT_FAILS(EAGAIN, rt_read(self->r, 64, i));
	}
	/* With a signal of its own, which says what and where */
	ASSERT_EQ(0, fcntl(self->r, F_SETSIG, signal));
	ASSERT_EQ(8, rt_write(self->w, 8, 5));
	expect_signals(_metadata, signal, 1);
	EXPECT_EQ(self->r, info.si_fd);
	EXPECT_EQ(POLL_IN, info.si_code);
	EXPECT_TRUE(info.si_band & POLLIN);
	ASSERT_EQ(8, rt_read(self->r, 64, 5));
	RT_FAILS(EAGAIN, rt_read(self->r, 64, 5));
	/* Asked for while there is something already */
	ASSERT_EQ(0, fcntl(self->r, F_SETFL, O_NONBLOCK));
	ASSERT_EQ(8, rt_write(self->w, 8, 6));
	expect_signals(_metadata, signal, 0);
	ASSERT_EQ(0, fcntl(self->r, F_SETFL, O_NONBLOCK | O_ASYNC));
	expect_signals(_metadata, signal, 1);
	ASSERT_EQ(0, fcntl(self->r, F_SETFL, O_NONBLOCK));
	ASSERT_EQ(8, rt_write(self->w, 8, 7));
	expect_signals(_metadata, signal, 0);

}

TEST_F(poll, sigio_for_room)
{
	struct sigaction action = { .sa_sigaction = count, .sa_flags = SA_SIGINFO | SA_RESTART };
	int wo = rt_open(_metadata, BLOCK, O_WRONLY | O_NONBLOCK), signal = SIGRTMIN + 1;

	ASSERT_EQ(0, sigaction(signal, &action, NULL));
	ASSERT_EQ(0, sigaction(SIGIO, &action, NULL));
	ASSERT_LT(0, rt_write_until_full(self->w, 8));
	ASSERT_EQ(0, fcntl(wo, F_SETOWN, getpid()));
	ASSERT_EQ(0, fcntl(wo, F_SETSIG, signal));
	ASSERT_EQ(0, fcntl(wo, F_SETFL, O_NONBLOCK | O_ASYNC));
	for (int i = 0; i < 3; i++) {
		RT_FAILS(EAGAIN, rt_write(wo, 8, 0));
		ASSERT_EQ(8, rt_read(self->r, 64, i));
		expect_signals(_metadata, signal, 1);
		EXPECT_EQ(POLL_OUT, info.si_code);
		EXPECT_EQ(wo, info.si_fd);
		ASSERT_EQ(8, rt_write(wo, 8, 0));
	}
	/* Of room only: it does not read. And who only reads is not told of room. */
	signals[signal] = 0;
	ASSERT_EQ(0, ioctl(self->w, RING_IOC_WAKE, RING_WAKE_DATA));
	expect_signals(_metadata, signal, 0);
	ASSERT_EQ(0, fcntl(self->r, F_SETOWN, getpid()));
	ASSERT_EQ(0, fcntl(self->r, F_SETFL, O_NONBLOCK | O_ASYNC));
	signals[SIGIO] = 0;
	RT_FAILS(EAGAIN, rt_write(wo, 8, 0));
	ASSERT_EQ(8, rt_read(self->r, 64, 3));
	expect_signals(_metadata, signal, 1);
	expect_signals(_metadata, SIGIO, 0);
	close(wo);
}

TEST_HARNESS_MAIN
