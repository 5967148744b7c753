// SPDX-License-Identifier: GPL-2.0
/*
 * States and hints that a direct producer forges, one at a time, each named after what it broke: whoever uses
 * the ring goes on, or is told EUCLEAN, and is never left waiting; once the forger is gone, a flush makes the
 * ring as good as new.
 */
#include <libring.h>

#include "ring_test.h"

#define NOBODY	4000u	/* an owner id that no producer has */
#define SPARE	2	/* a ring to be shut down */

RT_LOADS("rings=3 slots=4096 slot_size=64 size=1M,16M,1M policy=block,overwrite,block direct=1")

FIXTURE(forge) {
	int w, r;			/* honest, mediated */
	int forger;
	__u32 owner;			/* the forger's owner id */
	struct rt_map map;		/* the forger's, writable */
	__u64 head;			/* the sequence of the next record */
};

FIXTURE_VARIANT(forge) {
	int ring;
};

FIXTURE_VARIANT_ADD(forge, block) { .ring = BLOCK };
FIXTURE_VARIANT_ADD(forge, overwrite) { .ring = OVERWRITE };
FIXTURE_VARIANT_ADD(forge, to_be_shut_down) { .ring = SPARE };

FIXTURE_SETUP(forge)
{
	struct ring_produce produce = { .size = sizeof(produce), .flags = RING_PRODUCE_DIRECT };
	struct ring_info info;

	self->w = rt_open_empty(_metadata, variant->ring);
	rt_set_nonblock(self->w, true);
	self->r = rt_open(_metadata, variant->ring, O_RDONLY | O_NONBLOCK);
	rt_subscribe(_metadata, self->r, 0, RING_NEXT);

	self->forger = rt_open(_metadata, variant->ring, O_RDWR);
	info = rt_info(_metadata, self->forger);
	RT_OK(ioctl(self->forger, RING_IOC_PRODUCE, &produce));
	self->owner = produce.owner;
	self->map = rt_map(_metadata, self->forger);
	ASSERT_EQ(0, mprotect(self->map.mem.producers, info.producers_length, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, mprotect(self->map.mem.slots, info.slots_length, PROT_READ | PROT_WRITE));
	self->head = rt_stat(_metadata, self->w).head;
}

FIXTURE_TEARDOWN(forge)
{
	close(self->w);
	close(self->r);
}

static void forge(FIXTURE_DATA(forge) *self, __u64 sequence, int laps, __u32 k, __u32 owner,
		  enum ring_phase phase)
{
	ring_store(&ring_mem_slot(&self->map.mem, sequence)->state,
		   ring_state_make(ring_mem_lap(&self->map.mem, sequence) + laps, k, owner, phase));
}

static void leave(FIXTURE_DATA(forge) *self)
{
	rt_unmap(&self->map);
	close(self->forger);
}

/* Two laps of records go through as if nothing had been. */
static void is_as_new(struct __test_metadata *_metadata, FIXTURE_DATA(forge) *self)
{
	unsigned int i;

	for (i = 0; i < 2 * self->map.info.slots; i++) {
		size_t len = 8 + i * 17 % 990;

		ASSERT_EQ(len, rt_write(self->w, len, i)) {
			TH_LOG("record %u: %s", i, strerror(errno));
		}
		ASSERT_EQ(len, rt_read(self->r, 1000, i)) {
			TH_LOG("record %u: %s", i, strerror(errno));
		}
	}
}

/* The forger leaves an inconsistent ring: it is marked so, says so, and a flush mends it. */
static void leaves_it_corrupt(struct __test_metadata *_metadata, FIXTURE_DATA(forge) *self)
{
	leave(self);
	RT_FAILS(EUCLEAN, rt_write(self->w, 8, 0));
	RT_FAILS(EUCLEAN, rt_read(self->r, 8, 0));
	ASSERT_EQ(RING_STATUS_CORRUPT, rt_stat(_metadata, self->w).status);
	RT_OK(ioctl(self->w, RING_IOC_FLUSH, 0));
	is_as_new(_metadata, self);
}

TEST_F(forge, nothing)
{
	leave(self);
	is_as_new(_metadata, self);
}

TEST_F(forge, hint_beyond_the_head)
{
	ring_store(&self->map.mem.producers->hint, self->head + 100);
	ASSERT_EQ(8, rt_write(self->w, 8, 1));
	ASSERT_EQ(8, rt_read(self->r, 8, 1));
	leave(self);
	is_as_new(_metadata, self);
}

/* A reader that hangs back by it finds each record, and no more of them, all the same. */
TEST_F(forge, hint_that_readers_look_at)
{
	/* of the first */
	const __u64 ahead[] = { 0, 1, 20, 40, -1, -100, RING_NONE - self->head, 1000, 1ull << 62 };
	__u64 first = self->head;
	struct ring_view v;
	unsigned int i, n;
	struct ring *r;

	ASSERT_EQ(0, ring_open_fd(dup(self->r), 0, &r));
	for (i = 0; i < ARRAY_SIZE(ahead); i++, first += 40) {
		for (n = 0; n < 40; n++)
			ASSERT_EQ(8, rt_write(self->w, 8, n));
		for (n = 0; n < 40; n++) {
			ring_store(&self->map.mem.producers->hint, first + ahead[i]);
			ASSERT_EQ(1, ring_next(r, &v)) {
				TH_LOG("record %u of 40, with a hint %lld ahead", n, ahead[i]);
			}
			ASSERT_TRUE(rt_is(v.data, v.len, n));
		}
		/* It does look. */
		if (ahead[i] == 20)
			ASSERT_EQ(first + 20, r->behind);
		ring_store(&self->map.mem.producers->hint, first + ahead[i]);
		ASSERT_EQ(-EAGAIN, ring_next(r, &v));
		ASSERT_EQ(0, ring_release(r));
	}
	ring_close(r);
	leave(self);
	is_as_new(_metadata, self);
}

TEST_F(forge, hint_inside_a_record)
{
	ASSERT_EQ(5000, rt_write(self->w, 5000, 1));
	ring_store(&self->map.mem.producers->hint, self->head + 1);
	ASSERT_EQ(8, rt_write(self->w, 8, 2));
	ASSERT_EQ(5000, rt_read(self->r, 5000, 1));
	ASSERT_EQ(8, rt_read(self->r, 8, 2));
	leave(self);
	is_as_new(_metadata, self);
}

/* Committed, with nothing before it: who claims next does so behind it, and the hole is nobody's. */
TEST_F(forge, hole_before_a_record)
{
	forge(self, self->head + 5, 0, 1, NOBODY, RING_COMMITTED);
	ring_store(&self->map.mem.producers->hint, self->head + 5);
	ASSERT_EQ(8, rt_write(self->w, 8, 1));
	RT_FAILS(EAGAIN, rt_read(self->r, 8, 1));
	leaves_it_corrupt(_metadata, self);
}

/* While the forger stays, writers find the hole when they need the room. */
TEST_F(forge, hole_that_writers_meet)
{
	unsigned int n = 0;

	forge(self, self->head + 5, 0, 1, NOBODY, RING_COMMITTED);
	ring_store(&self->map.mem.producers->hint, self->head + 5);
	while (rt_write(self->w, 8, n) == 8)
		ASSERT_GT(self->map.info.slots, n++);
	ASSERT_EQ(EUCLEAN, errno);
	RT_OK(ioctl(self->w, RING_IOC_FLUSH, 0));
	is_as_new(_metadata, self);
	leave(self);
}

TEST_F(forge, record_of_the_next_lap)
{
	forge(self, self->head + 7, 1, 1, NOBODY, RING_COMMITTED);
	leaves_it_corrupt(_metadata, self);
}

TEST_F(forge, record_of_half_the_laps_ahead)
{
	forge(self, self->head + 7, 0x7fffffff, 1, NOBODY, RING_DISCARDED);
	leaves_it_corrupt(_metadata, self);
}

TEST_F(forge, record_inside_a_record)
{
	ASSERT_EQ(5000, rt_write(self->w, 5000, 1));
	forge(self, self->head + 1, 0, 1, NOBODY, RING_COMMITTED);
	leaves_it_corrupt(_metadata, self);
}

/* What lies in a claim and is no record of a batch: it names an owner. */
TEST_F(forge, record_inside_a_batch)
{
	int other = rt_open(_metadata, variant->ring, O_WRONLY);
	struct ring_produce produce = { .size = sizeof(produce) };

	RT_OK(ioctl(other, RING_IOC_PRODUCE, &produce));
	forge(self, self->head, 0, 5, produce.owner, RING_BUSY);
	forge(self, self->head + 1, 0, 1, produce.owner, RING_COMMITTED);
	close(other);
	leaves_it_corrupt(_metadata, self);
}

/* One that has a hole; and whose records reach beyond it: readers come to where nothing is claimed, or not by it. */
TEST_F(forge, batch_with_a_hole)
{
	forge(self, self->head, 0, 1, NOBODY, RING_COMMITTED);
	forge(self, self->head + 2, 0, 1, 0, RING_COMMITTED);
	leaves_it_corrupt(_metadata, self);
}

TEST_F(forge, record_longer_than_the_longest)
{
	forge(self, self->head, 0, self->map.mem.k_max + 1, NOBODY, RING_COMMITTED);
	leaves_it_corrupt(_metadata, self);
}

TEST_F(forge, payload_longer_than_the_slot)
{
	struct ring_get get = { .size = sizeof(get), .sequence = self->head };
	char payload[64];

	get.buf = (uintptr_t)payload;
	get.buf_len = sizeof(payload);
	ring_mem_slot(&self->map.mem, self->head)->len = self->map.mem.inline_max + 1;
	forge(self, self->head, 0, 1, NOBODY, RING_COMMITTED);
	RT_FAILS(EUCLEAN, ioctl(self->r, RING_IOC_GET, &get));
	leaves_it_corrupt(_metadata, self);
}

/* The library looks at the states by itself. */
TEST_F(forge, discarded_and_longer_than_the_longest)
{
	struct ring_view v;
	struct ring *r;

	ASSERT_EQ(0, ring_open_fd(dup(self->r), 0, &r));
	ASSERT_EQ(-EAGAIN, ring_next(r, &v));
	forge(self, self->head, 0, self->map.mem.k_max + 1, NOBODY, RING_DISCARDED);
	EXPECT_EQ(-EUCLEAN, ring_next(r, &v));
	ring_close(r);
	leaves_it_corrupt(_metadata, self);
}

/* The ring is full up to the tail's slot, with a record that reaches beyond it. */
TEST_F(forge, record_over_the_tail)
{
	__u64 s;

	for (s = self->head; s < self->head + self->map.info.slots - 1; s++)
		forge(self, s, 0, 1, NOBODY, RING_COMMITTED);
	forge(self, s, 0, 2, NOBODY, RING_COMMITTED);
	leaves_it_corrupt(_metadata, self);
}

static long wait_data(void *forge)
{
	return rt_wait_data(((FIXTURE_DATA(forge) *)forge)->r, rt_in_ms(10000));
}

static long wait_space(void *forge)
{
	return rt_wait_space(((FIXTURE_DATA(forge) *)forge)->w, 1, rt_in_ms(10000));
}

/* While somebody sleeps in @call, which looks again when woken */
static void busy_meets_a_sleeper(struct __test_metadata *_metadata, FIXTURE_DATA(forge) *self,
				 long (*call)(void *forge))
{
	struct rt_thread waits;

	rt_start_asleep(_metadata, &waits, call, self);
	forge(self, self->head, 0, 1, NOBODY, RING_BUSY);
	RT_OK(ioctl(self->w, RING_IOC_WAKE, RING_WAKE_ALL));
	ASSERT_TRUE(rt_ends(&waits, 5000));
	ASSERT_EQ(-1, waits.ret);
	ASSERT_EQ(EUCLEAN, waits.error);
	leaves_it_corrupt(_metadata, self);
}

TEST_F(forge, busy_of_nobody)
{
	busy_meets_a_sleeper(_metadata, self, wait_data);
}

/* A full ring whose oldest record is BUSY, for good */
TEST_F(forge, busy_of_nobody_in_the_way_of_writers)
{
	close(self->r);
	forge(self, self->head, 0, 1, NOBODY, RING_BUSY);
	rt_write_until_full(self->w, 8);
	ASSERT_EQ(EUCLEAN, errno);
	self->r = rt_open(_metadata, variant->ring, O_RDONLY | O_NONBLOCK);
	leaves_it_corrupt(_metadata, self);
}

/* In the name of a producer that has nothing to do with it: the kernel discards it with that one's leaving. */
TEST_F(forge, busy_of_somebody)
{
	int other = rt_open(_metadata, variant->ring, O_WRONLY);
	struct ring_produce produce = { .size = sizeof(produce) };
	struct rt_thread waits;
	__u64 lost;

	RT_OK(ioctl(other, RING_IOC_PRODUCE, &produce));
	forge(self, self->head, 0, 1, produce.owner, RING_BUSY);
	leave(self);
	ASSERT_EQ(8, rt_write(self->w, 8, 1));
	RT_FAILS(EAGAIN, rt_read(self->r, 8, 1));
	ASSERT_EQ(self->head, rt_stat(_metadata, self->w).busy_sequence);
	rt_start_asleep(_metadata, &waits, wait_data, self);
	close(other);
	ASSERT_TRUE(rt_ends(&waits, 5000));
	ASSERT_EQ(0, waits.ret);
	ASSERT_EQ(8, rt_read(self->r, 8, 1));
	lost = rt_stat(_metadata, self->w).lost;
	ASSERT_EQ(0, lost);
	is_as_new(_metadata, self);
}

/* A writer that sleeps for room meets what was forged while it slept. */
TEST_F(forge, busy_while_a_writer_sleeps)
{
	if (variant->ring == OVERWRITE)
		return;		/* nobody sleeps for room there */
	rt_write_until_full(self->w, 8);
	busy_meets_a_sleeper(_metadata, self, wait_space);
}

/**
 * struct turmoil - a ring that is full for good, and whose last record is never as long as it was
 * @begun: when the writer's present call began; 0: it is in none
 * @calls: how many returned
 * @longest: what the longest one took, ns
 * @stop: to end it
 */
struct turmoil {
	FIXTURE_DATA(forge) *self;
	__u64 last;
	__u64 begun;
	__u64 calls;
	__u64 longest;
	bool stop;
};

static long change_the_length(void *arg)
{
	struct turmoil *t = arg;
	__u32 k_max = t->self->map.mem.k_max, k, i;

	/* Whether two looks of the kernel find the same depends on how long each length stays. */
	for (i = 0; !__atomic_load_n(&t->stop, __ATOMIC_RELAXED); i++) {
		for (k = 1; k <= k_max; k++) {
			volatile unsigned int spins = 1u << i / 64 % 12;

			forge(t->self, t->last, 0, k, t->self->owner, RING_COMMITTED);
			while (spins)
				spins--;
		}
	}
	return 0;
}

static long write_and_poll(void *arg)
{
	struct turmoil *t = arg;
	__u64 begun, took;

	while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED)) {
		begun = rt_now();
		__atomic_store_n(&t->begun, begun, __ATOMIC_RELAXED);
		if (t->calls % 2)
			write(t->self->w, "x", 1);
		else
			rt_poll(t->self->w, POLLOUT);
		__atomic_store_n(&t->begun, 0, __ATOMIC_RELAXED);
		took = rt_now() - begun;
		if (t->longest < took)
			t->longest = took;
		__atomic_add_fetch(&t->calls, 1, __ATOMIC_RELAXED);
	}
	return 0;
}

/* How much room a writer needs is another thing each time it looks: no reason to look for ever. */
TEST_F(forge, length_that_changes_all_the_time)
{
	struct turmoil t = { .self = self, .last = self->head + self->map.info.slots - 1 };
	__u64 end = rt_in_ms(3000), begun;
	struct rt_thread changes, calls;
	bool late = false;
	__u64 s;

	forge(self, self->head, 0, 1, self->owner, RING_BUSY);
	for (s = self->head + 1; s <= t.last; s++)
		forge(self, s, 0, 1, self->owner, RING_COMMITTED);
	ring_store(&self->map.mem.producers->hint, t.last);
	rt_start(_metadata, &changes, change_the_length, &t);
	rt_start(_metadata, &calls, write_and_poll, &t);
	while (!late && (rt_now() < end || __atomic_load_n(&t.calls, __ATOMIC_RELAXED) < 30)) {
		rt_sleep_ms(5);
		begun = __atomic_load_n(&t.begun, __ATOMIC_RELAXED);
		late = begun && begun + 5 * rt_slow() * RT_SECOND < rt_now();
	}
	__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
	ASSERT_TRUE(rt_ends(&changes, 10000));
	ASSERT_TRUE(rt_ends(&calls, 10000));
	EXPECT_FALSE(late);
	TH_LOG("%llu calls, the longest one took %llu us", t.calls, t.longest / 1000);
	forge(self, t.last, 0, 2, self->owner, RING_COMMITTED);
	leaves_it_corrupt(_metadata, self);
}

/* Of a corrupt ring little is left: it can be asked, left, shut down, mended, and closed. */
TEST_F(forge, what_a_corrupt_ring_answers)
{
	struct ring_wait wait = { .size = sizeof(wait), .flags = RING_WAIT_DATA, .sequence = RING_NONE };
	struct ring_seek seek = { .size = sizeof(seek) };
	struct ring_get get = { .size = sizeof(get) };
	int late, n;

	forge(self, self->head, 0, 0, NOBODY, RING_COMMITTED);
	leave(self);
	RT_FAILS(EUCLEAN, rt_write(self->w, 8, 1));
	RT_FAILS(EUCLEAN, rt_publish(self->w, "x", 1, 0, RING_NOW, NULL));
	RT_FAILS(EUCLEAN, rt_read(self->r, 8, 1));
	RT_FAILS(EUCLEAN, ioctl(self->r, RING_IOC_GET, &get));
	RT_FAILS(EUCLEAN, ioctl(self->r, RING_IOC_SEEK, &seek));
	RT_FAILS(EUCLEAN, ioctl(self->r, RING_IOC_WAIT, &wait));
	RT_FAILS(EUCLEAN, lseek(self->r, 0, SEEK_SET));
	RT_FAILS(EUCLEAN, rt_wait_space(self->w, 1, RING_NOW));
	RT_FAILS(EUCLEAN, ioctl(self->r, RING_IOC_WAKE, RING_WAKE_ALL));
	EXPECT_TRUE(rt_poll(self->r, POLLIN) & POLLERR);
	EXPECT_TRUE(rt_poll(self->w, POLLOUT) & POLLERR);
	RT_FAILS(EUCLEAN, ioctl(self->r, FIONREAD, &n));

	late = rt_open(_metadata, variant->ring, O_RDWR);
	RT_FAILS(EUCLEAN, rt_produce(late, 0));
	RT_FAILS(EUCLEAN, rt_read(late, 8, 1));
	rt_info(_metadata, late);
	rt_stat(_metadata, late);
	close(late);

	if (variant->ring == SPARE) {
		RT_OK(ioctl(self->w, RING_IOC_SHUTDOWN, 0));
		RT_FAILS(EUCLEAN, rt_write(self->w, 8, 1));
		RT_OK(ioctl(self->w, RING_IOC_FLUSH, 0));
		ASSERT_EQ(RING_STATUS_SHUTDOWN, rt_stat(_metadata, self->w).status);
		RT_FAILS(EPIPE, rt_write(self->w, 8, 1));
		EXPECT_EQ(0, rt_read(self->r, 8, 1));
		RT_OK(ioctl(self->r, RING_IOC_UNSUBSCRIBE, 0));
		return;
	}
	RT_OK(ioctl(self->w, RING_IOC_FLUSH, 0));
	is_as_new(_metadata, self);
}

TEST_HARNESS_MAIN
