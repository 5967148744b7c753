// SPDX-License-Identifier: GPL-2.0
/* Blocking: it really sleeps, and it ends when it shall: by an event, a deadline, a signal, a kill */

#include <sys/epoll.h>

#include "ring_test.h"

/* Every call that can sleep, on an empty ring for readers and a full one for writers */
enum how {
	READ, READV, READ_MANY, WAIT_DATA, POLL, EPOLL, WAIT_SEQUENCE, READERS,
	WRITE = READERS, PUBLISH, WAIT_SPACE, POLL_ROOM, CALLS
};

static const char *const names[] = {
	"read", "readv", "READ", "WAIT data", "poll", "epoll", "WAIT sequence", "write", "PUBLISH", "WAIT space",
	"poll for room",
};

struct call {
	enum how how;
	int fd;
	__u64 deadline;		/* those that have none ignore it */
	__u64 sequence;		/* WAIT_SEQUENCE */
	size_t len;		/* WRITE, PUBLISH; 0: 8 */
	__u64 number;
};

static bool has_deadline(enum how how)
{
	return how == READ_MANY || how == WAIT_DATA || how == WAIT_SEQUENCE || how == PUBLISH ||
	       how == WAIT_SPACE;
}

static long make(void *arg)
{
	struct call *c = arg;
	char buf[64];
	struct iovec iov[2] = { { buf, 4 }, { buf + 4, 60 } };
	struct ring_read_record record;
	struct ring_read many = {
		.size = sizeof(many), .records = (uintptr_t)&record, .count = 1, .buf = (uintptr_t)buf,
		.buf_len = sizeof(buf), .deadline = c->deadline,
	};
	struct ring_wait wait = {
		.size = sizeof(wait), .flags = RING_WAIT_DATA, .sequence = c->sequence, .deadline = c->deadline,
	};
	struct epoll_event event = { .events = EPOLLIN };
	struct pollfd p = { .fd = c->fd, .events = c->how == POLL ? POLLIN : POLLOUT };
	int ret, epoll;

	switch (c->how) {
	case READ:
		return read(c->fd, buf, sizeof(buf));
	case READV:
		return readv(c->fd, iov, 2);
	case READ_MANY:
		return ioctl(c->fd, RING_IOC_READ, &many) ?: (long)record.len;
	case WAIT_DATA:
		return rt_wait_data(c->fd, c->deadline);
	case WAIT_SEQUENCE:
		return ioctl(c->fd, RING_IOC_WAIT, &wait);
	case POLL:
	case POLL_ROOM:
		return poll(&p, 1, -1);
	case EPOLL:
		epoll = epoll_create1(EPOLL_CLOEXEC);
		epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
		ret = epoll_wait(epoll, &event, 1, -1);
		close(epoll);
		return ret;
	case WRITE:
		return rt_write(c->fd, c->len ?: 8, c->number);
	case PUBLISH:
		return rt_publish(c->fd, "published", 8, 0, c->deadline, NULL);
	case WAIT_SPACE:
		return rt_wait_space(c->fd, 1, c->deadline);
	default:
		return -1;
	}
}

/* The readers wait on an empty overwriting ring, the writers on a full blocking one. */
FIXTURE(block) {
	int w, r;			/* of the blocking ring, which is full; @r has taken nothing */
	int ow, or;			/* of the overwriting ring, which is empty */
	__u64 next;			/* sequence of the next record in it */
	struct call calls[CALLS];
	struct rt_thread threads[CALLS];
};

FIXTURE_SETUP(block)
{
	self->w = rt_open_empty(_metadata, BLOCK);
	self->r = rt_open(_metadata, BLOCK, O_RDONLY);
	rt_subscribe(_metadata, self->r, 0, RING_OLDEST);
	ASSERT_EQ(4096, rt_write_until_full(self->w, 8));
	self->ow = rt_open_empty(_metadata, OVERWRITE);
	self->or = rt_open(_metadata, OVERWRITE, O_RDONLY);
	rt_subscribe(_metadata, self->or, 0, RING_OLDEST);
	self->next = rt_stat(_metadata, self->ow).head;
	for (int i = 0; i < CALLS; i++) {
		/* Each on a file of its own, so that one record serves all the readers. */
		self->calls[i] = (struct call) {
			.how = i, .deadline = RING_NEVER, .sequence = self->next,
			.fd = i < READERS ? rt_open(_metadata, OVERWRITE, O_RDONLY) : self->w,
		};
	}
}

FIXTURE_TEARDOWN(block)
{
	for (int i = 0; i < READERS; i++)
		close(self->calls[i].fd);
	close(self->w);
	close(self->r);
	close(self->ow);
	close(self->or);
}

static void start_all(struct __test_metadata *_metadata, FIXTURE_DATA(block) *self)
{
	for (int i = 0; i < CALLS; i++)
		rt_start_asleep(_metadata, &self->threads[i], make, &self->calls[i]);
}

/* Give all the readers a record, and all the writers room. */
static void end_all(struct __test_metadata *_metadata, FIXTURE_DATA(block) *self)
{
	ASSERT_EQ(8, rt_write(self->ow, 8, 0));
	ASSERT_EQ(8, rt_read(self->r, 64, 0));
	for (int i = 1; i < 16; i++) {
		ASSERT_EQ(8, rt_read(self->r, 64, i));
	}
	for (int i = 0; i < CALLS; i++) {
		ASSERT_TRUE(rt_ends(&self->threads[i], 5000)) {
			TH_LOG("%s", names[i]);
		}
		EXPECT_LE(0, self->threads[i].ret) {
			TH_LOG("%s: %s", names[i], strerror(self->threads[i].error));
		}
	}
}

/*
 * Two seconds, in which each takes less than 50 ms of a processor: none at all, for it is not even looked at.
 * (Counted while it sleeps: when the machine that emulates this one is busy, to go to sleep may take longer.)
 */
TEST_F(block, sleeps)
{
	__u64 cpu[CALLS];
	long switches[CALLS];

	start_all(_metadata, self);
	for (int i = 0; i < CALLS; i++) {
		cpu[i] = rt_thread_cpu(&self->threads[i]);
		switches[i] = rt_voluntary_switches(self->threads[i].tid);
	}
	rt_sleep_ms(2000);
	for (int i = 0; i < CALLS; i++) {
		EXPECT_EQ('S', rt_task_state(self->threads[i].tid));
		EXPECT_GT(cpu[i] + 50 * RT_MS, rt_thread_cpu(&self->threads[i])) {
			TH_LOG("%s", names[i]);
		}
		EXPECT_EQ(switches[i], rt_voluntary_switches(self->threads[i].tid)) {
			TH_LOG("%s", names[i]);
		}
	}
	end_all(_metadata, self);
}

/* One record wakes all readers, and room all writers, soon. */
TEST_F(block, one_event_ends_all)
{
	__u64 began;

	start_all(_metadata, self);
	began = rt_now();
	end_all(_metadata, self);
	for (int i = 0; i < CALLS; i++) {
		EXPECT_GT(1000 * rt_slow() * RT_MS, self->threads[i].ended - began) {
			TH_LOG("%s", names[i]);
		}
	}
}

TEST_F(block, deadlines_are_met)
{
	static const unsigned int ms[] = { 1, 60, 300 };
	int again = 0;

	for (int j = 0; j < (int)ARRAY_SIZE(ms); j++) {
		bool late = false;

		for (int i = 0; i < CALLS; i++) {
			struct rt_thread *t = &self->threads[i];

			if (!has_deadline(i))
				continue;
			self->calls[i].deadline = rt_in_ms(ms[j]);
			rt_start(_metadata, t, make, &self->calls[i]);
		}
		for (int i = 0; i < CALLS; i++) {
			if (!has_deadline(i))
				continue;
			ASSERT_TRUE(rt_ends(&self->threads[i], 5000)) {
				TH_LOG("%s", names[i]);
			}
			EXPECT_EQ(-1, self->threads[i].ret);
			EXPECT_EQ(ETIMEDOUT, self->threads[i].error) {
				TH_LOG("%s: %s", names[i], strerror(self->threads[i].error));
			}
			EXPECT_LE(self->calls[i].deadline, self->threads[i].ended) {
				TH_LOG("%s", names[i]);
			}
			late |= self->calls[i].deadline + 100 * RT_MS < self->threads[i].ended;
		}
		/* Once more, should the machine itself have been asleep */
		if (late && ++again < 3) {
			j--;
			continue;
		}
		ASSERT_FALSE(late) {
			TH_LOG("more than 100 ms late, again and again");
		}
	}
	/* None of them has left anything behind. */
	EXPECT_EQ(0, rt_stat(_metadata, self->ow).retained);
	EXPECT_EQ(4096, rt_stat(_metadata, self->w).retained);
	/* A deadline is no duration: one in the past has passed, but only matters when there is nothing. */
	for (int i = 0; i < CALLS; i++) {
		if (!has_deadline(i))
			continue;
		self->calls[i].deadline = 1;
		RT_FAILS(ETIMEDOUT, make(&self->calls[i]));
		self->calls[i].deadline = RING_NOW;
		RT_FAILS(EAGAIN, make(&self->calls[i]));
	}
	ASSERT_EQ(8, rt_write(self->ow, 8, 0));
	ASSERT_EQ(8, rt_read(self->r, 64, 0));
	for (int i = 0; i < CALLS; i++) {
		self->calls[i].deadline = 1;
		if (has_deadline(i)) {
			EXPECT_LE(0, make(&self->calls[i])) {
				TH_LOG("%s: %s", names[i], strerror(errno));
			}
		}
		if (i == PUBLISH)
			rt_read(self->r, 64, 1);
	}
}

static void nothing(int signal)
{
	(void)signal;
}

TEST_F(block, a_signal_interrupts)
{
	struct sigaction action = { .sa_handler = nothing };
	__u64 published = rt_stat(_metadata, self->w).published;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	start_all(_metadata, self);
	for (int i = 0; i < CALLS; i++)
		pthread_kill(self->threads[i].thread, SIGUSR1);
	for (int i = 0; i < CALLS; i++) {
		ASSERT_TRUE(rt_ends(&self->threads[i], 5000)) {
			TH_LOG("%s", names[i]);
		}
		EXPECT_EQ(-1, self->threads[i].ret);
		EXPECT_EQ(EINTR, self->threads[i].error) {
			TH_LOG("%s: %s", names[i], strerror(self->threads[i].error));
		}
	}
	EXPECT_EQ(published, rt_stat(_metadata, self->w).published);
}

/* With SA_RESTART the call goes on as if nothing had been; poll() and epoll_wait() never restart. */
TEST_F(block, a_signal_with_restart_does_not)
{
	struct sigaction action = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	struct rt_thread *t;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	start_all(_metadata, self);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < CALLS; i++)
			if (i != POLL && i != POLL_ROOM && i != EPOLL)
				pthread_kill(self->threads[i].thread, SIGUSR1);
		rt_sleep_ms(1);
	}
	for (int i = 0; i < CALLS; i++) {
		EXPECT_EQ(0, __atomic_load_n(&self->threads[i].ended, __ATOMIC_ACQUIRE)) {
			TH_LOG("%s: %s", names[i], strerror(self->threads[i].error));
		}
	}
	end_all(_metadata, self);
	ASSERT_EQ(0, ioctl(self->ow, RING_IOC_FLUSH, 0));
	/* The deadline is the one it was. */
	t = &self->threads[WAIT_DATA];
	ASSERT_EQ(0, lseek(self->calls[WAIT_DATA].fd, 0, SEEK_END));
	self->calls[WAIT_DATA].deadline = rt_in_ms(200);
	rt_start(_metadata, t, make, &self->calls[WAIT_DATA]);
	for (int i = 0; i < 15; i++) {
		rt_sleep_ms(10);
		pthread_kill(t->thread, SIGUSR1);
	}
	ASSERT_TRUE(rt_ends(t, 5000));
	EXPECT_EQ(ETIMEDOUT, t->error);
	EXPECT_LE(self->calls[WAIT_DATA].deadline, t->ended);
	EXPECT_GE(self->calls[WAIT_DATA].deadline + 5000 * rt_slow() * RT_MS, t->ended);
}

TEST_F(block, a_kill_ends_it)
{
	pid_t pids[CALLS];

	for (int i = 0; i < CALLS; i++) {
		pids[i] = rt_fork(_metadata);
		if (!pids[i]) {
			make(&self->calls[i]);
			_exit(0);
		}
	}
	for (int i = 0; i < CALLS; i++) {
		ASSERT_TRUE(rt_wait_state(pids[i], 'S'));
	}
	rt_sleep_ms(50);
	for (int i = 0; i < CALLS; i++) {
		__u64 began = rt_now();

		ASSERT_EQ(0, kill(pids[i], SIGKILL));
		EXPECT_EQ(128 + SIGKILL, rt_wait_child(pids[i])) {
			TH_LOG("%s", names[i]);
		}
		EXPECT_TRUE(rt_within(began, 5000));
	}
	/* The rings go on. */
	start_all(_metadata, self);
	end_all(_metadata, self);
}

/* Of those who wait on one file, one gets the record. */
TEST_F(block, one_record_for_one_of_many)
{
	int fd = rt_open(_metadata, OVERWRITE, O_RDONLY);
	struct call call = { .how = READ, .fd = fd };
	struct rt_thread t[4];
	int ended = 0;

	rt_subscribe(_metadata, fd, 0, RING_OLDEST);
	for (int i = 0; i < 4; i++)
		rt_start_asleep(_metadata, &t[i], make, &call);
	for (int records = 1; records <= 4; records++) {
		ASSERT_EQ(8, rt_write(self->ow, 8, records));
		rt_sleep_ms(50);
		ended = 0;
		for (int i = 0; i < 4; i++)
			ended += !!__atomic_load_n(&t[i].ended, __ATOMIC_ACQUIRE);
		EXPECT_EQ(records, ended);
	}
	for (int i = 0; i < 4; i++) {
		ASSERT_TRUE(rt_ends(&t[i], 5000));
		EXPECT_EQ(8, t[i].ret);
	}
	close(fd);
}

/* The writer waits for a process that then is stopped, then killed. */
TEST_F(block, a_killed_reader_stops_gating)
{
	struct rt_thread *t = &self->threads[WRITE];
	int told[2];
	pid_t child;
	__u64 began;
	char c;

	ASSERT_EQ(0, pipe(told));
	/* @r takes everything, the child nothing. */
	ASSERT_EQ(0, ioctl(self->w, RING_IOC_FLUSH, 0));
	ASSERT_EQ(0, lseek(self->r, 0, SEEK_END));
	child = rt_fork(_metadata);
	if (!child) {
		int fd = rt_try_open(BLOCK, O_RDONLY);
		struct ring_subscribe sub;

		if (rt_try_subscribe(fd, 0, RING_OLDEST, &sub) || write(told[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ASSERT_EQ(1, read(told[0], &c, 1));
	ASSERT_EQ(4096, rt_write_until_full(self->w, 8));
	ASSERT_EQ(0, lseek(self->r, 0, SEEK_END));
	rt_start_asleep(_metadata, t, make, &self->calls[WRITE]);
	kill(child, SIGSTOP);
	ASSERT_TRUE(rt_wait_state(child, 'T'));
	EXPECT_FALSE(rt_ends(t, 100));
	began = rt_now();
	kill(child, SIGKILL);
	ASSERT_TRUE(rt_ends(t, 5000));
	EXPECT_EQ(8, t->ret);
	EXPECT_GT(1000 * rt_slow() * RT_MS, t->ended - began);
	EXPECT_EQ(128 + SIGKILL, rt_wait_child(child));
	close(told[0]);
	close(told[1]);
}

/* A small one does not wait for a large one that came first, and the large one is not forgotten. */
TEST_F(block, writers_of_several_sizes)
{
	struct call calls[3] = {
		{ .how = WRITE, .fd = self->w, .len = 262144, .number = 1 },	/* 1024 slots */
		{ .how = WRITE, .fd = self->w, .len = 2560, .number = 2 },	/* 10 */
		{ .how = WRITE, .fd = self->w, .len = 8, .number = 3 },		/* 1 */
	};
	static const int taken[3] = { 1035, 11, 1 };
	struct rt_thread t[3];
	int n = 0;

	for (int i = 0; i < 3; i++)
		rt_start_asleep(_metadata, &t[i], make, &calls[i]);
	for (int i = 2; i >= 0; i--) {
		while (n < taken[i] - 1) {
			ASSERT_EQ(8, rt_read(self->r, 64, n));
			n++;
		}
		EXPECT_FALSE(rt_ends(&t[i], 50)) {
			TH_LOG("%zu bytes after %d", calls[i].len, n);
		}
		ASSERT_EQ(8, rt_read(self->r, 64, n));
		n++;
		ASSERT_TRUE(rt_ends(&t[i], 5000)) {
			TH_LOG("%zu bytes after %d", calls[i].len, n);
		}
		EXPECT_EQ(calls[i].len, t[i].ret);
	}
	while (n < 4096) {
		ASSERT_EQ(8, rt_read(self->r, 64, n));
		n++;
	}
	for (int i = 2; i >= 0; i--) {
		EXPECT_EQ(calls[i].len, rt_read(self->r, 262144, calls[i].number));
	}
}

/* Writers and readers that all have to wait for each other, again and again */
#define WRITERS		3
#define RELIABLE	3
#define EACH		300

static const size_t sizes[] = { 8, 60000, 262144, 1000, 200000, 48 };

static long write_many(void *arg)
{
	struct call *c = arg;

	for (int i = 0; i < EACH; i++) {
		size_t len = sizes[i % ARRAY_SIZE(sizes)];

		/* The number tells who it is and which one it is. */
		if (rt_write(c->fd, len, c->number << 32 | i) != (ssize_t)len)
			return i;
	}
	return EACH;
}

static long read_all(void *arg)
{
	struct call *c = arg;
	unsigned char *buf = malloc(262144);
	__u32 next[WRITERS] = {};
	long n;

	for (n = 0; n < WRITERS * EACH; n++) {
		ssize_t len = read(c->fd, buf, 262144);
		__u64 number;

		if (len < 8)
			break;
		memcpy(&number, buf, 8);
		if (number >> 32 >= WRITERS || (__u32)number != next[number >> 32]++ ||
		    len != (ssize_t)sizes[(__u32)number % ARRAY_SIZE(sizes)])
			break;
		/* To look at every byte would take longer than all the rest. */
		if (n % 8 == 0 && !rt_is(buf, len, number))
			break;
	}
	free(buf);
	return n;
}

/* Wait, 10 s at most, or more on a slow machine, until somebody sleeps who did not @before; whether it came to that. */
static bool falls_asleep(struct __test_metadata *_metadata, int fd, const struct ring_stat *before, bool writer)
{
	__u64 deadline = rt_in_ms(10000 * rt_slow());
	struct ring_stat now;

	do {
		now = rt_stat(_metadata, fd);
		if (writer ? now.writer_sleeps > before->writer_sleeps : now.reader_sleeps > before->reader_sleeps)
			return true;
		rt_sleep_ms(1);
	} while (rt_now() < deadline);
	return false;
}

TEST_F(block, many_of_several_sizes)
{
	struct rt_thread writers[WRITERS], readers[RELIABLE];
	struct call wc[WRITERS], rc[RELIABLE];
	struct ring_stat before, after;

	ASSERT_EQ(0, ioctl(self->w, RING_IOC_FLUSH, 0));
	close(self->r);
	before = rt_stat(_metadata, self->w);
	for (int i = 0; i < RELIABLE; i++) {
		rc[i] = (struct call) { .fd = rt_open(_metadata, BLOCK, O_RDONLY) };
		rt_subscribe(_metadata, rc[i].fd, 0, RING_NEXT);
		/* The last one comes when the ring is full. */
		if (i < RELIABLE - 1)
			rt_start(_metadata, &readers[i], read_all, &rc[i]);
	}
	ASSERT_TRUE(falls_asleep(_metadata, self->w, &before, false));
	for (int i = 0; i < WRITERS; i++) {
		wc[i] = (struct call) { .fd = self->w, .number = i };
		rt_start(_metadata, &writers[i], write_many, &wc[i]);
	}
	ASSERT_TRUE(falls_asleep(_metadata, self->w, &before, true));
	rt_start(_metadata, &readers[RELIABLE - 1], read_all, &rc[RELIABLE - 1]);
	for (int i = 0; i < WRITERS; i++) {
		ASSERT_TRUE(rt_ends(&writers[i], 20000));
		EXPECT_EQ(EACH, writers[i].ret);
	}
	for (int i = 0; i < RELIABLE; i++) {
		ASSERT_TRUE(rt_ends(&readers[i], 10000));
		EXPECT_EQ(WRITERS * EACH, readers[i].ret);
		close(rc[i].fd);
	}
	after = rt_stat(_metadata, self->w);
	EXPECT_EQ(before.published + WRITERS * EACH, after.published);
	EXPECT_EQ(before.lost, after.lost);
	self->r = rt_open(_metadata, BLOCK, O_RDONLY);
}

TEST_HARNESS_MAIN
