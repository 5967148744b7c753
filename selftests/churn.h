/* SPDX-License-Identifier: GPL-2.0 */
/* Ten thousand rings, made with random arguments and removed by several processes, some of them while in use */
#ifndef CHURN_H
#define CHURN_H

#include "libring_helpers.h"

#define CHURNERS	4
#define CHURN		2500	/* creates, of each */

/*
 * Make, use and remove rings at random, in the way of others who do the same; @failing: also allocations fail.
 * Returns what went wrong.
 */
static inline int churn(unsigned int seed, bool failing)
{
	static const __u32 sizes[] = { 0, 4096, 65536, 1u << 20, 1u << 28, 3 };

	if (failing) {
		int fd = open("/proc/self/make-it-fail", O_WRONLY | O_CLOEXEC);

		if (write(fd, "1", 1) != 1)
			return 4;
		close(fd);
	}
	for (int i = 0; i < rt_times(CHURN); i++) {
		__u32 what = rand_r(&seed), id = rand_r(&seed) % 40;
		struct ring_create c;
		int err, fd;

		ring_create_defaults(&c);
		c.id = what % 2 ? RING_ANY : id;
		c.slots = 1u << rand_r(&seed) % 12;
		c.slot_size = 16 * (rand_r(&seed) % 20);
		c.bulk_size = sizes[rand_r(&seed) % ARRAY_SIZE(sizes)];
		c.ring_flags = rand_r(&seed) % 4;
		if (what & 4)
			snprintf(c.name, sizeof(c.name), "churn-%u", rand_r(&seed) % 10);
		err = ring_create(&c);
		if (err && err != -EINVAL && err != -EEXIST && err != -ENOMEM &&
		    !(failing && err == -EFAULT))
			return 1;
		if (!err)
			id = c.id;
		fd = what & 8 ? rt_try_open((int)id, O_RDWR | O_NONBLOCK) : -1;
		if (fd >= 0) {
			char buf[64];

			write(fd, buf, 10);
			read(fd, buf, sizeof(buf));
			if (what & 32)
				rt_produce(fd, RING_PRODUCE_DIRECT);
		}
		err = ring_destroy(id, what & 16 ? RING_DESTROY_FORCE : 0);
		if (err && err != -EBUSY && err != -ENOENT && !(failing && (err == -ENOMEM || err == -EFAULT)))
			return 2;
		close(fd);
		if (i % 16 == 0 && ring_list(NULL, 0, NULL) < 0 && !failing)
			return 3;
	}
	return 0;
}

/* Afterwards no ring is left, and nothing of any. */
static inline void churn_and_check(struct __test_metadata *_metadata, bool failing)
{
	static struct ring_list_entry e[64];
	struct ring_version v;
	pid_t pids[CHURNERS];
	int i, n;

	for (i = 0; i < CHURNERS; i++) {
		pids[i] = rt_fork(_metadata);
		if (!pids[i])
			_exit(churn(4711 + i, failing));
	}
	for (i = 0; i < CHURNERS; i++)
		EXPECT_EQ(0, rt_wait_child(pids[i]));
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
