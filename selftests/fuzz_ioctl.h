/* SPDX-License-Identifier: GPL-2.0 */
/* What programs of fuzz.c work on, values for it, and ioctl() */
#ifndef FUZZ_IOCTL_H
#define FUZZ_IOCTL_H

#include <setjmp.h>

#include "ring_test.h"

#define RINGS		4	/* made with the module; others come and go */
#define FILES		8
#define MAPS		6

/* ---- Random values ---- */

static __thread __u64 state;

static __u64 random64(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dull;
}

static unsigned int below(unsigned int n)
{
	return (random64() >> 33) % n;
}

static void seed_with(__u64 seed)
{
	state = seed * 0x9e3779b97f4a7c15ull + 1;
	random64();
}

/* One with which something may be wrong */
static __u64 value(void)
{
	static const __u64 edges[] = {
		0, 1, 2, 3, 4, 63, 64, 65, 4095, 4096, 4097, 1u << 16, (1u << 18) - 1, 1u << 18, 1u << 20,
		0x7fffffff, 1u << 31, 0xffffffff, 1ull << 32, ~0ull >> 1, 1ull << 63, ~0ull - 1, ~0ull,
	};

	switch (below(4)) {
	case 0:
		return edges[below(ARRAY_SIZE(edges))];
	case 1:
		return below(256);
	case 2:
		return 1ull << below(64);
	default:
		return random64() >> below(64);
	}
}

/* ---- What a program works on ---- */

static int files[FILES];

static struct {
	char *at;
	size_t size;
} maps[MAPS];

static char *room;		/* 64 KiB, and nothing behind them */
#define ROOM	65536u
static __thread sigjmp_buf fault;
static __thread volatile sig_atomic_t faults;	/* one is expected */

/* An address: there, there in part, nowhere, of the kernel, or of a ring */
static void *address(void)
{
	unsigned int i = below(MAPS);

	switch (below(12)) {
	case 0:
		return NULL;
	case 1:
		return (void *)(uintptr_t)(random64() | RT_HIGHEST);
	case 2:
		return room + ROOM - below(64);
	case 3:
		return room + ROOM - 4096 + below(4096);
	case 4:
		return maps[i].at ? maps[i].at + below(4096) : room;
	default:
		return room + below(ROOM - 8192);
	}
}

static __u32 length(void)
{
	return below(8) ? below(below(2) ? 100 : 5000) : (__u32)value();
}

static __u64 deadline(void)
{
	switch (below(4)) {
	case 0:
		return RING_NEVER;
	case 1:
		return rt_now() + below(2000000);
	case 2:
		return value();
	default:
		return RING_NOW;
	}
}

static int file_at(unsigned int i)
{
	return files[i % FILES];
}

static void put_file(unsigned int i, int fd)
{
	if (fd < 0)
		return;
	if (files[i % FILES] >= 0)
		close(files[i % FILES]);
	files[i % FILES] = fd;
}

static void put_map(void *at, size_t size)
{
	unsigned int i = below(MAPS);

	if (at == MAP_FAILED)
		return;
	if (maps[i].at)
		munmap(maps[i].at, maps[i].size);
	maps[i].at = at;
	maps[i].size = size;
}

/* ---- ioctls ---- */

/*
 * The members of their structs, by what is valid: z size, 0 only that, 4 and 8 whatever of so many bytes, D and S the
 * flags of WAIT, B 0 or 1, F 0 to 2, U and t 0 to 3, n a small count, k slots of a record, i a ring's number, s a
 * sequence, x none, d a deadline, p an address, P that of records to publish, l a length, g slots, G a slot's size,
 * b that of a bulk area, m a mode, N a name
 */
static const struct command {
	unsigned int number;
	const char *members;
} commands[] = {
	{ RING_IOC_INFO, "z04444888" },
	{ RING_IOC_SUBSCRIBE, "zFtns4000" },
	{ RING_IOC_UNSUBSCRIBE, "" },
	{ RING_IOC_CURSOR, "" },
	{ RING_IOC_SEEK, "z0t0s" },
	{ RING_IOC_PRODUCE, "zU40" },
	{ RING_IOC_PUBLISH, "z0Pn48d" },
	{ RING_IOC_READ, "z0pn4pl4d" },
	{ RING_IOC_GET, "zBspl440" },
	{ RING_IOC_WAIT, "zDs00d" },
	{ RING_IOC_WAIT, "zSxk0d" },
	{ RING_IOC_WAKE, "" },
	{ RING_IOC_STAT, "z04444888888844408888888pn0" },
	{ RING_IOC_FLUSH, "" },
	{ RING_IOC_SHUTDOWN, "" },
	{ RING_CTL_CREATE, "z0igGBbUmN0" },
	{ RING_CTL_DESTROY, "zBi0" },
	{ RING_CTL_FIND, "z040N" },
	{ RING_CTL_LIST, "z0n4p00" },
	{ RING_CTL_VERSION, "z04" },
};

static void fill_records(char *at)
{
	struct ring_publish_record *r = (void *)at;
	bool good = below(2);

	for (int i = 0; i < 8; i++) {
		r[i].addr = (uintptr_t)(good ? room + below(ROOM / 2) : address());
		r[i].len = good ? below(100) : length();
		r[i].tag = value();
	}
}

static __u64 valid(const struct command *c, char member)
{
	switch (member) {
	case 'z':
		return _IOC_SIZE(c->number);
	case 'D':
		return RING_WAIT_DATA;
	case 'S':
		return RING_WAIT_SPACE;
	case 'B':
		return below(2);
	case 'F':
		return below(3);
	case 'U':
	case 't':
		return below(4);
	case 'n':
		return below(3) ? below(9) : 1u << below(6);
	case 'k':
		return 1 + below(3);
	case 'i':
		return below(4) ? below(12) : RING_ANY;
	case 's':
		return below(3) ? below(300) : RING_NONE;
	case 'x':
		return RING_NONE;
	case 'd':
		return deadline();
	case 'p':
		return (uintptr_t)room + below(ROOM - 8192);
	case 'P':
		fill_records(room + 1024);
		return (uintptr_t)room + 1024;
	case 'l':
		return below(5000);
	case 'g':
		return 4u << below(8);
	case 'G':
		return 16 * (2 + below(14));
	case 'b':
		return below(3) ? 1u << (15 + below(4)) : 0;
	case 'm':
		return value() & 0666;
	default:
		return member == '0' ? 0 : value();
	}
}

/* As it should be but for a few members; half of the time at most two */
static void fill(const struct command *c, char *arg)
{
	unsigned int left = strlen(c->members), wrong = below(2) ? below(3) : below(left + 1);
	char *p = arg;

	memset(arg, 0, 512);
	for (const char *m = c->members; *m; m++) {
		bool odd = below(left--) < wrong;
		int size = strchr("8sxpPdb", *m) ? 8 : 4;
		__u64 v;

		wrong -= odd;
		if (*m == 'N') {
			snprintf(p, RING_NAME_MAX + 1, "%s%u", odd ? "/" : "fuzz", below(5));
			if (odd && below(2))
				memset(p, below(2) ? 'x' : below(256), RING_NAME_MAX + 1);
			else if (!odd && below(2))
				*p = '\0';
			p += RING_NAME_MAX + 1;
			continue;
		}
		if (size == 8 && (p - arg) % 8)
			p += 4;
		if (!odd)
			v = valid(c, *m);
		else if (strchr("pP", *m))
			v = (uintptr_t)address();
		else
			v = *m == 'l' ? length() : value();
		memcpy(p, &v, size);
		p += size;
	}
}

static void do_ioctl(unsigned int file)
{
	_Alignas(8) char arg[512];
	const struct command *c = &commands[below(ARRAY_SIZE(commands))];
	unsigned int number = c->number;
	int fd = file_at(file), control = -1, ret;

	if (number == RING_IOC_SHUTDOWN && below(8))
		return;		/* it lasts: not too soon */
	if (_IOC_NR(number) >= _IOC_NR(RING_CTL_CREATE) && below(2))
		fd = control = open("/dev/ring-control", O_RDWR | O_CLOEXEC);
	fill(c, arg);
	if (!below(32))		/* another size, direction or command */
		number ^= 1u << below(32);
	if (*c->members)
		ret = ioctl(fd, number, below(16) ? (void *)arg : address());
	else
		ret = ioctl(fd, number, below(4) ? below(4) : value());
	if (c->number == RING_IOC_CURSOR && ret >= 0)
		put_file(below(FILES), ret);
	if (control >= 0)
		close(control);
}

#endif /* FUZZ_IOCTL_H */
