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
#include <sys/time.h>

#include "fuzz_calls.h"

#define PARAMETERS	"rings=4 slots=64,64,4,64 slot_size=64,32 size=4096,65536,0,4096 " \
			"policy=block,overwrite direct=0,0,1,1 max_bytes=16M"
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

static void read_corpus(const char *path)
{
	static char line[LINE + 2];
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		if (kept < CORPUS_MAX)
			kept += read_program(line, &corpus[kept]);
	if (f)
		fclose(f);
	printf("# %u programs\n", kept);
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
		read_corpus(replay);
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
