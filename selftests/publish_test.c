// SPDX-License-Identifier: GPL-2.0
/* PRODUCE, PUBLISH, READ, GET: who may publish, many records in one call, one by its sequence */

#include "ring_test.h"

#define MANY	16

FIXTURE(publish) {
	int w, r;				/* @r is a subscriber and does not block */
	char *buf;				/* 64 KiB */
	struct ring_publish_record out[MANY];	/* MANY records of 100 bytes each, tagged 1000 and so on */
	struct ring_read_record in[MANY];
	struct ring_publish publish;		/* of all @out, at once */
	struct ring_read read;			/* into all @in, at once */
	struct ring_get get;
};

FIXTURE_SETUP(publish)
{
	int i;

	self->w = rt_open_empty(_metadata, BLOCK);
	self->r = rt_open(_metadata, BLOCK, O_RDONLY | O_NONBLOCK);
	rt_subscribe(_metadata, self->r, 0, RING_OLDEST);
	self->buf = malloc(65536);
	for (i = 0; i < MANY; i++) {
		self->out[i] = (struct ring_publish_record) {
			.addr = (uintptr_t)malloc(1000), .len = 100, .tag = 1000 + i,
		};
		rt_fill((void *)(uintptr_t)self->out[i].addr, 100, i);
	}
	self->publish = (struct ring_publish) {
		.size = sizeof(self->publish), .records = (uintptr_t)self->out, .count = MANY,
		.deadline = RING_NOW,
	};
	self->read = (struct ring_read) {
		.size = sizeof(self->read), .records = (uintptr_t)self->in, .count = MANY,
		.buf = (uintptr_t)self->buf, .buf_len = 65536, .deadline = RING_NOW,
	};
	self->get = (struct ring_get) {
		.size = sizeof(self->get), .buf = (uintptr_t)self->buf, .buf_len = 65536,
	};
}

FIXTURE_TEARDOWN(publish)
{
	close(self->r);
	close(self->w);
	for (int i = 0; i < MANY; i++)
		free((void *)(uintptr_t)self->out[i].addr);
	free(self->buf);
}

static int publish_many(FIXTURE_DATA(publish) *self)
{
	self->publish.published = 0;
	self->publish.sequence = 0;
	return ioctl(self->w, RING_IOC_PUBLISH, &self->publish);
}

static int read_many(FIXTURE_DATA(publish) *self)
{
	self->read.taken = 0;
	self->read.needed = 0;
	return ioctl(self->r, RING_IOC_READ, &self->read);
}

static int get(FIXTURE_DATA(publish) *self, __u32 flags, __u64 sequence)
{
	self->get.flags = flags;
	self->get.sequence = sequence;
	self->get.len = 0;
	self->get.tag = 0;
	return ioctl(self->r, RING_IOC_GET, &self->get);
}

/* ---- PRODUCE ---- */

TEST_F(publish, one_exclusive_producer)
{
	int a = rt_open(_metadata, BLOCK, O_WRONLY), b = rt_open(_metadata, BLOCK, O_RDWR), a2;
	struct ring_stat stat = rt_stat(_metadata, b);

	ASSERT_EQ(0, rt_produce(a, RING_PRODUCE_EXCLUSIVE));
	EXPECT_EQ(1, rt_stat(_metadata, b).producers);
	EXPECT_EQ(1, rt_stat(_metadata, b).exclusive);
	RT_FAILS(EBUSY, rt_produce(b, RING_PRODUCE_EXCLUSIVE));
	RT_FAILS(EBUSY, rt_produce(b, 0));
	RT_FAILS(EBUSY, rt_write(b, 8, 1));
	RT_FAILS(EBUSY, rt_publish(b, "x", 1, 0, RING_NOW, NULL));
	RT_FAILS(EBUSY, rt_produce(a, RING_PRODUCE_EXCLUSIVE));
	RT_FAILS(EBUSY, rt_produce(a, 0));
	EXPECT_EQ(stat.published, rt_stat(_metadata, b).published);
	EXPECT_EQ(8, rt_write(a, 8, 2));
	EXPECT_EQ(8, rt_read(self->r, 64, 2));
	/* Until its last descriptor is closed */
	a2 = dup(a);
	close(a);
	RT_FAILS(EBUSY, rt_write(b, 8, 1));
	close(a2);
	EXPECT_EQ(8, rt_write(b, 8, 3));
	EXPECT_EQ(0, rt_stat(_metadata, b).exclusive);
	close(b);
}

TEST_F(publish, no_exclusive_one_beside_others)
{
	int a = rt_open(_metadata, BLOCK, O_WRONLY), b = rt_open(_metadata, BLOCK, O_WRONLY);

	/* Who just writes is a shared producer from then on. */
	ASSERT_EQ(8, rt_write(a, 8, 1));
	RT_FAILS(EBUSY, rt_produce(b, RING_PRODUCE_EXCLUSIVE));
	RT_FAILS(EBUSY, rt_produce(a, RING_PRODUCE_EXCLUSIVE));
	RT_FAILS(EBUSY, rt_produce(a, 0));
	/* The refusal did not attach it. */
	EXPECT_EQ(1, rt_stat(_metadata, a).producers);
	ASSERT_EQ(0, rt_produce(b, 0));
	EXPECT_EQ(2, rt_stat(_metadata, a).producers);
	EXPECT_EQ(8, rt_write(b, 8, 2));
	close(a);
	a = rt_open(_metadata, BLOCK, O_WRONLY);
	RT_FAILS(EBUSY, rt_produce(a, RING_PRODUCE_EXCLUSIVE));
	close(b);
	ASSERT_EQ(0, rt_produce(a, RING_PRODUCE_EXCLUSIVE));
	close(a);
}

TEST_F(publish, an_exclusive_producer_that_is_killed)
{
	int pipe_fd[2];
	pid_t child;
	char c;

	ASSERT_EQ(0, pipe(pipe_fd));
	child = rt_fork(_metadata);
	if (!child) {
		int fd = rt_try_open(BLOCK, O_WRONLY);

		if (rt_produce(fd, RING_PRODUCE_EXCLUSIVE) || write(pipe_fd[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	ASSERT_EQ(1, read(pipe_fd[0], &c, 1));
	RT_FAILS(EBUSY, rt_write(self->w, 8, 1));
	kill(child, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, rt_wait_child(child));
	EXPECT_EQ(8, rt_write(self->w, 8, 1));
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

TEST_F(publish, direct_where_the_ring_is)
{
	int error = rt_info(_metadata, self->w).ring_flags & RING_DIRECT ? 0 : EOPNOTSUPP;

	for (__u32 flags = 0; flags <= RING_PRODUCE_EXCLUSIVE; flags++) {
		int fd = rt_open(_metadata, BLOCK, O_RDWR);

		if (error) {
			RT_FAILS(error, rt_produce(fd, flags | RING_PRODUCE_DIRECT));
		} else {
			EXPECT_EQ(0, rt_produce(fd, flags | RING_PRODUCE_DIRECT));
		}
		EXPECT_EQ(!error, rt_stat(_metadata, self->w).producers);
		EXPECT_EQ(8, rt_write(fd, 8, flags));
		EXPECT_EQ(8, rt_read(self->r, 8, flags));
		close(fd);
		/* It is to map the ring writable, which takes both; on a file for reading nobody publishes. */
		fd = rt_open(_metadata, BLOCK, O_WRONLY);
		RT_FAILS(EBADF, rt_produce(fd, flags | RING_PRODUCE_DIRECT));
		close(fd);
		fd = rt_open(_metadata, BLOCK, O_RDONLY);
		RT_FAILS(EBADF, rt_produce(fd, flags | RING_PRODUCE_DIRECT));
		RT_FAILS(EBADF, rt_produce(fd, flags));
		close(fd);
		EXPECT_EQ(0, rt_stat(_metadata, self->w).producers);
	}
}

TEST_F(publish, owner_ids_run_out_and_come_back)
{
	struct rlimit limit = { RING_OWNER_MAX + 100, RING_OWNER_MAX + 100 };
	static bool seen[RING_OWNER_MAX + 1];
	static int fd[RING_OWNER_MAX];
	struct ring_produce arg;
	int last, i;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	for (i = 0; i < (int)RING_OWNER_MAX; i++) {
		fd[i] = rt_open(_metadata, BLOCK, O_WRONLY);
		arg = (struct ring_produce) { .size = sizeof(arg) };
		ASSERT_EQ(0, ioctl(fd[i], RING_IOC_PRODUCE, &arg));
		ASSERT_LT(0, arg.owner);
		ASSERT_GE(RING_OWNER_MAX, arg.owner);
		ASSERT_FALSE(seen[arg.owner]);
		seen[arg.owner] = true;
	}
	EXPECT_EQ(RING_OWNER_MAX, rt_stat(_metadata, self->w).producers);
	last = rt_open(_metadata, BLOCK, O_WRONLY);
	RT_FAILS(EAGAIN, rt_produce(last, 0));
	RT_FAILS(EAGAIN, rt_write(last, 8, 0));
	close(fd[1234]);
	EXPECT_EQ(0, rt_produce(last, 0));
	EXPECT_EQ(8, rt_write(last, 8, 0));
	EXPECT_EQ(8, rt_write(fd[0], 8, 1));
	for (i = 0; i < (int)RING_OWNER_MAX; i++)
		if (i != 1234)
			close(fd[i]);
	close(last);
	EXPECT_EQ(0, rt_stat(_metadata, self->w).producers);
}

/* ---- PUBLISH and READ ---- */

TEST_F(publish, many_in_one_call)
{
	/* One of no bytes, a short one, long ones of 2, 5 and 8 slots */
	static const __u32 lens[] = { 0, 48, 257, 1000, 1, 100 };
	struct ring_stat before = rt_stat(_metadata, self->w), after;
	__u64 expected = before.head;
	unsigned int offset = 0, i;

	self->out[0].len = 0;
	self->out[0].addr = 0;
	for (i = 1; i < ARRAY_SIZE(lens); i++) {
		self->out[i].len = lens[i];
		rt_fill((void *)(uintptr_t)self->out[i].addr, lens[i], i);
	}
	ASSERT_EQ(0, publish_many(self));
	EXPECT_EQ(MANY, self->publish.published);
	EXPECT_EQ(before.head, self->publish.sequence);
	after = rt_stat(_metadata, self->w);
	EXPECT_EQ(before.published + MANY, after.published);

	ASSERT_EQ(0, read_many(self));
	ASSERT_EQ(MANY, self->read.taken);
	for (i = 0; i < MANY; i++) {
		__u32 len = i < ARRAY_SIZE(lens) ? lens[i] : 100;

		EXPECT_EQ(expected, self->in[i].sequence);
		EXPECT_EQ(len, self->in[i].len);
		EXPECT_EQ(1000 + i, self->in[i].tag);
		EXPECT_EQ(0, self->in[i].reserved);
		EXPECT_EQ(0, self->in[i].offset % 8);
		EXPECT_LE(offset, self->in[i].offset);
		EXPECT_TRUE(rt_is(self->buf + self->in[i].offset, len, i));
		offset = self->in[i].offset + len;
		expected += len <= 256 ? 1 : (len + 255) / 256;
	}
	EXPECT_EQ(expected, after.head);
	RT_FAILS(EAGAIN, read_many(self));
}

TEST_F(publish, what_fits_is_published)
{
	int filler = rt_open(_metadata, BLOCK, O_WRONLY);
	long slots = rt_write_until_full(filler, 8);
	__u64 began;

	/* Room for three */
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(8, rt_read(self->r, 8, i));
	}
	ASSERT_EQ(0, publish_many(self));
	EXPECT_EQ(3, self->publish.published);
	RT_FAILS(EAGAIN, publish_many(self));

	/* A deadline that passes: with nothing published, and with a part */
	began = rt_now();
	self->publish.deadline = began + 100 * RT_MS;
	RT_FAILS(ETIMEDOUT, publish_many(self));
	EXPECT_LE(100 * RT_MS, rt_now() - began);
	EXPECT_TRUE(rt_within(began, 5000));
	ASSERT_EQ(8, rt_read(self->r, 8, 3));
	began = rt_now();
	self->publish.deadline = began + 100 * RT_MS;
	ASSERT_EQ(0, publish_many(self));
	EXPECT_EQ(1, self->publish.published);
	EXPECT_LE(100 * RT_MS, rt_now() - began);
	EXPECT_TRUE(rt_within(began, 5000));
	/* All of them are there. */
	for (int i = 4; i < slots; i++) {
		ASSERT_EQ(8, rt_read(self->r, 8, i));
	}
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(100, rt_read(self->r, 200, i));
	}
	EXPECT_EQ(100, rt_read(self->r, 200, 0));
	RT_FAILS(EAGAIN, rt_read(self->r, 200, 0));
	close(filler);
}

struct slow {
	int fd;
	char *buf;
	size_t len;
};

/* Take four records of @len bytes and three more, with a pause before each */
static long take_slowly(void *arg)
{
	struct slow *s = arg;

	for (int i = 0; i < 7; i++) {
		rt_sleep_ms(20);
		if (read(s->fd, s->buf, s->len) != (ssize_t)s->len || !rt_is(s->buf, s->len, i < 4 ? i : 9))
			return i;
	}
	return 7;
}

/* One call that sleeps again and again, whenever it is given room */
TEST_F(publish, waits_for_room_for_all)
{
	__u64 longest = rt_info(_metadata, self->w).longest;
	struct slow slow = { self->r, malloc(longest), longest };
	char *buf = malloc(longest);
	struct rt_thread t;
	__u64 sleeps;

	/* Four of the longest fill it: each of the three more waits for one of them to be taken. */
	ASSERT_EQ(4, rt_write_until_full(self->w, longest));
	rt_fill(buf, longest, 9);
	for (int i = 0; i < 3; i++)
		self->out[i] = (struct ring_publish_record) { (uintptr_t)buf, longest, 0 };
	rt_set_nonblock(self->r, false);
	sleeps = rt_stat(_metadata, self->w).writer_sleeps;
	rt_start(_metadata, &t, take_slowly, &slow);
	self->publish.count = 3;
	self->publish.deadline = rt_in_ms(10000);
	ASSERT_EQ(0, publish_many(self));
	EXPECT_EQ(3, self->publish.published);
	ASSERT_TRUE(rt_ends(&t, 10000));
	EXPECT_EQ(7, t.ret);
	EXPECT_LT(sleeps, rt_stat(_metadata, self->w).writer_sleeps);
	for (int i = 0; i < 3; i++)
		self->out[i].addr = 0;
	free(slow.buf);
	free(buf);
}

static long take_seven(void *arg)
{
	struct slow *s = arg;

	for (int i = 0; i < 7; i++)
		if (read(s->fd, s->buf, s->len) != (ssize_t)s->len || !rt_is(s->buf, s->len, 9))
			return i;
	return 7;
}

/* Who sleeps is woken by one record, and by the first of many when the rest has to wait for him. */
TEST_F(publish, wakes_who_sleeps)
{
	__u64 longest = rt_info(_metadata, self->w).longest;
	struct slow slow = { self->r, malloc(longest), longest };
	char *buf = malloc(longest);
	struct rt_thread t;

	rt_fill(buf, longest, 9);
	rt_set_nonblock(self->r, false);
	for (int count = 1; count <= 6; count += 5) {
		for (int i = 0; i < count; i++)
			self->out[i] = (struct ring_publish_record) { (uintptr_t)buf, longest, 0 };
		if (count == 1)
			rt_start_asleep(_metadata, &t, take_seven, &slow);
		ASSERT_TRUE(rt_wait_state(t.tid, 'S'));
		self->publish.count = count;
		self->publish.deadline = rt_in_ms(5000);
		ASSERT_EQ(0, publish_many(self));
		EXPECT_EQ(count, self->publish.published);
		rt_sleep_ms(50);
	}
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(7, t.ret);
	for (int i = 0; i < 6; i++)
		self->out[i].addr = 0;
	free(slow.buf);
	free(buf);
}

TEST_F(publish, a_bad_one_in_the_middle)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__u64 published = rt_stat(_metadata, self->w).published, addr = self->out[5].addr;

	ASSERT_NE(MAP_FAILED, (void *)map);
	ASSERT_EQ(0, munmap(map + page, page));
	self->out[5].addr = (uintptr_t)map + page - 50;
	ASSERT_EQ(0, publish_many(self));
	EXPECT_EQ(5, self->publish.published);
	self->publish.records = (uintptr_t)(self->out + 5);
	self->publish.count = MANY - 5;
	RT_FAILS(EFAULT, publish_many(self));
	self->out[5].addr = addr;
	self->out[5].len = rt_info(_metadata, self->w).longest + 1;
	RT_FAILS(EMSGSIZE, publish_many(self));
	EXPECT_EQ(published + 5, rt_stat(_metadata, self->w).published);

	/* The array itself ends in the middle of the third. */
	memcpy(map + page - 40, self->out, 40);
	self->publish.records = (uintptr_t)(map + page - 40);
	self->publish.count = 3;
	ASSERT_EQ(0, publish_many(self));
	EXPECT_EQ(2, self->publish.published);
	self->publish.records = (uintptr_t)(map + page - 8);
	RT_FAILS(EFAULT, publish_many(self));

	self->publish.records = (uintptr_t)self->out;
	self->publish.count = 0;
	RT_FAILS(EINVAL, publish_many(self));
	self->publish.count = RING_BATCH_MAX + 1;
	RT_FAILS(EINVAL, publish_many(self));
	EXPECT_EQ(published + 7, rt_stat(_metadata, self->w).published);
	munmap(map, page);
}

/* Pages that are not there yet end a batch that was claimed for all; the rest goes on by itself. */
TEST_F(publish, from_pages_that_are_not_there)
{
	int absent, i;

	/* Short enough for a batch: they are all there before the first one is */
	for (i = 0; i < MANY; i++)
		self->out[i].len = 40;
	for (absent = 0; absent < MANY; absent += 5) {
		char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		__u64 present = self->out[absent].addr;

		ASSERT_NE(MAP_FAILED, page);
		self->out[absent].addr = (uintptr_t)page;
		ASSERT_EQ(0, publish_many(self));
		EXPECT_EQ(MANY, self->publish.published);
		ASSERT_EQ(0, read_many(self));
		ASSERT_EQ(MANY, self->read.taken);
		for (i = 0; i < MANY; i++) {
			EXPECT_EQ(40, self->in[i].len);
			EXPECT_EQ(1000 + i, self->in[i].tag);
			EXPECT_EQ(0, memcmp(self->buf + self->in[i].offset,
					    (void *)(uintptr_t)self->out[i].addr, 40));
		}
		self->out[absent].addr = present;
		munmap(page, 4096);
	}
}

TEST_F(publish, read_what_fits)
{
	char part[30];

	/* Nothing there: at once, and after a while */
	RT_FAILS(EAGAIN, read_many(self));
	self->read.deadline = rt_in_ms(50);
	RT_FAILS(ETIMEDOUT, read_many(self));
	self->read.deadline = RING_NEVER;

	ASSERT_EQ(0, publish_many(self));
	/* One byte too few for the first: it stays, even the part that read() has given. */
	ASSERT_EQ(30, read(self->r, part, 30));
	self->read.buf_len = 99;
	RT_FAILS(EMSGSIZE, read_many(self));
	EXPECT_EQ(100, self->read.needed);
	EXPECT_EQ(0, self->read.taken);
	self->read.buf_len = 100;
	ASSERT_EQ(0, read_many(self));
	EXPECT_EQ(1, self->read.taken);
	EXPECT_TRUE(rt_is(self->buf, 100, 0));
	/* The third is one byte too long for 104 + 104 + 99. */
	self->read.buf_len = 307;
	ASSERT_EQ(0, read_many(self));
	EXPECT_EQ(2, self->read.taken);
	self->read.buf_len = 308;
	ASSERT_EQ(0, read_many(self));
	EXPECT_EQ(3, self->read.taken);
	EXPECT_TRUE(rt_is(self->buf + 208, 100, 5));
	/* No more than asked for */
	self->read.buf_len = 65536;
	self->read.count = 4;
	ASSERT_EQ(0, read_many(self));
	EXPECT_EQ(4, self->read.taken);
	EXPECT_EQ(100, rt_read(self->r, 200, 10));
	self->read.count = 0;
	RT_FAILS(EINVAL, read_many(self));
	self->read.count = RING_BATCH_MAX + 1;
	RT_FAILS(EINVAL, read_many(self));
	/* A record of no bytes needs no buffer. */
	for (int i = 11; i < MANY; i++) {
		EXPECT_EQ(100, rt_read(self->r, 200, i));
	}
	ASSERT_EQ(0, rt_publish(self->w, NULL, 0, 7, RING_NOW, NULL));
	self->read.count = MANY;
	self->read.buf = 0;
	self->read.buf_len = 0;
	ASSERT_EQ(0, read_many(self));
	EXPECT_EQ(1, self->read.taken);
	EXPECT_EQ(7, self->in[0].tag);
}

TEST_F(publish, read_to_a_bad_place)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, (void *)map);
	ASSERT_EQ(0, mprotect(map + page, page, PROT_NONE));
	ASSERT_EQ(0, publish_many(self));
	/* The payload of the first, then of the third, ends behind the page. */
	self->read.buf = (uintptr_t)map + page - 50;
	RT_FAILS(EFAULT, read_many(self));
	self->read.buf = (uintptr_t)map + page - 250;
	ASSERT_EQ(0, read_many(self));
	EXPECT_EQ(2, self->read.taken);
	/* So do the descriptions. */
	self->read.buf = (uintptr_t)self->buf;
	self->read.records = (uintptr_t)map + page - sizeof(struct ring_read_record) + 1;
	RT_FAILS(EFAULT, read_many(self));
	self->read.records = (uintptr_t)map + page - 2 * sizeof(struct ring_read_record);
	ASSERT_EQ(0, read_many(self));
	EXPECT_EQ(2, self->read.taken);
	/* Nothing was taken that was not given. */
	EXPECT_EQ(100, rt_read(self->r, 200, 4));
	munmap(map, 2 * page);
}

/* ---- GET ---- */

TEST_F(publish, get_by_sequence)
{
	__u64 first = rt_stat(_metadata, self->w).head, longest = rt_info(_metadata, self->w).longest;
	__u32 subscribers = rt_stat(_metadata, self->w).subscribers;
	int r = self->r;

	self->out[1].len = 1000;	/* 4 slots */
	rt_fill((void *)(uintptr_t)self->out[1].addr, 1000, 1);
	self->r = rt_open(_metadata, BLOCK, O_RDONLY);
	RT_FAILS(EAGAIN, get(self, RING_GET_LATEST, 0));
	ASSERT_EQ(0, publish_many(self));
	/* In any order, more than once, without being a subscriber */
	for (int i = MANY - 1; i >= 0; i--) {
		__u64 sequence = first + i + (i > 1 ? 3 : 0);

		ASSERT_EQ(0, get(self, 0, sequence));
		EXPECT_EQ(sequence, self->get.sequence);
		EXPECT_EQ(i == 1 ? 1000 : 100, self->get.len);
		EXPECT_EQ(1000 + i, self->get.tag);
		EXPECT_TRUE(rt_is(self->buf, self->get.len, i));
	}
	EXPECT_EQ(subscribers, rt_stat(_metadata, self->w).subscribers);
	/* The latest */
	ASSERT_EQ(0, get(self, RING_GET_LATEST, 0));
	EXPECT_EQ(first + MANY + 2, self->get.sequence);
	EXPECT_TRUE(rt_is(self->buf, 100, MANY - 1));
	/* The inside of a record, and what has not come */
	for (int i = 2; i < 5; i++) {
		RT_FAILS(EINVAL, get(self, 0, first + i));
	}
	RT_FAILS(EAGAIN, get(self, 0, first + MANY + 3));
	RT_FAILS(EAGAIN, get(self, 0, first + MANY + 3 + 4096));
	RT_FAILS(EAGAIN, get(self, 0, first + (1ull << 44) + 1));
	/* Too long for the buffer: its length and tag are told. */
	self->get.buf_len = 999;
	RT_FAILS(EMSGSIZE, get(self, 0, first + 1));
	EXPECT_EQ(1000, self->get.len);
	EXPECT_EQ(1001, self->get.tag);
	self->get.buf = 0;
	self->get.buf_len = 0;
	RT_FAILS(EMSGSIZE, get(self, RING_GET_LATEST, 0));
	EXPECT_EQ(100, self->get.len);
	EXPECT_EQ(first + MANY + 2, self->get.sequence);
	self->get.buf_len = 1000;
	RT_FAILS(EFAULT, get(self, 0, first));
	self->get.buf = (uintptr_t)self->buf;
	EXPECT_EQ(0, get(self, RING_GET_LATEST, first));
	EXPECT_EQ(first + MANY + 2, self->get.sequence);
	/* The longest */
	self->get.buf = (uintptr_t)malloc(longest);
	self->get.buf_len = longest;
	ASSERT_EQ(longest, rt_write(self->w, longest, 50));
	ASSERT_EQ(0, get(self, RING_GET_LATEST, 0));
	EXPECT_TRUE(rt_is((void *)(uintptr_t)self->get.buf, longest, 50));
	free((void *)(uintptr_t)self->get.buf);
	/* Flushed */
	ASSERT_EQ(0, ioctl(self->w, RING_IOC_FLUSH, 0));
	RT_FAILS(ENODATA, get(self, 0, first));
	RT_FAILS(ENODATA, get(self, 0, first + 2));
	RT_FAILS(EAGAIN, get(self, RING_GET_LATEST, 0));
	close(self->r);
	self->r = r;
}

TEST_F(publish, overwritten_and_not_yet_there)
{
	int w = rt_open_empty(_metadata, OVERWRITE), r = self->r;
	__u64 first = rt_stat(_metadata, w).head, s;
	struct ring_stat stat;

	self->r = w;
	for (int i = 0; i < 6000; i++) {
		ASSERT_EQ(8, rt_write(w, 8, i));
	}
	stat = rt_stat(_metadata, w);
	ASSERT_LT(first, stat.tail);
	ASSERT_GE(first + 6000 - 4096 + 4096 / 8, stat.tail);
	for (s = first; s < first + 6000; s += 7) {
		if (s < stat.tail) {
			RT_FAILS(ENODATA, get(self, 0, s));
		} else {
			ASSERT_EQ(0, get(self, 0, s));
			EXPECT_TRUE(rt_is(self->buf, 8, s - first));
		}
	}
	RT_FAILS(EAGAIN, get(self, 0, first + 6000));
	if (first) {
		RT_FAILS(ENODATA, get(self, 0, first - 1));
	}
	ASSERT_EQ(0, get(self, RING_GET_LATEST, 0));
	EXPECT_EQ(first + 5999, self->get.sequence);
	self->r = r;
	close(w);
}

TEST_HARNESS_MAIN
