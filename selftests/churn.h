/* SPDX-License-Identifier: GPL-2.0 */
/* Ten thousand times a ring is asked for with random arguments, used and removed, by several processes at a time */
#ifndef CHURN_H
#define CHURN_H

#include "libring_helpers.h"

#define CHURNERS	4
#define CHURN		2500	/* creates, of each */

/* What came of it, of all processes together; not EINVAL, EEXIST */
struct churned {
	unsigned int creates;
	unsigned int made;
	unsigned int no_memory;	/* for what would have had room */
	unsigned int busy;	/* not destroyed: in use */
	unsigned int forced;	/* destroyed while in use */
	unsigned int woken;	/* readers that slept there */
};

#define CHURN_COUNT(what)	__atomic_fetch_add(&churned->what, 1, __ATOMIC_RELAXED)

/* How one of them uses a ring */
struct churn_use {
	int fd, cursor_fd, reader_fd;
	void *slots, *cursor;
	size_t slots_length;
	bool reads, slept;
	struct rt_thread reader;
};

/* Reads whatever others publish, until the ring is gone */
static inline long churn_read(void *use)
{
	char buf[64];
	ssize_t ret;

	do
		ret = read(((struct churn_use *)use)->reader_fd, buf, sizeof(buf));
	while (ret >= 0 || errno == EOVERFLOW || errno == ENOMEM || errno == EFAULT);
	return ret;
}

/* Each of these may fail: the ring may be gone already, or there is no memory. */
static inline void churn_use(struct churn_use *use, int id, unsigned int how, bool patient)
{
	struct ring_info info = { .size = sizeof(info) };
	struct ring_subscribe sub;
	char buf[64] = "";

	if (how & 1) {
		write(use->fd, buf, 10);
		read(use->fd, buf, sizeof(buf));
	}
	if (how & 2)
		rt_produce(use->fd, RING_PRODUCE_DIRECT);
	if (how & 4)
		rt_try_subscribe(use->fd, how >> 8 & RING_SUBSCRIBE_ALL, how >> 10 & 3, &sub);
	if (how & 8 && !ioctl(use->fd, RING_IOC_INFO, &info)) {
		use->slots_length = info.slots_length;
		use->slots = rt_map_area(use->fd, info.slots_offset, info.slots_length);
	}
	if (how & 16) {
		use->cursor_fd = ioctl(use->fd, RING_IOC_CURSOR, 0);
		if (use->cursor_fd >= 0)
			use->cursor = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, use->cursor_fd, 0);
	}
	if (!patient)
		return;
	use->reader_fd = rt_try_open(id, O_RDONLY);
	use->reader = (struct rt_thread) { .call = churn_read, .arg = use };
	use->reads = use->reader_fd >= 0 &&
		     !pthread_create(&use->reader.thread, NULL, rt_thread_main, &use->reader);
	/* Another process may be quicker to take the ring away. */
	while (use->reads && !use->slept && !__atomic_load_n(&use->reader.ended, __ATOMIC_ACQUIRE)) {
		pid_t tid = __atomic_load_n(&use->reader.tid, __ATOMIC_ACQUIRE);

		use->slept = tid && rt_task_state(tid) == 'S';
		rt_sleep_ms(1);
	}
}

/* What is mapped stays until it is unmapped, even of a ring that is gone. Whether the reader has ended as it should. */
static inline bool churn_unuse(struct churn_use *use)
{
	if (use->reads && (!rt_ends(&use->reader, 20000 * rt_slow()) || use->reader.error != ENODEV))
		return false;
	if (use->slots != MAP_FAILED) {
		*(volatile char *)use->slots;
		munmap(use->slots, use->slots_length);
	}
	if (use->cursor != MAP_FAILED) {
		*(volatile char *)use->cursor;
		munmap(use->cursor, 4096);
	}
	close(use->reader_fd);
	close(use->cursor_fd);
	close(use->fd);
	return true;
}

/* Whether a ring of less than 4 MiB should have found room: half of what rings may hold is free */
static inline bool churn_had_room(const struct ring_create *c)
{
	struct ring_version v;

	return c->bulk_size <= 1u << 20 && !ring_module_version(&v) && v.bytes <= v.max_bytes / 2;
}

/*
 * Make, use and remove rings at random, in the way of others who do the same; @failing: also allocations fail.
 * Returns what went wrong.
 */
static inline int churn(unsigned int seed, int times, bool failing, struct churned *churned)
{
	static const __u32 sizes[] = { 0, 4096, 65536, 1u << 20, 0, 65536, 1u << 20, 1u << 20, 1u << 28, 3 };
	static const __u32 modes[] = { 0, 0600, 0640, 0666, 0755 };

	for (int i = 0; i < times; i++) {
		struct churn_use use = {
			.fd = -1, .cursor_fd = -1, .reader_fd = -1, .slots = MAP_FAILED, .cursor = MAP_FAILED,
		};
		__u32 what = rand_r(&seed), id = rand_r(&seed) % 40;
		/* Whoever waits for a reader must be sure that the ring goes. */
		bool patient = what % 16 == 15, force = patient || what & 16;
		struct ring_create c;
		const char *which;
		bool valid;
		int err;

		ring_create_defaults(&c);
		c.id = what % 2 ? RING_ANY : id;
		c.slots = rand_r(&seed) % 16 ? 1u << rand_r(&seed) % 12 : rand_r(&seed) % 5000;
		c.slot_size = 16 * (rand_r(&seed) % 20);
		c.bulk_size = sizes[rand_r(&seed) % ARRAY_SIZE(sizes)];
		c.policy = rand_r(&seed) % 16 ? rand_r(&seed) % 2 : 2;
		c.mode = modes[rand_r(&seed) % ARRAY_SIZE(modes)];
		c.ring_flags = rand_r(&seed) % 4;
		if (what & 4)
			snprintf(c.name, sizeof(c.name), "churn-%u", rand_r(&seed) % 10);
		valid = !ring_mem_check(c.slots, c.slot_size, c.bulk_size, 4096, &which) &&
			c.policy <= RING_OVERWRITE && !(c.mode & ~0666);
		err = ring_create(&c);
		CHURN_COUNT(creates);
		if (err && err != -EINVAL && err != -EEXIST && err != -ENOMEM &&
		    !(failing && err == -EFAULT))
			return 1;
		if (err == -EINVAL ? valid : !valid && !failing)
			return 6;
		if (!err) {
			id = c.id;
			CHURN_COUNT(made);
		} else if (err == -ENOMEM && valid && churn_had_room(&c)) {
			CHURN_COUNT(no_memory);
		}
		use.fd = what & 8 ? rt_try_open((int)id, O_RDWR | O_NONBLOCK) : -1;
		if (use.fd >= 0)
			churn_use(&use, (int)id, what >> 5, patient);
		do
			err = ring_destroy(id, force ? RING_DESTROY_FORCE : 0);
		while (patient && (err == -ENOMEM || err == -EFAULT));
		if (err && err != -EBUSY && err != -ENOENT && !(failing && (err == -ENOMEM || err == -EFAULT)))
			return 2;
		if (err == -EBUSY)
			CHURN_COUNT(busy);
		if (!err && force && use.fd >= 0)
			CHURN_COUNT(forced);
		if (!churn_unuse(&use))
			return 5;
		if (use.slept)
			CHURN_COUNT(woken);
		if (i % 16 == 0 && ring_list(NULL, 0, NULL) < 0 && !failing)
			return 3;
	}
	return 0;
}

/*
 * The same with allocations that fail; not any more when the process ends, which may write files (see debug/flush.c):
 * an allocation that fails in the middle of that leaves 9p, where they lie, with numbers that cannot be used again.
 */
static inline int churn_failing(unsigned int seed, int times, struct churned *churned)
{
	int fd = open("/proc/self/make-it-fail", O_WRONLY | O_CLOEXEC), err;

	if (write(fd, "1", 1) != 1)
		return 4;
	err = churn(seed, times, true, churned);
	while (write(fd, "0", 1) != 1 && errno == EFAULT)
		;
	close(fd);
	return err;
}

/* Afterwards no ring is left, and nothing of any. */
static inline void churn_and_check(struct __test_metadata *_metadata, bool failing)
{
	static struct ring_list_entry e[64];
	struct churned *churned;
	struct ring_version v;
	pid_t pids[CHURNERS];
	/* As many where memory fails, however slow the machine: there is no other place to see what that leaks. */
	int i, n, times = failing ? CHURN : rt_times(CHURN);

	churned = mmap(NULL, sizeof(*churned), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)churned);
	for (i = 0; i < CHURNERS; i++) {
		pids[i] = rt_fork(_metadata);
		if (!pids[i])
			_exit(failing ? churn_failing(4711 + i, times, churned) :
					churn(4711 + i, times, false, churned));
	}
	for (i = 0; i < CHURNERS; i++)
		EXPECT_EQ(0, rt_wait_child(pids[i]));
	TH_LOG("%u creates: %u made, %u without memory; in use, %u stayed and %u went; %u readers woken",
	       churned->creates, churned->made, churned->no_memory, churned->busy, churned->forced,
	       churned->woken);
	EXPECT_EQ(CHURNERS * times, churned->creates);
	EXPECT_TRUE(failing ? churned->no_memory > 0 : churned->no_memory == 0);
	EXPECT_LT(times * CHURNERS / 10, churned->made);
	EXPECT_LT(0, churned->busy);
	EXPECT_LT(0, churned->forced);
	EXPECT_LT(0, churned->woken);
	/* Nobody has any of them open any more. */
	n = ring_list(e, 64, NULL);
	for (i = 0; i < n; i++) {
		EXPECT_EQ(0, e[i].opens);
		EXPECT_EQ(0, ring_destroy(e[i].id, 0));
	}
	ASSERT_EQ(0, ring_module_version(&v));
	EXPECT_EQ(0, v.bytes);
}

#endif /* CHURN_H */
