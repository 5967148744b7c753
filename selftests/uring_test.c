// SPDX-License-Identifier: GPL-2.0
/* io_uring on a ring, by its system calls, and RWF_NOWAIT: what would sleep is told so, or waits elsewhere */

#include <linux/io_uring.h>

#include "ring_test.h"

#define ENTRIES	16

/* The least of an io_uring: one submission at a time */
struct uring {
	int fd;
	void *rings;
	size_t size;
	struct io_uring_sqe *sqes;
	struct io_uring_params p;
};

FIXTURE(uring) {
	int w, r;			/* both block; @r is a subscriber */
	struct uring u;
};

static __u32 *word(struct uring *u, __u32 offset)
{
	return (__u32 *)((char *)u->rings + offset);
}

FIXTURE_SETUP(uring)
{
	struct uring *u = &self->u;
	size_t cq;

	self->w = rt_open_empty(_metadata, BLOCK);
	self->r = rt_open(_metadata, BLOCK, O_RDONLY);
	rt_subscribe(_metadata, self->r, 0, RING_OLDEST);
	u->fd = syscall(SYS_io_uring_setup, ENTRIES, &u->p);
	ASSERT_LE(0, u->fd) {
		TH_LOG("io_uring_setup: %s", strerror(errno));
	}
	ASSERT_TRUE(u->p.features & IORING_FEAT_SINGLE_MMAP);
	u->size = u->p.sq_off.array + u->p.sq_entries * sizeof(__u32);
	cq = u->p.cq_off.cqes + u->p.cq_entries * sizeof(struct io_uring_cqe);
	if (cq > u->size)
		u->size = cq;
	u->rings = mmap(NULL, u->size, PROT_READ | PROT_WRITE, MAP_SHARED, u->fd, IORING_OFF_SQ_RING);
	ASSERT_NE(MAP_FAILED, u->rings);
	u->sqes = mmap(NULL, u->p.sq_entries * sizeof(*u->sqes), PROT_READ | PROT_WRITE, MAP_SHARED, u->fd,
		       IORING_OFF_SQES);
	ASSERT_NE(MAP_FAILED, (void *)u->sqes);
}

FIXTURE_TEARDOWN(uring)
{
	munmap(self->u.sqes, self->u.p.sq_entries * sizeof(*self->u.sqes));
	munmap(self->u.rings, self->u.size);
	close(self->u.fd);
	close(self->r);
	close(self->w);
}

/* Submit one operation; returns what io_uring_enter() does. */
static int submit(struct uring *u, struct io_uring_sqe sqe)
{
	__u32 tail = *word(u, u->p.sq_off.tail), index = tail & *word(u, u->p.sq_off.ring_mask);

	u->sqes[index] = sqe;
	word(u, u->p.sq_off.array)[index] = index;
	__atomic_store_n(word(u, u->p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	return syscall(SYS_io_uring_enter, u->fd, 1, 0, 0, NULL, 0);
}

static struct io_uring_sqe rw(int op, int fd, void *buf, __u32 len, __u64 user_data)
{
	return (struct io_uring_sqe) {
		.opcode = op, .fd = fd, .addr = (uintptr_t)buf, .len = len, .off = -1, .user_data = user_data,
	};
}

struct completion {
	__u64 user_data;
	__s32 res;
	__u32 flags;
};

/* Whether there is a completion */
static bool completed(struct uring *u)
{
	return __atomic_load_n(word(u, u->p.cq_off.tail), __ATOMIC_ACQUIRE) != *word(u, u->p.cq_off.head);
}

/* The next completion, within 5 s */
static struct completion complete(struct __test_metadata *_metadata, struct uring *u)
{
	struct pollfd p = { .fd = u->fd, .events = POLLIN };
	const struct io_uring_cqe *cqe;
	__u32 head = *word(u, u->p.cq_off.head);
	struct completion completion;

	/* Polled, as io_uring_enter() cannot be told when to give up so simply */
	ASSERT_TRUE(completed(u) || poll(&p, 1, 5000) == 1);
	ASSERT_TRUE(completed(u));
	cqe = (void *)word(u, u->p.cq_off.cqes);
	cqe += head & *word(u, u->p.cq_off.ring_mask);
	completion = (struct completion) { cqe->user_data, cqe->res, cqe->flags };
	__atomic_store_n(word(u, u->p.cq_off.head), head + 1, __ATOMIC_RELEASE);
	return completion;
}

TEST_F(uring, read_what_is_there)
{
	char buf[64];
	struct completion cqe;

	ASSERT_EQ(20, rt_write(self->w, 20, 1));
	ASSERT_EQ(1, submit(&self->u, rw(IORING_OP_READ, self->r, buf, 64, 7)));
	/* At once, not by a thread that would have to be woken */
	EXPECT_TRUE(completed(&self->u));
	cqe = complete(_metadata, &self->u);
	EXPECT_EQ(7, cqe.user_data);
	EXPECT_EQ(20, cqe.res);
	EXPECT_TRUE(rt_is(buf, 20, 1));
}

/* A read that has to wait holds nobody up, and gets what comes. */
TEST_F(uring, read_what_comes)
{
	char buf[3][64];
	struct completion cqe;
	bool seen[3] = {};

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(1, submit(&self->u, rw(IORING_OP_READ, self->r, buf[i], 64, i)));
	}
	rt_sleep_ms(50);
	EXPECT_FALSE(completed(&self->u));
	for (int i = 0; i < 3; i++) {
		__u64 number;

		ASSERT_EQ(20, rt_write(self->w, 20, i));
		cqe = complete(_metadata, &self->u);
		ASSERT_EQ(20, cqe.res);
		memcpy(&number, buf[cqe.user_data], 8);
		EXPECT_EQ(i, number);
		EXPECT_TRUE(rt_is(buf[cqe.user_data], 20, i));
		EXPECT_FALSE(seen[cqe.user_data]);
		seen[cqe.user_data] = true;
	}
}

/* The file is open for reading too, but who only writes is no subscriber, who would have to read. */
TEST_F(uring, write_when_there_is_room)
{
	unsigned char buf[1000];
	struct completion cqe;
	long n;

	rt_fill(buf, 1000, 77);
	ASSERT_EQ(1, submit(&self->u, rw(IORING_OP_WRITE, self->w, buf, 1000, 1)));
	cqe = complete(_metadata, &self->u);
	EXPECT_EQ(1000, cqe.res);
	EXPECT_EQ(1000, rt_read(self->r, 2000, 77));
	n = rt_write_until_full(self->w, 8);
	ASSERT_LT(0, n);
	ASSERT_EQ(1, submit(&self->u, rw(IORING_OP_WRITE, self->w, buf, 1000, 2)));
	rt_sleep_ms(50);
	EXPECT_FALSE(completed(&self->u));
	EXPECT_EQ(1, rt_stat(_metadata, self->w).subscribers);
	for (int i = 0; i < n; i++) {
		ASSERT_EQ(8, rt_read(self->r, 64, i));
	}
	cqe = complete(_metadata, &self->u);
	EXPECT_EQ(2, cqe.user_data);
	EXPECT_EQ(1000, cqe.res);
	EXPECT_EQ(1000, rt_read(self->r, 2000, 77));
}

TEST_F(uring, errors)
{
	static char large[300000];
	struct io_uring_sqe sqe;
	struct completion cqe;

	ASSERT_EQ(1, submit(&self->u, rw(IORING_OP_WRITE, self->w, large, sizeof(large), 0)));
	cqe = complete(_metadata, &self->u);
	EXPECT_EQ(-EMSGSIZE, cqe.res);
	ASSERT_EQ(1, submit(&self->u, rw(IORING_OP_WRITE, self->w, (void *)-4096ul, 1000, 0)));
	cqe = complete(_metadata, &self->u);
	EXPECT_EQ(-EFAULT, cqe.res);
	ASSERT_EQ(1, submit(&self->u, rw(IORING_OP_WRITE, self->r, large, 8, 0)));
	cqe = complete(_metadata, &self->u);
	EXPECT_EQ(-EBADF, cqe.res);
	/* O_NONBLOCK does not say that to io_uring. */
	sqe = rw(IORING_OP_READ, self->r, large, 8, 0);
	sqe.rw_flags = RWF_NOWAIT;
	ASSERT_EQ(1, submit(&self->u, sqe));
	cqe = complete(_metadata, &self->u);
	EXPECT_EQ(-EAGAIN, cqe.res);
}

TEST_F(uring, poll)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_POLL_ADD, .fd = self->r, .poll32_events = POLLIN, .user_data = 5,
	};
	struct completion cqe;

	ASSERT_EQ(1, submit(&self->u, sqe));
	rt_sleep_ms(20);
	EXPECT_FALSE(completed(&self->u));
	ASSERT_EQ(8, rt_write(self->w, 8, 0));
	cqe = complete(_metadata, &self->u);
	EXPECT_EQ(5, cqe.user_data);
	EXPECT_EQ(POLLIN, cqe.res);
	/* Level: it is there still. */
	ASSERT_EQ(1, submit(&self->u, sqe));
	cqe = complete(_metadata, &self->u);
	EXPECT_EQ(POLLIN, cqe.res);
	/* Armed once, told again and again */
	sqe.len = IORING_POLL_ADD_MULTI;
	ASSERT_EQ(8, rt_read(self->r, 64, 0));
	ASSERT_EQ(1, submit(&self->u, sqe));
	rt_set_nonblock(self->r, true);
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(8, rt_write(self->w, 8, i));
		cqe = complete(_metadata, &self->u);
		EXPECT_TRUE(cqe.res > 0 && cqe.res & POLLIN);
		EXPECT_TRUE(cqe.flags & IORING_CQE_F_MORE);
		ASSERT_EQ(8, rt_read(self->r, 64, i));
		RT_FAILS(EAGAIN, rt_read(self->r, 64, i));
	}
}

/* Registered buffers are no user memory to the kernel but pages of its own. */
TEST_F(uring, registered_buffers)
{
	static unsigned char out[8192] __attribute__((aligned(4096))), in[8192] __attribute__((aligned(4096)));
	static const size_t sizes[] = { 8, 48, 49, 256, 257, 5000, 8192 };
	struct iovec iov[2] = { { out, sizeof(out) }, { in, sizeof(in) } };
	struct io_uring_sqe sqe;
	struct completion cqe;

	ASSERT_EQ(0, syscall(SYS_io_uring_register, self->u.fd, IORING_REGISTER_BUFFERS, iov, 2));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t len = sizes[i], at = (sizeof(out) - len) / 2;

		rt_fill(out + at, len, i);
		sqe = rw(IORING_OP_WRITE_FIXED, self->w, out + at, len, 0);
		ASSERT_EQ(1, submit(&self->u, sqe));
		cqe = complete(_metadata, &self->u);
		ASSERT_EQ(len, cqe.res);
		memset(in, 0, sizeof(in));
		sqe = rw(IORING_OP_READ_FIXED, self->r, in, sizeof(in), 0);
		sqe.buf_index = 1;
		ASSERT_EQ(1, submit(&self->u, sqe));
		cqe = complete(_metadata, &self->u);
		ASSERT_EQ(len, cqe.res);
		EXPECT_TRUE(rt_is(in, len, i));
	}
}

/* Who waits in a ring that is removed by force is told, as any sleeper is. */
TEST_F(uring, destroyed)
{
	struct ring_create create = {
		.size = sizeof(create), .id = RING_ANY, .slots = 8, .slot_size = 64, .policy = RING_BLOCK,
	};
	struct ring_destroy destroy = { .size = sizeof(destroy), .flags = RING_DESTROY_FORCE };
	struct io_uring_sqe sqe = { .opcode = IORING_OP_POLL_ADD, .poll32_events = POLLIN, .user_data = 3 };
	int control = open("/dev/ring-control", O_RDWR | O_CLOEXEC), fd, seen = 0;
	struct completion cqe;
	char buf[64] = "";

	ASSERT_LE(0, control);
	RT_OK(ioctl(control, RING_CTL_CREATE, &create));
	destroy.id = create.id;
	fd = rt_open(_metadata, create.id, O_RDWR);
	ASSERT_EQ(1, submit(&self->u, rw(IORING_OP_READ, fd, buf, 64, 1)));
	sqe.fd = fd;
	ASSERT_EQ(1, submit(&self->u, sqe));
	rt_sleep_ms(20);
	EXPECT_FALSE(completed(&self->u));
	RT_OK(ioctl(control, RING_CTL_DESTROY, &destroy));
	for (int i = 0; i < 2; i++) {
		cqe = complete(_metadata, &self->u);
		seen |= cqe.user_data;
		if (cqe.user_data == 1) {
			EXPECT_EQ(-ENODEV, cqe.res);
		} else {
			EXPECT_TRUE(cqe.res > 0 && cqe.res & POLLERR) {
				TH_LOG("poll: %d", cqe.res);
			}
		}
	}
	EXPECT_EQ(3, seen);
	/* And who comes too late */
	ASSERT_EQ(1, submit(&self->u, rw(IORING_OP_WRITE, fd, buf, 8, 4)));
	cqe = complete(_metadata, &self->u);
	EXPECT_EQ(-ENODEV, cqe.res);
	close(fd);
	close(control);
}

TEST_F(uring, cancelled)
{
	char buf[64];
	struct io_uring_sqe cancel = { .opcode = IORING_OP_ASYNC_CANCEL, .addr = 9, .user_data = 10 };
	struct completion cqe;
	int seen = 0;

	ASSERT_EQ(1, submit(&self->u, rw(IORING_OP_READ, self->r, buf, 64, 9)));
	rt_sleep_ms(20);
	ASSERT_EQ(1, submit(&self->u, cancel));
	for (int i = 0; i < 2; i++) {
		cqe = complete(_metadata, &self->u);
		seen |= cqe.user_data == 9 ? 1 : 2;
		if (cqe.user_data == 9) {
			EXPECT_EQ(-ECANCELED, cqe.res);
		} else {
			EXPECT_EQ(0, cqe.res);
		}
	}
	EXPECT_EQ(3, seen);
	/* It took nothing with it. */
	ASSERT_EQ(8, rt_write(self->w, 8, 3));
	EXPECT_EQ(8, rt_read(self->r, 64, 3));
}

/* A process that ends with operations under way keeps no ring open. */
TEST_F(uring, left_behind)
{
	__u32 subscribers = rt_stat(_metadata, self->w).subscribers;
	pid_t child = rt_fork(_metadata);
	struct ring_stat stat;

	if (!child) {
		static char buf[64];
		struct uring u = {};
		int fd = rt_try_open(BLOCK, O_RDONLY);
		struct ring_subscribe sub;

		u = self->u;
		if (rt_try_subscribe(fd, 0, RING_NEXT, &sub) ||
		    submit(&u, rw(IORING_OP_READ, fd, buf, 64, 1)) != 1)
			_exit(1);
		close(fd);
		kill(getpid(), SIGKILL);
	}
	EXPECT_EQ(128 + SIGKILL, rt_wait_child(child));
	/* The io_uring is shared with this process, and with it the read: the subscriber is there until it ends. */
	stat = rt_stat(_metadata, self->w);
	EXPECT_GE(subscribers + 1, stat.subscribers);
	close(self->u.fd);
	munmap(self->u.rings, self->u.size);
	munmap(self->u.sqes, self->u.p.sq_entries * sizeof(*self->u.sqes));
	self->u.fd = -1;
	for (int i = 0; i < 1000 && stat.subscribers != subscribers; i++) {
		rt_sleep_ms(10);
		stat = rt_stat(_metadata, self->w);
	}
	EXPECT_EQ(subscribers, stat.subscribers);
}

TEST_F(uring, nowait)
{
	char buf[64];
	struct iovec iov = { buf, sizeof(buf) }, part = { buf, 10 };
	int fd = rt_open(_metadata, BLOCK, O_RDONLY);
	long n;

	RT_FAILS(EAGAIN, preadv2(self->r, &iov, 1, -1, RWF_NOWAIT));
	ASSERT_EQ(20, rt_write(self->w, 20, 4));
	EXPECT_EQ(10, preadv2(self->r, &part, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(10, preadv2(self->r, &iov, 1, -1, RWF_NOWAIT));
	RT_FAILS(EAGAIN, preadv2(self->r, &iov, 1, -1, RWF_NOWAIT));
	RT_FAILS(ESPIPE, preadv2(self->r, &iov, 1, 0, RWF_NOWAIT));

	rt_fill(buf, 64, 5);
	EXPECT_EQ(64, pwritev2(self->w, &iov, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(64, rt_read(self->r, 64, 5));
	n = rt_write_until_full(self->w, 8);
	ASSERT_LT(0, n);
	RT_FAILS(EAGAIN, pwritev2(self->w, &iov, 1, -1, RWF_NOWAIT));
	/* The first read of all has to allocate a cursor page; at the latest the second one may not. */
	if (preadv2(fd, &iov, 1, -1, RWF_NOWAIT) < 0) {
		EXPECT_EQ(EAGAIN, errno);
		EXPECT_EQ(POLLIN, rt_poll(fd, POLLIN));
		EXPECT_EQ(8, preadv2(fd, &iov, 1, -1, RWF_NOWAIT));
	}
	EXPECT_TRUE(rt_is(buf, 8, 0)) {
		TH_LOG("number %llu of %ld", *(__u64 *)buf, n);
	}
	close(fd);
}

TEST_HARNESS_MAIN
