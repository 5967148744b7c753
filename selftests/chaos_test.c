// SPDX-License-Identifier: GPL-2.0
/*
 * A direct producer that writes random and adversarial words over everything it can map, for a minute (on an
 * overwrite ring for half of one), while others read, write, poll, subscribe and close: every call returns, with
 * an answer of those that it may give, the ring can be mended again and again, and the other ring is perfect all
 * the time. That the kernel is unharmed is seen in its log by who runs this.
 */
#include <libring.h>

#include "ring_test.h"

#define VICTIMS		5	/* processes that use the ring under attack */
#define STALL_MS	20000	/* longer than that in one call, on a machine as slow as an emulated one: it hangs */

/* What every process tells: how many calls it made, and when the last one began; 0: it is in none */
struct progress {
	__u64 calls;
	__u64 begun;
	__u64 corrupt;		/* EUCLEAN answers */
	int wrong;		/* an error that no call may give here, 0: none so far */
};

static struct progress *progress;
static bool *stop;

/* The ring under attack, and the one beside it */
static int target, other;

/* What an attacked ring may answer: not yet, too late, overwritten, rubbish, or not of this place or this length */
static void note_error(struct progress *p, int error)
{
	switch (error) {
	case EUCLEAN:
		p->corrupt++;
		break;
	case EAGAIN:
	case ETIMEDOUT:
	case EOVERFLOW:
	case ENODATA:
	case EINVAL:
	case EMSGSIZE:
		break;
	default:
		if (!p->wrong)
			p->wrong = error;
	}
}

#define TIMED(p, call, error) ({					\
	__atomic_store_n(&(p)->begun, rt_now(), __ATOMIC_RELAXED);	\
	long long __r = (call);						\
	if (__r < 0)							\
		note_error(p, error);					\
	__atomic_store_n(&(p)->begun, 0, __ATOMIC_RELAXED);		\
	(p)->calls++;							\
	__r;								\
})

#define CALL(p, call)		TIMED(p, call, errno)
#define CALL_LIBRARY(p, call)	TIMED(p, call, -__r)

static __u64 rnd(__u64 *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* A state that is wrong in a way that could matter */
static __u64 evil_state(const struct ring_mem *m, __u64 *x, __u64 sequence)
{
	static const __u32 ks[] = { 0, 1, 2, 3, RING_K_MAX, RING_K_MAX - 1 };
	__u32 lap = ring_mem_lap(m, sequence) + (__u32)(rnd(x) % 5) - 2;
	__u32 k = rnd(x) % 8 ? ks[rnd(x) % ARRAY_SIZE(ks)] : m->k_max + (__u32)(rnd(x) % 3) - 1;

	return rnd(x) % 4 ? ring_state_make(lap, k, rnd(x) & RING_OWNER_MAX, rnd(x) & 3) : rnd(x);
}

static void scribble(struct ring_mem *m, struct ring_cursor *cursor, __u64 *x)
{
	__u64 tail = ring_load(&m->control->tail);
	__u64 sequence = tail + rnd(x) % (m->slot_count + 2);
	struct ring_slot *slot = ring_mem_slot(m, sequence);

	switch (rnd(x) % 8) {
	case 0:
		ring_store(&m->producers->hint, rnd(x) % 2 ? sequence : rnd(x));
		break;
	case 1:
		ring_store(&slot->len, rnd(x) % 2 ? (__u32)rnd(x) : RING_LEN_BULK | (__u32)(rnd(x) % 300000));
		break;
	case 2:
		memset(ring_mem_payload(m, sequence, RING_LEN_BULK), (int)rnd(x), 64);
		break;
	case 3:
		ring_store(&cursor->cursor, rnd(x) % 2 ? sequence : rnd(x));
		break;
	case 4:
		ring_store(&cursor->base, rnd(x));
		ring_store(&cursor->taken, rnd(x));
		ring_store(&cursor->lost, rnd(x));
		break;
	default:
		ring_store(&slot->state, evil_state(m, x, sequence));
	}
}

/* Maps all it can, and writes there; mends the ring every now and then, so that there is something to break. */
static void attack(struct progress *p, __u64 x)
{
	struct ring_info info = { .size = sizeof(info) };
	struct ring_mem m;
	void *cursor;
	int fd, i;

	fd = rt_try_open(target, O_RDWR);
	if (fd < 0 || ioctl(fd, RING_IOC_INFO, &info) || rt_produce(fd, RING_PRODUCE_DIRECT))
		_exit(1);
	ring_mem_init(&m, info.slots, info.slot_size, info.bulk_size);
	m.control = mmap(NULL, info.control_length, PROT_READ, MAP_SHARED, fd, info.control_offset);
	m.producers = mmap(NULL, info.producers_length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			   info.producers_offset);
	m.slots = mmap(NULL, info.slots_length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, info.slots_offset);
	m.bulk = mmap(NULL, info.bulk_length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, info.bulk_offset);
	cursor = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
		      ioctl(fd, RING_IOC_CURSOR, 0), 0);
	if (m.control == MAP_FAILED || m.producers == MAP_FAILED || m.slots == MAP_FAILED ||
	    m.bulk == MAP_FAILED || cursor == MAP_FAILED)
		_exit(1);
	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		for (i = rnd(&x) % 64; i; i--)
			scribble(&m, cursor, &x);
		if (rnd(&x) % 4 == 0)
			CALL(p, ioctl(fd, RING_IOC_FLUSH, 0));
		if (rnd(&x) % 16 == 0)
			CALL(p, ioctl(fd, RING_IOC_WAKE, RING_WAKE_ALL));
	}
	_exit(0);
}

/* Uses the ring as a program would, each time with another file. */
static void use(struct progress *p, __u64 x)
{
	static unsigned char buf[300000];
	struct ring_read_record records[8];
	struct ring_stat_subscriber subscribers[4];

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		int fd = CALL(p, rt_try_open(target, O_RDWR | O_NONBLOCK));
		struct ring_read read_many = {
			.size = sizeof(read_many), .records = (uintptr_t)records, .count = 8,
			.buf = (uintptr_t)buf, .buf_len = sizeof(buf), .deadline = rt_in_ms(20),
		};
		struct ring_stat stat = {
			.size = sizeof(stat), .subscriber_array = (uintptr_t)subscribers, .subscriber_count = 4,
		};
		struct ring_get get = {
			.size = sizeof(get), .buf = (uintptr_t)buf, .buf_len = sizeof(buf),
			.flags = rnd(&x) % 2 ? RING_GET_LATEST : 0,
		};
		struct ring_subscribe sub = {
			.size = sizeof(sub), .start = rnd(&x) % 4,
			.flags = rnd(&x) % 2 ? RING_SUBSCRIBE_LOSSY : 0, .watermark = rnd(&x) % 100,
		};
		struct ring_seek seek = { .size = sizeof(seek), .start = rnd(&x) % 3 };
		struct pollfd pollfd = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI };
		int i, n;

		if (fd < 0)
			_exit(1);
		CALL(p, ioctl(fd, RING_IOC_SUBSCRIBE, &sub));
		for (i = 0; i < 20; i++) {
			switch (rnd(&x) % 12) {
			case 0:
				CALL(p, read(fd, buf, rnd(&x) % 2 ? 16 : sizeof(buf)));
				break;
			case 1:
				CALL(p, write(fd, buf, rnd(&x) % 3 ? rnd(&x) % 200 : rnd(&x) % 262144));
				break;
			case 2:
				CALL(p, poll(&pollfd, 1, 10));
				break;
			case 3:
				read_many.taken = read_many.needed = 0;
				CALL(p, ioctl(fd, RING_IOC_READ, &read_many));
				break;
			case 4:
				CALL(p, ioctl(fd, RING_IOC_STAT, &stat));
				get.sequence = get.flags ? 0 : stat.tail + rnd(&x) % 5000;
				get.len = get.tag = 0;
				CALL(p, ioctl(fd, RING_IOC_GET, &get));
				break;
			case 5:
				CALL(p, ioctl(fd, RING_IOC_SEEK, &seek));
				break;
			case 6:
				CALL(p, rt_wait_data(fd, rt_in_ms(10)));
				break;
			case 7:
				CALL(p, rt_wait_space(fd, 1 + rnd(&x) % 1024, rt_in_ms(10)));
				break;
			case 8:
				CALL(p, rt_publish(fd, buf, rnd(&x) % 1000, 0, rt_in_ms(10), NULL));
				break;
			case 9:
				CALL(p, ioctl(fd, FIONREAD, &n));
				break;
			case 10:
				CALL(p, lseek(fd, 0, rnd(&x) % 2 ? SEEK_SET : SEEK_END));
				break;
			case 11:
				CALL(p, ioctl(fd, RING_IOC_FLUSH, 0));
				break;
			}
		}
		CALL(p, close(fd));
	}
	_exit(0);
}

/* The same through the library, which reads the memory itself */
static void use_library(struct progress *p, __u64 x)
{
	unsigned char buf[400] = {};
	struct ring_reservation res;
	struct ring_view v;
	const char *name = target == BLOCK ? "0" : "1";
	struct ring *r;
	int i;

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		if (CALL_LIBRARY(p, ring_open(name, RING_OPEN_READ | RING_OPEN_WRITE, &r)))
			_exit(1);
		for (i = 0; i < 20; i++) {
			CALL_LIBRARY(p, ring_publish(r, buf, rnd(&x) % sizeof(buf), 1, rt_in_ms(10)));
			if (!CALL_LIBRARY(p, ring_reserve(r, 300, rt_in_ms(10), &res))) {
				memset(res.data, 5, 300);
				CALL_LIBRARY(p, ring_commit(r, &res, 200));
			}
			CALL_LIBRARY(p, ring_wait(r, rt_in_ms(10)));
			if (CALL_LIBRARY(p, ring_next(r, &v)) == 1)
				/* However long the header says that it is: it lies in the mapping. */
				for (size_t b = 0; b < v.len; b += 64)
					buf[0] += ((const volatile unsigned char *)v.data)[b];
			CALL_LIBRARY(p, ring_release(r));
		}
		ring_close(r);
	}
	_exit(0);
}

/* The other ring: nothing may be lost, torn, late or refused there. */
static void bystander(struct progress *p)
{
	int w = rt_try_open(other, O_WRONLY), r = rt_try_open(other, O_RDONLY);
	__u64 n;

	if (w < 0 || r < 0 || lseek(r, 0, SEEK_END))
		_exit(1);
	for (n = 0; !__atomic_load_n(stop, __ATOMIC_RELAXED); n++) {
		size_t len = 8 + n * 31 % 3000;

		if (CALL(p, rt_write(w, len, n)) != (ssize_t)len || CALL(p, rt_read(r, 4000, n)) != (ssize_t)len)
			_exit(2);
	}
	_exit(0);
}

FIXTURE(chaos) {
	int unused;
};

FIXTURE_VARIANT(chaos) {
	int ring;
	unsigned int seconds;
};

FIXTURE_VARIANT_ADD(chaos, block) { .ring = BLOCK, .seconds = 60 };
FIXTURE_VARIANT_ADD(chaos, overwrite) { .ring = OVERWRITE, .seconds = 30 };

FIXTURE_SETUP(chaos)
{
	target = variant->ring;
	other = target == BLOCK ? OVERWRITE : BLOCK;
	progress = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)progress);
	stop = (bool *)(progress + 32);
}

FIXTURE_TEARDOWN(chaos)
{
}

TEST_F_TIMEOUT(chaos, everything_scribbled_over, 105)
{
	__u64 seed = time(NULL), end, calls = 0, corrupt = 0;
	struct ring_info info;
	pid_t pids[VICTIMS];
	unsigned int i;
	int fd;

	fd = rt_open_empty(_metadata, target);
	info = rt_info(_metadata, fd);
	if (!(info.ring_flags & RING_DIRECT))
		SKIP(return, "this test is for direct rings");
	TH_LOG("seed %llu", seed);
	for (i = 0; i < VICTIMS; i++) {
		pids[i] = rt_fork(_metadata);
		if (!pids[i]) {
			if (i == 0)
				attack(&progress[i], seed | 1);
			if (i == 1)
				bystander(&progress[i]);
			if (i == 2)
				use_library(&progress[i], seed + i * 77);
			use(&progress[i], seed + i * 77);
		}
	}
	for (end = rt_in_ms(variant->seconds * 1000); rt_now() < end; rt_sleep_ms(100)) {
		for (i = 0; i < VICTIMS; i++) {
			__u64 begun = __atomic_load_n(&progress[i].begun, __ATOMIC_RELAXED);

			ASSERT_TRUE(!begun || begun + STALL_MS * rt_slow() * RT_MS > rt_now()) {
				TH_LOG("a call of process %u does not return", i);
			}
			ASSERT_EQ(0, waitpid(pids[i], NULL, WNOHANG)) {
				TH_LOG("process %u ended", i);
			}
		}
	}
	__atomic_store_n(stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < VICTIMS; i++) {
		ASSERT_EQ(0, rt_wait_child(pids[i])) {
			TH_LOG("process %u", i);
		}
		TH_LOG("process %u: %llu calls, %llu answered EUCLEAN", i, progress[i].calls, progress[i].corrupt);
		ASSERT_LT(0, progress[i].calls);
		ASSERT_EQ(0, progress[i].wrong) {
			TH_LOG("process %u: %s", i, strerror(progress[i].wrong));
		}
		calls += progress[i].calls;
		corrupt += progress[i].corrupt;
	}
	ASSERT_EQ(0, progress[1].corrupt);
	/* Or it was not hit where it hurts. */
	ASSERT_LT(0, corrupt);

	/* Without its attacker, the ring is as good as new after a flush. */
	ASSERT_EQ(0, ioctl(fd, RING_IOC_FLUSH, 0));
	rt_set_nonblock(fd, true);
	for (i = 0; i < 10000; i++) {
		size_t len = 8 + i * 17 % 2000;

		ASSERT_EQ(len, rt_write(fd, len, i)) {
			TH_LOG("record %u: %s", i, strerror(errno));
		}
		ASSERT_EQ(len, rt_read(fd, 4000, i));
	}
}

TEST_HARNESS_MAIN
