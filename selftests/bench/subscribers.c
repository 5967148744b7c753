// SPDX-License-Identifier: GPL-2.0
/*
 * What many subscribers cost, and what a ring takes of memory. In the virtual machine whose clock counts instructions,
 * so that a ns is one: an emulated processor may take some per cent longer for the same of them.
 *
 *	subscribers [--csv FILE] [--smoke]
 *
 * idle-subscribers: a write() to an overwrite ring that has 1,000 lossy subscribers who do nothing, against one that
 * has none. sleeping-subscribers: a write() that wakes 64 processes from read(), against 64 eventfds, written to one
 * after another, that wake as many; and against a write() that wakes 8. memory: what the ring says it holds against
 * slots * slot_size + size + a page for each subscriber + three pages.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libring.h>

#define ROUNDS_MAX	51u
#define SLEEPERS	64u

static FILE *csv;
static unsigned int rounds = 21, idle = 1000;

static void die(const char *what)
{
	fprintf(stderr, "subscribers: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, unsigned int n, unsigned int part)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[(n - 1) * part / 4];
}

/* The same line as native's; the figure is a's by b's, or b's by a's when @inverse */
static void tell(const char *work, const char *against, double *a, double *b, unsigned int n, bool inverse)
{
	double ratios[ROUNDS_MAX], ma, mb;
	unsigned int i;

	for (i = 0; i < n; i++)
		ratios[i] = inverse ? b[i] / a[i] : a[i] / b[i];
	ma = median(a, n, 2);
	mb = median(b, n, 2);
	printf("%-28s %-14s ring %10.0f, %10.0f: %.3f (%.3f-%.3f) x, %u\n", work, against, ma, mb, median(ratios, n, 2),
	       median(ratios, n, 1), median(ratios, n, 3), n);
	if (csv)
		fprintf(csv, "%s,VM,%s,contestant,%.4g,%.4g,%.4g,ns,%u,%.4g,%.4g,%.4g,%u,%s\n", work, against,
			median(b, n, 1), mb, median(b, n, 3), n, median(ratios, n, 1), median(ratios, n, 2),
			median(ratios, n, 3), n, "selftests/bench/build/subscribers");
}

static unsigned int make(uint32_t policy, uint64_t bulk, int *keep)
{
	struct ring_create c;
	char path[32];
	int err;

	ring_create_defaults(&c);
	c.policy = policy;
	c.bulk_size = bulk;
	c.ring_flags = RING_EPHEMERAL;
	err = ring_create(&c);
	if (err) {
		fprintf(stderr, "subscribers: no ring: %s\n", ring_strerror(err));
		exit(1);
	}
	snprintf(path, sizeof(path), "/dev/ring%u", c.id);
	*keep = open(path, O_WRONLY);
	if (*keep < 0)
		die(path);
	return c.id;
}

static int subscribe(unsigned int id)
{
	struct ring_subscribe call = { .size = sizeof(call), .start = RING_NEXT };
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/ring%u", id);
	fd = open(path, O_RDONLY);
	if (fd < 0 || ioctl(fd, RING_IOC_SUBSCRIBE, &call))
		die(path);
	return fd;
}

/* ns that one write takes, over a few laps */
static double publish(int fd)
{
	unsigned int i, n = 20000;
	char record[48] = "";
	double begun = now();

	for (i = 0; i < n; i++)
		if (write(fd, record, sizeof(record)) != sizeof(record))
			die("write");
	return (now() - begun) / n;
}

static void idle_subscribers(void)
{
	struct rlimit files = { 4096, 4096 };
	double with[ROUNDS_MAX], without[ROUNDS_MAX];
	unsigned int i, round, id;
	int crowd, alone;

	setrlimit(RLIMIT_NOFILE, &files);
	id = make(RING_OVERWRITE, 0, &crowd);
	make(RING_OVERWRITE, 0, &alone);
	for (i = 0; i < idle; i++)
		subscribe(id);
	publish(crowd);
	publish(alone);
	for (round = 0; round < rounds; round++) {
		if (round & 1)
			with[round] = publish(crowd);
		without[round] = publish(alone);
		if (!(round & 1))
			with[round] = publish(crowd);
	}
	tell("idle-subscribers", "none", with, without, rounds, false);
}

/**
 * struct crew - processes that sleep
 * @count: how many
 * @woken: how often one of them woke, in all
 * @fds: what each reads
 * @pids: them
 */
struct crew {
	unsigned int count;
	unsigned int *woken;
	int fds[SLEEPERS];
	pid_t pids[SLEEPERS];
};

static void start(struct crew *c, unsigned int count, int ring)
{
	unsigned int i;
	char buf[64];

	c->count = count;
	c->woken = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c->woken == MAP_FAILED)
		die("mmap");
	for (i = 0; i < count; i++) {
		c->fds[i] = ring < 0 ? eventfd(0, 0) : subscribe((unsigned int)ring);
		c->pids[i] = fork();
		if (c->pids[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (read(c->fds[i], buf, sizeof(buf)) > 0)
			__atomic_fetch_add(c->woken, 1, __ATOMIC_SEQ_CST);
		_exit(1);
	}
}

/* ns until all of them are awake; then they sleep again, sooner or later */
static double wake(struct crew *c, int ring)
{
	unsigned int i, before = __atomic_load_n(c->woken, __ATOMIC_SEQ_CST);
	uint64_t one = 1;
	double begun;

	usleep(20000);
	begun = now();
	for (i = 0; i < (ring < 0 ? c->count : 1); i++)
		if (write(ring < 0 ? c->fds[i] : ring, &one, sizeof(one)) != sizeof(one))
			die("write");
	while (__atomic_load_n(c->woken, __ATOMIC_SEQ_CST) - before < c->count)
		sched_yield();
	return now() - begun;
}

static void sleeping_subscribers(void)
{
	double ring[ROUNDS_MAX], events[ROUNDS_MAX], few[ROUNDS_MAX], each[ROUNDS_MAX];
	struct crew many, eight, eventfds;
	int fd, fd8, i;
	unsigned int id = make(RING_BLOCK, 0, &fd), id8 = make(RING_BLOCK, 0, &fd8), round;

	start(&many, SLEEPERS, (int)id);
	start(&eight, 8, (int)id8);
	start(&eventfds, SLEEPERS, -1);
	wake(&many, fd);
	wake(&eight, fd8);
	wake(&eventfds, -1);
	for (round = 0; round < rounds; round++) {
		ring[round] = wake(&many, fd);
		events[round] = wake(&eventfds, -1);
		few[round] = wake(&eight, fd8) / 8;
		each[round] = ring[round] / SLEEPERS;
	}
	tell("sleeping-subscribers-linear", "8 sleeping", each, few, rounds, false);
	tell("sleeping-subscribers", "64 eventfds", ring, events, rounds, true);
	for (i = 0; i < (int)SLEEPERS; i++) {
		kill(many.pids[i], SIGKILL);
		kill(eventfds.pids[i], SIGKILL);
		if (i < 8)
			kill(eight.pids[i], SIGKILL);
	}
	while (wait(NULL) > 0)
		;
}

static void memory(void)
{
	struct ring_list_entry entries[64];
	unsigned int id, i, total, page = (unsigned int)sysconf(_SC_PAGESIZE);
	int fd, ret;
	double formula = 4096.0 * 64 + (1 << 20) + 8.0 * page + 3.0 * page, bytes = 0;

	id = make(RING_BLOCK, 1 << 20, &fd);
	for (i = 0; i < 8; i++)
		subscribe(id);
	ret = ring_list(entries, 64, &total);
	for (i = 0; ret > 0 && i < (unsigned int)ret; i++)
		if (entries[i].id == id)
			bytes = (double)entries[i].bytes;
	if (!bytes) {
		errno = ENOENT;
		die("the ring's memory");
	}
	tell("memory", "formula", &bytes, &formula, 1, false);
}

int main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--csv") && i + 1 < argc) {
			csv = fopen(argv[++i], "a");
			if (!csv)
				die(argv[i]);
		} else if (!strcmp(argv[i], "--smoke")) {
			rounds = 3;
			idle = 50;
		} else {
			fprintf(stderr, "usage: subscribers [--csv FILE] [--smoke]\n");
			return 2;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	memory();
	idle_subscribers();
	sleeping_subscribers();
	return 0;
}
