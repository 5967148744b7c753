// SPDX-License-Identifier: GPL-2.0
/*
 * The library: the same program on mediated and on direct rings. What only one kind can do is asked with
 * ring_is_direct().
 */
#include <stddef.h>
#include <sys/epoll.h>

#include "libring_fixture.h"

#define NEXT_IS(text, t)	do {						\
		struct ring_view __v;						\
		ASSERT_EQ(1, ring_next(self->r, &__v));				\
		EXPECT_EQ(strlen(text), __v.len);				\
		EXPECT_EQ(0, memcmp(text, __v.data, __v.len));			\
		EXPECT_EQ(t, __v.tag);						\
	} while (0)

TEST_F(lib, is_direct_where_it_can_be)
{
	ASSERT_EQ(0, ring_publish(self->w, "x", 1, 0, RING_NOW));
	EXPECT_EQ(self->info.ring_flags & RING_DIRECT && !(variant->flags & RING_OPEN_MEDIATED),
		  ring_is_direct(self->w));
}

TEST_F(lib, publish_next_release)
{
	struct ring_view v;

	EXPECT_EQ(-EAGAIN, ring_next(self->r, &v));
	ASSERT_EQ(0, ring_publish(self->w, "one", 3, 1, RING_NOW));
	ASSERT_EQ(0, ring_publish(self->w, "", 0, 2, RING_NOW));
	ASSERT_EQ(0, ring_publish(self->w, "three", 5, 0xffffffff, RING_NOW));
	NEXT_IS("one", 1);
	NEXT_IS("", 2);
	EXPECT_EQ(0, ring_taken(self->r));
	EXPECT_EQ(0, ring_release(self->r));
	EXPECT_EQ(2, ring_taken(self->r));
	NEXT_IS("three", 0xffffffff);
	EXPECT_EQ(-EAGAIN, ring_next(self->r, &v));
	EXPECT_EQ(0, ring_release(self->r));
	EXPECT_EQ(ring_position(self->r), ring_released(self->r));
	EXPECT_EQ(0, ring_lost(self->r));
}

TEST_F(lib, reservations_end_in_any_order)
{
	struct ring_reservation a, b, c;
	struct ring_view v;

	ASSERT_EQ(0, ring_reserve(self->w, 5, RING_NOW, &a));
	ASSERT_EQ(0, ring_reserve(self->w, 5000, RING_NOW, &b));
	ASSERT_EQ(0, ring_reserve(self->w, 48, RING_NOW, &c));
	memcpy(a.data, "first", 5);
	memcpy(c.data, "third", 5);
	memset(b.data, 'b', 5000);
	a.tag = 1;
	b.tag = 2;
	c.tag = 3;
	EXPECT_EQ(0, ring_commit(self->w, &c, 5));
	/* On a direct ring the order is that of the reservations, on a mediated one that of the commits. */
	if (ring_is_direct(self->w)) {
		EXPECT_EQ(-EAGAIN, ring_next(self->r, &v));
	} else {
		NEXT_IS("third", 3);
	}
	EXPECT_EQ(0, ring_discard(self->w, &b));
	EXPECT_EQ(0, ring_commit(self->w, &a, 5));
	NEXT_IS("first", 1);
	if (ring_is_direct(self->w))
		NEXT_IS("third", 3);
	EXPECT_EQ(-EAGAIN, ring_next(self->r, &v));
	EXPECT_EQ(0, ring_release(self->r));
	EXPECT_EQ(2, ring_taken(self->r));
}

TEST_F(lib, a_reservation_may_get_shorter)
{
	static const size_t reserved[] = { 48, 49, 256, 257, 10000 }, used[] = { 0, 1, 48, 49, 256 };
	struct ring_reservation res;
	struct ring_view v;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(reserved); i++) {
		for (j = 0; j < ARRAY_SIZE(used); j++) {
			if (used[j] > reserved[i])
				continue;
			ASSERT_EQ(0, ring_reserve(self->w, reserved[i], RING_NOW, &res));
			EXPECT_EQ(0, (uintptr_t)res.data % 16);
			EXPECT_EQ(reserved[i], res.len);
			rt_fill(res.data, reserved[i], i);
			ASSERT_EQ(0, ring_commit(self->w, &res, used[j]));
			ASSERT_EQ(1, ring_next(self->r, &v));
			EXPECT_EQ(res.sequence, v.sequence);
			EXPECT_EQ(used[j], v.len);
			ASSERT_EQ(0, ring_release(self->r));
		}
	}
}

TEST_F(lib, what_is_not_reserved_cannot_be_ended)
{
	struct ring_reservation res, copy, garbage;
	struct ring_view v;
	unsigned int i;

	EXPECT_EQ(-EMSGSIZE, ring_reserve(self->w, self->info.longest + 1, RING_NOW, &res));
	ASSERT_EQ(0, ring_reserve(self->w, 100, RING_NOW, &res));
	copy = res;
	EXPECT_EQ(-EINVAL, ring_commit(self->w, &res, 101));
	for (i = 0; i < 4; i++) {
		garbage = res;
		garbage.sequence += i == 0;
		garbage.k += 5 * (i == 1);
		garbage.len += 100000 * (i == 2);
		garbage.data = i == 3 ? (char *)garbage.data + 16 : garbage.data;
		garbage.reserved += i == 3;
		/* What names another record is no reservation; the library's own members differ by kind. */
		if (i == 3 || ring_is_direct(self->w)) {
			int ret = ring_discard(self->w, &garbage);

			if (ring_is_direct(self->w) && i == 3)
				ret = ret ? -1 : -EINVAL;	/* there it is the sequence that counts */
			EXPECT_EQ(-EINVAL, ret) {
				TH_LOG("garbage %u", i);
			}
			if (ring_is_direct(self->w) && i == 3) {
				ASSERT_EQ(0, ring_reserve(self->w, 100, RING_NOW, &res));
				copy = res;
			}
		}
	}
	memset(res.data, 1, 100);
	EXPECT_EQ(0, ring_commit(self->w, &res, 100));
	EXPECT_EQ(-EINVAL, ring_commit(self->w, &copy, 100));
	EXPECT_EQ(-EINVAL, ring_discard(self->w, &copy));
	memset(&garbage, 0x5a, sizeof(garbage));
	EXPECT_EQ(-EINVAL, ring_commit(self->w, &garbage, 0));
	EXPECT_EQ(-EINVAL, ring_discard(self->w, &garbage));
	/* And the ring is none the worse for it. */
	ASSERT_EQ(1, ring_next(self->r, &v));
	EXPECT_EQ(100, v.len);
	EXPECT_EQ(-EAGAIN, ring_next(self->r, &v));
	EXPECT_EQ(0, ring_publish(self->w, "good", 4, 0, RING_NOW));
	NEXT_IS("good", 0);
}

TEST_F(lib, many_at_once)
{
	struct ring_publish_record records[100];
	struct ring_read_record got[100];
	unsigned char data[100][8], buf[4000];
	uint64_t sequence;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		rt_fill(data[i], 8, i);
		records[i] = (struct ring_publish_record) { (uintptr_t)data[i], 8, i };
	}
	ASSERT_EQ(100, ring_publish_many(self->w, records, 100, RING_NOW, &sequence));
	EXPECT_EQ(ring_position(self->r), sequence);
	ASSERT_EQ(100, ring_read_many(self->r, got, 100, buf, sizeof(buf), RING_NOW, NULL));
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(i, got[i].tag);
		EXPECT_EQ(sequence + i, got[i].sequence);
		EXPECT_TRUE(rt_is(buf + got[i].offset, got[i].len, i));
	}
	EXPECT_EQ(-EAGAIN, ring_read_many(self->r, got, 100, buf, sizeof(buf), RING_NOW, NULL));
	/* A bad one in the middle: those before it are published. */
	records[7].len = self->info.longest + 1;
	ASSERT_EQ(7, ring_publish_many(self->w, records, 100, RING_NOW, NULL));
	ASSERT_EQ(7, ring_read_many(self->r, got, 100, buf, sizeof(buf), RING_NOW, NULL));
	EXPECT_EQ(-EMSGSIZE, ring_publish_many(self->w, records + 7, 1, RING_NOW, NULL));
}

static long read_many_and_much(void *subscriber)
{
	struct ring_read_record records[16];
	static char buf[1 << 20];

	return ring_read_many(subscriber, records, ARRAY_SIZE(records), buf, sizeof(buf), RING_NEVER, NULL);
}

/*
 * A reader that slept, or waited for its watermark, did not release what was discarded meanwhile: with less room
 * behind that than the longest record takes, it and the writer waited for each other.
 */
TEST_F(lib, discarded_records_took_the_room_for_good)
{
	/* Of 4096 slots the longest record takes 1024. */
	static const struct {
		uint32_t watermark, discarded;
		bool longest;
	} tries[] = { { 1, 3096, true }, { 2048, 3000, false } };
	struct ring_reservation res;
	struct rt_thread reader;
	struct ring_view v;
	struct ring *slow;
	unsigned int w, i;
	void *longest;

	/* On other rings nothing is discarded, or nobody waits for room. */
	if (!self->info.ring_flags || variant->flags || self->info.policy != RING_BLOCK)
		return;
	longest = calloc(1, self->info.longest);
	for (w = 0; w < ARRAY_SIZE(tries); w++) {
		struct ring_subscribe_options o = RING_SUBSCRIBE_OPTIONS_INIT;

		o.start = RING_NEXT;
		o.watermark = tries[w].watermark;
		ASSERT_EQ(0, ring_open(variant->ring, RING_OPEN_READ, &slow));
		ASSERT_EQ(0, ring_subscribe(slow, &o));
		rt_start_asleep(_metadata, &reader, read_many_and_much, slow);
		for (i = 0; i < tries[w].discarded; i++) {
			ASSERT_EQ(0, ring_reserve(self->w, 1, RING_NOW, &res));
			ASSERT_EQ(0, ring_discard(self->w, &res));
		}
		ASSERT_EQ(-EAGAIN, ring_next(self->r, &v));
		if (tries[w].longest) {
			EXPECT_EQ(0, ring_publish(self->w, longest, self->info.longest, 0, rt_in_ms(5000 * rt_slow())));
		}
		for (i = 0; i < 1100; i++) {
			ASSERT_EQ(0, ring_publish(self->w, "x", 1, 0, rt_in_ms(5000 * rt_slow()))) {
				TH_LOG("watermark %u, record %u", tries[w].watermark, i);
			}
			while (ring_next(self->r, &v) == 1)
				;
			ASSERT_EQ(0, ring_release(self->r));
		}
		ASSERT_TRUE(rt_ends(&reader, 5000));
		EXPECT_LT(0, reader.ret);
		ring_close(slow);
	}
	free(longest);
}

TEST_F(lib, get_and_latest)
{
	struct ring_meta meta;
	uint64_t first = ring_position(self->r);
	char buf[16];

	EXPECT_EQ(-EAGAIN, ring_latest(self->r, buf, sizeof(buf), &meta));
	EXPECT_EQ(-EAGAIN, ring_get(self->r, first, buf, sizeof(buf), &meta));
	ASSERT_EQ(0, ring_publish(self->w, "a", 1, 7, RING_NOW));
	ASSERT_EQ(0, ring_publish(self->w, "bc", 2, 8, RING_NOW));
	ASSERT_EQ(0, ring_get(self->r, first, buf, sizeof(buf), &meta));
	EXPECT_EQ(1, meta.len);
	EXPECT_EQ(7, meta.tag);
	ASSERT_EQ(0, ring_latest(self->r, buf, sizeof(buf), &meta));
	EXPECT_EQ(first + 1, meta.sequence);
	EXPECT_EQ(-EMSGSIZE, ring_latest(self->r, buf, 1, &meta));
	EXPECT_EQ(2, meta.len);
	ASSERT_EQ(0, ring_flush(self->w));
	EXPECT_EQ(-ENODATA, ring_get(self->r, first, buf, sizeof(buf), &meta));
}

TEST_F(lib, wait_until_the_deadline)
{
	uint64_t begun = rt_now();

	EXPECT_EQ(-EAGAIN, ring_wait(self->r, RING_NOW));
	EXPECT_EQ(-ETIMEDOUT, ring_wait(self->r, ring_deadline_in(50 * RT_MS)));
	EXPECT_LE(50 * RT_MS, rt_now() - begun);
	ASSERT_EQ(0, ring_set_spin(self->r, 20 * RT_MS));
	EXPECT_EQ(-ETIMEDOUT, ring_wait(self->r, ring_deadline_in(50 * RT_MS)));
	ASSERT_EQ(0, ring_publish(self->w, "x", 1, 0, RING_NOW));
	EXPECT_EQ(0, ring_wait(self->r, RING_NOW));
	EXPECT_EQ(0, ring_wait_sequence(self->r, ring_position(self->r), RING_NOW));
	EXPECT_EQ(-EAGAIN, ring_wait_sequence(self->r, ring_position(self->r) + 1, RING_NOW));
	EXPECT_EQ(0, ring_wait_space(self->w, 100, RING_NOW));
	EXPECT_EQ(-EMSGSIZE, ring_wait_space(self->w, self->info.longest + 1, RING_NOW));
}

/* What a lossy subscriber was given before it was lapped does not count, and it is told how many it lost. */
TEST_F(lib, a_lapped_batch_is_void)
{
	struct ring_subscribe_options o = RING_SUBSCRIBE_OPTIONS_INIT;
	struct ring *lossy;
	struct ring_view v;
	int i, n;

	ASSERT_EQ(0, ring_open(variant->ring, RING_OPEN_READ, &lossy));
	o.flags = RING_SUBSCRIBE_LOSSY;
	o.start = RING_NEXT;
	ASSERT_EQ(0, ring_subscribe(lossy, &o));
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, ring_publish(self->w, &i, sizeof(i), 0, RING_NOW));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(1, ring_next(lossy, &v));
	ASSERT_EQ(0, ring_release(lossy));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(1, ring_next(lossy, &v));
	EXPECT_TRUE(ring_valid(lossy, &v));
	/* Two laps later */
	for (i = 10; i < 2 * (int)self->info.slots; i++) {
		struct ring_view other;

		ASSERT_EQ(0, ring_publish(self->w, &i, sizeof(i), 0, RING_NOW));
		while (ring_next(self->r, &other) == 1)
			;
		ASSERT_EQ(0, ring_release(self->r));
	}
	EXPECT_FALSE(ring_valid(lossy, &v));
	EXPECT_EQ(-EOVERFLOW, ring_release(lossy));
	EXPECT_EQ(4, ring_taken(lossy));
	for (n = 0; ring_next(lossy, &v) == 1; n++)
		ASSERT_EQ(4 + (int)ring_lost(lossy) + n, *(const int *)v.data);
	EXPECT_EQ(0, ring_release(lossy));
	EXPECT_EQ(2 * self->info.slots, ring_taken(lossy) + ring_lost(lossy));
	ring_close(lossy);
}

static long publish_ten(void *ring)
{
	int i, ret = 0;

	for (i = 0; i < 10 && !ret; i++) {
		rt_sleep_ms(20);
		ret = ring_publish(ring, &i, sizeof(i), 0, RING_NEVER);
	}
	return ret;
}

/* Edge-triggered, taking records from the mapping: the library prepares the next edge. */
TEST_F(lib, edge_triggered)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct rt_thread publisher;
	int ep = epoll_create1(0), got = 0;
	struct ring_view v;

	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, ring_fd(self->r), &event));
	EXPECT_EQ(-EAGAIN, ring_next(self->r, &v));
	rt_start(_metadata, &publisher, publish_ten, self->w);
	while (got < 10) {
		ASSERT_EQ(1, epoll_wait(ep, &event, 1, 5000 * rt_slow())) {
			TH_LOG("no edge after %d records", got);
		}
		while (ring_next(self->r, &v) == 1)
			ASSERT_EQ(got++, *(const int *)v.data);
		ASSERT_EQ(0, ring_release(self->r));
	}
	ASSERT_TRUE(rt_ends(&publisher, 5000));
	EXPECT_EQ(0, publisher.ret);
	close(ep);
}

/* What a forked child gets of a handle that it inherited: the number of the first call that is not refused, or 0 */
static int not_refused(struct ring *w, struct ring *r, struct ring_reservation *res)
{
	struct ring_publish_record record = { (uintptr_t)"y", 1, 0 };
	struct ring_reservation own;
	struct ring_read_record got;
	struct ring_stat stat;
	struct ring_view v;
	char buf[8];
	const int answers[] = {
		0,
		ring_publish(w, "y", 1, 0, RING_NOW),
		ring_publish_many(w, &record, 1, RING_NOW, NULL),
		ring_reserve(w, 1, RING_NOW, &own),
		ring_commit(w, res, 1),
		ring_discard(w, res),
		ring_produce(w, 0),
		ring_produce(w, RING_PRODUCE_EXCLUSIVE),
		ring_wait_space(w, 1, RING_NOW),
		ring_flush(w),
		ring_shutdown(w),
		ring_next(r, &v),
		ring_next_many(r, &v, 1),
		ring_release(r),
		ring_wait(r, RING_NOW),
		ring_wait_sequence(r, 0, RING_NOW),
		ring_read(r, buf, sizeof(buf), RING_NOW, NULL),
		ring_read_many(r, &got, 1, buf, sizeof(buf), RING_NOW, NULL),
		ring_seek(r, RING_OLDEST, 0),
		ring_subscribe(r, NULL),
		ring_subscribe(w, NULL),
		ring_unsubscribe(r),
		ring_get(r, 0, buf, sizeof(buf), NULL),
		ring_latest(r, buf, sizeof(buf), NULL),
		ring_get_stat(r, &stat, NULL, 0),
		ring_fd(r),
	};
	int i;

	for (i = 1; i < (int)ARRAY_SIZE(answers); i++)
		if (answers[i] != -EPERM)
			return i;
	return 0;
}

TEST_F(lib, a_forked_child_is_refused)
{
	struct ring_reservation res;
	int exclusive;
	pid_t pid;

	for (exclusive = 0; exclusive < 2; exclusive++) {
		ASSERT_EQ(0, ring_produce(self->w, exclusive ? RING_PRODUCE_EXCLUSIVE : 0));
		ASSERT_EQ(0, ring_publish(self->w, "x", 1, 0, RING_NOW));
		ASSERT_EQ(0, ring_reserve(self->w, 10, RING_NOW, &res));
		pid = rt_fork(_metadata);
		if (!pid) {
			int ret = not_refused(self->w, self->r, &res);

			/* What it may do */
			ring_close(self->r);
			ring_close(self->w);
			_exit(ret);
		}
		EXPECT_EQ(0, rt_wait_child(pid));
		/* The parent did not notice. */
		EXPECT_EQ(0, ring_commit(self->w, &res, 0));
		NEXT_IS("x", 0);
		NEXT_IS("", 0);
		EXPECT_EQ(0, ring_release(self->r));
		ring_close(self->w);
		ASSERT_EQ(0, ring_open(variant->ring, RING_OPEN_READ | RING_OPEN_WRITE | variant->flags, &self->w));
	}
}

/* What another handle has reserved, and what was reserved where another lap's record is now */
TEST_F(lib, reservations_of_others_cannot_be_ended)
{
	struct ring_reservation theirs, old;
	struct ring_view v;
	struct ring *other;
	unsigned int i;

	ASSERT_EQ(0, ring_open(variant->ring, RING_OPEN_READ | RING_OPEN_WRITE | variant->flags, &other));
	ASSERT_EQ(0, ring_produce(other, 0));
	ASSERT_EQ(0, ring_reserve(other, 10, RING_NOW, &theirs));
	EXPECT_EQ(-EINVAL, ring_commit(self->w, &theirs, 1));
	EXPECT_EQ(-EINVAL, ring_discard(self->w, &theirs));
	EXPECT_EQ(-EAGAIN, ring_next(self->r, &v));
	memcpy(theirs.data, "theirs", 6);
	EXPECT_EQ(0, ring_commit(other, &theirs, 6));
	ring_close(other);
	NEXT_IS("theirs", 0);

	ASSERT_EQ(0, ring_reserve(self->w, 1, RING_NOW, &old));
	theirs = old;
	ASSERT_EQ(0, ring_commit(self->w, &theirs, 1));
	for (i = 1; i < self->info.slots; i++) {
		ASSERT_EQ(0, ring_publish(self->w, "x", 1, 0, RING_NOW));
		while (ring_next(self->r, &v) == 1)
			;
		ASSERT_EQ(0, ring_release(self->r));
	}
	/* The same slot, reserved again */
	ASSERT_EQ(0, ring_reserve(self->w, 1, RING_NOW, &theirs));
	if (ring_is_direct(self->w))
		EXPECT_EQ(old.sequence + self->info.slots, theirs.sequence);
	EXPECT_EQ(-EINVAL, ring_commit(self->w, &old, 1));
	EXPECT_EQ(-EINVAL, ring_discard(self->w, &old));
	memcpy(theirs.data, "y", 1);
	EXPECT_EQ(0, ring_commit(self->w, &theirs, 1));
	NEXT_IS("y", 0);
	EXPECT_EQ(0, ring_release(self->r));
}

TEST_F(lib, errors_are_returned)
{
	struct ring *r;
	char c;

	EXPECT_EQ(-EBADF, ring_publish(self->r, "x", 1, 0, RING_NOW));
	EXPECT_EQ(-EMSGSIZE, ring_publish(self->w, &c, self->info.longest + 1, 0, RING_NOW));
	EXPECT_EQ(-EBUSY, ring_subscribe(self->r, NULL));
	EXPECT_EQ(-EINVAL, ring_seek(self->r, (enum ring_start)9, 0));
	EXPECT_EQ(-ENODATA, ring_seek(self->r, RING_SEQUENCE, 0));
	EXPECT_EQ(-ENOENT, ring_open("nowhere", RING_OPEN_READ, &r));
	EXPECT_EQ(-ENOENT, ring_open("4000", RING_OPEN_READ, &r));
	EXPECT_EQ(-ENOTTY, ring_open("/dev/null", RING_OPEN_READ, &r));
	EXPECT_EQ(-EINVAL, ring_open(variant->ring, 0, &r));
	EXPECT_EQ(0, ring_produce(self->w, 0));
	EXPECT_EQ(-EBUSY, ring_produce(self->w, 0));
	ASSERT_EQ(0, ring_open(variant->ring, RING_OPEN_WRITE, &r));
	EXPECT_EQ(-EBADF, ring_wait(r, RING_NOW));
	EXPECT_EQ(-EBUSY, ring_produce(r, RING_PRODUCE_EXCLUSIVE));
	ring_close(r);
}

/* The kernel has no owner id left: who would be a producer is told, in either way to become one. */
TEST_F(lib, more_producers_than_there_are_ids)
{
	struct rlimit limit = { 5000, 5000 };
	static int fds[RING_OWNER_MAX];
	unsigned int i, n;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	for (n = 0; n < RING_OWNER_MAX; n++) {
		fds[n] = rt_try_open(self->info.id, O_WRONLY);
		ASSERT_LE(0, fds[n]);
		ASSERT_EQ(0, rt_produce(fds[n], 0)) {
			TH_LOG("producer %u: %s", n, strerror(errno));
		}
	}
	EXPECT_EQ(-EAGAIN, ring_produce(self->w, 0));
	EXPECT_EQ(-EAGAIN, ring_publish(self->w, "x", 1, 0, RING_NEVER));
	EXPECT_FALSE(ring_is_direct(self->w));
	close(fds[0]);
	EXPECT_EQ(0, ring_publish(self->w, "y", 1, 0, RING_NOW));
	NEXT_IS("y", 0);
	for (i = 1; i < n; i++)
		close(fds[i]);
}

/* Exclusive and shared producers keep each other out. */
TEST_F(lib, exclusive)
{
	struct ring *other;

	ASSERT_EQ(0, ring_produce(self->w, RING_PRODUCE_EXCLUSIVE));
	ASSERT_EQ(0, ring_open(variant->ring, RING_OPEN_READ | RING_OPEN_WRITE, &other));
	EXPECT_EQ(-EBUSY, ring_publish(other, "x", 1, 0, RING_NOW));
	EXPECT_EQ(-EBUSY, ring_produce(other, 0));
	EXPECT_EQ(0, ring_publish(self->w, "y", 1, 0, RING_NOW));
	ring_close(self->w);
	EXPECT_EQ(0, ring_publish(other, "z", 1, 0, RING_NOW));
	self->w = other;
	NEXT_IS("y", 0);
	NEXT_IS("z", 0);
}

TEST_HARNESS_MAIN
