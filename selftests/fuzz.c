// SPDX-License-Identifier: GPL-2.0
/*
 * Programs made at random of all that can be done with rings, and kept and varied when they reach code of the module
 * that none has before, as KCOV tells (without it, none is kept). Each is run by a process of its own, two more run
 * others at the same time.
 *
 *	fuzz [--seconds N] [--seed N] [--last FILE]
 *	fuzz --replay FILE [--seconds N]
 *
 * FILE has the programs run last, a line each; after a crash they are what to replay. The module is loaded anew,
 * with parameters of ours. TAP on stdout.
 */
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <linux/io_uring.h>
#include <setjmp.h>

#include "ring_test.h"

#define PARAMETERS	"rings=4 slots=64,64,4,64 slot_size=64,32 size=4096,65536,0,4096 " \
			"policy=block,overwrite direct=0,0,1,1 max_bytes=16M"
#define RINGS		4	/* made with the module; others come and go */
#define FILES		8
#define MAPS		6
#define OPS_MAX		24
#define CORPUS_MAX	4096
#define LAST		16	/* programs in the file of the last ones */
#define LINE		(OPS_MAX * 12 + 1)
#define COVER_WORDS	(1u << 16)
#define SEEN_BITS	20

/* One call: everything about it follows from these */
struct op {
	__u8 call;
	__u8 file;
	__u32 seed;
};

struct program {
	int count;
	struct op ops[OPS_MAX];
};

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
		return (void *)(random64() | RT_HIGHEST);
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

static void do_read(unsigned int file)
{
	struct iovec v[3] = { { address(), length() }, { address(), length() }, { address(), length() } };
	int fd = file_at(file);

	switch (below(4)) {
	case 0:
		readv(fd, v, below(4));
		break;
	case 1:
		preadv2(fd, v, below(4), -1, below(2) ? RWF_NOWAIT : (int)value());
		break;
	case 2:
		pread(fd, v->iov_base, v->iov_len, value());
		break;
	default:
		read(fd, v->iov_base, v->iov_len);
	}
}

static void do_write(unsigned int file)
{
	struct iovec v[3] = { { address(), length() }, { address(), length() }, { address(), length() } };
	int fd = file_at(file);

	switch (below(4)) {
	case 0:
		writev(fd, v, below(4));
		break;
	case 1:
		pwritev2(fd, v, below(4), -1, below(2) ? RWF_NOWAIT : (int)value());
		break;
	case 2:
		pwrite(fd, v->iov_base, v->iov_len, value());
		break;
	default:
		write(fd, v->iov_base, v->iov_len);
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
	pid_t pid = fork();

	if (!pid) {
		do_write(file);
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
	do_open, do_open, do_ioctl, do_ioctl, do_ioctl, do_ioctl, do_ioctl, do_ioctl, do_read, do_read,
	do_write, do_write, do_write, do_mmap, do_mmap, do_map, do_touch, do_touch, do_poll, do_splice,
	do_uring, do_pass, do_file, do_file, do_look, do_fork,
};

/* ---- Programs ---- */

static struct op random_op(void)
{
	return (struct op) { below(ARRAY_SIZE(calls)), below(FILES), random64() >> 32 };
}

static struct program random_program(void)
{
	struct program p = { .count = 4 + below(OPS_MAX - 4) };

	for (int i = 0; i < p.count; i++)
		p.ops[i] = random_op();
	p.ops[0].call = 0;	/* opens something */
	return p;
}

static struct program *corpus;
static unsigned int kept;

static struct program vary(struct program p)
{
	for (int n = 1 + below(4); n; n--) {
		int i = below(p.count), j;

		switch (below(5)) {
		case 0:
			p.ops[i].seed = random64() >> 32;
			break;
		case 1:
			p.ops[i].file = below(FILES);
			break;
		case 2:
			p.ops[i] = random_op();
			break;
		case 3:
			if (p.count == OPS_MAX)
				break;
			memmove(p.ops + i + 1, p.ops + i, (p.count - i) * sizeof(*p.ops));
			p.ops[i] = random_op();
			p.count++;
			break;
		default: {	/* goes on as another does */
			const struct program *q = &corpus[below(kept)];

			for (j = below(q->count); j < q->count && p.count < OPS_MAX; j++)
				p.ops[p.count++] = q->ops[j];
		}
		}
	}
	return p;
}

static void write_program(char *line, const struct program *p)
{
	for (int i = 0; i < p->count; i++)
		line += sprintf(line, "%02x%x%08x ", p->ops[i].call, p->ops[i].file, p->ops[i].seed);
	*line = ' ';
}

static bool read_program(const char *line, struct program *p)
{
	unsigned int call, file, seed;
	int n = 0, used;

	while (n < OPS_MAX && sscanf(line, " %2x%1x%8x%n", &call, &file, &seed, &used) == 3) {
		p->ops[n++] = (struct op) { call % ARRAY_SIZE(calls), file, seed };
		line += used;
	}
	p->count = n;
	return n;
}

static void on_fault(int sig)
{
	siglongjmp(fault, sig);
}

static void on_alarm(int sig __attribute__((unused)))
{
}

static void run(const struct program *p)
{
	struct itimerval often = { { 0, 3000 }, { 0, 3000 } };
	struct sigaction a = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &a, NULL);
	sigaction(SIGIO, &a, NULL);
	a.sa_handler = on_fault;
	sigaction(SIGSEGV, &a, NULL);
	sigaction(SIGBUS, &a, NULL);
	signal(SIGPIPE, SIG_IGN);
	setitimer(ITIMER_REAL, &often, NULL);	/* whatever waits is interrupted */
	memset(files, -1, sizeof(files));
	for (int i = 0; i < p->count; i++) {
		seed_with(p->ops[i].seed);
		calls[p->ops[i].call](p->ops[i].file);
	}
}

/* ---- Coverage ---- */

static unsigned long *cover;
static int kcov = -1;
static unsigned char seen[1u << SEEN_BITS];
static unsigned int places;

static void cover_init(void)
{
	kcov = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (kcov < 0 || ioctl(kcov, _IOR('c', 1, unsigned long), COVER_WORDS))
		return;
	cover = mmap(NULL, COVER_WORDS * sizeof(*cover), PROT_READ | PROT_WRITE, MAP_SHARED, kcov, 0);
	if (cover == MAP_FAILED)
		cover = NULL;
}

static void cover_start(void)
{
	if (!cover)
		return;
	__atomic_store_n(&cover[0], 0, __ATOMIC_RELAXED);
	ioctl(kcov, _IO('c', 100), 0);
}

/* How many steps from one place to the next are new */
static unsigned int cover_new(void)
{
	unsigned long n = cover ? __atomic_load_n(&cover[0], __ATOMIC_RELAXED) : 0, before = 0;
	unsigned int found = 0;

	for (unsigned long i = 1; i <= n && i < COVER_WORDS; i++) {
		unsigned int at = ((cover[i] ^ before * 31) * 0x9e3779b97f4a7c15ull) >> (64 - SEEN_BITS);

		found += !seen[at];
		seen[at] = 1;
		before = cover[i];
	}
	places += found;
	return found;
}

/* ---- Rings ---- */

/* All those of ours as they were, and no others: what a program shut down or ruined is of no use to the next. */
static int renew(void)
{
	static const struct ring_create made[RINGS] = {
		{ .slots = 64, .slot_size = 64, .bulk_size = 4096 },
		{ .slots = 64, .slot_size = 32, .bulk_size = 65536, .policy = RING_OVERWRITE },
		{ .slots = 4, .slot_size = 32, .policy = RING_OVERWRITE, .ring_flags = RING_DIRECT },
		{ .slots = 64, .slot_size = 32, .bulk_size = 4096, .ring_flags = RING_DIRECT },
	};
	int fd = open("/dev/ring-control", O_RDWR | O_CLOEXEC), ret = 0;

	for (int i = 0; i < 256; i++) {
		struct ring_destroy d = { .size = sizeof(d), .flags = RING_DESTROY_FORCE, .id = i };

		if (ioctl(fd, RING_CTL_DESTROY, &d) && errno != ENOENT)
			ret = -1;
	}
	for (int i = 0; i < RINGS; i++) {
		struct ring_create c = made[i];

		c.size = sizeof(c);
		c.id = i;
		if (ioctl(fd, RING_CTL_CREATE, &c))
			ret = -1;
	}
	close(fd);
	return ret;
}

/* Parameters at random: loaded or refused, and as they should be after that */
static int reload(void)
{
	static const char *const names[] = { "rings", "slots", "slot_size", "size", "policy", "direct", "max_bytes" };
	static const char *const values[] = {
		"", "0", "1", "-1", "4", "64", "4096", "1M", "3", "256", "257", "block", "overwrite",
		"18446744073709551616", "64,128", ",", "1M,,4", "0x40", "1T", "9999999999G", "'", "%s%n",
	};
	char args[400] = "";
	int n = below(5), at = 0;

	while (n--)
		at += snprintf(args + at, sizeof(args) - at, "%s=%s ", names[below(ARRAY_SIZE(names))],
			       values[below(ARRAY_SIZE(values))]);
	if (rt_unload())
		return -1;
	if (!rt_insert(args) && rt_unload())
		return -1;
	return rt_insert(PARAMETERS);
}

/* ---- All of it ---- */

/* Where the programs run last are, also when the machine dies. Not mapped: it would keep them to itself. */
static int last = -1;

static void remember(const struct program *p, unsigned long number)
{
	char line[LINE + 1];

	memset(line, ' ', sizeof(line));
	write_program(line, p);
	line[LINE - 1] = '\n';
	pwrite(last, line, LINE, number % LAST * LINE);
}

static pid_t start(const struct program *p, bool covered)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (covered)
			cover_start();
		run(p);
		_exit(0);
	}
	return pid;
}

/* Its end. false: it does not end even though it was killed. */
static bool ends(pid_t pid)
{
	__u64 kill_at = rt_in_ms(2000 * rt_slow()), give_up = kill_at + 20 * RT_SECOND * rt_slow();

	while (pid > 0 && !waitpid(pid, NULL, WNOHANG)) {
		__u64 now = rt_now();

		if (now > kill_at) {
			kill(pid, SIGKILL);
			kill_at = give_up;
		}
		if (now > give_up)
			return false;
		usleep(200);
	}
	return true;
}

int main(int argc, char **argv)
{
	__u64 seed = rt_now() ^ getpid(), generator, end, seconds = 120;
	const char *replay = NULL, *wrong = NULL, *path = "fuzz.last";
	unsigned long number = 0;
	struct program p;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--seconds"))
			seconds = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--last"))
			path = argv[i + 1];
		else if (!strcmp(argv[i], "--replay"))
			replay = argv[i + 1];
	}
	printf("1..1\n# seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	corpus = calloc(CORPUS_MAX, sizeof(*corpus));
	room = mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(room + ROOM, 4096);
	memset(room, 'x', ROOM);
	if (replay) {
		static char line[LINE + 2];
		FILE *f = fopen(replay, "r");

		while (f && fgets(line, sizeof(line), f))
			if (kept < CORPUS_MAX)
				kept += read_program(line, &corpus[kept]);
		printf("# %u programs\n", kept);
		if (!kept)
			wrong = "no program to replay";
	} else {
		last = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	}
	if (rt_load(PARAMETERS))
		wrong = "the module cannot be loaded";
	cover_init();
	seed_with(seed);
	generator = state;
	for (end = rt_in_ms(seconds * 1000); !wrong && rt_now() < end; number++) {
		pid_t pids[3];

		state = generator;
		if (replay)
			p = corpus[number % kept];
		else
			p = kept && below(4) ? vary(corpus[below(kept)]) : random_program();
		remember(&p, number);
		generator = state;
		pids[0] = start(&p, true);
		pids[1] = kept ? start(&corpus[below(kept)], false) : -1;
		pids[2] = kept ? start(&corpus[below(kept)], false) : -1;
		generator = state;
		for (int i = 0; i < 3; i++)
			if (!ends(pids[i]))
				wrong = "a program does not end";
		if (!replay && cover_new() && kept < CORPUS_MAX)
			corpus[kept++] = p;
		if (number % 64 == 63 && renew())
			wrong = "the rings cannot be made anew";
		state = generator;
		if (number % 512 == 511 && reload())
			wrong = "the module cannot be loaded anew";
		generator = state;
	}
	printf("# %lu programs, %u kept, %u steps from one place to another\n", number, kept, places);
	printf(wrong ? "not ok 1 %s\n" : "ok 1 nothing found\n", wrong);
	return !!wrong;
}
