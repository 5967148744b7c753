// SPDX-License-Identifier: GPL-2.0
/*
 * Producers and subscribers of a direct ring are killed at random moments, half of the producers while they
 * hold a reservation. Whoever is left goes on: no reader waits more than a second for a record published
 * after a death, nothing that was published is lost, and every claim was either committed or discarded.
 */
#include <libring.h>

#include "ring_test.h"

#define PRODUCERS	1000	/* killed while publishing; as many while they hold a reservation */
#define SUBSCRIBERS	2000
#define AT_A_TIME	4
#define MARK		0x1234u

/* What a producer says of itself; it survives it */
struct claim {
	__u64 published;	/* records that certainly are */
	int ready;
};

static void publish_for_ever(struct claim *claim, __u32 flags, __u32 tag)
{
	unsigned char record[400];
	struct ring *r;
	size_t len;

	if (ring_open("0", RING_OPEN_READ | RING_OPEN_WRITE, &r) || ring_produce(r, flags))
		_exit(1);
	__atomic_store_n(&claim->ready, 1, __ATOMIC_RELEASE);
	for (;;) {
		len = 8 + claim->published * 13 % 390;
		rt_fill(record, len, claim->published);
		if (ring_publish(r, record, len, tag, RING_NEVER))
			_exit(1);
		__atomic_store_n(&claim->published, claim->published + 1, __ATOMIC_RELEASE);
	}
}

/* Hold three reservations, the middle one committed. */
static void reserve_and_stop(struct claim *claim, __u32 flags, __u32 tag)
{
	struct ring_reservation res[3];
	struct ring *r;
	int i;

	if (ring_open("0", RING_OPEN_READ | RING_OPEN_WRITE, &r) || ring_produce(r, flags))
		_exit(1);
	for (i = 0; i < 3; i++)
		if (ring_reserve(r, 100 * (i + 1), RING_NEVER, &res[i]))
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

static void read_for_ever(struct claim *claim)
{
	struct ring_view v;
	struct ring *r;

	if (ring_open("0", RING_OPEN_READ, &r) || ring_subscribe(r, NULL))
		_exit(1);
	__atomic_store_n(&claim->ready, 1, __ATOMIC_RELEASE);
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
				deadline = rt_in_ms(1000);
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
		ASSERT_GT(AT_A_TIME, v.tag);
		ASSERT_TRUE(rt_is(v.data, v.len, got[v.tag])) {
			TH_LOG("round %u: record %llu of producer %u is torn or missing", round, got[v.tag], v.tag);
		}
		got[v.tag]++;
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
	while (ring_publish(r, &round, sizeof(round), MARK, RING_NOW) == -EAGAIN) {
		struct ring_view v;

		ASSERT_EQ(1, ring_next(reader, &v));
		ASSERT_TRUE(rt_is(v.data, v.len, got[v.tag]));
		got[v.tag]++;
		ASSERT_EQ(0, ring_release(reader));
	}
	ring_close(r);
}

/* Rounds of @n producers each; half of all hold reservations when they are killed. */
static void kill_producers(struct __test_metadata *_metadata, FIXTURE_DATA(death) *self, unsigned int n, __u32 flags)
{
	__u64 got[AT_A_TIME], published = 0;
	unsigned int round, i, kills = 0;
	struct ring_stat stat;
	pid_t pids[AT_A_TIME];

	for (round = 0; kills < 2 * rt_times(PRODUCERS); round++) {
		memset(self->claims, 0, AT_A_TIME * sizeof(struct claim));
		memset(got, 0, sizeof(got));
		/* Those with reservations first: the others fill the ring, and nobody can read on past them. */
		for (i = 0; i < n; i++) {
			bool holds = n > 1 ? i < n / 2 : round % 2;

			pids[i] = rt_fork(_metadata);
			if (!pids[i] && holds)
				reserve_and_stop(&self->claims[i], flags, i);
			if (!pids[i])
				publish_for_ever(&self->claims[i], flags, i);
			while (holds && !__atomic_load_n(&self->claims[i].ready, __ATOMIC_ACQUIRE))
				sched_yield();
		}
		for (i = 0; i < n; i++)
			while (!__atomic_load_n(&self->claims[i].ready, __ATOMIC_ACQUIRE))
				sched_yield();
		usleep(rand_r(&self->seed) % 1500);
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
	TH_LOG("%u producers killed in %u rounds: %llu records, %llu discarded", kills, round,
	       stat.published - self->before.published, stat.discarded - self->before.discarded);
	ASSERT_EQ(RING_NONE, stat.busy_sequence);
	ASSERT_EQ(published + round, stat.published - self->before.published);
	/* Two of the three reservations of each producer that held them */
	ASSERT_LE(kills / 2 * 2, stat.discarded - self->before.discarded);
	ASSERT_EQ(0, ring_lost(self->reader));
}

TEST_F_TIMEOUT(death, of_producers, 110)
{
	kill_producers(_metadata, self, AT_A_TIME, 0);
}

TEST_F_TIMEOUT(death, of_exclusive_producers, 110)
{
	kill_producers(_metadata, self, 1, RING_PRODUCE_EXCLUSIVE);
}

TEST_F_TIMEOUT(death, of_subscribers, 110)
{
	unsigned int round, i, kills = 0;
	__u64 got[AT_A_TIME] = {};
	struct ring_stat stat;
	pid_t pids[AT_A_TIME];

	for (round = 0; kills < rt_times(SUBSCRIBERS); round++) {
		memset(self->claims, 0, AT_A_TIME * sizeof(struct claim));
		for (i = 0; i < AT_A_TIME; i++) {
			pids[i] = rt_fork(_metadata);
			if (!pids[i])
				read_for_ever(&self->claims[i]);
		}
		for (i = 0; i < AT_A_TIME; i++)
			while (!__atomic_load_n(&self->claims[i].ready, __ATOMIC_ACQUIRE))
				sched_yield();
		/* More than the ring holds, so that those to be killed gate; half of them die while it goes on. */
		for (i = 0; i < 40; i++) {
			unsigned char record[200];

			rt_fill(record, sizeof(record), i);
			ASSERT_EQ(0, ring_publish(self->writer, record, sizeof(record), 0, rt_in_ms(1000)));
			if (i == rand_r(&self->seed) % 40)
				kill(pids[i % AT_A_TIME], SIGKILL);
		}
		for (i = 0; i < AT_A_TIME; i++)
			kill(pids[i], SIGKILL);
		for (i = 0; i < AT_A_TIME; i++) {
			ASSERT_EQ(128 + SIGKILL, rt_wait_child(pids[i]));
			kills++;
		}
		ASSERT_EQ(0, ring_publish(self->writer, &round, sizeof(round), MARK, rt_in_ms(1000)));
		got[0] = 0;
		read_to_mark(_metadata, self->reader, round, got);
		ASSERT_EQ(40, got[0]);
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
	if (!pid) {
		struct ring *r;

		if (ring_open("0", RING_OPEN_READ, &r) || ring_subscribe(r, NULL))
			_exit(1);
		__atomic_store_n(&self->claims[0].ready, 1, __ATOMIC_RELEASE);
		for (;;)
			pause();
	}
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
	ASSERT_EQ(0, ring_publish(self->writer, "z", 1, 0, rt_in_ms(5000)));
	ASSERT_GT(RT_SECOND, rt_now() - before);
	ASSERT_EQ(128 + SIGKILL, rt_wait_child(pid));
}

TEST_HARNESS_MAIN
