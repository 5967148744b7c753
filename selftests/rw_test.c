// SPDX-License-Identifier: GPL-2.0
/* read(), write() and their relatives: what a record is, where a reader starts, what fills a ring */

#include <sys/sendfile.h>

#include "ring_test.h"

static long do_read(void *fd)
{
	char buf[64];

	return read(*(int *)fd, buf, sizeof(buf));
}

/* A writer that never reads, and a reader that is a subscriber already, of the block ring */
FIXTURE(rw) {
	int w, r;
};

FIXTURE_SETUP(rw)
{
	self->w = rt_open_empty(_metadata, BLOCK);
	self->r = rt_open(_metadata, BLOCK, O_RDONLY | O_NONBLOCK);
	RT_FAILS(EAGAIN, rt_read(self->r, 64, 0));
}

FIXTURE_TEARDOWN(rw)
{
	close(self->r);
	close(self->w);
}

TEST_F(rw, one_record_a_call)
{
	/* Around the end of a slot (48), of a slot's share of the bulk area (256), and longer ones */
	static const size_t sizes[] = { 1, 7, 8, 47, 48, 49, 255, 256, 257, 511, 512, 513, 4096, 100000 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT_EQ(sizes[i], rt_write(self->w, sizes[i], i));
	}
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT_EQ(sizes[i], rt_read(self->r, 200000, i));
	}
	RT_FAILS(EAGAIN, rt_read(self->r, 64, 0));
}

TEST_F(rw, what_did_not_fit_comes_next)
{
	unsigned char record[1000], got[1400];
	int i;

	rt_fill(record, 1000, 5);
	ASSERT_EQ(1000, write(self->w, record, 1000));
	ASSERT_EQ(40, rt_write(self->w, 40, 6));
	/* 1000 = 333 * 3 + 1: the last read must not go on into the second record */
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(333, read(self->r, got + 333 * i, 333));
	}
	ASSERT_EQ(1, read(self->r, got + 999, 333));
	EXPECT_EQ(0, memcmp(record, got, 1000));
	EXPECT_EQ(40, rt_read(self->r, 1000, 6));
	RT_FAILS(EAGAIN, rt_read(self->r, 64, 0));
}

TEST_F(rw, nothing_written_publishes_nothing)
{
	__u64 published = rt_stat(_metadata, self->w).published;
	struct iovec none[2] = { { NULL, 0 }, { NULL, 0 } };
	char c;

	EXPECT_EQ(0, write(self->w, &c, 0));
	EXPECT_EQ(0, writev(self->w, none, 2));
	EXPECT_EQ(published, rt_stat(_metadata, self->w).published);
	RT_FAILS(EAGAIN, read(self->r, &c, 1));
	/* and reading nothing takes nothing */
	EXPECT_EQ(8, rt_write(self->w, 8, 1));
	EXPECT_EQ(0, read(self->r, &c, 0));
	EXPECT_EQ(8, rt_read(self->r, 64, 1));
}

TEST_F(rw, the_longest_record_and_one_byte_more)
{
	struct ring_info info = rt_info(_metadata, self->w);
	__u64 published = rt_stat(_metadata, self->w).published;
	char *buf = calloc(1, info.longest + 1);
	struct iovec iov[2] = { { buf, info.longest }, { buf, 1 } };

	ASSERT_EQ(info.bulk_size / 4, info.longest);
	RT_FAILS(EMSGSIZE, write(self->w, buf, info.longest + 1));
	RT_FAILS(EMSGSIZE, writev(self->w, iov, 2));
	RT_FAILS(EMSGSIZE, rt_publish(self->w, buf, info.longest + 1, 0, RING_NOW, NULL));
	RT_FAILS(EMSGSIZE, rt_publish(self->w, buf, ~0u, 0, RING_NOW, NULL));
	EXPECT_EQ(published, rt_stat(_metadata, self->w).published);
	/* Four times, so that it wraps around */
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(info.longest, rt_write(self->w, info.longest, i));
		EXPECT_EQ(info.longest, rt_read(self->r, info.longest + 1, i));
	}
	free(buf);
}

TEST_F(rw, vectors)
{
	unsigned char record[600], got[600];
	struct iovec out[] = { { record, 1 }, { NULL, 0 }, { record + 1, 300 }, { record + 301, 299 } };
	struct iovec in[] = { { got, 299 }, { got + 299, 0 }, { got + 299, 300 }, { got + 599, 1 } };

	rt_fill(record, 600, 9);
	ASSERT_EQ(600, writev(self->w, out, 4));
	ASSERT_EQ(10, rt_write(self->w, 10, 2));
	ASSERT_EQ(600, readv(self->r, in, 4));
	EXPECT_EQ(0, memcmp(record, got, 600));
	/* Not even when there is room for two */
	EXPECT_EQ(10, readv(self->r, in, 4));
	EXPECT_TRUE(rt_is(got, 10, 2));
}

TEST_F(rw, closed_in_the_middle_of_a_record)
{
	char part[10];

	ASSERT_EQ(100, rt_write(self->w, 100, 1));
	ASSERT_EQ(100, rt_write(self->w, 100, 2));
	ASSERT_EQ(10, read(self->r, part, 10));
	close(self->r);
	self->r = rt_open(_metadata, BLOCK, O_RDONLY | O_NONBLOCK);
	/* It was not released: the next reader gets it whole. */
	EXPECT_EQ(100, rt_read(self->r, 200, 1));
	EXPECT_EQ(100, rt_read(self->r, 200, 2));
}

TEST_F(rw, a_reader_starts_with_the_first_unreleased_record)
{
	int late;

	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(20, rt_write(self->w, 20, i));
	}
	/* Opened now, a subscriber from its first read on */
	late = rt_open(_metadata, BLOCK, O_RDONLY | O_NONBLOCK);
	EXPECT_EQ(1, rt_stat(_metadata, self->w).subscribers);
	EXPECT_EQ(20, rt_read(self->r, 64, 0));
	EXPECT_EQ(20, rt_read(self->r, 64, 1));
	close(self->r);
	EXPECT_EQ(0, rt_stat(_metadata, self->w).subscribers);
	EXPECT_EQ(20, rt_write(self->w, 20, 5));
	for (int i = 2; i < 6; i++) {
		EXPECT_EQ(20, rt_read(late, 64, i));
	}
	EXPECT_EQ(1, rt_stat(_metadata, self->w).subscribers);
	RT_FAILS(EAGAIN, rt_read(late, 64, 0));
	close(late);
	/* All was released: nothing is left for the next one. */
	self->r = rt_open(_metadata, BLOCK, O_RDONLY | O_NONBLOCK);
	RT_FAILS(EAGAIN, rt_read(self->r, 64, 0));
}

TEST_F(rw, the_slowest_reader_is_who_the_next_one_starts_with)
{
	int slow = rt_open(_metadata, BLOCK, O_RDONLY), next;

	rt_subscribe(_metadata, slow, 0, RING_OLDEST);
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(20, rt_write(self->w, 20, i));
	}
	ASSERT_EQ(20, rt_read(slow, 64, 0));
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(20, rt_read(self->r, 64, i));
	}
	close(self->r);
	next = rt_open(_metadata, BLOCK, O_RDONLY);
	EXPECT_EQ(20, rt_read(next, 64, 1));
	close(slow);
	close(next);
	self->r = rt_open(_metadata, BLOCK, O_RDONLY);
	EXPECT_EQ(20, rt_read(self->r, 64, 2));
}

/* Not one fewer, with and without a reader, whatever the position in the ring */
TEST_F(rw, exactly_so_many_records_as_slots)
{
	long slots = rt_info(_metadata, self->w).slots;
	long i;

	for (int round = 0; round < 3; round++) {
		if (round == 1)
			close(self->r);
		ASSERT_EQ(slots, rt_write_until_full(self->w, 8));
		EXPECT_EQ(slots, rt_stat(_metadata, self->w).retained);
		if (round == 1)
			self->r = rt_open(_metadata, BLOCK, O_RDONLY | O_NONBLOCK);
		for (i = 0; i < slots && rt_read(self->r, 64, i) == 8; i++)
			;
		ASSERT_EQ(slots, i);
		RT_FAILS(EAGAIN, rt_read(self->r, 64, 0));
		/* so that the next round starts elsewhere */
		ASSERT_EQ(1000, rt_write(self->w, 1000, 77));
		ASSERT_EQ(1000, rt_read(self->r, 1000, 77));
	}
}

TEST_F(rw, the_longest_fills_it_four_times)
{
	__u64 longest = rt_info(_metadata, self->w).longest;

	EXPECT_EQ(4, rt_write_until_full(self->w, longest));
	EXPECT_EQ(longest, rt_read(self->r, longest, 0));
	EXPECT_EQ(longest, rt_write(self->w, longest, 4));
	rt_set_nonblock(self->w, true);
	RT_FAILS(EAGAIN, rt_write(self->w, 1, 5));
}

TEST_F(rw, flush_is_told_as_loss)
{
	__u64 head, sequence;

	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(300, rt_write(self->w, 300, i));
	}
	ASSERT_EQ(300, rt_read(self->r, 300, 0));
	head = rt_stat(_metadata, self->w).head;
	ASSERT_EQ(0, ioctl(self->w, RING_IOC_FLUSH, 0));
	EXPECT_EQ(0, rt_stat(_metadata, self->w).retained);
	EXPECT_EQ(head, rt_stat(_metadata, self->w).tail);
	RT_FAILS(EOVERFLOW, rt_read(self->r, 300, 0));
	RT_FAILS(EAGAIN, rt_read(self->r, 300, 0));
	/* Sequences go on. */
	ASSERT_EQ(0, rt_publish(self->w, "later", 5, 0, RING_NOW, &sequence));
	EXPECT_EQ(head, sequence);
	EXPECT_EQ(5, read(self->r, (char[8]) {}, 8));
	RT_FAILS(EBADF, ioctl(self->r, RING_IOC_FLUSH, 0));
}

TEST_F(rw, lseek_takes_two_positions)
{
	static const struct {
		off_t offset;
		int whence;
	} others[] = {
		{ 1, SEEK_SET }, { -1, SEEK_SET }, { 4096, SEEK_SET }, { 1, SEEK_END }, { -1, SEEK_END },
		{ 0, SEEK_CUR }, { 1, SEEK_CUR }, { 0, SEEK_DATA }, { 0, SEEK_HOLE },
	};
	int w = rt_open_empty(_metadata, OVERWRITE), r = rt_open(_metadata, OVERWRITE, O_RDONLY | O_NONBLOCK);
	int wo = rt_open(_metadata, OVERWRITE, O_WRONLY);
	__u64 lost = rt_stat(_metadata, w).lost;
	char part[7];
	size_t i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(20, rt_write(w, 20, i));
	}
	ASSERT_EQ(0, lseek(r, 0, SEEK_END));
	RT_FAILS(EAGAIN, rt_read(r, 64, 0));
	ASSERT_EQ(20, rt_write(w, 20, 3));
	EXPECT_EQ(20, rt_read(r, 64, 3));
	/* Back, to where a record was left half read */
	ASSERT_EQ(0, lseek(r, 0, SEEK_SET));
	ASSERT_EQ(7, read(r, part, 7));
	ASSERT_EQ(0, lseek(r, 0, SEEK_SET));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(20, rt_read(r, 64, i));
	}
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		RT_FAILS(EINVAL, lseek(r, others[i].offset, others[i].whence));
	}
	RT_FAILS(EBADF, lseek(wo, 0, SEEK_SET));
	/* What was passed over by choice is no loss. */
	EXPECT_EQ(lost, rt_stat(_metadata, w).lost);
	close(wo);
	close(w);
	close(r);
}

TEST_F(rw, there_are_no_positions)
{
	char c = 0;
	struct iovec iov = { &c, 1 };

	RT_FAILS(ESPIPE, pread(self->r, &c, 1, 0));
	RT_FAILS(ESPIPE, pwrite(self->w, &c, 1, 0));
	RT_FAILS(ESPIPE, preadv(self->r, &iov, 1, 0));
	RT_FAILS(ESPIPE, pwritev(self->w, &iov, 1, 0));
	RT_FAILS(EBADF, write(self->r, &c, 1));
	close(self->r);
	self->r = rt_open(_metadata, BLOCK, O_WRONLY);
	RT_FAILS(EBADF, read(self->r, &c, 1));
}

TEST_F(rw, fionread_is_what_the_next_read_gives)
{
	int n = -1, w;
	char part[60];

	ASSERT_EQ(0, ioctl(self->r, FIONREAD, &n));
	EXPECT_EQ(0, n);
	ASSERT_EQ(100, rt_write(self->w, 100, 1));
	ASSERT_EQ(30, rt_write(self->w, 30, 2));
	ASSERT_EQ(0, ioctl(self->r, FIONREAD, &n));
	EXPECT_EQ(100, n);
	ASSERT_EQ(60, read(self->r, part, 60));
	ASSERT_EQ(0, ioctl(self->r, FIONREAD, &n));
	EXPECT_EQ(40, n);
	ASSERT_EQ(40, read(self->r, part, 60));
	ASSERT_EQ(0, ioctl(self->r, FIONREAD, &n));
	EXPECT_EQ(30, n);
	RT_FAILS(EFAULT, ioctl(self->r, FIONREAD, NULL));
	w = rt_open(_metadata, BLOCK, O_WRONLY);
	RT_FAILS(EBADF, ioctl(w, FIONREAD, &n));
	close(w);
}

static int temporary(struct __test_metadata *_metadata)
{
	int fd = memfd_create("ring_test", 0);

	ASSERT_LE(0, fd);
	return fd;
}

TEST_F(rw, splice_out)
{
	unsigned char got[400], expected[400];
	int file = temporary(_metadata), pipe_fd[2];
	ssize_t n, total = 0;

	ASSERT_EQ(0, pipe(pipe_fd));
	rt_fill(expected, 100, 1);
	rt_fill(expected + 100, 300, 2);
	ASSERT_EQ(100, write(self->w, expected, 100));
	ASSERT_EQ(300, write(self->w, expected + 100, 300));
	while ((n = splice(self->r, NULL, pipe_fd[1], NULL, 4096, 0)) > 0) {
		ASSERT_EQ(n, splice(pipe_fd[0], NULL, file, NULL, n, 0));
		total += n;
	}
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(400, total);
	ASSERT_EQ(400, pread(file, got, 400, 0));
	EXPECT_EQ(0, memcmp(expected, got, 400));
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	close(file);
}

TEST_F(rw, splice_in)
{
	unsigned char expected[3000];
	int pipe_fd[2];

	ASSERT_EQ(0, pipe(pipe_fd));
	rt_fill(expected, 3000, 4);
	ASSERT_EQ(3000, write(pipe_fd[1], expected, 3000));
	ASSERT_EQ(3000, splice(pipe_fd[0], NULL, self->w, NULL, 3000, 0));
	EXPECT_EQ(3000, rt_read(self->r, 4096, 4));
	/* Refused by a full ring, nothing is taken out of the pipe. */
	ASSERT_LT(0, rt_write_until_full(self->w, 200));
	rt_set_nonblock(self->w, true);
	ASSERT_EQ(3000, write(pipe_fd[1], expected, 3000));
	RT_FAILS(EAGAIN, splice(pipe_fd[0], NULL, self->w, NULL, 3000, 0));
	ASSERT_EQ(3000, read(pipe_fd[0], expected, 3000));
	EXPECT_TRUE(rt_is(expected, 3000, 4));
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

TEST_F(rw, sendfile_both_ways)
{
	unsigned char expected[70000], got[70000];
	int in = temporary(_metadata), out = temporary(_metadata);
	size_t taken = 0;
	ssize_t n;

	rt_fill(expected, sizeof(expected), 3);
	ASSERT_EQ(sizeof(expected), write(in, expected, sizeof(expected)));
	lseek(in, 0, SEEK_SET);
	ASSERT_EQ(sizeof(expected), sendfile(self->w, in, NULL, sizeof(expected)));
	while ((n = sendfile(out, self->r, NULL, 10000)) > 0)
		taken += n;
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(sizeof(expected), taken);
	ASSERT_EQ(sizeof(got), pread(out, got, sizeof(got), 0));
	EXPECT_EQ(0, memcmp(expected, got, sizeof(got)));
	/* A ring has no position to start from. */
	RT_FAILS(ESPIPE, sendfile(out, self->r, &(off_t) { 0 }, 1));
	close(in);
	close(out);
}

TEST_F(rw, a_ring_wakes_nobody_of_another_one)
{
	int other = rt_open_empty(_metadata, OVERWRITE), fd = rt_open(_metadata, OVERWRITE, O_RDONLY);
	struct rt_thread here, there;
	__u64 wakes;
	long switches;

	/* One reader sleeps on each ring, and only one of them is written to. */
	rt_set_nonblock(self->r, false);
	rt_start_asleep(_metadata, &here, do_read, &self->r);
	rt_start_asleep(_metadata, &there, do_read, &fd);
	wakes = rt_stat(_metadata, self->w).reader_wakes;
	switches = rt_voluntary_switches(here.tid);
	for (int i = 0; i < 1000; i++) {
		ASSERT_EQ(8, rt_write(other, 8, i));
	}
	ASSERT_TRUE(rt_ends(&there, 5000));
	rt_sleep_ms(50);
	EXPECT_EQ(0, __atomic_load_n(&here.ended, __ATOMIC_ACQUIRE));
	EXPECT_EQ(switches, rt_voluntary_switches(here.tid));
	EXPECT_EQ(wakes, rt_stat(_metadata, self->w).reader_wakes);
	ASSERT_EQ(8, rt_write(self->w, 8, 1));
	ASSERT_TRUE(rt_ends(&here, 5000));
	EXPECT_EQ(8, here.ret);
	close(other);
	close(fd);
}

static void ignore(int signal)
{
	(void)signal;
}

TEST_F(rw, a_signal_is_no_record)
{
	struct sigaction action = { .sa_handler = ignore, .sa_flags = SA_RESTART };
	struct rt_thread t;
	__u64 published;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	rt_set_nonblock(self->r, false);
	rt_start_asleep(_metadata, &t, do_read, &self->r);
	published = rt_stat(_metadata, self->w).published;
	for (int i = 0; i < 200; i++) {
		pthread_kill(t.thread, SIGUSR1);
		if (i % 4 == 0)
			rt_sleep_ms(1);
	}
	ASSERT_TRUE(rt_wait_state(t.tid, 'S'));
	EXPECT_EQ(0, __atomic_load_n(&t.ended, __ATOMIC_ACQUIRE));
	EXPECT_EQ(published, rt_stat(_metadata, self->w).published);
	ASSERT_EQ(13, rt_write(self->w, 13, 1));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(13, t.ret);
	rt_set_nonblock(self->r, true);
	RT_FAILS(EAGAIN, rt_read(self->r, 64, 0));
}

TEST_F(rw, stopped_and_continued)
{
	pid_t child;

	rt_set_nonblock(self->r, false);
	child = rt_fork(_metadata);
	if (!child) {
		/* Stopped and continued in the first, stopped while the record of the second comes */
		for (int i = 0; i < 2; i++)
			if (rt_read(self->r, 64, i) != 20)
				_exit(1);
		_exit(0);
	}
	ASSERT_TRUE(rt_wait_state(child, 'S'));
	rt_sleep_ms(20);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, kill(child, SIGSTOP));
		ASSERT_TRUE(rt_wait_state(child, 'T'));
		if (i == 1) {
			ASSERT_EQ(20, rt_write(self->w, 20, i));
		}
		ASSERT_EQ(0, kill(child, SIGCONT));
		if (i == 0) {
			ASSERT_TRUE(rt_wait_state(child, 'S'));
			ASSERT_EQ(20, rt_write(self->w, 20, i));
			rt_sleep_ms(100);
		}
	}
	EXPECT_EQ(0, rt_wait_child(child));
}

#define SHARED_RECORDS	2000

struct shared {
	int fd;
	bool seen[SHARED_RECORDS];
};

static long take_many(void *arg)
{
	struct shared *s = arg;
	__u64 number;
	long n = 0;

	/* The record 0 ends it. */
	while (read(s->fd, &number, 8) == 8 && number) {
		if (number >= SHARED_RECORDS || __atomic_exchange_n(&s->seen[number], true, __ATOMIC_RELAXED))
			return -1;
		n++;
	}
	return n;
}

TEST_F(rw, threads_on_one_file_share_the_records)
{
	struct shared s = { .fd = self->r };
	struct rt_thread t[3];
	long total = 0;

	rt_set_nonblock(self->r, false);
	for (int i = 0; i < 3; i++)
		rt_start(_metadata, &t[i], take_many, &s);
	for (__u64 i = 1; i < SHARED_RECORDS; i++) {
		ASSERT_EQ(8, write(self->w, &i, 8));
	}
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(8, write(self->w, &(__u64) { 0 }, 8));
	}
	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(rt_ends(&t[i], 10000));
		ASSERT_LE(0, t[i].ret);
		total += t[i].ret;
	}
	EXPECT_EQ(SHARED_RECORDS - 1, total);
}

TEST_HARNESS_MAIN
