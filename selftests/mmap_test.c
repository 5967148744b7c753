// SPDX-License-Identifier: GPL-2.0
/* The mapped areas: what may be done to them, and reading records where they lie */

#include "ring_test.h"

#define AREAS	4

struct area {
	const char *name;
	__u64 offset, length;
};

FIXTURE(mmap) {
	int w, r;		/* @r is open for reading only, and no subscriber yet */
	long page;
	struct ring_info info;
	struct area areas[AREAS];
};

FIXTURE_SETUP(mmap)
{
	self->w = rt_open_empty(_metadata, BLOCK);
	self->r = rt_open(_metadata, BLOCK, O_RDONLY | O_NONBLOCK);
	self->page = sysconf(_SC_PAGESIZE);
	self->info = rt_info(_metadata, self->w);
	self->areas[0] = (struct area) { "control", self->info.control_offset, self->info.control_length };
	self->areas[1] = (struct area) { "producers", self->info.producers_offset, self->info.producers_length };
	self->areas[2] = (struct area) { "slots", self->info.slots_offset, self->info.slots_length };
	self->areas[3] = (struct area) { "bulk", self->info.bulk_offset, self->info.bulk_length };
}

FIXTURE_TEARDOWN(mmap)
{
	close(self->w);
	close(self->r);
}

#define for_each_area(a)	for (a = self->areas; a < self->areas + AREAS; a++)

static void expect_no_map(struct __test_metadata *_metadata, int error, int fd, __u64 offset, __u64 length,
			  int prot, int flags)
{
	EXPECT_EQ(MAP_FAILED, mmap(NULL, length, prot, flags, fd, offset)) {
		TH_LOG("offset %llx, length %llx, prot %x, flags %x", offset, length, prot, flags);
		return;
	}
	EXPECT_EQ(error, errno) {
		TH_LOG("offset %llx, length %llx, prot %x, flags %x", offset, length, prot, flags);
	}
}

/* Whether writing a byte to @addr kills */
static bool write_kills(struct __test_metadata *_metadata, volatile char *addr)
{
	pid_t pid = rt_fork(_metadata);

	if (!pid) {
		prctl(PR_SET_DUMPABLE, 0);
		*addr = 1;
		_exit(0);
	}
	return rt_wait_child(pid) == 128 + SIGSEGV;
}

/* On a direct ring too, but for those who attached as direct producers */
TEST_F(mmap, read_only_for_everybody)
{
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC), wo = rt_open(_metadata, BLOCK, O_WRONLY);
	const struct area *a;

	ASSERT_EQ(1000, rt_write(self->w, 1000, 1));
	for_each_area(a) {
		char *map = mmap(NULL, a->length, PROT_READ, MAP_SHARED, self->w, a->offset), *ro;
		char was, one = 1;
		struct iovec local = { &one, 1 }, remote = { NULL, 1 };

		ASSERT_NE(MAP_FAILED, (void *)map);
		expect_no_map(_metadata, EACCES, self->w, a->offset, a->length, PROT_READ | PROT_WRITE,
			      MAP_SHARED);
		expect_no_map(_metadata, EACCES, self->w, a->offset, a->length, PROT_WRITE, MAP_SHARED);
		expect_no_map(_metadata, EACCES, self->r, a->offset, a->length, PROT_READ | PROT_WRITE,
			      MAP_SHARED);
		expect_no_map(_metadata, EACCES, wo, a->offset, a->length, PROT_WRITE, MAP_SHARED);
		expect_no_map(_metadata, EACCES, wo, a->offset, a->length, PROT_READ, MAP_SHARED);
		/* No way to regain it: by another protection, by a copy of the mapping, by a debugger */
		RT_FAILS(EACCES, mprotect(map, self->page, PROT_READ | PROT_WRITE));
		RT_FAILS(EACCES, mprotect(map, a->length, PROT_WRITE));
		EXPECT_TRUE(write_kills(_metadata, map));
		was = *map;
		EXPECT_EQ(-1, pwrite(mem, &one, 1, (uintptr_t)map));
		remote.iov_base = map;
		RT_FAILS(EFAULT, process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
		RT_FAILS(EFAULT, read(open("/dev/zero", O_RDONLY), map, 1));
		EXPECT_EQ(was, *map);
		/* A file open for reading only: the same mapping */
		ro = mmap(NULL, a->length, PROT_READ, MAP_SHARED, self->r, a->offset);
		ASSERT_NE(MAP_FAILED, (void *)ro);
		RT_FAILS(EACCES, mprotect(ro, a->length, PROT_READ | PROT_WRITE));
		EXPECT_EQ(0, memcmp(map, ro, a->length));
		munmap(ro, a->length);
		munmap(map, a->length);
	}
	close(mem);
	close(wo);
}

TEST_F(mmap, grows_by_no_trick)
{
	const struct area *a;

	for_each_area(a) {
		char *map = mmap(NULL, a->length, PROT_READ, MAP_SHARED, self->r, a->offset), *moved;
		char *reserved = mmap(NULL, a->length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		ASSERT_NE(MAP_FAILED, (void *)map);
		EXPECT_EQ(MAP_FAILED, mremap(map, a->length, a->length + self->page, MREMAP_MAYMOVE));
		EXPECT_EQ(MAP_FAILED, mremap(map, a->length, 16 * a->length, MREMAP_MAYMOVE));
		/* With an old size of 0 it is a copy that is made, as large as asked for. */
		EXPECT_EQ(MAP_FAILED, mremap(map, 0, a->length + self->page, MREMAP_MAYMOVE));
		EXPECT_EQ(MAP_FAILED, mremap(map, 0, 16 * a->length, MREMAP_MAYMOVE));
		/* Moved and cut it may be. */
		moved = mremap(map, a->length, a->length, MREMAP_MAYMOVE | MREMAP_FIXED, reserved);
		ASSERT_EQ(reserved, moved);
		RT_FAILS(EACCES, mprotect(moved, a->length, PROT_READ | PROT_WRITE));
		if (a->length > self->page) {
			EXPECT_EQ(moved, mremap(moved, a->length, self->page, 0));
			EXPECT_EQ(MAP_FAILED, mremap(moved, self->page, a->length, MREMAP_MAYMOVE));
		}
		munmap(moved, a->length);
	}
}

TEST_F(mmap, only_what_there_is)
{
	const struct area *a;

	for_each_area(a) {
		char *map;

		expect_no_map(_metadata, EINVAL, self->r, a->offset, a->length, PROT_READ, MAP_PRIVATE);
		expect_no_map(_metadata, EINVAL, self->r, a->offset, a->length, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE);
		expect_no_map(_metadata, EINVAL, self->r, a->offset, a->length + 1, PROT_READ, MAP_SHARED);
		expect_no_map(_metadata, EINVAL, self->r, a->offset + self->page, a->length, PROT_READ,
			      MAP_SHARED);
		expect_no_map(_metadata, EINVAL, self->r, a->offset + a->length, self->page, PROT_READ,
			      MAP_SHARED);
		expect_no_map(_metadata, EINVAL, self->r, a->offset + (1ull << 39), self->page, PROT_READ,
			      MAP_SHARED);
		/* A part of it is all right, */
		map = mmap(NULL, self->page, PROT_READ, MAP_SHARED, self->r,
			   a->offset + a->length - self->page);
		EXPECT_NE(MAP_FAILED, (void *)map);
		munmap(map, self->page);
	}
	/* and beyond the last area there is nothing. */
	for (int bit = 0; bit < 63; bit++) {
		__u64 offset = self->info.bulk_offset + (1ull << bit);

		if (bit >= 40) {
			expect_no_map(_metadata, EINVAL, self->r, offset, self->page, PROT_READ, MAP_SHARED);
		}
	}
	/* One mapping over two areas is none. */
	expect_no_map(_metadata, EINVAL, self->r, 0, 2 * self->page, PROT_READ, MAP_SHARED);
	/* To map is not to subscribe. */
	EXPECT_EQ(0, rt_stat(_metadata, self->w).subscribers);
}

TEST_F(mmap, the_control_page)
{
	struct rt_map m = rt_map(_metadata, self->r);
	const struct ring_control *c = m.mem.control;
	struct ring_stat stat;

	EXPECT_EQ(RING_MAGIC, c->magic);
	EXPECT_EQ(RING_ABI_VERSION, c->abi);
	EXPECT_EQ(self->info.slots, c->slots);
	EXPECT_EQ(self->info.slot_size, c->slot_size);
	EXPECT_EQ(self->info.bulk_size / self->info.slots, 1u << c->stride_shift);
	EXPECT_EQ(self->info.bulk_size, c->bulk_size);
	EXPECT_EQ(self->info.longest, c->longest);
	EXPECT_EQ(self->info.policy, c->policy);
	EXPECT_EQ(self->info.ring_flags, c->flags);
	EXPECT_EQ(0, c->status);
	ASSERT_EQ(1000, rt_write(self->w, 1000, 1));
	ASSERT_EQ(8, rt_write(self->w, 8, 2));
	stat = rt_stat(_metadata, self->w);
	EXPECT_EQ(stat.tail, c->tail);
	EXPECT_EQ(stat.tail, ring_mem_mark_read(&m.mem).tail);
	EXPECT_EQ(stat.published - 2, ring_mem_mark_read(&m.mem).ordinal);
	EXPECT_EQ(stat.head - 1, m.mem.producers->hint);
	EXPECT_EQ(RING_NONE, c->wake_data);
	EXPECT_EQ(RING_NONE, c->wake_space);
	rt_unmap(&m);
}

/* Take a record from the mapping; its length, 0 for none, -1 when it is not that of @number */
static ssize_t take(struct rt_map *m, __u64 number, int fd)
{
	__u64 s = m->cursor->cursor, state;
	const struct ring_slot *slot = ring_mem_slot(&m->mem, s);
	__u32 len;

	if (ring_mem_look(&m->mem, s, &state) != RING_LOOK_READY)
		return 0;
	if (!ring_mem_len_valid(&m->mem, ring_state_k(state), slot->len))
		return -1;
	len = slot->len & ~RING_LEN_BULK;
	if (!rt_is(ring_mem_payload(&m->mem, s, slot->len), len, number))
		return -1;
	if (ring_cursor_release(&m->mem, m->cursor, s + ring_state_k(state), 1))
		ioctl(fd, RING_IOC_WAKE, RING_WAKE_SPACE);
	return len;
}

/* Through the end of the ring several times: every payload lies in one piece. */
TEST_F(mmap, records_where_they_lie)
{
	struct rt_map m = rt_map_subscriber(_metadata, self->r);
	static const size_t sizes[] = { 8, 40, 48, 49, 256, 257, 1000, 70000, 262144 };
	__u64 wrapped = 0;

	for (int i = 0; i < 400; i++) {
		size_t len = sizes[i % ARRAY_SIZE(sizes)];
		__u64 first = m.cursor->cursor & m.mem.slot_mask, count = ring_mem_slots_for(&m.mem, len);

		ASSERT_EQ(len, rt_write(self->w, len, i));
		wrapped += first + count > m.info.slots;
		ASSERT_EQ(len, take(&m, i, self->r));
	}
	EXPECT_LT(5, wrapped);
	EXPECT_EQ(0, take(&m, 0, self->r));
	EXPECT_EQ(400, m.cursor->taken);
	EXPECT_EQ(0, m.cursor->lost);
	/* The two copies are one memory. */
	EXPECT_EQ(0, memcmp(m.mem.bulk, m.mem.bulk + m.info.bulk_size, m.info.bulk_size));
	/* read() goes on where the mapping has come to, and the other way round. */
	ASSERT_EQ(300, rt_write(self->w, 300, 1));
	ASSERT_EQ(20, rt_write(self->w, 20, 2));
	ASSERT_EQ(20, rt_write(self->w, 20, 3));
	ASSERT_EQ(300, take(&m, 1, self->r));
	ASSERT_EQ(20, rt_read(self->r, 64, 2));
	ASSERT_EQ(20, take(&m, 3, self->r));
	RT_FAILS(EAGAIN, rt_read(self->r, 64, 2));
	rt_unmap(&m);
}

static long do_write(void *fd)
{
	return rt_write(*(int *)fd, 8, 4096);
}

/* A release in the mapping lets a sleeping writer go on; only that one is a call. */
TEST_F(mmap, release_wakes_the_writer)
{
	struct rt_map m = rt_map_subscriber(_metadata, self->r);
	struct rt_thread t;

	ASSERT_EQ(4096, rt_write_until_full(self->w, 8));
	rt_start_asleep(_metadata, &t, do_write, &self->w);
	EXPECT_EQ(m.cursor->cursor + 1, m.mem.control->wake_space);
	ASSERT_EQ(8, take(&m, 0, self->r));
	ASSERT_TRUE(rt_ends(&t, 5000));
	EXPECT_EQ(8, t.ret);
	EXPECT_EQ(RING_NONE, m.mem.control->wake_space);
	for (int i = 1; i <= 4096; i++) {
		ASSERT_EQ(8, take(&m, i, -1));
	}
	rt_unmap(&m);
}

/* A lossy reader in the mapping finds out by itself, and counts what it lost by itself. */
TEST_F(mmap, losses_in_the_mapping)
{
	int w = rt_open_empty(_metadata, OVERWRITE), r = rt_open(_metadata, OVERWRITE, O_RDONLY);
	struct rt_map m = rt_map_subscriber(_metadata, r);
	__u64 next = 0, n = 0, lost;

	for (int round = 0; round < 20; round++) {
		struct ring_stat stat;

		for (int i = 0; i < 900; i++) {
			size_t len = 8 + (n * 7919) % (n % 10 ? 300 : 20000);

			ASSERT_EQ(len, rt_write(w, len, n));
			n++;
		}
		stat = rt_stat(_metadata, w);
		lost = m.cursor->lost;
		if (ring_mem_lapped(&m.mem, m.cursor->cursor)) {
			EXPECT_EQ(stat.tail, ring_cursor_catch_up(&m.mem, m.cursor));
			EXPECT_LT(lost, m.cursor->lost);
		}
		next += m.cursor->lost - lost;
		ASSERT_LE(n - stat.retained, next);
		for (int i = 0; i < 100 + round * 40 && next < n; i++) {
			ASSERT_LT(0, take(&m, next, r));
			next++;
		}
	}
	EXPECT_LT(0, m.cursor->lost);
	EXPECT_EQ(next, m.cursor->taken + m.cursor->lost);
	rt_unmap(&m);
	close(w);
	close(r);
}

TEST_F(mmap, the_cursor_page)
{
	int fd = ioctl(self->r, RING_IOC_CURSOR, 0), fd2 = ioctl(self->r, RING_IOC_CURSOR, 0), other, other_fd;
	int both = PROT_READ | PROT_WRITE;
	struct ring_cursor *c, *c2, *o;
	char path[64];

	/* On a file that is open for reading only. It makes a subscriber. */
	ASSERT_LE(0, fd);
	ASSERT_LE(0, fd2);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(1, rt_stat(_metadata, self->w).subscribers);
	c = mmap(NULL, self->page, both, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)c);
	c2 = mmap(NULL, self->page, PROT_READ, MAP_SHARED, fd2, 0);
	ASSERT_NE(MAP_FAILED, (void *)c2);
	ASSERT_EQ(8, rt_write(self->w, 8, 0));
	ASSERT_EQ(8, rt_read(self->r, 64, 0));
	EXPECT_EQ(1, c->taken);
	EXPECT_EQ(1, c2->taken);
	EXPECT_EQ(rt_stat(_metadata, self->w).head, c->cursor);

	expect_no_map(_metadata, EINVAL, fd, 0, self->page, both, MAP_PRIVATE);
	expect_no_map(_metadata, EINVAL, fd, 0, 2 * self->page, both, MAP_SHARED);
	expect_no_map(_metadata, EINVAL, fd, self->page, self->page, both, MAP_SHARED);
	expect_no_map(_metadata, EINVAL, fd, 1ull << 40, self->page, both, MAP_SHARED);
	EXPECT_EQ(MAP_FAILED, mremap(c, self->page, 2 * self->page, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(c, 0, 2 * self->page, MREMAP_MAYMOVE));
	/* It is a page and nothing else. */
	EXPECT_EQ(-1, read(fd, path, 1));
	EXPECT_EQ(-1, write(fd, path, 1));
	RT_FAILS(ENOTTY, ioctl(fd, RING_IOC_FLUSH, 0));

	/* Nobody else gets at it: another file has one of its own, and this one cannot be opened by its name. */
	other = rt_open(_metadata, BLOCK, O_RDWR);
	o = rt_map_cursor(_metadata, other, &other_fd);
	o->cursor = 12345;
	EXPECT_NE(12345, c->cursor);
	EXPECT_EQ(0, o->taken);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	EXPECT_EQ(-1, open(path, O_RDWR));
	munmap(o, self->page);
	munmap(c, self->page);
	munmap(c2, self->page);
	close(other_fd);
	close(other);
	close(fd);
	close(fd2);
}

/* The subscription lasts until the last descriptor and the last mapping are gone, in whichever order. */
static bool is_zero(const void *at, size_t size)
{
	const unsigned char *p = at;
	size_t i;

	for (i = 0; i < size && !p[i]; i++)
		;
	return i == size;
}

/* A ring made at run time, and a file of it; its number in @c */
static int make(struct __test_metadata *_metadata, int control, struct ring_create *c)
{
	*c = (struct ring_create) {
		.size = sizeof(*c), .id = RING_ANY, .slots = 64, .slot_size = 64, .bulk_size = 16384,
	};
	RT_OK(ioctl(control, RING_CTL_CREATE, c));
	return rt_open(_metadata, c->id, O_RDWR);
}

static void destroy(struct __test_metadata *_metadata, int control, __u32 id)
{
	struct ring_destroy d = { .size = sizeof(d), .id = id };

	RT_OK(ioctl(control, RING_CTL_DESTROY, &d));
}

/* All that is mapped, also what lies between and behind the members, after another ring has had the memory */
TEST_F(mmap, a_new_ring_is_zeroed)
{
	int control = open("/dev/ring-control", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, control);
	for (int round = 0; round < 10; round++) {
		union {
			struct ring_control c;
			unsigned char page[4096];
		} expected = {};
		struct ring_create c;
		struct rt_map m;
		int fd = make(_metadata, control, &c);

		m = rt_map_subscriber(_metadata, fd);
		memset((char *)m.cursor + sizeof(*m.cursor), 'x', self->page - sizeof(*m.cursor));
		ASSERT_LT(0, rt_write_until_full(fd, 48));
		RT_OK(ioctl(fd, RING_IOC_FLUSH, 0));
		ASSERT_LT(0, rt_write_until_full(fd, 256));
		ASSERT_FALSE(is_zero(m.mem.slots, m.info.slots_length));
		ASSERT_FALSE(is_zero(m.mem.bulk, m.info.bulk_length));
		rt_unmap(&m);
		close(fd);
		destroy(_metadata, control, c.id);

		fd = make(_metadata, control, &c);
		m = rt_map_subscriber(_metadata, fd);
		expected.c = (struct ring_control) {
			.magic = RING_MAGIC, .abi = RING_ABI_VERSION, .slots = 64, .slot_size = 64, .stride_shift = 8,
			.bulk_size = 16384, .longest = 4096, .wake_data = RING_NONE, .wake_space = RING_NONE,
		};
		ASSERT_EQ(sizeof(expected), m.info.control_length);
		EXPECT_EQ(0, memcmp(&expected, m.mem.control, sizeof(expected)));
		EXPECT_TRUE(is_zero(m.mem.producers, m.info.producers_length));
		EXPECT_TRUE(is_zero(m.mem.slots, m.info.slots_length));
		EXPECT_TRUE(is_zero(m.mem.bulk, m.info.bulk_length));
		EXPECT_TRUE(m.cursor->base == 0 || m.cursor->base == RING_NONE);
		m.cursor->base = 0;
		EXPECT_TRUE(is_zero(m.cursor, self->page));
		rt_unmap(&m);
		close(fd);
		destroy(_metadata, control, c.id);
	}
	close(control);
}

TEST_F(mmap, outlives_its_descriptor)
{
	struct rt_map m;
	int cursor_fd;

	m = rt_map_subscriber(_metadata, self->r);
	cursor_fd = m.cursor_fd;
	m.cursor_fd = -1;
	close(self->r);
	close(cursor_fd);
	EXPECT_EQ(1, rt_stat(_metadata, self->w).subscribers);
	ASSERT_EQ(4096, rt_write_until_full(self->w, 8));
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(8, take(&m, i, -1));
	}
	ASSERT_EQ(100, rt_write_until_full(self->w, 8));
	munmap(m.cursor, self->page);
	EXPECT_EQ(1, rt_stat(_metadata, self->w).subscribers);
	m.cursor = NULL;
	rt_unmap(&m);
	EXPECT_EQ(0, rt_stat(_metadata, self->w).subscribers);

	/* Only the descriptor of the page is left, then only its mapping. */
	for (int i = 0; i < 2; i++) {
		self->r = rt_open(_metadata, BLOCK, O_RDONLY);
		m.cursor = rt_map_cursor(_metadata, self->r, &cursor_fd);
		close(self->r);
		if (i) {
			close(cursor_fd);
			EXPECT_EQ(1, rt_stat(_metadata, self->w).subscribers);
			munmap(m.cursor, self->page);
		} else {
			munmap(m.cursor, self->page);
			EXPECT_EQ(1, rt_stat(_metadata, self->w).subscribers);
			close(cursor_fd);
		}
		EXPECT_EQ(0, rt_stat(_metadata, self->w).subscribers);
	}
	self->r = rt_open(_metadata, BLOCK, O_RDONLY);
}

TEST_F(mmap, forked)
{
	struct rt_map m = rt_map_subscriber(_metadata, self->r);
	pid_t child;
	int go[2];

	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(300, rt_write(self->w, 300, 1));
	child = rt_fork(_metadata);
	if (!child) {
		char c;

		close(self->r);
		close(m.cursor_fd);
		close(go[1]);
		if (take(&m, 1, self->w) != 300 || read(go[0], &c, 1) != 1 || take(&m, 2, self->w) != 20)
			_exit(1);
		read(go[0], &c, 1);
		_exit(0);
	}
	/* The mappings are one; when the parent's are gone, the child's hold the subscription. */
	for (int i = 0; i < 1000 && m.cursor->taken != 1; i++)
		rt_sleep_ms(1);
	EXPECT_EQ(1, m.cursor->taken);
	ASSERT_EQ(20, rt_write(self->w, 20, 2));
	rt_unmap(&m);
	close(self->r);
	EXPECT_EQ(1, rt_stat(_metadata, self->w).subscribers);
	ASSERT_EQ(1, write(go[1], "x", 1));
	close(go[1]);
	EXPECT_EQ(0, rt_wait_child(child));
	EXPECT_EQ(0, rt_stat(_metadata, self->w).subscribers);
	close(go[0]);
	self->r = rt_open(_metadata, BLOCK, O_RDONLY);
}

TEST_HARNESS_MAIN
