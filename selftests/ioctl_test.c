// SPDX-License-Identifier: GPL-2.0
/* What is the same for all calls: sizes, flags, reserved members, open modes, pointers; and INFO */

#include <stddef.h>

#include "ring_test.h"

/* One argument of any call, with room behind it for a larger structure, and what it points to */
struct argument {
	union {
		__u32 size;
		struct {
			__u32 size;
			__u32 flags;
		} head;
		struct ring_info info;
		struct ring_subscribe subscribe;
		struct ring_seek seek;
		struct ring_produce produce;
		struct ring_publish publish;
		struct ring_read read;
		struct ring_get get;
		struct ring_wait wait;
		struct ring_stat stat;
		unsigned char bytes[1024];
	};
};

static char payload[64];
static struct ring_publish_record publish_record = { .len = sizeof(payload) };
static struct ring_read_record read_record;

/* Every call with a structure, with what makes it succeed on a file that did nothing before */
static struct call {
	const char *name;
	unsigned int command;
	int mode;			/* what the file must be open for, besides O_RDWR; -1: anything */
	__u32 flags;			/* those that there are */
	struct {
		size_t offset, length;
	} reserved[3];
	struct argument valid;
} calls[] = {
#define MEMBER(type, member)	offsetof(struct type, member), sizeof(((struct type *)0)->member)
#define RESERVED(type, member)	{ MEMBER(type, member) }
	{
		"INFO", RING_IOC_INFO, -1, 0, { RESERVED(ring_info, reserved) },
		{ .info = { .size = sizeof(struct ring_info) } },
	}, {
		"SUBSCRIBE", RING_IOC_SUBSCRIBE, O_RDONLY, RING_SUBSCRIBE_ALL,
		{ RESERVED(ring_subscribe, reserved) },
		{ .subscribe = { .size = sizeof(struct ring_subscribe) } },
	}, {
		"SEEK", RING_IOC_SEEK, O_RDONLY, 0, { RESERVED(ring_seek, reserved) },
		{ .seek = { .size = sizeof(struct ring_seek) } },
	}, {
		"PRODUCE", RING_IOC_PRODUCE, O_WRONLY, RING_PRODUCE_ALL, { RESERVED(ring_produce, reserved) },
		{ .produce = { .size = sizeof(struct ring_produce) } },
	}, {
		"PUBLISH", RING_IOC_PUBLISH, O_WRONLY, 0, {},
		{ .publish = {
			.size = sizeof(struct ring_publish), .count = 1, .deadline = RING_NOW,
		} },
	}, {
		"READ", RING_IOC_READ, O_RDONLY, 0, {},
		{ .read = {
			.size = sizeof(struct ring_read), .count = 1,
			.buf_len = sizeof(payload), .deadline = RING_NOW,
		} },
	}, {
		"GET", RING_IOC_GET, O_RDONLY, RING_GET_ALL, { RESERVED(ring_get, reserved) },
		{ .get = {
			.size = sizeof(struct ring_get), .flags = RING_GET_LATEST, .buf_len = sizeof(payload),
		} },
	}, {
		"WAIT", RING_IOC_WAIT, -1, RING_WAIT_ALL, { RESERVED(ring_wait, reserved) },
		{ .wait = {
			.size = sizeof(struct ring_wait), .flags = RING_WAIT_DATA, .sequence = RING_NONE,
			.deadline = RING_NOW,
		} },
	}, {
		"STAT", RING_IOC_STAT, -1, 0,
		{ RESERVED(ring_stat, reserved0), RESERVED(ring_stat, reserved1), RESERVED(ring_stat, reserved) },
		{ .stat = { .size = sizeof(struct ring_stat) } },
	},
};

#define for_each_call(c)	for (c = calls; c < calls + ARRAY_SIZE(calls); c++)

/* What they point to: as a __u64, an address of 32 bits is no constant. */
static void __attribute__((constructor)) point(void)
{
	struct call *c;

	publish_record.addr = (uintptr_t)payload;
	for_each_call(c) {
		if (c->command == RING_IOC_PUBLISH) {
			c->valid.publish.records = (uintptr_t)&publish_record;
		} else if (c->command == RING_IOC_READ) {
			c->valid.read.records = (uintptr_t)&read_record;
			c->valid.read.buf = (uintptr_t)payload;
		} else if (c->command == RING_IOC_GET) {
			c->valid.get.buf = (uintptr_t)payload;
		}
	}
}

FIXTURE(ioctl) {
	int fd;			/* changes nothing: for STAT */
	struct ring_stat before;
};

/* One record is there to be read. */
FIXTURE_SETUP(ioctl)
{
	int w = rt_open_empty(_metadata, BLOCK);

	ASSERT_EQ(40, rt_write(w, 40, 1));
	close(w);
	self->fd = rt_open(_metadata, BLOCK, O_RDONLY);
	self->before = rt_stat(_metadata, self->fd);
}

FIXTURE_TEARDOWN(ioctl)
{
	close(self->fd);
}

/* Call with a structure, on a file of its own; returns 0 or the errno. */
static int call_with(struct __test_metadata *_metadata, const struct call *c, const struct argument *arg)
{
	int fd = rt_open(_metadata, BLOCK, O_RDWR);
	struct argument copy = *arg;
	int ret = ioctl(fd, c->command, &copy) < 0 ? errno : 0;

	close(fd);
	return ret;
}

/* What a refused call must have left as it was, with its file still open */
static void expect_nothing_done(struct __test_metadata *_metadata, FIXTURE_DATA(ioctl) *self, const char *name)
{
	struct ring_stat stat = rt_stat(_metadata, self->fd);

	EXPECT_EQ(self->before.published, stat.published) {
		TH_LOG("by %s", name);
	}
	EXPECT_EQ(self->before.retained, stat.retained) {
		TH_LOG("by %s", name);
	}
	EXPECT_EQ(self->before.subscribers, stat.subscribers) {
		TH_LOG("by %s", name);
	}
	EXPECT_EQ(self->before.producers, stat.producers) {
		TH_LOG("by %s", name);
	}
}

#define EXPECT_CALL(error, arg)	do {					\
		int __got = call_with(_metadata, c, (arg));		\
									\
		EXPECT_EQ(error, __got) {				\
			TH_LOG("%s: %s", c->name, strerror(__got));	\
		}							\
	} while (0)

TEST_F(ioctl, the_valid_ones_are_valid)
{
	const struct call *c;

	for_each_call(c)
		EXPECT_CALL(0, &c->valid);
}

TEST_F(ioctl, a_structure_may_be_larger_but_not_smaller)
{
	const struct call *c;

	for_each_call(c) {
		struct argument arg = c->valid;
		__u32 size = arg.size;

		for (__u32 smaller = 0; smaller < size; smaller += smaller < size - 1 ? 1 : 7) {
			arg.size = smaller;
			EXPECT_CALL(EINVAL, &arg);
		}
		for (__u32 more = 1; more <= 512; more *= 8) {
			arg = c->valid;
			arg.size = size + more;
			EXPECT_CALL(0, &arg);
			arg.bytes[size + more - 1] = 1;
			EXPECT_CALL(E2BIG, &arg);
		}
		arg = c->valid;
		arg.size = 1u << 31;
		EXPECT_CALL(E2BIG, &arg);
	}
}

/* Members that only tell something are not looked at: a structure can be used again as it came back. */
TEST_F(ioctl, what_only_tells)
{
	static const struct {
		unsigned int command;
		size_t offset, length;
	} out[] = {
		{ RING_IOC_INFO, MEMBER(ring_info, abi) },
		{ RING_IOC_INFO, MEMBER(ring_info, name) },
		{ RING_IOC_SUBSCRIBE, MEMBER(ring_subscribe, sequence) },
		{ RING_IOC_SUBSCRIBE, MEMBER(ring_subscribe, id) },
		{ RING_IOC_SEEK, MEMBER(ring_seek, sequence) },
		{ RING_IOC_PRODUCE, MEMBER(ring_produce, owner) },
		{ RING_IOC_PUBLISH, MEMBER(ring_publish, published) },
		{ RING_IOC_PUBLISH, MEMBER(ring_publish, sequence) },
		{ RING_IOC_READ, MEMBER(ring_read, taken) },
		{ RING_IOC_READ, MEMBER(ring_read, needed) },
		{ RING_IOC_GET, MEMBER(ring_get, sequence) },
		{ RING_IOC_GET, MEMBER(ring_get, len) },
		{ RING_IOC_GET, MEMBER(ring_get, tag) },
		{ RING_IOC_STAT, MEMBER(ring_stat, head) },
		{ RING_IOC_STAT, MEMBER(ring_stat, busy_pid) },
	};
	const struct call *c;

	for (size_t i = 0; i < ARRAY_SIZE(out); i++) {
		for_each_call(c) {
			struct argument arg = c->valid;

			if (c->command != out[i].command)
				continue;
			memset(arg.bytes + out[i].offset, 0xee, out[i].length);
			EXPECT_CALL(0, &arg);
		}
	}
}

/* The size that counts is the one in the structure, not the one in the command's number. */
TEST_F(ioctl, the_size_in_the_number_does_not_matter)
{
	const struct call *c;

	for_each_call(c) {
		struct call other = *c;

		other.command = _IOC(_IOC_DIR(c->command), RING_IOC_MAGIC, _IOC_NR(c->command), 1000);
		EXPECT_EQ(0, call_with(_metadata, &other, &c->valid)) {
			TH_LOG("%s", c->name);
		}
	}
}

TEST_F(ioctl, unknown_flags)
{
	const struct call *c;

	for_each_call(c) {
		for (int bit = 0; bit < 32; bit++) {
			struct argument arg = c->valid;

			if (c->flags >> bit & 1)
				continue;
			arg.head.flags |= 1u << bit;
			EXPECT_CALL(EINVAL, &arg);
		}
	}
	expect_nothing_done(_metadata, self, "an unknown flag");
}

TEST_F(ioctl, reserved_members)
{
	const struct call *c;

	for_each_call(c) {
		for (size_t i = 0; i < ARRAY_SIZE(c->reserved); i++) {
			for (size_t b = 0; b < c->reserved[i].length; b++) {
				struct argument arg = c->valid;

				arg.bytes[c->reserved[i].offset + b] = 1;
				EXPECT_CALL(EINVAL, &arg);
			}
		}
	}
	expect_nothing_done(_metadata, self, "a reserved member");
}

TEST_F(ioctl, values)
{
	static const struct {
		unsigned int command;
		unsigned long value;
	} bad[] = {
		{ RING_IOC_UNSUBSCRIBE, 1 }, { RING_IOC_CURSOR, 1 }, { RING_IOC_FLUSH, 1 },
		{ RING_IOC_SHUTDOWN, 1 }, { RING_IOC_WAKE, 0 }, { RING_IOC_WAKE, 4 }, { RING_IOC_WAKE, 7 },
		{ RING_IOC_WAKE, ~0ul }, { RING_IOC_SHUTDOWN, RT_HIGHEST },
	};
	int fd = rt_open(_metadata, BLOCK, O_RDWR);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		RT_FAILS(EINVAL, ioctl(fd, bad[i].command, bad[i].value));
	}
	expect_nothing_done(_metadata, self, "a bad value");
	for (unsigned long wake = 1; wake <= RING_WAKE_ALL; wake++) {
		EXPECT_EQ(0, ioctl(fd, RING_IOC_WAKE, wake));
	}
	close(fd);
}

TEST_F(ioctl, unknown_calls)
{
	int fd = rt_open(_metadata, BLOCK, O_RDWR);
	unsigned int nr, dir;
	struct argument arg;

	for (nr = 0; nr < 256; nr++) {
		/* Any other direction of a call that there is, too */
		for (dir = 0; dir < 4; dir++) {
			const struct call *c;
			bool known = dir == _IOC_NONE && (nr == _IOC_NR(RING_IOC_UNSUBSCRIBE) ||
				     nr == _IOC_NR(RING_IOC_CURSOR) || nr == _IOC_NR(RING_IOC_WAKE) ||
				     nr == _IOC_NR(RING_IOC_FLUSH) || nr == _IOC_NR(RING_IOC_SHUTDOWN));

			for_each_call(c)
				known |= _IOC_NR(c->command) == nr && _IOC_DIR(c->command) == dir;
			if (known)
				continue;
			memset(&arg, 0, sizeof(arg));
			arg.size = 64;
			EXPECT_EQ(-1, ioctl(fd, _IOC(dir, RING_IOC_MAGIC, nr, 64), &arg));
			EXPECT_EQ(ENOTTY, errno) {
				TH_LOG("call %u, direction %u", nr, dir);
			}
		}
		if (nr != RING_IOC_MAGIC && nr != 'T' && nr != 'f' && nr != 0) {
			EXPECT_EQ(-1, ioctl(fd, _IO(nr, 0xb), &arg));
			EXPECT_EQ(ENOTTY, errno);
		}
	}
	RT_FAILS(ENOTTY, ioctl(fd, 0x5401 /* TCGETS: whether it is a terminal */, &arg));
	close(fd);
}

TEST_F(ioctl, open_for_something_else)
{
	int ro = rt_open(_metadata, BLOCK, O_RDONLY), wo = rt_open(_metadata, BLOCK, O_WRONLY);
	const struct call *c;
	struct argument arg;

	for_each_call(c) {
		arg = c->valid;
		if (c->mode == O_RDONLY) {
			RT_FAILS(EBADF, ioctl(wo, c->command, &arg));
		} else if (c->mode == O_WRONLY) {
			RT_FAILS(EBADF, ioctl(ro, c->command, &arg));
		} else if (c->command != RING_IOC_WAIT) {
			EXPECT_EQ(0, ioctl(ro, c->command, &arg));
			arg = c->valid;
			EXPECT_EQ(0, ioctl(wo, c->command, &arg));
		}
	}
	RT_FAILS(EBADF, rt_wait_data(wo, RING_NOW));
	RT_FAILS(EBADF, rt_wait_space(ro, 1, RING_NOW));
	EXPECT_EQ(0, rt_wait_space(wo, 1, RING_NOW));
	RT_FAILS(EBADF, ioctl(wo, RING_IOC_UNSUBSCRIBE, 0));
	RT_FAILS(EBADF, ioctl(wo, RING_IOC_CURSOR, 0));
	RT_FAILS(EBADF, ioctl(ro, RING_IOC_FLUSH, 0));
	RT_FAILS(EBADF, ioctl(ro, RING_IOC_SHUTDOWN, 0));
	EXPECT_EQ(0, ioctl(ro, RING_IOC_WAKE, RING_WAKE_DATA));
	EXPECT_EQ(0, ioctl(wo, RING_IOC_WAKE, RING_WAKE_DATA));
	expect_nothing_done(_metadata, self, "a wrong mode");
	close(ro);
	close(wo);
}

/* Nowhere, nothing there, and only the beginning there: each fails, and does nothing */
TEST_F(ioctl, bad_pointers)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct call *c;

	ASSERT_NE(MAP_FAILED, (void *)map);
	ASSERT_EQ(0, mprotect(map + page, page, PROT_NONE));
	for_each_call(c) {
		__u32 size = c->valid.size;
		int fd = rt_open(_metadata, BLOCK, O_RDWR);
		void *bad[] = { NULL, map + page, (void *)RT_HIGHEST, (void *)-8ul, (void *)0x800000000000 };
		size_t i;

		for (i = 0; i < ARRAY_SIZE(bad); i++) {
			EXPECT_EQ(-1, ioctl(fd, c->command, bad[i]));
			EXPECT_EQ(EFAULT, errno) {
				TH_LOG("%s: %s", c->name, strerror(errno));
			}
		}
		for (i = 1; i <= size; i++) {
			memcpy(map + page - i, &c->valid, i < size ? i : size);
			EXPECT_EQ(i < size ? -1 : 0, ioctl(fd, c->command, map + page - i));
			EXPECT_TRUE(i == size || errno == EFAULT) {
				TH_LOG("%s, %zu bytes of it there: %s", c->name, i, strerror(errno));
			}
			if (i == size - 1)
				expect_nothing_done(_metadata, self, c->name);
		}
		close(fd);
		self->before = rt_stat(_metadata, self->fd);
	}
	munmap(map, 2 * page);
}

/* The answer cannot be written: that is found before anything is done that nobody would know of. */
TEST_F(ioctl, a_structure_that_is_read_only)
{
	long page = sysconf(_SC_PAGESIZE);
	struct argument *map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct call *c;

	ASSERT_NE(MAP_FAILED, (void *)map);
	for_each_call(c) {
		int fd = rt_open(_metadata, BLOCK, O_RDWR);

		if (!(_IOC_DIR(c->command) & _IOC_READ))
			continue;
		*map = c->valid;
		ASSERT_EQ(0, mprotect(map, page, PROT_READ));
		RT_FAILS(EFAULT, ioctl(fd, c->command, map));
		expect_nothing_done(_metadata, self, c->name);
		ASSERT_EQ(0, mprotect(map, page, PROT_READ | PROT_WRITE));
		close(fd);
	}
	munmap(map, page);
}

static void attribute(int n, const char *name, char *value, size_t size)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/sys/class/ring/ring%d/%s", n, name);
	fd = open(path, O_RDONLY);
	memset(value, 0, size);
	if (fd >= 0 && read(fd, value, size - 1) > 0)
		value[strcspn(value, "\n")] = '\0';
	close(fd);
}

static __u64 number(int n, const char *name)
{
	char value[64];

	attribute(n, name, value, sizeof(value));
	return *value ? strtoull(value, NULL, 10) : ~0ull;
}

TEST_F(ioctl, info_tells_what_the_ring_is)
{
	for (int n = BLOCK; n <= OVERWRITE; n++) {
		int fd = rt_open(_metadata, n, O_RDONLY);
		struct ring_info info;
		struct stat st;
		char policy[16];

		memset(&info, 0xee, sizeof(info));
		info.size = sizeof(info);
		info.flags = 0;
		memset(info.reserved, 0, sizeof(info.reserved));
		ASSERT_EQ(0, ioctl(fd, RING_IOC_INFO, &info));
		EXPECT_EQ(sizeof(info), info.size);
		EXPECT_EQ(0, info.flags);
		EXPECT_EQ(RING_ABI_VERSION, info.abi);
		EXPECT_EQ(n, info.id);
		EXPECT_EQ(4096, info.slots);
		EXPECT_EQ(64, info.slot_size);
		EXPECT_EQ(n == BLOCK ? 1 << 20 : 16 << 20, info.bulk_size);
		EXPECT_EQ(info.bulk_size / 4, info.longest);
		EXPECT_EQ(n == BLOCK ? RING_BLOCK : RING_OVERWRITE, info.policy);
		EXPECT_EQ(0, info.ring_flags & ~RING_DIRECT);
		EXPECT_EQ(4096 * 64, info.slots_length);
		EXPECT_EQ(2 * info.bulk_size, info.bulk_length);
		EXPECT_STREQ("", info.name);
		for (size_t i = 0; i < ARRAY_SIZE(info.reserved); i++) {
			EXPECT_EQ(0, info.reserved[i]);
		}
		/* sysfs says the same. */
		EXPECT_EQ(info.slots, number(n, "slots"));
		EXPECT_EQ(info.slot_size, number(n, "slot_size"));
		EXPECT_EQ(info.bulk_size, number(n, "size"));
		EXPECT_EQ(info.longest, number(n, "longest"));
		EXPECT_EQ(!!(info.ring_flags & RING_DIRECT), number(n, "direct"));
		attribute(n, "policy", policy, sizeof(policy));
		EXPECT_STREQ(n == BLOCK ? "block" : "overwrite", policy);
		ASSERT_EQ(0, fstat(fd, &st));
		EXPECT_TRUE(S_ISCHR(st.st_mode));
		close(fd);
	}
}

TEST_HARNESS_MAIN
