// SPDX-License-Identifier: GPL-2.0
/*
 * What can be seen from outside: attributes in sysfs, there before anybody is told of the device; fdinfo; the
 * memory that rings and their subscribers hold, its limit and whom it is charged to.
 */

#include <dirent.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "ring_test.h"

#define PARAMETERS	"rings=3 slots=256,1024 slot_size=64,128 size=64K,4M,0 policy=block,overwrite direct=0,1,0"

RT_LOADS(PARAMETERS)

static const struct ring {
	__u64 slots, slot_size, size, longest;
	const char *policy;
	bool direct;
} rings[] = {
	{ 256, 64, 65536, 16384, "block", false },
	{ 1024, 128, 4194304, 1048576, "overwrite", true },
	{ 1024, 128, 0, 112, "overwrite", false },
};

static const char *const attributes[] = {
	"name", "slots", "slot_size", "size", "longest", "policy", "direct", "ephemeral", "head", "tail",
	"subscribers", "producers", "published", "lost", "bytes",
};

/* The text of an attribute; empty: it is not there */
static const char *text(int n, const char *name)
{
	static char value[256];
	char path[128];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/sys/class/ring/ring%d/%s", n, name);
	fd = open(path, O_RDONLY);
	len = fd < 0 ? 0 : read(fd, value, sizeof(value) - 1);
	close(fd);
	value[len > 0 ? len : 0] = '\0';
	return value;
}

/* A number, alone on its line */
static __u64 number(int n, const char *name)
{
	const char *value = text(n, name);
	char *end;
	__u64 x = strtoull(value, &end, 10);

	return end > value && !strcmp(end, "\n") ? x : ~0ull;
}

static __u64 pages(__u64 bytes)
{
	__u64 page = sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

/* What a ring holds that nobody uses */
static __u64 holds(const struct ring *r)
{
	return pages(sizeof(struct ring_control)) + pages(sizeof(struct ring_producers)) +
	       pages(r->slots * r->slot_size) + pages(r->size);
}

/* Runs first, of all that is in this file. */
TEST(attributes_of_an_unused_ring)
{
	for (int n = 0; n < 3; n++) {
		const struct ring *r = &rings[n];
		char policy[32];

		EXPECT_EQ(r->slots, number(n, "slots"));
		EXPECT_EQ(r->slot_size, number(n, "slot_size"));
		EXPECT_EQ(r->size, number(n, "size"));
		EXPECT_EQ(r->longest, number(n, "longest"));
		EXPECT_EQ(r->direct, number(n, "direct"));
		snprintf(policy, sizeof(policy), "%s\n", r->policy);
		EXPECT_STREQ(policy, text(n, "policy"));
		EXPECT_EQ(0, number(n, "head"));
		EXPECT_EQ(0, number(n, "tail"));
		EXPECT_EQ(0, number(n, "subscribers"));
		EXPECT_EQ(0, number(n, "producers"));
		EXPECT_EQ(0, number(n, "published"));
		EXPECT_EQ(0, number(n, "lost"));
		EXPECT_EQ(holds(r), number(n, "bytes"));
	}
	EXPECT_EQ(-1, access("/sys/class/ring/ring3", F_OK));
}

TEST(attributes_of_a_used_ring)
{
	int w = rt_open(_metadata, 1, O_WRONLY), r = rt_open(_metadata, 1, O_RDONLY | O_NONBLOCK);
	struct ring_stat stat;

	rt_subscribe(_metadata, r, 0, RING_OLDEST);
	/* A slot has a share of 4096 bytes of the bulk area: two slots each */
	for (int i = 0; i < 700; i++) {
		ASSERT_EQ(5000, rt_write(w, 5000, i));
	}
	EXPECT_EQ(1400, number(1, "head"));
	EXPECT_EQ(700, number(1, "published"));
	EXPECT_EQ(1, number(1, "subscribers"));
	EXPECT_EQ(1, number(1, "producers"));
	EXPECT_EQ(holds(&rings[1]) + pages(1), number(1, "bytes"));
	EXPECT_LE(376, number(1, "tail"));
	EXPECT_EQ(number(1, "tail") / 2, number(1, "lost"));
	stat = rt_stat(_metadata, r);
	EXPECT_EQ(stat.head, number(1, "head"));
	EXPECT_EQ(stat.tail, number(1, "tail"));
	EXPECT_EQ(stat.lost, number(1, "lost"));
	EXPECT_EQ(stat.bytes, number(1, "bytes"));
	close(r);
	EXPECT_EQ(0, number(1, "subscribers"));
	EXPECT_EQ(stat.lost, number(1, "lost"));
	EXPECT_EQ(holds(&rings[1]), number(1, "bytes"));
	close(w);
	EXPECT_EQ(0, number(1, "producers"));
	/* The others know nothing of that. */
	EXPECT_EQ(0, number(2, "head"));
}

/* One value a file, for reading only, and reading changes nothing */
TEST(attributes_are_read_only)
{
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		char path[128], before[64];
		struct stat st;

		snprintf(path, sizeof(path), "/sys/class/ring/ring0/%s", attributes[i]);
		ASSERT_EQ(0, stat(path, &st)) {
			TH_LOG("%s", path);
		}
		EXPECT_EQ(0444, st.st_mode & 0777);
		snprintf(before, sizeof(before), "%s", text(0, attributes[i]));
		EXPECT_STREQ(before, text(0, attributes[i]));
		EXPECT_EQ(before + strlen(before) - 1, strchr(before, '\n'));
	}
	EXPECT_EQ(0, number(0, "subscribers"));
}

/* All that is there is known here. */
TEST(no_other_attributes)
{
	static const char *const common[] = { ".", "..", "dev", "uevent", "power", "subsystem" };
	DIR *dir = opendir("/sys/class/ring/ring0");
	struct dirent *d;

	ASSERT_NE(NULL, dir);
	while ((d = readdir(dir))) {
		bool known = false;

		for (size_t i = 0; i < ARRAY_SIZE(attributes); i++)
			known |= !strcmp(d->d_name, attributes[i]);
		for (size_t i = 0; i < ARRAY_SIZE(common); i++)
			known |= !strcmp(d->d_name, common[i]);
		EXPECT_TRUE(known) {
			TH_LOG("%s", d->d_name);
		}
	}
	closedir(dir);
}

TEST(the_device_node)
{
	struct stat st;
	char dev[32];

	for (int n = 0; n < 3; n++) {
		char path[32];

		snprintf(path, sizeof(path), "/dev/ring%d", n);
		ASSERT_EQ(0, stat(path, &st));
		EXPECT_TRUE(S_ISCHR(st.st_mode));
		snprintf(dev, sizeof(dev), "%u:%u\n", major(st.st_rdev), minor(st.st_rdev));
		EXPECT_STREQ(dev, text(n, "dev"));
	}
	EXPECT_EQ(-1, stat("/dev/ring3", &st));
}

static void fdinfo(int fd, char *value, size_t size)
{
	char path[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	fd = open(path, O_RDONLY);
	len = read(fd, value, size - 1);
	value[len > 0 ? len : 0] = '\0';
	close(fd);
}

TEST(fdinfo_tells_the_role)
{
	int w = rt_open_empty(_metadata, 0), r = rt_open(_metadata, 0, O_RDONLY);
	int x = rt_open(_metadata, 1, O_RDWR), lossy = rt_open(_metadata, 0, O_RDONLY);
	char got[1024], expected[300];
	struct ring_stat_subscriber s;
	struct ring_stat stat;
	__u32 id;

	fdinfo(r, got, sizeof(got));
	EXPECT_EQ(NULL, strstr(got, "ring-"));
	id = rt_subscribe(_metadata, r, 0, RING_OLDEST);
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(20, rt_write(w, 20, i));
	}
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(20, rt_read(r, 64, i));
	}
	s = rt_subscriber(_metadata, w, id);
	snprintf(expected, sizeof(expected), "ring-subscriber:\t%u reliable\nring-cursor:\t%llu\nring-lag:\t7\n"
		 "ring-taken:\t3\nring-lost:\t0\n", id, s.cursor);
	fdinfo(r, got, sizeof(got));
	EXPECT_NE(NULL, strstr(got, expected)) {
		TH_LOG("%s", got);
	}
	EXPECT_EQ(NULL, strstr(got, "ring-producer:"));
	fdinfo(w, got, sizeof(got));
	EXPECT_NE(NULL, strstr(got, "ring-producer:\t"));
	EXPECT_NE(NULL, strstr(got, " shared\n"));
	EXPECT_EQ(NULL, strstr(got, "ring-subscriber:"));

	id = rt_subscribe(_metadata, lossy, RING_SUBSCRIBE_LOSSY, RING_OLDEST);
	fdinfo(lossy, got, sizeof(got));
	snprintf(expected, sizeof(expected), "ring-subscriber:\t%u lossy\n", id);
	EXPECT_NE(NULL, strstr(got, expected));
	/* Both roles, and what was lost but not told yet */
	ASSERT_EQ(0, rt_produce(x, RING_PRODUCE_EXCLUSIVE));
	rt_subscribe(_metadata, x, 0, RING_NEXT);
	for (int i = 0; i < 2000; i++) {
		ASSERT_EQ(8, rt_write(x, 8, i));
	}
	stat = rt_stat(_metadata, x);
	fdinfo(x, got, sizeof(got));
	EXPECT_NE(NULL, strstr(got, " exclusive\n"));
	snprintf(expected, sizeof(expected), "ring-lag:\t2000\nring-taken:\t0\nring-lost:\t%llu\n",
		 2000 - stat.retained);
	EXPECT_NE(NULL, strstr(got, expected)) {
		TH_LOG("%s instead of %s", got, expected);
	}
	close(w);
	close(r);
	close(x);
	close(lossy);
}

/* ---- Memory ---- */

static bool write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);

	close(fd);
	return ok;
}

static __u64 read_file(const char *path)
{
	char value[32] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, value, sizeof(value) - 1) <= 0)
		strcpy(value, "0");
	close(fd);
	return strtoull(value, NULL, 10);
}

#define MANY	300

TEST(subscribers_are_charged_to_their_cgroup)
{
	static const char group[] = "/sys/fs/cgroup/ring_test";
	char path[128];
	__u64 before;
	int go[2], back[2];
	pid_t child;
	char c;

	ASSERT_TRUE(write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory"));
	ASSERT_TRUE(!mkdir(group, 0755) || errno == EEXIST);
	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, pipe(back));
	child = rt_fork(_metadata);
	if (!child) {
		struct ring_subscribe sub;

		/* Twice, that the first time has what the process needs besides */
		if (!write_file(path, "0"))
			_exit(1);
		for (int round = 0; round < 2; round++) {
			for (int i = 0; i < MANY; i++)
				if (rt_try_subscribe(rt_try_open(0, O_RDONLY), 0, RING_NEXT, &sub))
					_exit(2);
			if (write(back[1], "x", 1) != 1 || read(go[0], &c, 1) != 1)
				_exit(3);
		}
		_exit(0);
	}
	snprintf(path, sizeof(path), "%s/memory.current", group);
	ASSERT_EQ(1, read(back[0], &c, 1));
	before = read_file(path);
	ASSERT_EQ(1, write(go[1], "x", 1));
	ASSERT_EQ(1, read(back[0], &c, 1));
	/* A page each, and what the open file takes; counted in batches of 64 pages */
	EXPECT_LE(before + (MANY - 128) * 4096, read_file(path));
	ASSERT_EQ(1, write(go[1], "x", 1));
	EXPECT_EQ(0, rt_wait_child(child));
	for (int i = 0; i < 100 && rmdir(group); i++)
		rt_sleep_ms(10);
}

/* Two pages are left of what all rings may hold: two subscribers can be, on whichever ring. */
TEST(no_more_than_max_bytes)
{
	struct ring_subscribe sub;
	char args[300];
	__u64 all = 0;
	int fd[3], w;
	char c;

	for (int n = 0; n < 3; n++)
		all += holds(&rings[n]);
	snprintf(args, sizeof(args), PARAMETERS " max_bytes=%llu", all + 2 * sysconf(_SC_PAGESIZE) + 1);
	ASSERT_EQ(0, rt_load(args));
	w = rt_open(_metadata, 2, O_RDWR);
	EXPECT_EQ(8, rt_write(w, 8, 0));
	for (int i = 0; i < 3; i++)
		fd[i] = rt_open(_metadata, i, O_RDONLY | O_NONBLOCK);
	ASSERT_EQ(0, rt_try_subscribe(fd[0], 0, RING_OLDEST, &sub));
	ASSERT_EQ(0, rt_try_subscribe(fd[1], 0, RING_OLDEST, &sub));
	RT_FAILS(ENOMEM, rt_try_subscribe(fd[2], 0, RING_OLDEST, &sub));
	RT_FAILS(ENOMEM, read(fd[2], &c, 1));
	RT_FAILS(ENOMEM, lseek(fd[2], 0, SEEK_SET));
	RT_FAILS(ENOMEM, ioctl(fd[2], RING_IOC_CURSOR, 0));
	RT_FAILS(ENOMEM, rt_wait_data(fd[2], RING_NOW));
	EXPECT_TRUE(rt_poll(fd[2], POLLIN) & POLLERR);
	EXPECT_EQ(0, number(2, "subscribers"));
	/* What needs no page goes on. */
	EXPECT_EQ(8, rt_write(w, 8, 1));
	EXPECT_EQ(POLLOUT, rt_poll(w, POLLOUT));
	/* Given back: by closing; UNSUBSCRIBE keeps the page for the next time. */
	ASSERT_EQ(0, ioctl(fd[0], RING_IOC_UNSUBSCRIBE, 0));
	RT_FAILS(ENOMEM, rt_try_subscribe(fd[2], 0, RING_OLDEST, &sub));
	ASSERT_EQ(0, rt_try_subscribe(fd[0], 0, RING_OLDEST, &sub));
	close(fd[1]);
	EXPECT_EQ(8, rt_read(fd[2], 64, 0));
	for (int i = 0; i < 1000; i++) {
		close(fd[0]);
		fd[0] = rt_open(_metadata, 0, O_RDONLY);
		ASSERT_EQ(0, rt_try_subscribe(fd[0], 0, RING_OLDEST, &sub));
	}
	close(fd[0]);
	close(fd[2]);
	close(w);
	EXPECT_EQ(0, rt_load(PARAMETERS));
}

/* ---- The event that tells of a new device ---- */

struct listener {
	int socket;
	int added, removed;
	size_t missing;
};

/* Look at the attributes as soon as the event is there, before the load has ended. */
static long listen_for_events(void *arg)
{
	struct listener *l = arg;
	char event[8192], path[300];
	ssize_t len;

	while (l->added < 3) {
		len = recv(l->socket, event, sizeof(event) - 1, 0);
		if (len < 0 && errno == EINTR)	/* the end of what system() has run */
			continue;
		if (len <= 0)
			return -1;
		event[len] = '\0';
		if (!strncmp(event, "remove@", 7) && strstr(event, "/ring/ring"))
			l->removed++;
		if (strncmp(event, "add@", 4) || !strstr(event, "/ring/ring"))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
			snprintf(path, sizeof(path), "/sys%.200s/%s", event + 4, attributes[i]);
			l->missing += access(path, R_OK) != 0;
		}
		l->added++;
	}
	return 0;
}

TEST(attributes_are_there_before_the_event)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	struct listener l = { socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT), 0, 0, 0 };
	struct timeval timeout = { 5 * rt_slow(), 0 };
	struct rt_thread t;

	ASSERT_LE(0, l.socket);
	ASSERT_EQ(0, bind(l.socket, (void *)&addr, sizeof(addr)));
	ASSERT_EQ(0, setsockopt(l.socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
	rt_start(_metadata, &t, listen_for_events, &l);
	ASSERT_EQ(0, rt_load(PARAMETERS));
	ASSERT_TRUE(rt_ends(&t, 10000));
	EXPECT_EQ(3, l.added);
	EXPECT_EQ(3, l.removed);
	EXPECT_EQ(0, l.missing);
	close(l.socket);
}

TEST_HARNESS_MAIN
