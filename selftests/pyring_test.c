// SPDX-License-Identifier: GPL-2.0
/*
 * What pyring, a ring buffer in pure Python, documents, done with rings.
 *
 * Its documentation shows				here
 *	a size that is a power of two			sizes_are_powers_of_two (others: load.sh)
 *	put(value), get_latest() -> sequence, value	put_and_get_latest
 *	get(sequence)					get_by_sequence
 *	SequenceNotFound				overwritten_and_not_yet_published_differ
 *	put() overwrites the oldest, for ever		put_overwrites_the_oldest_time_and_again
 *	a reader keeps its own sequence, without a lock	a_reader_follows_by_sequence
 *	BlockingRingBuffer: put() raises at the cursor	put_is_refused_at_the_read_cursor
 *	WaitingBlockingRingBuffer: next(timeout)	next_waits_with_a_timeout
 *	a disruptor's subscribe(start_at_latest)	subscribe_at_the_latest
 *
 * And the fault to keep away: a reader that was overtaken goes on with what it finds, and nobody tells it
 * that something is missing: an_overrun_reader_is_told_how_many_it_lost.
 *
 * The rings are shared with other test programs: sequences start anywhere. A test is a process of its own,
 * whose end closes what is still open.
 */
#include "libring_helpers.h"

#define LEN	40	/* of the records, one slot each */

static int put(struct ring *r, __u64 number, __u64 deadline)
{
	unsigned char record[LEN];

	rt_fill(record, LEN, number);
	return ring_publish(r, record, LEN, number, deadline);
}

/* ring_get(); -EILSEQ: it gave another record than that of @number, or a torn one. */
static int get(struct ring *r, __u64 sequence, __u64 number)
{
	unsigned char record[2 * LEN];
	struct ring_meta meta;
	int ret = ring_get(r, sequence, record, sizeof(record), &meta);

	if (!ret && (meta.sequence != sequence || meta.len != LEN || meta.tag != (__u32)number ||
		     !rt_is(record, LEN, number)))
		ret = -EILSEQ;
	return ret;
}

TEST(sizes_are_powers_of_two)
{
	static const __u32 slots[] = { 4096, 4096, 4, 4 };
	char where[2] = "0";
	int i;

	for (i = 0; i < 4; i++) {
		struct ring_info info;
		struct ring *r;

		where[0] = '0' + i;
		ASSERT_EQ(0, ring_open(where, RING_OPEN_READ, &r));
		ASSERT_EQ(0, ring_get_info(r, &info));
		EXPECT_EQ(slots[i], info.slots);
		EXPECT_EQ(0, info.slots & (info.slots - 1));
		ring_close(r);
	}
}

TEST(put_and_get_latest)
{
	struct ring *r = open_empty(_metadata, "1");
	unsigned char record[LEN];
	struct ring_meta meta;
	__u64 first, i;

	EXPECT_EQ(-EAGAIN, ring_latest(r, record, LEN, &meta));
	first = stat_of(_metadata, r).head;
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, put(r, i, RING_NOW));
		ASSERT_EQ(0, ring_latest(r, record, LEN, &meta));
		EXPECT_EQ(first + i, meta.sequence);
		EXPECT_EQ(LEN, meta.len);
		EXPECT_TRUE(rt_is(record, LEN, i));
	}
	/* Looking at it takes nothing away. */
	ASSERT_EQ(0, ring_latest(r, record, LEN, &meta));
	EXPECT_EQ(first + 9, meta.sequence);
	EXPECT_EQ(10, stat_of(_metadata, r).retained);
}

TEST(get_by_sequence)
{
	struct ring *r = open_empty(_metadata, "1");
	__u64 first = stat_of(_metadata, r).head, i;
	unsigned char *big = malloc(10000), *copy = malloc(10000);
	struct ring_meta meta;

	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, put(r, i, RING_NOW));
	/* In any order, as often as one likes */
	for (i = 0; i < 200; i++)
		EXPECT_EQ(0, get(r, first + i * 37 % 100, i * 37 % 100));
	EXPECT_EQ(-EILSEQ, get(r, first, 1));	/* that the function above can tell */

	/* A long record takes several sequences; only the first one names it. */
	rt_fill(big, 10000, 100);
	ASSERT_EQ(0, ring_publish(r, big, 10000, 7, RING_NOW));
	ASSERT_EQ(0, ring_get(r, first + 100, copy, 10000, &meta));
	EXPECT_EQ(10000, meta.len);
	EXPECT_EQ(7, meta.tag);
	EXPECT_TRUE(rt_is(copy, 10000, 100));
	EXPECT_EQ(-EINVAL, ring_get(r, first + 101, copy, 10000, NULL));
	EXPECT_EQ(-EMSGSIZE, ring_get(r, first + 100, copy, 9999, &meta));
	EXPECT_EQ(10000, meta.len);
}

TEST(overwritten_and_not_yet_published_differ)
{
	struct ring *r = open_empty(_metadata, "3");
	__u64 first = stat_of(_metadata, r).head, i;

	EXPECT_EQ(-EAGAIN, get(r, first, 0));
	for (i = 0; i < 6; i++)
		ASSERT_EQ(0, put(r, i, RING_NOW));
	EXPECT_EQ(-ENODATA, get(r, first, 0));
	EXPECT_EQ(-ENODATA, get(r, first + 1, 1));
	for (i = 2; i < 6; i++)
		EXPECT_EQ(0, get(r, first + i, i));
	EXPECT_EQ(-EAGAIN, get(r, first + 6, 6));
	/* The same slot, one lap and very many laps later */
	EXPECT_EQ(-EAGAIN, get(r, first + 4 + 4, 4));
	EXPECT_EQ(-EAGAIN, get(r, first + 4 + (1ull << 44), 4));
	ASSERT_EQ(0, ring_flush(r));
	EXPECT_EQ(-ENODATA, get(r, first + 5, 5));
	EXPECT_EQ(-EAGAIN, get(r, first + 6, 6));
}

TEST(put_overwrites_the_oldest_time_and_again)
{
	struct ring *r = open_empty(_metadata, "3");
	__u64 first = stat_of(_metadata, r).head, i;
	struct ring_stat stat;
	int j;

	for (i = 0; i < 2000; i++) {
		ASSERT_EQ(0, put(r, i, RING_NOW));
		for (j = 0; j < 4 && j <= i; j++)
			ASSERT_EQ(0, get(r, first + i - j, i - j));
		if (i >= 4)
			ASSERT_EQ(-ENODATA, get(r, first + i - 4, i - 4));
		ASSERT_EQ(-EAGAIN, get(r, first + i + 1, i + 1));
	}
	EXPECT_EQ(4, stat_of(_metadata, r).retained);

	/* A large ring may let go of some more than it must. What it says that it has is there. */
	r = open_empty(_metadata, "1");
	first = stat_of(_metadata, r).head;
	for (i = 0; i < 5 * 4096 + 7; i++)
		ASSERT_EQ(0, put(r, i, RING_NOW));
	stat = stat_of(_metadata, r);
	EXPECT_EQ(first + i, stat.head);
	EXPECT_LE(stat.head - 4096, stat.tail);
	EXPECT_GE(stat.head - 2048, stat.tail);
	EXPECT_EQ(-ENODATA, get(r, stat.tail - 1, stat.tail - 1 - first));
	for (i = stat.tail; i < stat.head; i++)
		ASSERT_EQ(0, get(r, i, i - first));
}

/* Follows the ring by sequence alone, as a reader without a cursor */
struct follower {
	__u64 first;
	__u64 count;
	__u64 seen;
};

static long follow(void *arg)
{
	struct follower *f = arg;
	struct ring *r;
	long ret = 0;
	__u64 i;

	ret = ring_open("1", RING_OPEN_READ, &r);
	for (i = 0; i < f->count && !ret; i++) {
		ret = ring_wait_sequence(r, f->first + i, ring_deadline_in(10 * RT_SECOND));
		if (!ret)
			ret = get(r, f->first + i, i);
		__atomic_store_n(&f->seen, i + !ret, __ATOMIC_RELEASE);
	}
	ring_close(r);
	return ret;
}

TEST(a_reader_follows_by_sequence)
{
	struct ring *r = open_empty(_metadata, "1");
	struct follower f = { .first = stat_of(_metadata, r).head, .count = 3 * 4096 };
	__u64 deadline = rt_in_ms(20000), i;
	struct rt_thread t;

	rt_start_asleep(_metadata, &t, follow, &f);
	for (i = 0; i < f.count; i++) {
		/* No cursor holds the writer back here, so it looks itself, as pyring's users have to. */
		while (i - __atomic_load_n(&f.seen, __ATOMIC_ACQUIRE) >= (i % 1000 ? 2048 : 1)) {
			ASSERT_EQ(0, __atomic_load_n(&t.ended, __ATOMIC_ACQUIRE));
			ASSERT_GT(deadline, rt_now());
			sched_yield();
		}
		ASSERT_TRUE(i % 1000 || rt_wait_state(t.tid, 'S'));	/* caught up, asleep */
		ASSERT_EQ(0, put(r, i, RING_NOW));
	}
	ASSERT_TRUE(rt_ends(&t, 10000));
	EXPECT_EQ(0, t.ret);
	EXPECT_EQ(0, stat_of(_metadata, r).subscribers);
}

TEST(put_is_refused_at_the_read_cursor)
{
	struct ring *w = open_empty(_metadata, "2"), *r = subscriber(_metadata, "2", RING_NEXT);
	unsigned char record[LEN];
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, put(w, i, RING_NOW));
	EXPECT_EQ(-EAGAIN, put(w, 4, RING_NOW));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(1, ring_read(r, record, LEN, RING_NOW, NULL));
		EXPECT_TRUE(rt_is(record, LEN, i));
		ASSERT_EQ(0, put(w, i + 4, RING_NOW));
		ASSERT_EQ(-EAGAIN, put(w, i + 5, RING_NOW));
	}
}

static long put_later(void *ring)
{
	rt_sleep_ms(50);
	return put(ring, 1, RING_NOW);
}

TEST(next_waits_with_a_timeout)
{
	struct ring *w = open_empty(_metadata, "0"), *r = subscriber(_metadata, "0", RING_NEXT);
	unsigned char record[LEN];
	__u64 begun = rt_now();
	struct rt_thread t;

	EXPECT_EQ(-ETIMEDOUT, ring_read(r, record, LEN, ring_deadline_in(50 * RT_MS), NULL));
	EXPECT_LE(50 * RT_MS, rt_now() - begun);
	rt_start(_metadata, &t, put_later, w);
	EXPECT_EQ(1, ring_read(r, record, LEN, ring_deadline_in(10 * RT_SECOND), NULL));
	EXPECT_TRUE(rt_is(record, LEN, 1));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(0, t.ret);
}

TEST(subscribe_at_the_latest)
{
	struct ring *w = open_empty(_metadata, "1"), *oldest, *latest;
	unsigned char record[LEN];
	int i;

	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, put(w, i, RING_NOW));
	oldest = subscriber(_metadata, "1", RING_OLDEST);
	latest = subscriber(_metadata, "1", RING_LATEST);
	ASSERT_EQ(1, ring_read(oldest, record, LEN, RING_NOW, NULL));
	EXPECT_TRUE(rt_is(record, LEN, 0));
	ASSERT_EQ(1, ring_read(latest, record, LEN, RING_NOW, NULL));
	EXPECT_TRUE(rt_is(record, LEN, 9));
	EXPECT_EQ(-EAGAIN, ring_read(latest, record, LEN, RING_NOW, NULL));
}

TEST(an_overrun_reader_is_told_how_many_it_lost)
{
	const char *const rings[] = { "1", "3" };
	unsigned char record[LEN];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rings); i++) {
		struct ring *w = open_empty(_metadata, rings[i]);
		struct ring *r = subscriber(_metadata, rings[i], RING_NEXT);
		__u64 first = ring_position(r), number = 0, lost = 0, next = 0, round, n;
		struct ring_info info;
		struct ring_meta meta;

		ASSERT_EQ(0, ring_get_info(w, &info));
		for (round = 1; round < 6; round++) {
			struct ring_stat stat;

			/* More than it holds, another number each time, and not a multiple of its size */
			for (n = 0; n < info.slots * round + round; n++)
				ASSERT_EQ(0, put(w, number++, RING_NOW));
			stat = stat_of(_metadata, w);
			lost += stat.tail - (first + next);
			EXPECT_EQ(-EOVERFLOW, ring_read(r, record, LEN, RING_NOW, &meta));
			EXPECT_EQ(lost, ring_lost(r));
			next = stat.tail - first;
			/* Told once; then it goes on, at the oldest. Half is left unread. */
			for (n = stat.retained / 2; n; n--) {
				ASSERT_EQ(1, ring_read(r, record, LEN, RING_NOW, &meta));
				EXPECT_EQ(first + next, meta.sequence);
				EXPECT_TRUE(rt_is(record, LEN, next));
				next++;
			}
			EXPECT_EQ(lost, ring_lost(r));
			EXPECT_EQ(next, ring_lost(r) + ring_taken(r));
		}
		while (ring_read(r, record, LEN, RING_NOW, &meta) == 1)
			ASSERT_TRUE(rt_is(record, LEN, next++));
		EXPECT_EQ(number, next);
		EXPECT_EQ(number, ring_lost(r) + ring_taken(r));
		EXPECT_EQ(lost, ring_lost(r));
		ring_close(r);
		ring_close(w);
	}
}

TEST_HARNESS_MAIN
