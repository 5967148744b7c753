// SPDX-License-Identifier: GPL-2.0
/*
 * The smallest rings there are: /dev/ring2 and /dev/ring3 have 4 slots and no bulk area, policies block and
 * overwrite. What is an eighth of a ring elsewhere is nothing here, and every few records are a lap. Also the
 * home of tests for bugs that were there once, named after what they broke.
 */
#include "ring_test.h"

#define TINY_BLOCK	2
#define TINY_OVERWRITE	3
#define SLOTS		4
#define LONGEST		48

FIXTURE(edge) {
	int w;
};

FIXTURE_VARIANT(edge) {
	int ring;
};

FIXTURE_VARIANT_ADD(edge, block) { .ring = TINY_BLOCK };
FIXTURE_VARIANT_ADD(edge, overwrite) { .ring = TINY_OVERWRITE };

FIXTURE_SETUP(edge)
{
	struct ring_info info;

	self->w = rt_open_empty(_metadata, variant->ring);
	info = rt_info(_metadata, self->w);
	ASSERT_EQ(SLOTS, info.slots);
	ASSERT_EQ(0, info.bulk_size);
	ASSERT_EQ(LONGEST, info.longest);
	rt_set_nonblock(self->w, true);
}

FIXTURE_TEARDOWN(edge)
{
	close(self->w);
}

TEST_F(edge, many_laps)
{
	int r = rt_open(_metadata, variant->ring, O_RDONLY | O_NONBLOCK);
	int i;

	RT_FAILS(EAGAIN, rt_read(r, LONGEST, 0));
	for (i = 0; i < 50000; i++) {
		int len = 8 + i % (LONGEST - 8 + 1);

		ASSERT_EQ(len, rt_write(self->w, len, i));
		/* One to four records in the ring at a time */
		if (i % (1 + i % SLOTS))
			continue;
		while (rt_poll(r, POLLIN) & POLLIN) {
			char buf[LONGEST];
			__u64 number;

			len = read(r, buf, sizeof(buf));
			ASSERT_LT(0, len);
			memcpy(&number, buf, sizeof(number));
			ASSERT_TRUE(rt_is(buf, len, number));
			ASSERT_GE(i, number);
		}
	}
	close(r);
}

TEST_F(edge, longest_record)
{
	char buf[LONGEST + 1] = {};

	EXPECT_EQ(LONGEST, write(self->w, buf, LONGEST));
	RT_FAILS(EMSGSIZE, write(self->w, buf, LONGEST + 1));
}

TEST_F(edge, exactly_all_slots)
{
	int r, i;

	if (variant->ring == TINY_OVERWRITE) {
		/* A lap more than there is: the last four are there, the others are counted. */
		struct ring_subscribe sub;
		int cursor_fd;
		struct ring_cursor *cursor;

		r = rt_open(_metadata, TINY_OVERWRITE, O_RDONLY | O_NONBLOCK);
		RT_OK(rt_try_subscribe(r, 0, RING_NEXT, &sub));
		cursor = rt_map_cursor(_metadata, r, &cursor_fd);
		for (i = 0; i < 2 * SLOTS + 1; i++) {
			ASSERT_EQ(8, rt_write(self->w, 8, i));
		}
		RT_FAILS(EOVERFLOW, rt_read(r, LONGEST, 0));
		ASSERT_EQ(SLOTS + 1, cursor->lost);
		for (i = SLOTS + 1; i < 2 * SLOTS + 1; i++) {
			ASSERT_EQ(8, rt_read(r, LONGEST, i));
		}
		RT_FAILS(EAGAIN, rt_read(r, LONGEST, 0));
		munmap(cursor, 4096);
		close(cursor_fd);
		close(r);
		return;
	}
	for (i = 0; i < SLOTS; i++) {
		ASSERT_EQ(8, rt_write(self->w, 8, i));
	}
	RT_FAILS(EAGAIN, rt_write(self->w, 8, i));
	r = rt_open(_metadata, TINY_BLOCK, O_RDONLY | O_NONBLOCK);
	for (i = 0; i < SLOTS; i++) {
		ASSERT_EQ(8, rt_read(r, LONGEST, i));
	}
	RT_FAILS(EAGAIN, rt_read(r, LONGEST, 0));
	close(r);
}

/* The tail was moved by eighths of the ring: by nothing, on four slots. */
TEST(what_the_last_subscriber_released_came_again)
{
	int w = rt_open_empty(_metadata, TINY_BLOCK);
	int r = rt_open(_metadata, TINY_BLOCK, O_RDONLY | O_NONBLOCK);
	int i;

	for (i = 0; i < SLOTS; i++) {
		ASSERT_EQ(8, rt_write(w, 8, i));
	}
	for (i = 0; i < SLOTS - 1; i++) {
		ASSERT_EQ(8, rt_read(r, LONGEST, i));
	}
	close(r);
	r = rt_open(_metadata, TINY_BLOCK, O_RDONLY | O_NONBLOCK);
	EXPECT_EQ(8, rt_read(r, LONGEST, SLOTS - 1));
	RT_FAILS(EAGAIN, rt_read(r, LONGEST, 0));
	close(r);
	close(w);
}

static long write_one(void *fd)
{
	return rt_write(*(int *)fd, 8, 99);
}

/* Nobody gated, so nothing was released; the first to join beyond the tail makes room, and told nobody. */
TEST(joining_beyond_the_tail_left_the_writer_asleep)
{
	static const __u32 starts[] = { RING_NEXT, RING_LATEST };
	struct rt_thread writer;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		int w = rt_open_empty(_metadata, TINY_BLOCK);
		int r = rt_open(_metadata, TINY_BLOCK, O_RDONLY | O_NONBLOCK);

		ASSERT_EQ(SLOTS, rt_write_until_full(w, 8));
		rt_start_asleep(_metadata, &writer, write_one, &w);
		rt_subscribe(_metadata, r, 0, starts[i]);
		ASSERT_TRUE(rt_ends(&writer, 5000)) {
			TH_LOG("start %u: the writer sleeps on", starts[i]);
		}
		EXPECT_EQ(8, writer.ret);
		close(r);
		close(w);
	}
}

#define WRITERS		3
#define EACH		4000

/*
 * One writer's wake word stayed behind when it had found room, lower than all cursors: none could cross it, and
 * it kept the words of the others out.
 */
TEST_F_TIMEOUT(edge, a_word_left_behind_kept_writers_asleep, 60)
{
	int r = rt_open(_metadata, variant->ring, O_RDONLY), i, n;
	pid_t pids[WRITERS];
	struct pollfd p = { .fd = r, .events = POLLIN };

	if (variant->ring == TINY_OVERWRITE) {
		close(r);
		return;		/* no writer waits there */
	}
	rt_set_nonblock(r, true);
	RT_FAILS(EAGAIN, rt_read(r, LONGEST, 0));
	for (i = 0; i < WRITERS; i++) {
		pids[i] = rt_fork(_metadata);
		if (!pids[i]) {
			int w = rt_try_open(variant->ring, O_WRONLY);

			for (n = 0; n < EACH; n++)
				if (rt_write(w, 8, n) != 8)
					_exit(1);
			_exit(0);
		}
	}
	for (n = 0; n < WRITERS * EACH; n++) {
		char buf[LONGEST];

		ASSERT_EQ(1, poll(&p, 1, 3000)) {
			TH_LOG("after %d records the writers sleep on", n);
		}
		ASSERT_EQ(8, read(r, buf, sizeof(buf)));
	}
	for (i = 0; i < WRITERS; i++) {
		EXPECT_EQ(0, rt_wait_child(pids[i]));
	}
	close(r);
}

/* A subscriber that died between the store of what it took and that of its cursor: 2^64 - 2 lost. */
TEST(fewer_than_no_records_were_lost)
{
	int w = rt_open_empty(_metadata, TINY_OVERWRITE);
	int r = rt_open(_metadata, TINY_OVERWRITE, O_RDONLY);
	struct ring_stat before = rt_stat(_metadata, w), after;
	struct ring_cursor *cursor;
	int cursor_fd, i;

	cursor = rt_map_cursor(_metadata, r, &cursor_fd);
	for (i = 0; i < SLOTS; i++) {
		ASSERT_EQ(8, rt_write(w, 8, i));
	}
	/* It looked at all four, and dies on the way to release them, when two are overwritten. */
	cursor->taken += SLOTS;
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(8, rt_write(w, 8, i));
	}
	munmap(cursor, sysconf(_SC_PAGESIZE));
	close(cursor_fd);
	close(r);
	after = rt_stat(_metadata, w);
	EXPECT_EQ(before.lost, after.lost);
	close(w);
}

TEST_HARNESS_MAIN
