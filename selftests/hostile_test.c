// SPDX-License-Identifier: GPL-2.0
/*
 * What a subscriber writes into its cursor page, and what it does to its mappings, harms itself at most: the
 * honest ones get every record, writers go on, the kernel says nothing.
 */

#include <linux/userfaultfd.h>
#include <sys/prctl.h>

#include "ring_test.h"

#define BUF	65536

FIXTURE(hostile) {
	int w;				/* does not block */
	int honest;			/* reliable on the blocking ring; does not block */
	int h;				/* the hostile one; does not block */
	struct rt_map map;
	struct ring_cursor *cursor;	/* @h's */
	__u64 slots;
	__u64 number;			/* of the next record to write */
	__u64 next;			/* ... and to read by @honest */
	unsigned char *buf;
	__u32 random;
};

FIXTURE_VARIANT(hostile) {
	int ring;
	__u32 flags;			/* of the hostile one */
};

FIXTURE_VARIANT_ADD(hostile, reliable) { .ring = BLOCK, .flags = RING_SUBSCRIBE_RELIABLE };
FIXTURE_VARIANT_ADD(hostile, lossy) { .ring = BLOCK, .flags = RING_SUBSCRIBE_LOSSY };
FIXTURE_VARIANT_ADD(hostile, overwrite) { .ring = OVERWRITE, .flags = RING_SUBSCRIBE_LOSSY };

static void attach(struct __test_metadata *_metadata, FIXTURE_DATA(hostile) *self,
		   const FIXTURE_VARIANT(hostile) *variant)
{
	self->h = rt_open(_metadata, variant->ring, O_RDONLY | O_NONBLOCK);
	rt_subscribe(_metadata, self->h, variant->flags, RING_OLDEST);
	self->map = rt_map_subscriber(_metadata, self->h);
	self->cursor = self->map.cursor;
}

static void detach(FIXTURE_DATA(hostile) *self)
{
	rt_unmap(&self->map);
	close(self->h);
}

FIXTURE_SETUP(hostile)
{
	self->w = rt_open_empty(_metadata, variant->ring);
	rt_set_nonblock(self->w, true);
	self->honest = rt_open(_metadata, variant->ring, O_RDONLY | O_NONBLOCK);
	rt_subscribe(_metadata, self->honest, 0, RING_OLDEST);
	self->slots = rt_info(_metadata, self->w).slots;
	self->buf = malloc(BUF);
	self->random = 4711;
	attach(_metadata, self, variant);
}

FIXTURE_TEARDOWN(hostile)
{
	/* Never marked corrupt */
	EXPECT_EQ(0, self->map.mem.control->status);
	detach(self);
	close(self->honest);
	close(self->w);
	free(self->buf);
}

static __u32 below(__u32 *random, __u32 limit)
{
	*random = *random * 1664525u + 1013904223u;
	return ((__u64)*random >> 4) % limit;
}

static __u64 anything(__u32 *random)
{
	__u64 high = below(random, 1u << 28), middle = below(random, 1u << 28);

	return high << 40 ^ middle << 16 ^ below(random, 1u << 28);
}

/* Records of all sizes, short ones most of all */
static size_t length(__u32 *random)
{
	return 8 + (below(random, 4) ? below(random, 300) : below(random, 5000));
}

/* Write at most @count records, as long as there is room. Returns how many. */
static int write_some(struct __test_metadata *_metadata, FIXTURE_DATA(hostile) *self, int count)
{
	int n;

	for (n = 0; n < count; n++) {
		size_t len = length(&self->random);
		ssize_t ret = rt_write(self->w, len, self->number);

		if (ret < 0) {
			EXPECT_EQ(EAGAIN, errno);
			break;
		}
		ASSERT_EQ(len, ret);
		self->number++;
	}
	return n;
}

/* The honest one reads at most @count records: the right ones, whole. */
static int read_some(struct __test_metadata *_metadata, FIXTURE_DATA(hostile) *self, int count)
{
	int n;

	for (n = 0; n < count; n++) {
		ssize_t ret = rt_read(self->honest, BUF, self->next);

		if (ret < 0) {
			ASSERT_EQ(-1, ret) {
				TH_LOG("not record %llu", self->next);
			}
			ASSERT_EQ(EAGAIN, errno);
			ASSERT_EQ(self->number, self->next);
			break;
		}
		self->next++;
	}
	return n;
}

/* Everything that looks at the page, by its owner. None may hang; what they give is his own fault. */
static void call_everything(int h, int other, unsigned char *buf)
{
	struct ring_read_record records[4];
	struct ring_read many = {
		.size = sizeof(many), .records = (uintptr_t)records, .count = 4, .buf = (uintptr_t)buf,
		.buf_len = BUF, .deadline = RING_NOW,
	};
	struct ring_stat_subscriber array[4];
	struct ring_stat stat = {
		.size = sizeof(stat), .subscriber_array = (uintptr_t)array, .subscriber_count = 4,
	};
	struct ring_get get = { .size = sizeof(get), .buf = (uintptr_t)buf, .buf_len = BUF };
	char path[64];
	int n, fd;

	get.sequence = ~0ull;
	rt_poll(h, POLLIN | POLLPRI);
	ioctl(h, FIONREAD, &n);
	read(h, buf, 10);
	read(h, buf, BUF);
	ioctl(h, RING_IOC_READ, &many);
	rt_wait_data(h, RING_NOW);
	rt_wait_data(h, 1);
	ioctl(h, RING_IOC_GET, &get);
	ioctl(h, RING_IOC_WAKE, RING_WAKE_ALL);
	ioctl(other, RING_IOC_STAT, &stat);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", h);
	fd = open(path, O_RDONLY);
	if (fd >= 0) {
		read(fd, buf, 1000);
		close(fd);
	}
}

/* One value at a time, with nothing else going on */
TEST_F(hostile, each_garbage)
{
	for (int i = 0; i < 200; i++) {
		struct ring_stat stat;
		__u64 values[] = {
			0, 1, RING_NONE, RING_NONE - 1, 1ull << 63, (1ull << 63) - 1, 1ull << 44, 1ull << 32,
			self->cursor->cursor - 1, self->cursor->cursor + 1, self->cursor->cursor + self->slots,
			anything(&self->random), anything(&self->random),
		};
		__u64 tails[] = { 0, 1, -1, 7, self->slots, -self->slots, 1ull << 44, -(1ull << 44), 1ull << 63 };
		size_t which = i % (ARRAY_SIZE(values) + ARRAY_SIZE(tails));

		write_some(_metadata, self, 30);
		read_some(_metadata, self, 15);
		stat = rt_stat(_metadata, self->w);
		self->cursor->cursor = which < ARRAY_SIZE(values) ? values[which] :
				       stat.tail + tails[which - ARRAY_SIZE(values)];
		self->cursor->base = anything(&self->random);
		self->cursor->taken = anything(&self->random);
		self->cursor->lost = anything(&self->random);
		call_everything(self->h, self->w, self->buf);
		ASSERT_EQ(0, self->map.mem.control->status) {
			TH_LOG("by value %zu", which);
		}
		write_some(_metadata, self, 30);
		read_some(_metadata, self, 1000);
		call_everything(self->h, self->w, self->buf);
		if (variant->flags & RING_SUBSCRIBE_LOSSY) {
			/* Who is lossy holds nobody up, whatever it says. */
			EXPECT_EQ(1, write_some(_metadata, self, 1));
		}
	}
	/* Once it is gone, so is all that it held up. */
	detach(self);
	read_some(_metadata, self, 10000);
	for (int i = 0; i < 300; i++) {
		ASSERT_EQ(20, write_some(_metadata, self, 20));
		ASSERT_EQ(20, read_some(_metadata, self, 20));
	}
	attach(_metadata, self, variant);
}

struct scribbler {
	int w, h;
	struct ring_cursor *cursor;
	volatile const struct ring_control *control;
	bool stop;
	__u64 count;
};

/* Change the page all the time: about the ring's tail and head most times, so that it matters */
static long scribble(void *arg)
{
	struct scribbler *s = arg;
	volatile struct ring_cursor *c = s->cursor;
	__u32 random = 1;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		__u64 tail = s->control->tail;

		switch (below(&random, 8)) {
		case 0:
			c->cursor = anything(&random);
			break;
		case 1:
			c->cursor = tail + below(&random, 8192) - 4096;
			break;
		case 2:
			/* The same slots, laps away */
			c->cursor = tail + below(&random, 4096) + ((__u64)below(&random, 1 << 20) << 32);
			break;
		case 3:
			c->cursor = below(&random, 2) ? RING_NONE : 0;
			break;
		default:
			c->cursor = tail + below(&random, 64);
		}
		c->base = below(&random, 2) ? anything(&random) : RING_NONE;
		c->taken = anything(&random);
		c->lost = anything(&random);
		s->count++;
		/* A cursor that moves without this lets a writer sleep that could go on. */
		if (s->count % 16 == 0)
			ioctl(s->h, RING_IOC_WAKE, RING_WAKE_SPACE);
	}
	return 0;
}

/* The same page is used by calls meanwhile. */
static long use(void *arg)
{
	struct scribbler *s = arg;
	unsigned char *buf = malloc(BUF);

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		call_everything(s->h, s->w, buf);
		lseek(s->h, 0, SEEK_END);
		lseek(s->h, 0, SEEK_SET);
	}
	free(buf);
	return 0;
}

/* A blocking read of its own; it ends when it ends. */
static long sleep_in_read(void *arg)
{
	struct scribbler *s = arg;
	unsigned char *buf = malloc(BUF);
	struct ring_read_record record;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		struct ring_read many = {
			.size = sizeof(many), .records = (uintptr_t)&record, .count = 1,
			.buf = (uintptr_t)buf, .buf_len = BUF, .deadline = rt_in_ms(10),
		};

		rt_wait_data(s->h, rt_in_ms(10));
		ioctl(s->h, RING_IOC_READ, &many);
	}
	free(buf);
	return 0;
}

TEST_F_TIMEOUT(hostile, all_the_time, 60)
{
	struct scribbler s = { self->w, self->h, self->cursor, self->map.mem.control, false, 0 };
	struct rt_thread threads[3];
	__u64 end = rt_in_ms(1500), give_up = rt_in_ms(30000), last = rt_now();

	rt_start(_metadata, &threads[0], scribble, &s);
	rt_start(_metadata, &threads[1], use, &s);
	rt_start(_metadata, &threads[2], sleep_in_read, &s);
	while (rt_now() < end || (self->number < 1000 && rt_now() < give_up)) {
		if (write_some(_metadata, self, 20)) {
			last = rt_now();
		} else {
			rt_wait_space(self->w, 20, rt_in_ms(5));
			/* Even one that gates lets a slot go now and then. */
			ASSERT_GT(last + 5 * RT_SECOND, rt_now());
		}
		read_some(_metadata, self, 100);
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(rt_ends(&threads[i], 5000));
	}
	read_some(_metadata, self, 10000);
	EXPECT_LE(1000, self->number);
	EXPECT_LT(100, s.count);
}

/*
 * Records of other sizes are written over those that somebody reads at made-up sequences, which are the
 * right ones but for laps: what he finds there makes no sense, but is no sign of a corrupt ring.
 */
TEST_F(hostile, sequences_that_are_laps_away)
{
	struct scribbler s = { self->w, self->h, self->cursor, self->map.mem.control, false, 0 };
	struct ring_get get = { .size = sizeof(get), .buf = (uintptr_t)self->buf, .buf_len = BUF };
	struct rt_thread t;
	__u64 end = rt_in_ms(700);
	unsigned char *buf = malloc(BUF);
	pid_t writer;

	/* Nobody is in the way of the writer, a process of its own. */
	close(self->honest);
	if (variant->flags & RING_SUBSCRIBE_RELIABLE)
		ioctl(self->h, RING_IOC_UNSUBSCRIBE, 0);
	writer = rt_fork(_metadata);
	if (!writer) {
		int reader = rt_try_open(variant->ring, O_RDONLY | O_NONBLOCK);

		for (__u32 random = 1;;) {
			rt_write(self->w, length(&random), 1);
			while (variant->ring == BLOCK && read(reader, buf, BUF) > 0)
				;
		}
	}
	rt_start(_metadata, &t, use, &s);
	while (rt_now() < end) {
		__u64 tail = self->map.mem.control->tail, laps = 1ull << (32 + below(&self->random, 20));

		get.sequence = tail + below(&self->random, 64) + laps;
		get.flags = 0;
		ioctl(self->h, RING_IOC_GET, &get);
		get.sequence = tail + below(&self->random, 64) - laps;
		ioctl(self->h, RING_IOC_GET, &get);
		self->cursor->cursor = tail + below(&self->random, 64) + laps;
		read(self->h, self->buf, 100);
		ASSERT_EQ(0, self->map.mem.control->status);
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	ASSERT_TRUE(rt_ends(&t, 5000));
	kill(writer, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, rt_wait_child(writer));
	free(buf);
	self->honest = rt_open(_metadata, variant->ring, O_RDONLY);
}

/* What had the page keeps it, in a process that never had the ring, after its owner is gone. */
TEST_F(hostile, the_page_outlives_its_subscription)
{
	struct ring_cursor *cursor = self->cursor;
	int fd = dup(self->map.cursor_fd);

	ASSERT_EQ(0, ioctl(self->h, RING_IOC_UNSUBSCRIBE, 0));
	memset(cursor, 0xff, sizeof(*cursor));
	write_some(_metadata, self, 100);
	read_some(_metadata, self, 100);
	ASSERT_EQ(0, lseek(self->h, 0, SEEK_SET));
	cursor->cursor += 1ull << 63;
	write_some(_metadata, self, 100);
	read_some(_metadata, self, 100);
	detach(self);
	cursor = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)cursor);
	memset(cursor, 0x55, sizeof(*cursor));
	munmap(cursor, 4096);
	close(fd);
	attach(_metadata, self, variant);
	for (int i = 0; i < 300; i++) {
		ASSERT_EQ(8, rt_write(self->w, 8, self->number++));
		ASSERT_EQ(1, read_some(_metadata, self, 1));
	}
}

/* Every advice that the kernel takes, about every area, then more records */
TEST_F(hostile, advice_about_the_mappings)
{
	struct {
		void *addr;
		size_t length;
	} areas[] = {
		{ self->map.mem.control, self->map.info.control_length },
		{ self->map.mem.producers, self->map.info.producers_length },
		{ self->map.mem.slots, self->map.info.slots_length },
		{ self->map.mem.bulk, self->map.info.bulk_length },
		{ self->cursor, 4096 },
	};
	pid_t child;

	write_some(_metadata, self, 50);
	for (size_t i = 0; i < ARRAY_SIZE(areas); i++) {
		/* In a process of its own: the mapping may be of no use afterwards. */
		child = rt_fork(_metadata);
		if (!child) {
			unsigned char *incore = malloc(1 << 16);

			prctl(PR_SET_DUMPABLE, 0);
			for (int advice = 0; advice < 30; advice++)
				madvise(areas[i].addr, areas[i].length, advice);
			mlock(areas[i].addr, areas[i].length);
			msync(areas[i].addr, areas[i].length, MS_SYNC | MS_INVALIDATE);
			mincore(areas[i].addr, areas[i].length, incore);
			munlock(areas[i].addr, areas[i].length);
			(void)*(volatile char *)areas[i].addr;
			_exit(0);
		}
		rt_wait_child(child);
	}
	read_some(_metadata, self, 50);
	write_some(_metadata, self, 50);
	read_some(_metadata, self, 50);
}

/* Pages of a ring are not for somebody else's page faults to fill. */
TEST_F(hostile, userfaultfd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { (uintptr_t)self->cursor, 4096 }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_copy copy = { .dst = (uintptr_t)self->cursor, .src = (uintptr_t)self->buf, .len = 4096 };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioctl(fd, UFFDIO_API, &api));
	RT_FAILS(EINVAL, ioctl(fd, UFFDIO_REGISTER, &reg));
	madvise(self->cursor, 4096, MADV_DONTNEED);
	EXPECT_EQ(-1, ioctl(fd, UFFDIO_COPY, &copy));
	close(fd);
}

/* ---- Calls that somebody else keeps busy ---- */

#define PATIENCE	5000	/* ms that a call may take, on a machine that is not slow */

/**
 * struct caller - a thread that makes calls, and who sees that they return
 * @fd: what it calls
 * @cursor: the cursor page of @fd
 * @begun: when the present call began; 0: it is in none
 * @calls: how many returned
 * @stop: to end them
 */
struct caller {
	int fd;
	struct ring_cursor *cursor;
	__aligned_u64 begun;	/* whole for other threads on i386, too */
	__aligned_u64 calls;
	bool stop;
};

/* Every call that looks for a record and does not sleep */
static long look_for_records(void *arg)
{
	struct caller *c = arg;
	char buf[64];

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		__atomic_store_n(&c->begun, rt_now(), __ATOMIC_RELAXED);
		switch (c->calls % 3) {
		case 0:
			rt_poll(c->fd, POLLIN);
			break;
		case 1:
			rt_wait_data(c->fd, RING_NOW);
			break;
		case 2:
			read(c->fd, buf, sizeof(buf));
			break;
		}
		__atomic_store_n(&c->begun, 0, __ATOMIC_RELAXED);
		__atomic_add_fetch(&c->calls, 1, __ATOMIC_RELAXED);
	}
	return 0;
}

static long let_the_cursor_fall(void *arg)
{
	struct caller *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED))
		__atomic_sub_fetch(&c->cursor->cursor, 1, __ATOMIC_RELAXED);
	return 0;
}

/* What was armed for one cursor is of no use to the next, which is lower: no reason to begin anew for ever. */
TEST_F(hostile, a_cursor_that_only_falls)
{
	struct caller c = { .fd = self->h, .cursor = self->cursor };
	__u64 end = rt_in_ms(2000), begun;
	struct rt_thread calls, falls[3];
	bool late = false;
	/* On all processors but one: what one does not do for a moment, another does. */
	int n = sysconf(_SC_NPROCESSORS_ONLN) - 1, i;

	n = n < 1 ? 1 : n > (int)ARRAY_SIZE(falls) ? (int)ARRAY_SIZE(falls) : n;
	ring_store(&self->cursor->cursor, 1ull << 62);
	for (i = 0; i < n; i++)
		rt_start(_metadata, &falls[i], let_the_cursor_fall, &c);
	rt_start(_metadata, &calls, look_for_records, &c);
	while (!late && (rt_now() < end || __atomic_load_n(&c.calls, __ATOMIC_RELAXED) < 30)) {
		rt_sleep_ms(5);
		begun = __atomic_load_n(&c.begun, __ATOMIC_RELAXED);
		late = begun && begun + PATIENCE * rt_slow() * RT_MS < rt_now();
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	/* With the cursor at rest every call returns. */
	for (i = 0; i < n; i++)
		ASSERT_TRUE(rt_ends(&falls[i], 10000));
	ASSERT_TRUE(rt_ends(&calls, 10000));
	EXPECT_FALSE(late) {
		TH_LOG("call %llu does not return", c.calls + 1);
	}
}

/*
 * Records of no bytes. Directly, the only producer does no more than it must, so that it is quicker than any
 * reader: no claim before the commit, the hint only for the kernel that looks for room.
 */
static void publish_nothing_for_ever(int fd, struct ring_info info)
{
	static struct ring_publish_record records[RING_BATCH_MAX];
	struct ring_publish publish = {
		.size = sizeof(publish), .records = (uintptr_t)records, .count = RING_BATCH_MAX,
		.deadline = RING_NEVER,
	};
	struct ring_produce produce = {
		.size = sizeof(produce), .flags = RING_PRODUCE_DIRECT | RING_PRODUCE_EXCLUSIVE,
	};
	__u64 s, room, piece = info.slots / 8;
	struct ring_mem m;

	if (!(info.ring_flags & RING_DIRECT)) {
		while (!ioctl(fd, RING_IOC_PUBLISH, &publish))
			;
		_exit(1);
	}
	if (ioctl(fd, RING_IOC_PRODUCE, &produce))
		_exit(2);
	ring_mem_init(&m, info.slots, info.slot_size, info.bulk_size);
	m.control = rt_map_area(fd, info.control_offset, info.control_length);
	m.producers = mmap(NULL, info.producers_length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, info.producers_offset);
	m.slots = mmap(NULL, info.slots_length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, info.slots_offset);
	if (m.control == MAP_FAILED || m.producers == MAP_FAILED || m.slots == MAP_FAILED)
		_exit(3);
	for (s = 0, room = info.slots; ; s++) {
		while (s == room) {
			ring_store(&m.producers->hint, s - 1);
			rt_wait_space(fd, 1, RING_NOW);
			room = ring_load_acquire(&m.control->tail) + info.slots;
		}
		ring_mem_commit(&m, s, 1, produce.owner);
		/* Those who sleep may do so for that long. */
		if (s % piece == 0 && ring_mem_wakes_data(&m, s + 1))
			ioctl(fd, RING_IOC_WAKE, RING_WAKE_DATA);
	}
}

static long read_something(void *fd)
{
	char buf[64];

	return read(*(int *)fd, buf, sizeof(buf));
}

static long read_without_waiting(void *fd)
{
	char buf[64];
	struct iovec iov = { buf, sizeof(buf) };

	return preadv2(*(int *)fd, &iov, 1, -1, RWF_NOWAIT);
}

static void do_nothing(int signal)
{
	(void)signal;
}

/* read() passes over records of no bytes, however many there are: not when it is wanted elsewhere. */
TEST_F(hostile, empty_records_without_end)
{
	struct ring_create c = {
		.size = sizeof(c), .id = RING_ANY, .slots = 1 << 18, .slot_size = 32, .policy = RING_BLOCK,
	};
	struct ring_destroy destroy = { .size = sizeof(destroy) };
	struct sigaction action = { .sa_handler = do_nothing };
	int control, w, r, i;
	struct rt_thread reads;
	bool returned = true;
	struct ring_info info;
	pid_t producer;

	/* The others are not waited for, or are lapped and told so. */
	if (!(variant->flags & RING_SUBSCRIBE_RELIABLE))
		return;
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	/* With so many slots that the reader does not come to their end whenever the producer takes a rest */
	c.ring_flags = rt_info(_metadata, self->w).ring_flags & RING_DIRECT;
	control = open("/dev/ring-control", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, control);
	RT_OK(ioctl(control, RING_CTL_CREATE, &c));
	w = rt_open(_metadata, c.id, O_RDWR);
	r = rt_open(_metadata, c.id, O_RDONLY);
	rt_subscribe(_metadata, r, RING_SUBSCRIBE_RELIABLE, RING_OLDEST);
	info = rt_info(_metadata, w);
	producer = rt_fork(_metadata);
	if (!producer)
		publish_nothing_for_ever(w, info);
	for (i = 0; i < 20; i++) {
		rt_start(_metadata, &reads, i % 2 ? read_without_waiting : read_something, &r);
		rt_sleep_ms(100);
		if (i % 2 == 0)
			pthread_kill(reads.thread, SIGALRM);
		returned = rt_ends(&reads, PATIENCE);
		if (!returned)
			break;
		EXPECT_EQ(-1, reads.ret);
		EXPECT_EQ(i % 2 ? EAGAIN : EINTR, reads.error);
	}
	EXPECT_TRUE(returned) {
		TH_LOG("%s does not return", i % 2 ? "preadv2(RWF_NOWAIT)" : "read()");
	}
	TH_LOG("%llu records", rt_stat(_metadata, w).published);
	ASSERT_EQ(0, waitpid(producer, NULL, WNOHANG));
	kill(producer, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, rt_wait_child(producer));
	if (!returned) {
		/* It has come to the end of them. */
		rt_sleep_ms(1000);
		pthread_kill(reads.thread, SIGALRM);
		ASSERT_TRUE(rt_ends(&reads, 10000));
	}
	close(r);
	close(w);
	destroy.id = c.id;
	RT_OK(ioctl(control, RING_CTL_DESTROY, &destroy));
	close(control);
}

TEST_HARNESS_MAIN
