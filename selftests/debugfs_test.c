// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/ring/ringN tells the truth about a ring, whatever state it is in, and reading it harms
 * nothing: not the ring while it is used, and not the module while it is loaded and unloaded.
 */
#include <sys/mount.h>

#include "ring_test.h"

#define DEBUGFS		"/sys/kernel/debug"
#define SLOTS		1024
#define NOBODY		4000u	/* an owner id that no producer has */
#define PARAMETERS	"rings=4 slots=1024 slot_size=64 size=1M policy=block,overwrite,block,overwrite direct=0,0,1,1"

static void __attribute__((constructor)) mount_debugfs(void)
{
	if (access(DEBUGFS "/tracing", F_OK) && mount("none", DEBUGFS, "debugfs", 0, NULL))
		perror("# " DEBUGFS);
}

RT_LOADS(PARAMETERS)

static int open_file(int n)
{
	char path[64];

	snprintf(path, sizeof(path), DEBUGFS "/ring/ring%d", n);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* All of an open file, or of what is left of it; empty: it cannot be read */
static const char *rest(int fd)
{
	static __thread char text[1 << 16];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	text[n < 0 ? 0 : len] = '\0';
	return text;
}

static const char *text_of(int n)
{
	int fd = open_file(n);
	const char *text = rest(fd);

	close(fd);
	return text;
}

/* What the @nth line of that name says, from 0; empty: there are not so many */
static const char *value(int n, const char *name, unsigned int nth)
{
	static char line[300];
	const char *p = text_of(n);
	size_t len = strlen(name);

	for (; *p; p = strchr(p, '\n') + 1) {
		if (!strchr(p, '\n'))
			break;
		if (strncmp(p, name, len) || strncmp(p + len, ":\t", 2) || nth--)
			continue;
		p += len + 2;
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(p, "\n"), p);
		return line;
	}
	return "";
}

#define EXPECT_SAYS(ring, name, nth, ...)	do {				\
		char __expected[300];						\
		const char *__said = value(ring, name, nth);			\
										\
		snprintf(__expected, sizeof(__expected), __VA_ARGS__);		\
		EXPECT_STREQ(__expected, __said) {				\
			TH_LOG("ring%d %s", ring, name);			\
		}								\
	} while (0)

/* Runs first, of all that is in this file: the whole of it, for each of the four kinds of ring */
TEST(an_unused_ring)
{
	for (int n = 0; n < 4; n++) {
		struct ring_info info;
		struct ring_stat stat;
		char expected[2000];
		int fd = rt_open(_metadata, n, O_RDONLY);

		info = rt_info(_metadata, fd);
		stat = rt_stat(_metadata, fd);
		close(fd);
		snprintf(expected, sizeof(expected),
			 "name:\t\nopens:\t0\nslots:\t1024\nslot_size:\t64\nsize:\t1048576\n"
			 "longest:\t262144\npolicy:\t%s\ndirect:\t%d\nephemeral:\t0\n"
			 "status:\tok\nbytes:\t%llu\ntail:\t0\nhead:\t0\nhint:\t0\nretained:\t0\npublished:\t0\n"
			 "discarded:\t0\nlost:\t0\nreclaims:\t0\nbusy:\tnone\nwake_data:\tnone\nwake_space:\tnone\n"
			 "readers:\tnone sleeps 0 wakes 0\nwriters:\tnone sleeps 0 wakes 0\nslowest:\t0\n"
			 "subscribers:\t0\nproducers:\t0\n",
			 info.policy == RING_BLOCK ? "block" : "overwrite", info.ring_flags == RING_DIRECT,
			 (unsigned long long)stat.bytes);
		EXPECT_STREQ(expected, text_of(n));
	}
	EXPECT_EQ(-1, open_file(4));
}

TEST(only_root_reads_it)
{
	struct stat st;

	ASSERT_EQ(0, stat(DEBUGFS "/ring/ring0", &st));
	EXPECT_EQ(S_IFREG | 0400, st.st_mode);
}

FIXTURE(debugfs) {
	int n, w;
	struct ring_stat before;
};

FIXTURE_VARIANT(debugfs) {
	bool direct;
};

FIXTURE_VARIANT_ADD(debugfs, mediated) { };
FIXTURE_VARIANT_ADD(debugfs, direct) { .direct = true };

FIXTURE_SETUP(debugfs)
{
	self->n = variant->direct ? 2 : 0;
	self->w = rt_open_empty(_metadata, self->n);
	self->before = rt_stat(_metadata, self->w);
	prctl(PR_SET_NAME, "writer");
}

FIXTURE_TEARDOWN(debugfs)
{
	close(self->w);
}

TEST_F(debugfs, subscribers_that_lag)
{
	__u64 s = self->before.head;
	int fast, slow, lossy;
	__u32 id;

	/* A name is anything: it must not look like a line of the file. */
	prctl(PR_SET_NAME, "a\nhead:\t7 \x1b");
	fast = rt_open(_metadata, self->n, O_RDONLY);
	prctl(PR_SET_NAME, "slow one");
	slow = rt_open(_metadata, self->n, O_RDONLY);
	lossy = rt_open(_metadata, self->n, O_RDONLY);
	id = rt_subscribe(_metadata, fast, 0, RING_NEXT);
	ASSERT_EQ(id + 1, rt_subscribe(_metadata, slow, 0, RING_NEXT));
	ASSERT_EQ(id + 2, rt_subscribe(_metadata, lossy, RING_SUBSCRIBE_LOSSY, RING_NEXT));
	for (int i = 0; i < 10; i++)
		ASSERT_EQ(8, rt_write(self->w, 8, i));
	for (int i = 0; i < 9; i++)
		ASSERT_EQ(8, rt_read(fast, 8, i));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(8, rt_read(slow, 8, i));

	EXPECT_SAYS(self->n, "tail", 0, "%llu", s);
	EXPECT_SAYS(self->n, "head", 0, "%llu", s + 10);
	EXPECT_SAYS(self->n, "hint", 0, "%llu", s + 9);
	EXPECT_SAYS(self->n, "retained", 0, "10");
	EXPECT_SAYS(self->n, "published", 0, "%llu", self->before.published + 10);
	EXPECT_SAYS(self->n, "slowest", 0, "%u", id + 1);
	EXPECT_SAYS(self->n, "subscribers", 0, "3");
	EXPECT_SAYS(self->n, "subscriber", 0,
		    "%u reliable cursor %llu lag 1 taken 9 lost 0 watermark 1 pid %d a\\nhead:\\t7 \\e", id, s + 9,
		    getpid());
	EXPECT_SAYS(self->n, "subscriber", 1,
		    "%u reliable cursor %llu lag 7 taken 3 lost 0 watermark 1 pid %d slow one", id + 1, s + 3,
		    getpid());
	EXPECT_SAYS(self->n, "subscriber", 2,
		    "%u lossy cursor %llu lag 10 taken 0 lost 0 watermark 1 pid %d slow one", id + 2, s, getpid());
	EXPECT_SAYS(self->n, "subscriber", 3, "%s", "");
	close(fast);
	close(slow);
	close(lossy);
	EXPECT_SAYS(self->n, "subscribers", 0, "0");
	EXPECT_SAYS(self->n, "slowest", 0, "0");
}

TEST_F(debugfs, what_was_lost)
{
	int n = self->n + 1, w = rt_open_empty(_metadata, n), r = rt_open(_metadata, n, O_RDONLY);
	__u32 id = rt_subscribe(_metadata, r, 0, RING_OLDEST);
	__u64 s = rt_stat(_metadata, w).head, lost;
	struct ring_stat stat;

	for (int i = 0; i < 3 * SLOTS; i++)
		ASSERT_EQ(8, rt_write(w, 8, i));
	stat = rt_stat(_metadata, w);
	lost = stat.tail - s;
	EXPECT_SAYS(n, "tail", 0, "%llu", stat.tail);
	EXPECT_SAYS(n, "lost", 0, "%llu", stat.lost);
	EXPECT_SAYS(n, "reclaims", 0, "%llu", stat.reclaims);
	EXPECT_SAYS(n, "subscriber", 0, "%u lossy cursor %llu lag %d taken 0 lost %llu watermark 1 pid %d writer",
		    id, s, 3 * SLOTS, lost, getpid());
	close(r);
	close(w);
}

/* Attach and return the owner id; direct where the ring is, if @flags ask for it */
static __u32 produce(struct __test_metadata *_metadata, int fd, __u32 flags)
{
	struct ring_produce produce = { .size = sizeof(produce), .flags = flags };

	RT_OK(ioctl(fd, RING_IOC_PRODUCE, &produce));
	return produce.owner;
}

TEST_F(debugfs, producers)
{
	__u32 direct = variant->direct ? RING_PRODUCE_DIRECT : 0;
	int other = rt_open(_metadata, self->n, O_RDWR);
	__u32 owner = produce(_metadata, self->w, 0), second = produce(_metadata, other, direct);

	EXPECT_SAYS(self->n, "producers", 0, "2");
	EXPECT_SAYS(self->n, "producer", 0, "%u shared pid %d %s", owner, getpid(), "debugfs_test");
	EXPECT_SAYS(self->n, "producer", 1, "%u shared%s pid %d writer", second, direct ? " direct" : "", getpid());
	close(other);
	EXPECT_SAYS(self->n, "producers", 0, "1");
	EXPECT_SAYS(self->n, "producer", 1, "%s", "");
	close(self->w);
	self->w = rt_open(_metadata, self->n, O_RDWR);
	owner = produce(_metadata, self->w, RING_PRODUCE_EXCLUSIVE | direct);
	EXPECT_SAYS(self->n, "producer", 0, "%u exclusive%s pid %d writer", owner, direct ? " direct" : "", getpid());
}

static long read_one(void *fd)
{
	char c;

	return read(*(int *)fd, &c, 1);
}

static long wait_space(void *fd)
{
	return rt_wait_space(*(int *)fd, 1, RING_NEVER);
}

/* Who waits, and for what */
TEST_F(debugfs, sleepers)
{
	int r = rt_open(_metadata, self->n, O_RDONLY);
	struct ring_stat *b = &self->before, now;
	struct rt_thread t;

	rt_start_asleep(_metadata, &t, read_one, &r);
	now = rt_stat(_metadata, r);
	EXPECT_LT(b->reader_sleeps, now.reader_sleeps);
	EXPECT_SAYS(self->n, "wake_data", 0, "%llu", b->head);
	EXPECT_SAYS(self->n, "wake_space", 0, "none");
	EXPECT_SAYS(self->n, "readers", 0, "waiting sleeps %llu wakes %llu", now.reader_sleeps, now.reader_wakes);
	EXPECT_SAYS(self->n, "writers", 0, "none sleeps %llu wakes %llu", now.writer_sleeps, now.writer_wakes);
	ASSERT_EQ(1, rt_write(self->w, 1, 0));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_SAYS(self->n, "wake_data", 0, "none");
	EXPECT_SAYS(self->n, "readers", 0, "none sleeps %llu wakes %llu", now.reader_sleeps, now.reader_wakes + 1);

	ASSERT_EQ(SLOTS, rt_write_until_full(self->w, 8));
	rt_start_asleep(_metadata, &t, wait_space, &self->w);
	now = rt_stat(_metadata, r);
	EXPECT_SAYS(self->n, "wake_space", 0, "%llu", now.tail + 1);
	EXPECT_SAYS(self->n, "writers", 0, "waiting sleeps %llu wakes %llu", now.writer_sleeps, now.writer_wakes);
	ASSERT_EQ(8, rt_read(r, 8, 0));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_SAYS(self->n, "writers", 0, "none sleeps %llu wakes %llu", now.writer_sleeps, now.writer_wakes + 1);
	close(r);
}

/* ---- What only direct producers bring about ---- */

FIXTURE(direct) {
	int w, fd;
	__u32 owner;
	struct rt_map map;
	__u64 head;
};

FIXTURE_SETUP(direct)
{
	self->w = rt_open_empty(_metadata, 2);
	self->head = rt_stat(_metadata, self->w).head;
	prctl(PR_SET_NAME, "direct one");
	self->fd = rt_open(_metadata, 2, O_RDWR);
	self->owner = produce(_metadata, self->fd, RING_PRODUCE_DIRECT);
	self->map = rt_map(_metadata, self->fd);
	ASSERT_EQ(0, mprotect(self->map.mem.producers, self->map.info.producers_length, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, mprotect(self->map.mem.slots, self->map.info.slots_length, PROT_READ | PROT_WRITE));
}

FIXTURE_TEARDOWN(direct)
{
	close(self->w);
}

static void leave(FIXTURE_DATA(direct) *self)
{
	rt_unmap(&self->map);
	close(self->fd);
}

/* A record that its producer has claimed and does not commit */
TEST_F(direct, busy)
{
	__u64 s, discarded = rt_stat(_metadata, self->w).discarded;
	unsigned int first, later;
	char format[100];

	ASSERT_EQ(8, rt_write(self->w, 8, 0));
	ASSERT_EQ(RING_CLAIMED, ring_mem_claim(&self->map.mem, self->owner, 1, RING_NONE, &s));
	ASSERT_EQ(self->head + 1, s);
	ASSERT_EQ(8, rt_write(self->w, 8, 1));
	snprintf(format, sizeof(format), "%llu owner %u pid %d since %%u ms", s, self->owner, getpid());
	ASSERT_EQ(1, sscanf(value(2, "busy", 0), format, &first)) {
		TH_LOG("%s", value(2, "busy", 0));
	}
	EXPECT_GT(1000, first);		/* nobody has looked before */
	rt_sleep_ms(300);
	ASSERT_EQ(1, sscanf(value(2, "busy", 0), format, &later));
	EXPECT_LE(first + 300, later);
	EXPECT_SAYS(2, "head", 0, "%llu", s + 2);
	EXPECT_SAYS(2, "retained", 0, "2");

	ring_mem_slot(&self->map.mem, s)->len = 0;
	ring_mem_commit(&self->map.mem, s, 1, self->owner);
	EXPECT_SAYS(2, "busy", 0, "none");
	EXPECT_SAYS(2, "retained", 0, "3");

	/* Left BUSY by who is gone */
	ASSERT_EQ(RING_CLAIMED, ring_mem_claim(&self->map.mem, self->owner, 1, RING_NONE, &s));
	EXPECT_SAYS(2, "discarded", 0, "%llu", discarded);
	leave(self);
	EXPECT_SAYS(2, "busy", 0, "none");
	EXPECT_SAYS(2, "discarded", 0, "%llu", discarded + 1);
	EXPECT_SAYS(2, "producers", 0, "1");
}

TEST_F(direct, corrupt)
{
	ring_store(&ring_mem_slot(&self->map.mem, self->head)->state,
		   ring_state_make(ring_mem_lap(&self->map.mem, self->head), 1, NOBODY, RING_BUSY));
	ring_store(&self->map.mem.producers->hint, ~0ull - 5);
	EXPECT_SAYS(2, "hint", 0, "%llu", ~0ull - 5);
	leave(self);
	EXPECT_SAYS(2, "status", 0, "corrupt");
	RT_FAILS(EUCLEAN, rt_write(self->w, 8, 0));
	RT_OK(ioctl(self->w, RING_IOC_FLUSH, 0));
	EXPECT_SAYS(2, "status", 0, "ok");
}

TEST(shut_down)
{
	int w = rt_open(_metadata, 3, O_WRONLY);

	RT_OK(ioctl(w, RING_IOC_SHUTDOWN, 0));
	EXPECT_SAYS(3, "status", 0, "shutdown");
	close(w);
	EXPECT_EQ(0, rt_load(PARAMETERS));
}

/* ---- It harms nothing ---- */

#define READS	10000

struct traffic {
	int w, r;
	bool stop;
	__u64 records;
	__u64 refused;
};

static long publish_and_take(void *traffic)
{
	struct traffic *t = traffic;

	while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED)) {
		if (rt_write(t->w, 40, t->records) != 40 || rt_read(t->r, 40, t->records) != 40)
			return -1;
		t->records++;
	}
	return 0;
}

static long try_to_unload(void *traffic)
{
	struct traffic *t = traffic;

	while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED)) {
		if (!syscall(SYS_delete_module, "ring", O_NONBLOCK) || errno != EWOULDBLOCK)
			return -1;
		t->refused++;
		rt_sleep_ms(1);
	}
	return 0;
}

TEST_F(debugfs, read_many_times_while_used)
{
	struct traffic t = { .w = self->w, .r = rt_open(_metadata, self->n, O_RDONLY) };
	struct rt_thread user, unloader;
	__u64 head = 0;

	rt_subscribe(_metadata, t.r, 0, RING_OLDEST);
	rt_start(_metadata, &user, publish_and_take, &t);
	rt_start(_metadata, &unloader, try_to_unload, &t);
	for (int i = 0; i < READS; i++) {
		const char *text = text_of(self->n), *at = strstr(text, "\ntail:\t");
		unsigned long long tail, now;

		ASSERT_EQ(0, strncmp(text, "name:\t\nopens:\t", 14));
		ASSERT_EQ(2, sscanf(at ?: "", "\ntail:\t%llu\nhead:\t%llu\n", &tail, &now));
		ASSERT_LE(tail, now);
		ASSERT_LE(now, tail + SLOTS);
		ASSERT_LE(head, now);
		head = now;
		ASSERT_NE(NULL, strstr(text, "\nsubscribers:\t1\n"));
		ASSERT_EQ('\n', text[strlen(text) - 1]);
	}
	__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
	ASSERT_TRUE(rt_ends(&user, 5000));
	ASSERT_TRUE(rt_ends(&unloader, 5000));
	EXPECT_EQ(0, user.ret);
	EXPECT_EQ(0, unloader.ret);
	EXPECT_LT(0, t.refused);
	EXPECT_EQ(t.records, rt_stat(_metadata, t.w).published - self->before.published);
	TH_LOG("%d reads, %llu records meanwhile, %llu times not unloaded", READS, t.records, t.refused);
	close(t.r);
}

/* An open file holds the module. */
TEST(unload_while_open)
{
	int fd = open_file(0);
	char c;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, syscall(SYS_delete_module, "ring", O_NONBLOCK));
	EXPECT_EQ(EWOULDBLOCK, errno);
	EXPECT_EQ(1, read(fd, &c, 1));
	EXPECT_NE(NULL, strstr(rest(fd), "\nproducers:\t0\n"));
	close(fd);
	EXPECT_EQ(0, rt_unload());
	EXPECT_EQ(-1, access(DEBUGFS "/ring", F_OK));
	EXPECT_EQ(0, rt_insert(PARAMETERS));
}

/* Reads what is there, over and over; counts whole files and those that were not there. */
struct reader {
	struct rt_thread thread;
	bool stop;
	unsigned long whole, missing;
};

static long read_for_ever(void *reader)
{
	struct reader *r = reader;

	for (int n = 0; !__atomic_load_n(&r->stop, __ATOMIC_RELAXED); n = (n + 1) % 4) {
		int fd = open_file(n);
		const char *text;

		if (fd < 0) {
			r->missing++;
		} else {
			text = rest(fd);
			close(fd);
			if (*text && !strstr(text, "\nproducers:\t0\n"))
				return -1;
			r->whole += *text != '\0';
		}
		rt_sleep_ms(1);
	}
	return 0;
}

TEST(load_and_unload_while_read)
{
	struct reader r[2] = { };
	int i;

	for (i = 0; i < 2; i++)
		rt_start(_metadata, &r[i].thread, read_for_ever, &r[i]);
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, rt_unload());
		ASSERT_EQ(0, rt_insert(PARAMETERS));
		rt_sleep_ms(i % 5);
	}
	for (i = 0; i < 2; i++) {
		__atomic_store_n(&r[i].stop, true, __ATOMIC_RELAXED);
		ASSERT_TRUE(rt_ends(&r[i].thread, 5000));
		EXPECT_EQ(0, r[i].thread.ret);
		EXPECT_LT(0, r[i].whole);
		EXPECT_LT(0, r[i].missing);
	}
}

TEST_HARNESS_MAIN
