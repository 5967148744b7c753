// SPDX-License-Identifier: GPL-2.0
/* SUBSCRIBE, UNSUBSCRIBE, SEEK, WAIT, WAKE, STAT: where a cursor is put, and what is known of it */

#include "ring_test.h"

static long do_read(void *fd)
{
	char buf[64];

	return read(*(int *)fd, buf, sizeof(buf));
}

static long do_write(void *fd)
{
	return rt_write(*(int *)fd, 8, 1);
}

/* Seven records, numbered from 0; all take one slot but number 2, which takes 4. */
#define RECORDS	7

FIXTURE(subscribe) {
	int w, r;		/* @r has done nothing yet and does not block */
	__u64 seq[RECORDS + 1];	/* the last is the head */
};

FIXTURE_SETUP(subscribe)
{
	self->w = rt_open_empty(_metadata, BLOCK);
	self->r = rt_open(_metadata, BLOCK, O_RDONLY | O_NONBLOCK);
	self->seq[0] = rt_stat(_metadata, self->w).head;
	for (int i = 0; i < RECORDS; i++) {
		ASSERT_LT(0, rt_write(self->w, i == 2 ? 1000 : 20, i));
		self->seq[i + 1] = self->seq[i] + (i == 2 ? 4 : 1);
	}
	ASSERT_EQ(self->seq[RECORDS], rt_stat(_metadata, self->w).head);
}

FIXTURE_TEARDOWN(subscribe)
{
	close(self->r);
	close(self->w);
}

static int subscribe_at(int fd, __u64 sequence)
{
	struct ring_subscribe sub = { .size = sizeof(sub), .start = RING_SEQUENCE, .sequence = sequence };

	return ioctl(fd, RING_IOC_SUBSCRIBE, &sub);
}

/* Subscribe, and see which record comes first; RECORDS: none */
static void expect_first(struct __test_metadata *_metadata, FIXTURE_DATA(subscribe) *self, __u32 start,
			 __u64 sequence, int record)
{
	struct ring_subscribe sub = { .size = sizeof(sub), .start = start, .sequence = sequence };
	struct ring_seek seek = { .size = sizeof(seek), .start = start, .sequence = sequence };
	int other = rt_open(_metadata, BLOCK, O_RDONLY | O_NONBLOCK);

	ASSERT_EQ(0, ioctl(self->r, RING_IOC_SUBSCRIBE, &sub));
	EXPECT_EQ(self->seq[record], sub.sequence);
	/* SEEK has the same starts, and makes a subscriber of who is none. */
	ASSERT_EQ(0, ioctl(other, RING_IOC_SEEK, &seek));
	EXPECT_EQ(self->seq[record], seek.sequence);
	if (record < RECORDS) {
		EXPECT_LT(0, rt_read(self->r, 1000, record));
		EXPECT_LT(0, rt_read(other, 1000, record));
	} else {
		RT_FAILS(EAGAIN, rt_read(self->r, 1000, 0));
		RT_FAILS(EAGAIN, rt_read(other, 1000, 0));
	}
	close(other);
}

TEST_F(subscribe, oldest)
{
	expect_first(_metadata, self, RING_OLDEST, 12345678 /* means nothing here */, 0);
}

TEST_F(subscribe, next)
{
	expect_first(_metadata, self, RING_NEXT, 1, RECORDS);
}

TEST_F(subscribe, latest)
{
	expect_first(_metadata, self, RING_LATEST, ~0ull, RECORDS - 1);
}

TEST_F(subscribe, sequence)
{
	expect_first(_metadata, self, RING_SEQUENCE, self->seq[3], 3);
}

TEST_F(subscribe, sequence_of_the_head)
{
	expect_first(_metadata, self, RING_SEQUENCE, self->seq[RECORDS], RECORDS);
}

TEST_F(subscribe, latest_of_nothing_is_the_next)
{
	struct ring_subscribe sub;

	ASSERT_EQ(0, ioctl(self->w, RING_IOC_FLUSH, 0));
	ASSERT_EQ(0, rt_try_subscribe(self->r, 0, RING_LATEST, &sub));
	EXPECT_EQ(self->seq[RECORDS], sub.sequence);
	EXPECT_EQ(20, rt_write(self->w, 20, 50));
	EXPECT_EQ(20, rt_read(self->r, 64, 50));
}

TEST_F(subscribe, impossible_starts)
{
	__u32 before = rt_stat(_metadata, self->w).subscribers;
	struct ring_seek seek = { .size = sizeof(seek), .start = RING_SEQUENCE };
	struct ring_subscribe sub;
	const struct {
		__u64 sequence;
		int error;
	} bad[] = {
		{ self->seq[2] + 1, EINVAL }, { self->seq[2] + 3, EINVAL }, { self->seq[RECORDS] + 1, EAGAIN },
		{ self->seq[1] + (1ull << 44), EAGAIN }, { RING_NONE, EAGAIN },
		{ self->seq[0] - 1, self->seq[0] ? ENODATA : EAGAIN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		RT_FAILS(bad[i].error, subscribe_at(self->r, bad[i].sequence));
		seek.sequence = bad[i].sequence;
		RT_FAILS(bad[i].error, ioctl(self->r, RING_IOC_SEEK, &seek));
	}
	RT_FAILS(EINVAL, rt_try_subscribe(self->r, 0, RING_SEQUENCE + 1, &sub));
	RT_FAILS(EINVAL, rt_try_subscribe(self->r, RING_SUBSCRIBE_ALL, RING_OLDEST, &sub));
	EXPECT_EQ(before, rt_stat(_metadata, self->w).subscribers);
	/* A subscriber whose SEEK fails stays where it is. */
	rt_subscribe(_metadata, self->r, 0, RING_OLDEST);
	EXPECT_EQ(20, rt_read(self->r, 64, 0));
	seek = (struct ring_seek) { .size = sizeof(seek), .start = RING_SEQUENCE, .sequence = self->seq[2] + 1 };
	RT_FAILS(EINVAL, ioctl(self->r, RING_IOC_SEEK, &seek));
	EXPECT_EQ(20, rt_read(self->r, 64, 1));
	ASSERT_EQ(0, ioctl(self->w, RING_IOC_FLUSH, 0));
	seek.sequence = self->seq[3];
	RT_FAILS(ENODATA, ioctl(self->r, RING_IOC_SEEK, &seek));
}

TEST_F(subscribe, once)
{
	struct ring_subscribe sub;
	int fd;

	rt_subscribe(_metadata, self->r, 0, RING_OLDEST);
	RT_FAILS(EBUSY, rt_try_subscribe(self->r, 0, RING_OLDEST, &sub));
	RT_FAILS(EBUSY, rt_try_subscribe(self->r, RING_SUBSCRIBE_LOSSY, RING_NEXT, &sub));
	EXPECT_EQ(20, rt_read(self->r, 64, 0));
	/* What made it one without being asked */
	for (int how = 0; how < 6; how++) {
		int n;

		fd = rt_open(_metadata, BLOCK, O_RDONLY | O_NONBLOCK);
		switch (how) {
		case 0:
			EXPECT_LT(0, rt_read(fd, 64, 0));
			break;
		case 1:
			EXPECT_EQ(POLLIN, rt_poll(fd, POLLIN));
			break;
		case 2:
			EXPECT_EQ(0, lseek(fd, 0, SEEK_END));
			break;
		case 3:
			close(ioctl(fd, RING_IOC_CURSOR, 0));
			break;
		case 4:
			EXPECT_EQ(0, ioctl(fd, FIONREAD, &n));
			break;
		case 5:
			EXPECT_EQ(0, fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC));
			break;
		}
		RT_FAILS(EBUSY, rt_try_subscribe(fd, 0, RING_OLDEST, &sub));
		EXPECT_EQ(2, rt_stat(_metadata, self->w).subscribers);
		close(fd);
	}
	/* and what did not */
	fd = rt_open(_metadata, BLOCK, O_RDWR);
	EXPECT_EQ(POLLOUT, rt_poll(fd, POLLOUT | POLLPRI));
	EXPECT_EQ(20, rt_write(fd, 20, 7));
	ASSERT_NE(MAP_FAILED, rt_map_area(fd, rt_info(_metadata, fd).slots_offset, 4096));
	EXPECT_EQ(1, rt_stat(_metadata, self->w).subscribers);
	EXPECT_EQ(0, rt_try_subscribe(fd, 0, RING_OLDEST, &sub));
	close(fd);
}

TEST_F(subscribe, unsubscribe)
{
	struct ring_subscribe sub;
	__u32 id;

	RT_FAILS(EINVAL, ioctl(self->r, RING_IOC_UNSUBSCRIBE, 0));
	id = rt_subscribe(_metadata, self->r, 0, RING_OLDEST);
	EXPECT_EQ(20, rt_read(self->r, 64, 0));
	ASSERT_EQ(0, ioctl(self->r, RING_IOC_UNSUBSCRIBE, 0));
	EXPECT_EQ(0, rt_stat(_metadata, self->w).subscribers);
	EXPECT_EQ(0, rt_stat(_metadata, self->w).slowest);
	RT_FAILS(EINVAL, ioctl(self->r, RING_IOC_UNSUBSCRIBE, 0));
	/* It may be one again, with another id, and does not get what it had released. */
	ASSERT_EQ(0, rt_try_subscribe(self->r, 0, RING_OLDEST, &sub));
	EXPECT_NE(id, sub.id);
	EXPECT_EQ(self->seq[1], sub.sequence);
	EXPECT_EQ(20, rt_read(self->r, 64, 1));
	EXPECT_EQ(1, rt_subscriber(_metadata, self->w, sub.id).taken);
}

TEST_F(subscribe, reliable_and_lossy)
{
	int ow = rt_open_empty(_metadata, OVERWRITE), lossy, reliable;
	struct ring_subscribe sub;
	__u32 id;

	RT_FAILS(EOPNOTSUPP, rt_try_subscribe(ow, RING_SUBSCRIBE_RELIABLE, RING_OLDEST, &sub));
	id = rt_subscribe(_metadata, ow, 0, RING_OLDEST);
	EXPECT_EQ(RING_STAT_LOSSY, rt_subscriber(_metadata, ow, id).flags);
	close(ow);

	id = rt_subscribe(_metadata, self->r, 0, RING_OLDEST);
	EXPECT_EQ(0, rt_subscriber(_metadata, self->w, id).flags);
	EXPECT_EQ(id, rt_stat(_metadata, self->w).slowest);
	ASSERT_EQ(0, ioctl(self->r, RING_IOC_UNSUBSCRIBE, 0));

	/* One that never reads: a lossy one holds nobody up while a reliable one reads, */
	lossy = rt_open(_metadata, BLOCK, O_RDONLY);
	reliable = rt_open(_metadata, BLOCK, O_RDONLY);
	id = rt_subscribe(_metadata, lossy, RING_SUBSCRIBE_LOSSY, RING_OLDEST);
	EXPECT_EQ(RING_STAT_LOSSY, rt_subscriber(_metadata, self->w, id).flags);
	EXPECT_EQ(0, rt_stat(_metadata, self->w).slowest);
	rt_subscribe(_metadata, reliable, RING_SUBSCRIBE_RELIABLE, RING_NEXT);
	for (int i = 0; i < 5000; i++) {
		ASSERT_EQ(8, rt_write(self->w, 8, i));
		ASSERT_EQ(8, rt_read(reliable, 64, i));
	}
	EXPECT_EQ(RING_STAT_LOSSY | RING_STAT_LOST, rt_subscriber(_metadata, self->w, id).flags);
	/* but alone it frees nothing either: nobody has released the records. */
	close(reliable);
	ASSERT_EQ(0, lseek(lossy, 0, SEEK_END));
	EXPECT_GE(4096, rt_write_until_full(self->w, 8));
	rt_set_nonblock(lossy, true);
	for (int i = 0; i < 1000; i++) {
		ASSERT_EQ(8, rt_read(lossy, 64, i));
	}
	rt_set_nonblock(self->w, true);
	RT_FAILS(EAGAIN, rt_write(self->w, 8, 0));
	close(lossy);
}

/* Who only may read decides what is kept, while it is the only one that the writer waits for. */
TEST_F(subscribe, the_only_reliable_one_may_drop_what_is_retained)
{
	int late;

	ASSERT_LT(0, rt_write_until_full(self->w, 20));
	EXPECT_EQ(self->seq[0], rt_stat(_metadata, self->w).tail);
	rt_subscribe(_metadata, self->r, 0, RING_NEXT);
	rt_set_nonblock(self->w, true);
	EXPECT_EQ(20, rt_write(self->w, 20, 7));
	close(self->r);
	self->r = rt_open(_metadata, BLOCK, O_RDONLY | O_NONBLOCK);
	late = rt_open(_metadata, BLOCK, O_RDONLY | O_NONBLOCK);
	rt_subscribe(_metadata, late, 0, RING_OLDEST);
	EXPECT_EQ(20, rt_read(late, 64, 7));
	close(late);
}

TEST_F(subscribe, watermark)
{
	struct ring_subscribe sub = { .size = sizeof(sub), .start = RING_NEXT, .watermark = 5 };
	struct rt_thread t;
	char part[10];

	ASSERT_EQ(0, ioctl(self->r, RING_IOC_SUBSCRIBE, &sub));
	EXPECT_EQ(5, rt_subscriber(_metadata, self->w, sub.id).watermark);
	rt_set_nonblock(self->r, false);
	rt_start_asleep(_metadata, &t, do_read, &self->r);
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(8, rt_write(self->w, 8, i));
	}
	EXPECT_FALSE(rt_ends(&t, 100));
	EXPECT_EQ(0, rt_poll(self->r, POLLIN));
	RT_FAILS(EAGAIN, rt_wait_data(self->r, RING_NOW));
	ASSERT_EQ(8, rt_write(self->w, 8, 4));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(8, t.ret);
	/* Four are left: a read that shall not sleep takes what there is. */
	EXPECT_EQ(0, rt_poll(self->r, POLLIN));
	rt_set_nonblock(self->r, true);
	for (int i = 1; i < 5; i++) {
		EXPECT_EQ(8, rt_read(self->r, 64, i));
	}
	/* Slots count, not records; and the rest of a record comes at once. */
	ASSERT_EQ(1000, rt_write(self->w, 1000, 5));
	EXPECT_EQ(0, rt_poll(self->r, POLLIN));
	ASSERT_EQ(8, rt_write(self->w, 8, 6));
	EXPECT_EQ(POLLIN, rt_poll(self->r, POLLIN));
	EXPECT_EQ(0, rt_wait_data(self->r, RING_NOW));
	ASSERT_EQ(10, read(self->r, part, 10));
	EXPECT_EQ(POLLIN, rt_poll(self->r, POLLIN));
	ASSERT_EQ(0, ioctl(self->r, RING_IOC_UNSUBSCRIBE, 0));

	sub = (struct ring_subscribe) { .size = sizeof(sub), .watermark = 2049 };
	RT_FAILS(EINVAL, ioctl(self->r, RING_IOC_SUBSCRIBE, &sub));
	sub.watermark = 2048;
	EXPECT_EQ(0, ioctl(self->r, RING_IOC_SUBSCRIBE, &sub));
}

/* ---- WAIT and WAKE ---- */

struct wait {
	int fd;
	struct ring_wait arg;
};

static long do_wait(void *arg)
{
	struct wait *w = arg;

	return ioctl(w->fd, RING_IOC_WAIT, &w->arg);
}

static struct wait wait_at(int fd, __u64 sequence, __u64 deadline)
{
	return (struct wait) { fd, {
		.size = sizeof(struct ring_wait), .flags = RING_WAIT_DATA, .sequence = sequence,
		.deadline = deadline,
	} };
}

TEST_F(subscribe, wait_for_a_sequence)
{
	struct wait w = wait_at(self->r, self->seq[3], RING_NEVER);
	struct rt_thread t;
	__u64 began;

	/* There already, flushed, the head, far away; a record needs no subscriber to be waited for. */
	EXPECT_EQ(0, do_wait(&w));
	w = wait_at(self->r, self->seq[RECORDS], RING_NOW);
	RT_FAILS(EAGAIN, do_wait(&w));
	w = wait_at(self->r, self->seq[1] + (1ull << 44), RING_NOW);
	RT_FAILS(EAGAIN, do_wait(&w));
	began = rt_now();
	w = wait_at(self->r, self->seq[RECORDS], began + 100 * RT_MS);
	RT_FAILS(ETIMEDOUT, do_wait(&w));
	EXPECT_LE(100 * RT_MS, rt_now() - began);
	EXPECT_TRUE(rt_within(began, 5000));
	w = wait_at(self->r, self->seq[RECORDS], 1);
	RT_FAILS(ETIMEDOUT, do_wait(&w));
	w = wait_at(self->r, self->seq[3], 1);
	EXPECT_EQ(0, do_wait(&w));
	EXPECT_EQ(0, rt_stat(_metadata, self->w).subscribers);

	/* The third from now */
	w = wait_at(self->r, self->seq[RECORDS] + 2, RING_NEVER);
	rt_start_asleep(_metadata, &t, do_wait, &w);
	ASSERT_EQ(8, rt_write(self->w, 8, 0));
	ASSERT_EQ(8, rt_write(self->w, 8, 0));
	/* A wake-up for nothing is none. */
	ASSERT_EQ(0, ioctl(self->w, RING_IOC_WAKE, RING_WAKE_ALL));
	EXPECT_FALSE(rt_ends(&t, 50));
	ASSERT_EQ(8, rt_write(self->w, 8, 0));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(0, t.ret);

	/* Passed by the tail */
	ASSERT_EQ(0, ioctl(self->w, RING_IOC_FLUSH, 0));
	w = wait_at(self->r, self->seq[3], RING_NEVER);
	EXPECT_EQ(0, do_wait(&w));
}

TEST_F(subscribe, wait_for_data)
{
	struct wait w = wait_at(self->r, RING_NONE, RING_NEVER);
	struct rt_thread t;

	/* That makes a subscriber: it waits for what read() will give. */
	EXPECT_EQ(0, do_wait(&w));
	EXPECT_EQ(1, rt_stat(_metadata, self->w).subscribers);
	EXPECT_EQ(20, rt_read(self->r, 64, 0));
	ASSERT_EQ(0, lseek(self->r, 0, SEEK_END));
	RT_FAILS(EAGAIN, rt_wait_data(self->r, RING_NOW));
	RT_FAILS(ETIMEDOUT, rt_wait_data(self->r, rt_in_ms(20)));
	rt_start_asleep(_metadata, &t, do_wait, &w);
	ASSERT_EQ(8, rt_write(self->w, 8, 7));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(0, t.ret);
	EXPECT_EQ(8, rt_read(self->r, 64, 7));
}

TEST_F(subscribe, wait_for_space)
{
	__u32 longest = rt_info(_metadata, self->w).longest / 256;
	struct wait w = { self->w, {
		.size = sizeof(struct ring_wait), .flags = RING_WAIT_SPACE, .sequence = RING_NONE, .slots = 6,
		.deadline = RING_NEVER,
	} };
	struct rt_thread t;
	int n;

	EXPECT_EQ(0, rt_wait_space(self->w, 1, RING_NOW));
	EXPECT_EQ(0, rt_wait_space(self->w, longest, RING_NOW));
	RT_FAILS(EINVAL, rt_wait_space(self->w, longest + 1, RING_NOW));
	RT_FAILS(EINVAL, rt_wait_space(self->w, 0, RING_NOW));
	w.arg.sequence = 0;
	RT_FAILS(EINVAL, do_wait(&w));
	w.arg.sequence = RING_NONE;
	w.arg.flags = RING_WAIT_ALL;
	RT_FAILS(EINVAL, do_wait(&w));
	w.arg.flags = RING_WAIT_DATA;
	RT_FAILS(EINVAL, do_wait(&w));
	w.arg.flags = 0;
	RT_FAILS(EINVAL, do_wait(&w));
	w.arg.flags = RING_WAIT_SPACE;

	rt_subscribe(_metadata, self->r, 0, RING_NEXT);
	n = rt_write_until_full(self->w, 8);
	RT_FAILS(EAGAIN, rt_wait_space(self->w, 1, RING_NOW));
	RT_FAILS(ETIMEDOUT, rt_wait_space(self->w, 1, rt_in_ms(20)));
	rt_start_asleep(_metadata, &t, do_wait, &w);
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(8, rt_read(self->r, 64, i));
	}
	EXPECT_EQ(0, rt_wait_space(self->w, 5, RING_NOW));
	EXPECT_FALSE(rt_ends(&t, 50));
	ASSERT_EQ(8, rt_read(self->r, 64, 5));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(0, t.ret);
	EXPECT_LT(5, n);
}

/* What somebody sleeps for may be taken away from under him. */
TEST_F(subscribe, unsubscribing_releases_a_blocked_writer)
{
	struct rt_thread t;
	int second = rt_open(_metadata, BLOCK, O_RDONLY);

	/* @r has released nothing, another one has released all. */
	rt_subscribe(_metadata, self->r, 0, RING_OLDEST);
	rt_subscribe(_metadata, second, 0, RING_OLDEST);
	ASSERT_LT(0, rt_write_until_full(self->w, 8));
	ASSERT_EQ(0, lseek(second, 0, SEEK_END));
	rt_start_asleep(_metadata, &t, do_write, &self->w);
	ASSERT_EQ(0, ioctl(self->r, RING_IOC_UNSUBSCRIBE, 0));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(8, t.ret);
	EXPECT_EQ(8, rt_read(second, 64, 1));

	/* The same by close, and by SEEK */
	rt_subscribe(_metadata, self->r, 0, RING_OLDEST);
	ASSERT_LT(0, rt_write_until_full(self->w, 8));
	ASSERT_EQ(0, lseek(second, 0, SEEK_END));
	rt_start_asleep(_metadata, &t, do_write, &self->w);
	close(self->r);
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(8, t.ret);
	ASSERT_LT(0, rt_write_until_full(self->w, 8));
	rt_start_asleep(_metadata, &t, do_write, &self->w);
	ASSERT_EQ(0, lseek(second, 0, SEEK_END));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(8, t.ret);
	close(second);
	self->r = rt_open(_metadata, BLOCK, O_RDONLY);
}

/* ---- STAT ---- */

TEST_F(subscribe, stat)
{
	int slow = rt_open(_metadata, BLOCK, O_RDONLY), lossy = rt_open(_metadata, BLOCK, O_RDONLY);
	__u32 fast_id, slow_id, lossy_id;
	struct ring_stat_subscriber array[3], s;
	struct ring_stat before = rt_stat(_metadata, self->w), stat;
	struct rt_thread t;

	EXPECT_EQ(RECORDS, before.retained);
	EXPECT_EQ(self->seq[0], before.tail);
	EXPECT_EQ(0, before.slowest);
	EXPECT_EQ(RING_NONE, before.busy_sequence);
	EXPECT_EQ(0, before.busy_owner);
	EXPECT_EQ(0, before.busy_pid);
	EXPECT_EQ(0, before.busy_since);
	EXPECT_EQ(0, before.status);

	lossy_id = rt_subscribe(_metadata, lossy, RING_SUBSCRIBE_LOSSY, RING_OLDEST);
	slow_id = rt_subscribe(_metadata, slow, 0, RING_OLDEST);
	fast_id = rt_subscribe(_metadata, self->r, 0, RING_OLDEST);
	for (int i = 0; i < 4; i++) {
		ASSERT_LT(0, rt_read(self->r, 1000, i));
	}
	stat = rt_stat(_metadata, self->w);
	EXPECT_EQ(before.subscribers + 3, stat.subscribers);
	EXPECT_EQ(1, stat.producers);
	EXPECT_EQ(slow_id, stat.slowest);
	EXPECT_EQ(before.bytes + 3 * sysconf(_SC_PAGESIZE), stat.bytes);
	s = rt_subscriber(_metadata, self->w, fast_id);
	EXPECT_EQ(getpid(), s.pid);
	EXPECT_EQ(self->seq[4], s.cursor);
	EXPECT_EQ(self->seq[RECORDS] - self->seq[4], s.lag);
	EXPECT_EQ(4, s.taken);
	EXPECT_EQ(0, s.lost);
	EXPECT_STREQ("subscribe_test", s.comm);
	s = rt_subscriber(_metadata, self->w, slow_id);
	EXPECT_EQ(self->seq[RECORDS] - self->seq[0], s.lag);
	/* Who was overtaken is the slowest no more. */
	for (int i = 0; i < 5; i++) {
		ASSERT_LT(0, rt_read(slow, 1000, i));
	}
	EXPECT_EQ(fast_id, rt_stat(_metadata, self->w).slowest);

	/* An array that is too short, one that is too long, one that is not there */
	stat = (struct ring_stat) {
		.size = sizeof(stat), .subscriber_array = (uintptr_t)array, .subscriber_count = 2,
	};
	memset(array, 0xee, sizeof(array));
	ASSERT_EQ(0, ioctl(self->w, RING_IOC_STAT, &stat));
	EXPECT_EQ(2, stat.subscriber_count);
	EXPECT_EQ(3, stat.subscribers);
	EXPECT_EQ(lossy_id, array[0].id);
	EXPECT_EQ(RING_STAT_LOSSY, array[0].flags);
	EXPECT_EQ(slow_id, array[1].id);
	EXPECT_EQ(0xeeeeeeee, array[2].id);
	stat.subscriber_count = 1u << 31;
	ASSERT_EQ(0, ioctl(self->w, RING_IOC_STAT, &stat));
	EXPECT_EQ(3, stat.subscriber_count);
	EXPECT_EQ(fast_id, array[2].id);
	stat.subscriber_array = 1;
	RT_FAILS(EFAULT, ioctl(self->w, RING_IOC_STAT, &stat));

	/* Sleeps and wake-ups of both kinds */
	ASSERT_EQ(0, lseek(self->r, 0, SEEK_END));
	ASSERT_EQ(0, lseek(slow, 0, SEEK_END));
	before = rt_stat(_metadata, self->w);
	rt_start_asleep(_metadata, &t, do_read, &slow);
	ASSERT_EQ(8, rt_write(self->w, 8, 1));
	ASSERT_TRUE(rt_ends(&t, 5000));
	stat = rt_stat(_metadata, self->w);
	EXPECT_EQ(before.reader_sleeps + 1, stat.reader_sleeps);
	EXPECT_EQ(before.reader_wakes + 1, stat.reader_wakes);
	EXPECT_EQ(before.writer_sleeps, stat.writer_sleeps);
	EXPECT_EQ(before.published + 1, stat.published);
	ASSERT_LT(0, rt_write_until_full(self->w, 8));
	rt_start_asleep(_metadata, &t, do_write, &self->w);
	ASSERT_EQ(0, lseek(slow, 0, SEEK_END));
	ASSERT_EQ(0, lseek(self->r, 0, SEEK_END));
	ASSERT_TRUE(rt_ends(&t, 5000));
	stat = rt_stat(_metadata, self->w);
	EXPECT_LT(before.writer_sleeps, stat.writer_sleeps);
	EXPECT_LT(before.writer_wakes, stat.writer_wakes);
	EXPECT_LT(before.reclaims, stat.reclaims);
	close(slow);
	close(lossy);
}

TEST_HARNESS_MAIN
