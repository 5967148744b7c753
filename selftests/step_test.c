// SPDX-License-Identifier: GPL-2.0
/*
 * A producer dies at each single instruction of a publish: it is stepped with ptrace() to shortly before its
 * claim, then one instruction further each time, and killed there. Each time the ring goes on: what was
 * published after it arrives within a second, its own record or batch is there whole or not at all, and every claim was
 * either committed or discarded. What it had committed before it died arrives even with nothing published
 * after it, at a reader that slept all the time.
 */
#include <sys/ptrace.h>
#include <sys/user.h>

#include <libring.h>

#include "ring_test.h"

#define MARK	0x1234u
#define BEFORE	16	/* instructions before the claim to begin at */
#define BATCH	2

struct shared {
	int ready;
	int done;
};

enum way { PUBLISH, RESERVE, MANY };

static bool publish(struct ring *r, enum way way, const unsigned char *record, size_t len)
{
	struct ring_reservation res;
	struct ring_batch batch;
	unsigned int i;

	switch (way) {
	case PUBLISH:
		return !ring_publish(r, record, len, 7, RING_NOW);
	case RESERVE:
		if (ring_reserve(r, len, RING_NOW, &res))
			return false;
		memcpy(res.data, record, len);
		res.tag = 7;
		return !ring_commit(r, &res, len);
	case MANY:
		if (ring_reserve_many(r, len, BATCH, RING_NOW, &batch) != BATCH)
			return false;
		for (i = 0; i < BATCH; i++)
			memcpy(ring_batch_at(r, &batch, i, len, 7 + i), record, len);
		return ring_commit_many(r, &batch, BATCH) == BATCH;
	}
	return false;
}

/* Publish records of @len bytes between two stops. */
static void victim(struct shared *shared, __u32 flags, size_t len, enum way way)
{
	unsigned char record[512];
	struct ring *r;

	/*
	 * It leaves the processor before its tracer gets it: who steps one that was preempted waits for a tick, each
	 * time, and PREEMPT_RT preempts it with the wake-up of the tracer.
	 */
	sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
	rt_fill(record, len, 77);
	if (ring_open("0", RING_OPEN_READ | RING_OPEN_WRITE, &r) || ring_produce(r, flags))
		_exit(1);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	shared->ready = 1;
	kill(getpid(), SIGSTOP);	/* raise() has more instructions */
	if (!publish(r, way, record, len))
		_exit(1);
	/*
	 * Room to die in after a commit that is the last store. How many instructions come before it varies by dozens,
	 * with how far the head is from the hint.
	 */
	__asm__ __volatile__(".rept 40\n\tnop\n\t.endr");
	__atomic_store_n(&shared->done, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

FIXTURE(step) {
	struct shared *shared;
	struct ring *reader, *writer;
	struct ring_info info;
	struct ring_stat before;
	struct rt_map map;
};

FIXTURE_VARIANT(step) {
	size_t len;
	enum way way;
	__u32 flags;		/* of ring_produce() */
};

FIXTURE_VARIANT_ADD(step, publish_in_the_slot) { .len = 24 };
FIXTURE_VARIANT_ADD(step, publish_in_the_bulk_area) { .len = 400 };
FIXTURE_VARIANT_ADD(step, reserve_and_commit) { .len = 24, .way = RESERVE };
FIXTURE_VARIANT_ADD(step, batch) { .len = 24, .way = MANY };
FIXTURE_VARIANT_ADD(step, exclusive_in_the_slot) { .len = 24, .flags = RING_PRODUCE_EXCLUSIVE };
FIXTURE_VARIANT_ADD(step, exclusive_reserve) { .len = 24, .way = RESERVE, .flags = RING_PRODUCE_EXCLUSIVE };
FIXTURE_VARIANT_ADD(step, exclusive_batch) { .len = 24, .way = MANY, .flags = RING_PRODUCE_EXCLUSIVE };

FIXTURE_SETUP(step)
{
	cpu_set_t one;

	/* The tracer and its child take turns tens of thousands of times: on one processor, without interrupts. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	self->shared = mmap(NULL, sizeof(*self->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->shared);
	ASSERT_EQ(0, ring_open("0", RING_OPEN_READ | RING_OPEN_WRITE, &self->writer));
	ASSERT_EQ(0, ring_flush(self->writer));
	ASSERT_EQ(0, ring_open("0", RING_OPEN_READ, &self->reader));
	ASSERT_EQ(0, ring_subscribe(self->reader, NULL));
	ASSERT_EQ(0, ring_get_info(self->writer, &self->info));
	if (!(self->info.ring_flags & RING_DIRECT))
		SKIP(return, "this test is for direct rings");
	ASSERT_EQ(0, ring_get_stat(self->writer, &self->before, NULL, 0));
	self->map = rt_map(_metadata, ring_fd(self->writer));
}

FIXTURE_TEARDOWN(step)
{
	rt_unmap(&self->map);
	ring_close(self->reader);
	ring_close(self->writer);
}

/*
 * Let a producer die @steps instructions after the record at @sequence has come to be @from; RING_LOOK_EMPTY:
 * after the stop. Returns whether it had published by then, -1 for an error; *@made is how many it made in all.
 */
static int die_after(struct __test_metadata *_metadata, FIXTURE_DATA(step) *self,
		     const FIXTURE_VARIANT(step) *variant, __u64 sequence, enum ring_look from, unsigned int steps,
		     unsigned int *made)
{
	struct shared *shared = self->shared;
	int status, done;
	__u64 state;
	pid_t pid;

	*made = 0;
	memset(shared, 0, sizeof(*shared));
	pid = rt_fork(_metadata);
	if (!pid)
		victim(shared, variant->flags, variant->len, variant->way);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) || !shared->ready)
		return -1;
	for (; !__atomic_load_n(&shared->done, __ATOMIC_ACQUIRE); ++*made) {
		if (from != RING_LOOK_EMPTY && ring_mem_look(&self->map.mem, sequence, &state) == from)
			from = RING_LOOK_EMPTY;
		if (from == RING_LOOK_EMPTY && !steps--)
			break;
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) || waitpid(pid, &status, 0) != pid ||
		    !WIFSTOPPED(status))
			return -1;
	}
	done = __atomic_load_n(&shared->done, __ATOMIC_ACQUIRE);
	kill(pid, SIGKILL);
	return rt_wait_child(pid) == 128 + SIGKILL ? done : -1;
}

/* From a producer that comes and goes: an exclusive one would have no other beside it. */
static void publish_mark(struct __test_metadata *_metadata, unsigned int number)
{
	struct ring *r;

	ASSERT_EQ(0, ring_open("0", RING_OPEN_READ | RING_OPEN_WRITE, &r));
	ASSERT_EQ(0, ring_publish(r, &number, sizeof(number), MARK, RING_NOW));
	ring_close(r);
}

TEST_F_TIMEOUT(step, dies_at_each_instruction, 110)
{
	/* An exclusive producer claims and commits with one store. */
	bool claims = variant->way != PUBLISH || !(variant->flags & RING_PRODUCE_EXCLUSIVE);
	unsigned int k = ring_mem_slots_for(&self->map.mem, variant->len);
	unsigned int batch = variant->way == MANY ? BATCH : 1;
	unsigned int steps, made, marks, whole = 0, nothing = 0, discarded;
	struct ring_stat stat = self->before, last;
	struct ring_view v;
	int done = 0;

	/* Each time the record before is a mark: then each time is like the other. */
	publish_mark(_metadata, 0);
	ASSERT_EQ(0, ring_get_stat(self->writer, &stat, NULL, 0));
	ASSERT_EQ(0, die_after(_metadata, self, variant, stat.head, claims ? RING_LOOK_BUSY : RING_LOOK_READY, 0,
			       &steps));
	ASSERT_LT(BEFORE, steps);
	steps -= BEFORE;
	publish_mark(_metadata, 0);
	ASSERT_EQ(0, ring_seek(self->reader, RING_NEXT, 0));
	ASSERT_EQ(0, ring_get_stat(self->writer, &self->before, NULL, 0));
	stat = self->before;
	for (marks = 0; !done; steps++) {
		__u64 deadline;
		unsigned int records = 0;

		done = die_after(_metadata, self, variant, 0, RING_LOOK_EMPTY, steps, &made);
		ASSERT_LE(0, done);
		/* The last time it may have come to the end a little sooner than before. */
		if (!done)
			ASSERT_EQ(steps, made);

		publish_mark(_metadata, ++marks);
		deadline = rt_in_ms(1000 * rt_slow());
		for (;;) {
			ASSERT_EQ(0, ring_wait(self->reader, deadline)) {
				TH_LOG("after %u steps: the reader waits", steps);
			}
			ASSERT_EQ(1, ring_next(self->reader, &v));
			if (v.tag == MARK)
				break;
			ASSERT_EQ(7 + records, v.tag);
			ASSERT_EQ(variant->len, v.len);
			ASSERT_TRUE(rt_is(v.data, v.len, 77)) {
				TH_LOG("after %u steps: a torn record", steps);
			}
			records++;
		}
		ASSERT_EQ(marks, *(const unsigned int *)v.data);
		ASSERT_EQ(0, ring_release(self->reader));
		/* All or none */
		if (records || done)
			ASSERT_EQ(batch, records);
		whole += records;

		last = stat;
		ASSERT_EQ(0, ring_get_stat(self->writer, &stat, NULL, 0));
		ASSERT_EQ(RING_NONE, stat.busy_sequence);
		ASSERT_EQ(0, stat.producers);
		ASSERT_EQ(records + 1, stat.published - last.published);
		/* All that was claimed was committed, or discarded at once. */
		discarded = stat.discarded - last.discarded;
		nothing += !records && !discarded;
		ASSERT_EQ(!records && stat.head - last.head > 1, discarded);
		ASSERT_EQ((records || discarded ? batch * k : 0) + 1, stat.head - last.head);
	}
	discarded = stat.discarded - self->before.discarded;
	TH_LOG("died at %u instructions up to the %uth: %u whole records, %u times something was discarded", marks,
	       made, whole, discarded);
	/* Some died before the claim, some in it, some after the commit. */
	ASSERT_LT(1, nothing);
	ASSERT_LE(claims, discarded > 1);
	ASSERT_LT(1, whole);
}

static long wait_for_it(void *reader)
{
	return ring_wait(reader, RING_NEVER);
}

/* Between the commit and the look at the wake word: nobody else wakes the reader. */
TEST_F_TIMEOUT(step, committed_and_dead_while_a_reader_sleeps, 60)
{
	struct ring_stat before, stat;
	struct rt_thread reader;
	unsigned int steps, made, i;
	struct ring_view v;

	for (steps = 0; ; steps++) {
		rt_start_asleep(_metadata, &reader, wait_for_it, self->reader);
		ASSERT_EQ(0, ring_get_stat(self->writer, &before, NULL, 0));
		ASSERT_EQ(0, die_after(_metadata, self, variant, ring_position(self->reader), RING_LOOK_READY, steps,
				       &made));
		ASSERT_TRUE(rt_ends(&reader, 1000)) {
			TH_LOG("%u steps after the commit: the reader waits", steps);
		}
		ASSERT_EQ(0, reader.ret);
		for (i = 0; i < (variant->way == MANY ? BATCH : 1); i++) {
			ASSERT_EQ(1, ring_next(self->reader, &v));
			ASSERT_EQ(7 + i, v.tag);
			ASSERT_EQ(variant->len, v.len);
			ASSERT_TRUE(rt_is(v.data, v.len, 77));
		}
		ASSERT_EQ(0, ring_release(self->reader));
		ASSERT_EQ(0, ring_get_stat(self->writer, &stat, NULL, 0));
		/* The kernel wakes when a producer goes; twice: so did the producer, and what follows is no news. */
		if (stat.reader_wakes - before.reader_wakes == 2)
			break;
		ASSERT_EQ(1, stat.reader_wakes - before.reader_wakes);
	}
	TH_LOG("%u instructions from the commit to the wake-up", steps);
	ASSERT_LT(3, steps);
}

TEST_HARNESS_MAIN
