// SPDX-License-Identifier: GPL-2.0
/*
 * What buffered_pipe, a pipe through shared memory for Python, documents, done with rings: messages between
 * processes and threads that register with it.
 *
 * Its documentation shows			here
 *	Generic_Pipe: messages of any length	free_length_messages
 *	Static_Pipe(object_size, object_count)	fixed_length_messages
 *	many senders and receivers, processes	many_writers_and_readers (each reader gets all),
 *	and threads				readers_that_share_a_descriptor (each message goes to one)
 *	recv() with a timeout, and without	receive_with_a_timeout
 *	a full pipe blocks the sender		a_full_pipe_blocks_the_writer
 *
 * And the faults to keep away: a send that failed half-way and leaves something for the receivers:
 * a_bad_write_leaves_nothing_visible (no room: a_full_pipe_blocks_the_writer). A receiver that a signal ends,
 * which then returns what nobody has sent: a_signal_yields_no_phantom_record.
 */
#include "libring_helpers.h"

static int send_message(struct ring *r, size_t len, __u64 number, __u64 deadline)
{
	unsigned char *message = malloc(len);
	int ret;

	rt_fill(message, len, number);
	ret = ring_publish(r, message, len, 0, deadline);
	free(message);
	return ret;
}

/* Whether the next message is that of @number, as long as it should be */
static bool receives(struct ring *r, size_t len, __u64 number, __u64 deadline)
{
	unsigned char *message = malloc(len);
	struct ring_meta meta;
	int ret = ring_read(r, message, len, deadline, &meta);
	bool right = ret == 1 && meta.len == len && rt_is(message, len, number);

	free(message);
	return right;
}

/* From 1 to 300 bytes, then half as long again each time, and the longest at the end */
TEST(free_length_messages)
{
	struct ring *w = open_empty(_metadata, "0"), *r = subscriber(_metadata, "0", RING_OLDEST);
	size_t longest = rt_info(_metadata, ring_fd(w)).longest, len;
	pid_t pid = rt_fork(_metadata);

	if (!pid) {
		struct ring *sender;
		int ret = ring_open("0", RING_OPEN_READ | RING_OPEN_WRITE, &sender);

		for (len = 1; len < longest && !ret; len += len < 300 ? 1 : len / 2)
			ret = send_message(sender, len, len, ring_deadline_in(10 * RT_SECOND));
		_exit(ret || send_message(sender, longest, 1, ring_deadline_in(10 * RT_SECOND)) ||
		      send_message(sender, longest + 1, 2, RING_NOW) != -EMSGSIZE);
	}
	for (len = 1; len < longest; len += len < 300 ? 1 : len / 2)
		ASSERT_TRUE(receives(r, len, len, ring_deadline_in(10 * RT_SECOND)));
	EXPECT_TRUE(receives(r, longest, 1, ring_deadline_in(10 * RT_SECOND)));
	EXPECT_EQ(0, rt_wait_child(pid));
}

/* Objects of 16 bytes; one record has room for three of them. */
TEST(fixed_length_messages)
{
	struct ring *w = open_empty(_metadata, "2"), *r = subscriber(_metadata, "2", RING_OLDEST);
	unsigned char object[16];
	struct ring_meta meta;

	ASSERT_EQ(0, send_message(w, 16, 0, RING_NOW));
	ASSERT_EQ(0, send_message(w, 48, 1, RING_NOW));
	/* What is longer is refused, whether there is time or not. */
	EXPECT_EQ(-EMSGSIZE, send_message(w, 49, 2, RING_NOW));
	EXPECT_EQ(-EMSGSIZE, send_message(w, 64, 2, RING_NEVER));
	/* Too short a buffer takes nothing away. */
	EXPECT_EQ(-EMSGSIZE, ring_read(r, object, 15, RING_NOW, &meta));
	EXPECT_EQ(16, meta.len);
	EXPECT_TRUE(receives(r, 16, 0, RING_NOW));
	EXPECT_TRUE(receives(r, 48, 1, RING_NOW));
}

static long send_the_fifth(void *ring)
{
	return send_message(ring, 16, 4, RING_NEVER);
}

TEST(a_full_pipe_blocks_the_writer)
{
	struct ring *w = open_empty(_metadata, "2"), *r = subscriber(_metadata, "2", RING_OLDEST);
	struct rt_thread t;
	int n;

	for (n = 0; n < 4; n++)
		ASSERT_EQ(0, send_message(w, 16, n, RING_NOW));
	EXPECT_EQ(-EAGAIN, send_message(w, 16, 99, RING_NOW));
	rt_start_asleep(_metadata, &t, send_the_fifth, w);
	EXPECT_TRUE(receives(r, 16, 0, RING_NOW));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(0, t.ret);
	/* Nothing came of those that were refused. */
	for (n = 1; n < 5; n++)
		EXPECT_TRUE(receives(r, 16, n, RING_NOW));
	EXPECT_EQ(-EAGAIN, ring_wait(r, RING_NOW));
}

#define MESSAGES	500	/* of each writer */
#define WRITERS		4
#define LEN		100

/* A writer, in whatever process; @arg points to its number. */
static long write_all(void *arg)
{
	__u64 number = *(int *)arg * 1000ull, end = number + MESSAGES;
	struct ring *w;
	long ret = ring_open("0", RING_OPEN_READ | RING_OPEN_WRITE, &w);

	for (; number < end && !ret; number++)
		ret = send_message(w, LEN, number, ring_deadline_in(10 * RT_SECOND));
	return ret;
}

/* A reader, in whatever process: every message of every writer, each writer's in order */
static long read_all(void *arg)
{
	__u64 next[WRITERS] = {}, number;
	unsigned char message[LEN];
	struct ring *r = arg;
	int n;

	for (n = 0; n < WRITERS * MESSAGES; n++) {
		if (ring_read(r, message, sizeof(message), ring_deadline_in(10 * RT_SECOND), NULL) != 1)
			return -EIO;
		memcpy(&number, message, sizeof(number));
		if (number / 1000 >= WRITERS || next[number / 1000]++ != number % 1000 ||
		    !rt_is(message, LEN, number))
			return -EILSEQ;
	}
	return ring_read(r, message, sizeof(message), RING_NOW, NULL) == -EAGAIN ? 0 : -EEXIST;
}

TEST(many_writers_and_readers)
{
	struct ring *w = open_empty(_metadata, "0"), *r[2];
	struct rt_thread writers[2], readers[2];
	int number[WRITERS] = { 0, 1, 2, 3 }, i;
	pid_t pid[4];

	/* Two readers and two writers of each kind. The readers first: so that they miss nothing. */
	for (i = 0; i < 2; i++) {
		pid[i] = rt_fork(_metadata);
		if (!pid[i])
			_exit(read_all(subscriber(_metadata, "0", RING_OLDEST)) != 0);
		r[i] = subscriber(_metadata, "0", RING_OLDEST);
	}
	while (stat_of(_metadata, w).subscribers < 4)
		rt_sleep_ms(1);
	for (i = 0; i < 2; i++) {
		pid[2 + i] = rt_fork(_metadata);
		if (!pid[2 + i])
			_exit(write_all(&number[i]) != 0);
	}
	for (i = 0; i < 2; i++) {
		rt_start(_metadata, &readers[i], read_all, r[i]);
		rt_start(_metadata, &writers[i], write_all, &number[2 + i]);
	}
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(rt_ends(&readers[i], 15000) && rt_ends(&writers[i], 5000));
		EXPECT_EQ(0, readers[i].ret);
		EXPECT_EQ(0, writers[i].ret);
	}
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, rt_wait_child(pid[i]));
}

/* Takes messages by read(), and counts them, until one is no number. */
static int share_out(int fd, int *counts)
{
	__u64 number = 0;

	while (read(fd, &number, sizeof(number)) == sizeof(number) && number < 1000)
		__atomic_fetch_add(&counts[number], 1, __ATOMIC_RELAXED);
	return number != RING_NONE;
}

TEST(readers_that_share_a_descriptor)
{
	struct ring *w = open_empty(_metadata, "2");
	int *counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = rt_open(_metadata, 2, O_RDONLY);
	pid_t pid[3];
	__u64 n;
	int i;

	rt_subscribe(_metadata, fd, 0, RING_NEXT);
	for (i = 0; i < 3; i++) {
		pid[i] = rt_fork(_metadata);
		if (!pid[i])
			_exit(share_out(fd, counts));
		ASSERT_TRUE(rt_wait_state(pid[i], 'S'));
	}
	for (n = 0; n < 1000; n++)
		ASSERT_EQ(0, ring_publish(w, &n, sizeof(n), 0, ring_deadline_in(10 * RT_SECOND)));
	/* Who gets one of these ends. */
	for (i = 0, n = RING_NONE; i < 3; i++)
		ASSERT_EQ(0, ring_publish(w, &n, sizeof(n), 0, ring_deadline_in(10 * RT_SECOND)));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, rt_wait_child(pid[i]));
	for (n = 0; n < 1000; n++)
		EXPECT_EQ(1, counts[n]);
}

TEST(receive_with_a_timeout)
{
	struct ring *w = open_empty(_metadata, "0"), *r = subscriber(_metadata, "0", RING_OLDEST);
	__u64 begun = rt_now();
	char c;

	EXPECT_EQ(-EAGAIN, ring_read(r, &c, 1, RING_NOW, NULL));
	EXPECT_EQ(-ETIMEDOUT, ring_read(r, &c, 1, ring_deadline_in(50 * RT_MS), NULL));
	EXPECT_LE(50 * RT_MS, rt_now() - begun);
	ASSERT_EQ(0, send_message(w, 100, 1, RING_NOW));
	EXPECT_TRUE(receives(r, 100, 1, ring_deadline_in(RT_SECOND)));
}

TEST(a_bad_write_leaves_nothing_visible)
{
	struct ring *w = open_empty(_metadata, "0"), *r = subscriber(_metadata, "0", RING_OLDEST);
	int fd = rt_open(_metadata, BLOCK, O_WRONLY);
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *edge;
	struct iovec half[2] = { { page, 16 }, { page + 4096, 16 } };
	__u64 longest = rt_info(_metadata, fd).longest, published;

	ASSERT_EQ(0, munmap(page + 4096, 4096));
	edge = page + 4096 - 20;
	published = stat_of(_metadata, w).published;

	/* All of it, its second half, a later part of one in the bulk area; too long */
	RT_FAILS(EFAULT, write(fd, page + 4096, 40));
	RT_FAILS(EFAULT, write(fd, edge, 40));
	RT_FAILS(EFAULT, write(fd, edge, 5000));
	RT_FAILS(EFAULT, writev(fd, half, 2));
	RT_FAILS(EFAULT, rt_publish(fd, edge, 40, 0, RING_NEVER, NULL));
	RT_FAILS(EMSGSIZE, write(fd, page, longest + 1));
	EXPECT_EQ(published, stat_of(_metadata, w).published);
	EXPECT_EQ(0, stat_of(_metadata, w).retained);
	EXPECT_EQ(-EAGAIN, ring_wait(r, RING_NOW));
	EXPECT_EQ(0, rt_poll(ring_fd(r), POLLIN));
	ASSERT_EQ(0, send_message(w, 40, 7, RING_NOW));
	EXPECT_TRUE(receives(r, 40, 7, RING_NOW));
	EXPECT_EQ(-EAGAIN, ring_wait(r, RING_NOW));
}

static int signals;

static void count_signal(int signal __attribute__((unused)))
{
	__atomic_fetch_add(&signals, 1, __ATOMIC_RELAXED);
}

struct reading {
	struct ring *r;
	int fd;			/* read() this one; -1: ring_read() that one */
	unsigned char buf[60];
};

static long block(void *arg)
{
	struct reading *b = arg;
	long ret;

	if (b->fd < 0)
		return ring_read(b->r, b->buf, sizeof(b->buf), RING_NEVER, NULL);
	ret = read(b->fd, b->buf, sizeof(b->buf));
	return ret < 0 ? -errno : ret == sizeof(b->buf);
}

TEST(a_signal_yields_no_phantom_record)
{
	struct sigaction action = { .sa_handler = count_signal };
	struct ring *w = open_empty(_metadata, "0");
	struct reading b = { .r = subscriber(_metadata, "0", RING_OLDEST) };
	int n, fd = rt_open(_metadata, BLOCK, O_RDONLY);
	struct rt_thread t;

	rt_subscribe(_metadata, fd, 0, RING_NEXT);
	for (n = 0; n < 8; n++) {
		b.fd = n & 1 ? fd : -1;
		action.sa_flags = n & 2 ? SA_RESTART : 0;
		sigaction(SIGUSR1, &action, NULL);
		memset(b.buf, 0x5a, sizeof(b.buf));
		signals = 0;
		rt_start_asleep(_metadata, &t, block, &b);
		pthread_kill(t.thread, SIGUSR1);
		while (!__atomic_load_n(&signals, __ATOMIC_RELAXED))
			rt_sleep_ms(1);
		if (action.sa_flags) {
			ASSERT_FALSE(rt_ends(&t, 30));
		} else {
			ASSERT_TRUE(rt_ends(&t, 5000));
			EXPECT_EQ(-EINTR, t.ret);
			EXPECT_EQ(0x5a, b.buf[0]);
			rt_start_asleep(_metadata, &t, block, &b);
		}
		/* Nothing until there is something, and then that */
		ASSERT_EQ(0, send_message(w, 60, n, RING_NOW));
		ASSERT_TRUE(rt_ends(&t, 5000));
		EXPECT_EQ(1, t.ret);
		EXPECT_TRUE(rt_is(b.buf, 60, n));
		/* The other one reads it too, so that both begin empty again. */
		EXPECT_TRUE(n & 1 ? receives(b.r, 60, n, RING_NOW) : rt_read(fd, 100, n) == 60);
		EXPECT_EQ(-EAGAIN, ring_wait(b.r, RING_NOW));
	}
	EXPECT_EQ(n, ring_taken(b.r));
}

TEST_HARNESS_MAIN
