// SPDX-License-Identifier: GPL-2.0
/* The library: batches, and publishing without waking anybody */
#include "libring_fixture.h"

#define NEXT_IS(text, its_tag) do {							\
	ASSERT_EQ(1, ring_next(self->r, &v));						\
	ASSERT_EQ(strlen(text), v.len);							\
	ASSERT_EQ(0, memcmp(v.data, text, v.len));					\
	ASSERT_EQ(its_tag, v.tag);							\
} while (0)

/* Fill in a record of the batch. */
static int put(struct ring *r, struct ring_batch *b, unsigned int i, const char *text, __u32 tag)
{
	void *room = ring_batch_at(r, b, i, strlen(text), tag);

	if (!room)
		return -EINVAL;
	memcpy(room, text, strlen(text));
	return 0;
}

TEST_F(lib, batch_is_seen_when_it_is_committed)
{
	struct ring_batch b;
	struct ring_view v;

	ASSERT_EQ(4, ring_reserve_many(self->w, 8, 4, RING_NOW, &b));
	EXPECT_EQ(4, b.count);
	EXPECT_EQ(8, b.len);
	/* In any order, and again */
	ASSERT_EQ(0, put(self->w, &b, 3, "third", 3));
	ASSERT_EQ(0, put(self->w, &b, 1, "", 2));
	ASSERT_EQ(0, put(self->w, &b, 2, "third...", 3));
	EXPECT_EQ(-EAGAIN, ring_next(self->r, &v));
	ASSERT_EQ(0, put(self->w, &b, 0, "first", 1));
	ASSERT_EQ(0, put(self->w, &b, 3, "fourth", 4));
	EXPECT_EQ(-EINVAL, put(self->w, &b, 4, "", 5));
	EXPECT_EQ(-EINVAL, ring_commit_many(self->w, &b, 5));
	EXPECT_EQ(-EAGAIN, ring_next(self->r, &v));
	EXPECT_EQ(4, ring_commit_many(self->w, &b, 4));
	NEXT_IS("first", 1);
	EXPECT_EQ(b.sequence, v.sequence);
	NEXT_IS("", 2);
	NEXT_IS("third...", 3);
	NEXT_IS("fourth", 4);
	EXPECT_EQ(-EAGAIN, ring_next(self->r, &v));
	EXPECT_EQ(0, ring_release(self->r));
	EXPECT_EQ(4, ring_taken(self->r));
	/* Ended */
	EXPECT_EQ(-EINVAL, put(self->w, &b, 0, "", 5));
	EXPECT_EQ(-EINVAL, ring_commit_many(self->w, &b, 0));
	EXPECT_EQ(-EINVAL, ring_discard_many(self->w, &b));
}

TEST_F(lib, batch_with_room_left)
{
	struct ring_batch b, none;
	struct ring_view v;

	ASSERT_EQ(5, ring_reserve_many(self->w, 100, 5, RING_NOW, &b));
	ASSERT_EQ(0, put(self->w, &b, 0, "one", 1));
	ASSERT_EQ(0, put(self->w, &b, 1, "two", 2));
	EXPECT_EQ(NULL, ring_batch_at(self->w, &b, 2, 101, 3));
	EXPECT_EQ(2, ring_commit_many(self->w, &b, 2));
	ASSERT_EQ(3, ring_reserve_many(self->w, 1, 3, RING_NOW, &none));
	EXPECT_EQ(0, ring_commit_many(self->w, &none, 0));
	EXPECT_EQ(0, ring_publish(self->w, "three", 5, 3, RING_NOW));
	NEXT_IS("one", 1);
	NEXT_IS("two", 2);
	NEXT_IS("three", 3);
	EXPECT_EQ(-EAGAIN, ring_next(self->r, &v));
	EXPECT_EQ(0, ring_release(self->r));
	EXPECT_EQ(3, ring_taken(self->r));
	EXPECT_EQ(0, ring_lost(self->r));
}

TEST_F(lib, batch_is_discarded)
{
	struct ring_batch b, copy;
	struct ring_view v;

	ASSERT_EQ(3, ring_reserve_many(self->w, 20, 3, RING_NOW, &b));
	ASSERT_EQ(0, put(self->w, &b, 0, "never", 1));
	ASSERT_EQ(0, put(self->w, &b, 1, "seen", 2));
	copy = b;
	EXPECT_EQ(0, ring_discard_many(self->w, &b));
	EXPECT_EQ(-EINVAL, ring_discard_many(self->w, &b));
	EXPECT_EQ(-EINVAL, ring_discard_many(self->w, &copy));
	EXPECT_EQ(-EINVAL, ring_commit_many(self->w, &copy, 1));
	EXPECT_EQ(0, ring_publish(self->w, "after", 5, 3, RING_NOW));
	NEXT_IS("after", 3);
	EXPECT_EQ(0, ring_release(self->r));
	EXPECT_EQ(1, ring_taken(self->r));
}

/* What nobody has described: whatever it is, the ring stays whole. */
TEST_F(lib, batch_that_nobody_has_filled)
{
	struct ring_batch b;
	struct ring_view v;
	int ret;

	ASSERT_EQ(10, ring_reserve_many(self->w, 100, 10, RING_NOW, &b));
	ASSERT_EQ(0, put(self->w, &b, 4, "fifth", 5));
	EXPECT_EQ(10, ring_commit_many(self->w, &b, 10));
	while ((ret = ring_next(self->r, &v)) == 1)
		ASSERT_GE(100, v.len);
	EXPECT_EQ(-EAGAIN, ret);
	EXPECT_EQ(0, ring_release(self->r));
}

/* Beside other reservations, ended in another order; and after a lap, where the ring ends */
TEST_F(lib, batches_and_reservations)
{
	static const unsigned int lens[] = { 1, 48, 49, 500 };
	struct ring_reservation res;
	unsigned int round, i, got, tag = 0, expected = 0;
	struct ring_batch a, b;
	struct ring_view v;
	size_t len;

	for (round = 0; round < 3 * self->info.slots / 50; round++) {
		len = lens[round % 4];
		ASSERT_EQ(10, ring_reserve_many(self->w, len, 10, RING_NOW, &a));
		ASSERT_EQ(0, ring_reserve(self->w, len, RING_NOW, &res));
		ASSERT_EQ(3, ring_reserve_many(self->w, len, 3, RING_NOW, &b));
		for (i = 0; i < 10; i++) {
			rt_fill(ring_batch_at(self->w, &a, i, len - (i & 1), tag), len - (i & 1), tag);
			tag++;
		}
		rt_fill(res.data, len, tag);
		res.tag = tag++;
		for (i = 0; i < 3; i++) {
			rt_fill(ring_batch_at(self->w, &b, i, len, tag), len, tag);
			tag++;
		}
		if (ring_is_direct(self->w)) {
			ASSERT_EQ(3, ring_commit_many(self->w, &b, 3));
			ASSERT_EQ(0, ring_commit(self->w, &res, len));
			ASSERT_EQ(-EAGAIN, ring_next(self->r, &v));
			ASSERT_EQ(10, ring_commit_many(self->w, &a, 10));
		} else {
			/* There the order is that of the commits. */
			ASSERT_EQ(10, ring_commit_many(self->w, &a, 10));
			ASSERT_EQ(0, ring_commit(self->w, &res, len));
			ASSERT_EQ(3, ring_commit_many(self->w, &b, 3));
		}
		for (got = 0; got < 14; got++) {
			ASSERT_EQ(1, ring_next(self->r, &v));
			ASSERT_EQ(expected++, v.tag);
			ASSERT_EQ(len - (got < 10 && got & 1), v.len);
			ASSERT_TRUE(rt_is(v.data, v.len, v.tag));
		}
		ASSERT_EQ(0, ring_release(self->r));
	}
	EXPECT_EQ(expected, ring_taken(self->r));
}

/* On a block ring: what there is room for, then nothing */
TEST_F(lib, batch_of_what_there_is_room_for)
{
	unsigned int quarter = self->info.slots / 4, i, want, got;
	struct ring_batch b;
	struct ring_view v;

	if (self->info.policy != RING_BLOCK)
		return;
	EXPECT_EQ(-EINVAL, ring_reserve_many(self->w, 1, 0, RING_NOW, &b));
	EXPECT_EQ(-EMSGSIZE, ring_reserve_many(self->w, self->info.longest + 1, 1, RING_NOW, &b));
	/* At most a quarter of the ring at a time */
	ASSERT_EQ(quarter, ring_reserve_many(self->w, 1, quarter + 1, RING_NOW, &b));
	ASSERT_EQ(0, ring_discard_many(self->w, &b));
	ASSERT_EQ(0, ring_flush(self->w));
	ring_next(self->r, &v);
	for (i = 0; i < self->info.slots - 7; i++)
		ASSERT_EQ(0, ring_publish(self->w, "x", 1, 0, RING_NOW));
	got = ring_is_direct(self->w) ? 7 : 20;
	ASSERT_EQ(got, ring_reserve_many(self->w, 1, 20, RING_NOW, &b));
	for (i = 0; i < got; i++)
		ASSERT_EQ(0, put(self->w, &b, i, "y", i));
	/* By system calls it is now that there must be room; the rest is still to be committed. */
	ASSERT_EQ(7, ring_commit_many(self->w, &b, got));
	if (!ring_is_direct(self->w)) {
		EXPECT_EQ(13, b.count);
		EXPECT_EQ(-EINVAL, put(self->w, &b, 13, "", 0));
		ASSERT_EQ(0, put(self->w, &b, 12, "z", 19));
		ASSERT_EQ(-EAGAIN, ring_commit_many(self->w, &b, 13));
	}
	ASSERT_EQ(-EAGAIN, ring_reserve_many(self->w, 1, 20, RING_NOW, &(struct ring_batch){ 0 }));
	ASSERT_EQ(-ETIMEDOUT, ring_reserve_many(self->w, 1, 20, rt_in_ms(20), &(struct ring_batch){ 0 }));
	for (i = 0; i < self->info.slots - 7; i++)
		ASSERT_EQ(1, ring_next(self->r, &v));
	for (i = 0; i < 7; i++)
		NEXT_IS("y", i);
	ASSERT_EQ(0, ring_release(self->r));
	if (!ring_is_direct(self->w)) {
		ASSERT_EQ(13, ring_commit_many(self->w, &b, 13));
		for (; i < 19; i++)
			NEXT_IS("y", i);
		NEXT_IS("z", 19);
		EXPECT_EQ(-EAGAIN, ring_next(self->r, &v));
	}
	want = ring_is_direct(self->w) ? quarter : 20;
	ASSERT_EQ(want, ring_reserve_many(self->w, 1, want, RING_NOW, &b));
	ASSERT_EQ(0, ring_discard_many(self->w, &b));
}

/* An array that has no room as a whole is published in parts, each as large as there is room for. */
TEST_F(lib, array_that_fills_the_ring)
{
	unsigned int count = self->info.slots, i, n;
	struct ring_publish_record *records;
	struct ring_view v;
	uint64_t sequence;

	if (self->info.policy != RING_BLOCK)
		return;
	records = calloc(count, sizeof(*records));
	ASSERT_NE(NULL, records);
	for (i = 0; i < count; i++)
		records[i] = (struct ring_publish_record) { (uintptr_t)"array", i % 7 == 6 ? 49 : 5, i };
	/* 49 bytes of it */
	for (i = 6; i < count; i += 7)
		records[i].addr = (uintptr_t)"array, and so long that it needs the bulk area...";
	n = (unsigned int)ring_publish_many(self->w, records, count, RING_NOW, &sequence);
	/* Some of the array are longer than a slot, yet take one only: all of them fit. */
	ASSERT_EQ(count, n);
	ASSERT_EQ(-EAGAIN, ring_publish_many(self->w, records, 1, RING_NOW, NULL));
	for (i = 0; i < count; i++) {
		ASSERT_EQ(1, ring_next(self->r, &v));
		ASSERT_EQ(i, v.tag);
		ASSERT_EQ(sequence + i, v.sequence);
		ASSERT_EQ(i % 7 == 6 ? 49 : 5, v.len);
		ASSERT_EQ(0, memcmp(v.data, "array", 5));
		if (i % 100 == 99)
			ASSERT_EQ(0, ring_release(self->r));
	}
	ASSERT_EQ(0, ring_release(self->r));
	EXPECT_EQ(count, ring_taken(self->r));
	free(records);
}

/* Its records can be got one by one as soon as it is committed, and not before; nor is it an error to ask. */
TEST_F(lib, single_records_of_a_batch)
{
	struct ring_meta meta;
	struct ring_batch b;
	char buf[8];

	ASSERT_EQ(3, ring_reserve_many(self->w, 8, 3, RING_NOW, &b));
	if (!ring_is_direct(self->w)) {
		ASSERT_EQ(0, ring_discard_many(self->w, &b));
		return;
	}
	ASSERT_EQ(0, put(self->w, &b, 0, "one", 1));
	ASSERT_EQ(0, put(self->w, &b, 1, "two", 2));
	EXPECT_EQ(-EAGAIN, ring_get(self->r, b.sequence, buf, sizeof(buf), &meta));
	EXPECT_EQ(-EAGAIN, ring_get(self->r, b.sequence + 1, buf, sizeof(buf), &meta));
	EXPECT_EQ(-EAGAIN, ring_get(self->r, b.sequence + 2, buf, sizeof(buf), &meta));
	EXPECT_EQ(-ETIMEDOUT, ring_wait_sequence(self->r, b.sequence + 1, rt_in_ms(20)));
	/* Nor can one begin to read there. */
	EXPECT_EQ(-EINVAL, ring_seek(self->r, RING_SEQUENCE, b.sequence + 1));
	EXPECT_EQ(-EINVAL, ring_seek(self->r, RING_SEQUENCE, b.sequence + 2));
	EXPECT_EQ(2, ring_commit_many(self->w, &b, 2));
	EXPECT_EQ(0, ring_seek(self->r, RING_SEQUENCE, b.sequence + 1));
	EXPECT_EQ(0, ring_wait_sequence(self->r, b.sequence + 1, RING_NOW));
	EXPECT_EQ(0, ring_get(self->r, b.sequence + 1, buf, sizeof(buf), &meta));
	EXPECT_EQ(2, meta.tag);
	EXPECT_EQ(-ENODATA, ring_get(self->r, b.sequence + 2, buf, sizeof(buf), &meta));
	/* What was described but not used is not there, be it the first or a later one. */
	ASSERT_EQ(3, ring_reserve_many(self->w, 8, 3, RING_NOW, &b));
	ASSERT_EQ(0, put(self->w, &b, 0, "used", 1));
	ASSERT_EQ(0, put(self->w, &b, 1, "never", 2));
	ASSERT_EQ(0, put(self->w, &b, 2, "never", 3));
	EXPECT_EQ(1, ring_commit_many(self->w, &b, 1));
	EXPECT_EQ(0, ring_get(self->r, b.sequence, buf, sizeof(buf), &meta));
	EXPECT_EQ(-ENODATA, ring_get(self->r, b.sequence + 1, buf, sizeof(buf), &meta));
	EXPECT_EQ(-ENODATA, ring_get(self->r, b.sequence + 2, buf, sizeof(buf), &meta));
	/* Of one that is given up there never is any. */
	ASSERT_EQ(3, ring_reserve_many(self->w, 8, 3, RING_NOW, &b));
	ASSERT_EQ(0, put(self->w, &b, 1, "never", 1));
	EXPECT_EQ(0, ring_discard_many(self->w, &b));
	EXPECT_EQ(0, ring_wait_sequence(self->r, b.sequence + 1, RING_NOW));
	EXPECT_EQ(-ENODATA, ring_get(self->r, b.sequence, buf, sizeof(buf), &meta));
	EXPECT_EQ(-ENODATA, ring_get(self->r, b.sequence + 1, buf, sizeof(buf), &meta));
	EXPECT_EQ(-EINVAL, ring_seek(self->r, RING_SEQUENCE, b.sequence + 1));
}

/* What another handle has reserved; and of a handle that was inherited */
TEST_F(lib, batches_of_others)
{
	struct ring_batch b;
	struct ring_view v;
	struct ring *other;
	pid_t pid;

	ASSERT_EQ(0, ring_open(variant->ring, RING_OPEN_READ | RING_OPEN_WRITE | variant->flags, &other));
	ASSERT_EQ(0, ring_produce(other, 0));
	ASSERT_EQ(0, ring_produce(self->w, 0));
	ASSERT_EQ(2, ring_reserve_many(other, 10, 2, RING_NOW, &b));
	ASSERT_EQ(0, put(other, &b, 0, "theirs", 1));
	EXPECT_EQ(-EINVAL, ring_commit_many(self->w, &b, 1));
	EXPECT_EQ(-EINVAL, ring_discard_many(self->w, &b));
	pid = rt_fork(_metadata);
	if (!pid) {
		struct ring_batch copy = b, own;

		_exit(ring_batch_at(other, &b, 0, 1, 1) ? 1 : ring_commit_many(other, &b, 1) != -EPERM ? 2 :
		      ring_discard_many(other, &copy) != -EPERM ? 3 :
		      ring_reserve_many(other, 1, 1, RING_NOW, &own) != -EPERM ? 4 :
		      ring_publish_quiet(other, "x", 1, 0, RING_NOW) != -EPERM ? 5 :
		      ring_notify(other) != -EPERM ? 6 : 0);
	}
	ASSERT_EQ(0, rt_wait_child(pid));
	EXPECT_EQ(-EAGAIN, ring_next(self->r, &v));
	EXPECT_EQ(1, ring_commit_many(other, &b, 1));
	NEXT_IS("theirs", 1);
	EXPECT_EQ(-EBADF, ring_reserve_many(self->r, 1, 1, RING_NOW, &b));
	EXPECT_EQ(-EBADF, ring_publish_quiet(self->r, "x", 1, 0, RING_NOW));
	EXPECT_EQ(-EBADF, ring_notify(self->r));
	ring_close(other);
}

/* Many at a time, of all lengths, over several laps, with discarded ones between: as one by one */
TEST_F(lib, next_many_of_all_lengths)
{
	static const unsigned int lens[] = { 0, 1, 48, 49, 256, 257, 5, 6, 7, 1000 };
	unsigned int round, i, len, tag = 0, expected = 0;
	struct ring_reservation res;
	struct ring_view v[7];
	char buf[1000];
	int got;

	for (round = 0; round < 3 * self->info.slots / 20; round++) {
		for (i = 0; i < 10; i++, tag++) {
			len = lens[(round + i * (round % 3)) % 10];
			rt_fill(buf, len, tag);
			ASSERT_EQ(0, ring_publish(self->w, buf, len, tag, RING_NOW));
			if (tag % 6)
				continue;
			ASSERT_EQ(0, ring_reserve(self->w, len, RING_NOW, &res));
			ASSERT_EQ(0, ring_discard(self->w, &res));
		}
		while ((got = ring_next_many(self->r, v, 1 + round % 7)) > 0) {
			ASSERT_GE(1 + round % 7, got);
			for (i = 0; i < got; i++, expected++) {
				ASSERT_EQ(expected, v[i].tag);
				ASSERT_TRUE(rt_is(v[i].data, v[i].len, v[i].tag));
			}
		}
		ASSERT_EQ(-EAGAIN, got);
		ASSERT_EQ(tag, expected);
		ASSERT_EQ(0, ring_release(self->r));
	}
	EXPECT_EQ(tag, ring_taken(self->r));
}

TEST_F(lib, next_many_gives_how_many)
{
	struct ring_view v[4];
	unsigned int i;

	EXPECT_EQ(-EINVAL, ring_next_many(self->r, v, 0));
	EXPECT_EQ(-EAGAIN, ring_next_many(self->r, v, 4));
	for (i = 0; i < 6; i++)
		ASSERT_EQ(0, ring_publish(self->w, &i, sizeof(i), i, RING_NOW));
	EXPECT_EQ(-EINVAL, ring_next_many(self->r, v, 0));
	ASSERT_EQ(4, ring_next_many(self->r, v, 4));
	EXPECT_EQ(3, v[3].tag);
	EXPECT_EQ(ring_position(self->r) - 1, v[3].sequence);
	ASSERT_EQ(2, ring_next_many(self->r, v, 4));
	EXPECT_EQ(5, v[1].tag);
	EXPECT_EQ(-EAGAIN, ring_next_many(self->r, v, 4));
	EXPECT_EQ(0, ring_release(self->r));
	EXPECT_EQ(6, ring_taken(self->r));
}

/* Overwritten before they are looked at, and in the middle of it */
TEST_F(lib, next_many_of_what_is_overwritten)
{
	unsigned int i, slots = self->info.slots;
	struct ring_view v[4];
	int got;

	if (self->info.policy != RING_OVERWRITE)
		return;
	for (i = 0; i < slots + 10; i++)
		ASSERT_EQ(0, ring_publish(self->w, &i, sizeof(i), i, RING_NOW));
	ASSERT_EQ(-EOVERFLOW, ring_next_many(self->r, v, 4));
	EXPECT_LE(10, ring_lost(self->r));
	ASSERT_EQ(4, ring_next_many(self->r, v, 4));
	EXPECT_EQ(ring_lost(self->r), v[0].tag);
	for (i = 0; i < slots; i++)
		ASSERT_EQ(0, ring_publish(self->w, &i, sizeof(i), i + slots + 10, RING_NOW));
	ASSERT_EQ(-EOVERFLOW, ring_next_many(self->r, v, 4));
	while ((got = ring_next_many(self->r, v, 4)) > 0)
		EXPECT_EQ(0, ring_release(self->r));
	EXPECT_EQ(-EAGAIN, got);
	EXPECT_EQ(2 * slots + 10, ring_lost(self->r) + ring_taken(self->r));
}

static long wait_for_it(void *reader)
{
	return ring_wait(reader, RING_NEVER);
}

TEST_F(lib, quiet_until_notified)
{
	struct rt_thread reader;
	struct ring_view v;

	ASSERT_EQ(0, ring_produce(self->w, 0));
	rt_start_asleep(_metadata, &reader, wait_for_it, self->r);
	ASSERT_EQ(0, ring_publish_quiet(self->w, "quiet", 5, 1, RING_NOW));
	if (ring_is_direct(self->w)) {
		/* Not even now */
		EXPECT_FALSE(rt_ends(&reader, 100));
		ASSERT_EQ(0, ring_publish_quiet(self->w, "still", 5, 2, RING_NOW));
		EXPECT_FALSE(rt_ends(&reader, 100));
	} else {
		ASSERT_EQ(0, ring_publish_quiet(self->w, "still", 5, 2, RING_NOW));
	}
	ASSERT_EQ(0, ring_notify(self->w));
	ASSERT_TRUE(rt_ends(&reader, 5000));
	EXPECT_EQ(0, reader.ret);
	NEXT_IS("quiet", 1);
	NEXT_IS("still", 2);
	EXPECT_EQ(-EMSGSIZE, ring_publish_quiet(self->w, "", self->info.longest + 1, 0, RING_NOW));
}

/* Who waits for room must have told the readers: they are the ones to make it. */
static long fill_quietly(void *writer)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < 5000 && !ret; i++)
		ret = ring_publish_quiet(writer, &i, sizeof(i), 0, rt_in_ms(30000));
	return ret;
}

TEST_F(lib, quiet_on_a_full_ring)
{
	struct rt_thread reader, writer;
	unsigned int got = 0;
	struct ring_view v;

	if (self->info.policy != RING_BLOCK)
		return;
	rt_start_asleep(_metadata, &reader, wait_for_it, self->r);
	rt_start(_metadata, &writer, fill_quietly, self->w);
	ASSERT_TRUE(rt_ends(&reader, 10000));
	while (got < 5000) {
		ASSERT_EQ(0, ring_wait(self->r, rt_in_ms(200)) == -ETIMEDOUT && ring_notify(self->w));
		while (ring_next(self->r, &v) == 1)
			ASSERT_EQ(got++, *(const unsigned int *)v.data);
		ASSERT_EQ(0, ring_release(self->r));
	}
	ASSERT_TRUE(rt_ends(&writer, 5000));
	EXPECT_EQ(0, writer.ret);
}

/* An exclusive producer, all ways in turn, also by system calls in between */
TEST_F(lib, exclusive_in_all_ways)
{
	unsigned int i, j, tag = 0, expected = 0;
	struct ring_reservation res;
	struct ring_batch b;
	struct ring_view v;

	ASSERT_EQ(0, ring_produce(self->w, RING_PRODUCE_EXCLUSIVE));
	for (i = 0; i < 3 * self->info.slots / 7; i++) {
		ASSERT_EQ(0, ring_publish(self->w, &tag, sizeof(tag), tag, RING_NOW));
		tag++;
		ASSERT_EQ(0, ring_publish_quiet(self->w, &tag, sizeof(tag), tag, RING_NOW));
		tag++;
		ASSERT_EQ(0, ring_reserve(self->w, 300, RING_NOW, &res));
		/* While that is open */
		if (ring_is_direct(self->w)) {
			unsigned int later = tag + 1;

			ASSERT_EQ(0, ring_publish(self->w, &later, sizeof(later), later, RING_NOW));
		}
		memcpy(res.data, &tag, sizeof(tag));
		res.tag = tag++;
		ASSERT_EQ(0, ring_commit(self->w, &res, sizeof(tag)));
		if (ring_is_direct(self->w))
			tag++;
		ASSERT_EQ(0, rt_publish(ring_fd(self->w), &tag, sizeof(tag), tag, RING_NOW, NULL));
		tag++;
		ASSERT_EQ(2, ring_reserve_many(self->w, 4, 2, RING_NOW, &b));
		for (j = 0; j < 2; j++) {
			memcpy(ring_batch_at(self->w, &b, j, sizeof(tag), tag), &tag, sizeof(tag));
			tag++;
		}
		ASSERT_EQ(2, ring_commit_many(self->w, &b, 2));
		while (ring_next(self->r, &v) == 1) {
			ASSERT_EQ(expected, v.tag);
			ASSERT_EQ(expected, *(const unsigned int *)v.data);
			expected++;
		}
		ASSERT_EQ(0, ring_release(self->r));
		ASSERT_EQ(expected, tag);
	}
}

/* The only producer finds out that its file was written to in between, and that this has filled the ring. */
TEST_F(lib, exclusive_on_a_ring_that_write_has_filled)
{
	struct ring_view v;

	if (self->info.policy != RING_BLOCK)
		return;
	ASSERT_EQ(0, ring_produce(self->w, RING_PRODUCE_EXCLUSIVE));
	ASSERT_EQ(0, ring_publish(self->w, "x", 1, 0, RING_NOW));
	while (!rt_publish(ring_fd(self->w), "x", 1, 0, RING_NOW, NULL))
		;
	EXPECT_EQ(-EAGAIN, ring_publish(self->w, "x", 1, 0, RING_NOW));
	ASSERT_EQ(1, ring_next(self->r, &v));
	ASSERT_EQ(0, ring_release(self->r));
	EXPECT_EQ(0, ring_publish(self->w, "x", 1, 0, RING_NOW));
}

TEST_HARNESS_MAIN
