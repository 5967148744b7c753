// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that are killed in the middle of anything: they gate nobody any more, leave no half record, and
 * all the memory that they made the module hold comes back.
 *
 * Ten thousand opens by processes that are all ended by SIGKILL and never close anything: OPENS files each,
 * so that it is a quarter as many forks. Each file is a subscriber with its cursor page mapped, half of them
 * are producers too.
 */

#include <libring.h>

#include "ring_test.h"

#define OPENS		4	/* by one process */
#define KILLS		2500
#define AT_ONCE		8	/* processes */
#define WARM_UP		200	/* kills before memory is measured: caches fill */
#define RECORD		2000

/* What a process does when it is killed */
enum victim {
	PAUSES,			/* with all areas mapped */
	READS,
	READS_MANY,
	WRITES,
	PUBLISHES,
	POLLS,
	WAITS,
	LIBRARY,
	VICTIMS,
};

struct shared {
	__u32 ready;		/* processes that are at it */
};

static __u32 random_below(__u32 limit)
{
	static __u32 state = 1;

	state = state * 1664525u + 1013904223u;
	return ((__u64)state * limit) >> 32;
}

static struct shared *make_shared(struct __test_metadata *_metadata)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, (void *)shared);
	return shared;
}

static void be_ready(struct shared *shared)
{
	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
}

static void wait_ready(struct shared *shared, __u32 count)
{
	while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) < count)
		sched_yield();
}

/* Write records, each whole and none like another, until the end. */
static void write_for_ever(int fd)
{
	static unsigned char record[RECORD];
	__u64 number;

	for (number = 0;; number++) {
		size_t len = 8 + random_below(number % 4 ? 40 : RECORD - 8);

		rt_fill(record, len, number);
		if (write(fd, record, len) < 0)
			_exit(2);
	}
}

static void publish_for_ever(int fd)
{
	static unsigned char records[16][RECORD];
	struct ring_publish_record array[16];
	struct ring_publish arg = {
		.size = sizeof(arg), .records = (uintptr_t)array, .deadline = RING_NEVER,
	};
	__u64 number = 0;
	int i;

	for (;;) {
		for (i = 0; i < 16; i++, number++) {
			array[i] = (struct ring_publish_record) {
				(uintptr_t)records[i], 8 + random_below(RECORD - 8), 0,
			};
			rt_fill(records[i], array[i].len, number);
		}
		arg.count = 16;
		if (ioctl(fd, RING_IOC_PUBLISH, &arg))
			_exit(2);
	}
}

/* A life that ends by SIGKILL. Records may be lost, and there may be room or none. */
static void live(struct __test_metadata *_metadata, enum victim victim, int ring, struct shared *shared)
{
	struct ring_read_record records[8];
	static char buf[64 * 1024];
	struct ring_read many = {
		.size = sizeof(many), .records = (uintptr_t)records, .count = 8, .buf = (uintptr_t)buf,
		.buf_len = sizeof(buf), .deadline = RING_NEVER,
	};
	struct pollfd fds[OPENS];
	struct ring *handles[OPENS];
	struct ring_view v;
	int i, cursor_fd;

	for (i = 0; i < OPENS; i++) {
		if (victim == LIBRARY) {
			ASSERT_EQ(0, ring_open("0", RING_OPEN_READ | RING_OPEN_WRITE, &handles[i]));
			ASSERT_EQ(0, ring_subscribe(handles[i], NULL));
			continue;
		}
		fds[i].fd = rt_open(_metadata, ring, i % 2 ? O_RDWR : O_RDONLY);
		fds[i].events = POLLIN | POLLPRI;
		rt_subscribe(_metadata, fds[i].fd, 0, i % 2 ? RING_NEXT : RING_OLDEST);
		if (i % 2)
			rt_produce(fds[i].fd, 0);
		/* All areas take long to map. */
		if (victim == PAUSES && !i)
			rt_map_subscriber(_metadata, fds[i].fd);
		else
			rt_map_cursor(_metadata, fds[i].fd, &cursor_fd);
	}
	be_ready(shared);
	for (;;) {
		switch (victim) {
		case PAUSES:
			pause();
			break;
		case READS:
			if (read(fds[0].fd, buf, sizeof(buf)) < 0 && errno != EOVERFLOW)
				_exit(2);
			break;
		case READS_MANY:
			many.taken = 0;
			many.needed = 0;
			if (ioctl(fds[1].fd, RING_IOC_READ, &many) && errno != EOVERFLOW)
				_exit(2);
			break;
		case WRITES:
			write_for_ever(fds[1].fd);
			break;
		case PUBLISHES:
			publish_for_ever(fds[1].fd);
			break;
		case POLLS:
			poll(fds, OPENS, -1);
			break;
		case WAITS:
			if (rt_wait_data(fds[0].fd, RING_NEVER) ||
			    (read(fds[0].fd, buf, sizeof(buf)) < 0 && errno != EOVERFLOW))
				_exit(2);
			break;
		default:
			ring_publish(handles[0], buf, 30, 0, RING_NOW);
			ring_next(handles[1], &v);
			ring_release(handles[1]);
			ring_wait(handles[3], ring_deadline_in(RT_MS));
		}
	}
}

/* Let so many processes live for a moment and kill them. Returns how many died of anything else. */
static int kill_some(struct __test_metadata *_metadata, int count, struct shared *shared)
{
	int others = 0, done, n, i;
	pid_t pid[AT_ONCE];

	for (done = 0; done < count; done += n) {
		n = count - done < AT_ONCE ? count - done : AT_ONCE;
		shared->ready = 0;
		for (i = 0; i < n; i++) {
			pid[i] = rt_fork(_metadata);
			if (!pid[i]) {
				/* Each kind on each ring */
				live(_metadata, (done + i) % VICTIMS,
				     done / AT_ONCE % 2 ? OVERWRITE : BLOCK, shared);
				_exit(3);
			}
		}
		wait_ready(shared, n);
		for (i = 0; i < n; i++) {
			volatile __u32 spins = random_below(20000);

			while (spins)
				spins--;
			kill(pid[i], SIGKILL);
		}
		for (i = 0; i < n; i++)
			others += rt_wait_child(pid[i]) != 128 + SIGKILL;
	}
	return others;
}

/* ---- Memory ---- */

/**
 * struct memory - what could leak; bytes, and numbers of the module's own
 * @pages: that nobody accounts for; the module's are among them
 * @slab: kmalloc() and the like
 * @areas: memory of several pages that the module has mapped in the kernel
 * @users: of the module
 */
struct memory {
	long long available;
	long long pages;
	long long slab;
	long long areas;
	long long bytes[2];
	long long subscribers[2];
	long long producers[2];
	long long users;
};

/* The number behind @name in a file; '#': how many lines have @name; '+': the sum of what stands behind it */
static long long look_up(const char *file, const char *name)
{
	FILE *f = fopen(file, "r");
	long long found = name && strchr("#+", *name) ? 0 : -1;
	char line[512], *at;

	while (f && fgets(line, sizeof(line), f)) {
		if (!name)
			found = atoll(line);
		else if (*name == '#')
			found += !!strstr(line, name + 1);
		else if (*name == '+')
			found += (at = strstr(line, name + 1)) ? atoll(at + strlen(name) - 1) : 0;
		else if (!strncmp(line, name, strlen(name)))
			found = atoll(line + strlen(name));
	}
	if (f)
		fclose(f);
	return found;
}

static struct memory measure(struct __test_metadata *_metadata)
{
	static const char *const known[] = {
		"MemFree:", "Buffers:", "Cached:", "SwapCached:", "AnonPages:", "Slab:", "KernelStack:",
		"PageTables:", "Percpu:",
	};
	struct memory m;
	char path[64];
	int fd, i;

	/* What the dead left in caches is not what is looked for. */
	fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, write(fd, "3", 1));
	close(fd);
	rt_sleep_ms(500);
	m.available = look_up("/proc/meminfo", "MemAvailable:") * 1024;
	m.pages = look_up("/proc/meminfo", "MemTotal:") * 1024;
	for (i = 0; i < ARRAY_SIZE(known); i++)
		m.pages -= look_up("/proc/meminfo", known[i]) * 1024;
	/* Free, but in the lists of the processors */
	m.pages -= look_up("/proc/zoneinfo", "+ count: ") * sysconf(_SC_PAGESIZE);
	m.slab = look_up("/proc/meminfo", "Slab:") * 1024;
	m.areas = look_up("/proc/vmallocinfo", "#ring_area_alloc");
	m.users = look_up("/sys/module/ring/refcnt", NULL);
	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/sys/class/ring/ring%d/bytes", i);
		m.bytes[i] = look_up(path, NULL);
		snprintf(path, sizeof(path), "/sys/class/ring/ring%d/subscribers", i);
		m.subscribers[i] = look_up(path, NULL);
		snprintf(path, sizeof(path), "/sys/class/ring/ring%d/producers", i);
		m.producers[i] = look_up(path, NULL);
	}
	return m;
}

/* Only tests of a fixture may take longer than others. */
FIXTURE(memory) {};
FIXTURE_SETUP(memory) {}
FIXTURE_TEARDOWN(memory) {}

TEST_F_TIMEOUT(memory, is_back_after_ten_thousand_opens, 110)
{
	struct shared *shared = make_shared(_metadata);
	struct memory before, after;
	int fd[2] = { rt_open_empty(_metadata, BLOCK), rt_open_empty(_metadata, OVERWRITE) }, i;

	ASSERT_LE(10000, OPENS * KILLS);
	EXPECT_EQ(0, kill_some(_metadata, WARM_UP, shared));
	before = measure(_metadata);
	ASSERT_LT(0, before.available);
	ASSERT_LT(0, before.areas);
	EXPECT_EQ(0, kill_some(_metadata, rt_times(KILLS), shared));
	after = measure(_metadata);
	TH_LOG("%d killed, %d opens: pages %+lld KiB, slab %+lld KiB, available memory %+lld KiB", rt_times(KILLS),
	       rt_times(KILLS) * OPENS, (after.pages - before.pages) / 1024, (after.slab - before.slab) / 1024,
	       (after.available - before.available) / 1024);
	/* A page for each subscriber would be 40 MB, the module's data of each file 5 MB. */
	EXPECT_GT(2 << 20, after.pages - before.pages);
	EXPECT_GT(2 << 20, after.slab - before.slab);
	EXPECT_EQ(before.areas, after.areas);
	EXPECT_EQ(before.users, after.users);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(before.bytes[i], after.bytes[i]);
		EXPECT_EQ(0, before.subscribers[i]);
		EXPECT_EQ(0, after.subscribers[i]);
		EXPECT_EQ(before.producers[i], after.producers[i]);
		/* And they work. */
		EXPECT_EQ(0, ioctl(fd[i], RING_IOC_FLUSH, 0));
		EXPECT_EQ(40, rt_write(fd[i], 40, 1));
		EXPECT_EQ(40, rt_read(fd[i], 40, 1));
	}
}

/* ---- Gating ---- */

static long write_one(void *fd)
{
	return rt_write(*(int *)fd, 40, 77);
}

/* A process that subscribes to the block ring and does nothing any more */
static pid_t subscribe_and_stop(struct __test_metadata *_metadata, struct shared *shared, bool stopped)
{
	pid_t pid = rt_fork(_metadata);
	int fd;

	if (!pid) {
		fd = rt_open(_metadata, BLOCK, O_RDONLY);
		rt_subscribe(_metadata, fd, RING_SUBSCRIBE_RELIABLE, RING_OLDEST);
		rt_map_subscriber(_metadata, fd);
		be_ready(shared);
		if (stopped)
			raise(SIGSTOP);
		for (;;)
			pause();
	}
	return pid;
}

static void gate_is_gone_with(struct __test_metadata *_metadata, bool stopped)
{
	int fd = rt_open_empty(_metadata, BLOCK), taking, i;
	struct shared *shared = make_shared(_metadata);
	struct rt_thread writer;
	pid_t slow, other;
	__u64 killed;

	for (i = 0; i < 30; i++) {
		shared->ready = 0;
		slow = subscribe_and_stop(_metadata, shared, stopped);
		wait_ready(shared, 1);
		/* One that takes everything: with it alone, there is room. */
		taking = rt_open(_metadata, BLOCK, O_RDONLY | O_NONBLOCK);
		rt_subscribe(_metadata, taking, 0, RING_OLDEST);
		ASSERT_LT(0, rt_write_until_full(fd, 40));
		while (rt_read(taking, 64, 0) != -1)
			;
		rt_start_asleep(_metadata, &writer, write_one, &fd);
		killed = rt_now();
		ASSERT_EQ(0, kill(slow, SIGKILL));
		ASSERT_TRUE(rt_ends(&writer, 5000));
		EXPECT_EQ(40, writer.ret);
		EXPECT_GT(1000 * rt_slow() * RT_MS, writer.ended - killed);
		EXPECT_EQ(128 + SIGKILL, rt_wait_child(slow));
		EXPECT_EQ(1, rt_stat(_metadata, fd).subscribers);
		close(taking);
		ASSERT_EQ(0, ioctl(fd, RING_IOC_FLUSH, 0));
	}

	/* The next slowest gates in its place. */
	shared->ready = 0;
	slow = subscribe_and_stop(_metadata, shared, stopped);
	other = subscribe_and_stop(_metadata, shared, stopped);
	wait_ready(shared, 2);
	ASSERT_LT(0, rt_write_until_full(fd, 40));
	rt_start_asleep(_metadata, &writer, write_one, &fd);
	kill(slow, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, rt_wait_child(slow));
	rt_sleep_ms(100);
	EXPECT_EQ(0, __atomic_load_n(&writer.ended, __ATOMIC_ACQUIRE));
	/* With nobody to release anything, a block ring keeps what it has. */
	kill(other, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, rt_wait_child(other));
	rt_sleep_ms(100);
	EXPECT_EQ(0, __atomic_load_n(&writer.ended, __ATOMIC_ACQUIRE));
	ASSERT_EQ(0, ioctl(fd, RING_IOC_FLUSH, 0));
	EXPECT_TRUE(rt_ends(&writer, 5000));
}

TEST(a_killed_reader_gates_nobody)
{
	gate_is_gone_with(_metadata, false);
}

TEST(a_stopped_reader_that_is_killed_gates_nobody)
{
	gate_is_gone_with(_metadata, true);
}

/* A file lasts until its last descriptor and its last mapping are gone, whoever has them. */
TEST(a_shared_file_gates_until_the_last_that_has_it_is_killed)
{
	int fd = rt_open_empty(_metadata, BLOCK), other = rt_open(_metadata, BLOCK, O_RDONLY);
	struct shared *shared = make_shared(_metadata);
	struct rt_map map;
	pid_t pid[2];
	int i;

	rt_subscribe(_metadata, other, 0, RING_OLDEST);
	map = rt_map_subscriber(_metadata, other);
	for (i = 0; i < 2; i++) {
		pid[i] = rt_fork(_metadata);
		if (!pid[i]) {
			/* One has descriptors and mapping, the other one the mapping only. */
			if (i) {
				close(other);
				close(map.cursor_fd);
			}
			be_ready(shared);
			for (;;)
				pause();
		}
	}
	wait_ready(shared, 2);
	rt_unmap(&map);
	close(other);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(1, rt_stat(_metadata, fd).subscribers);
		kill(pid[i], SIGKILL);
		EXPECT_EQ(128 + SIGKILL, rt_wait_child(pid[i]));
	}
	EXPECT_EQ(0, rt_stat(_metadata, fd).subscribers);
}

/* ---- What dead producers leave ---- */

static void no_half_records(struct __test_metadata *_metadata, int ring, void (*produce)(int fd))
{
	int fd = rt_open_empty(_metadata, ring), r = rt_open(_metadata, ring, O_RDONLY | O_NONBLOCK), i;
	struct shared *shared = make_shared(_metadata);
	unsigned long taken = 0, overruns = 0;
	static unsigned char buf[RECORD];
	struct ring_stat stat;
	__u64 number;
	pid_t pid;
	ssize_t n;

	rt_subscribe(_metadata, r, 0, RING_OLDEST);
	for (i = 0; i < 200; i++) {
		shared->ready = 0;
		pid = rt_fork(_metadata);
		if (!pid) {
			be_ready(shared);
			produce(rt_open(_metadata, ring, O_RDWR));
		}
		wait_ready(shared, 1);
		rt_sleep_ms(random_below(4));
		kill(pid, SIGKILL);
		EXPECT_EQ(128 + SIGKILL, rt_wait_child(pid));
		stat = rt_stat(_metadata, fd);
		EXPECT_EQ(0, stat.busy_owner);
		while ((n = read(r, buf, sizeof(buf))) > 0 || errno == EOVERFLOW) {
			overruns += n < 0;
			if (n < 0)
				continue;
			taken++;
			memcpy(&number, buf, sizeof(number));
			ASSERT_LE(8, n);
			ASSERT_TRUE(rt_is(buf, n, number)) {
				TH_LOG("record of %zd bytes is torn", n);
			}
		}
		ASSERT_EQ(EAGAIN, errno);
	}
	EXPECT_LT(0, taken);
	if (ring == BLOCK)
		EXPECT_EQ(0, overruns);
	EXPECT_EQ(1, rt_stat(_metadata, fd).subscribers);
}

TEST(dead_writers_leave_no_half_record_on_a_block_ring)
{
	no_half_records(_metadata, BLOCK, write_for_ever);
}

TEST(dead_writers_leave_no_half_record_on_an_overwrite_ring)
{
	no_half_records(_metadata, OVERWRITE, write_for_ever);
}

TEST(dead_publishers_leave_no_half_record_on_a_block_ring)
{
	no_half_records(_metadata, BLOCK, publish_for_ever);
}

TEST(dead_publishers_leave_no_half_record_on_an_overwrite_ring)
{
	no_half_records(_metadata, OVERWRITE, publish_for_ever);
}

TEST_HARNESS_MAIN
