// SPDX-License-Identifier: GPL-2.0
/*
 * The library: which way records take: from threads that share a handle, without a system call where the ring is
 * direct, from where they were reserved, with one wake-up for many.
 */
#include <stddef.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "libring_fixture.h"

/* ---- Threads ---- */

#define THREADS		4
#define EACH		3000	/* records */

struct sharing {
	struct ring *r;
	uint32_t tag;
};

/* Publishes, or reserves and commits, two at a time */
static long publish_in_both_ways(void *sharing)
{
	struct sharing *s = sharing;
	struct ring_reservation res[2];
	unsigned char record[300];
	unsigned int i;
	int ret = 0;

	for (i = 0; i < EACH && !ret; i++) {
		size_t len = 8 + i * 13 % 290;

		if (i % 4 < 2) {
			rt_fill(record, len, i);
			ret = ring_publish(s->r, record, len, s->tag, RING_NEVER);
			continue;
		}
		ret = ring_reserve(s->r, len, RING_NEVER, &res[i % 2]);
		if (ret)
			break;
		rt_fill(res[i % 2].data, len, i);
		res[i % 2].tag = s->tag;
		if (i % 2)
			ret = ring_commit(s->r, &res[0], res[0].len) ?: ring_commit(s->r, &res[1], res[1].len);
	}
	return ret;
}

TEST_F(lib, threads_share_a_handle)
{
	struct ring_read_record got;
	struct rt_thread threads[THREADS];
	struct sharing s[THREADS];
	uint64_t next[THREADS] = {};
	unsigned char buf[400];
	unsigned int i;

	if (self->info.policy == RING_OVERWRITE)
		return;		/* the reader might lose some */
	for (i = 0; i < THREADS; i++) {
		s[i] = (struct sharing) { self->w, i };
		rt_start(_metadata, &threads[i], publish_in_both_ways, &s[i]);
	}
	for (i = 0; i < THREADS * EACH; i++) {
		ASSERT_EQ(1, ring_read_many(self->r, &got, 1, buf, sizeof(buf), rt_in_ms(20000 * rt_slow()), NULL));
		ASSERT_GT(THREADS, got.tag);
		ASSERT_TRUE(rt_is(buf, got.len, next[got.tag])) {
			TH_LOG("record %d of thread %u is torn or missing", (int)next[got.tag], got.tag);
		}
		next[got.tag]++;
	}
	for (i = 0; i < THREADS; i++) {
		ASSERT_TRUE(rt_ends(&threads[i], 10000));
		EXPECT_EQ(0, threads[i].ret);
	}
	EXPECT_EQ(-EAGAIN, ring_read(self->r, buf, sizeof(buf), RING_NOW, NULL));
}

/* ---- No system call ---- */

static int forbid_calls(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = { ARRAY_SIZE(filter), filter };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ?: prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Less than an eighth of a lap of records in each of the ways, then what they were */
static int publish_and_read_back(struct ring *w, struct ring *r)
{
	struct ring_publish_record many[50];
	struct ring_reservation res[50];
	unsigned char record[100];
	struct ring_batch batch;
	struct ring_view v;
	unsigned int i;

	rt_fill(record, sizeof(record), 5);
	for (i = 0; i < 50; i++)
		many[i] = (struct ring_publish_record) { (uintptr_t)record, i, 5 };
	for (i = 0; i < 50; i++)
		if (ring_publish(w, record, i, 5, RING_NEVER))
			return 1;
	for (i = 0; i < 50; i++) {
		if (ring_reserve(w, 100, RING_NEVER, &res[i]))
			return 2;
		memcpy(res[i].data, record, i);
		res[i].tag = 5;
	}
	for (i = 50; i--;)
		if (ring_commit(w, &res[i], i))
			return 3;
	if (ring_publish_many(w, many, 50, RING_NEVER, NULL) != 50)
		return 4;
	for (i = 0; i < 50; i++)
		if (ring_publish_quiet(w, record, i, 5, RING_NEVER))
			return 7;
	if (ring_notify(w) || ring_reserve_many(w, 100, 50, RING_NEVER, &batch) != 50)
		return 8;
	for (i = 0; i < 50; i++) {
		void *room = ring_batch_at(w, &batch, i, i, 5);

		if (!room)
			return 9;
		memcpy(room, record, i);
	}
	if (ring_commit_many(w, &batch, 50) != 50)
		return 10;
	for (i = 0; i < 250; i++)
		if (ring_next(r, &v) != 1 || v.len != i % 50 || v.tag != 5 || memcmp(v.data, record, v.len))
			return 5;
	if (ring_release(r) || ring_taken(r) != 250)
		return 6;
	return 0;
}

TEST_F(lib, directly_without_a_system_call)
{
	pid_t pid;

	if (!(self->info.ring_flags & RING_DIRECT) || variant->flags)
		return;
	pid = rt_fork(_metadata);
	if (!pid) {
		struct ring *w, *r;

		if (ring_open(variant->ring, RING_OPEN_READ | RING_OPEN_WRITE, &w) || ring_produce(w, 0) ||
		    ring_open(variant->ring, RING_OPEN_READ, &r) || ring_subscribe(r, NULL) || forbid_calls())
			_exit(99);
		_exit(publish_and_read_back(w, r));
	}
	/* 128 + SIGSYS: one was made. */
	EXPECT_EQ(0, rt_wait_child(pid));
	/* The filter does what it is there for. */
	pid = rt_fork(_metadata);
	if (!pid) {
		forbid_calls();
		_exit(getppid() ? 0 : 1);
	}
	EXPECT_EQ(128 + SIGSYS, rt_wait_child(pid));
}

/* What a reservation points to is the place of that record, as another mapping of the ring shows it. */
TEST_F(lib, reservations_lie_in_the_ring)
{
	static const size_t lengths[] = { 1, 48, 49, 256, 257, 5000 };
	struct rt_map map = rt_map(_metadata, ring_fd(self->w));
	struct ring_reservation res;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		ASSERT_EQ(0, ring_reserve(self->w, lengths[i], RING_NOW, &res));
		rt_fill(res.data, lengths[i], i);
		if (ring_is_direct(self->w)) {
			EXPECT_TRUE(rt_is(ring_mem_payload(&map.mem, res.sequence,
							   ring_mem_len_word(&map.mem, lengths[i])), lengths[i], i));
		} else {
			EXPECT_EQ(RING_NONE, res.sequence);
		}
		ASSERT_EQ(0, ring_commit(self->w, &res, lengths[i]));
		EXPECT_TRUE(rt_is(ring_mem_payload(&map.mem, res.sequence,
						   ring_mem_len_word(&map.mem, lengths[i])), lengths[i], i));
	}
	rt_unmap(&map);
}

static long wait_for_a_record(void *reader)
{
	return ring_wait(reader, RING_NEVER);
}

TEST_F(lib, many_records_wake_once)
{
	struct ring_publish_record records[100];
	struct ring_stat before, stat;
	struct rt_thread reader;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(records); i++)
		records[i] = (struct ring_publish_record) { (uintptr_t)"x", 1, 0 };
	ASSERT_EQ(0, ring_produce(self->w, 0));
	rt_start_asleep(_metadata, &reader, wait_for_a_record, self->r);
	ASSERT_EQ(0, ring_get_stat(self->w, &before, NULL, 0));
	ASSERT_EQ(100, ring_publish_many(self->w, records, 100, RING_NOW, NULL));
	ASSERT_TRUE(rt_ends(&reader, 5000));
	EXPECT_EQ(0, reader.ret);
	ASSERT_EQ(0, ring_get_stat(self->w, &stat, NULL, 0));
	EXPECT_EQ(1, stat.reader_wakes - before.reader_wakes);
}

TEST_HARNESS_MAIN
