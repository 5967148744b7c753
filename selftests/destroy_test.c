// SPDX-License-Identifier: GPL-2.0
/* Rings that are removed while they are in use: who sleeps there is told, and what is answered from then on */
#include <sys/epoll.h>

#include "control.h"

struct use {
	int fd;
	char buf[64];
};

static long reads(void *use)
{
	struct use *u = use;

	return read(u->fd, u->buf, sizeof(u->buf));
}

static long writes(void *use)
{
	struct use *u = use;

	return write(u->fd, u->buf, sizeof(u->buf));
}

static long polls_for(struct use *u, short events)
{
	struct pollfd p = { .fd = u->fd, .events = events };
	int ret = poll(&p, 1, 10000);

	return ret == 1 ? p.revents : ret;
}

static long polls(void *use)
{
	return polls_for(use, POLLIN);
}

static long polls_for_space(void *use)
{
	return polls_for(use, POLLOUT);
}

/* Only how it ends: POLLERR and POLLHUP are always asked for. */
static long polls_for_nothing(void *use)
{
	return polls_for(use, 0);
}

static long epolls_for_nothing(void *use)
{
	struct epoll_event e = { .events = 0 };
	int fd = epoll_create1(EPOLL_CLOEXEC), ret;

	ret = epoll_ctl(fd, EPOLL_CTL_ADD, ((struct use *)use)->fd, &e);
	ret = ret ?: epoll_wait(fd, &e, 1, 10000);
	close(fd);
	return ret == 1 ? e.events : ret;
}

static long publishes_many(void *use)
{
	return rt_publish(((struct use *)use)->fd, "x", 1, 0, rt_in_ms(10000), NULL);
}

static long reads_many(void *use)
{
	struct ring_read_record record;
	struct use *u = use;
	struct ring_read call = {
		.size = sizeof(call), .records = (uintptr_t)&record, .count = 1, .buf = (uintptr_t)u->buf,
		.buf_len = sizeof(u->buf), .deadline = rt_in_ms(10000),
	};

	return ioctl(u->fd, RING_IOC_READ, &call);
}

static long waits(void *use)
{
	return rt_wait_data(((struct use *)use)->fd, rt_in_ms(10000));
}

static long waits_for_space(void *use)
{
	return rt_wait_space(((struct use *)use)->fd, 1, rt_in_ms(10000));
}

TEST_F(control, who_sleeps_is_told)
{
	struct { long (*call)(void *); bool full, polls; } sleepers[] = {
		{ reads, false, false }, { reads_many, false, false }, { waits, false, false },
		{ writes, true, false }, { publishes_many, true, false }, { waits_for_space, true, false },
		{ polls, false, true }, { polls_for_space, true, true }, { polls_for_nothing, false, true },
		{ polls_for_nothing, true, true }, { epolls_for_nothing, false, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(sleepers); i++) {
		struct ring_create c = self->c;
		struct rt_thread t;
		struct use use = {};
		__u64 begun;

		ASSERT_EQ(0, ring_create(&c));
		use.fd = rt_try_open(c.id, O_RDWR);
		ASSERT_LE(0, use.fd);
		if (sleepers[i].full)
			ASSERT_LT(0, rt_write_until_full(use.fd, 32));
		rt_start_asleep(_metadata, &t, sleepers[i].call, &use);
		EXPECT_EQ(-EBUSY, ring_destroy(c.id, 0));
		begun = rt_now();
		ASSERT_EQ(0, ring_destroy(c.id, RING_DESTROY_FORCE));
		ASSERT_TRUE(rt_ends(&t, 5000));
		EXPECT_GT(5 * rt_slow() * RT_SECOND, t.ended - begun);
		if (sleepers[i].polls) {
			EXPECT_TRUE(t.ret & POLLERR) {
				TH_LOG("sleeper %zu: %ld", i, t.ret);
			}
		} else {
			EXPECT_EQ(-1, t.ret);
			EXPECT_EQ(ENODEV, t.error);
		}
		close(use.fd);
	}
}

TEST_F(control, what_a_destroyed_ring_answers)
{
	struct ring_get get = { .size = sizeof(get) };
	struct ring_seek seek = { .size = sizeof(seek) };
	struct ring_subscribe subscribe = { .size = sizeof(subscribe) };
	struct ring_create again = self->c;
	struct use use = {};
	struct ring_version v;
	struct rt_map map;
	int w, r, n;

	strcpy(self->c.name, "phoenix");
	ASSERT_EQ(0, ring_create(&self->c));
	w = rt_try_open(self->c.id, O_RDWR | O_NONBLOCK);
	r = rt_try_open(self->c.id, O_RDONLY | O_NONBLOCK);
	rt_subscribe(_metadata, r, 0, RING_NEXT);
	ASSERT_EQ(8, rt_write(w, 8, 1));
	map = rt_map(_metadata, r);
	ASSERT_EQ(0, ring_destroy(self->c.id, RING_DESTROY_FORCE));
	EXPECT_EQ(-ENOENT, ring_destroy(self->c.id, RING_DESTROY_FORCE));

	RT_FAILS(ENODEV, rt_write(w, 8, 1));
	RT_FAILS(ENODEV, rt_publish(w, "x", 1, 0, RING_NOW, NULL));
	RT_FAILS(ENODEV, rt_read(r, 8, 1));
	use.fd = r;
	RT_FAILS(ENODEV, reads_many(&use));
	RT_FAILS(ENODEV, ioctl(r, RING_IOC_GET, &get));
	RT_FAILS(ENODEV, ioctl(r, FIONREAD, &n));
	RT_FAILS(ENODEV, ioctl(w, FIONREAD, &n));
	RT_FAILS(ENODEV, ioctl(w, RING_IOC_SUBSCRIBE, &subscribe));
	RT_FAILS(ENODEV, ioctl(w, RING_IOC_CURSOR, 0));
	RT_FAILS(ENODEV, rt_produce(w, RING_PRODUCE_EXCLUSIVE));
	RT_FAILS(ENODEV, ioctl(r, RING_IOC_SEEK, &seek));
	RT_FAILS(ENODEV, lseek(r, 0, SEEK_SET));
	RT_FAILS(ENODEV, rt_wait_data(r, RING_NOW));
	RT_FAILS(ENODEV, rt_wait_space(w, 1, RING_NOW));
	RT_FAILS(ENODEV, ioctl(r, RING_IOC_WAKE, RING_WAKE_ALL));
	RT_FAILS(ENODEV, ioctl(w, RING_IOC_FLUSH, 0));
	RT_FAILS(ENODEV, ioctl(w, RING_IOC_SHUTDOWN, 0));
	EXPECT_TRUE(rt_poll(r, POLLIN) & POLLERR);
	EXPECT_TRUE(rt_poll(w, POLLOUT) & POLLERR);
	EXPECT_STREQ("phoenix", rt_info(_metadata, r).name);
	EXPECT_EQ(RING_STATUS_DESTROYED, rt_stat(_metadata, r).status);
	EXPECT_EQ(RING_STATUS_DESTROYED, map.mem.control->status);
	RT_OK(ioctl(r, RING_IOC_UNSUBSCRIBE, 0));

	/* Its number and its name are free, its memory is not yet. */
	again.id = self->c.id;
	strcpy(again.name, "phoenix");
	ASSERT_EQ(0, ring_create(&again));
	ASSERT_EQ(0, rt_stat(_metadata, w).retained - 1);
	ASSERT_EQ(0, ring_module_version(&v));
	EXPECT_LT(self->bytes + rt_stat(_metadata, w).bytes, v.bytes);
	EXPECT_EQ(0, ring_destroy(again.id, 0));
	close(r);
	close(w);
	ASSERT_EQ(0, ring_module_version(&v));
	EXPECT_LT(self->bytes, v.bytes);
	rt_unmap(&map);
}

static long reads_library(void *r)
{
	return ring_wait(r, rt_in_ms(10000));
}

/* The library says the same, on its ways without system calls too. */
TEST_F(control, libring_is_told)
{
	struct ring_reservation res;
	struct ring *r, *w;
	struct rt_thread t;
	struct ring_view v;
	char where[16];

	for (int direct = 0; direct < 2; direct++) {
		struct ring_create c = self->c;

		c.ring_flags = direct ? RING_DIRECT : 0;
		ASSERT_EQ(0, ring_create(&c));
		snprintf(where, sizeof(where), "ring%u", c.id);
		ASSERT_EQ(0, ring_open(where, RING_OPEN_READ | RING_OPEN_WRITE, &w));
		ASSERT_EQ(0, ring_open(where, RING_OPEN_READ, &r));
		ASSERT_EQ(0, ring_publish(w, "x", 1, 0, RING_NOW));
		ASSERT_EQ(1, ring_next(r, &v));
		ASSERT_EQ(0, ring_release(r));
		ASSERT_EQ(-EAGAIN, ring_next(r, &v));
		rt_start_asleep(_metadata, &t, reads_library, r);
		ASSERT_EQ(0, ring_destroy(c.id, RING_DESTROY_FORCE));
		ASSERT_TRUE(rt_ends(&t, 5000));
		EXPECT_EQ(-ENODEV, ring_next(r, &v));
		EXPECT_EQ(-ENODEV, ring_publish(w, "x", 1, 0, RING_NOW));
		EXPECT_EQ(-ENODEV, ring_publish(w, "x", 1, 0, RING_NEVER));
		/* A mediated reservation is the library's own until it is committed. */
		if (direct)
			EXPECT_EQ(-ENODEV, ring_reserve(w, 8, RING_NOW, &res));
		EXPECT_EQ(-ENODEV, ring_flush(w));
		ring_close(r);
		ring_close(w);
	}
}

TEST_HARNESS_MAIN
