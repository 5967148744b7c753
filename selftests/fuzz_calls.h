/* SPDX-License-Identifier: GPL-2.0 */
/* What a program of fuzz.c can do: each call follows from the state of the random numbers when it is made. */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <linux/io_uring.h>

#include "fuzz_ioctl.h"

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
	faults = 1;
	for (int n = 0; n < 8; n++) {
		volatile __u64 *word = p + below(words);

		if (below(2))
			*word = below(2) ? value() : *word + (__s64)below(5) - 2;
		else
			(void)*word;
	}
	faults = 0;
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

/* What may be asked of it, and now and then what may not. @pipe: both ends of one */
static struct io_uring_sqe uring_entry(int fd, const int pipe[2], const struct iovec *v, __u32 number)
{
	static const __u8 opcodes[] = {
		IORING_OP_READ, IORING_OP_WRITE, IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_POLL_ADD,
		IORING_OP_SPLICE, IORING_OP_ASYNC_CANCEL,
	};
	struct io_uring_sqe e = {
		.opcode = opcodes[below(ARRAY_SIZE(opcodes))], .fd = fd, .user_data = number,
		.flags = below(4) ? 0 : (__u8)value() & ~IOSQE_FIXED_FILE,
	};

	switch (e.opcode) {
	case IORING_OP_POLL_ADD:
		e.poll32_events = below(2) ? POLLIN | POLLOUT : below(128);
		e.len = below(3) ? 0 : IORING_POLL_ADD_MULTI;
		break;
	case IORING_OP_SPLICE:
		e.off = -1;
		e.splice_off_in = -1;
		e.len = below(70000);
		if (below(2)) {
			e.splice_fd_in = pipe[0];
		} else {
			e.splice_fd_in = fd;
			e.fd = pipe[1];
		}
		break;
	case IORING_OP_ASYNC_CANCEL:	/* the one before, all of the file, all */
		e.addr = number - 1;
		e.cancel_flags = below(2) ? 0 : IORING_ASYNC_CANCEL_ALL |
				 (below(2) ? IORING_ASYNC_CANCEL_FD : IORING_ASYNC_CANCEL_ANY);
		break;
	case IORING_OP_READV:
	case IORING_OP_WRITEV:
		e.addr = (uintptr_t)v;
		e.len = 1;
		e.off = -1;
		break;
	default:
		e.addr = (uintptr_t)address();
		e.len = length();
		e.off = -1;
	}
	if (!below(16))
		e.rw_flags = value();
	if (!below(16))
		e.off = value();
	return e;
}

static void do_uring(unsigned int file)
{
	struct io_uring_params p = {};
	struct io_uring_sqe *sqes;
	struct iovec v = { address(), length() };
	int fd = syscall(SYS_io_uring_setup, 4, &p), pipe[2];
	size_t size = p.sq_off.array + p.sq_entries * sizeof(__u32), of_sqes = p.sq_entries * sizeof(*sqes);
	char *rings;
	__u32 i, n;

	if (fd < 0)
		return;
	if (pipe2(pipe, O_NONBLOCK | O_CLOEXEC)) {
		close(fd);
		return;
	}
	(void)!write(pipe[1], room, below(3000));
	rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
	sqes = mmap(NULL, of_sqes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
	if (rings != MAP_FAILED && sqes != MAP_FAILED) {
		n = 1 + below(4);
		for (i = 0; i < n; i++) {
			sqes[i] = uring_entry(file_at(file), pipe, &v, i);
			((__u32 *)(rings + p.sq_off.array))[i] = i;
		}
		__atomic_store_n((__u32 *)(rings + p.sq_off.tail), n, __ATOMIC_RELEASE);
		syscall(SYS_io_uring_enter, fd, n, below(2), IORING_ENTER_GETEVENTS, NULL, 0);
	}
	munmap(rings, size);
	munmap(sqes, of_sqes);
	close(pipe[0]);
	close(pipe[1]);
	close(fd);
}

/* Whatever waits is interrupted. */
static void set_alarms(void)
{
	struct itimerval often = { { 0, 3000 }, { 0, 3000 } };

	setitimer(ITIMER_REAL, &often, NULL);
}

/* A child, which has all of it too. In it: returns 0. */
static pid_t child(void)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		set_alarms();	/* they are not inherited */
	}
	return pid;
}

static void reap(pid_t pid)
{
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Through a socket, to ourselves or to another; perhaps it is closed while under way */
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
	bool other = below(2);
	pid_t pid = -1;

	if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s))
		return;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	sendmsg(s[0], &m, 0);
	if (other) {	/* it has it only if it takes it */
		close(fd);
		files[file % FILES] = -1;
		pid = child();
	}
	if (!pid || (!other && below(2))) {
		c = recvmsg(s[1], &m, MSG_CMSG_CLOEXEC) == 1 ? CMSG_FIRSTHDR(&m) : NULL;
		if (c && c->cmsg_type == SCM_RIGHTS) {
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
			put_file(file, fd);
		}
	}
	close(s[0]);
	close(s[1]);
	if (!pid) {
		do_transfer(file);
		do_ioctl(file);
		_exit(0);
	}
	if (pid > 0 && below(2))
		kill(pid, SIGKILL);
	if (below(2))
		reap(pid);
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
		"/sys/module/ring/parameters/rings", "/sys/module/ring/parameters/slots",
		"/sys/module/ring/parameters/size", "/sys/module/ring/parameters/policy",
		"/sys/module/ring/parameters/max_bytes", "/sys/module/ring/refcnt",
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

/* A child works on it for a moment, beside us or not, stopped or not, and goes in one way or another. */
static void do_fork(unsigned int file)
{
	bool beside = below(2);
	pid_t pid = child();

	if (!pid) {
		for (int n = below(4); n; n--) {
			do_transfer(file);
			do_ioctl(file);
		}
		do_touch(below(MAPS));
		if (below(2))
			raise(SIGKILL);
		_exit(0);
	}
	if (pid < 0)
		return;
	if (!below(3)) {
		kill(pid, SIGSTOP);
		do_transfer(file);
		do_ioctl(file);
		kill(pid, SIGCONT);
	}
	if (beside)		/* it goes with us at the latest */
		return;
	if (below(2))
		kill(pid, SIGKILL);
	reap(pid);
}

static void *thread_main(void *arg)
{
	unsigned int file = (uintptr_t)arg % FILES;

	seed_with((uintptr_t)arg);
	for (int n = 1 + below(8); n; n--) {
		switch (below(4)) {
		case 0:
			do_ioctl(file);
			break;
		case 1:
			do_poll(file);
			break;
		case 2:
			do_touch(below(MAPS));
			break;
		default:
			do_transfer(file);
		}
	}
	return NULL;
}

/* Beside us, on our file, until it is done or we are */
static void do_thread(unsigned int file)
{
	__u32 seed = (__u32)(random64() >> 32) / FILES * FILES + file % FILES;
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_create(&t, &attr, thread_main, (void *)(uintptr_t)seed);
	pthread_attr_destroy(&attr);
}

static void (*const calls[])(unsigned int file) = {
	do_open, do_open, do_ioctl, do_ioctl, do_ioctl, do_ioctl, do_ioctl, do_ioctl, do_transfer, do_transfer,
	do_transfer, do_transfer, do_transfer, do_mmap, do_mmap, do_map, do_touch, do_touch, do_poll, do_splice,
	do_uring, do_pass, do_file, do_file, do_look, do_fork, do_thread,
};

#endif /* FUZZ_CALLS_H */
