// SPDX-License-Identifier: GPL-2.0
/* Payloads that are not there, or only in part: EFAULT, and nobody ever sees anything of them */

#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/time.h>

#include "ring_test.h"

FIXTURE(fault) {
	int w, r;		/* @r is a subscriber and does not block */
	long page;
	char *end;		/* a page begins here that is not accessible; 64 KiB before it are */
	char *map;
	__u64 published;
};

FIXTURE_SETUP(fault)
{
	self->page = sysconf(_SC_PAGESIZE);
	self->w = rt_open_empty(_metadata, BLOCK);
	self->r = rt_open(_metadata, BLOCK, O_RDONLY | O_NONBLOCK);
	rt_subscribe(_metadata, self->r, 0, RING_OLDEST);
	self->map = mmap(NULL, 65536 + self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->map);
	self->end = self->map + 65536;
	ASSERT_EQ(0, munmap(self->end, self->page));
	memset(self->map, 'x', 65536);
	self->published = rt_stat(_metadata, self->w).published;
}

FIXTURE_TEARDOWN(fault)
{
	munmap(self->map, 65536);
	close(self->r);
	close(self->w);
}

/* Nothing was published, and what is published now is what comes out next. */
static void expect_nothing(struct __test_metadata *_metadata, FIXTURE_DATA(fault) *self)
{
	RT_FAILS(EAGAIN, rt_read(self->r, 64, 0));
	EXPECT_EQ(self->published, rt_stat(_metadata, self->w).published);
	ASSERT_EQ(50, rt_write(self->w, 50, self->published));
	ASSERT_EQ(50, rt_read(self->r, 64, self->published));
	RT_FAILS(EAGAIN, rt_read(self->r, 64, 0));
	self->published++;
}

/* One that fits a slot, one that is copied before its claim, two that are copied after it */
static const size_t sizes[] = { 40, 256, 300, 5000 };

/* What is there of so many bytes: every number of them, but of many only those near both ends, and some between */
static size_t next_length(size_t there, size_t of)
{
	return there + (of <= 300 || there < 70 || there >= of - 20 ? 1 : 61);
}

TEST_F(fault, a_payload_that_ends_nowhere)
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t len = sizes[i], there;

		for (there = 0; there < len; there = next_length(there, len)) {
			RT_FAILS(EFAULT, write(self->w, self->end - there, len));
			RT_FAILS(EFAULT, rt_publish(self->w, self->end - there, len, 0, RING_NOW, NULL));
		}
		expect_nothing(_metadata, self);
		rt_fill(self->end - len, len, 1);
		EXPECT_EQ(len, write(self->w, self->end - len, len));
		EXPECT_EQ(len, rt_read(self->r, 65536, 1));
		self->published++;
	}
}

TEST_F(fault, bad_addresses)
{
	void *bad[] = { NULL, self->end, (void *)RT_HIGHEST, (void *)-4096ul, (void *)0x7ffffffff000 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++) {
			RT_FAILS(EFAULT, write(self->w, bad[i], sizes[j]));
			RT_FAILS(EFAULT, rt_publish(self->w, bad[i], sizes[j], 0, RING_NOW, NULL));
		}
	}
	expect_nothing(_metadata, self);
}

TEST_F(fault, a_hole_in_the_middle)
{
	char *hole = self->map + 2 * self->page;

	ASSERT_EQ(0, mprotect(hole, self->page, PROT_NONE));
	RT_FAILS(EFAULT, write(self->w, self->map, 5 * self->page));
	RT_FAILS(EFAULT, write(self->w, hole - 1, self->page + 2));
	expect_nothing(_metadata, self);
	ASSERT_EQ(0, mprotect(hole, self->page, PROT_READ | PROT_WRITE));
}

/* A file that is shorter than its mapping: what the memory access would be killed for */
TEST_F(fault, beyond_the_end_of_a_file)
{
	int fd = memfd_create("fault_test", 0);
	char *map;

	ASSERT_EQ(0, ftruncate(fd, self->page));
	map = mmap(NULL, 2 * self->page, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)map);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		RT_FAILS(EFAULT, write(self->w, map + self->page, sizes[i]));
		if ((long)sizes[i] > self->page)
			continue;
		RT_FAILS(EFAULT, write(self->w, map + self->page - sizes[i] + 1, sizes[i]));
	}
	RT_FAILS(EFAULT, write(self->w, map, 2 * self->page));
	expect_nothing(_metadata, self);
	munmap(map, 2 * self->page);
	close(fd);
}

TEST_F(fault, vectors_with_a_bad_segment)
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (int bad = 0; bad < 3; bad++) {
			struct iovec iov[3] = {
				{ self->map, sizes[i] / 3 }, { self->map, sizes[i] / 3 }, { self->map, sizes[i] / 3 },
			};

			iov[bad].iov_base = self->end - 1;
			RT_FAILS(EFAULT, writev(self->w, iov, 3));
			/* and a vector that itself ends nowhere */
			RT_FAILS(EFAULT, writev(self->w, (void *)(self->end - sizeof(iov[0]) - 4), 2));
		}
	}
	expect_nothing(_metadata, self);
}

/* What could not be given is not taken. What was given of it is told, and the rest comes next. */
TEST_F(fault, reading_to_nowhere)
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t len = sizes[i], room;
		unsigned char record[5000], got[5000];

		rt_fill(record, len, 3);
		for (room = 0; room < len; room = next_length(room, len)) {
			struct iovec iov[2] = { { got, room }, { self->end, len } };
			size_t part = 0;
			ssize_t n;

			ASSERT_EQ(len, write(self->w, record, len));
			n = read(self->r, self->end - room, len);
			if (n < 0) {
				EXPECT_EQ(EFAULT, errno);
			} else {
				EXPECT_GE(room, n);
				memcpy(got, self->end - room, n);
				part = n;
			}
			ASSERT_EQ(len - part, read(self->r, got + part, sizeof(got) - part));
			ASSERT_EQ(0, memcmp(record, got, len));

			ASSERT_EQ(len, write(self->w, record, len));
			n = readv(self->r, iov, 2);
			part = n > 0 ? n : 0;
			ASSERT_EQ(len - part, read(self->r, got + part, sizeof(got) - part));
			ASSERT_EQ(0, memcmp(record, got, len));
			self->published += 2;
		}
		RT_FAILS(EFAULT, (rt_write(self->w, len, 4), read(self->r, NULL, len)));
		EXPECT_EQ(len, rt_read(self->r, len, 4));
		self->published++;
	}
	expect_nothing(_metadata, self);
}

/* ---- Arrays that end nowhere, at each byte: whole elements are dealt with, in order, the rest comes next ---- */

#define BATCH	3

static const size_t batch_sizes[BATCH] = { 40, 300, 500 };

static void publish_batch(struct __test_metadata *_metadata, FIXTURE_DATA(fault) *self)
{
	unsigned char record[500];

	for (int i = 0; i < BATCH; i++) {
		rt_fill(record, batch_sizes[i], i);
		ASSERT_EQ(batch_sizes[i], write(self->w, record, batch_sizes[i]));
	}
	self->published += BATCH;
}

/* What is left of a batch when so many of it were taken */
static void read_from(struct __test_metadata *_metadata, FIXTURE_DATA(fault) *self, unsigned int taken)
{
	for (; taken < BATCH; taken++)
		ASSERT_EQ(batch_sizes[taken], rt_read(self->r, 4096, taken));
	RT_FAILS(EAGAIN, rt_read(self->r, 64, 0));
}

TEST_F(fault, an_array_to_read_into_that_ends_nowhere)
{
	struct ring_read_record got;
	char buf[4096];

	for (size_t room = 0; room <= BATCH * sizeof(got); room++) {
		struct ring_read read = {
			.size = sizeof(read), .records = (uintptr_t)(self->end - room), .count = BATCH,
			.buf = (uintptr_t)buf, .buf_len = sizeof(buf),
		};
		unsigned int whole = room / sizeof(got);

		publish_batch(_metadata, self);
		if (!whole)
			RT_FAILS(EFAULT, ioctl(self->r, RING_IOC_READ, &read));
		else
			RT_OK(ioctl(self->r, RING_IOC_READ, &read));
		EXPECT_EQ(whole, read.taken);
		for (unsigned int i = 0; i < whole; i++) {
			memcpy(&got, self->end - room + i * sizeof(got), sizeof(got));
			EXPECT_EQ(batch_sizes[i], got.len);
			EXPECT_TRUE(rt_is(buf + got.offset, got.len, i));
		}
		read_from(_metadata, self, whole);
	}
	expect_nothing(_metadata, self);
}

TEST_F(fault, a_buffer_for_many_that_ends_nowhere)
{
	struct ring_read_record got[BATCH];
	/* Each begins at a multiple of 8. */
	const size_t ends[BATCH] = { 40, 40 + 300, 344 + 500 };

	for (size_t room = 0; room <= ends[BATCH - 1]; room++) {
		struct ring_read read = {
			.size = sizeof(read), .records = (uintptr_t)got, .count = BATCH,
			.buf = (uintptr_t)(self->end - room), .buf_len = 4096,
		};
		unsigned int whole = 0;

		while (whole < BATCH && room >= ends[whole])
			whole++;
		publish_batch(_metadata, self);
		if (!whole)
			RT_FAILS(EFAULT, ioctl(self->r, RING_IOC_READ, &read));
		else
			RT_OK(ioctl(self->r, RING_IOC_READ, &read));
		EXPECT_EQ(whole, read.taken);
		for (unsigned int i = 0; i < whole; i++)
			EXPECT_TRUE(rt_is(self->end - room + got[i].offset, got[i].len, i));
		read_from(_metadata, self, whole);
	}
	expect_nothing(_metadata, self);
}

TEST_F(fault, an_array_to_publish_that_ends_nowhere)
{
	struct ring_publish_record out[BATCH];
	unsigned char payload[BATCH][500];

	for (int i = 0; i < BATCH; i++) {
		rt_fill(payload[i], batch_sizes[i], i);
		out[i] = (struct ring_publish_record){ (uintptr_t)payload[i], batch_sizes[i], 0 };
	}
	for (size_t room = 0; room <= sizeof(out); room++) {
		struct ring_publish publish = {
			.size = sizeof(publish), .records = (uintptr_t)(self->end - room), .count = BATCH,
		};
		unsigned int whole = room / sizeof(out[0]);

		memcpy(self->end - room, out, room);
		if (!whole)
			RT_FAILS(EFAULT, ioctl(self->w, RING_IOC_PUBLISH, &publish));
		else
			RT_OK(ioctl(self->w, RING_IOC_PUBLISH, &publish));
		EXPECT_EQ(whole, publish.published);
		for (unsigned int i = 0; i < whole; i++)
			ASSERT_EQ(batch_sizes[i], rt_read(self->r, 4096, i));
		self->published += whole;
		RT_FAILS(EAGAIN, rt_read(self->r, 64, 0));
	}
	expect_nothing(_metadata, self);
}

TEST_F(fault, an_array_of_subscribers_that_ends_nowhere)
{
	int second = rt_open(_metadata, BLOCK, O_RDONLY);
	struct ring_stat_subscriber all[2];

	rt_subscribe(_metadata, second, 0, RING_OLDEST);
	for (size_t room = 0; room <= sizeof(all); room++) {
		struct ring_stat stat = {
			.size = sizeof(stat), .subscriber_array = (uintptr_t)(self->end - room), .subscriber_count = 2,
		};

		if (room < sizeof(all))
			RT_FAILS(EFAULT, ioctl(self->w, RING_IOC_STAT, &stat));
		else
			RT_OK(ioctl(self->w, RING_IOC_STAT, &stat));
	}
	memcpy(all, self->end - sizeof(all), sizeof(all));
	EXPECT_NE(all[0].id, all[1].id);
	close(second);
	expect_nothing(_metadata, self);
}

/* ---- Pages that are gone again whenever the other one comes ---- */

/**
 * struct pages - two pages, of which at most one is there
 * @fd: userfaultfd, which tells who fills them of each access to one that is not there
 * @map: the pages
 * @content: what is in them
 * @size: bytes of a page
 * @stop: a pipe, closed to end it
 */
struct pages {
	int fd;
	char *map;
	char *content;
	size_t size;
	int stop[2];
};

static long fill_one_of(void *arg)
{
	struct pages *p = arg;
	struct pollfd fds[] = { { p->fd, POLLIN, 0 }, { p->stop[0], POLLIN, 0 } };
	struct uffd_msg msg;

	while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
		struct uffdio_copy copy = { .len = p->size };
		bool second;

		if (read(p->fd, &msg, sizeof(msg)) != sizeof(msg))
			continue;
		second = msg.arg.pagefault.address >= (uintptr_t)p->map + p->size;
		madvise(p->map + (second ? 0 : p->size), p->size, MADV_DONTNEED);
		copy.dst = (uintptr_t)p->map + (second ? p->size : 0);
		copy.src = (uintptr_t)p->content + (second ? p->size : 0);
		if (ioctl(p->fd, UFFDIO_COPY, &copy))
			return -errno;
	}
	return 0;
}

/* A long record is copied after its claim; when its pages are not there then, time and again, before it. */
TEST_F(fault, pages_that_are_gone_again)
{
	struct pages p = { .fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK), .size = self->page };
	struct uffdio_api api = { .api = UFFD_API };
	size_t len = 2 * p.size;
	struct uffdio_register reg = { .range = { .len = len }, .mode = UFFDIO_REGISTER_MODE_MISSING };
	__u64 discarded = rt_stat(_metadata, self->w).discarded;
	struct rt_thread thread;

	ASSERT_LE(0, p.fd);
	ASSERT_EQ(0, ioctl(p.fd, UFFDIO_API, &api));
	p.map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)p.map);
	reg.range.start = (uintptr_t)p.map;
	ASSERT_EQ(0, ioctl(p.fd, UFFDIO_REGISTER, &reg));
	p.content = self->map;
	rt_fill(p.content, len, 7);
	ASSERT_EQ(0, pipe(p.stop));
	rt_start(_metadata, &thread, fill_one_of, &p);

	/* Who does not wait has no time for that. */
	RT_FAILS(EAGAIN, rt_publish(self->w, p.map, len, 0, RING_NOW, NULL));
	expect_nothing(_metadata, self);
	EXPECT_EQ(len, write(self->w, p.map, len));
	EXPECT_EQ(len, rt_read(self->r, 65536, 7));
	self->published++;
	expect_nothing(_metadata, self);
	EXPECT_LT(discarded, rt_stat(_metadata, self->w).discarded);

	close(p.stop[1]);
	ASSERT_TRUE(rt_ends(&thread, 5000));
	EXPECT_EQ(0, thread.ret);
	close(p.stop[0]);
	close(p.fd);
	munmap(p.map, len);
}

static void nothing(int signal)
{
	(void)signal;
}

static long read_into(void *arg)
{
	struct iovec *to = arg;

	return read((int)to->iov_len, to->iov_base, 4096);
}

/* A reader whose page comes late keeps others of its file waiting, but not from their signals. */
TEST_F(fault, a_page_that_comes_late)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct itimerval soon = { .it_value.tv_usec = 100000 }, never = {};
	struct sigaction act = { .sa_handler = nothing };
	struct uffdio_register reg = {
		.range = { (uintptr_t)page, 4096 }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_zeropage zero = { .range = { (uintptr_t)page, 4096 } };
	struct uffdio_api api = { .api = UFFD_API };
	struct iovec to = { page, self->r };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	struct pollfd wants = { .fd = fd, .events = POLLIN };
	struct rt_thread t;

	ASSERT_LE(0, fd);
	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, ioctl(fd, UFFDIO_API, &api));
	ASSERT_EQ(0, ioctl(fd, UFFDIO_REGISTER, &reg));
	ASSERT_EQ(100, rt_write(self->w, 100, 1));
	rt_start(_metadata, &t, read_into, &to);
	ASSERT_EQ(1, poll(&wants, 1, 5000 * rt_slow()));
	sigaction(SIGALRM, &act, NULL);
	soon.it_interval = soon.it_value;
	setitimer(ITIMER_REAL, &soon, NULL);
	RT_FAILS(EINTR, ioctl(self->r, RING_IOC_UNSUBSCRIBE, 0));
	setitimer(ITIMER_REAL, &never, NULL);
	ASSERT_EQ(0, ioctl(fd, UFFDIO_ZEROPAGE, &zero));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(100, t.ret);
	EXPECT_TRUE(rt_is(page, 100, 1));
	EXPECT_EQ(0, ioctl(self->r, RING_IOC_UNSUBSCRIBE, 0));
	close(fd);
	munmap(page, 4096);
}

TEST_HARNESS_MAIN
