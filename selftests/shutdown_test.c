// SPDX-License-Identifier: GPL-2.0
/*
 * SHUTDOWN: readers drain, then get end of file, writers get EPIPE, everybody wakes. It lasts for ever, so
 * every test takes rings that no other one has used.
 */

#include <libring.h>

#include "ring_test.h"

/* All block but the second one. */
RT_LOADS("rings=16 slots=4096 slot_size=64 size=1M policy=block,overwrite,block")

FIXTURE(shutdown) {
	int ring;		/* the blocking one that has not been shut down yet; the next one is spare */
	int w, r;		/* @r is a subscriber */
};

FIXTURE_SETUP(shutdown)
{
	for (self->ring = OVERWRITE + 1; ; self->ring++) {
		self->w = rt_open(_metadata, self->ring, O_RDWR);
		if (!rt_stat(_metadata, self->w).status)
			break;
		close(self->w);
	}
	self->r = rt_open(_metadata, self->ring, O_RDONLY);
	rt_subscribe(_metadata, self->r, 0, RING_OLDEST);
}

FIXTURE_TEARDOWN(shutdown)
{
	close(self->w);
	close(self->r);
}

static int take_many(int fd)
{
	struct ring_read_record records[8];
	static char buf[4096];
	struct ring_read arg = {
		.size = sizeof(arg), .records = (uintptr_t)records, .count = 8, .buf = (uintptr_t)buf,
		.buf_len = sizeof(buf), .deadline = RING_NEVER,
	};

	return ioctl(fd, RING_IOC_READ, &arg) ?: (int)arg.taken;
}

TEST_F(shutdown, drain_then_end_of_file)
{
	int late, n = -1;
	char c = 0;

	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(100, rt_write(self->w, 100, i));
	}
	RT_FAILS(EBADF, ioctl(self->r, RING_IOC_SHUTDOWN, 0));
	EXPECT_EQ(0, rt_stat(_metadata, self->w).status);
	ASSERT_EQ(0, ioctl(self->w, RING_IOC_SHUTDOWN, 0));
	EXPECT_EQ(RING_STATUS_SHUTDOWN, rt_stat(_metadata, self->w).status);

	/* No more records, and no SIGPIPE either */
	RT_FAILS(EPIPE, write(self->w, &c, 1));
	RT_FAILS(EPIPE, rt_write(self->w, 1000, 1));
	RT_FAILS(EPIPE, rt_publish(self->w, &c, 1, 0, RING_NEVER, NULL));
	RT_FAILS(EPIPE, rt_publish(self->w, &c, 1, 0, RING_NOW, NULL));
	EXPECT_EQ(5, rt_stat(_metadata, self->w).published);

	EXPECT_EQ(POLLIN | POLLHUP, rt_poll(self->r, POLLIN));
	EXPECT_EQ(100, rt_read(self->r, 200, 0));
	/* Who comes late gets what is left. */
	late = rt_open(_metadata, self->ring, O_RDONLY);
	EXPECT_LT(0, take_many(late));
	EXPECT_EQ(0, take_many(late));
	EXPECT_EQ(0, read(late, &c, 1));
	for (int i = 1; i < 5; i++) {
		EXPECT_EQ(0, rt_wait_data(self->r, RING_NEVER));
		EXPECT_EQ(100, rt_read(self->r, 200, i));
	}
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, read(self->r, &c, 1));
		EXPECT_EQ(0, take_many(self->r));
		EXPECT_EQ(0, rt_wait_data(self->r, RING_NEVER));
		EXPECT_EQ(POLLIN | POLLHUP, rt_poll(self->r, POLLIN));
		EXPECT_EQ(POLLHUP, rt_poll(self->r, 0));
	}
	rt_set_nonblock(self->r, true);
	EXPECT_EQ(0, read(self->r, &c, 1));
	EXPECT_EQ(0, ioctl(self->r, FIONREAD, &n));
	EXPECT_EQ(0, n);
	EXPECT_TRUE(rt_poll(self->w, POLLOUT) & POLLHUP);
	close(late);
}

TEST_F(shutdown, it_lasts)
{
	int other = rt_open(_metadata, self->ring + 1, O_RDWR);
	char c;

	ASSERT_EQ(20, rt_write(self->w, 20, 0));
	ASSERT_EQ(0, ioctl(self->w, RING_IOC_SHUTDOWN, 0));
	EXPECT_EQ(0, ioctl(self->w, RING_IOC_SHUTDOWN, 0));
	close(self->w);
	close(self->r);
	self->w = rt_open(_metadata, self->ring, O_RDWR);
	self->r = rt_open(_metadata, self->ring, O_RDONLY);
	RT_FAILS(EPIPE, rt_write(self->w, 8, 0));
	EXPECT_EQ(20, rt_read(self->r, 64, 0));
	EXPECT_EQ(0, read(self->r, &c, 1));
	/* No other ring is concerned. */
	EXPECT_EQ(20, rt_write(other, 20, 5));
	EXPECT_EQ(20, rt_read(other, 64, 5));
	EXPECT_EQ(POLLOUT, rt_poll(other, POLLIN | POLLOUT));
	/* What is retained may still be dropped, and is lost then. */
	close(self->r);
	close(self->w);
	self->w = rt_open(_metadata, self->ring, O_RDWR);
	EXPECT_EQ(0, ioctl(self->w, RING_IOC_FLUSH, 0));
	EXPECT_EQ(0, read(self->w, &c, 1));
	self->r = rt_open(_metadata, self->ring, O_RDONLY);
	close(other);
}

TEST_F(shutdown, losses_are_told_before_the_end)
{
	int w = rt_open(_metadata, OVERWRITE, O_RDWR), r = rt_open(_metadata, OVERWRITE, O_RDONLY);
	__u32 id = rt_subscribe(_metadata, r, 0, RING_OLDEST);
	__u64 lost, n;
	char buf[64];

	for (int i = 0; i < 5000; i++) {
		ASSERT_EQ(8, rt_write(w, 8, i));
	}
	ASSERT_EQ(0, ioctl(w, RING_IOC_SHUTDOWN, 0));
	EXPECT_EQ(POLLIN | POLLPRI | POLLHUP, rt_poll(r, POLLIN | POLLPRI));
	RT_FAILS(EOVERFLOW, read(r, buf, 64));
	lost = rt_subscriber(_metadata, w, id).lost;
	EXPECT_LE(904, lost);
	for (n = lost; n < 5000; n++) {
		ASSERT_EQ(8, rt_read(r, 64, n));
	}
	EXPECT_EQ(0, read(r, buf, 64));
	close(w);
	close(r);
}

TEST_F(shutdown, cat_ends)
{
	char command[200], got[11] = "";
	FILE *f;

	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(1, write(self->w, "0123456789" + i, 1));
	}
	ASSERT_EQ(0, ioctl(self->w, RING_IOC_SHUTDOWN, 0));
	snprintf(command, sizeof(command), "exec timeout 5 cat /dev/ring%d", self->ring);
	f = popen(command, "r");
	ASSERT_NE(NULL, f);
	EXPECT_EQ(10, fread(got, 1, 10, f));
	EXPECT_STREQ("0123456789", got);
	EXPECT_EQ(0, pclose(f));
}

/* ---- Who sleeps at that time ---- */

enum how {
	READ, READ_MANY, WAIT_DATA, WAIT_SEQUENCE, POLL_DATA, WRITE, PUBLISH, WAIT_SPACE, POLL_ROOM, POLL_END, CALLS
};

struct call {
	enum how how;
	int fd;
	__u32 published;
};

static long make(void *arg)
{
	struct call *c = arg;
	struct ring_publish_record records[3] = {
		{ (uintptr_t)"one", 3, 0 }, { (uintptr_t)"two", 3, 0 }, { (uintptr_t)"three", 5, 0 },
	};
	struct ring_publish publish = {
		.size = sizeof(publish), .records = (uintptr_t)records, .count = 3, .deadline = RING_NEVER,
	};
	struct ring_wait wait = {
		.size = sizeof(wait), .flags = RING_WAIT_DATA, .sequence = 1000000, .deadline = RING_NEVER,
	};
	struct pollfd p = { .fd = c->fd, .events = c->how == POLL_DATA ? POLLIN :
								 c->how == POLL_ROOM ? POLLOUT : 0 };
	char buf[64];
	int ret;

	switch (c->how) {
	case READ:
		return read(c->fd, buf, sizeof(buf));
	case READ_MANY:
		return take_many(c->fd);
	case WAIT_DATA:
		return rt_wait_data(c->fd, RING_NEVER);
	case WAIT_SEQUENCE:
		return ioctl(c->fd, RING_IOC_WAIT, &wait);
	case WRITE:
		return rt_write(c->fd, 8, 0);
	case PUBLISH:
		ret = ioctl(c->fd, RING_IOC_PUBLISH, &publish);
		c->published = publish.published;
		return ret;
	case WAIT_SPACE:
		return rt_wait_space(c->fd, 1, RING_NEVER);
	default:
		ret = poll(&p, 1, -1);
		return ret == 1 ? p.revents : -1;
	}
}

TEST_F(shutdown, everybody_wakes)
{
	struct call calls[CALLS];
	struct rt_thread t[CALLS];
	int empty = rt_open(_metadata, self->ring + 1, O_RDWR);

	/* The writers at a full ring, the readers at an empty one */
	ASSERT_EQ(4096, rt_write_until_full(self->w, 8));
	for (int i = 0; i < CALLS; i++) {
		calls[i] = (struct call) { .how = i, .fd = i < WRITE ? empty : self->w };
		rt_start_asleep(_metadata, &t[i], make, &calls[i]);
	}
	ASSERT_EQ(0, ioctl(empty, RING_IOC_SHUTDOWN, 0));
	ASSERT_EQ(0, ioctl(self->w, RING_IOC_SHUTDOWN, 0));
	for (int i = 0; i < CALLS; i++) {
		ASSERT_TRUE(rt_ends(&t[i], 5000)) {
			TH_LOG("call %d", i);
		}
	}
	EXPECT_EQ(0, t[READ].ret);
	EXPECT_EQ(0, t[READ_MANY].ret);
	EXPECT_EQ(0, t[WAIT_DATA].ret);
	EXPECT_EQ(0, t[WAIT_SEQUENCE].ret);
	EXPECT_EQ(POLLIN | POLLHUP, t[POLL_DATA].ret);
	EXPECT_EQ(-1, t[WRITE].ret);
	EXPECT_EQ(EPIPE, t[WRITE].error);
	EXPECT_EQ(-1, t[PUBLISH].ret);
	EXPECT_EQ(EPIPE, t[PUBLISH].error);
	EXPECT_EQ(-1, t[WAIT_SPACE].ret);
	EXPECT_EQ(EPIPE, t[WAIT_SPACE].error);
	EXPECT_TRUE(t[POLL_ROOM].ret & POLLHUP);
	EXPECT_EQ(POLLHUP, t[POLL_END].ret);
	close(empty);
}

/* A part was published before: that is what the call tells. */
TEST_F(shutdown, in_the_middle_of_publishing)
{
	struct call c = { .how = PUBLISH, .fd = self->w };
	struct rt_thread t;

	ASSERT_EQ(4096, rt_write_until_full(self->w, 8));
	ASSERT_EQ(8, rt_read(self->r, 64, 0));
	rt_start_asleep(_metadata, &t, make, &c);
	ASSERT_EQ(0, ioctl(self->w, RING_IOC_SHUTDOWN, 0));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(0, t.ret);
	EXPECT_EQ(1, c.published);
	RT_FAILS(EPIPE, make(&c));
	EXPECT_EQ(4097, rt_stat(_metadata, self->w).published);
}

static long write_to_the_end(void *fd)
{
	long n = 0;

	while (rt_write(*(int *)fd, n % 3 ? 8 : 1000, n) > 0)
		n++;
	return errno == EPIPE ? n : -1;
}

static long read_to_the_end(void *fd)
{
	char buf[1000];
	long n = 0;
	ssize_t len;

	while ((len = read(*(int *)fd, buf, sizeof(buf))) > 0)
		n++;
	/* The end stays the end. */
	for (int i = 0; i < 3 && !len; i++) {
		rt_sleep_ms(5);
		len = read(*(int *)fd, buf, sizeof(buf));
	}
	return len ? -1 : n;
}

/* Whatever a writer was told was published is read by everybody, and nothing comes after the end. */
TEST_F(shutdown, under_way)
{
	struct rt_thread writers[2], readers[2];
	int second = rt_open(_metadata, self->ring, O_RDONLY);
	long written = 0;

	rt_subscribe(_metadata, second, 0, RING_OLDEST);
	rt_start(_metadata, &readers[0], read_to_the_end, &self->r);
	rt_start(_metadata, &readers[1], read_to_the_end, &second);
	for (int i = 0; i < 2; i++)
		rt_start(_metadata, &writers[i], write_to_the_end, &self->w);
	rt_sleep_ms(300);
	ASSERT_EQ(0, ioctl(self->w, RING_IOC_SHUTDOWN, 0));
	for (int i = 0; i < 2; i++) {
		ASSERT_TRUE(rt_ends(&writers[i], 5000));
		EXPECT_LT(0, writers[i].ret);
		written += writers[i].ret;
	}
	for (int i = 0; i < 2; i++) {
		ASSERT_TRUE(rt_ends(&readers[i], 5000));
		EXPECT_EQ(written, readers[i].ret);
	}
	EXPECT_EQ(written, rt_stat(_metadata, self->w).published);
	close(second);
}

/* ---- The same of producers that publish in their mapping: nobody but them knows what is on its way ---- */

#define ROUNDS	100

FIXTURE(direct) {
	struct ring_create c;
	char name[16];		/* its number */
	struct ring *in;	/* a subscriber */
	int r, w;		/* @r is one too */
};

FIXTURE_VARIANT(direct) {
	__u32 flags;		/* of ring_produce() */
	int producers;
};

FIXTURE_VARIANT_ADD(direct, shared) { .producers = 2 };
FIXTURE_VARIANT_ADD(direct, exclusive) { .flags = RING_PRODUCE_EXCLUSIVE, .producers = 1 };

FIXTURE_SETUP(direct)
{
	ring_create_defaults(&self->c);
	self->c.slots = 256;
	self->c.bulk_size = 65536;
	self->c.ring_flags = RING_DIRECT;
}

FIXTURE_TEARDOWN(direct)
{
}

struct publisher {
	const char *name;
	__u32 flags;
	int ready;
};

static long publish_to_the_end(void *arg)
{
	struct publisher *p = arg;
	char record[1000] = "";
	struct ring *r;
	long n = 0;
	int err = ring_open(p->name, RING_OPEN_READ | RING_OPEN_WRITE, &r) ?: ring_produce(r, p->flags);

	__atomic_store_n(&p->ready, 1, __ATOMIC_RELEASE);
	while (!err) {
		err = ring_publish(r, record, n % 3 ? 8 : sizeof(record), 0, RING_NEVER);
		n += !err;
	}
	ring_close(r);
	return err == -EPIPE ? n : -1;
}

static long next_to_the_end(void *arg)
{
	struct ring *r = arg;
	struct ring_view v;
	long n = 0;
	int ret;

	while ((ret = ring_next(r, &v))) {
		n += ret == 1;
		if (ret == 1)
			continue;
		if (ret != -EAGAIN || ring_release(r) || ring_wait(r, RING_NEVER))
			return -1;
	}
	/* The end stays the end. */
	for (int i = 0; i < 3 && !ret; i++) {
		rt_sleep_ms(5);
		ret = ring_next(r, &v);
	}
	return ret ? -1 : n;
}

/* An exclusive producer may store its record when the ring is shut down already: where no reader's end can be. */
TEST_F(direct, late_record_of_an_exclusive_producer)
{
	const struct ring_mem *mem;
	struct ring_view v;
	struct ring *w;
	__u64 end;
	char c;

	if (!(variant->flags & RING_PRODUCE_EXCLUSIVE))
		return;
	ASSERT_EQ(0, ring_create(&self->c));
	snprintf(self->name, sizeof(self->name), "%u", self->c.id);
	ASSERT_EQ(0, ring_open(self->name, RING_OPEN_READ | RING_OPEN_WRITE, &w));
	ASSERT_EQ(0, ring_produce(w, RING_PRODUCE_EXCLUSIVE));
	ASSERT_EQ(0, ring_publish(w, "1", 1, 0, RING_NOW));
	ASSERT_EQ(0, ring_open(self->name, RING_OPEN_READ, &self->in));
	ASSERT_EQ(0, ring_subscribe(self->in, NULL));
	self->r = rt_open(_metadata, self->c.id, O_RDONLY);
	rt_subscribe(_metadata, self->r, 0, RING_OLDEST);
	mem = &w->out;
	end = rt_stat(_metadata, self->r).head;
	ASSERT_EQ(0, ring_shutdown(w));
	ASSERT_EQ(1, read(self->r, &c, 1));
	ASSERT_EQ(0, read(self->r, &c, 1));
	ASSERT_EQ(1, ring_next(self->in, &v));
	ASSERT_EQ(0, ring_release(self->in));
	ASSERT_EQ(0, ring_next(self->in, &v));

	ring_slot_describe(ring_mem_slot(mem, end), 1, 0);
	ring_mem_commit(mem, end, 1, w->owner);
	EXPECT_EQ(0, read(self->r, &c, 1));
	EXPECT_EQ(0, ring_next(self->in, &v));
	EXPECT_EQ(-EPIPE, ring_publish(w, "2", 1, 0, RING_NOW));
	ring_close(self->in);
	ring_close(w);
	close(self->r);
	ASSERT_EQ(0, ring_destroy(self->c.id, 0));
}

TEST_F_TIMEOUT(direct, under_way, 100)
{
	struct publisher publishers[2];
	struct rt_thread writers[2], readers[2];
	unsigned int random = 1;

	for (int round = 0; round < rt_times(ROUNDS); round++) {
		long written = 0, most;

		ASSERT_EQ(0, ring_create(&self->c));
		snprintf(self->name, sizeof(self->name), "%u", self->c.id);
		ASSERT_EQ(0, ring_open(self->name, RING_OPEN_READ, &self->in));
		ASSERT_EQ(0, ring_subscribe(self->in, NULL));
		self->r = rt_open(_metadata, self->c.id, O_RDONLY);
		rt_subscribe(_metadata, self->r, 0, RING_OLDEST);
		self->w = rt_open(_metadata, self->c.id, O_WRONLY);
		rt_start(_metadata, &readers[0], next_to_the_end, self->in);
		rt_start(_metadata, &readers[1], read_to_the_end, &self->r);
		for (int i = 0; i < variant->producers; i++) {
			publishers[i] = (struct publisher){ .name = self->name, .flags = variant->flags };
			rt_start(_metadata, &writers[i], publish_to_the_end, &publishers[i]);
			while (!__atomic_load_n(&publishers[i].ready, __ATOMIC_ACQUIRE))
				sched_yield();
		}
		usleep(rand_r(&random) % 3000);
		ASSERT_EQ(0, ioctl(self->w, RING_IOC_SHUTDOWN, 0));
		for (int i = 0; i < variant->producers; i++) {
			ASSERT_TRUE(rt_ends(&writers[i], 5000));
			ASSERT_LE(0, writers[i].ret);
			written += writers[i].ret;
		}
		/* The one that was told of the end when it had just published */
		most = written + (variant->flags ? 1 : 0);
		for (int i = 0; i < 2; i++) {
			ASSERT_TRUE(rt_ends(&readers[i], 5000));
			ASSERT_LE(written, readers[i].ret) {
				TH_LOG("round %d, reader %d", round, i);
			}
			ASSERT_GE(most, readers[i].ret) {
				TH_LOG("round %d, reader %d", round, i);
			}
		}
		ASSERT_LE(written, rt_stat(_metadata, self->w).published);
		ASSERT_GE(most, rt_stat(_metadata, self->w).published);
		ring_close(self->in);
		close(self->r);
		close(self->w);
		ASSERT_EQ(0, ring_destroy(self->c.id, 0));
	}
}

TEST_HARNESS_MAIN
