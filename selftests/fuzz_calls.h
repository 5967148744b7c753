/* SPDX-License-Identifier: GPL-2.0 */
/* What a program of fuzz.c can do: each call follows from the state of the random numbers when it is made. */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <linux/io_uring.h>
#include <setjmp.h>

#include "ring_test.h"

#define RINGS		4	/* made with the module; others come and go */
#define FILES		8
#define MAPS		6

/* ---- Random values ---- */

static __u64 state;

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
static sigjmp_buf fault;

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
 * The members of their structs: z size, f flags, 4 and 8 numbers of so many bytes, i a ring's number, n a small
 * count, s a sequence, d a deadline, p an address, P that of records to publish, l a length, N a name, 0 reserved
 */
static const struct command {
	unsigned int number;
	const char *members;
} commands[] = {
	{ RING_IOC_INFO, "zf4444888" },
	{ RING_IOC_SUBSCRIBE, "zfn4s40 0 0" },
	{ RING_IOC_UNSUBSCRIBE, "" },
	{ RING_IOC_CURSOR, "" },
	{ RING_IOC_SEEK, "zfn0s" },
	{ RING_IOC_PRODUCE, "zf40" },
	{ RING_IOC_PUBLISH, "zfPn4sd" },
	{ RING_IOC_READ, "zfpn4pl4d" },
	{ RING_IOC_GET, "zfspl440" },
	{ RING_IOC_WAIT, "zfsn0d" },
	{ RING_IOC_WAKE, "" },
	{ RING_IOC_STAT, "zf4444888888844448888888pn" },
	{ RING_IOC_FLUSH, "" },
	{ RING_IOC_SHUTDOWN, "" },
	{ RING_CTL_CREATE, "zfinn48f4N" },
	{ RING_CTL_DESTROY, "zfi0" },
	{ RING_CTL_FIND, "zfi0N" },
	{ RING_CTL_LIST, "zfn4p" },
	{ RING_CTL_VERSION, "zf40" },
};

static void fill_records(char *at)
{
	struct ring_publish_record *r = (void *)at;

	for (int i = 0; i < 8; i++)
		r[i] = (struct ring_publish_record) { (uintptr_t)address(), length(), (__u32)value() };
}

static void fill(const struct command *c, char *arg)
{
	const char *m;
	char *p = arg;

	memset(arg, 0, 512);
	for (m = c->members; *m; m++) {
		bool odd = !below(24);	/* now and then, what a member should not be */
		int size = strchr("8spPd", *m) ? 8 : 4;
		__u64 v = value();

		if (*m == ' ')
			continue;
		if (*m == 'N') {
			snprintf(p, RING_NAME_MAX + 1, "%s%u", below(4) ? "fuzz" : "/", below(5));
			if (odd)
				memset(p, 'x', RING_NAME_MAX + 1);
			break;
		}
		if (size == 8 && (p - arg) % 8)
			p += 4;
		if (*m == 'z' && !odd)
			v = _IOC_SIZE(c->number);
		else if (*m == 'f' && !odd)
			v = below(3) ? below(4) : 1u << below(8);
		else if (*m == 'i' && !odd)
			v = below(4) ? below(12) : RING_ANY;
		else if (*m == 'n' && !odd)
			v = below(3) ? below(9) : 1u << below(10);
		else if (*m == 's' && !odd)
			v = below(3) ? below(300) : RING_NONE;
		else if (*m == 'd')
			v = deadline();
		else if (*m == 'l')
			v = length();
		else if (*m == '0' && !odd)
			v = 0;
		else if (*m == 'p' || *m == 'P')
			v = (uintptr_t)address();
		if (*m == 'P' && !odd) {
			fill_records(room + 1024);
			v = (uintptr_t)room + 1024;
		}
		memcpy(p, &v, size);
		p += size;
	}
}

static void do_ioctl(unsigned int file)
{
	static _Alignas(8) char arg[512];
	const struct command *c = &commands[below(ARRAY_SIZE(commands))];
	unsigned int number = c->number;
	int ret;

	fill(c, arg);
	if (!below(32))		/* another size, direction or command */
		number ^= 1u << below(32);
	ret = ioctl(file_at(file), number, below(16) ? (void *)arg : address());
	if (c->number == RING_IOC_CURSOR && ret >= 0)
		put_file(below(FILES), ret);
}

/* ---- Other calls ---- */

static void do_open(unsigned int file)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDWR };
	int flags = modes[below(4)] | (below(2) ? O_NONBLOCK : 0) | (below(16) ? 0 : (int)value() & ~O_CREAT);
	char path[40] = "/dev/ring-control";

	if (below(6))
		snprintf(path, sizeof(path), "/dev/ring%u", below(below(4) ? RINGS : 12));
	put_file(file, open(path, flags | O_CLOEXEC));
}

static void do_transfer(unsigned int file)
{
	struct iovec v[3] = { { address(), length() }, { address(), length() }, { address(), length() } };
	int fd = file_at(file), n = below(4), flags = below(2) ? RWF_NOWAIT : (int)value();
	bool out = below(2);

	switch (below(4)) {
	case 0:
		(void)!(out ? writev(fd, v, n) : readv(fd, v, n));
		break;
	case 1:
		(void)!(out ? pwritev2(fd, v, n, -1, flags) : preadv2(fd, v, n, -1, flags));
		break;
	case 2:
		(void)!(out ? pwrite(fd, v->iov_base, v->iov_len, value()) :
			      pread(fd, v->iov_base, v->iov_len, value()));
		break;
	default:
		(void)!(out ? write(fd, v->iov_base, v->iov_len) : read(fd, v->iov_base, v->iov_len));
	}
}

static void do_mmap(unsigned int file)
{
	struct ring_info i = { .size = sizeof(i) };
	__u64 offset = value() & ~4095ull, size = 4096 * (1 + below(4));
	int prot = below(3) ? PROT_READ : below(8), flags = below(8) ? MAP_SHARED : (int)value() & ~MAP_FIXED;

	if (!ioctl(file_at(file), RING_IOC_INFO, &i) && below(8)) {
		static const int offsets[] = { 0, 1, 2, 3 };
		const __u64 areas[][2] = {
			{ i.control_offset, i.control_length }, { i.producers_offset, i.producers_length },
			{ i.slots_offset, i.slots_length }, { i.bulk_offset, i.bulk_length },
		};
		int area = offsets[below(4)];

		offset = areas[area][0] + (below(8) ? 0 : 4096 * below(3));
		size = areas[area][1];
		if (below(2))
			prot |= PROT_WRITE;
	} else if (below(2)) {
		offset = 0;	/* of a cursor page */
		prot = PROT_READ | PROT_WRITE;
	}
	put_map(mmap(NULL, size, prot, flags, file_at(file), offset), size);
}

static void do_map(unsigned int file)
{
	unsigned int i = file % MAPS;
	char *at = maps[i].at;
	size_t size = maps[i].size;

	if (!at)
		return;
	switch (below(7)) {
	case 0:
		munmap(at, size);
		maps[i].at = NULL;
		break;
	case 1:
		munmap(at + size / 2, size - size / 2 ?: 1);
		break;
	case 2: {
		size_t new = 4096 * (1 + below(8));
		void *moved = mremap(at, size, new, MREMAP_MAYMOVE | (below(4) ? 0 : MREMAP_DONTUNMAP));

		if (moved != MAP_FAILED) {
			maps[i].at = moved;
			maps[i].size = new;
		}
		break;
	}
	case 3:
		mprotect(at, size, below(8));
		break;
	case 4:
		madvise(at, size, below(26));
		break;
	case 5:
		msync(at, size, below(8));
		break;
	default:
		mlock(at, size);
	}
}

/* Read, or write rubbish, or what could be meant */
static void do_touch(unsigned int file)
{
	volatile __u64 *const p = (__u64 *)maps[file % MAPS].at;
	const unsigned int words = maps[file % MAPS].size / 8;

	if (!p || sigsetjmp(fault, 1))
		return;
	for (int n = 0; n < 8; n++) {
		volatile __u64 *word = p + below(words);

		if (below(2))
			*word = below(2) ? value() : *word + (__s64)below(5) - 2;
		else
			(void)*word;
	}
}

static void do_poll(unsigned int file)
{
	struct pollfd p[2] = { { file_at(file), below(128), 0 }, { file_at(below(FILES)), (short)value(), 0 } };
	struct epoll_event e = { .events = below(2) ? EPOLLIN | EPOLLOUT | EPOLLET : (__u32)value() };
	int ep;

	if (below(2)) {
		poll(p, 2, below(3));
		return;
	}
	ep = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(ep, EPOLL_CTL_ADD, file_at(file), &e);
	epoll_wait(ep, &e, 1, below(3));
	close(ep);
}

static void do_splice(unsigned int file)
{
	int p[2], fd = file_at(file);

	if (pipe2(p, O_NONBLOCK | O_CLOEXEC))
		return;
	write(p[1], room, below(3000));
	switch (below(3)) {
	case 0:
		splice(fd, NULL, p[1], NULL, below(70000), SPLICE_F_NONBLOCK);
		break;
	case 1:
		splice(p[0], NULL, fd, NULL, below(70000), SPLICE_F_NONBLOCK);
		break;
	default:
		sendfile(p[1], fd, NULL, below(70000));
	}
	close(p[0]);
	close(p[1]);
}

static void do_uring(unsigned int file)
{
	static const __u8 opcodes[] = {
		IORING_OP_READ, IORING_OP_WRITE, IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_POLL_ADD,
		IORING_OP_SPLICE,
	};
	struct io_uring_params p = {};
	struct io_uring_sqe *sqes;
	struct iovec v = { address(), length() };
	int fd = syscall(SYS_io_uring_setup, 4, &p);
	size_t size = p.sq_off.array + p.sq_entries * sizeof(__u32), of_sqes = p.sq_entries * sizeof(*sqes);
	char *rings;
	__u32 i, n;

	if (fd < 0)
		return;
	rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
	sqes = mmap(NULL, of_sqes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
	if (rings != MAP_FAILED && sqes != MAP_FAILED) {
		n = 1 + below(3);
		for (i = 0; i < n; i++) {
			__u8 op = opcodes[below(ARRAY_SIZE(opcodes))];
			bool vector = op == IORING_OP_READV || op == IORING_OP_WRITEV;

			sqes[i] = (struct io_uring_sqe) {
				.opcode = op, .fd = file_at(file),
				.flags = below(4) ? 0 : (__u8)value() & ~IOSQE_FIXED_FILE,
				.addr = (uintptr_t)(vector ? (void *)&v : address()), .len = vector ? 1 : length(),
				.off = -1, .user_data = i, .rw_flags = below(4) ? 0 : (int)value(),
			};
			((__u32 *)(rings + p.sq_off.array))[i] = i;
		}
		__atomic_store_n((__u32 *)(rings + p.sq_off.tail), n, __ATOMIC_RELEASE);
		syscall(SYS_io_uring_enter, fd, n, below(2), IORING_ENTER_GETEVENTS, NULL, 0);
	}
	munmap(rings, size);
	munmap(sqes, of_sqes);
	close(fd);
}

/* To ourselves, through a socket; perhaps it is closed while under way */
static void do_pass(unsigned int file)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = {};
	char byte = 0;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = u.buf, .msg_controllen = sizeof(u.buf) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int s[2], fd = file_at(file);

	if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s))
		return;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	sendmsg(s[0], &m, 0);
	c = below(2) && recvmsg(s[1], &m, MSG_CMSG_CLOEXEC) == 1 ? CMSG_FIRSTHDR(&m) : NULL;
	if (c && c->cmsg_type == SCM_RIGHTS) {
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		put_file(below(FILES), fd);
	}
	close(s[0]);
	close(s[1]);
}

static void do_file(unsigned int file)
{
	struct stat st;
	int fd = file_at(file), n = below(5000);

	switch (below(11)) {
	case 0:
		lseek(fd, value(), below(6));
		break;
	case 1:
		fcntl(fd, F_SETFL, (int)value() & (O_NONBLOCK | O_ASYNC | O_APPEND));
		break;
	case 2:
		fcntl(fd, F_SETOWN, getpid());
		break;
	case 3:
		ioctl(fd, FIONREAD, below(8) ? (void *)&n : address());
		break;
	case 4:
		fstat(fd, &st);
		break;
	case 5:
		ftruncate(fd, value());
		break;
	case 6:
		fallocate(fd, below(64), value(), value());
		break;
	case 7:
		fsync(fd);
		break;
	case 8:
		put_file(below(FILES), dup(fd));
		break;
	case 9:
		fcntl(fd, F_SETLEASE, below(3));
		break;
	default:
		if (fd >= 0)
			close(fd);
		files[file % FILES] = -1;
	}
}

/* What tells about rings */
static void do_look(unsigned int file)
{
	static const char *const names[] = {
		"/proc/self/fdinfo/%d", "/sys/kernel/debug/ring/ring%d", "/sys/class/ring/ring%d/head",
		"/sys/class/ring/ring%d/lost", "/sys/class/ring/ring%d/subscribers", "/sys/class/ring/ring%d/name",
		"/sys/class/ring/ring%d/published", "/sys/class/ring/ring%d/bytes",
	};
	unsigned int which = below(ARRAY_SIZE(names));
	char path[80], text[8192];
	int fd;

	snprintf(path, sizeof(path), names[which], which ? (int)below(6) : file_at(file));
	fd = open(path, (below(8) ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (fd < 0)
		return;
	read(fd, text, below(sizeof(text)));
	write(fd, "1", 1);
	close(fd);
}

/* A child has all of it too, for a moment, and goes in one way or another. */
static void do_fork(unsigned int file)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid) {
		/* Alarms are not inherited: it may wait for ever, and must not outlive who is killed for that. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		do_transfer(file);
		do_touch(below(MAPS));
		if (below(2))
			raise(SIGKILL);
		_exit(0);
	}
	if (below(2))
		kill(pid, SIGKILL);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void (*const calls[])(unsigned int file) = {
	do_open, do_open, do_ioctl, do_ioctl, do_ioctl, do_ioctl, do_ioctl, do_ioctl, do_transfer, do_transfer,
	do_transfer, do_transfer, do_transfer, do_mmap, do_mmap, do_map, do_touch, do_touch, do_poll, do_splice,
	do_uring, do_pass, do_file, do_file, do_look, do_fork,
};

#endif /* FUZZ_CALLS_H */
