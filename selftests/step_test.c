// SPDX-License-Identifier: GPL-2.0
/*
 * A producer dies at each single instruction of a publish: it is stepped with ptrace() to instruction 1, 2, 3,
 * ... and killed there. Each time the ring goes on: what was published after it arrives within a second, its
 * own record is there whole or not at all, and every claim was either committed or discarded.
 */
#include <sys/ptrace.h>
#include <sys/user.h>

#include <libring.h>

#include "ring_test.h"

#define MARK	0x1234u

struct shared {
	int ready;
	int done;
};

/* Publish one record of @len bytes between two stops. */
static void victim(struct shared *shared, __u32 flags, size_t len, bool reserve)
{
	struct ring_reservation res;
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
	raise(SIGSTOP);
	if (reserve) {
		if (ring_reserve(r, len, RING_NOW, &res))
			_exit(1);
		memcpy(res.data, record, len);
		res.tag = 7;
		if (ring_commit(r, &res, len))
			_exit(1);
	} else if (ring_publish(r, record, len, 7, RING_NOW)) {
		_exit(1);
	}
	__atomic_store_n(&shared->done, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

FIXTURE(step) {
	struct shared *shared;
	struct ring *reader, *writer;
	struct ring_info info;
};

FIXTURE_VARIANT(step) {
	size_t len;
	bool reserve;
	__u32 flags;		/* of ring_produce() */
};

FIXTURE_VARIANT_ADD(step, publish_in_the_slot) { .len = 24 };
FIXTURE_VARIANT_ADD(step, publish_in_the_bulk_area) { .len = 400 };
FIXTURE_VARIANT_ADD(step, reserve_and_commit) { .len = 24, .reserve = true };
FIXTURE_VARIANT_ADD(step, exclusive_in_the_slot) { .len = 24, .flags = RING_PRODUCE_EXCLUSIVE };
FIXTURE_VARIANT_ADD(step, exclusive_in_the_bulk_area) { .len = 400, .flags = RING_PRODUCE_EXCLUSIVE };

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
}

FIXTURE_TEARDOWN(step)
{
	ring_close(self->reader);
	ring_close(self->writer);
}

/* Let a producer die after @steps instructions. Returns whether it had published by then, -1 for an error. */
static int die_after(struct __test_metadata *_metadata, struct shared *shared, const FIXTURE_VARIANT(step) *variant,
		     unsigned int steps)
{
	int status, done;
	pid_t pid;

	memset(shared, 0, sizeof(*shared));
	pid = rt_fork(_metadata);
	if (!pid)
		victim(shared, variant->flags, variant->len, variant->reserve);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) || !shared->ready)
		return -1;
	while (steps-- && !__atomic_load_n(&shared->done, __ATOMIC_ACQUIRE)) {
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) || waitpid(pid, &status, 0) != pid ||
		    !WIFSTOPPED(status))
			return -1;
	}
	done = __atomic_load_n(&shared->done, __ATOMIC_ACQUIRE);
	kill(pid, SIGKILL);
	return rt_wait_child(pid) == 128 + SIGKILL ? done : -1;
}

/* From a producer that comes and goes: an exclusive one would have no other beside it. */
static void publish_mark(struct __test_metadata *_metadata, unsigned int steps)
{
	struct ring *r;

	ASSERT_EQ(0, ring_open("0", RING_OPEN_READ | RING_OPEN_WRITE, &r));
	ASSERT_EQ(0, ring_publish(r, &steps, sizeof(steps), MARK, RING_NOW));
	ring_close(r);
}

TEST_F_TIMEOUT(step, dies_at_each_instruction, 110)
{
	unsigned int steps, whole = 0, discarded = 0;
	struct ring_stat stat;
	struct ring_view v;
	int done = 0;

	for (steps = 1; !done; steps++) {
		__u64 deadline;
		int records = 0;

		done = die_after(_metadata, self->shared, variant, steps);
		ASSERT_LE(0, done);

		publish_mark(_metadata, steps);
		deadline = rt_in_ms(1000);
		for (;;) {
			ASSERT_EQ(0, ring_wait(self->reader, deadline)) {
				TH_LOG("after %u steps: the reader waits", steps);
			}
			ASSERT_EQ(1, ring_next(self->reader, &v));
			if (v.tag == MARK)
				break;
			ASSERT_EQ(7, v.tag);
			ASSERT_EQ(variant->len, v.len);
			ASSERT_TRUE(rt_is(v.data, v.len, 77)) {
				TH_LOG("after %u steps: a torn record", steps);
			}
			records++;
		}
		ASSERT_EQ(steps, *(const unsigned int *)v.data);
		ASSERT_EQ(0, ring_release(self->reader));
		ASSERT_GE(1, records);
		if (done)
			ASSERT_EQ(1, records);
		whole += records;

		ASSERT_EQ(0, ring_get_stat(self->writer, &stat, NULL, 0));
		ASSERT_EQ(RING_NONE, stat.busy_sequence);
		ASSERT_EQ(0, stat.producers);
	}
	discarded = stat.discarded;
	TH_LOG("%u instructions, %u whole records, %u discarded so far", steps - 1, whole, discarded);
	/* Some died in the claim, some after the commit: or it was not the publish that was stepped through. */
	ASSERT_LT(0, discarded);
	ASSERT_LE(1, whole);
}

TEST_HARNESS_MAIN
