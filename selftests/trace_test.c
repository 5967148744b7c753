// SPDX-License-Identifier: GPL-2.0
/*
 * Each tracepoint is there, fires once for each time that what it tells of happens, and tells the truth; what
 * programs do in their mappings the kernel does not see. In a trace instance of their own.
 */
#include <dirent.h>
#include <sys/mount.h>

#include "ring_test.h"

#define TRACEFS		"/sys/kernel/tracing"
#define INSTANCE	TRACEFS "/instances/ring_test"
#define EVENTS		INSTANCE "/events/ring"
#define SLOTS		64

#define PARAMETERS	"rings=4 slots=64 slot_size=64 size=64K policy=block,overwrite,block,overwrite " \
			"direct=0,0,1,1"

RT_LOADS(PARAMETERS)

static const char *const events[] = {
	"ring_create", "ring_destroy", "ring_publish", "ring_release", "ring_sleep", "ring_wake", "ring_reclaim",
	"ring_overrun", "ring_reap",
};

static bool write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);

	close(fd);
	return ok;
}

static bool forget(void)
{
	int fd = open(INSTANCE "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	close(fd);
	return fd >= 0;
}

/* What has been traced so far: the whole trace, as text */
static const char *traced(void)
{
	static char text[1 << 20];
	int fd = open(INSTANCE "/trace", O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	close(fd);
	text[len] = '\0';
	return text;
}

/* What the @nth event of a kind says, from 0; NULL: there are not so many */
static const char *nth(const char *event, unsigned int n)
{
	static char line[300];
	const char *p = traced();
	char name[40];

	snprintf(name, sizeof(name), ": %s: ", event);
	do {
		p = strstr(p, name);
		if (!p)
			return NULL;
		p += strlen(name);
	} while (n--);
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(p, "\n"), p);
	return line;
}

static unsigned int count(const char *event)
{
	unsigned int n = 0;

	while (nth(event, n))
		n++;
	return n;
}

#define EXPECT_TRACED(event, n, ...)	do {				\
		char __expected[300];					\
		const char *__line = nth(event, n);			\
									\
		snprintf(__expected, sizeof(__expected), __VA_ARGS__);	\
		EXPECT_TRUE(__line && !strcmp(__expected, __line)) {	\
			TH_LOG("%s %d: \"%s\" instead of \"%s\"", event, (int)(n), __line, __expected); \
		}							\
	} while (0)

static void __attribute__((constructor)) mount_tracefs(void)
{
	if (access(TRACEFS "/instances", F_OK) && mount("none", TRACEFS, "tracefs", 0, NULL))
		perror("# " TRACEFS);
	/*
	 * To record which command a process runs, the kernel patches its scheduler, while it is running, whenever the
	 * first event is enabled and the last one disabled. QEMU before 8.1 may go on with the old code (it locks a
	 * page only after it has translated it), and then the processor hangs.
	 */
	if (!write_file(TRACEFS "/options/record-cmd", "0"))
		perror("# " TRACEFS "/options/record-cmd");
}

static bool begin(void)
{
	return (!mkdir(INSTANCE, 0700) || errno == EEXIST) && forget() &&
	       write_file(EVENTS "/enable", "1");
}

static bool end(void)
{
	__u64 deadline = rt_in_ms(5000);

	while (rmdir(INSTANCE) && errno == EBUSY && rt_now() < deadline)
		rt_sleep_ms(10);
	return access(INSTANCE, F_OK);
}

FIXTURE(trace) {
	int block, overwrite;	/* their numbers */
	int w;			/* the block ring, open for writing */
};

FIXTURE_VARIANT(trace) {
	bool direct;
};

FIXTURE_VARIANT_ADD(trace, mediated) { };
FIXTURE_VARIANT_ADD(trace, direct) { .direct = true };

FIXTURE_SETUP(trace)
{
	self->block = variant->direct ? 2 : 0;
	self->overwrite = self->block + 1;
	self->w = rt_open_empty(_metadata, self->block);
	ASSERT_TRUE(begin());
}

FIXTURE_TEARDOWN(trace)
{
	close(self->w);
	EXPECT_TRUE(end());
}

static __u32 produce(struct __test_metadata *_metadata, int fd)
{
	struct ring_produce produce = { .size = sizeof(produce) };

	RT_OK(ioctl(fd, RING_IOC_PRODUCE, &produce));
	return produce.owner;
}

/* ---- Which ones there are ---- */

TEST_F(trace, every_event_exists)
{
	DIR *dir = opendir(EVENTS);
	struct dirent *d;
	size_t found = 0;

	ASSERT_NE(NULL, dir);
	while ((d = readdir(dir))) {
		if (strncmp(d->d_name, "ring_", 5))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(events); i++)
			found += !strcmp(events[i], d->d_name);
	}
	closedir(dir);
	EXPECT_EQ(ARRAY_SIZE(events), found);
}

/* ---- Publishing and taking ---- */

TEST_F(trace, publish)
{
	__u32 owner = produce(_metadata, self->w);
	__u64 s = rt_stat(_metadata, self->w).head;
	char payload[3000] = "";

	ASSERT_EQ(5, rt_write(self->w, 5, 1));
	RT_OK(rt_publish(self->w, payload, 3000, 77, RING_NOW, NULL));
	RT_OK(rt_publish(self->w, payload, 0, 78, RING_NOW, NULL));
	/* What is not published is not traced. */
	RT_FAILS(EMSGSIZE, rt_write(self->w, 16385, 0));
	RT_FAILS(EFAULT, rt_publish(self->w, NULL, 8, 0, RING_NOW, NULL));
	EXPECT_EQ(3, count("ring_publish"));
	EXPECT_TRACED("ring_publish", 0, "ring%d sequence=%llu slots=1 len=5 tag=0 owner=%u", self->block, s,
		      owner);
	EXPECT_TRACED("ring_publish", 1, "ring%d sequence=%llu slots=3 len=3000 tag=77 owner=%u", self->block,
		      s + 1, owner);
	EXPECT_TRACED("ring_publish", 2, "ring%d sequence=%llu slots=1 len=0 tag=78 owner=%u", self->block, s + 4,
		      owner);
}

TEST_F(trace, release)
{
	struct ring_read_record records[8];
	char buf[4096];
	struct ring_read take = {
		.size = sizeof(take), .records = (uintptr_t)records, .count = 8, .buf = (uintptr_t)buf,
		.buf_len = sizeof(buf),
	};
	int r = rt_open(_metadata, self->block, O_RDONLY | O_NONBLOCK);
	__u32 id = rt_subscribe(_metadata, r, 0, RING_OLDEST);
	__u64 s = rt_stat(_metadata, r).head;

	for (int i = 0; i < 4; i++)
		ASSERT_EQ(20, rt_write(self->w, 20, i));
	ASSERT_EQ(20, rt_read(r, 20, 0));
	/* A part of a record is not released, the rest of it is all of it. */
	ASSERT_EQ(7, read(r, buf, 7));
	ASSERT_EQ(1, count("ring_release"));
	ASSERT_EQ(13, read(r, buf, 20));
	RT_OK(ioctl(r, RING_IOC_READ, &take));
	ASSERT_EQ(2, take.taken);
	RT_FAILS(EAGAIN, read(r, buf, 20));
	EXPECT_EQ(3, count("ring_release"));
	EXPECT_TRACED("ring_release", 0, "ring%d subscriber=%u cursor=%llu next=%llu records=1", self->block, id, s,
		      s + 1);
	EXPECT_TRACED("ring_release", 1, "ring%d subscriber=%u cursor=%llu next=%llu records=1", self->block, id,
		      s + 1, s + 2);
	EXPECT_TRACED("ring_release", 2, "ring%d subscriber=%u cursor=%llu next=%llu records=2", self->block, id,
		      s + 2, s + 4);
	close(r);
}

/* ---- Sleeping and waking ---- */

static long read_one(void *fd)
{
	char c;

	return read(*(int *)fd, &c, 1);
}

static long wait_space(void *fd)
{
	return rt_wait_space(*(int *)fd, 1, RING_NEVER);
}

TEST_F(trace, sleep_and_wake_of_a_reader)
{
	int r = rt_open(_metadata, self->block, O_RDONLY);
	struct ring_stat before, after;
	struct rt_thread reader;
	__u64 deadline;

	rt_subscribe(_metadata, r, 0, RING_OLDEST);
	before = rt_stat(_metadata, r);
	rt_start_asleep(_metadata, &reader, read_one, &r);
	EXPECT_TRACED("ring_sleep", 0, "ring%d reader tail=%llu wake_data=%llu wake_space=-1 deadline=-1",
		      self->block, before.tail, before.head);
	EXPECT_EQ(0, count("ring_wake"));
	ASSERT_EQ(1, rt_write(self->w, 1, 0));
	ASSERT_TRUE(rt_ends(&reader, 5000));
	EXPECT_TRACED("ring_wake", 0, "ring%d readers tail=%llu waiting=1", self->block, before.tail);
	/* Nobody sleeps now, hence nobody is woken. */
	ASSERT_EQ(1, rt_write(self->w, 1, 0));
	after = rt_stat(_metadata, r);
	EXPECT_EQ(after.reader_sleeps - before.reader_sleeps, count("ring_sleep"));
	EXPECT_EQ(1, count("ring_wake"));
	EXPECT_EQ(1, after.reader_wakes - before.reader_wakes);

	/* Not sleeping is no sleep; one with a deadline says so. */
	ASSERT_EQ(1, read_one(&r));
	ASSERT_TRUE(forget());
	RT_FAILS(EAGAIN, rt_wait_data(r, RING_NOW));
	EXPECT_EQ(0, count("ring_sleep"));
	deadline = rt_in_ms(50);
	RT_FAILS(ETIMEDOUT, rt_wait_data(r, deadline));
	EXPECT_EQ(1, count("ring_sleep"));
	EXPECT_TRACED("ring_sleep", 0, "ring%d reader tail=%llu wake_data=%llu wake_space=-1 deadline=%llu",
		      self->block, before.tail, before.head + 2, deadline);
	close(r);
}

TEST_F(trace, sleep_and_wake_of_a_writer)
{
	struct rt_thread writer;
	struct ring_stat before, after;

	ASSERT_EQ(SLOTS, rt_write_until_full(self->w, 8));
	ASSERT_TRUE(forget());
	before = rt_stat(_metadata, self->w);
	ASSERT_EQ(before.head, before.tail + SLOTS);
	rt_start_asleep(_metadata, &writer, wait_space, &self->w);
	EXPECT_TRACED("ring_sleep", 0, "ring%d writer tail=%llu wake_data=-1 wake_space=%llu deadline=-1",
		      self->block, before.tail, before.tail + 1);
	RT_OK(ioctl(self->w, RING_IOC_FLUSH, 0));
	ASSERT_TRUE(rt_ends(&writer, 5000));
	ASSERT_EQ(0, writer.ret);
	/* A flush wakes both sides. */
	EXPECT_TRACED("ring_wake", 0, "ring%d readers tail=%llu waiting=0", self->block, before.head);
	EXPECT_TRACED("ring_wake", 1, "ring%d writers tail=%llu waiting=1", self->block, before.head);
	after = rt_stat(_metadata, self->w);
	EXPECT_EQ(after.writer_sleeps - before.writer_sleeps, count("ring_sleep"));
	EXPECT_EQ(after.reader_wakes - before.reader_wakes + after.writer_wakes - before.writer_wakes,
		  count("ring_wake"));
}

/* ---- The tail ---- */

/* Every move of the tail is traced, from where the one before it went to. */
TEST_F(trace, reclaim)
{
	int r = rt_open(_metadata, self->block, O_RDONLY | O_NONBLOCK);
	struct ring_stat before = rt_stat(_metadata, r), after;
	__u64 tail, next, records, all = 0, at = before.tail;
	unsigned int n, discarded;
	int ring;

	rt_subscribe(_metadata, r, 0, RING_OLDEST);
	/* Records of one slot and of three, six laps of them */
	for (int i = 0; i < 3 * SLOTS; i++) {
		size_t len = i % 2 ? 8 : 2500;

		ASSERT_EQ(len, rt_write(self->w, len, i));
		ASSERT_EQ(len, rt_read(r, len, i));
	}
	after = rt_stat(_metadata, r);
	for (n = 0; nth("ring_reclaim", n); n++) {
		ASSERT_EQ(5, sscanf(nth("ring_reclaim", n), "ring%d tail=%llu next=%llu records=%llu discarded=%u",
				    &ring, &tail, &next, &records, &discarded));
		EXPECT_EQ(self->block, ring);
		EXPECT_EQ(at, tail);
		EXPECT_LT(tail, next);
		EXPECT_EQ(0, discarded);
		all += records;
		at = next;
	}
	EXPECT_LE(5, n);
	EXPECT_EQ(after.reclaims - before.reclaims, n);
	EXPECT_EQ(after.tail, at);
	EXPECT_EQ(after.published - after.retained - (before.published - before.retained), all);
	close(r);
}

TEST_F(trace, overrun)
{
	int w = rt_open_empty(_metadata, self->overwrite);
	int r = rt_open(_metadata, self->overwrite, O_RDONLY | O_NONBLOCK);
	__u32 id = rt_subscribe(_metadata, r, 0, RING_OLDEST);
	__u64 s = rt_stat(_metadata, r).head;
	struct ring_stat stat;
	char c;

	for (int i = 0; i < 3 * SLOTS; i++)
		ASSERT_EQ(8, rt_write(w, 8, i));
	stat = rt_stat(_metadata, w);
	EXPECT_EQ(0, count("ring_overrun"));
	RT_FAILS(EOVERFLOW, read(r, &c, 1));
	EXPECT_EQ(1, count("ring_overrun"));
	EXPECT_TRACED("ring_overrun", 0, "ring%d subscriber=%u cursor=%llu next=%llu records=%llu", self->overwrite,
		      id, s, stat.tail, stat.tail - s);
	EXPECT_EQ(stat.tail - s, rt_subscriber(_metadata, r, id).lost);
	/* Told once */
	ASSERT_EQ(8, rt_read(r, 8, stat.tail - s));
	EXPECT_EQ(1, count("ring_overrun"));
	close(r);
	close(w);
}

/* ---- What a direct producer does, and leaves behind ---- */

/* Claims two records and holds them, having published one before; a mediated one just publishes. */
static int producer(struct __test_metadata *_metadata, int n, bool direct)
{
	int fd = rt_open(_metadata, n, O_RDWR);
	struct ring_produce produce = {
		.size = sizeof(produce), .flags = direct ? RING_PRODUCE_DIRECT : 0,
	};
	struct rt_map m;
	__u64 s;

	RT_OK(ioctl(fd, RING_IOC_PRODUCE, &produce));
	if (!direct) {
		ASSERT_EQ(8, rt_write(fd, 8, 0));
		return produce.owner;
	}
	m = rt_map(_metadata, fd);
	ASSERT_EQ(0, mprotect(m.mem.producers, m.info.producers_length, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, mprotect(m.mem.slots, m.info.slots_length, PROT_READ | PROT_WRITE));
	ASSERT_EQ(RING_CLAIMED, ring_mem_claim(&m.mem, produce.owner, 1, RING_NONE, &s));
	ring_mem_slot(&m.mem, s)->len = 8;
	ring_mem_commit(&m.mem, s, 1, produce.owner);
	ASSERT_EQ(RING_CLAIMED, ring_mem_claim(&m.mem, produce.owner, 1, RING_NONE, &s));
	ASSERT_EQ(RING_CLAIMED, ring_mem_claim(&m.mem, produce.owner, 3, RING_NONE, &s));
	return produce.owner;
}

TEST_F(trace, reap)
{
	struct ring_stat before = rt_stat(_metadata, self->w), after;
	int owner, ready[2];
	pid_t child;

	ASSERT_EQ(0, pipe(ready));
	child = rt_fork(_metadata);
	if (!child) {
		prctl(PR_SET_NAME, "producer");
		owner = producer(_metadata, self->block, variant->direct);
		if (write(ready[1], &owner, sizeof(owner)) == sizeof(owner))
			pause();
		_exit(1);
	}
	ASSERT_EQ(sizeof(owner), read(ready[0], &owner, sizeof(owner)));
	EXPECT_EQ(0, count("ring_reap"));
	/* In its mapping it publishes unseen. */
	EXPECT_EQ(variant->direct ? 0 : 1, count("ring_publish"));
	kill(child, SIGKILL);
	rt_wait_child(child);
	after = rt_stat(_metadata, self->w);
	EXPECT_EQ(1, after.published - before.published);
	if (!variant->direct) {
		EXPECT_EQ(0, count("ring_reap"));
		return;
	}
	EXPECT_EQ(2, after.discarded - before.discarded);
	EXPECT_EQ(2, count("ring_reap"));
	EXPECT_TRACED("ring_reap", 0, "ring%d sequence=%llu slots=1 owner=%d pid=%d comm=producer", self->block,
		      before.head + 1, owner, child);
	EXPECT_TRACED("ring_reap", 1, "ring%d sequence=%llu slots=3 owner=%d pid=%d comm=producer", self->block,
		      before.head + 2, owner, child);
	/* They count as discarded when the tail passes them. */
	RT_OK(ioctl(self->w, RING_IOC_FLUSH, 0));
	EXPECT_TRACED("ring_reclaim", 0, "ring%d tail=%llu next=%llu records=1 discarded=2", self->block,
		      before.head, before.head + 5);
}

/* What is read in the mapping is released there: only the wake-up that it asks for is seen. */
TEST_F(trace, a_release_in_the_mapping_is_not_seen)
{
	int r = rt_open(_metadata, self->block, O_RDONLY);
	struct rt_map m = rt_map_subscriber(_metadata, r);
	struct rt_thread writer;

	ASSERT_EQ(SLOTS, rt_write_until_full(self->w, 8));
	rt_start_asleep(_metadata, &writer, wait_space, &self->w);
	ASSERT_TRUE(forget());
	ASSERT_TRUE(ring_cursor_release(&m.mem, m.cursor, m.cursor->cursor + 1, 1));
	RT_OK(ioctl(r, RING_IOC_WAKE, RING_WAKE_SPACE));
	ASSERT_TRUE(rt_ends(&writer, 5000));
	EXPECT_EQ(0, count("ring_release"));
	EXPECT_EQ(1, count("ring_wake"));
	EXPECT_EQ(1, count("ring_reclaim"));
	rt_unmap(&m);
	close(r);
}

/* The order in the trace is that in which things became visible. */
TEST_F(trace, publish_release_and_reclaim_are_in_order)
{
	int r = rt_open(_metadata, self->block, O_RDONLY | O_NONBLOCK);
	const char *publish, *release, *reclaim, *text;

	rt_subscribe(_metadata, r, 0, RING_OLDEST);
	ASSERT_EQ(8, rt_write(self->w, 8, 1));
	ASSERT_EQ(8, rt_read(r, 8, 1));
	close(r);
	text = traced();
	publish = strstr(text, ": ring_publish: ");
	release = strstr(text, ": ring_release: ");
	reclaim = strstr(text, ": ring_reclaim: ");
	ASSERT_NE(NULL, publish);
	ASSERT_NE(NULL, release);
	ASSERT_NE(NULL, reclaim);
	EXPECT_LT(publish, release);
	EXPECT_LT(release, reclaim);
}

/* Off is off. */
TEST_F(trace, disabled)
{
	ASSERT_TRUE(write_file(EVENTS "/enable", "0"));
	ASSERT_EQ(8, rt_write(self->w, 8, 1));
	RT_OK(ioctl(self->w, RING_IOC_FLUSH, 0));
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		EXPECT_EQ(0, count(events[i]));
}

/* ---- Making and unmaking: while the module is loaded and unloaded ---- */

/* So many that loading them takes longer than turning an event on */
#define MANY	256

/* On one processor, where this thread comes before all others */
static bool pin(bool first)
{
	struct sched_param param = { .sched_priority = first ? 1 : 0 };
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	return !sched_setaffinity(0, sizeof(cpu), &cpu) &&
	       !sched_setscheduler(0, first ? SCHED_FIFO : SCHED_OTHER, &param);
}

/* Turn an event on when the first ring is there; by then it is known to all parts of the kernel. */
static long enable_while_loading(void *event)
{
	__u64 deadline = rt_in_ms(20000);

	if (!pin(true))
		return -1;
	while (access("/dev/ring0", F_OK)) {
		if (rt_now() > deadline)
			return -1;
		rt_sleep_ms(1);
	}
	return write_file(event, "1") ? 0 : -1;
}

/* The kernel empties the trace when the module is gone: read while it goes. */
static long follow(void *text)
{
	int fd = open(INSTANCE "/trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	__u64 deadline = rt_in_ms(20000);
	size_t len = 0;
	ssize_t n;

	while (!strstr(text, ": ring_destroy: ") && rt_now() < deadline) {
		n = read(fd, (char *)text + len, 4096);
		if (n > 0)
			len += n;
		((char *)text)[len] = '\0';
	}
	close(fd);
	return 0;
}

TEST(create_and_destroy)
{
	static char text[1 << 20];
	struct rt_thread t;
	const char *line;
	unsigned int n;
	int fd;

	ASSERT_EQ(0, rt_unload());
	ASSERT_TRUE(!mkdir(INSTANCE, 0700) || errno == EEXIST);
	/* What the first event takes that is turned on is done before. */
	ASSERT_TRUE(write_file(INSTANCE "/events/sched/sched_process_exec/enable", "1"));
	ASSERT_TRUE(pin(false));
	rt_start(_metadata, &t, enable_while_loading, EVENTS "/ring_create/enable");
	ASSERT_EQ(0, rt_insert("rings=256 slots=4 slot_size=32 size=0 policy=block,overwrite direct=0,1"));
	ASSERT_TRUE(rt_ends(&t, 20000));
	ASSERT_EQ(0, t.ret);
	n = count("ring_create");
	/* The last so many of them */
	EXPECT_LE(1, n);
	EXPECT_GE(MANY, n);
	for (unsigned int i = 0; i < n; i++) {
		unsigned int id = MANY - n + i;

		EXPECT_TRACED("ring_create", i, "ring%u slots=4 slot_size=32 size=0 policy=%s direct=%d", id,
			      id ? "overwrite" : "block", id > 0);
	}

	fd = rt_open(_metadata, 0, O_RDWR);
	ASSERT_EQ(8, rt_write(fd, 8, 1));
	RT_OK(ioctl(fd, RING_IOC_FLUSH, 0));
	close(fd);
	ASSERT_TRUE(write_file(EVENTS "/ring_create/enable", "0"));
	ASSERT_TRUE(forget());
	ASSERT_TRUE(write_file(EVENTS "/ring_destroy/enable", "1"));
	rt_start(_metadata, &t, follow, text);
	ASSERT_EQ(0, rt_unload());
	ASSERT_TRUE(rt_ends(&t, 20000));
	line = strstr(text, ": ring_destroy: ");
	EXPECT_NE(NULL, line);
	EXPECT_TRUE(line && !strncmp(line, ": ring_destroy: ring0 tail=1 subscribers=0 producers=0\n", 55)) {
		TH_LOG("%.200s", text);
	}
	EXPECT_TRUE(end());
	EXPECT_EQ(0, rt_insert(PARAMETERS));
}

TEST_HARNESS_MAIN
