// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading: whatever is wrong with a parameter refuses the load with EINVAL and one line in the
 * kernel log that names it, and leaves nothing behind; whatever is right is what the rings are then; what is
 * in use stays, and what is not is given back.
 */

#include <sys/socket.h>

#include "ring_test.h"

RT_LOADS("rings=1")

/* ---- The kernel log ---- */

FIXTURE(load) {
	int log;
};

FIXTURE_SETUP(load)
{
	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, rt_unload());
}

FIXTURE_TEARDOWN(load)
{
	close(self->log);
	EXPECT_EQ(0, rt_load("rings=1"));
}

static void mark(FIXTURE_DATA(load) *self)
{
	lseek(self->log, 0, SEEK_END);
}

/* How many lines the module has said since the mark; @line is the last one. */
static int log_lines(FIXTURE_DATA(load) *self, char *line, size_t size)
{
	char record[2048], *text;
	ssize_t len;
	int n = 0;

	*line = '\0';
	while ((len = read(self->log, record, sizeof(record) - 1)) > 0 || (len < 0 && errno == EPIPE)) {
		record[len > 0 ? len : 0] = '\0';
		text = strchr(record, ';');
		/* What the kernel itself says of a module that is not its own */
		if (!text || strncmp(text + 1, "ring: ", 6) || strstr(text, "taints kernel") ||
		    strstr(text, "tainting kernel"))
			continue;
		text[strcspn(text, "\n")] = '\0';
		snprintf(line, size, "%s", text + 1);
		n++;
	}
	return n;
}

static bool nothing_left(void)
{
	return access("/sys/module/ring", F_OK) && access("/sys/class/ring", F_OK) && access("/dev/ring0", F_OK);
}

/* ---- What is wrong ---- */

/* Load with @bad, which is wrong, and @others, which are not. */
static void expect_refused(struct __test_metadata *_metadata, FIXTURE_DATA(load) *self, const char *bad,
			   const char *others)
{
	char args[512], line[512];
	size_t name = strcspn(bad, "=");
	int ret, error, lines;

	snprintf(args, sizeof(args), "%s %s", others, bad);
	mark(self);
	errno = 0;
	ret = rt_insert(args);
	error = errno;
	lines = log_lines(self, line, sizeof(line));
	EXPECT_EQ(-1, ret) {
		TH_LOG("loaded with %s", args);
	}
	EXPECT_EQ(EINVAL, error) {
		TH_LOG("%s: %s", args, strerror(error));
	}
	EXPECT_EQ(1, lines) {
		TH_LOG("%s: %s", args, line);
	}
	EXPECT_TRUE(!strncmp(line, "ring: ", 6) && !strncmp(line + 6, bad, name + 1)) {
		TH_LOG("%s: %s", args, line);
	}
	EXPECT_TRUE(nothing_left()) {
		TH_LOG("after %s", args);
	}
	if (!ret)
		rt_unload();
}

static void expect_all_refused(struct __test_metadata *_metadata, FIXTURE_DATA(load) *self, const char *name,
			       const char *const *values)
{
	char bad[256];

	for (; *values; values++) {
		snprintf(bad, sizeof(bad), "%s=%s", name, *values);
		expect_refused(_metadata, self, bad, "");
	}
}

#define REFUSED(name, ...)	\
	expect_all_refused(_metadata, self, name, (const char *const[]) { __VA_ARGS__, NULL })

/* What none of the three sizes can be, and what is no number for any of them */
#define NO_SIZES	"1", "2", "6", "-2", "9223372036854775808", "junk"
#define NO_NUMBERS	"", "1x", "1KM", "0x", "K", "-", "+", "1.5", "1,", "18446744073709551615", \
			"18446744073709551616", "99999999999999999999999999", "18014398509481985K"

TEST_F(load, bad_slots)
{
	REFUSED("slots", "0", "3", "4097", "2M", "-4096", NO_SIZES, NO_NUMBERS);
}

TEST_F(load, bad_slot_size)
{
	REFUSED("slot_size", "0", "16", "17", "40", "4112", "8K", NO_SIZES);
}

TEST_F(load, bad_size)
{
	REFUSED("size", "3M", "128K", "8G", "-1M", "1048577", NO_SIZES);
	/* A page at least, and some bytes for each slot */
	expect_refused(_metadata, self, "size=2K", "slots=4");
	expect_refused(_metadata, self, "size=256K", "slots=8192");
}

TEST_F(load, bad_policy)
{
	REFUSED("policy", "unknown", "", "BLOCK", "blocks", "bloc", "0", "1");
}

TEST_F(load, bad_direct)
{
	REFUSED("direct", "maybe", "2", "", "-1");
}

TEST_F(load, bad_rings)
{
	REFUSED("rings", "257", "-1", "9223372036854775808", "x", "", "1x");
}

TEST_F(load, bad_max_bytes)
{
	REFUSED("max_bytes", "-1", "1x", "junk", "K", "18446744073709551616");
}

/* Of a ring that is not the first one, or none that is to be made; beside others that are right */
TEST_F(load, bad_in_another_place)
{
	expect_refused(_metadata, self, "slots=4096,6", "rings=2");
	expect_refused(_metadata, self, "slot_size=64,17", "rings=1");
	expect_refused(_metadata, self, "size=1M,1", "rings=4 policy=block,overwrite");
	expect_refused(_metadata, self, "policy=block,overwrite,none", "rings=2 size=1M,16M");
	expect_refused(_metadata, self, "direct=0,1,2", "rings=3");
	expect_refused(_metadata, self, "slots=", "rings=0");
}

TEST_F(load, refused_for_want_of_memory)
{
	char line[512];

	/* None, then only the first one */
	for (int rings = 1; rings <= 2; rings++) {
		mark(self);
		EXPECT_EQ(-1, rt_insert(rings == 1 ? "max_bytes=1M" : "rings=2 size=1M,2M max_bytes=3M"));
		EXPECT_EQ(ENOMEM, errno);
		EXPECT_EQ(1, log_lines(self, line, sizeof(line)));
		EXPECT_TRUE(strstr(line, rings == 1 ? "ring0" : "ring1")) {
			TH_LOG("%s", line);
		}
		EXPECT_TRUE(nothing_left());
	}
}

/* A module whose load fails goes from under whoever has one of its rings open: so nobody may have. */
TEST_F(load, nobody_opens_what_is_not_loaded)
{
	int status;
	pid_t pid;

	pid = rt_fork(_metadata);
	if (!pid) {
		for (;;)
			if (open("/dev/ring0", O_RDONLY | O_CLOEXEC) >= 0)
				_exit(1);
	}
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(-1, rt_insert("rings=3 slots=64 size=4K,2M,4M max_bytes=4M"));
	ASSERT_EQ(0, waitpid(pid, &status, WNOHANG));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(nothing_left());
}

TEST_F(load, what_modprobe_says)
{
	char said[512] = "";
	FILE *f = popen("modprobe ring slots=6 2>&1", "r");

	ASSERT_NE(NULL, f);
	EXPECT_NE(NULL, fgets(said, sizeof(said), f));
	EXPECT_NE(0, pclose(f));
	EXPECT_NE(NULL, strstr(said, "Invalid argument")) {
		TH_LOG("%s", said);
	}
}

/* ---- What is right ---- */

struct expected {
	__u32 slots, slot_size;
	__u64 size, longest;
	int policy, flags;
};

static void expect_rings(struct __test_metadata *_metadata, FIXTURE_DATA(load) *self, const char *args,
			 const struct expected *expected, int count)
{
	char line[512], path[32];

	ASSERT_EQ(0, rt_unload());
	mark(self);
	ASSERT_EQ(0, rt_insert(args)) {
		TH_LOG("%s: %s", args, strerror(errno));
	}
	EXPECT_EQ(0, log_lines(self, line, sizeof(line))) {
		TH_LOG("%s: %s", args, line);
	}
	for (int n = 0; n < count; n++) {
		const struct expected *e = &expected[n];
		int fd = rt_open(_metadata, n, O_RDWR | O_NONBLOCK);
		struct ring_info info = rt_info(_metadata, fd);
		__u64 fill = 0;

		EXPECT_EQ(e->slots, info.slots);
		EXPECT_EQ(e->slot_size, info.slot_size);
		EXPECT_EQ(e->size, info.bulk_size);
		EXPECT_EQ(e->longest, info.longest);
		EXPECT_EQ(e->policy, info.policy);
		EXPECT_EQ(e->flags, info.ring_flags);
		EXPECT_EQ(n, info.id);
		/* It works, with the longest records and with as many as there are slots. */
		for (int i = 0; i < 5; i++) {
			EXPECT_EQ(e->longest, rt_write(fd, e->longest, i));
			EXPECT_EQ(e->longest, rt_read(fd, e->longest, i));
		}
		RT_FAILS(EMSGSIZE, rt_write(fd, e->longest + 1, 0));
		if (e->policy == RING_BLOCK) {
			while (rt_write(fd, 1, fill) == 1)
				fill++;
			EXPECT_EQ(EAGAIN, errno);
			EXPECT_EQ(e->slots, fill);
		}
		close(fd);
	}
	snprintf(path, sizeof(path), "/dev/ring%d", count);
	EXPECT_EQ(-1, access(path, F_OK));
}

#define LOADED(args, ...)	do {						\
		const struct expected __e[] = { __VA_ARGS__ };			\
										\
		expect_rings(_metadata, self, args, __e, ARRAY_SIZE(__e));	\
	} while (0)

TEST_F(load, good_ones)
{
	LOADED("", { 4096, 64, 1 << 20, 1 << 18, RING_BLOCK, 0 });
	LOADED("rings=0 policy=overwrite");
	LOADED("size=0", { 4096, 64, 0, 48, RING_BLOCK, 0 });
	/* The smallest */
	LOADED("rings=2 slots=4 slot_size=32 size=0 policy=block,overwrite",
	       { 4, 32, 0, 16, RING_BLOCK, 0 }, { 4, 32, 0, 16, RING_OVERWRITE, 0 });
	LOADED("rings=2 slots=4 slot_size=32,4096 size=4K",
	       { 4, 32, 4096, 1024, RING_BLOCK, 0 }, { 4, 4096, 4096, 4080, RING_BLOCK, 0 });
	/* The last value repeats; a slot's size need not be a power of two. */
	LOADED("rings=4 slots=16,8 slot_size=48,80,4096 size=4K,0,8K policy=overwrite,block",
	       { 16, 48, 4096, 1024, RING_OVERWRITE, 0 }, { 8, 80, 0, 64, RING_BLOCK, 0 },
	       { 8, 4096, 8192, 4080, RING_BLOCK, 0 }, { 8, 4096, 8192, 4080, RING_BLOCK, 0 });
	/* More values than rings; other ways to write a number, and yes */
	LOADED("rings=0x1 slots=1k,8 slot_size=0x40,32 size=01000000 direct=y,n,1",
	       { 1024, 64, 1 << 18, 1 << 16, RING_BLOCK, RING_DIRECT });
}

TEST_F_TIMEOUT(load, large_ones, 100)
{
	/* As many slots as there can be: 18 bits for a record's slots do not reach a quarter of them */
	LOADED("slots=1M slot_size=32 size=64M", { 1 << 20, 32, 64 << 20, RING_K_MAX * 64, RING_BLOCK, 0 });
}

TEST_F(load, many_rings)
{
	char args[] = "rings=256 slots=4 slot_size=32 size=0";
	int fd[256];

	ASSERT_EQ(0, rt_insert(args));
	for (int n = 0; n < 256; n++) {
		fd[n] = rt_open(_metadata, n, O_RDWR | O_NONBLOCK);
		EXPECT_EQ(16, rt_write(fd[n], 16, n));
	}
	for (int n = 0; n < 256; n++) {
		EXPECT_EQ(16, rt_read(fd[n], 16, n));
		close(fd[n]);
	}
	EXPECT_EQ(-1, access("/dev/ring256", F_OK));
	ASSERT_EQ(0, rt_unload());
	EXPECT_TRUE(nothing_left());
}

/* ---- Removing it ---- */

static bool in_use(void)
{
	return syscall(SYS_delete_module, "ring", O_NONBLOCK) == -1 && errno == EWOULDBLOCK;
}

/* Whatever is left of an open ring holds the module: removing it is refused, and nothing is taken away. */
TEST_F(load, in_use)
{
	long page = sysconf(_SC_PAGESIZE);
	int fd, cursor, pair[2];
	void *map;
	struct ring_info info;

	ASSERT_EQ(0, rt_insert("rings=2"));
	fd = rt_open(_metadata, 0, O_RDWR);
	EXPECT_TRUE(in_use());
	EXPECT_EQ(8, rt_write(fd, 8, 1));
	EXPECT_EQ(8, rt_read(fd, 8, 1));
	info = rt_info(_metadata, fd);

	/* Only a mapping */
	map = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, info.slots_offset);
	ASSERT_NE(MAP_FAILED, map);
	close(fd);
	EXPECT_TRUE(in_use());
	EXPECT_NE(0, *(__u64 *)map);
	munmap(map, page);
	ASSERT_EQ(0, rt_unload());

	/* Only the descriptor of a cursor page, then only its mapping */
	ASSERT_EQ(0, rt_insert("rings=2"));
	fd = rt_open(_metadata, 1, O_RDONLY);
	cursor = ioctl(fd, RING_IOC_CURSOR, 0);
	ASSERT_LE(0, cursor);
	close(fd);
	EXPECT_TRUE(in_use());
	map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, cursor, 0);
	ASSERT_NE(MAP_FAILED, map);
	close(cursor);
	EXPECT_TRUE(in_use());
	*(__u64 *)map = 7;
	munmap(map, page);
	ASSERT_EQ(0, rt_unload());

	/* Only on its way in a socket */
	ASSERT_EQ(0, rt_insert("rings=2"));
	fd = rt_open(_metadata, 0, O_RDONLY);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	{
		char c = 0, control[CMSG_SPACE(sizeof(int))] = {};
		struct iovec iov = { &c, 1 };
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			.msg_controllen = sizeof(control),
		};
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

		*cmsg = (struct cmsghdr) {
			.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
		ASSERT_EQ(1, sendmsg(pair[0], &msg, 0));
		close(fd);
		EXPECT_TRUE(in_use());
		memset(control, 0, sizeof(control));
		msg.msg_controllen = sizeof(control);
		ASSERT_EQ(1, recvmsg(pair[1], &msg, 0));
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	}
	EXPECT_EQ(0, rt_poll(fd, POLLIN));
	EXPECT_TRUE(in_use());
	close(fd);
	close(pair[0]);
	close(pair[1]);
	ASSERT_EQ(0, rt_unload());
	EXPECT_TRUE(nothing_left());
}

static long vmalloc_areas(void)
{
	FILE *f = fopen("/proc/vmallocinfo", "r");
	char line[512];
	long n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, " vmap") != NULL;
	if (f)
		fclose(f);
	return n;
}

/* Free memory in kB, with what the processors' own lists hold back, which MemFree does not count */
static long available(void)
{
	int refresh = open("/proc/sys/vm/stat_refresh", O_WRONLY);
	FILE *f;
	char line[128];
	long pages = 0, n;

	/* The counters are gathered now and then only. */
	if (write(refresh, "1", 1) != 1)
		fprintf(stderr, "# no stat_refresh\n");
	close(refresh);
	f = fopen("/proc/zoneinfo", "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " nr_free_pages %ld", &n) == 1 || sscanf(line, " count: %ld", &n) == 1)
			pages += n;
	if (f)
		fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* All the memory is given back, used or not: a twentieth of what these rounds take would show. */
#define ROUNDS	6
#define SLACK	(12 << 10)

TEST_F(load, memory_comes_back)
{
	long areas = vmalloc_areas(), before = available();
	__u64 deadline;

	for (int round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(0, rt_insert("rings=4 size=32M,0 slots=64K"));
		EXPECT_LT(areas, vmalloc_areas());
		for (int n = 0; n < 4; n++) {
			int fd = rt_open(_metadata, n, O_RDWR);
			struct rt_map m = rt_map_subscriber(_metadata, fd);

			EXPECT_EQ(40, rt_write(fd, 40, 1));
			rt_unmap(&m);
			close(fd);
		}
		ASSERT_EQ(0, rt_unload());
		EXPECT_EQ(areas, vmalloc_areas());
	}
	deadline = rt_in_ms(2000);
	while (available() + SLACK < before && rt_now() < deadline)
		rt_sleep_ms(50);
	EXPECT_LT(before, available() + SLACK) {
		TH_LOG("%ld kB are gone", before - available());
	}
}

TEST_HARNESS_MAIN
