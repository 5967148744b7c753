// SPDX-License-Identifier: GPL-2.0
/*
 * What Python's shared circular buffers document, done with rings: one writer and many readers in shared
 * memory, each reader with a pointer of its own, all of them processes that know the buffer by its name.
 *
 * Their documentation shows			here
 *	push(), popitem(), popmany(n); popitem()
 *	of an empty buffer gives nothing	push_popitem_popmany
 *	a single writer; readers cannot write
 *	and the writer cannot read		one_writer_only
 *	try_write() is refused while a reader
 *	lags, or waits for it			write_is_refused_or_waits_while_a_reader_lags
 *	the writer forces the readers on	a_forced_write_does_not_wait
 *	new readers start at the writer's
 *	place, or at the oldest item		readers_join_at_the_oldest_or_at_the_next
 *	the writer is done: readers read the
 *	rest, then end				many_readers_until_the_end. The rings are shared with
 *						other test programs and ring_shutdown() lasts: so
 *						the end is a record here, told by its tag.
 *
 * And the faults to keep away: a buffer that holds one item less than its length, to tell full from empty:
 * exactly_slots_unread_records. A reader that closed, or died, and that the writer waits for ever:
 * closing_releases_a_blocked_writer (unsubscribing: disruptor_test).
 */
#include "libring_helpers.h"

#define LEN	40		/* of the records, one slot each */
#define END	0xe0du		/* tag: the last record */

static int put(struct ring *r, __u64 number, __u32 tag, __u64 deadline)
{
	unsigned char record[LEN];

	rt_fill(record, LEN, number);
	return ring_publish(r, record, LEN, tag, deadline);
}

/* Whether the next record is that of @number */
static bool pops(struct ring *r, __u64 number, __u64 deadline)
{
	unsigned char record[2 * LEN];
	struct ring_meta meta;

	return ring_read(r, record, sizeof(record), deadline, &meta) == 1 && meta.len == LEN &&
	       rt_is(record, LEN, number);
}

/* Between a test and its readers, which are processes */
struct shared {
	int joined;	/* how many are subscribed */
	int allowed;	/* records that the one that lags may read */
	int read;	/* records that it has read */
};

static struct shared *share(struct __test_metadata *_metadata)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, (void *)s);
	return s;
}

static bool comes_to(int *p, int n)
{
	__u64 deadline = rt_in_ms(10000);

	while (__atomic_load_n(p, __ATOMIC_ACQUIRE) < n) {
		if (rt_now() > deadline)
			return false;
		rt_sleep_ms(1);
	}
	return true;
}

/* A reader: takes records from number 0 to the end, each when it is allowed to. Its exit status. */
static int reader(const char *where, struct shared *s, bool lags)
{
	unsigned char record[LEN];
	struct ring_meta meta;
	struct ring *r;
	int n;

	if (try_subscriber(where, RING_NEXT, &r))
		return 1;
	__atomic_fetch_add(&s->joined, 1, __ATOMIC_RELEASE);
	for (n = 0;; n++) {
		if (lags && !comes_to(&s->allowed, n + 1))
			return 2;
		if (ring_read(r, record, LEN, ring_deadline_in(10 * RT_SECOND), &meta) != 1)
			return 3;
		if (meta.len != LEN || !rt_is(record, LEN, n))
			return 4;
		if (lags)
			__atomic_store_n(&s->read, n + 1, __ATOMIC_RELEASE);
		if (meta.tag == END)
			break;
	}
	return ring_lost(r) || ring_taken(r) != n + 1 ? 5 : 0;
}

TEST(push_popitem_popmany)
{
	static const __u32 items[] = { 50, 10, 20, 30 };
	struct ring *w = open_empty(_metadata, "0"), *r = subscriber(_metadata, "0", RING_OLDEST);
	struct ring_read_record got[10];
	unsigned char buf[100];
	__u32 item;
	int i;

	EXPECT_EQ(-EAGAIN, ring_read(r, &item, sizeof(item), RING_NOW, NULL));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, ring_publish(w, &items[i], sizeof(items[i]), 0, RING_NOW));
	ASSERT_EQ(1, ring_read(r, &item, sizeof(item), RING_NOW, NULL));
	EXPECT_EQ(50, item);
	/* As many as were asked for, then as many as there are */
	ASSERT_EQ(2, ring_read_many(r, got, 2, buf, sizeof(buf), RING_NOW, NULL));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, memcmp(buf + got[i].offset, &items[1 + i], sizeof(item)));
	ASSERT_EQ(1, ring_read_many(r, got, 10, buf, sizeof(buf), RING_NOW, NULL));
	EXPECT_EQ(0, memcmp(buf + got[0].offset, &items[3], sizeof(item)));
	EXPECT_EQ(-EAGAIN, ring_read_many(r, got, 10, buf, sizeof(buf), RING_NOW, NULL));
}

TEST(one_writer_only)
{
	struct ring *w = open_empty(_metadata, "0"), *r = subscriber(_metadata, "0", RING_OLDEST), *only;
	char c = 'x';
	pid_t pid;

	ring_close(w);
	ASSERT_EQ(0, ring_open("0", RING_OPEN_WRITE, &only));
	ASSERT_EQ(0, ring_produce(only, RING_PRODUCE_EXCLUSIVE));
	ASSERT_EQ(0, ring_publish(only, &c, 1, 0, RING_NOW));
	EXPECT_EQ(-EBADF, ring_publish(r, &c, 1, 0, RING_NOW));
	EXPECT_EQ(-EBADF, ring_read(only, &c, 1, RING_NOW, NULL));
	pid = rt_fork(_metadata);
	if (!pid) {
		struct ring *second;

		_exit(ring_open("0", RING_OPEN_READ | RING_OPEN_WRITE, &second) ||
		      ring_publish(second, "y", 1, 0, RING_NOW) != -EBUSY);
	}
	EXPECT_EQ(0, rt_wait_child(pid));
	EXPECT_EQ(1, ring_read(r, &c, 1, RING_NOW, NULL));
}

TEST(exactly_slots_unread_records)
{
	static const struct { const char *where; int slots; } rings[] = { { "2", 4 }, { "0", 4096 } };
	size_t i;
	int n;

	for (i = 0; i < ARRAY_SIZE(rings); i++) {
		struct ring *w = open_empty(_metadata, rings[i].where);
		struct ring *r = subscriber(_metadata, rings[i].where, RING_NEXT);
		int lap;

		/* The second time it is full it starts in the middle. */
		for (lap = 0; lap < 2; lap++) {
			for (n = 0; n < rings[i].slots; n++)
				ASSERT_EQ(0, put(w, n, 0, RING_NOW));
			EXPECT_EQ(-EAGAIN, put(w, n, 0, RING_NOW));
			EXPECT_EQ(rings[i].slots, stat_of(_metadata, w).retained);
			for (n = 0; n < rings[i].slots; n++)
				ASSERT_TRUE(pops(r, n, RING_NOW));
			ASSERT_EQ(0, put(w, 0, 0, RING_NOW));
			ASSERT_TRUE(pops(r, 0, RING_NOW));
		}
	}
}

/* Another thread's put() that may wait */
struct waiting {
	struct ring *w;
	int number;
};

static long put_waiting(void *arg)
{
	struct waiting *p = arg;

	return put(p->w, p->number, p->number == 19 ? END : 0, ring_deadline_in(10 * RT_SECOND));
}

/* A writer that does not want to wait is refused, one that does sleeps, until the last reader reads. */
TEST(write_is_refused_or_waits_while_a_reader_lags)
{
	struct ring *w = open_empty(_metadata, "2"), *quick = subscriber(_metadata, "2", RING_NEXT);
	struct shared *s = share(_metadata);
	pid_t pid = rt_fork(_metadata);
	struct rt_thread t;
	int n;

	if (!pid)
		_exit(reader("2", s, true));
	ASSERT_TRUE(comes_to(&s->joined, 1));
	for (n = 0; n < 4; n++)
		ASSERT_TRUE(!put(w, n, 0, RING_NOW) && pops(quick, n, RING_NOW));
	/* The quick one alone makes no room; each record that the other one takes makes room for one. */
	for (n = 4; n < 20; n++) {
		struct waiting waiting = { w, n };

		EXPECT_EQ(-EAGAIN, put(w, n, 0, RING_NOW));
		rt_start_asleep(_metadata, &t, put_waiting, &waiting);
		__atomic_fetch_add(&s->allowed, 1, __ATOMIC_RELEASE);
		ASSERT_TRUE(rt_ends(&t, 5000));
		ASSERT_EQ(0, t.ret);
		ASSERT_TRUE(comes_to(&s->read, n - 3));	/* it may have been woken before this was counted */
		EXPECT_EQ(n - 3, s->read);
		ASSERT_TRUE(pops(quick, n, RING_NOW));
	}
	__atomic_store_n(&s->allowed, 20, __ATOMIC_RELEASE);
	EXPECT_EQ(0, rt_wait_child(pid));
}

/* Who forces, loses what a reader has not read, and the reader is told. */
TEST(a_forced_write_does_not_wait)
{
	struct ring *w = open_empty(_metadata, "3"), *r = subscriber(_metadata, "3", RING_NEXT);
	int n;

	for (n = 0; n < 10; n++)
		ASSERT_EQ(0, put(w, n, 0, RING_NOW));
	EXPECT_FALSE(pops(r, 0, RING_NOW));
	EXPECT_EQ(6, ring_lost(r));
	EXPECT_TRUE(pops(r, 6, RING_NOW));
}

TEST(readers_join_at_the_oldest_or_at_the_next)
{
	struct ring *w = open_empty(_metadata, "0"), *oldest, *latest, *next;
	int n;

	for (n = 0; n < 5; n++)
		ASSERT_EQ(0, put(w, n, 0, RING_NOW));
	oldest = subscriber(_metadata, "0", RING_OLDEST);
	latest = subscriber(_metadata, "0", RING_LATEST);
	next = subscriber(_metadata, "0", RING_NEXT);
	ASSERT_EQ(0, put(w, 5, 0, RING_NOW));
	for (n = 0; n < 6; n++)
		EXPECT_TRUE(pops(oldest, n, RING_NOW));
	EXPECT_TRUE(pops(latest, 4, RING_NOW));
	EXPECT_TRUE(pops(latest, 5, RING_NOW));
	EXPECT_TRUE(pops(next, 5, RING_NOW));
	EXPECT_FALSE(pops(next, 6, RING_NOW));
}

TEST(closing_releases_a_blocked_writer)
{
	int killed, n;

	for (killed = 0; killed < 2; killed++) {
		struct ring *w = open_empty(_metadata, "2"), *r;
		struct waiting waiting = { w, 4 };
		struct shared *s = share(_metadata);
		pid_t pid = rt_fork(_metadata);
		struct rt_thread t;

		if (!pid) {
			s->joined = !try_subscriber("2", RING_NEXT, &r);
			comes_to(&s->allowed, 1);
			ring_close(r);
			pause();
		}
		ASSERT_TRUE(comes_to(&s->joined, 1));
		r = subscriber(_metadata, "2", RING_NEXT);
		for (n = 0; n < 4; n++)
			ASSERT_EQ(0, put(w, n, 0, RING_NOW));
		/* This one is done with them; only the other process holds the writer. */
		for (n = 0; n < 4; n++)
			ASSERT_TRUE(pops(r, n, RING_NOW));
		rt_start_asleep(_metadata, &t, put_waiting, &waiting);
		if (killed)
			kill(pid, SIGKILL);
		else
			__atomic_store_n(&s->allowed, 1, __ATOMIC_RELEASE);
		ASSERT_TRUE(rt_ends(&t, 5000));
		EXPECT_EQ(0, t.ret);
		EXPECT_TRUE(pops(r, 4, RING_NOW));
		kill(pid, SIGKILL);
		EXPECT_EQ(128 + SIGKILL, rt_wait_child(pid));
		ring_close(r);
		ring_close(w);
	}
}

TEST(many_readers_until_the_end)
{
	struct ring *w = open_empty(_metadata, "0");
	struct shared *s = share(_metadata);
	int count = 20000, i, n;
	pid_t pid[4];

	for (i = 0; i < 4; i++) {
		pid[i] = rt_fork(_metadata);
		if (!pid[i])
			_exit(reader("0", s, i == 3));
	}
	ASSERT_TRUE(comes_to(&s->joined, 4));
	for (n = 0; n < count; n++) {
		/* The last reader may go on late, so that the ring is full again and again. */
		if (n % 4096 == 4095)
			__atomic_store_n(&s->allowed, n, __ATOMIC_RELEASE);
		ASSERT_EQ(0, put(w, n, n == count - 1 ? END : 0, ring_deadline_in(10 * RT_SECOND)));
	}
	__atomic_store_n(&s->allowed, count, __ATOMIC_RELEASE);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, rt_wait_child(pid[i]));
}

TEST_HARNESS_MAIN
