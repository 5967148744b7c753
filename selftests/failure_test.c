// SPDX-License-Identifier: GPL-2.0
/*
 * Allocations that fail, the first one of a call, the second, and so on until none is left: the call says ENOMEM,
 * nothing is left of it, and the next try works. For kernels with fault injection (CONFIG_FAILSLAB,
 * CONFIG_FAIL_PAGE_ALLOC, CONFIG_FAULT_INJECTION_DEBUG_FS, CONFIG_FAULT_INJECTION_USERCOPY).
 */
#include <sys/mount.h>

#include "churn.h"

#define PARAMETERS	"slots=64 size=4096 max_bytes=64M"
#define DEBUGFS		"/sys/kernel/debug"

#define RINGS		2
#define DIRECT		1	/* the direct one of them */

RT_LOADS("rings=2 direct=0,1 " PARAMETERS)

/* ---- Fault injection ---- */

static bool set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);

	close(fd);
	return done;
}

static bool set_in(const char *folder, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", folder, name);
	return set(path, value);
}

/* From now on the @nth allocation of this thread fails; 0: none. */
static void fail_nth(int nth)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", nth);
	set("/proc/thread-self/fail-nth", text);
}

/* Ends that; whether it has failed */
static bool has_failed(void)
{
	char text[16] = "";
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	bool failed = fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && atoi(text) == 0;

	close(fd);
	fail_nth(0);
	return failed;
}

/* What the kernel itself says of allocations that fail is no complaint from here to there: see vm/complaint. */
static void tell_kernel_log(const char *text)
{
	set("/dev/kmsg", text);
}

#define PROVOKED	"ring: failures are provoked\n"
#define NOT_PROVOKED	"ring: failures are not provoked any more\n"

static bool set_up(void)
{
	static const char *const folders[] = { "failslab", "fail_page_alloc" };
	bool done = true;

	mount("debugfs", DEBUGFS, "debugfs", 0, NULL);
	set(DEBUGFS "/kmemleak", "scan=off"); /* what the kernel leaves is told apart in debug/leaks.sh alone */
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		done &= set_in(folders[i], "ignore-gfp-wait", "N");
		done &= set_in(folders[i], "verbose", "0");
		done &= set_in(folders[i], "times", "-1");
		done &= set_in(folders[i], "probability", "0");
		done &= set_in(folders[i], "task-filter", "Y");
	}
	done &= set_in("fail_page_alloc", "min-order", "0");
	done &= set_in("fail_page_alloc", "ignore-gfp-highmem", "N");
	return done && set_in("fail_usercopy", "verbose", "0");
}

/* How many points of failure a load with these parameters has */
static int points_of_load(const char *args)
{
	char text[16] = "";
	int fd, left;

	fail_nth(100000);
	rt_insert(args);
	fd = open("/proc/thread-self/fail-nth", O_RDONLY | O_CLOEXEC);
	left = read(fd, text, sizeof(text) - 1) > 0 ? atoi(text) : 0;
	close(fd);
	fail_nth(0);
	return 100000 - left;
}

/* What can be seen of a ring, and of the memory of all */
struct state {
	struct ring_list_entry rings[RINGS + 2];
	int count;
	__u64 bytes;
	__u64 retained;
};

FIXTURE(failure) {
	int w, r;		/* of ring 0, which is empty; @r is no subscriber */
	int made;		/* what a call has made, or is made for it: a descriptor or a number */
	long published;		/* how many records a call says that it has published; -1: it says nothing */
	long retained;		/* and how many there were */
	struct state before;
};

typedef FIXTURE_DATA(failure) data;

static void look(struct __test_metadata *_metadata, data *self, struct state *s)
{
	struct ring_version v;

	s->count = ring_list(s->rings, ARRAY_SIZE(s->rings), NULL);
	ASSERT_LE(0, s->count);
	ASSERT_EQ(0, ring_module_version(&v));
	s->bytes = v.bytes;
	s->retained = rt_stat(_metadata, self->w).retained;
}

FIXTURE_SETUP(failure)
{
	ASSERT_TRUE(set_up()) {
		TH_LOG("this kernel has no fault injection");
	}
	self->w = rt_open_empty(_metadata, 0);
	self->r = rt_open(_metadata, 0, O_RDONLY | O_NONBLOCK);
	rt_set_nonblock(self->w, true);
}

FIXTURE_TEARDOWN(failure)
{
	fail_nth(0);
	close(self->w);
	close(self->r);
}

/* ---- What is made ready for calls, and what undoes both ---- */

static int result(long ret)
{
	return ret < 0 ? -errno : 0;
}

static int made(data *self, int ret)
{
	self->made = ret;
	return result(ret);
}

static void nothing(data *self __attribute__((unused)))
{
}

static void close_made(data *self)
{
	close(self->made);
}

static void flush(data *self)
{
	ioctl(self->w, RING_IOC_FLUSH, 0);
}

/* As many records should be there as the call said. */
static void flush_published(data *self)
{
	struct ring_stat stat = { .size = sizeof(stat) };

	ioctl(self->w, RING_IOC_STAT, &stat);
	self->retained = self->published < 0 ? -1 : (long)stat.retained;
	flush(self);
}

/* A file that is new, and has to get whatever it needs */
static void new_file(data *self)
{
	self->made = rt_try_open(0, O_RDWR | O_NONBLOCK);
}

static void new_direct_file(data *self)
{
	self->made = rt_try_open(DIRECT, O_RDWR | O_NONBLOCK);
}

static void new_subscriber(data *self)
{
	struct ring_subscribe sub;

	new_file(self);
	rt_try_subscribe(self->made, 0, RING_OLDEST, &sub);
}

/* ... with something to read: a record of some slots */
static void new_reader(data *self)
{
	new_subscriber(self);
	rt_write(self->w, 1000, 1);
}

static void close_and_flush(data *self)
{
	close_made(self);
	flush(self);
}

static void new_ring(data *self)
{
	struct ring_create c;

	ring_create_defaults(&c);
	c.slots = 64;
	c.bulk_size = 4096;
	strcpy(c.name, "made");
	ring_create(&c);
	self->made = c.id;
}

static void remove_made(data *self)
{
	ring_destroy(self->made, 0);
}

/* ---- Calls: 0 or -errno ---- */

static int do_create(data *self)
{
	struct ring_create c;
	int err;

	ring_create_defaults(&c);
	c.slots = 64;
	c.bulk_size = 4096;
	strcpy(c.name, "made");
	err = ring_create(&c);
	self->made = c.id;
	return err;
}

static int do_destroy(data *self)
{
	return ring_destroy(self->made, 0);
}

static int do_find(data *self __attribute__((unused)))
{
	__u32 id;

	return ring_find("made", &id);
}

static int do_list(data *self __attribute__((unused)))
{
	struct ring_list_entry e[4];	/* so few that they are no matter of vmalloc() */
	int ret = ring_list(e, 4, NULL);

	return ret < 0 ? ret : 0;
}

static int do_version(data *self __attribute__((unused)))
{
	struct ring_version v;

	return ring_module_version(&v);
}

static int do_open(data *self)
{
	return made(self, rt_try_open(0, O_RDWR | O_NONBLOCK));
}

static int do_subscribe(data *self)
{
	struct ring_subscribe sub;

	return result(rt_try_subscribe(self->made, 0, RING_OLDEST, &sub));
}

static int do_read_nothing(data *self)
{
	char c;
	int err = result(read(self->made, &c, 1));

	return err == -EAGAIN ? 0 : err;
}

static int do_read(data *self)
{
	return result(rt_read(self->made, 2000, 1) == 1000 ? 0 : -1);
}

static int do_read_many(data *self)
{
	struct ring_read_record record;
	static char buf[2000];
	struct ring_read read = {
		.size = sizeof(read), .records = (uintptr_t)&record, .count = 1, .buf = (uintptr_t)buf,
		.buf_len = sizeof(buf),
	};

	return result(ioctl(self->made, RING_IOC_READ, &read));
}

static int do_get(data *self)
{
	static char buf[2000];
	struct ring_get get = {
		.size = sizeof(get), .flags = RING_GET_LATEST, .buf = (uintptr_t)buf, .buf_len = sizeof(buf),
	};

	return result(ioctl(self->made, RING_IOC_GET, &get));
}

static int do_seek(data *self)
{
	struct ring_seek seek = { .size = sizeof(seek), .start = RING_NEXT };

	return result(ioctl(self->made, RING_IOC_SEEK, &seek));
}

static int do_lseek(data *self)
{
	return result(lseek(self->made, 0, SEEK_END));
}

static int do_wait_data(data *self)
{
	int err = result(rt_wait_data(self->made, RING_NOW));

	return err == -EAGAIN ? 0 : err;
}

static int do_wait_space(data *self)
{
	return result(rt_wait_space(self->made, 1, RING_NOW));
}

static int do_length(data *self)
{
	int length;

	return result(ioctl(self->made, FIONREAD, &length));
}

static int do_sigio(data *self)
{
	return result(fcntl(self->made, F_SETFL, O_NONBLOCK | O_ASYNC));
}

static int do_poll(data *self)
{
	struct pollfd p = { .fd = self->made, .events = POLLIN };

	return result(poll(&p, 1, 0));
}

static int do_cursor(data *self)
{
	int cursor = ioctl(self->made, RING_IOC_CURSOR, 0), err = result(cursor);
	void *p = MAP_FAILED;

	if (!err) {
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, cursor, 0);
		err = p == MAP_FAILED ? -errno : 0;
	}
	if (p != MAP_FAILED)
		munmap(p, 4096);
	close(cursor);
	return err;
}

static int do_produce(data *self)
{
	return result(rt_produce(self->made, 0));
}

static int do_produce_direct(data *self)
{
	return result(rt_produce(self->made, RING_PRODUCE_DIRECT));
}

static int map(int fd, int prot)
{
	struct ring_info info = { .size = sizeof(info) };
	void *p;
	int err = result(ioctl(fd, RING_IOC_INFO, &info));

	if (err)
		return err;
	p = mmap(NULL, info.bulk_length, prot, MAP_SHARED, fd, info.bulk_offset);
	if (p == MAP_FAILED)
		return -errno;
	munmap(p, info.bulk_length);
	return 0;
}

static int do_map(data *self)
{
	return map(self->r, PROT_READ);
}

static void new_direct_producer(data *self)
{
	new_direct_file(self);
	rt_produce(self->made, RING_PRODUCE_DIRECT);
}

static int do_map_writable(data *self)
{
	return map(self->made, PROT_READ | PROT_WRITE);
}

static int do_write(data *self)
{
	return result(rt_write(self->w, 1000, 1));
}

static int do_write_short(data *self)
{
	return result(rt_write(self->w, 20, 1));
}

/* A long one, gathered */
static int do_writev(data *self)
{
	char data[1000] = "";
	struct iovec parts[] = { { data, 400 }, { data + 400, 600 } };

	return result(writev(self->w, parts, 2));
}

/* Of a batch that fails in the middle, the first so many records are published. */
static int do_publish(data *self)
{
	static char data[500];
	struct ring_publish_record records[8];
	struct ring_publish publish = {
		.size = sizeof(publish), .records = (uintptr_t)records, .count = ARRAY_SIZE(records),
	};
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		records[i] = (struct ring_publish_record) { (uintptr_t)data, i % 2 ? 10 : sizeof(data), i };
	err = result(ioctl(self->w, RING_IOC_PUBLISH, &publish));
	self->published = err ? -1 : (long)publish.published;
	return err;
}

static int do_stat(data *self)
{
	static struct ring_stat_subscriber subscribers[64];
	struct ring_stat stat = {
		.size = sizeof(stat), .subscriber_array = (uintptr_t)subscribers, .subscriber_count = 64,
	};

	return result(ioctl(self->w, RING_IOC_STAT, &stat));
}

static int do_debugfs(data *self)
{
	char text[4096];
	int fd = open(DEBUGFS "/ring/ring0", O_RDONLY | O_CLOEXEC);
	int err = result(fd < 0 ? -1 : read(fd, text, sizeof(text)));

	(void)self;
	close(fd);
	return err;
}

/* What a file may keep for the next try: it has become a subscriber, and its cursor page is there. */
#define MAY_SUBSCRIBE	1
/* The call allocates: one of its failures at least is ENOMEM. */
#define ALLOCATES	2

static const struct op {
	const char *name;
	void (*prepare)(data *self);
	int (*call)(data *self);
	void (*undo)(data *self);	/* both */
	int flags;
} ops[] = {
	{ "create", nothing, do_create, remove_made, ALLOCATES },
	{ "destroy", new_ring, do_destroy, remove_made, ALLOCATES },
	{ "find", new_ring, do_find, remove_made, ALLOCATES },
	{ "list", nothing, do_list, nothing, ALLOCATES },
	{ "version", nothing, do_version, nothing, ALLOCATES },
	{ "open", nothing, do_open, close_made, ALLOCATES },
	{ "subscribe", new_file, do_subscribe, close_made, ALLOCATES },
	{ "first read", new_file, do_read_nothing, close_made, ALLOCATES },
	{ "first poll", new_file, do_poll, close_made, 0 },
	{ "first seek", new_file, do_seek, close_made, ALLOCATES },
	{ "first lseek", new_file, do_lseek, close_made, ALLOCATES },
	{ "first wait", new_file, do_wait_data, close_made, ALLOCATES },
	{ "first FIONREAD", new_file, do_length, close_made, ALLOCATES },
	{ "first O_ASYNC", new_file, do_sigio, close_made, ALLOCATES },
	{ "cursor page", new_file, do_cursor, close_made, ALLOCATES | MAY_SUBSCRIBE },
	{ "read", new_reader, do_read, close_and_flush, 0 },
	{ "read many", new_reader, do_read_many, close_and_flush, 0 },
	{ "get", new_reader, do_get, close_and_flush, 0 },
	{ "seek", new_reader, do_seek, close_and_flush, 0 },
	{ "wait for data", new_reader, do_wait_data, close_and_flush, 0 },
	{ "wait for space", new_file, do_wait_space, close_made, 0 },
	{ "mmap", nothing, do_map, nothing, ALLOCATES },
	{ "produce", new_file, do_produce, close_made, 0 },
	{ "produce directly", new_direct_file, do_produce_direct, close_made, 0 },
	{ "mmap, writable", new_direct_producer, do_map_writable, close_made, ALLOCATES },
	{ "write", nothing, do_write, flush, 0 },
	{ "write a gathered one", nothing, do_writev, flush, 0 },
	{ "write a short one", nothing, do_write_short, flush, 0 },
	{ "publish many", nothing, do_publish, flush_published, 0 },
	{ "debugfs", new_subscriber, do_debugfs, close_made, ALLOCATES },
	{ "stat", new_subscriber, do_stat, close_made, ALLOCATES },
};

/* What is left of a call that failed: nothing */
static void expect_as_before(struct __test_metadata *_metadata, data *self, const struct op *op, int n)
{
	const struct state *before = &self->before;
	__u32 more = op->flags & MAY_SUBSCRIBE ? 1 : 0;
	struct state now = {};

	look(_metadata, self, &now);
	EXPECT_GE(before->bytes + more * 4096, now.bytes) {
		TH_LOG("%s, allocation %d", op->name, n);
	}
	EXPECT_EQ(before->retained, now.retained) {
		TH_LOG("%s, allocation %d", op->name, n);
	}
	ASSERT_EQ(before->count, now.count) {
		TH_LOG("%s, allocation %d", op->name, n);
	}
	for (int i = 0; i < now.count; i++) {
		EXPECT_TRUE(before->rings[i].opens == now.rings[i].opens &&
			    before->rings[i].producers == now.rings[i].producers &&
			    before->rings[i].subscribers + more >= now.rings[i].subscribers) {
			TH_LOG("%s, allocation %d: ring%d is open %u times, %u subscribers, %u producers",
			       op->name, n, i, now.rings[i].opens, now.rings[i].subscribers,
			       now.rings[i].producers);
		}
	}
}

static void prepare(struct __test_metadata *_metadata, data *self, const struct op *op)
{
	op->prepare(self);
	look(_metadata, self, &self->before);
}

TEST_F_TIMEOUT(failure, of_each_allocation, 200)
{
	tell_kernel_log(PROVOKED);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		const struct op *op = &ops[i];
		int n, failures = 0, no_memory = 0;

		self->published = self->retained = -1;
		for (n = 1; ; n++) {
			int err;
			bool failed;

			prepare(_metadata, self, op);
			fail_nth(n);
			err = op->call(self);
			failed = has_failed();
			if (err) {
				EXPECT_TRUE(failed && (err == -ENOMEM || err == -EFAULT)) {
					TH_LOG("%s, allocation %d: %s", op->name, n, strerror(-err));
				}
				failures++;
				no_memory += err == -ENOMEM;
				/*
				 * EFAULT may come from copying the answer out to where it could be copied a moment
				 * ago. A caller that brings that about itself has been served all the same.
				 */
				if (err == -EFAULT) {
					op->undo(self);
					op->prepare(self);
				}
				expect_as_before(_metadata, self, op, n);
				EXPECT_EQ(0, op->call(self)) {
					TH_LOG("%s, again after allocation %d", op->name, n);
				}
			}
			op->undo(self);
			EXPECT_EQ(self->published, self->retained) {
				TH_LOG("%s, allocation %d", op->name, n);
			}
			if (!failed)
				break;
			ASSERT_GT(5000, n);
		}
		TH_LOG("%s: %d points of failure, %d errors, %d of them ENOMEM", op->name, n - 1, failures,
		       no_memory);
		EXPECT_LT(0, op->flags & ALLOCATES ? no_memory : n - 1) {
			TH_LOG("%s: nothing has failed", op->name);
		}
	}
	tell_kernel_log(NOT_PROVOKED);
}

/*
 * Whatever fails while the module makes itself ready: it is not loaded, and nothing is left of it; the next try works.
 * What the kernel does before is not ours: as much as there is of it when the module refuses its parameters at once.
 * That varies by a few points, with the pages that it takes many at a time: so more than once.
 */
TEST_F_TIMEOUT(failure, of_each_allocation_at_load, 200)
{
	int n, before, turn, failures = 0, last_error = 0;
	bool failed;

	close(self->w);
	close(self->r);
	self->w = self->r = -1;
	tell_kernel_log(PROVOKED);
	/* The kernel itself warns, once, when it has no memory for a tracepoint's fields. */
	set("/proc/sys/kernel/panic_on_warn", "0");
	ASSERT_EQ(0, rt_unload());
	before = points_of_load("rings=257");
	ASSERT_LT(20, before);
	for (turn = 0, n = before - 20; turn < 4; n++) {
		int err;

		ASSERT_EQ(0, rt_unload());
		fail_nth(n);
		err = rt_insert("rings=1 " PARAMETERS) ? errno : 0;
		failed = has_failed();
		if (!failed) {
			turn++;
			n = before - 20;
			continue;
		}
		if (err) {
			failures++;
			last_error = n;
			EXPECT_TRUE(err == ENOMEM || err == EFAULT) {
				TH_LOG("allocation %d: %s", n, strerror(err));
			}
			EXPECT_NE(0, access("/sys/module/ring", F_OK));
			EXPECT_NE(0, access("/sys/class/ring", F_OK));
			EXPECT_NE(0, access("/dev/ring0", F_OK));
			EXPECT_NE(0, access("/dev/ring-control", F_OK));
			EXPECT_NE(0, access(DEBUGFS "/ring", F_OK));
		}
		ASSERT_GT(5000, n);
	}
	set("/proc/sys/kernel/panic_on_warn", "1");
	tell_kernel_log(NOT_PROVOKED);
	TH_LOG("%d points of failure are the kernel's; %d errors, the last at %d", before, failures, last_error);
	EXPECT_LT(200, failures);
	ASSERT_EQ(0, rt_load("rings=2 direct=0,1 " PARAMETERS));
}

TEST_F_TIMEOUT(failure, at_random_while_rings_come_and_go, 280)
{
	close(self->w);
	close(self->r);
	self->w = self->r = -1;
	tell_kernel_log(PROVOKED);
	/* So rarely that most rings are made all the same: a large one takes hundreds of pages. */
	ASSERT_TRUE(set_in("failslab", "interval", "4"));
	ASSERT_TRUE(set_in("fail_page_alloc", "interval", "8"));
	ASSERT_TRUE(set_in("failslab", "probability", "2"));
	ASSERT_TRUE(set_in("fail_page_alloc", "probability", "1"));
	churn_and_check(_metadata, true);
	set_in("failslab", "probability", "0");
	set_in("fail_page_alloc", "probability", "0");
	tell_kernel_log(NOT_PROVOKED);
}

TEST_HARNESS_MAIN
