// SPDX-License-Identifier: GPL-2.0
/*
 * Producers and subscribers of a direct ring are killed at random moments, half of the producers while they
 * hold a reservation. Whoever is left goes on: no reader waits more than a second for a record published
 * after a death, nothing that was published is lost, and every claim was either committed or discarded.
 */
#include <libring.h>

#include "ring_test.h"

#define PRODUCERS	2000	/* half of them while they hold a reservation */
#define SUBSCRIBERS	2000
#define AT_A_TIME	4
#define MARK		0x1234u
#define RECORDS		40	/* while subscribers are killed */
#define TAKES		32768	/* the room of each of those: more than the ring holds of them */

/* What a producer says of itself; it survives it */
struct claim {
	__u64 published;	/* records that certainly are */
	int ready;
};

static void publish_for_ever(struct claim *claim, __u32 flags, __u32 tag)
{
	struct ring_reservation res;
	unsigned char record[400];
	struct ring *r;
	size_t len;

	if (ring_open("0", RING_OPEN_READ | RING_OPEN_WRITE, &r) || ring_produce(r, flags))
		_exit(1);
	__atomic_store_n(&claim->ready, 1, __ATOMIC_RELEASE);
	for (;;) {
		len = 8 + claim->published * 13 % 390;
		if (claim->published % 2) {
			rt_fill(record, len, claim->published);
			if (ring_publish(r, record, len, tag, RING_NEVER))
				_exit(1);
		} else {
			/* Most of its time it has a claim. */
			if (ring_reserve(r, len, RING_NEVER, &res))
				_exit(1);
			rt_fill(res.data, len, claim->published);
			res.tag = tag;
			if (ring_commit(r, &res, len))
				_exit(1);
		}
		__atomic_store_n(&claim->published, claim->published + 1, __ATOMIC_RELEASE);
	}
}

/* Claims that are discarded of who holds some */
#define GIVEN_UP	3

/* Hold three reservations, the middle one committed, and a batch. */
static void reserve_and_stop(struct claim *claim, const char *where, __u32 flags, __u32 tag)
{
	struct ring_reservation res[3];
	struct ring_batch batch;
	struct ring *r;
	int i;

	if (ring_open(where, RING_OPEN_READ | RING_OPEN_WRITE, &r) || ring_produce(r, flags))
		_exit(1);
	for (i = 0; i < 3; i++)
		if (ring_reserve(r, 100 * (i + 1), RING_NEVER, &res[i]))
			_exit(1);
	if (ring_reserve_many(r, 100, 5, RING_NEVER, &batch) != 5 || !ring_batch_at(r, &batch, 0, 10, tag))
		_exit(1);
	rt_fill(res[1].data, 50, 0);
	res[1].tag = tag;
	if (ring_commit(r, &res[1], 50))
		_exit(1);
	claim->published = 1;
	__atomic_store_n(&claim->ready, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

/* ... or subscribe and take nothing. */
static void read_for_ever(struct claim *claim, bool takes)
{
	struct ring_view v;
	struct ring *r;

	if (ring_open("0", RING_OPEN_READ, &r) || ring_subscribe(r, NULL))
		_exit(1);
	__atomic_store_n(&claim->ready, 1, __ATOMIC_RELEASE);
	while (!takes)
		pause();
	while (!ring_wait(r, RING_NEVER)) {
		while (ring_next(r, &v) == 1)
			;
		ring_release(r);
	}
	_exit(1);
}

FIXTURE(death) {
	struct claim *claims;
	struct ring *reader, *writer;
	struct ring_stat before;
	unsigned int seed;
};

FIXTURE_SETUP(death)
{
	struct ring_info info;

	self->claims = mmap(NULL, AT_A_TIME * sizeof(struct claim), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->claims);
	ASSERT_EQ(0, ring_open("0", RING_OPEN_READ | RING_OPEN_WRITE, &self->writer));
	ASSERT_EQ(0, ring_flush(self->writer));
	ASSERT_EQ(0, ring_open("0", RING_OPEN_READ, &self->reader));
	ASSERT_EQ(0, ring_subscribe(self->reader, NULL));
	ASSERT_EQ(0, ring_get_info(self->writer, &info));
	if (!(info.ring_flags & RING_DIRECT))
		SKIP(return, "this test is for direct rings");
	ASSERT_EQ(0, ring_get_stat(self->writer, &self->before, NULL, 0));
	self->seed = time(NULL);
	TH_LOG("seed %u", self->seed);
}

FIXTURE_TEARDOWN(death)
{
	ring_close(self->reader);
	ring_close(self->writer);
}

/* The record must be the next one of its producer; counted in @got. */
static void check(struct __test_metadata *_metadata, const struct ring_view *v, __u64 got[AT_A_TIME])
{
	ASSERT_GT(AT_A_TIME, v->tag);
	ASSERT_TRUE(rt_is(v->data, v->len, got[v->tag])) {
		TH_LOG("record %llu of producer %u is torn or missing", got[v->tag], v->tag);
	}
	got[v->tag]++;
}

/* Take a record if there is one. */
static bool take(struct __test_metadata *_metadata, struct ring *r, __u64 got[AT_A_TIME])
{
	struct ring_view v;
	int ret = ring_next(r, &v);

	if (ret == 1)
		check(_metadata, &v, got);
	else
		ASSERT_EQ(-EAGAIN, ret);
	ASSERT_EQ(0, ring_release(r));
	return ret == 1;
}

/* Read up to the mark of this round, each producer's records in order; how many came of each. */
static void read_to_mark(struct __test_metadata *_metadata, struct ring *r, unsigned int round,
			 __u64 got[AT_A_TIME])
{
	__u64 deadline = 0;
	struct ring_view v;
	int ret;

	for (;;) {
		ret = ring_next(r, &v);
		if (ret == -EAGAIN) {
			ASSERT_EQ(0, ring_release(r));
			/* Nobody is left who could take its time: from now on a second. */
			if (!deadline)
				deadline = rt_in_ms(1000 * rt_slow());
			ASSERT_EQ(0, ring_wait(r, deadline)) {
				TH_LOG("round %u: the reader waits", round);
			}
			continue;
		}
		ASSERT_EQ(1, ret);
		if (v.tag == MARK) {
			ASSERT_EQ(round, *(const unsigned int *)v.data);
			break;
		}
		check(_metadata, &v, got);
	}
	ASSERT_EQ(0, ring_release(r));
}

/* The ring may be full: make room by reading before the mark is published. */
static void publish_mark(struct __test_metadata *_metadata, struct ring *reader, unsigned int round,
			 __u64 got[AT_A_TIME])
{
	struct ring *r;

	/* From a producer that comes and goes: an exclusive one would have no other beside it. */
	ASSERT_EQ(0, ring_open("0", RING_OPEN_READ | RING_OPEN_WRITE, &r));
	while (ring_publish(r, &round, sizeof(round), MARK, RING_NOW) == -EAGAIN)
		ASSERT_TRUE(take(_metadata, reader, got));
	ring_close(r);
}

/*
 * Rounds of @n producers each, @total in all; half of them hold reservations when they are killed. Where some do,
 * the others soon sleep, for nobody can read on; where none does, somebody reads, so that they publish.
 */
static void kill_producers(struct __test_metadata *_metadata, FIXTURE_DATA(death) *self, unsigned int total,
			   unsigned int n, __u32 flags)
{
	__u64 got[AT_A_TIME], published = 0, discarded;
	const unsigned int holders[] = { 0, n, n / 2, n - n / 2 };
	unsigned int round, i, kills = 0, held = 0;
	struct ring_stat stat;
	pid_t pids[AT_A_TIME];

	for (round = 0; kills < rt_times(total) || round % 4; round++) {
		__u64 end;

		memset(self->claims, 0, AT_A_TIME * sizeof(struct claim));
		memset(got, 0, sizeof(got));
		/* Those with reservations first: the others fill the ring. */
		for (i = 0; i < n; i++) {
			bool holds = i < holders[round % 4];

			held += holds;
			pids[i] = rt_fork(_metadata);
			if (!pids[i] && holds)
				reserve_and_stop(&self->claims[i], "0", flags, i);
			if (!pids[i])
				publish_for_ever(&self->claims[i], flags, i);
			while (holds && !__atomic_load_n(&self->claims[i].ready, __ATOMIC_ACQUIRE))
				sched_yield();
		}
		for (i = 0; i < n; i++)
			while (!__atomic_load_n(&self->claims[i].ready, __ATOMIC_ACQUIRE))
				sched_yield();
		for (end = rt_now() + rand_r(&self->seed) % 1500 * 1000; rt_now() < end;)
			if (!take(_metadata, self->reader, got))
				sched_yield();
		for (i = 0; i < n; i++)
			kill(pids[i], SIGKILL);
		for (i = 0; i < n; i++) {
			ASSERT_EQ(128 + SIGKILL, rt_wait_child(pids[i]));
			kills++;
		}
		publish_mark(_metadata, self->reader, round, got);
		read_to_mark(_metadata, self->reader, round, got);
		for (i = 0; i < n; i++) {
			/* It may have died between the commit and its note of it. */
			ASSERT_LE(self->claims[i].published, got[i]);
			ASSERT_GE(self->claims[i].published + 1, got[i]);
			published += got[i];
		}
	}
	ASSERT_EQ(0, ring_get_stat(self->writer, &stat, NULL, 0));
	discarded = stat.discarded - self->before.discarded;
	TH_LOG("%u producers killed in %u rounds: %llu records, %llu of %u discarded on purpose", kills, round,
	       stat.published - self->before.published, discarded, GIVEN_UP * held);
	ASSERT_EQ(RING_NONE, stat.busy_sequence);
	ASSERT_EQ(published + round, stat.published - self->before.published);
	/* What each producer had that held something, and what random kills hit */
	ASSERT_EQ(kills, 2 * held);
	if (rt_slow() == 1)
		ASSERT_LT(GIVEN_UP * held, discarded);
	ASSERT_GE(GIVEN_UP * held + kills - held, discarded);
	ASSERT_EQ(0, ring_lost(self->reader));
}

TEST_F_TIMEOUT(death, of_producers, 110)
{
	kill_producers(_metadata, self, PRODUCERS, AT_A_TIME, 0);
}

TEST_F_TIMEOUT(death, of_exclusive_producers, 110)
{
	kill_producers(_metadata, self, PRODUCERS / 2, 1, RING_PRODUCE_EXCLUSIVE);
}

TEST_F_TIMEOUT(death, of_subscribers, 110)
{
	unsigned int round, i, kills = 0, gated;
	__u64 got[AT_A_TIME] = {};
	struct ring_reservation res;
	struct ring_stat stat;
	pid_t pids[AT_A_TIME];

	for (round = 0; kills < rt_times(SUBSCRIBERS); round++) {
		memset(self->claims, 0, AT_A_TIME * sizeof(struct claim));
		for (i = 0; i < AT_A_TIME; i++) {
			pids[i] = rt_fork(_metadata);
			if (!pids[i])
				read_for_ever(&self->claims[i], i > 0);
		}
		for (i = 0; i < AT_A_TIME; i++)
			while (!__atomic_load_n(&self->claims[i].ready, __ATOMIC_ACQUIRE))
				sched_yield();
		/*
		 * More than the ring holds, of which one takes nothing: the writer waits for it, and it dies. Another
		 * one dies at a random moment.
		 */
		got[0] = gated = 0;
		for (i = 0; i < RECORDS; i++) {
			int ret;

			while ((ret = ring_reserve(self->writer, TAKES, RING_NOW, &res)) == -EAGAIN) {
				if (take(_metadata, self->reader, got))
					continue;
				if (!gated++)
					kill(pids[0], SIGKILL);
				ret = ring_reserve(self->writer, TAKES, rt_in_ms(1000 * rt_slow()), &res);
				break;
			}
			ASSERT_EQ(0, ret);
			rt_fill(res.data, 200, i);
			ASSERT_EQ(0, ring_commit(self->writer, &res, 200));
			if (i == rand_r(&self->seed) % RECORDS)
				kill(pids[1 + i % (AT_A_TIME - 1)], SIGKILL);
		}
		ASSERT_LT(0, gated);
		for (i = 0; i < AT_A_TIME; i++)
			kill(pids[i], SIGKILL);
		for (i = 0; i < AT_A_TIME; i++) {
			ASSERT_EQ(128 + SIGKILL, rt_wait_child(pids[i]));
			kills++;
		}
		publish_mark(_metadata, self->reader, round, got);
		read_to_mark(_metadata, self->reader, round, got);
		ASSERT_EQ(RECORDS, got[0]);
		ASSERT_EQ(0, ring_get_stat(self->writer, &stat, NULL, 0));
		ASSERT_EQ(1, stat.subscribers);
	}
	TH_LOG("%u subscribers killed in %u rounds", kills, round);
	ASSERT_EQ(stat.head, ring_released(self->reader));
}

/* A ring full of what a killed subscriber never took: the writer that waits for it goes on when it dies. */
TEST_F(death, of_the_slowest_subscriber)
{
	struct ring_view v;
	__u64 before;
	pid_t pid;

	pid = rt_fork(_metadata);
	if (!pid)
		read_for_ever(&self->claims[0], false);
	while (!__atomic_load_n(&self->claims[0].ready, __ATOMIC_ACQUIRE))
		sched_yield();
	while (!ring_publish(self->writer, "x", 1, 0, RING_NOW))
		;
	while (ring_next(self->reader, &v) == 1)
		;
	ASSERT_EQ(0, ring_release(self->reader));
	ASSERT_EQ(-EAGAIN, ring_publish(self->writer, "y", 1, 0, RING_NOW));
	kill(pid, SIGKILL);
	before = rt_now();
	ASSERT_EQ(0, ring_publish(self->writer, "z", 1, 0, rt_in_ms(5000 * rt_slow())));
	ASSERT_GT(RT_SECOND * rt_slow(), rt_now() - before);
	ASSERT_EQ(128 + SIGKILL, rt_wait_child(pid));
}

static long publish_a_lap(void *ring)
{
	struct ring_info info;
	unsigned int i;
	int ret;

	ret = ring_get_info(ring, &info);
	for (i = 0; !ret && i < info.slots; i++)
		ret = ring_publish(ring, &i, sizeof(i), 0, RING_NEVER);
	return ret;
}

/* Nor does an overwrite ring overwrite what is being written: its writers wait for that, until it dies. */
TEST_F(death, of_who_is_in_the_way_of_an_overwriting_writer)
{
	static const unsigned int ways[] = { 0, RING_OPEN_MEDIATED };
	struct ring_stat before, stat;
	struct rt_thread writer;
	unsigned int i;
	struct ring *w;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		memset(self->claims, 0, sizeof(struct claim));
		ASSERT_EQ(0, ring_open("1", RING_OPEN_READ | RING_OPEN_WRITE | ways[i], &w));
		ASSERT_EQ(0, ring_flush(w));
		ASSERT_EQ(0, ring_get_stat(w, &before, NULL, 0));
		pid = rt_fork(_metadata);
		if (!pid)
			reserve_and_stop(&self->claims[0], "1", 0, 0);
		while (!__atomic_load_n(&self->claims[0].ready, __ATOMIC_ACQUIRE))
			sched_yield();
		rt_start_asleep(_metadata, &writer, publish_a_lap, w);
		ASSERT_EQ(0, ring_get_stat(w, &stat, NULL, 0));
		ASSERT_EQ(before.head, stat.tail);
		ASSERT_EQ(before.head, stat.busy_sequence);
		ASSERT_EQ(pid, stat.busy_pid);
		kill(pid, SIGKILL);
		ASSERT_TRUE(rt_ends(&writer, 1000));
		ASSERT_EQ(0, writer.ret);
		ASSERT_EQ(128 + SIGKILL, rt_wait_child(pid));
		ASSERT_EQ(0, ring_get_stat(w, &stat, NULL, 0));
		ASSERT_EQ(GIVEN_UP, stat.discarded - before.discarded);
		ASSERT_EQ(RING_NONE, stat.busy_sequence);
		ring_close(w);
	}
}

TEST_HARNESS_MAIN
