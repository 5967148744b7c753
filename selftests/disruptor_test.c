// SPDX-License-Identifier: GPL-2.0
/*
 * What the disruptors for Python document, done with rings: a producer claims sequences and commits them,
 * every consumer is registered with a sequence of its own and sees every item.
 *
 * Their documentation shows			here
 *	claim, fill in, commit			claims_are_seen_when_they_are_committed
 *	wait for a sequence, with a timeout	waiting_for_a_sequence
 *	every consumer sees every item, one by
 *	one or in batches			several_consumers_see_every_item
 *	consumers that register later		the same: its third one
 *	the slowest consumer holds the producer	a_slow_consumer_gates_the_producer
 *	unregistering a consumer		unsubscribing_releases_a_blocked_writer
 *	one producer; a second one is refused	one_exclusive_producer
 *	stages, one after the other		a_pipeline_of_two_rings
 *
 * And the faults to keep away: one lock or one condition for all buffers, so that each wakes the waiters of
 * the others: two_rings_never_wake_each_others_waiters. A consumer that unregisters while the producer waits
 * for it, for ever: unsubscribing_releases_a_blocked_writer (closing, dying: shared_circular_buffer_test).
 */
#include "libring_helpers.h"

#define LEN	40	/* of the records, one slot each */

static int put(struct ring *r, __u64 number, __u64 deadline)
{
	unsigned char record[LEN];

	rt_fill(record, LEN, number);
	return ring_publish(r, record, LEN, number, deadline);
}

/* Whether ring_next() gives the record of @number */
static bool next_is(struct ring *r, __u64 number)
{
	struct ring_view v;

	return ring_next(r, &v) == 1 && v.len == LEN && v.tag == (__u32)number && rt_is(v.data, LEN, number);
}

static bool asleep(struct rt_thread *t)
{
	return !__atomic_load_n(&t->ended, __ATOMIC_ACQUIRE) && rt_task_state(t->tid) == 'S';
}

TEST(claims_are_seen_when_they_are_committed)
{
	struct ring *w = open_empty(_metadata, "0"), *r = subscriber(_metadata, "0", RING_NEXT);
	struct ring_reservation claim, given_up;
	__u64 first = ring_position(r);
	struct ring_view v;

	ASSERT_EQ(0, ring_reserve(w, LEN, RING_NOW, &claim));
	rt_fill(claim.data, LEN, 7);
	claim.tag = 7;
	EXPECT_EQ(-EAGAIN, ring_next(r, &v));
	EXPECT_EQ(-ETIMEDOUT, ring_wait_sequence(r, first, ring_deadline_in(20 * RT_MS)));
	ASSERT_EQ(0, ring_commit(w, &claim, LEN));
	EXPECT_EQ(first, claim.sequence);
	EXPECT_EQ(0, ring_wait_sequence(r, first, RING_NOW));
	EXPECT_TRUE(next_is(r, 7));
	/* One that is given up is passed over. */
	ASSERT_EQ(0, ring_reserve(w, LEN, RING_NOW, &given_up));
	ASSERT_EQ(0, put(w, 8, RING_NOW));
	ASSERT_EQ(0, ring_discard(w, &given_up));
	EXPECT_TRUE(next_is(r, 8));
	EXPECT_EQ(-EAGAIN, ring_next(r, &v));
}

static long wait_for_the_fifth(void *ring)
{
	return ring_wait_sequence(ring, ring_position(ring) + 4, ring_deadline_in(10 * RT_SECOND));
}

TEST(waiting_for_a_sequence)
{
	struct ring *w = open_empty(_metadata, "0"), *r = subscriber(_metadata, "0", RING_NEXT);
	__u64 begun = rt_now();
	struct rt_thread t;
	int n;

	EXPECT_EQ(-ETIMEDOUT, ring_wait_sequence(r, ring_position(r) + 4, ring_deadline_in(50 * RT_MS)));
	EXPECT_LE(50 * RT_MS, rt_now() - begun);
	/* Those before it are not what it waits for. */
	rt_start_asleep(_metadata, &t, wait_for_the_fifth, r);
	for (n = 0; n < 4; n++) {
		ASSERT_EQ(0, put(w, n, RING_NOW));
		rt_sleep_ms(10);
		EXPECT_EQ(0, __atomic_load_n(&t.ended, __ATOMIC_ACQUIRE));
	}
	ASSERT_EQ(0, put(w, n, RING_NOW));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(0, t.ret);
}

/* What a consumer's thread does: by copies of many records, or in place and released together */
struct consuming {
	struct ring *r;
	int from, to;		/* numbers of its records */
	bool in_place;
	struct ring *out;	/* where they are published again; NULL: nowhere */
	int most;		/* records in one batch */
};

static long consume(void *arg)
{
	static __thread struct ring_read_record got[64];
	static __thread unsigned char buf[64 * LEN];
	struct consuming *c = arg;
	int n, batch, i, ret;

	for (n = c->from; n < c->to; n += batch) {
		ret = ring_wait(c->r, ring_deadline_in(10 * RT_SECOND));
		if (ret)
			return ret;
		if (c->in_place) {
			for (batch = 0; batch < 64 && n + batch < c->to && next_is(c->r, n + batch); batch++)
				if (c->out && put(c->out, n + batch, RING_NOW))
					return -EIO;
			if (!batch || ring_release(c->r))
				return -EILSEQ;
		} else {
			batch = ring_read_many(c->r, got, 64, buf, sizeof(buf), RING_NOW, NULL);
			if (batch <= 0)
				return batch ? batch : -EPIPE;
			for (i = 0; i < batch; i++)
				if (got[i].len != LEN || !rt_is(buf + got[i].offset, LEN, n + i))
					return -EILSEQ;
		}
		c->most = batch > c->most ? batch : c->most;
	}
	return 0;
}

TEST(several_consumers_see_every_item)
{
	struct ring *w = open_empty(_metadata, "0");
	struct consuming c[3] = {
		{ subscriber(_metadata, "0", RING_NEXT), 0, 3 * 4096, true, NULL, 0 },
		{ subscriber(_metadata, "0", RING_NEXT), 0, 3 * 4096, false, NULL, 0 },
	};
	struct rt_thread t[3];
	int i, n;

	/* Some lie there before the consumers look: those come in batches. The third one joins later. */
	for (n = 0; n < 1000; n++)
		ASSERT_EQ(0, put(w, n, RING_NOW));
	c[2] = (struct consuming) { subscriber(_metadata, "0", RING_NEXT), 1000, 3 * 4096, true, NULL, 0 };
	for (; n < 2000; n++)
		ASSERT_EQ(0, put(w, n, RING_NOW));
	for (i = 0; i < 3; i++)
		rt_start(_metadata, &t[i], consume, &c[i]);
	for (; n < 3 * 4096; n++)
		ASSERT_EQ(0, put(w, n, ring_deadline_in(10 * RT_SECOND)));
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(rt_ends(&t[i], 10000));
		EXPECT_EQ(0, t[i].ret);
		EXPECT_EQ(64, c[i].most);
		EXPECT_EQ(c[i].to - c[i].from, ring_taken(c[i].r));
		EXPECT_EQ(0, ring_lost(c[i].r));
	}
}

static long put_the_fifth(void *ring)
{
	return put(ring, 4, ring_deadline_in(10 * RT_SECOND));
}

static void blocked_until(struct __test_metadata *_metadata, bool unsubscribes)
{
	struct ring *w = open_empty(_metadata, "2"), *quick = subscriber(_metadata, "2", RING_NEXT);
	struct ring *slow = subscriber(_metadata, "2", RING_NEXT);
	struct rt_thread t;
	int n;

	for (n = 0; n < 4; n++)
		ASSERT_EQ(0, put(w, n, RING_NOW));
	for (n = 0; n < 4; n++)
		ASSERT_TRUE(next_is(quick, n));
	ASSERT_EQ(0, ring_release(quick));
	rt_start_asleep(_metadata, &t, put_the_fifth, w);
	/* Looking at records does not give them back. */
	EXPECT_TRUE(next_is(slow, 0));
	rt_sleep_ms(50);
	EXPECT_TRUE(asleep(&t));
	EXPECT_EQ(0, unsubscribes ? ring_unsubscribe(slow) : ring_release(slow));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(0, t.ret);
	EXPECT_TRUE(next_is(quick, 4));
}

TEST(a_slow_consumer_gates_the_producer)
{
	blocked_until(_metadata, false);
}

TEST(unsubscribing_releases_a_blocked_writer)
{
	blocked_until(_metadata, true);
}

TEST(one_exclusive_producer)
{
	struct ring *w = open_empty(_metadata, "0"), *second, *r = subscriber(_metadata, "0", RING_NEXT);
	struct ring_view v;

	ASSERT_EQ(0, ring_produce(w, RING_PRODUCE_EXCLUSIVE));
	ASSERT_EQ(0, ring_open("0", RING_OPEN_READ | RING_OPEN_WRITE, &second));
	EXPECT_EQ(-EBUSY, ring_produce(second, RING_PRODUCE_EXCLUSIVE));
	EXPECT_EQ(-EBUSY, put(second, 1, RING_NOW));
	ASSERT_EQ(0, put(w, 0, RING_NOW));
	ring_close(w);
	ASSERT_EQ(0, ring_produce(second, RING_PRODUCE_EXCLUSIVE));
	ASSERT_EQ(0, put(second, 1, RING_NOW));
	EXPECT_TRUE(next_is(r, 0));
	EXPECT_TRUE(next_is(r, 1));
	EXPECT_EQ(-EAGAIN, ring_next(r, &v));
}

/* The first stage publishes what comes out of ring 0 in ring 1, where the second one waits for it. */
TEST(a_pipeline_of_two_rings)
{
	struct ring *w = open_empty(_metadata, "0"), *out = open_empty(_metadata, "1");
	/* Fewer than ring 1 holds, as that one does not wait for the second stage. */
	struct consuming one = { subscriber(_metadata, "0", RING_NEXT), 0, 3000, true, out, 0 };
	struct consuming two = { subscriber(_metadata, "1", RING_NEXT), 0, 3000, true, NULL, 0 };
	struct rt_thread first, second;
	int n;

	rt_start_asleep(_metadata, &second, consume, &two);
	for (n = 0; n < 3000; n++)
		ASSERT_EQ(0, put(w, n, RING_NOW));
	rt_sleep_ms(20);
	EXPECT_TRUE(asleep(&second));	/* there is nothing for it yet */
	rt_start(_metadata, &first, consume, &one);
	ASSERT_TRUE(rt_ends(&first, 10000));
	ASSERT_TRUE(rt_ends(&second, 10000));
	EXPECT_EQ(0, second.ret);
}

/* How often a thread was put on a processor */
static long runs(struct rt_thread *t)
{
	char path[64], line[128];
	long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", t->tid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

/* Everything that a ring counts of sleeping and waking; none of it ever gets less. */
static __u64 stirs(struct __test_metadata *_metadata, struct ring *r)
{
	struct ring_stat stat = stat_of(_metadata, r);

	return stat.reader_sleeps + stat.reader_wakes + stat.writer_sleeps + stat.writer_wakes;
}

TEST(two_rings_never_wake_each_others_waiters)
{
	struct ring *w0 = open_empty(_metadata, "0"), *w1 = open_empty(_metadata, "1");
	struct ring *w2 = open_empty(_metadata, "2"), *r2 = subscriber(_metadata, "2", RING_NEXT);
	struct consuming busy = { subscriber(_metadata, "0", RING_NEXT), 0, 200, true, NULL, 0 };
	struct consuming idle = { subscriber(_metadata, "1", RING_NEXT), 0, 1, true, NULL, 0 };
	struct rt_thread reader0, reader1, writer2;
	__u64 stirs1, stirs2, woken;
	long runs1, runs2;
	int n;

	for (n = 0; n < 4; n++)
		ASSERT_EQ(0, put(w2, n, RING_NOW));
	rt_start_asleep(_metadata, &reader1, consume, &idle);
	rt_start_asleep(_metadata, &writer2, put_the_fifth, w2);
	stirs1 = stirs(_metadata, w1);
	stirs2 = stirs(_metadata, w2);
	runs1 = runs(&reader1);
	runs2 = runs(&writer2);
	ASSERT_TRUE(runs1 > 0 && runs2 > 0);
	/* Ring 0 is busy: its reader sleeps and is woken, again and again. */
	woken = stat_of(_metadata, w0).reader_wakes;
	rt_start_asleep(_metadata, &reader0, consume, &busy);
	for (n = 0; n < 200; n++) {
		ASSERT_EQ(0, put(w0, n, RING_NOW));
		if (n % 10 == 0)
			rt_sleep_ms(2);
	}
	ASSERT_TRUE(rt_ends(&reader0, 5000));
	EXPECT_EQ(0, reader0.ret);
	EXPECT_LT(woken, stat_of(_metadata, w0).reader_wakes);
	EXPECT_TRUE(asleep(&reader1));
	EXPECT_TRUE(asleep(&writer2));
	EXPECT_EQ(runs1, runs(&reader1));
	EXPECT_EQ(runs2, runs(&writer2));
	EXPECT_EQ(stirs1, stirs(_metadata, w1));
	EXPECT_EQ(stirs2, stirs(_metadata, w2));

	/* What they wait for does wake them. */
	ASSERT_EQ(0, put(w1, 0, RING_NOW));
	ASSERT_TRUE(rt_ends(&reader1, 5000));
	EXPECT_EQ(0, reader1.ret);
	EXPECT_TRUE(next_is(r2, 0));
	ASSERT_EQ(0, ring_release(r2));
	ASSERT_TRUE(rt_ends(&writer2, 5000));
	EXPECT_EQ(0, writer2.ret);
	EXPECT_EQ(stirs1 + 1, stirs(_metadata, w1));
	EXPECT_EQ(stirs2 + 1, stirs(_metadata, w2));
}

TEST_HARNESS_MAIN
