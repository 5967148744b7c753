// SPDX-License-Identifier: GPL-2.0
/*
 * Records that are overwritten before they are read: told once, counted exactly, and what follows is the
 * oldest record there is. A model in this program knows which record stands at which sequence.
 */

#include "ring_test.h"

#define RECORDS_MAX	40000
#define BUF		(64 * 1024)

enum how { READ, READ_MANY };

FIXTURE(loss) {
	int w;			/* the writer */
	int gate;		/* on the block ring, a reliable subscriber that takes every record at once */
	int r;			/* the lossy one */
	struct rt_map map;
	struct ring_cursor *cursor;	/* of @r */
	__u32 id;
	__u64 *seq;		/* sequence of each record */
	__u64 n;		/* how many there are */
	__u64 base;		/* records published before the first of them */
	__u64 lost_before;	/* on this ring, before this test */
	__u64 next;		/* the one that @r has to get next */
	char *buf;
	__u32 random;
};

FIXTURE_VARIANT(loss) {
	int ring;
	__u32 start;
	enum how how;
	__u32 size_max;		/* of records; 8: all of one size */
};

#define VARIANT(name, ring_, start_, how_, size)	\
	FIXTURE_VARIANT_ADD(loss, name) { .ring = ring_, .start = start_, .how = how_, .size_max = size }

VARIANT(overwrite_oldest_fixed, OVERWRITE, RING_OLDEST, READ, 8);
VARIANT(overwrite_oldest_mixed, OVERWRITE, RING_OLDEST, READ, 30000);
VARIANT(overwrite_next_mixed, OVERWRITE, RING_NEXT, READ, 30000);
VARIANT(overwrite_latest_mixed, OVERWRITE, RING_LATEST, READ_MANY, 30000);
VARIANT(overwrite_sequence_mixed, OVERWRITE, RING_SEQUENCE, READ, 30000);
VARIANT(block_oldest_mixed, BLOCK, RING_OLDEST, READ_MANY, 3000);
VARIANT(block_next_fixed, BLOCK, RING_NEXT, READ, 8);
VARIANT(block_next_mixed, BLOCK, RING_NEXT, READ, 3000);
VARIANT(block_latest_mixed, BLOCK, RING_LATEST, READ, 3000);
VARIANT(block_sequence_mixed, BLOCK, RING_SEQUENCE, READ_MANY, 3000);

static __u32 random_below(__u32 *state, __u32 limit)
{
	*state = *state * 1664525u + 1013904223u;
	return ((__u64)*state >> 4) % limit;
}

static void write_records(struct __test_metadata *_metadata, FIXTURE_DATA(loss) *self,
			  const FIXTURE_VARIANT(loss) *variant, int count)
{
	while (count-- && self->n < RECORDS_MAX) {
		size_t len = variant->size_max;

		if (len > 8) /* few long ones: half as many bits as the longest has, most of the time */
			len = 8 + random_below(&self->random, random_below(&self->random, 8) ? 300 : len - 8);
		rt_fill(self->buf, len, self->n);
		ASSERT_EQ(0, rt_publish(self->w, self->buf, len, 0, RING_NOW, &self->seq[self->n]));
		self->n++;
		if (self->gate >= 0) {
			ASSERT_EQ(len, read(self->gate, self->buf, BUF));
		}
	}
}

/* Number of the oldest record there is */
static __u64 oldest(struct __test_metadata *_metadata, FIXTURE_DATA(loss) *self)
{
	struct ring_stat stat = rt_stat(_metadata, self->w);

	EXPECT_EQ(self->base + self->n, stat.published);
	return self->n - stat.retained;
}

/* One read of one record, by the variant's call */
static ssize_t take(FIXTURE_DATA(loss) *self, enum how how)
{
	struct ring_read_record record;
	struct ring_read arg = {
		.size = sizeof(arg), .records = (uintptr_t)&record, .count = 1,
		.buf = (uintptr_t)self->buf, .buf_len = BUF, .deadline = RING_NOW,
	};

	if (how == READ)
		return read(self->r, self->buf, BUF);
	return ioctl(self->r, RING_IOC_READ, &arg) ?: (ssize_t)record.len;
}

/* Read at most so many records. */
static void read_records(struct __test_metadata *_metadata, FIXTURE_DATA(loss) *self, enum how how, int count)
{
	while (count--) {
		bool overrun = self->map.mem.control->tail > self->cursor->cursor;
		struct ring_stat_subscriber told = {};
		__u64 lost = self->cursor->lost;
		ssize_t len;

		if (overrun)
			told = rt_subscriber(_metadata, self->w, self->id);
		len = take(self, how);
		ASSERT_EQ(overrun, len == -1 && errno == EOVERFLOW);

		if (len > 0) {
			ASSERT_TRUE(rt_is(self->buf, len, self->next)) {
				TH_LOG("not record %llu of %llu but %llu", self->next, self->n,
				       *(__u64 *)self->buf);
			}
			self->next++;
			continue;
		}
		if (errno == EAGAIN) {
			ASSERT_EQ(self->n, self->next);
			return;
		}
		ASSERT_EQ(EOVERFLOW, errno);
		ASSERT_LT(lost, self->cursor->lost);
		/* STAT knew before the reader did. */
		ASSERT_EQ(RING_STAT_LOST | RING_STAT_LOSSY, told.flags);
		ASSERT_EQ(told.lost, self->cursor->lost);
		self->next += self->cursor->lost - lost;
		ASSERT_EQ(oldest(_metadata, self), self->next);
		/* Told once */
		len = take(self, how);
		ASSERT_LT(0, len);
		ASSERT_TRUE(rt_is(self->buf, len, self->next));
		self->next++;
	}
}

static void seek(struct __test_metadata *_metadata, FIXTURE_DATA(loss) *self)
{
	struct ring_seek arg = { .size = sizeof(arg), .start = random_below(&self->random, 4) };
	__u64 lost = self->cursor->lost, first = oldest(_metadata, self);

	switch (arg.start) {
	case RING_OLDEST:
		self->next = first;
		break;
	case RING_NEXT:
		self->next = self->n;
		break;
	case RING_LATEST:
		self->next = self->n - 1;
		break;
	case RING_SEQUENCE:
		self->next = first + random_below(&self->random, self->n - first);
		arg.sequence = self->seq[self->next];
		break;
	}
	ASSERT_EQ(0, ioctl(self->r, RING_IOC_SEEK, &arg));
	if (self->next < self->n) {
		ASSERT_EQ(self->seq[self->next], arg.sequence);
	}
	/* What is passed over is not lost. */
	ASSERT_EQ(lost, self->cursor->lost);
}

FIXTURE_SETUP(loss)
{
	struct ring_subscribe sub = { .size = sizeof(sub), .flags = RING_SUBSCRIBE_LOSSY };

	self->seq = calloc(RECORDS_MAX, sizeof(*self->seq));
	self->buf = malloc(BUF);
	self->random = 12345;
	self->w = rt_open_empty(_metadata, variant->ring);
	self->gate = -1;
	if (variant->ring == BLOCK) {
		self->gate = rt_open(_metadata, variant->ring, O_RDONLY);
		rt_subscribe(_metadata, self->gate, 0, RING_OLDEST);
	}
	self->base = rt_stat(_metadata, self->w).published;
	self->lost_before = rt_stat(_metadata, self->w).lost;
	write_records(_metadata, self, variant, 500);

	self->r = rt_open(_metadata, variant->ring, O_RDONLY | O_NONBLOCK);
	sub.start = variant->start;
	switch (variant->start) {
	case RING_OLDEST:
		self->next = 0;
		break;
	case RING_NEXT:
		self->next = 500;
		break;
	case RING_LATEST:
		self->next = 499;
		break;
	case RING_SEQUENCE:
		self->next = 123;
		sub.sequence = self->seq[123];
		break;
	}
	ASSERT_EQ(0, ioctl(self->r, RING_IOC_SUBSCRIBE, &sub));
	self->id = sub.id;
	self->map = rt_map_subscriber(_metadata, self->r);
	self->cursor = self->map.cursor;
}

FIXTURE_TEARDOWN(loss)
{
	rt_unmap(&self->map);
	close(self->r);
	close(self->w);
	if (self->gate >= 0)
		close(self->gate);
	free(self->seq);
	free(self->buf);
}

/* From the start to the end, overrun several times on the way: taken and lost are all there were. */
TEST_F(loss, taken_and_lost_are_all)
{
	__u64 first = self->next, lost;

	/* The place where it started is overwritten before its first read. */
	write_records(_metadata, self, variant, 7000);
	read_records(_metadata, self, variant->how, 1);
	EXPECT_LT(0, self->cursor->lost);
	while (self->n < 20000) {
		write_records(_metadata, self, variant, 1 + random_below(&self->random, 3000));
		read_records(_metadata, self, variant->how, 1 + random_below(&self->random, 1500));
	}
	read_records(_metadata, self, variant->how, RECORDS_MAX);
	EXPECT_EQ(self->n - first, self->cursor->taken + self->cursor->lost);
	EXPECT_EQ(self->cursor->taken, rt_subscriber(_metadata, self->w, self->id).taken);
	EXPECT_EQ(self->lost_before + self->cursor->lost, rt_stat(_metadata, self->w).lost);
	/* The ring does not forget them with the subscriber. */
	lost = self->cursor->lost;
	ASSERT_EQ(0, ioctl(self->r, RING_IOC_UNSUBSCRIBE, 0));
	EXPECT_EQ(self->lost_before + lost, rt_stat(_metadata, self->w).lost);
}

TEST_F(loss, counts_stay_exact_over_seeks)
{
	while (self->n < 15000) {
		write_records(_metadata, self, variant, 1 + random_below(&self->random, 1000));
		seek(_metadata, self);
		if (random_below(&self->random, 2))
			write_records(_metadata, self, variant, 1 + random_below(&self->random, 5000));
		read_records(_metadata, self, variant->how, 1 + random_below(&self->random, 500));
	}
}

/* A record of which a part was read, then overwritten, was lost. */
TEST_F(loss, overwritten_half_read)
{
	char part[4];
	__u64 taken;

	write_records(_metadata, self, variant, 1);
	read_records(_metadata, self, variant->how, 1);
	taken = self->cursor->taken;
	write_records(_metadata, self, variant, 1);
	ASSERT_EQ(4, read(self->r, part, 4));
	write_records(_metadata, self, variant, 9000);
	read_records(_metadata, self, READ, 1);
	EXPECT_LT(0, self->cursor->lost);
	EXPECT_EQ(taken + 1, self->cursor->taken);
	read_records(_metadata, self, READ, RECORDS_MAX);
}

struct toggler {
	char *page;
	size_t size;
	bool stop;
};

/* Take the memory that somebody writes from away: most times a page fault gives it back, else EFAULT. */
static long toggle(void *arg)
{
	struct toggler *t = arg;

	for (unsigned int i = 0; !__atomic_load_n(&t->stop, __ATOMIC_RELAXED); i++) {
		madvise(t->page, t->size, MADV_DONTNEED);
		if (i % 64 == 0) {
			mprotect(t->page, t->size, PROT_NONE);
			mprotect(t->page, t->size, PROT_READ);
		}
	}
	return 0;
}

/*
 * Claims that are given up because the memory went away between the look at it and the copy: no reader
 * sees them, none is counted as published, taken or lost.
 */
TEST(given_up_claims_are_no_records)
{
	int w = rt_open_empty(_metadata, OVERWRITE), r = rt_open(_metadata, OVERWRITE, O_RDONLY | O_NONBLOCK);
	size_t len = 4 * sysconf(_SC_PAGESIZE), i;
	struct toggler toggler = { .size = 3 * len };
	struct ring_stat before = rt_stat(_metadata, w), stat;
	__u64 written = 0, taken = 0, lost, refused = 0, given_up = 0, deadline = rt_in_ms(10000), number;
	struct ring_cursor *cursor;
	struct rt_thread t;
	int cursor_fd, file = memfd_create("loss_test", 0);
	char *got = malloc(len);
	ssize_t n;

	/* Three records in turn, that none be hidden by what lay in its place a lap before */
	for (i = 0; i < 3; i++) {
		rt_fill(got, len, i);
		ASSERT_EQ(len, write(file, got, len));
	}
	toggler.page = mmap(NULL, toggler.size, PROT_READ, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, (void *)toggler.page);
	rt_subscribe(_metadata, r, 0, RING_OLDEST);
	cursor = rt_map_cursor(_metadata, r, &cursor_fd);
	rt_start(_metadata, &t, toggle, &toggler);
	/* Until that has happened often enough, which depends on the machine */
	for (i = 0; i < 8000 || (given_up < 30 && rt_now() < deadline); i++) {
		if (i % 256 == 0)
			given_up = rt_stat(_metadata, w).discarded - before.discarded;
		n = write(w, toggler.page + i % 3 * len, len);
		if (n == (ssize_t)len) {
			written++;
		} else {
			ASSERT_EQ(EFAULT, errno);
			refused++;
		}
		/* Keep up at first, then be overrun. */
		while (i < 300 && (n = read(r, got, len)) > 0) {
			memcpy(&number, got, 8);
			ASSERT_EQ(len, n);
			ASSERT_TRUE(number < 3 && rt_is(got, len, number));
			taken++;
		}
	}
	__atomic_store_n(&toggler.stop, true, __ATOMIC_RELAXED);
	ASSERT_TRUE(rt_ends(&t, 10000));
	while ((n = read(r, got, len)) > 0 || errno == EOVERFLOW) {
		memcpy(&number, got, 8);
		ASSERT_TRUE(n < 0 || taken % 8 || (number < 3 && rt_is(got, len, number)));
		taken += n > 0;
	}
	ASSERT_EQ(EAGAIN, errno);
	lost = cursor->lost;
	stat = rt_stat(_metadata, w);
	TH_LOG("%llu written, %llu refused, %llu claims given up, %llu taken, %llu lost", written, refused,
	       stat.discarded - before.discarded, taken, lost);
	EXPECT_LT(0, stat.discarded - before.discarded);
	EXPECT_EQ(written, stat.published - before.published);
	EXPECT_EQ(written, taken + lost);
	EXPECT_EQ(taken, cursor->taken);
	free(got);
	munmap(toggler.page, toggler.size);
	close(file);
	close(cursor_fd);
	close(r);
	close(w);
}

#define HASTE_LEN	1000

struct haste {
	int w;
	bool stop;
	char records[8][HASTE_LEN];
};

static long publish_in_haste(void *arg)
{
	struct haste *h = arg;
	unsigned int i;

	for (i = 0; !__atomic_load_n(&h->stop, __ATOMIC_RELAXED); i++)
		if (write(h->w, h->records[i % 8], HASTE_LEN) != HASTE_LEN)
			return -1;
	return 0;
}

/*
 * Who copies the oldest of a few records while it is overwritten gets it whole, or is told, by each of the three calls.
 * The kernel that looks for data races does not complain of this one, which is meant.
 */
TEST(overwritten_while_it_is_copied)
{
	struct ring_create create = {
		.size = sizeof(create), .id = RING_ANY, .slots = 16, .slot_size = 1024, .policy = RING_OVERWRITE,
		.ring_flags = RING_EPHEMERAL,
	};
	int control_fd = open("/dev/ring-control", O_RDWR | O_CLOEXEC), w, r;
	__u64 deadline = rt_in_ms(1000 * rt_slow()), number, whole = 0, told = 0;
	struct haste *haste = calloc(1, sizeof(*haste));
	struct ring_control *control;
	char got[HASTE_LEN];
	struct rt_map map;
	struct rt_thread t;
	unsigned int i;
	long ret;

	ASSERT_LE(0, control_fd);
	RT_OK(ioctl(control_fd, RING_CTL_CREATE, &create));
	close(control_fd);
	w = rt_open(_metadata, create.id, O_RDWR);
	r = rt_open(_metadata, create.id, O_RDONLY | O_NONBLOCK);
	map = rt_map(_metadata, w);
	control = map.mem.control;
	rt_subscribe(_metadata, r, 0, RING_OLDEST);
	for (i = 0; i < 8; i++)
		rt_fill(haste->records[i], HASTE_LEN, i);
	haste->w = w;
	rt_start(_metadata, &t, publish_in_haste, haste);
	for (i = 0; rt_now() < deadline || !whole || !told; i++) {
		struct ring_get get = {
			.size = sizeof(get), .sequence = __atomic_load_n(&control->tail, __ATOMIC_ACQUIRE),
			.buf = (uintptr_t)got, .buf_len = sizeof(got),
		};
		struct ring_read_record record;
		struct ring_read many = {
			.size = sizeof(many), .records = (uintptr_t)&record, .count = 1, .deadline = RING_NOW,
			.buf = (uintptr_t)got, .buf_len = sizeof(got),
		};

		if (i % 3 == 0)
			ret = read(r, got, sizeof(got));
		else if (i % 3 == 1)
			ret = ioctl(r, RING_IOC_READ, &many);
		else
			ret = ioctl(r, RING_IOC_GET, &get);
		if (ret < 0) {
			ASSERT_TRUE(errno == EOVERFLOW || errno == EAGAIN || (i % 3 == 2 && errno == ENODATA)) {
				TH_LOG("%s", strerror(errno));
			}
			told += errno != EAGAIN;
			continue;
		}
		memcpy(&number, got, 8);
		ASSERT_TRUE(number < 8 && !memcmp(got, haste->records[number], HASTE_LEN));
		whole++;
	}
	__atomic_store_n(&haste->stop, true, __ATOMIC_RELAXED);
	ASSERT_TRUE(rt_ends(&t, 10000));
	TH_LOG("%llu whole, %llu overwritten", whole, told);
	rt_unmap(&map);
	close(r);
	close(w);
	free(haste);
}

TEST_HARNESS_MAIN
