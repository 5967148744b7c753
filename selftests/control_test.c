// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/ring-control: rings are made, found, listed and removed at run time, and nothing is left of those that are
 * gone. (While they are in use: destroy_test.)
 */
#include "control.h"

#define CONTROL	"/dev/ring-control"

static bool node_exists(unsigned int id)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/ring%u", id);
	return !access(path, F_OK);
}

TEST_F(control, create_use_destroy)
{
	struct ring_info info;
	struct ring_stat stat;
	struct ring *r;
	struct ring_view v;
	char where[16];

	self->c.slots = 128;
	self->c.slot_size = 96;
	self->c.bulk_size = 32768;
	self->c.policy = RING_OVERWRITE;
	self->c.ring_flags = RING_DIRECT;
	strcpy(self->c.name, "camera-front");
	ASSERT_EQ(0, ring_create(&self->c));
	ASSERT_TRUE(node_exists(self->c.id));
	snprintf(where, sizeof(where), "%u", self->c.id);
	ASSERT_EQ(0, ring_open(where, RING_OPEN_READ | RING_OPEN_WRITE, &r));
	ASSERT_EQ(0, ring_get_info(r, &info));
	EXPECT_EQ(self->c.id, info.id);
	EXPECT_EQ(128, info.slots);
	EXPECT_EQ(96, info.slot_size);
	EXPECT_EQ(32768, info.bulk_size);
	EXPECT_EQ(RING_OVERWRITE, info.policy);
	EXPECT_EQ(RING_DIRECT, info.ring_flags);
	EXPECT_STREQ("camera-front", info.name);
	ASSERT_EQ(0, ring_publish(r, "hello", 5, 7, RING_NOW));
	ASSERT_EQ(1, ring_next(r, &v));
	EXPECT_EQ(0, memcmp("hello", v.data, 5));
	ASSERT_EQ(0, ring_get_stat(r, &stat, NULL, 0));
	EXPECT_EQ(1, stat.published);
	EXPECT_EQ(-EBUSY, ring_destroy(self->c.id, 0));
	ring_close(r);
	EXPECT_EQ(0, ring_destroy(self->c.id, 0));
	EXPECT_FALSE(node_exists(self->c.id));
	EXPECT_EQ(-ENOENT, ring_destroy(self->c.id, 0));
	EXPECT_EQ(-1, rt_try_open(self->c.id, O_RDONLY));
}

TEST_F(control, numbers)
{
	struct ring_create other = self->c;
	unsigned int id;

	/* The lowest that is free; those of the parameters are taken */
	ASSERT_EQ(0, ring_create(&self->c));
	EXPECT_EQ(2, self->c.id);
	other.id = 1;
	EXPECT_EQ(-EEXIST, ring_create(&other));
	EXPECT_EQ(1, other.id);
	other.id = 4095;
	ASSERT_EQ(0, ring_create(&other));
	EXPECT_EQ(4095, other.id);
	EXPECT_TRUE(node_exists(4095));
	EXPECT_EQ(0, ring_destroy(4095, 0));
	other.id = 4096;
	EXPECT_EQ(-EINVAL, ring_create(&other));
	EXPECT_EQ(-ENOENT, ring_destroy(4096, 0));
	EXPECT_EQ(-ENOENT, ring_destroy(RING_ANY, 0));
	/* One that is free again is used again, also those of the parameters. */
	for (id = 0; id < 2; id++) {
		EXPECT_EQ(0, ring_destroy(id, 0));
		other = self->c;
		other.id = RING_ANY;
		EXPECT_EQ(0, ring_create(&other));
		EXPECT_EQ(id, other.id);
	}
	EXPECT_EQ(0, ring_destroy(self->c.id, 0));
	self->bytes = RING_NONE;	/* those have another size now */
	struct ring_version v;

	ASSERT_EQ(0, ring_module_version(&v));
	self->bytes = v.bytes;
}

TEST_F(control, names)
{
	static const char *const bad[] = {
		"a b", "a/b", "/", ".", "..", "7", "007", "ring3", "ring0", "tab\t", "newline\n", "\x7f", "b\xc3\xa4r",
	};
	static const char *const good[] = {
		"a", "...", "7a", "ring", "ringer", "ring3a", "%s", "$(reboot)", "-", "--json",
	};
	struct ring_create c;
	char text[128], path[64];
	struct ring *r;
	uint32_t id;
	FILE *f;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		c = self->c;
		strcpy(c.name, bad[i]);
		EXPECT_EQ(-EINVAL, ring_create(&c)) {
			TH_LOG("%s", bad[i]);
		}
	}
	c = self->c;
	memset(c.name, 'x', sizeof(c.name));
	EXPECT_EQ(-EINVAL, ring_create(&c));

	memset(c.name, 'x', RING_NAME_MAX);
	c.name[RING_NAME_MAX] = '\0';
	ASSERT_EQ(0, ring_create(&c));
	EXPECT_EQ(0, ring_find(c.name, &id));
	EXPECT_EQ(c.id, id);
	EXPECT_EQ(0, ring_destroy(id, 0));
	EXPECT_EQ(-ENOENT, ring_find(c.name, &id));

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct ring_create twice = self->c;

		c = self->c;
		strcpy(c.name, good[i]);
		ASSERT_EQ(0, ring_create(&c)) {
			TH_LOG("%s", good[i]);
		}
		strcpy(twice.name, good[i]);
		EXPECT_EQ(-EEXIST, ring_create(&twice));
		snprintf(path, sizeof(path), "/sys/class/ring/ring%u/name", c.id);
		f = fopen(path, "r");
		ASSERT_NE(NULL, f);
		ASSERT_NE(NULL, fgets(text, sizeof(text), f));
		fclose(f);
		text[strcspn(text, "\n")] = '\0';
		EXPECT_STREQ(good[i], text);
		/* By name, everywhere */
		ASSERT_EQ(0, ring_open(good[i], RING_OPEN_READ, &r)) {
			TH_LOG("%s", good[i]);
		}
		ring_close(r);
		EXPECT_EQ(0, ring_destroy(c.id, 0));
		EXPECT_EQ(-ENOENT, ring_open(good[i], RING_OPEN_READ, &r));
	}
	/* No name is none. */
	EXPECT_EQ(-ENOENT, ring_find("", &id));
}

TEST_F(control, list)
{
	struct ring_list_entry e[16];
	unsigned int total;
	int fd, r;

	strcpy(self->c.name, "listed");
	self->c.ring_flags = RING_EPHEMERAL;
	ASSERT_EQ(0, ring_create(&self->c));
	fd = rt_try_open(self->c.id, O_WRONLY);
	r = rt_try_open(self->c.id, O_RDONLY);
	ASSERT_LE(0, fd);
	rt_subscribe(_metadata, r, 0, RING_NEXT);
	ASSERT_EQ(8, rt_write(fd, 8, 1));

	memset(e, 0xee, sizeof(e));
	ASSERT_EQ(2, ring_list(e, 2, &total));
	EXPECT_EQ(3, total);
	EXPECT_EQ(0, e[0].id);
	EXPECT_EQ(1, e[1].id);
	EXPECT_EQ(0xeeeeeeee, e[2].id);
	ASSERT_EQ(3, ring_list(e, 16, NULL));
	EXPECT_EQ(0, e[0].opens);
	EXPECT_STREQ("", e[0].name);
	EXPECT_EQ(self->c.id, e[2].id);
	EXPECT_STREQ("listed", e[2].name);
	EXPECT_EQ(2, e[2].opens);
	EXPECT_EQ(1, e[2].subscribers);
	EXPECT_EQ(1, e[2].producers);
	EXPECT_EQ(64, e[2].slots);
	EXPECT_EQ(64, e[2].slot_size);
	EXPECT_EQ(4096, e[2].bulk_size);
	EXPECT_EQ(RING_BLOCK, e[2].policy);
	EXPECT_EQ(RING_EPHEMERAL, e[2].ring_flags);
	EXPECT_EQ(0, e[2].status);
	EXPECT_EQ(rt_stat(_metadata, fd).bytes, e[2].bytes);
	close(r);
	close(fd);
	/* It has gone with its last close. */
	EXPECT_EQ(2, ring_list(e, 16, NULL));
}

TEST_F(control, ephemeral)
{
	int fd, other, cursor;
	void *page;

	self->c.ring_flags = RING_EPHEMERAL;
	strcpy(self->c.name, "soap-bubble");
	ASSERT_EQ(0, ring_create(&self->c));
	/* Not before it was opened */
	ASSERT_TRUE(node_exists(self->c.id));
	fd = rt_try_open(self->c.id, O_RDWR);
	other = rt_try_open(self->c.id, O_RDONLY);
	close(fd);
	ASSERT_TRUE(node_exists(self->c.id));
	/* A mapping holds it as well. */
	cursor = ioctl(other, RING_IOC_CURSOR, 0);
	ASSERT_LE(0, cursor);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, cursor, 0);
	ASSERT_NE(MAP_FAILED, page);
	close(other);
	close(cursor);
	ASSERT_TRUE(node_exists(self->c.id));
	munmap(page, 4096);
	EXPECT_FALSE(node_exists(self->c.id));
	fd = rt_try_open(self->c.id, O_RDWR);
	EXPECT_EQ(-1, fd);
	EXPECT_TRUE(errno == ENOENT || errno == ENODEV);
	EXPECT_EQ(-ENOENT, ring_destroy(self->c.id, 0));
}

/* Who had looked its node up, and opens that */
TEST_F(control, opened_after_it_went)
{
	char path[32], again[64];
	struct ring *r;
	int fd;

	ASSERT_EQ(0, ring_create(&self->c));
	snprintf(path, sizeof(path), "/dev/ring%u", self->c.id);
	fd = open(path, O_PATH | O_CLOEXEC);
	ASSERT_LE(0, fd);
	snprintf(again, sizeof(again), "/proc/self/fd/%d", fd);
	ASSERT_EQ(0, ring_open(again, RING_OPEN_READ, &r));
	ring_close(r);
	ASSERT_EQ(0, ring_destroy(self->c.id, 0));
	EXPECT_EQ(-ENODEV, ring_open(again, RING_OPEN_READ, &r));
	EXPECT_EQ(-ENOENT, ring_open(path, RING_OPEN_READ, &r));
	close(fd);
}

TEST_F(control, ephemeral_of_one_who_is_killed)
{
	pid_t pid;

	self->c.ring_flags = RING_EPHEMERAL | RING_DIRECT;
	ASSERT_EQ(0, ring_create(&self->c));
	pid = rt_fork(_metadata);
	if (!pid) {
		int fd = rt_try_open(self->c.id, O_RDWR);

		if (fd < 0 || rt_produce(fd, RING_PRODUCE_DIRECT))
			_exit(1);
		raise(SIGKILL);
	}
	ASSERT_EQ(128 + SIGKILL, rt_wait_child(pid));
	EXPECT_FALSE(node_exists(self->c.id));
}

/* At any moment of a creation that takes long: there is the whole ring, or nothing. */
TEST_F(control, killed_while_it_creates)
{
	unsigned int ms, created = 0, killed = 0;

	self->c.bulk_size = 32 << 20;
	for (ms = 1; ms < 400 && (!created || killed < 5); ms += ms / 4 + 1) {
		struct ring_version v;
		pid_t pid = rt_fork(_metadata);

		if (!pid)
			_exit(ring_create(&self->c) != 0);
		rt_sleep_ms(ms);
		kill(pid, SIGKILL);
		rt_wait_child(pid);
		ASSERT_EQ(0, ring_module_version(&v));
		if (v.bytes == self->bytes) {
			killed++;
			continue;
		}
		created++;
		EXPECT_LT(self->bytes + self->c.bulk_size, v.bytes);
		ASSERT_EQ(0, ring_destroy(2, 0));
	}
	EXPECT_LT(0, killed);
}

static long create_there(void *c)
{
	int fd = open(CONTROL, O_RDWR | O_CLOEXEC), ret = ioctl(fd, RING_CTL_CREATE, c), error = errno;

	close(fd);
	errno = error;
	return ret;
}

/* Where the answer goes cannot be written to any more when the ring is made: nobody knows its number, so it must go. */
TEST_F(control, nobody_is_told_its_number)
{
	struct ring_create *c = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ring_version v;
	int tries, late = 0;

	ASSERT_NE(MAP_FAILED, (void *)c);
	self->c.bulk_size = 32 << 20;
	for (tries = 0; tries < 50 && late < 3; tries++) {
		struct rt_thread creates;

		*c = self->c;
		rt_start(_metadata, &creates, create_there, c);
		do {
			ASSERT_EQ(0, ring_module_version(&v));
		} while (v.bytes == self->bytes && !__atomic_load_n(&creates.ended, __ATOMIC_ACQUIRE));
		ASSERT_EQ(0, mprotect(c, 4096, PROT_READ));
		ASSERT_TRUE(rt_ends(&creates, 10000));
		ASSERT_EQ(0, mprotect(c, 4096, PROT_READ | PROT_WRITE));
		if (!creates.ret) {
			ASSERT_EQ(0, ring_destroy(2, 0));
		} else {
			ASSERT_EQ(EFAULT, creates.error);
			late++;
		}
		ASSERT_EQ(0, ring_module_version(&v));
		EXPECT_EQ(self->bytes, v.bytes);
	}
	EXPECT_LT(0, late);
	munmap(c, 4096);
}

/* ---- Bad input ---- */

TEST_F(control, bad_geometry)
{
	struct { __u64 slots, slot_size, bulk, flags, policy; int error; } bad[] = {
		{ 0, 64, 4096, 0, 0, EINVAL }, { 3, 64, 4096, 0, 0, EINVAL }, { 2, 64, 4096, 0, 0, EINVAL },
		{ 2097152, 64, 0, 0, 0, EINVAL }, { 64, 16, 4096, 0, 0, EINVAL }, { 64, 72, 4096, 0, 0, EINVAL },
		{ 64, 8192, 4096, 0, 0, EINVAL }, { 64, 64, 5000, 0, 0, EINVAL }, { 128, 64, 4096, 0, 0, EINVAL },
		{ 4, 64, 2048, 0, 0, EINVAL }, { 64, 64, 1ull << 33, 0, 0, EINVAL }, { 64, 64, 4096, 4, 0, EINVAL },
		{ 64, 64, 4096, 0, 2, EINVAL }, { 1048576, 64, 0, 0, 0, ENOMEM }, { 64, 64, 1u << 27, 0, 0, ENOMEM },
		{ 1048576, 4096, 1ull << 32, 0, 0, ENOMEM },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct ring_create c = self->c;
		const char *which;

		c.slots = bad[i].slots;
		c.slot_size = bad[i].slot_size;
		c.bulk_size = bad[i].bulk;
		c.ring_flags = bad[i].flags;
		c.policy = bad[i].policy;
		EXPECT_EQ(-bad[i].error, ring_create(&c)) {
			TH_LOG("line %zu", i);
		}
		/* What it can tell before it asks the kernel */
		EXPECT_EQ(bad[i].error == ENOMEM || bad[i].flags || bad[i].policy,
			  !ring_mem_check(c.slots, c.slot_size, c.bulk_size, 4096, &which)) {
			TH_LOG("line %zu", i);
		}
	}
}

/* The argument ends nowhere, at each byte of it, or cannot be written: nothing is made, nothing removed. */
TEST_F(control, arguments_that_end_nowhere)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *end = map + page;
	int fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	struct ring_list_entry entries[2];
	struct ring_list list = { .size = sizeof(list), .count = 2, .array = (uintptr_t)entries };
	struct ring_version version = { .size = sizeof(version) };
	struct ring_find find = { .size = sizeof(find) };
	struct ring_destroy destroy = { .size = sizeof(destroy) };
	const struct {
		unsigned long command;
		const void *arg;
		size_t size;
	} calls[] = {
		{ RING_CTL_CREATE, &self->c, sizeof(self->c) }, { RING_CTL_DESTROY, &destroy, sizeof(destroy) },
		{ RING_CTL_FIND, &find, sizeof(find) }, { RING_CTL_LIST, &list, sizeof(list) },
		{ RING_CTL_VERSION, &version, sizeof(version) },
	};
	unsigned int there;

	ASSERT_LE(0, fd);
	ASSERT_NE(MAP_FAILED, (void *)map);
	ASSERT_EQ(0, munmap(end, page));
	strcpy(self->c.name, "whole");
	strcpy(find.name, "whole");
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		for (size_t n = 0; n < calls[i].size; n++) {
			memcpy(end - n, calls[i].arg, n);
			RT_FAILS(EFAULT, ioctl(fd, calls[i].command, end - n));
		}
		memcpy(map, calls[i].arg, calls[i].size);
		ASSERT_EQ(0, mprotect(map, page, PROT_READ));
		if (_IOC_DIR(calls[i].command) & _IOC_READ)
			RT_FAILS(EFAULT, ioctl(fd, calls[i].command, map));
		ASSERT_EQ(0, mprotect(map, page, PROT_READ | PROT_WRITE));
		ASSERT_EQ(0, ring_list(NULL, 0, &there));
		EXPECT_EQ(self->before, there);
	}
	for (size_t room = 0; room <= sizeof(entries); room++) {
		list.count = 2;
		list.array = (uintptr_t)(end - room);
		if (room < sizeof(entries))
			RT_FAILS(EFAULT, ioctl(fd, RING_CTL_LIST, &list));
		else
			RT_OK(ioctl(fd, RING_CTL_LIST, &list));
	}
	EXPECT_EQ(2, list.count);
	munmap(map, page);
	close(fd);
}

TEST_F(control, bad_arguments)
{
	int fd = open(CONTROL, O_RDWR | O_CLOEXEC), ro = open(CONTROL, O_RDONLY | O_CLOEXEC);
	struct ring_list list = { .size = sizeof(list), .array = 8, .count = 1 };
	struct ring_destroy destroy = { .size = sizeof(destroy) };
	struct ring_version version = { .size = sizeof(version) };
	struct ring_find find = { .size = sizeof(find) };
	struct ring_create c;

	ASSERT_LE(0, fd);
	ASSERT_LE(0, ro);
	RT_FAILS(EBADF, ioctl(ro, RING_CTL_CREATE, &self->c));
	RT_FAILS(EBADF, ioctl(ro, RING_CTL_DESTROY, &destroy));
	RT_FAILS(EINVAL, ioctl(ro, RING_CTL_FIND, &find));
	memset(find.name, 'a', sizeof(find.name));
	RT_FAILS(EINVAL, ioctl(ro, RING_CTL_FIND, &find));
	RT_FAILS(EFAULT, ioctl(ro, RING_CTL_LIST, &list));
	RT_FAILS(EFAULT, ioctl(fd, RING_CTL_CREATE, NULL));
	RT_FAILS(ENOTTY, ioctl(fd, RING_IOC_INFO, &c));
	RT_FAILS(ENOTTY, ioctl(fd, TIOCGWINSZ, &c));
	for (int bit = 0; bit < 32; bit++) {
		c = self->c;
		c.flags = 1u << bit;
		RT_FAILS(EINVAL, ioctl(fd, RING_CTL_CREATE, &c));
		c = self->c;
		c.mode = 1u << bit;
		if (!(c.mode & 0666))
			RT_FAILS(EINVAL, ioctl(fd, RING_CTL_CREATE, &c));
		find = (struct ring_find) { .size = sizeof(find), .flags = 1u << bit, .name = "x" };
		RT_FAILS(EINVAL, ioctl(fd, RING_CTL_FIND, &find));
		version.flags = 1u << bit;
		RT_FAILS(EINVAL, ioctl(fd, RING_CTL_VERSION, &version));
		list = (struct ring_list) { .size = sizeof(list), .flags = 1u << bit };
		RT_FAILS(EINVAL, ioctl(fd, RING_CTL_LIST, &list));
		if (bit) {
			destroy.flags = 1u << bit;
			RT_FAILS(EINVAL, ioctl(fd, RING_CTL_DESTROY, &destroy));
		}
	}
	for (size_t b = 0; b < sizeof(c.reserved); b++) {
		c = self->c;
		((char *)c.reserved)[b] = 1;
		RT_FAILS(EINVAL, ioctl(fd, RING_CTL_CREATE, &c));
	}
	for (c = self->c, c.size = 0; c.size < sizeof(c); c.size++)
		RT_FAILS(EINVAL, ioctl(fd, RING_CTL_CREATE, &c));
	close(fd);
	close(ro);
}

TEST_F(control, who_may)
{
	unsigned int total;
	struct stat st;
	pid_t pid;

	ASSERT_EQ(0, stat(CONTROL, &st));
	EXPECT_EQ(S_IFCHR | 0644, st.st_mode);
	pid = rt_fork(_metadata);
	if (!pid) {
		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
			_exit(1);
		/* Look, but make and remove nothing */
		if (ring_list(NULL, 0, &total) < 0 || total != self->before)
			_exit(2);
		if (ring_create(&self->c) != -EACCES || ring_destroy(0, RING_DESTROY_FORCE) != -EACCES)
			_exit(3);
		_exit(0);
	}
	EXPECT_EQ(0, rt_wait_child(pid));
}

TEST_F(control, who_makes_it_owns_it)
{
	struct ring_create other = self->c;
	char path[32];
	struct stat st;
	int fd;

	ASSERT_EQ(0, ring_create(&self->c));
	snprintf(path, sizeof(path), "/dev/ring%u", self->c.id);
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_EQ(S_IFCHR | 0600, st.st_mode);
	EXPECT_EQ(0, ring_destroy(self->c.id, 0));

	/* One whom the administrator lets make rings, and remove any */
	ASSERT_EQ(0, ring_create(&other));
	ASSERT_EQ(0, chmod(CONTROL, 0666));
	self->c.mode = 0640;
	ASSERT_EQ(0, setegid(65534));
	ASSERT_EQ(0, seteuid(65534));
	EXPECT_EQ(-EACCES, rt_try_open((int)other.id, O_RDONLY) < 0 ? -errno : 0);
	EXPECT_EQ(0, ring_destroy(other.id, 0));
	EXPECT_EQ(0, ring_create(&self->c));
	fd = rt_try_open((int)self->c.id, O_RDWR);
	EXPECT_LE(0, fd);
	close(fd);
	ASSERT_EQ(0, seteuid(0));
	ASSERT_EQ(0, setegid(0));
	ASSERT_EQ(0, chmod(CONTROL, 0644));
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_EQ(S_IFCHR | 0640, st.st_mode);
	EXPECT_EQ(65534, st.st_uid);
	EXPECT_EQ(65534, st.st_gid);
	EXPECT_EQ(0, ring_destroy(self->c.id, 0));
}

TEST_F(control, version)
{
	struct ring_version v;
	char release[64];
	FILE *f = fopen("/sys/module/ring/version", "r");

	ASSERT_NE(NULL, f);
	ASSERT_NE(NULL, fgets(release, sizeof(release), f));
	fclose(f);
	release[strcspn(release, "\n")] = '\0';
	ASSERT_EQ(0, ring_module_version(&v));
	EXPECT_EQ(RING_ABI_VERSION, v.abi);
	EXPECT_STREQ(release, v.release);
	EXPECT_EQ(64u << 20, v.max_bytes);
	EXPECT_LT(0, v.bytes);
}

/* ---- Many ---- */

TEST_F(control, hundreds)
{
	static struct ring_list_entry e[600];
	unsigned int total, i;

	for (i = 0; i < 500; i++) {
		self->c.id = RING_ANY;
		snprintf(self->c.name, sizeof(self->c.name), "n-%u", i);
		ASSERT_EQ(0, ring_create(&self->c));
	}
	ASSERT_EQ(502, ring_list(e, 600, &total));
	ASSERT_EQ(502, total);
	for (i = 0; i < 500; i++) {
		uint32_t id;

		snprintf(self->c.name, sizeof(self->c.name), "n-%u", i);
		ASSERT_EQ(0, ring_find(self->c.name, &id));
		EXPECT_STREQ(self->c.name, e[id].name);
		ASSERT_EQ(0, ring_destroy(id, 0));
	}
}

TEST_F_TIMEOUT(control, churn, 200)
{
	churn_and_check(_metadata, false);
	/* All of them are gone, also those of the parameters. */
	self->before = 0;
	self->bytes = 0;
}

/* The module is gone and back while rings that were made are there. */
TEST(unloading_takes_all)
{
	struct ring_create c;
	int fd;

	ring_create_defaults(&c);
	ASSERT_EQ(0, ring_create(&c));
	fd = rt_try_open(c.id, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ring_destroy(c.id, RING_DESTROY_FORCE));
	/* A ring that is gone but open still needs the module. */
	EXPECT_EQ(-1, syscall(SYS_delete_module, "ring", O_NONBLOCK));
	close(fd);
	ring_create_defaults(&c);
	ASSERT_EQ(0, ring_create(&c));
	ASSERT_EQ(0, rt_unload());
	EXPECT_FALSE(node_exists(c.id));
	EXPECT_EQ(-1, access(CONTROL, F_OK));
	EXPECT_EQ(-ENODEV, ring_list(NULL, 0, NULL));
	ASSERT_EQ(0, rt_insert("rings=2 slots=256 size=64K max_bytes=64M"));
}

TEST_HARNESS_MAIN
