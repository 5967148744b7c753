// SPDX-License-Identifier: GPL-2.0
/* The library where something is wrong: what it refuses, what it does without memory, and what is left of it */

#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "libring_fixture.h"

TEST_F(lib, refuses_what_it_does_not_know)
{
	struct {
		struct ring_subscribe_options known;
		__u64 later;
	} o = { RING_SUBSCRIBE_OPTIONS_INIT, 0 };
	struct ring *r = NULL;

	EXPECT_EQ(-EBADF, ring_open_fd(-1, 0, &r));
	EXPECT_EQ(-EINVAL, ring_open_fd(ring_fd(self->r), RING_OPEN_WRITE, &r));
	EXPECT_EQ(NULL, r);
	EXPECT_EQ(-EINVAL, ring_produce(self->w, ~0u));
	EXPECT_EQ(-EINVAL, ring_wait_sequence(self->r, RING_NONE, RING_NOW));
	ASSERT_EQ(0, ring_unsubscribe(self->r));
	EXPECT_EQ(-EINVAL, ring_unsubscribe(self->r));
	o.known.size = 0;
	EXPECT_EQ(-EINVAL, ring_subscribe(self->r, &o.known));
	/* Of a later release: no matter, as long as what is new there is not used. */
	o.known.size = sizeof(o);
	o.later = 1;
	EXPECT_EQ(-E2BIG, ring_subscribe(self->r, &o.known));
	o.later = 0;
	EXPECT_EQ(0, ring_subscribe(self->r, &o.known));
	EXPECT_STREQ(strerror(ENOTDIR), ring_strerror(-ENOTDIR));
}

/* What was given in place must be released before anything is copied out behind it. */
TEST_F(lib, copies_nothing_while_something_is_in_place)
{
	struct ring_read_record record;
	struct ring_view v;
	uint32_t needed = 0;
	char buf[8];

	ASSERT_EQ(0, ring_publish(self->w, "sixteen bytes...", 16, 0, RING_NOW));
	ASSERT_EQ(1, ring_next(self->r, &v));
	EXPECT_EQ(-EBUSY, ring_read(self->r, buf, sizeof(buf), RING_NOW, NULL));
	EXPECT_EQ(-EBUSY, ring_read_many(self->r, &record, 1, buf, sizeof(buf), RING_NOW, &needed));
	ASSERT_EQ(0, ring_release(self->r));
	ASSERT_EQ(0, ring_publish(self->w, "sixteen bytes...", 16, 0, RING_NOW));
	EXPECT_EQ(-EMSGSIZE, ring_read_many(self->r, &record, 1, buf, sizeof(buf), RING_NOW, &needed));
	EXPECT_EQ(16, needed);
	EXPECT_EQ(-EMSGSIZE, ring_read(self->r, buf, sizeof(buf), RING_NOW, NULL));
}

/* poll() of the descriptor has subscribed, in the default way: what came after it is there. */
TEST_F(lib, a_poll_has_subscribed)
{
	struct ring_view v;
	struct pollfd p;
	struct ring *r;

	ASSERT_EQ(0, ring_open(variant->ring, RING_OPEN_READ, &r));
	p = (struct pollfd) { .fd = ring_fd(r), .events = POLLIN };
	ASSERT_EQ(0, poll(&p, 1, 0));
	ASSERT_EQ(0, ring_publish(self->w, "x", 1, 9, RING_NOW));
	ASSERT_EQ(1, poll(&p, 1, 0));
	ASSERT_EQ(1, ring_next(r, &v));
	EXPECT_EQ(9, v.tag);
	ring_close(r);
}

TEST_F(lib, seek_subscribes)
{
	struct ring_view v;
	struct ring *r;

	ASSERT_EQ(0, ring_publish(self->w, "x", 1, 1, RING_NOW));
	ASSERT_EQ(0, ring_publish(self->w, "x", 1, 2, RING_NOW));
	ASSERT_EQ(0, ring_open(variant->ring, RING_OPEN_READ, &r));
	ASSERT_EQ(0, ring_seek(r, RING_LATEST, 0));
	ASSERT_EQ(1, ring_next(r, &v));
	EXPECT_EQ(2, v.tag);
	ring_close(r);
}

TEST_F(lib, spins_no_longer_than_the_deadline)
{
	__u64 begun = rt_now();

	ASSERT_EQ(0, ring_set_spin(self->r, 100 * RT_SECOND));
	EXPECT_EQ(-ETIMEDOUT, ring_wait(self->r, ring_deadline_in(50 * RT_MS)));
	EXPECT_TRUE(rt_within(begun, 5000));
	EXPECT_FALSE(rt_within(begun, 50) && rt_slow() == 1);
}

static long publish_soon(void *w)
{
	rt_sleep_ms(50);
	return ring_publish(w, "x", 1, 0, RING_NOW);
}

/* What comes while it spins is there at once, without sleep. */
TEST_F(lib, spins_until_something_comes)
{
	__u64 sleeps = rt_stat(_metadata, ring_fd(self->r)).reader_sleeps;
	struct rt_thread writer;
	struct ring_view v;

	ASSERT_EQ(0, ring_set_spin(self->r, 100 * RT_SECOND));
	rt_start(_metadata, &writer, publish_soon, self->w);
	ASSERT_EQ(0, ring_wait(self->r, RING_NEVER));
	ASSERT_EQ(1, ring_next(self->r, &v));
	EXPECT_EQ(sleeps, rt_stat(_metadata, ring_fd(self->r)).reader_sleeps);
	ASSERT_TRUE(rt_ends(&writer, 5000));
	EXPECT_EQ(0, writer.ret);
}

static void refuses_too_long(struct __test_metadata *_metadata, FIXTURE_DATA(lib) *self)
{
	char *payload = calloc(1, self->info.longest + 1);
	struct ring_reservation res;

	ASSERT_NE(NULL, payload);
	EXPECT_EQ(-EMSGSIZE, ring_publish(self->w, payload, self->info.longest + 1, 0, RING_NOW));
	EXPECT_EQ(-EMSGSIZE, ring_publish_quiet(self->w, payload, self->info.longest + 1, 0, RING_NOW));
	EXPECT_EQ(-EMSGSIZE, ring_reserve(self->w, self->info.longest + 1, RING_NOW, &res));
	EXPECT_EQ(0, ring_publish(self->w, payload, self->info.longest, 0, RING_NOW));
	free(payload);
}

TEST_F(lib, refuses_what_is_too_long)
{
	refuses_too_long(_metadata, self);
}

TEST_F(lib, refuses_what_is_too_long_for_the_only_producer)
{
	ASSERT_EQ(0, ring_produce(self->w, RING_PRODUCE_EXCLUSIVE));
	refuses_too_long(_metadata, self);
}

/* The descriptor of the cursor's page is closed again, but for a moment it is one more. */
TEST_F(lib, without_descriptors)
{
	struct rlimit limit, none;
	struct ring *r;
	int i;

	ASSERT_EQ(0, ring_open(variant->ring, RING_OPEN_READ, &r));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = ring_fd(r) + 1;
	for (i = 0; i < ring_fd(r); i++)	/* no gaps below it */
		ASSERT_LE(0, fcntl(i, F_GETFD));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-EMFILE, ring_subscribe(r, NULL));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(1, rt_stat(_metadata, ring_fd(r)).subscribers);
	EXPECT_EQ(0, ring_subscribe(r, NULL));
	ring_close(r);
}

/* By system calls, what was reserved and found no room at its commit is still reserved, and can be tried again. */
TEST_F(lib, commits_again_when_there_is_room)
{
	struct ring_reservation res;
	struct ring_batch b;
	struct ring_view v;

	if (!(variant->flags & RING_OPEN_MEDIATED) && self->info.ring_flags & RING_DIRECT)
		return;		/* what is reserved there has its room */
	ASSERT_EQ(0, ring_reserve(self->w, 8, RING_NOW, &res));
	memset(res.data, 0, 8);
	ASSERT_EQ(2, ring_reserve_many(self->w, 8, 2, RING_NOW, &b));
	if (self->info.policy == RING_BLOCK) {
		while (!ring_publish(self->w, "x", 1, 0, RING_NOW))
			;
		EXPECT_EQ(-EAGAIN, ring_commit(self->w, &res, 8));
		ASSERT_EQ(1, ring_next(self->r, &v));
		ASSERT_EQ(0, ring_release(self->r));
	}
	EXPECT_EQ(0, ring_commit(self->w, &res, 8));
	b.count--;
	EXPECT_EQ(-EINVAL, ring_commit_many(self->w, &b, 1));
	b.count++;
	EXPECT_EQ(0, ring_discard_many(self->w, &b));
}

/* There are not so many records, but that is for the system to find. */
TEST_F(lib, publishes_as_many_as_are_there)
{
	struct ring_publish_record *records;
	long page = sysconf(_SC_PAGESIZE);
	int ret;

	if (!(variant->flags & RING_OPEN_MEDIATED) && self->info.ring_flags & RING_DIRECT)
		return;		/* there the library reads the array, and the caller would be ended */
	records = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, records);
	ASSERT_EQ(0, munmap((char *)records + page, page));
	ret = ring_publish_many(self->w, records, UINT32_MAX, RING_NOW, NULL);
	EXPECT_LT(0, ret);
	EXPECT_GE(page / sizeof(*records), ret);
	munmap(records, page);
}

static size_t address_space(void)
{
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[128] = "";
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	return n > 0 ? strtoul(text, NULL, 10) * sysconf(_SC_PAGESIZE) : 0;
}

static void limit_address_space(rlim_t bytes)
{
	struct rlimit limit;

	getrlimit(RLIMIT_AS, &limit);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	setrlimit(RLIMIT_AS, &limit);
}

static int descriptors(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/**
 * struct outcome - how often what was there, while memory ran short
 * @none: no handle could be made
 * @some: no subscriber
 * @whole: everything
 */
struct outcome {
	int none, some, whole;
};

/* Use the ring with @more bytes of address space than there are. */
static void use_with(struct __test_metadata *_metadata, const FIXTURE_DATA(lib) *self,
		     const FIXTURE_VARIANT(lib) *variant, size_t more, struct outcome *seen)
{
	int opened, subscribed = 0, produced = 0, published = 0;
	struct ring_reservation res;
	struct ring_batch b;
	struct ring *r;

	limit_address_space(address_space() + more);
	opened = ring_open(variant->ring, RING_OPEN_READ | RING_OPEN_WRITE | variant->flags, &r);
	if (!opened) {
		subscribed = ring_subscribe(r, NULL);
		produced = ring_produce(r, 0);
		published = ring_publish(r, "x", 1, 0, RING_NOW);
		/* The longest ones may take more than was left over. */
		if (!ring_reserve(r, self->info.longest, RING_NOW, &res))
			EXPECT_EQ(0, ring_discard(r, &res));
		if (ring_reserve_many(r, self->info.longest, 2, RING_NOW, &b) > 0)
			EXPECT_EQ(0, ring_discard_many(r, &b));
		ring_close(r);
	}
	limit_address_space(RLIM_INFINITY);
	ASSERT_TRUE(!opened || opened == -ENOMEM);
	ASSERT_TRUE(!subscribed || subscribed == -ENOMEM);
	ASSERT_EQ(0, produced);
	ASSERT_EQ(0, published);
	seen->none += !!opened;
	seen->some += !!subscribed;
	seen->whole += !opened && !subscribed;
	ASSERT_EQ(0, ring_flush(self->w));
}

/*
 * With more memory each time, until all that a handle maps has its place: what fails says ENOMEM, a ring that can be
 * opened can be published to, and nothing is left over. Twice, because malloc() keeps what it once had.
 */
TEST_F(lib, without_memory)
{
	const size_t all = self->info.control_length + self->info.producers_length + 2 * self->info.slots_length +
			   2 * self->info.bulk_length + (1 << 20);
	int turn, files = descriptors();
	size_t more, taken[2];

	for (turn = 0; turn < 2; turn++) {
		struct outcome seen = {};

		for (more = 0; more < 16 * 4096; more += 4096)
			use_with(_metadata, self, variant, more, &seen);
		for (more = 0; more <= all; more += all / 16)
			use_with(_metadata, self, variant, more, &seen);
		EXPECT_LT(0, seen.none);
		EXPECT_LT(0, seen.some);
		EXPECT_LT(0, seen.whole);
		taken[turn] = address_space();
	}
	EXPECT_EQ(taken[0], taken[1]);
	EXPECT_EQ(files, descriptors());
}

TEST_HARNESS_MAIN
