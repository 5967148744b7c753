/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the test programs share. Functions that take _metadata end the test when they fail. They, and
 * ASSERT_*(), are for the thread that runs the test only, and never for a FIXTURE_TEARDOWN(), which the
 * harness would run again, and again.
 *
 * The rings that the tests expect: /dev/ring0 of 4096 slots of 64 bytes with 1 MiB of bulk area, policy
 * block; /dev/ring1 the same with 16 MiB and policy overwrite.
 */
#ifndef RING_TEST_H
#define RING_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/ring.h>
#include <linux/ring_protocol.h>

/* So many times slower than usual is the machine, by its own word: RING_SLOW=N in the environment. */
static inline unsigned int rt_slow(void)
{
	const char *n = getenv("RING_SLOW");

	return n && atoi(n) > 1 ? atoi(n) : 1;
}

/* The harness' patience with a test */
#define alarm(seconds)	alarm((seconds) * rt_slow())
#include "kselftest_harness.h"
#undef alarm

#define BLOCK		0	/* the ring with policy block */
#define OVERWRITE	1	/* the ring with policy overwrite */

/* The highest bit of a pointer, and of a call's argument */
#define RT_HIGHEST	(~(~0ul >> 1))

#define RT_MS		1000000ull
#define RT_SECOND	1000000000ull

/* A call that must succeed, one that must fail with an errno */
#define RT_OK(call)		ASSERT_LE(0, (call)) { TH_LOG("%s: %s", #call, strerror(errno)); }
#define RT_FAILS(error, call)	do {					\
		long long __ret = (call);				\
		int __errno = errno;					\
									\
		EXPECT_EQ(-1, __ret) {					\
			TH_LOG("%s: no failure", #call);		\
		}							\
		if (__ret == -1) {					\
			EXPECT_EQ(error, __errno) {			\
				TH_LOG("%s: %s", #call, strerror(__errno)); \
			}						\
		}							\
	} while (0)

/* ---- Time ---- */

static inline __u64 rt_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * RT_SECOND + t.tv_nsec;
}

/* CLOCK_MONOTONIC, ns */
static inline __u64 rt_now(void)
{
	return rt_clock(CLOCK_MONOTONIC);
}

/* A deadline so many ms from now */
static inline __u64 rt_in_ms(unsigned int ms)
{
	return rt_now() + ms * RT_MS;
}

/* Whether something came within so many ms of @since; a machine that is slow is given more. */
static inline bool rt_within(__u64 since, unsigned int ms)
{
	return rt_now() <= since + (__u64)ms * rt_slow() * RT_MS;
}

static inline void rt_sleep_ms(unsigned int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* So many times, or fewer on a slow machine */
static inline int rt_times(int n)
{
	return n / (int)rt_slow();
}

/* ---- Opening ---- */

static inline int rt_try_open(int n, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/ring%d", n);
	return open(path, flags | O_CLOEXEC);
}

static inline int rt_open(struct __test_metadata *_metadata, int n, int flags)
{
	int fd = rt_try_open(n, flags);

	ASSERT_LE(0, fd) {
		TH_LOG("/dev/ring%d: %s", n, strerror(errno));
	}
	return fd;
}

/* Open a ring for reading and writing and drop what earlier tests left in it. */
static inline int rt_open_empty(struct __test_metadata *_metadata, int n)
{
	int fd = rt_open(_metadata, n, O_RDWR);

	RT_OK(ioctl(fd, RING_IOC_FLUSH, 0));
	return fd;
}

/* ---- Calls ---- */

static inline struct ring_info rt_info(struct __test_metadata *_metadata, int fd)
{
	struct ring_info info = { .size = sizeof(info) };

	RT_OK(ioctl(fd, RING_IOC_INFO, &info));
	return info;
}

static inline struct ring_stat rt_stat(struct __test_metadata *_metadata, int fd)
{
	struct ring_stat stat = { .size = sizeof(stat) };

	RT_OK(ioctl(fd, RING_IOC_STAT, &stat));
	return stat;
}

/* The subscriber with this id, as STAT tells. All zero: there is none. */
static inline struct ring_stat_subscriber rt_subscriber(struct __test_metadata *_metadata, int fd, __u32 id)
{
	struct ring_stat_subscriber all[64] = {}, none = {};
	struct ring_stat stat = {
		.size = sizeof(stat), .subscriber_array = (uintptr_t)all, .subscriber_count = ARRAY_SIZE(all),
	};
	__u32 i;

	RT_OK(ioctl(fd, RING_IOC_STAT, &stat));
	for (i = 0; i < stat.subscriber_count; i++)
		if (all[i].id == id)
			return all[i];
	return none;
}

static inline int rt_try_subscribe(int fd, __u32 flags, __u32 start, struct ring_subscribe *out)
{
	*out = (struct ring_subscribe) { .size = sizeof(*out), .flags = flags, .start = start };
	return ioctl(fd, RING_IOC_SUBSCRIBE, out);
}

/* Subscribe; @start is no RING_SEQUENCE. Returns the subscriber's id. */
static inline __u32 rt_subscribe(struct __test_metadata *_metadata, int fd, __u32 flags, __u32 start)
{
	struct ring_subscribe sub;

	RT_OK(rt_try_subscribe(fd, flags, start, &sub));
	return sub.id;
}

static inline int rt_produce(int fd, __u32 flags)
{
	struct ring_produce produce = { .size = sizeof(produce), .flags = flags };

	return ioctl(fd, RING_IOC_PRODUCE, &produce);
}

/* Publish one record. Returns 0 and its sequence, or -1. */
static inline int rt_publish(int fd, const void *data, __u32 len, __u32 tag, __u64 deadline, __u64 *sequence)
{
	struct ring_publish_record record = { (uintptr_t)data, len, tag };
	struct ring_publish publish = {
		.size = sizeof(publish), .records = (uintptr_t)&record, .count = 1, .deadline = deadline,
	};
	int ret = ioctl(fd, RING_IOC_PUBLISH, &publish);

	if (!ret && sequence)
		*sequence = publish.sequence;
	return ret;
}

/* Wait for the data that the file's cursor waits for. */
static inline int rt_wait_data(int fd, __u64 deadline)
{
	struct ring_wait wait = {
		.size = sizeof(wait), .flags = RING_WAIT_DATA, .sequence = RING_NONE, .deadline = deadline,
	};

	return ioctl(fd, RING_IOC_WAIT, &wait);
}

/* Wait for room for a record of so many slots. */
static inline int rt_wait_space(int fd, __u32 slots, __u64 deadline)
{
	struct ring_wait wait = {
		.size = sizeof(wait), .flags = RING_WAIT_SPACE, .sequence = RING_NONE, .slots = slots,
		.deadline = deadline,
	};

	return ioctl(fd, RING_IOC_WAIT, &wait);
}

static inline int rt_set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

/* What poll() says at once about @events */
static inline short rt_poll(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

/* ---- Records: the first 8 bytes say which one, the rest follows from that ---- */

#define RT_RECORD_MIN	8u

static __attribute__((noinline, unused)) void rt_fill(void *record, size_t len, __u64 number)
{
	unsigned char *p = record;
	__u64 x = number * 0x9e3779b97f4a7c15ull + len;
	size_t i;

	memcpy(p, &number, len < sizeof(number) ? len : sizeof(number));
	for (i = sizeof(number); i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = x;
	}
}

/* Whether it is the record of that number, whole */
static __attribute__((noinline, unused)) bool rt_is(const void *record, size_t len, __u64 number)
{
	const unsigned char *p = record;
	__u64 x = number * 0x9e3779b97f4a7c15ull + len;
	size_t i;

	if (memcmp(p, &number, len < sizeof(number) ? len : sizeof(number)))
		return false;
	for (i = sizeof(number); i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (p[i] != (unsigned char)x)
			return false;
	}
	return true;
}

/* write() the record of that number; returns what write() does. */
static inline ssize_t rt_write(int fd, size_t len, __u64 number)
{
	unsigned char *record = malloc(len);
	ssize_t ret;

	rt_fill(record, len, number);
	ret = write(fd, record, len);
	free(record);
	return ret;
}

/* read() a record of at most @max bytes; returns its length, or -1, or -2: it is not that of @number. */
static inline ssize_t rt_read(int fd, size_t max, __u64 number)
{
	unsigned char *record = malloc(max);
	ssize_t ret = read(fd, record, max);

	if (ret > 0 && !rt_is(record, ret, number))
		ret = -2;
	free(record);
	return ret;
}

/* Write records of @len bytes, numbered from 0, until there is no room. Returns how many, or -1. */
static inline long rt_write_until_full(int fd, size_t len)
{
	long n = 0;

	rt_set_nonblock(fd, true);
	while (rt_write(fd, len, n) == (ssize_t)len)
		n++;
	if (errno != EAGAIN)
		n = -1;
	rt_set_nonblock(fd, false);
	return n;
}

/* ---- The mapped ring ---- */

/**
 * struct rt_map - a ring's areas, mapped read-only, and perhaps a cursor page
 * @info: what INFO told
 * @mem: the protocol's view of it
 * @cursor: cursor page, NULL for none
 * @cursor_fd: its file, -1 for none
 */
struct rt_map {
	struct ring_info info;
	struct ring_mem mem;
	struct ring_cursor *cursor;
	int cursor_fd;
};

static inline void *rt_map_area(int fd, __u64 offset, __u64 length)
{
	return mmap(NULL, length, PROT_READ, MAP_SHARED, fd, offset);
}

static inline struct rt_map rt_map(struct __test_metadata *_metadata, int fd)
{
	struct rt_map m = { .info = rt_info(_metadata, fd), .cursor_fd = -1 };

	ring_mem_init(&m.mem, m.info.slots, m.info.slot_size, m.info.bulk_size);
	m.mem.control = rt_map_area(fd, m.info.control_offset, m.info.control_length);
	ASSERT_NE(MAP_FAILED, (void *)m.mem.control);
	m.mem.producers = rt_map_area(fd, m.info.producers_offset, m.info.producers_length);
	ASSERT_NE(MAP_FAILED, (void *)m.mem.producers);
	m.mem.slots = rt_map_area(fd, m.info.slots_offset, m.info.slots_length);
	ASSERT_NE(MAP_FAILED, (void *)m.mem.slots);
	if (m.info.bulk_length) {
		m.mem.bulk = rt_map_area(fd, m.info.bulk_offset, m.info.bulk_length);
		ASSERT_NE(MAP_FAILED, (void *)m.mem.bulk);
	}
	return m;
}

/* The cursor page of @fd, which becomes a subscriber if it is none */
static inline struct ring_cursor *rt_map_cursor(struct __test_metadata *_metadata, int fd, int *cursor_fd)
{
	struct ring_cursor *cursor;

	*cursor_fd = ioctl(fd, RING_IOC_CURSOR, 0);
	ASSERT_LE(0, *cursor_fd);
	cursor = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED, *cursor_fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)cursor);
	return cursor;
}

static inline struct rt_map rt_map_subscriber(struct __test_metadata *_metadata, int fd)
{
	struct rt_map m = rt_map(_metadata, fd);

	m.cursor = rt_map_cursor(_metadata, fd, &m.cursor_fd);
	return m;
}

static inline void rt_unmap(struct rt_map *m)
{
	munmap(m->mem.control, m->info.control_length);
	munmap(m->mem.producers, m->info.producers_length);
	munmap(m->mem.slots, m->info.slots_length);
	if (m->mem.bulk)
		munmap(m->mem.bulk, m->info.bulk_length);
	if (m->cursor)
		munmap(m->cursor, sysconf(_SC_PAGESIZE));
	if (m->cursor_fd >= 0)
		close(m->cursor_fd);
}

/* ---- Other threads and processes ---- */

/* The state letter of a thread, as ps shows it; 0: it is gone */
static inline char rt_task_state(pid_t tid)
{
	char path[64], line[256], *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	p = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	return p ? p[2] : 0;
}

/* Wait, 10 s at most, more on a slow machine, until a thread or a process is in this state; whether it came there. */
static inline bool rt_wait_state(pid_t tid, char state)
{
	__u64 deadline = rt_in_ms(10000 * rt_slow());

	while (rt_task_state(tid) != state) {
		if (rt_now() > deadline)
			return false;
		rt_sleep_ms(1);
	}
	return true;
}

/**
 * struct rt_thread - a call made by a thread of its own
 * @call: the call
 * @arg: what it is given
 * @ret: what it returned
 * @error: errno after it
 * @ended: when, as rt_now(); 0: not yet
 */
struct rt_thread {
	long (*call)(void *arg);
	void *arg;
	long ret;
	int error;
	__u64 ended;
	pid_t tid;
	pthread_t thread;
};

static inline void *rt_thread_main(void *thread)
{
	struct rt_thread *t = thread;

	__atomic_store_n(&t->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	t->ret = t->call(t->arg);
	t->error = errno;
	__atomic_store_n(&t->ended, rt_now(), __ATOMIC_RELEASE);
	return NULL;
}

/* Have a thread call @call(@arg) */
static inline void rt_start(struct __test_metadata *_metadata, struct rt_thread *t, long (*call)(void *),
			    void *arg)
{
	*t = (struct rt_thread) { .call = call, .arg = arg };
	ASSERT_EQ(0, pthread_create(&t->thread, NULL, rt_thread_main, t));
	while (!__atomic_load_n(&t->tid, __ATOMIC_ACQUIRE))
		rt_sleep_ms(1);
}

/* ... and wait until it sleeps in it. */
static inline void rt_start_asleep(struct __test_metadata *_metadata, struct rt_thread *t,
				   long (*call)(void *), void *arg)
{
	rt_start(_metadata, t, call, arg);
	ASSERT_TRUE(rt_wait_state(t->tid, 'S'));
	/* It may have been seen asleep on the way there. */
	rt_sleep_ms(20);
	ASSERT_TRUE(rt_wait_state(t->tid, 'S'));
	ASSERT_EQ(0, __atomic_load_n(&t->ended, __ATOMIC_ACQUIRE)) {
		TH_LOG("it does not sleep: %ld %s", t->ret, strerror(t->error));
	}
}

/* Wait for the end of the call, so many ms at most, or more on a slow machine; whether it came. */
static inline bool rt_ends(struct rt_thread *t, unsigned int ms)
{
	__u64 deadline = rt_in_ms(ms * rt_slow());

	while (!__atomic_load_n(&t->ended, __ATOMIC_ACQUIRE)) {
		if (rt_now() > deadline)
			return false;
		rt_sleep_ms(1);
	}
	pthread_join(t->thread, NULL);
	return true;
}

/* How often a thread has gone to sleep */
static inline long rt_voluntary_switches(pid_t tid)
{
	char path[64], line[128];
	long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "voluntary_ctxt_switches: %ld", &n);
	if (f)
		fclose(f);
	return n;
}

/* CPU time that a thread has taken so far, ns */
static inline __u64 rt_thread_cpu(const struct rt_thread *t)
{
	clockid_t clock;

	return pthread_getcpuclockid(t->thread, &clock) ? 0 : rt_clock(clock);
}

/* A process that is killed when this one ends. In the child: returns 0. */
static inline pid_t rt_fork(struct __test_metadata *_metadata)
{
	pid_t parent = getpid(), pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

/* The exit status of a child, 128 + signal if it was killed */
static inline int rt_wait_child(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- The module itself, for programs that load it with parameters of their own ---- */

/* delete_module(); whoever was killed may take a moment to let go of it. */
static inline int rt_unload(void)
{
	__u64 deadline = rt_in_ms(5000 * rt_slow());

	while (syscall(SYS_delete_module, "ring", O_NONBLOCK) && errno != ENOENT) {
		if (rt_now() > deadline)
			return -1;
		rt_sleep_ms(10);
	}
	return 0;
}

/* Load the module, which is not loaded: as insmod does, without the cost of running it. */
static inline int rt_insert(const char *args)
{
	static char path[4096];
	int fd, ret;

	if (!*path && getenv("RING_KO")) {
		snprintf(path, sizeof(path), "%s", getenv("RING_KO"));
	} else if (!*path) {
		FILE *f = popen("modinfo -n ring", "r");

		if (!f || !fgets(path, sizeof(path), f))
			return -1;
		path[strcspn(path, "\n")] = '\0';
		pclose(f);
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = syscall(SYS_finit_module, fd, args, 0);
	close(fd);
	return ret;
}

/* Load it with these parameters, instead of those it is loaded with. */
static inline int rt_load(const char *args)
{
	return rt_unload() ?: rt_insert(args);
}

static char rt_saved[4000] __attribute__((unused));

static inline void rt_restore(void)
{
	if (rt_load(rt_saved))
		fprintf(stderr, "# the module cannot be loaded as it was: %s\n", rt_saved);
}

static inline void rt_save(void)
{
	static const char *const names[] = {
		"rings", "slots", "slot_size", "size", "policy", "direct", "max_bytes",
	};
	size_t at = 0, i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		char path[80], value[500] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/sys/module/ring/parameters/%s", names[i]);
		f = fopen(path, "r");
		if (!f)
			continue;
		if (fgets(value, sizeof(value), f))
			value[strcspn(value, "\n")] = '\0';
		fclose(f);
		if (*value)
			at += snprintf(rt_saved + at, sizeof(rt_saved) - at, "%s=%s ", names[i], value);
	}
	atexit(rt_restore);
}

/* @args, with direct= as it was saved if they do not say */
static inline const char *rt_args(const char *args)
{
	const char *direct = strstr(rt_saved, "direct=");
	static char all[1000];

	if (strstr(args, "direct=") || !direct)
		return args;
	snprintf(all, sizeof(all), "%s %.*s", args, (int)strcspn(direct, " "), direct);
	return all;
}

/*
 * For a program whose tests load the module: it is loaded with these parameters when the program starts, and
 * with those it had before when it ends. Tests run in processes of their own, which end without that.
 */
#define RT_LOADS(args)						\
	static void __attribute__((constructor)) rt_begin(void)	\
	{							\
		rt_save();					\
		if (rt_load(rt_args(args)))			\
			fprintf(stderr, "# the module cannot be loaded: %s\n", args); \
	}

#endif /* RING_TEST_H */
