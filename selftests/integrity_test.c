// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing is lost, doubled, torn or out of order: for each policy and start position, with 1, 2 and 8
 * subscribers and 1, 2 and 4 producers, each a process of its own, and records from 1 byte to the longest.
 *
 * Every byte of a record follows from its producer, its number and its length, and the length from the
 * first two, so that to compare them is a checksum that misses nothing. A reliable subscriber must get every
 * record once, those of one producer in their order. For a lossy one, and on an overwrite ring, what it got
 * and what it was told that it lost must add up to what was published, and what it got must be whole and in
 * order.
 *
 * Subscribers take records by read(), by READ, in place through libring, and through libring's copy.
 * Producers publish by write(), writev(), PUBLISH and through libring. Some hold back until the ring was
 * lapped, so that there are losses to be counted.
 */

#include <libring.h>

#include "ring_test.h"
#include "integrity_record.h"

#define TINY_BLOCK	2	/* rings of 4 slots */
#define TINY_OVERWRITE	3

#define SUBSCRIBERS_MAX	8
#define PRELUDE_MAX	400
#define BATCH		96
#define SLACK		(64 * 1024)

enum mode { MODE_READ, MODE_READ_MANY, MODE_IN_PLACE, MODE_COPY, MODES };

/**
 * struct outcome - what a subscriber has seen
 * @received: records
 * @lost: what it was told
 * @wrong: empty, or what was wrong
 */
struct outcome {
	__u64 received;
	__u64 lost;
	char wrong[256];
};

/* What the processes of a test share */
struct shared {
	__u64 published;
	__u32 ready;
	struct outcome subscriber[SUBSCRIBERS_MAX];
	char wrong[256];	/* with a producer */
};

/* What the tests share */
static struct {
	__u64 published;
	__u64 received;
	__u64 lost;
	__u32 variants;
} *totals;

static void __attribute__((constructor)) make_totals(void)
{
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* ---- Subscribers ---- */

/**
 * struct subscriber - how one takes records
 * @fd: its file
 * @r: its handle, which has that file, in the modes of libring
 * @slow: gives the processor away now and then
 * @turns: of taking records in place
 */
struct subscriber {
	enum mode mode;
	unsigned int turns;
	bool lossy;
	bool slow;
	int fd;
	__u32 id;
	struct ring *r;
	char *buf;
	size_t buf_len;
	struct ring_read_record records[BATCH];
	struct checker check;
};

static void step_read(struct subscriber *s)
{
	ssize_t n = read(s->fd, s->buf, s->buf_len);

	if (n > 0)
		check_record(&s->check, s->buf, n, 0);
	else if (n < 0 && errno == EOVERFLOW && s->lossy)
		check_lost(&s->check);
	else
		complain(s->check.wrong, "read(): %zd %s", n, strerror(errno));
}

static void step_read_many(struct subscriber *s)
{
	struct ring_read arg = {
		.size = sizeof(arg), .records = (uintptr_t)s->records, .count = BATCH,
		.buf = (uintptr_t)s->buf, .buf_len = s->buf_len, .deadline = RING_NEVER,
	};
	__u32 i;

	if (ioctl(s->fd, RING_IOC_READ, &arg)) {
		if (errno == EOVERFLOW && s->lossy)
			check_lost(&s->check);
		else
			complain(s->check.wrong, "READ: %s", strerror(errno));
		return;
	}
	if (!arg.taken)
		complain(s->check.wrong, "READ takes nothing");
	for (i = 0; i < arg.taken; i++)
		check_record(&s->check, s->buf + s->records[i].offset, s->records[i].len, s->records[i].tag);
}

static void step_in_place(struct subscriber *s)
{
	/* What was seen counts only when the release says that it was whole. */
	struct checker tried = s->check;
	struct ring_view v[BATCH];
	int got = 1, given, err, i;

	err = ring_wait(s->r, RING_NEVER);
	if (err) {
		complain(s->check.wrong, "ring_wait(): %s", ring_strerror(err));
		return;
	}
	/* One by one and many at a time, by turns */
	s->turns++;
	for (given = 0; given < BATCH && got > 0; given += got) {
		got = s->turns % 2 ? ring_next(s->r, v) : ring_next_many(s->r, v, BATCH - given);
		for (i = 0; i < got; i++)
			check_record(&tried, v[i].data, v[i].len, v[i].tag);
	}
	if (got <= 0 && got != -EAGAIN && got != -EOVERFLOW)
		complain(s->check.wrong, "ring_next(): %s", ring_strerror(got));
	err = got == -EOVERFLOW ? got : ring_release(s->r);
	if (!err)
		s->check = tried;
	else if (err == -EOVERFLOW && s->lossy)
		check_lost(&s->check);
	else
		complain(s->check.wrong, "ring_release(): %s", ring_strerror(err));
}

static void step_copy(struct subscriber *s)
{
	struct ring_meta meta;
	int ret = ring_read(s->r, s->buf, s->buf_len, RING_NEVER, &meta);

	if (ret == 1)
		check_record(&s->check, s->buf, meta.len, meta.tag);
	else if (ret == -EOVERFLOW && s->lossy)
		check_lost(&s->check);
	else
		complain(s->check.wrong, "ring_read(): %d %s", ret, ring_strerror(ret));
}

static void (*const steps[MODES])(struct subscriber *s) = {
	[MODE_READ] = step_read,
	[MODE_READ_MANY] = step_read_many,
	[MODE_IN_PLACE] = step_in_place,
	[MODE_COPY] = step_copy,
};

static __u64 told_lost(struct subscriber *s)
{
	struct ring_stat_subscriber all[2 * SUBSCRIBERS_MAX];
	struct ring_stat stat = {
		.size = sizeof(stat), .subscriber_array = (uintptr_t)all, .subscriber_count = ARRAY_SIZE(all),
	};
	__u32 i;

	if (s->r)
		return ring_lost(s->r);
	ioctl(s->fd, RING_IOC_STAT, &stat);
	for (i = 0; i < stat.subscriber_count; i++)
		if (all[i].id == s->id)
			return all[i].lost;
	complain(s->check.wrong, "not in STAT");
	return 0;
}

static int attach(struct subscriber *s, int ring, __u32 start, __u64 sequence)
{
	struct ring_subscribe_options o = RING_SUBSCRIBE_OPTIONS_INIT;
	struct ring_subscribe sub = {
		.size = sizeof(sub), .flags = s->lossy ? RING_SUBSCRIBE_LOSSY : RING_SUBSCRIBE_RELIABLE,
		.start = start, .sequence = sequence,
	};
	int err;

	s->fd = rt_try_open(ring, O_RDONLY);
	if (s->fd < 0)
		return -errno;
	s->buf_len = s->check.info->longest + SLACK;
	s->buf = malloc(s->buf_len);
	if (s->mode == MODE_READ || s->mode == MODE_READ_MANY) {
		err = ioctl(s->fd, RING_IOC_SUBSCRIBE, &sub) ? -errno : 0;
		s->id = sub.id;
		return err;
	}
	err = ring_open_fd(s->fd, 0, &s->r);
	if (err)
		return err;
	o.flags = sub.flags;
	o.start = start;
	o.sequence = sequence;
	return ring_subscribe(s->r, &o);
}

/* The life of a subscriber; @hold: it takes nothing before so many records were published. */
static void subscribe(struct subscriber *s, int ring, __u32 start, __u64 sequence, __u64 hold,
		      struct shared *shared, struct outcome *outcome)
{
	__u64 steps_done = 0;
	int err = attach(s, ring, start, sequence);

	if (err)
		complain(s->check.wrong, "no cursor: %s", strerror(-err));
	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
	while (!err && __atomic_load_n(&shared->published, __ATOMIC_RELAXED) < hold)
		rt_sleep_ms(1);
	while (!s->check.end && !*s->check.wrong) {
		steps[s->mode](s);
		if (s->slow && ++steps_done % 50 == 0)
			rt_sleep_ms(1);
	}
	outcome->received = s->check.received;
	outcome->lost = err ? 0 : told_lost(s);
	complain(outcome->wrong, "%s", s->check.wrong);
}

/* ---- Producers ---- */

static bool publish_raw(int fd, struct ring_publish_record *records, unsigned int count, unsigned int how)
{
	struct ring_publish arg = { .size = sizeof(arg), .deadline = RING_NEVER };
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	struct iovec iov[2];
	unsigned int i, half;

	for (i = 0; how < 2 && i < count; i++) {
		half = records[i].len / 2;
		iov[0] = (struct iovec) { (void *)(uintptr_t)records[i].addr, half };
		iov[1] = (struct iovec) { (char *)iov[0].iov_base + half, records[i].len - half };
		if ((how ? write(fd, iov[0].iov_base, records[i].len) : writev(fd, iov, 2)) != records[i].len)
			return false;
	}
	while (how >= 2 && count) {
		arg.records = (uintptr_t)records;
		arg.count = count;
		arg.published = 0;
		arg.sequence = 0;
		arg.deadline = how == 2 ? RING_NOW : RING_NEVER;
		if (!ioctl(fd, RING_IOC_PUBLISH, &arg)) {
			records += arg.published;
			count -= arg.published;
		} else if (errno != EAGAIN || poll(&p, 1, -1) != 1) {
			return false;
		}
	}
	return true;
}

/* In batches, some of them with room left */
static bool publish_batches(struct ring *r, struct ring_publish_record *records, unsigned int count)
{
	struct ring_batch batch;
	unsigned int i, j, n;
	__u32 longest = 0;
	int got;

	for (i = 0; i < count; i++)
		longest = records[i].len > longest ? records[i].len : longest;
	for (i = 0; i < count; i += n) {
		got = ring_reserve_many(r, longest, count - i, RING_NEVER, &batch);
		if (got <= 0)
			return false;
		n = batch.count - (batch.count > 1 && batch.sequence % 2);
		for (j = 0; j < n; j++) {
			const struct ring_publish_record *record = &records[i + j];

			memcpy(ring_batch_at(r, &batch, j, record->len, record->tag),
			       (const void *)(uintptr_t)record->addr, record->len);
		}
		if (ring_commit_many(r, &batch, n) != (int)n)
			return false;
	}
	return true;
}

static bool publish_lib(struct ring *r, struct ring_publish_record *records, unsigned int count,
			unsigned int how)
{
	struct ring_reservation res, other;
	unsigned int i;
	int done;

	if (how == 3 && count > 1)
		return publish_batches(r, records, count);
	for (i = 0; how < 2 && i < count; i++) {
		const void *data = (const void *)(uintptr_t)records[i].addr;

		if (how) {
			if (ring_publish(r, data, records[i].len, records[i].tag, RING_NEVER))
				return false;
			continue;
		}
		if (ring_reserve(r, records[i].len + 5, RING_NEVER, &res) == -EMSGSIZE &&
		    ring_reserve(r, records[i].len, RING_NEVER, &res))
			return false;
		/* One that nobody ever sees */
		if (!ring_reserve(r, 100, RING_NOW, &other))
			ring_discard(r, &other);
		memcpy(res.data, data, records[i].len);
		res.tag = records[i].tag;
		if (ring_commit(r, &res, records[i].len))
			return false;
	}
	for (i = 0; how >= 2 && i < count; i += done) {
		done = ring_publish_many(r, records + i, count - i, RING_NEVER, NULL);
		if (done <= 0)
			return false;
	}
	return true;
}

/* The life of a producer, which uses libring or the calls. */
static void produce(int ring, bool library, unsigned int by, __u64 count, const struct ring_info *info,
		    struct shared *shared)
{
	size_t arena_len = info->longest + SLACK, used;
	struct ring_publish_record records[BATCH];
	char *arena = malloc(arena_len);
	__u64 number = 0, random = by;
	struct ring *r = NULL;
	unsigned int i, many;
	char where[16];
	int fd = -1;
	bool ok;

	snprintf(where, sizeof(where), "%d", ring);
	/* Who may read too publishes without calls where the ring is direct. */
	if (!library)
		fd = rt_try_open(ring, O_WRONLY);
	else if (ring_open(where, RING_OPEN_READ | RING_OPEN_WRITE, &r))
		r = NULL;
	if (fd < 0 && !r) {
		complain(shared->wrong, "producer %u cannot open", by);
		return;
	}
	while (number < count) {
		random = mix(random + 1);
		many = 1 + random % (random >> 32 & 3 ? BATCH : 4);
		for (i = used = 0; i < many && number < count; i++, number++) {
			size_t len = length_of(by, number, info);

			if (used + len > arena_len)
				break;
			fill(arena + used, len, by, number);
			records[i] = (struct ring_publish_record) {
				(uintptr_t)(arena + used), len, tag_of(by, number),
			};
			used += len;
		}
		/* write() costs the most: small batches that way, and large ones by one call */
		many = i > 4 ? 2 + (random >> 40) % 2 : (random >> 40) % 4;
		ok = r ? publish_lib(r, records, i, many) : publish_raw(fd, records, i, many);
		if (!ok) {
			complain(shared->wrong, "producer %u, before record %llu: %s", by, number,
				 strerror(errno));
			return;
		}
		__atomic_add_fetch(&shared->published, i, __ATOMIC_RELAXED);
	}
}

/* ---- The tests ---- */

FIXTURE(integrity) {
	int fd;
	struct ring_info info;
	struct shared *shared;
	unsigned int prelude;	/* records that are there before anybody subscribes */
	__u64 sequence[PRELUDE_MAX];
	__u64 published_before;
	__u64 lost_before;
};

FIXTURE_VARIANT(integrity) {
	int ring;
	__u32 start;
	unsigned int subscribers;
	unsigned int producers;
};

/* All starts on the large rings; on the tiny ones, which every four records lap, one */
#define VARIANT(ring_, policy, start_, START, s, p)							\
	FIXTURE_VARIANT_ADD(integrity, policy##_##start_##_##s##_subscribers_##p##_producers) {		\
		.ring = ring_, .start = RING_##START, .subscribers = s, .producers = p,			\
	}
#define PRODUCERS(...)	VARIANT(__VA_ARGS__, 1); VARIANT(__VA_ARGS__, 2); VARIANT(__VA_ARGS__, 4)
#define SUBSCRIBERS(...) PRODUCERS(__VA_ARGS__, 1); PRODUCERS(__VA_ARGS__, 2); PRODUCERS(__VA_ARGS__, 8)
#define STARTS(...)									\
	SUBSCRIBERS(__VA_ARGS__, oldest, OLDEST); SUBSCRIBERS(__VA_ARGS__, next, NEXT);	\
	SUBSCRIBERS(__VA_ARGS__, latest, LATEST); SUBSCRIBERS(__VA_ARGS__, sequence, SEQUENCE)
#define VARIANTS	((4 + 1) * 2 * 3 * 3)

STARTS(BLOCK, block);
STARTS(OVERWRITE, overwrite);
SUBSCRIBERS(TINY_BLOCK, tiny_block, oldest, OLDEST);
SUBSCRIBERS(TINY_OVERWRITE, tiny_overwrite, oldest, OLDEST);

static bool blocks(const FIXTURE_VARIANT(integrity) *variant)
{
	return variant->ring == BLOCK || variant->ring == TINY_BLOCK;
}

/* A subscriber's mode, by its place: one alone has each mode on some variants, eight have all. */
static void choose(struct subscriber *s, const FIXTURE_VARIANT(integrity) *variant, unsigned int i)
{
	s->mode = (i + variant->start + variant->producers / 2) % MODES;
	s->slow = i % 3 == 2;
	s->lossy = !blocks(variant) || (variant->subscribers > 1 && i % 4 == 1);
}

FIXTURE_SETUP(integrity)
{
	struct ring_stat stat;
	char *buf;
	__u64 i;

	self->fd = rt_open_empty(_metadata, variant->ring);
	self->info = rt_info(_metadata, self->fd);
	stat = rt_stat(_metadata, self->fd);
	self->published_before = stat.published;
	self->lost_before = stat.lost;
	self->shared = mmap(NULL, sizeof(*self->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->shared);
	buf = malloc(self->info.longest);
	self->prelude = self->info.slots > 4 * PRELUDE_MAX ? PRELUDE_MAX : 2;
	for (i = 0; i < self->prelude; i++) {
		size_t len = length_of(BY_PRELUDE, i, &self->info);

		fill(buf, len, BY_PRELUDE, i);
		ASSERT_EQ(0, rt_publish(self->fd, buf, len, tag_of(BY_PRELUDE, i), RING_NOW,
					&self->sequence[i]));
	}
	free(buf);
}

FIXTURE_TEARDOWN(integrity)
{
	close(self->fd);
}

/*
 * Wait until all these children have ended well, so many naps of a millisecond at most: they are not counted by a
 * clock, so that a machine that stood still as a whole is no stall of the ring. What a subscriber complains of ends
 * the wait at once: when it goes, a producer may wait for ever.
 */
#define NAPS	40000

static bool all_end(pid_t *children, unsigned int count, const struct shared *shared)
{
	unsigned int i, s, naps = 0;
	int status;

	for (i = 0; i < count; i++) {
		while (!waitpid(children[i], &status, WNOHANG)) {
			for (s = 0; s < SUBSCRIBERS_MAX; s++)
				if (*shared->subscriber[s].wrong)
					return false;
			if (++naps > NAPS)
				return false;
			rt_sleep_ms(1);
		}
		children[i] = 0;
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			return false;
	}
	return true;
}

/* Its lines that begin with @with */
static void show_file(const char *format, int number, const char *with)
{
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), format, number);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, with, strlen(with)))
			printf("# %s: %s", path, line);
	if (f)
		fclose(f);
}

/* They did not end: what the ring is like and where each one is. Then that is their end. */
static void show_and_kill(int ring, pid_t *children, unsigned int count)
{
	unsigned int i;

	show_file("/sys/kernel/debug/ring/ring%d", ring, "");
	for (i = 0; i < count; i++) {
		if (!children[i])
			continue;
		show_file("/proc/%d/status", children[i], "State:");
		show_file("/proc/%d/stack", children[i], "");
		kill(children[i], SIGKILL);
		rt_wait_child(children[i]);
	}
}

TEST_F_TIMEOUT(integrity, whole_and_in_order, 250)
{
	/* By enum ring_start */
	const __u64 first[] = { 0, self->prelude, self->prelude - 1, self->prelude / 3 };
	__u64 per_producer = (variant->subscribers == 1 ? 24000 : variant->subscribers == 2 ? 18000 : 12000) /
			     variant->producers / (variant->ring > OVERWRITE ? 4 : 1);
	__u64 count = per_producer * variant->producers, expected, lost = 0;
	pid_t children[SUBSCRIBERS_MAX + 4], *subscribers = children, *producers = children + variant->subscribers;
	struct subscriber s = { .check.info = &self->info };
	char end[24];
	unsigned int i;
	struct ring_stat stat;
	bool ended;

	s.check.next[BY_PRELUDE] = first[variant->start];
	for (i = 0; i < variant->subscribers; i++) {
		choose(&s, variant, i);
		subscribers[i] = rt_fork(_metadata);
		if (!subscribers[i]) {
			subscribe(&s, variant->ring, variant->start,
				  variant->start == RING_SEQUENCE ? self->sequence[first[RING_SEQUENCE]] : 0,
				  s.lossy && i < 2 ? 2 * self->info.slots : 0, self->shared,
				  &self->shared->subscriber[i]);
			_exit(0);
		}
	}
	while (__atomic_load_n(&self->shared->ready, __ATOMIC_SEQ_CST) < variant->subscribers)
		rt_sleep_ms(1);
	for (i = 0; i < variant->producers; i++) {
		producers[i] = rt_fork(_metadata);
		if (!producers[i]) {
			produce(variant->ring, (i + variant->start + variant->subscribers / 2) % 2,
				BY_FIRST_PRODUCER + i, per_producer, &self->info, self->shared);
			_exit(0);
		}
	}
	ended = all_end(producers, variant->producers, self->shared);
	EXPECT_STREQ("", self->shared->wrong);

	/* The last record stays, for the lossy ones too, when all reliable ones have taken it and gone. */
	if (blocks(variant))
		rt_subscribe(_metadata, self->fd, 0, RING_NEXT);
	fill(end, sizeof(end), BY_END, 0);
	if (ended) {
		ASSERT_EQ(0, rt_publish(self->fd, end, sizeof(end), tag_of(BY_END, 0), RING_NEVER, NULL));
		ended = all_end(subscribers, variant->subscribers, self->shared);
	}
	if (!ended)
		show_and_kill(variant->ring, children, variant->subscribers + variant->producers);
	EXPECT_TRUE(ended);

	expected = self->prelude - first[variant->start] + count + 1;
	for (i = 0; i < variant->subscribers; i++) {
		struct outcome *o = &self->shared->subscriber[i];

		choose(&s, variant, i);
		EXPECT_STREQ("", o->wrong) {
			TH_LOG("subscriber %u, mode %d, %s", i, s.mode, s.lossy ? "lossy" : "reliable");
		}
		EXPECT_EQ(expected, o->received + o->lost) {
			TH_LOG("subscriber %u, mode %d, %s", i, s.mode, s.lossy ? "lossy" : "reliable");
		}
		if (!s.lossy)
			EXPECT_EQ(0, o->lost);
		if (s.lossy && i < 2)
			EXPECT_LT(0, o->lost);
		lost += o->lost;
		totals->received += o->received;
	}
	stat = rt_stat(_metadata, self->fd);
	EXPECT_EQ(self->prelude + count + 1, stat.published - self->published_before);
	EXPECT_EQ(lost, stat.lost - self->lost_before);
	EXPECT_EQ(blocks(variant), stat.subscribers);
	totals->published += self->prelude + count + 1;
	totals->lost += lost;
	totals->variants++;
}

/* Declared last, so it runs last. */
FIXTURE(all) {};
FIXTURE_SETUP(all) {}
FIXTURE_TEARDOWN(all) {}

TEST_F(all, a_million_records)
{
	TH_LOG("%llu records published, %llu received, %llu lost, all accounted for", totals->published,
	       totals->received, totals->lost);
	EXPECT_EQ(VARIANTS, totals->variants);
	EXPECT_LE(1000000, totals->published);
}

TEST_HARNESS_MAIN
