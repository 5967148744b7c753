// SPDX-License-Identifier: GPL-2.0
/*
 * For as long as asked: producers and subscribers come and go, are killed and stopped, while memory runs short and
 * processors are taken away and given back. Two auditors read all along, one on the ring that blocks and one on that
 * which overwrites; in the end every record that was published is accounted for. What makes it hard is counted when it
 * has really happened, and must have, of each kind.
 *
 *	soak SECONDS [SEED]
 *
 * TAP on stdout.
 */
#include <libring.h>

#include "ring_test.h"

#define RINGS		2	/* BLOCK and OVERWRITE */
#define PRODUCERS	3	/* at a time, on each ring */
#define SUBSCRIBERS	3
#define LIVES_MAX	(1u << 20)
#define RECORD_MAX	3000

/* What a producer has published, and an auditor has seen of it */
struct life {
	__u32 published;	/* at least; one more when it was killed in between */
	__u32 seen;
};

static struct shared {
	bool ended;		/* no producer is left */
	struct {
		__u32 kills, stops, unplugs, plugs, victims;
	} happened;
	__u64 received[RINGS];
	__u64 lost[RINGS];
	char wrong[RINGS][200];
	struct life lives[RINGS][LIVES_MAX];
} *shared;

static unsigned int seed;

static unsigned int below(unsigned int n)
{
	return rand_r(&seed) % n;
}

static void __attribute__((format(printf, 2, 3))) complain(int ring, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!*shared->wrong[ring])
		vsnprintf(shared->wrong[ring], sizeof(shared->wrong[ring]), format, args);
	va_end(args);
}

/* ---- Who comes and goes ---- */

static void produce(int ring, __u32 life)
{
	static unsigned char record[RECORD_MAX];
	struct life *l = &shared->lives[ring][life];
	int fd = rt_try_open(ring, O_WRONLY), way = below(3);
	unsigned int most = 1 + below(20000);
	struct ring *r = NULL;
	char name[8];
	long ret;

	snprintf(name, sizeof(name), "%d", ring);
	if (way == 2 && ring_open(name, RING_OPEN_READ | RING_OPEN_WRITE, &r))
		_exit(1);
	for (__u32 n = 0; n < most; n++) {
		size_t len = RT_RECORD_MIN + below(below(8) ? 40 : RECORD_MAX - RT_RECORD_MIN);

		rt_fill(record, len, (__u64)life << 32 | n);
		if (way == 0)
			ret = write(fd, record, len) == (ssize_t)len ? 0 : -1;
		else if (way == 1)
			ret = rt_publish(fd, record, len, 0, RING_NEVER, NULL);
		else
			ret = ring_publish(r, record, len, 0, RING_NEVER);
		if (ret) {
			complain(ring, "producer %u: record %u: %ld, %s", life, n, ret, strerror(errno));
			_exit(1);
		}
		__atomic_store_n(&l->published, n + 1, __ATOMIC_RELEASE);
		if (!below(500))
			usleep(below(3000));
	}
	_exit(0);
}

static void subscribe(int ring)
{
	static unsigned char record[RECORD_MAX];
	struct ring_subscribe sub;
	int fd = rt_try_open(ring, O_RDONLY);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (rt_try_subscribe(fd, below(2) ? RING_SUBSCRIBE_LOSSY : 0, below(2) ? RING_OLDEST : RING_NEXT, &sub))
		_exit(1);
	for (unsigned int n = below(50000); n; n--) {
		if (below(2))
			poll(&p, 1, -1);
		if (read(fd, record, sizeof(record)) < 0 && errno != EOVERFLOW)
			_exit(1);
	}
	_exit(0);
}

/* ---- Who reads it all ---- */

static void check(int ring, const unsigned char *record, size_t len)
{
	__u64 number;
	__u32 life, n;

	memcpy(&number, record, sizeof(number));
	life = number >> 32;
	n = number;
	if (len < RT_RECORD_MIN || life >= LIVES_MAX || !rt_is(record, len, number)) {
		complain(ring, "a record that nobody has published, of %zu bytes", len);
		return;
	}
	if (n < shared->lives[ring][life].seen || (ring == BLOCK && n != shared->lives[ring][life].seen))
		complain(ring, "producer %u: record %u instead of %u", life, n, shared->lives[ring][life].seen);
	shared->lives[ring][life].seen = n + 1;
	shared->received[ring]++;
}

static void audit(int ring, int fd, __u32 id)
{
	static unsigned char record[RECORD_MAX];
	struct ring_stat_subscriber all[64] = {};
	struct ring_stat stat = {
		.size = sizeof(stat), .subscriber_array = (uintptr_t)all, .subscriber_count = ARRAY_SIZE(all),
	};
	bool last = false;
	ssize_t len;

	for (;;) {
		len = read(fd, record, sizeof(record));
		if (len > 0) {
			check(ring, record, len);
		} else if (len < 0 && errno == EAGAIN) {
			if (last)
				break;
			last = __atomic_load_n(&shared->ended, __ATOMIC_ACQUIRE);
			if (!last)
				usleep(1000);
		} else if (errno != EOVERFLOW || ring == BLOCK) {
			complain(ring, "auditor: %zd, %s", len, strerror(errno));
			break;
		}
	}
	ioctl(fd, RING_IOC_STAT, &stat);
	for (unsigned int i = 0; i < stat.subscriber_count; i++)
		if (all[i].id == id)
			shared->lost[ring] = all[i].lost;
	_exit(0);
}

/* ---- What makes it hard ---- */

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		usleep(1000);	/* busy: another time */
	close(fd);
}

static char read_from(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = 0;

	if (fd >= 0 && read(fd, &c, 1) != 1)
		c = 0;
	close(fd);
	return c;
}

static void plug(void)
{
	for (;;) {
		char path[64], before, after;

		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", 1 + below(3));
		before = read_from(path);
		write_to(path, below(3) ? "1" : "0");
		after = read_from(path);
		shared->happened.unplugs += before == '1' && after == '0';
		shared->happened.plugs += before == '0' && after == '1';
		usleep(below(400000));
	}
}

/* How often the kernel has looked for memory to free since it runs */
static __u64 shortages(void)
{
	FILE *f = fopen("/proc/vmstat", "r");
	char line[200];
	__u64 n, all = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "allocstall_%*s %llu", &n) == 1 || sscanf(line, "pageoutrun %llu", &n) == 1)
			all += n;
	if (f)
		fclose(f);
	return all;
}

/* Half of what is free, many times over, and now and then more than there is: this one is to go first then. */
static void hog(void)
{
	static struct { char *at; size_t size; } held[8];

	write_to("/proc/self/oom_score_adj", "1000");
	setpriority(PRIO_PROCESS, 0, -10);	/* a dozen others want the processors too */
	for (;;) {
		unsigned int i = below(ARRAY_SIZE(held));
		size_t size;

		if (held[i].at)
			munmap(held[i].at, held[i].size);
		size = (size_t)sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE) / 8 * (below(8) ? 4 : 9) + 4096;
		held[i].at = mmap(NULL, size, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		held[i].size = size;
		if (held[i].at == MAP_FAILED)
			held[i].at = NULL;
		usleep(below(100000));
	}
}

/* ---- All of it ---- */

static pid_t child(void)
{
	pid_t pid = fork();

	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	seed = seed * 1103515245 + 12345;	/* its own, and another for the next */
	return pid;
}

struct player {
	pid_t pid;
	__u64 go_on;	/* when it is to: it is stopped */
};

static void end(struct player *p)
{
	kill(p->pid, SIGCONT);
	kill(p->pid, SIGKILL);
	shared->happened.kills += rt_wait_child(p->pid) == 128 + SIGKILL;
	p->pid = 0;
}

/* Stop one, let it go on, or kill it */
static void trouble(struct player *p)
{
	if (p->go_on && rt_now() > p->go_on) {
		shared->happened.stops += rt_task_state(p->pid) == 'T';
		kill(p->pid, SIGCONT);
		p->go_on = 0;
	} else if (!p->go_on && !below(100)) {
		kill(p->pid, SIGSTOP);
		p->go_on = rt_in_ms(below(300));
	} else if (!below(200)) {
		end(p);
		p->go_on = 0;
	}
}

/* Whether a player's place is free, for the next one to begin in */
static bool has_ended(struct player *p)
{
	if (p->pid && waitpid(p->pid, NULL, WNOHANG) != p->pid)
		return false;
	p->pid = 0;
	p->go_on = 0;
	return true;
}

int main(int argc, char **argv)
{
	static struct player producers[RINGS][PRODUCERS], subscribers[RINGS][SUBSCRIBERS];
	unsigned int lives[RINGS] = { 1, 1 }, subscriptions = 0, last[RINGS][PRODUCERS] = {};
	__u64 until = rt_in_ms(1000 * (argc > 1 ? strtoull(argv[1], NULL, 0) : 60)), before[RINGS];
	__u64 short_before = shortages(), short_of_memory;
	pid_t auditors[RINGS], plugger, hogger;
	int fds[RINGS], status, failed = 0;

	seed = argc > 2 ? strtoul(argv[2], NULL, 0) : (unsigned int)rt_now();
	printf("1..%d\n# seed %u\n", RINGS + 1, seed);
	fflush(stdout);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int ring = 0; ring < RINGS; ring++) {
		struct ring_stat stat = { .size = sizeof(stat) };
		struct ring_subscribe sub;

		fds[ring] = rt_try_open(ring, O_RDWR | O_NONBLOCK);
		if (fds[ring] < 0 || ioctl(fds[ring], RING_IOC_FLUSH, 0) || ioctl(fds[ring], RING_IOC_STAT, &stat) ||
		    rt_try_subscribe(fds[ring], 0, RING_NEXT, &sub)) {
			printf("Bail out! ring %d cannot be used\n", ring);
			return 1;
		}
		before[ring] = stat.published;
		auditors[ring] = child();
		if (!auditors[ring])
			audit(ring, fds[ring], sub.id);
	}
	plugger = child();
	if (!plugger)
		plug();
	hogger = child();
	if (!hogger)
		hog();
	while (rt_now() < until && !*shared->wrong[BLOCK] && !*shared->wrong[OVERWRITE]) {
		for (int ring = 0; ring < RINGS; ring++) {
			for (int i = 0; i < PRODUCERS; i++) {
				struct player *p = &producers[ring][i];

				if (!has_ended(p)) {
					trouble(p);
				} else if (lives[ring] < LIVES_MAX) {
					last[ring][i] = lives[ring]++;
					p->pid = child();
					if (!p->pid)
						produce(ring, last[ring][i]);
				}
			}
			for (int i = 0; i < SUBSCRIBERS; i++) {
				struct player *p = &subscribers[ring][i];

				if (!has_ended(p)) {
					trouble(p);
				} else {
					subscriptions++;
					p->pid = child();
					if (!p->pid)
						subscribe(ring);
				}
			}
		}
		if (waitpid(hogger, &status, WNOHANG) == hogger) {
			shared->happened.victims += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
			hogger = child();
			if (!hogger)
				hog();
		}
		usleep(2000);
	}
	for (int ring = 0; ring < RINGS; ring++) {
		for (int i = 0; i < SUBSCRIBERS; i++)
			if (subscribers[ring][i].pid)
				end(&subscribers[ring][i]);
		for (int i = 0; i < PRODUCERS; i++)
			if (producers[ring][i].pid)
				end(&producers[ring][i]);
	}
	kill(plugger, SIGKILL);
	kill(hogger, SIGKILL);
	for (int cpu = 1; cpu < 4; cpu++) {
		char path[64];

		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
		write_to(path, "1");
	}
	__atomic_store_n(&shared->ended, true, __ATOMIC_RELEASE);
	for (int ring = 0; ring < RINGS; ring++) {
		struct ring_stat stat = { .size = sizeof(stat) };
		__u64 published;

		if (rt_wait_child(auditors[ring]))
			complain(ring, "the auditor has died");
		ioctl(fds[ring], RING_IOC_STAT, &stat);
		published = stat.published - before[ring];
		if (shared->received[ring] + shared->lost[ring] != published)
			complain(ring, "%llu published, but %llu received and %llu lost", published,
				 shared->received[ring], shared->lost[ring]);
		for (unsigned int i = 1; ring == BLOCK && i < lives[ring]; i++) {
			const struct life *l = &shared->lives[ring][i];

			if (l->seen != l->published && l->seen != l->published + 1)
				complain(ring, "producer %u: %u published, %u seen", i, l->published, l->seen);
		}
		printf("# %llu records of %u producers, %llu received, %llu lost\n", published, lives[ring] - 1,
		       shared->received[ring], shared->lost[ring]);
		failed |= *shared->wrong[ring];
		if (*shared->wrong[ring])
			printf("# %s\n", shared->wrong[ring]);
		printf("%sok %d every record is accounted for: %s\n", *shared->wrong[ring] ? "not " : "", ring + 1,
		       ring == BLOCK ? "block" : "overwrite");
	}
	printf("# %u subscriptions\n", subscriptions);
	short_of_memory = shortages() - short_before;
	printf("# %u killed, %u stopped, processors taken away %u times and given back %u times, memory looked for %llu times, %u processes killed for it\n",
	       shared->happened.kills, shared->happened.stops, shared->happened.unplugs, shared->happened.plugs,
	       short_of_memory, shared->happened.victims);
	if (!shared->happened.kills || !shared->happened.stops || !short_of_memory ||
	    (!access("/sys/devices/system/cpu/cpu1/online", W_OK) &&
	     (!shared->happened.unplugs || !shared->happened.plugs))) {
		printf("not ");
		failed = 1;
	}
	printf("ok %d all that makes it hard has happened\n", RINGS + 1);
	return !!failed;
}
