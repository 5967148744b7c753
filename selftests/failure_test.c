// SPDX-License-Identifier: GPL-2.0
/*
 * Allocations that fail, the first one of a call, the second, and so on until none is left: the call says ENOMEM,
 * nothing is left of it, and the next try works. For kernels with fault injection (CONFIG_FAILSLAB,
 * CONFIG_FAIL_PAGE_ALLOC, CONFIG_FAULT_INJECTION_DEBUG_FS, CONFIG_FAULT_INJECTION_USERCOPY).
 */
#include <sys/mount.h>

#include "churn.h"

#define PARAMETERS	"rings=1 slots=64 size=4096 max_bytes=64M"
#define DEBUGFS		"/sys/kernel/debug"

RT_LOADS(PARAMETERS)

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

FIXTURE(failure) {
	int w, r;		/* of ring 0, which is empty; @r is no subscriber yet */
	int made;		/* what a call has made: a descriptor or a number */
	struct ring_version before;
};

FIXTURE_SETUP(failure)
{
	ASSERT_TRUE(set_up()) {
		TH_LOG("this kernel has no fault injection");
	}
	self->w = rt_open_empty(_metadata, 0);
	self->r = rt_open(_metadata, 0, O_RDONLY | O_NONBLOCK);
	rt_set_nonblock(self->w, true);
	ASSERT_EQ(0, ring_module_version(&self->before));
}

FIXTURE_TEARDOWN(failure)
{
	fail_nth(0);
	close(self->w);
	close(self->r);
}

typedef FIXTURE_DATA(failure) data;

/* ---- Calls: 0 or -errno, and what undoes them ---- */

static int result(long ret)
{
	return ret < 0 ? -errno : 0;
}

static int made(data *self, int ret)
{
	self->made = ret;
	return result(ret);
}

static void close_made(data *self)
{
	close(self->made);
}

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

static void undo_create(data *self)
{
	ring_destroy(self->made, 0);
}

static int do_open(data *self)
{
	return made(self, rt_try_open(0, O_RDWR | O_NONBLOCK));
}

/* On a file that is new, and has to get whatever it needs; left open when the caller undoes it. */
static int on_new_file(data *self, int (*call)(int fd))
{
	int err = do_open(self);

	if (err)
		return err;
	err = call(self->made);
	if (err && err != -EFAULT)
		close_made(self);
	return err;
}

static int subscribe(int fd)
{
	struct ring_subscribe sub;

	return result(rt_try_subscribe(fd, 0, RING_OLDEST, &sub));
}

static int do_subscribe(data *self)
{
	return on_new_file(self, subscribe);
}

static int read_nothing(int fd)
{
	char c;
	int err = result(read(fd, &c, 1));

	return err == -EAGAIN ? 0 : err;
}

static int do_read(data *self)
{
	return on_new_file(self, read_nothing);
}

static int poll_nothing(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return result(poll(&p, 1, 0));
}

static int do_poll(data *self)
{
	return on_new_file(self, poll_nothing);
}

static int cursor_page(int fd)
{
	int cursor = ioctl(fd, RING_IOC_CURSOR, 0), err = result(cursor);

	close(cursor);
	return err;
}

static int do_cursor(data *self)
{
	return on_new_file(self, cursor_page);
}

static int produce(int fd)
{
	return result(rt_produce(fd, 0));
}

static int do_produce(data *self)
{
	return on_new_file(self, produce);
}

static int do_map(data *self)
{
	struct ring_info info = { .size = sizeof(info) };
	void *p;
	int err = result(ioctl(self->r, RING_IOC_INFO, &info));

	if (err)
		return err;
	p = mmap(NULL, info.bulk_length, PROT_READ, MAP_SHARED, self->r, info.bulk_offset);
	if (p == MAP_FAILED)
		return -errno;
	munmap(p, info.bulk_length);
	return 0;
}

static int do_write(data *self)
{
	return result(rt_write(self->w, 1000, 1) < 0 ? -1 : 0);
}

static void flush(data *self)
{
	ioctl(self->w, RING_IOC_FLUSH, 0);
}

static int do_publish(data *self)
{
	return result(rt_publish(self->w, "x", 1, 0, RING_NOW, NULL));
}

static int do_stat(data *self)
{
	static struct ring_stat_subscriber subscribers[64];
	struct ring_stat stat = {
		.size = sizeof(stat), .subscriber_array = (uintptr_t)subscribers, .subscriber_count = 64,
	};

	return result(ioctl(self->w, RING_IOC_STAT, &stat));
}

static int do_list(data *self __attribute__((unused)))
{
	static struct ring_list_entry e[64];

	return ring_list(e, 64, NULL) < 0 ? -errno : 0;
}

static void nothing(data *self __attribute__((unused)))
{
}

static const struct op {
	const char *name;
	int (*call)(data *self);
	void (*undo)(data *self);
} ops[] = {
	{ "create", do_create, undo_create },
	{ "open", do_open, close_made },
	{ "subscribe", do_subscribe, close_made },
	{ "first read", do_read, close_made },
	{ "first poll", do_poll, close_made },
	{ "cursor page", do_cursor, close_made },
	{ "mmap", do_map, nothing },
	{ "produce", do_produce, close_made },
	{ "write", do_write, flush },
	{ "publish", do_publish, flush },
	{ "stat", do_stat, nothing },
	{ "list", do_list, nothing },
};

/* What is left of a call that failed: nothing */
static void expect_nothing(struct __test_metadata *_metadata, data *self, const char *name, int n)
{
	struct ring_list_entry e[4];
	struct ring_version v;

	ASSERT_EQ(0, ring_module_version(&v));
	/* A cursor page stays with its file for the next try. */
	EXPECT_GE(self->before.bytes + 4096, v.bytes) {
		TH_LOG("%s, allocation %d", name, n);
	}
	ASSERT_EQ(1, ring_list(e, 4, NULL));
	EXPECT_EQ(2, e[0].opens) {
		TH_LOG("%s, allocation %d", name, n);
	}
	EXPECT_EQ(0, e[0].subscribers) {
		TH_LOG("%s, allocation %d", name, n);
	}
	EXPECT_EQ(0, rt_stat(_metadata, self->w).retained) {
		TH_LOG("%s, allocation %d", name, n);
	}
}

TEST_F_TIMEOUT(failure, of_each_allocation, 200)
{
	tell_kernel_log(PROVOKED);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		const struct op *op = &ops[i];
		int n, failures = 0;

		for (n = 1; ; n++) {
			int err;
			bool failed;

			fail_nth(n);
			err = op->call(self);
			failed = has_failed();
			if (err) {
				EXPECT_TRUE(failed && (err == -ENOMEM || err == -EFAULT)) {
					TH_LOG("%s, allocation %d: %s", op->name, n, strerror(-err));
				}
				failures++;
				/*
				 * EFAULT may come from copying the answer out to where it could be copied a moment
				 * ago. A caller that brings that about itself has been served all the same.
				 */
				if (err == -EFAULT)
					op->undo(self);
				expect_nothing(_metadata, self, op->name, n);
				EXPECT_EQ(0, op->call(self)) {
					TH_LOG("%s, again after allocation %d", op->name, n);
				}
			}
			op->undo(self);
			if (!failed)
				break;
			ASSERT_GT(5000, n);
		}
		TH_LOG("%s: %d points of failure, %d errors", op->name, n - 1, failures);
	}
	tell_kernel_log(NOT_PROVOKED);
}

/*
 * Whatever fails while the module makes itself ready: it is not loaded, and nothing is left of it; the next try works.
 * What the kernel does before is not ours: as much as there is of it when the module refuses its parameters at once.
 */
TEST_F_TIMEOUT(failure, of_each_allocation_at_load, 200)
{
	int n, before, failures = 0, last_error = 0;
	bool failed;

	close(self->w);
	close(self->r);
	self->w = self->r = -1;
	tell_kernel_log(PROVOKED);
	/* The kernel itself warns, once, when it has no memory for a tracepoint's fields. */
	set("/proc/sys/kernel/panic_on_warn", "0");
	ASSERT_EQ(0, rt_unload());
	before = points_of_load("rings=257");
	ASSERT_LT(0, before);
	for (n = before > 20 ? before - 20 : 1; ; n++) {
		int err;

		ASSERT_EQ(0, rt_unload());
		fail_nth(n);
		err = rt_insert(PARAMETERS) ? errno : 0;
		failed = has_failed();
		if (!failed)
			break;
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
	TH_LOG("%d points of failure, %d of them the kernel's; %d errors, the last at %d", n - 1, before, failures,
	       last_error);
	EXPECT_LT(50, failures);
	ASSERT_EQ(0, rt_load(PARAMETERS));
}

TEST_F_TIMEOUT(failure, at_random_while_rings_come_and_go, 280)
{
	close(self->w);
	close(self->r);
	self->w = self->r = -1;
	tell_kernel_log(PROVOKED);
	ASSERT_TRUE(set_in("failslab", "probability", "2"));
	ASSERT_TRUE(set_in("fail_page_alloc", "probability", "1"));
	churn_and_check(_metadata, true);
	set_in("failslab", "probability", "0");
	set_in("fail_page_alloc", "probability", "0");
	tell_kernel_log(NOT_PROVOKED);
}

TEST_HARNESS_MAIN
