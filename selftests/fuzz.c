// SPDX-License-Identifier: GPL-2.0
/*
 * Programs made at random of all that can be done with rings, and kept and varied when they reach code of the module
 * that none has before, as KCOV tells (without it, none is kept). Each is run by a process of its own, two more run
 * others at the same time.
 *
 *	fuzz [--seconds N] [--seed N] [--last FILE] [--corpus FILE] [--keep FILE] [--guided]
 *	fuzz --replay FILE [--seconds N]
 *
 * FILEs have programs, a line each; one that begins with a + runs at the same time as that before it. The last ones
 * are what to replay after a crash. A corpus is what to begin with: where there is KCOV, each of it once, and those
 * that reach nothing new are not kept. What is kept is what another run may begin with, who reached most first.
 * --guided: fails without KCOV, or when it tells of nothing. The module is loaded anew, with parameters of ours.
 * TAP on stdout.
 */
#include "fuzz_calls.h"

#define PARAMETERS	"rings=4 slots=64,64,4,64 slot_size=64,32 size=4096,65536,0,4096 " \
			"policy=block,overwrite direct=0,0,1,1 max_bytes=16M"
#define OPS_MAX		24
#define CORPUS_MAX	4096
#define TOGETHER	3
#define LAST		16	/* times that so many ran, in the file of the last ones */
#define LINE		(OPS_MAX * 12 + 2)
#define BLIND		64	/* programs to vary where nothing tells what they reach */
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
	unsigned int reached;	/* steps that none before it has made */
	bool beside;		/* runs with the one before it */
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

static void write_program(char *line, const struct program *p, bool beside)
{
	*line++ = beside ? '+' : ' ';
	for (int i = 0; i < p->count; i++)
		line += sprintf(line, "%02x%x%08x ", p->ops[i].call, p->ops[i].file, p->ops[i].seed);
	*line = ' ';	/* not the end */
}

static bool read_program(const char *line, struct program *p)
{
	unsigned int call, file, seed;
	int n = 0, used;

	p->beside = *line == '+';
	line += p->beside;
	while (n < OPS_MAX && sscanf(line, " %2x%1x%8x%n", &call, &file, &seed, &used) == 3) {
		p->ops[n++] = (struct op) { call % ARRAY_SIZE(calls), file, seed };
		line += used;
	}
	p->count = n;
	return n;
}

static void on_fault(int sig)
{
	if (!faults)
		_exit(1);	/* a thread has unmapped what another works on */
	faults = 0;
	siglongjmp(fault, sig);
}

static bool restart;

/* Where calls are restarted, some are not, or they would never end. */
static void on_alarm(int sig)
{
	static unsigned int n;
	struct sigaction a = { .sa_handler = on_alarm, .sa_flags = restart && n++ % 4 != 3 ? SA_RESTART : 0 };

	sigaction(sig, &a, NULL);
}

static void run(const struct program *p)
{
	struct sigaction a = { .sa_handler = on_fault };

	restart = p->ops[0].seed & 1;
	sigaction(SIGSEGV, &a, NULL);
	sigaction(SIGBUS, &a, NULL);
	on_alarm(SIGALRM);
	on_alarm(SIGIO);
	signal(SIGPIPE, SIG_IGN);
	set_alarms();
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

static __u64 bytes_held(int control)
{
	struct ring_version v = { .size = sizeof(v) };

	return ioctl(control, RING_CTL_VERSION, &v) ? ~0ull : v.bytes;
}

/*
 * All those of ours as they were, and no others: what a program shut down or ruined is of no use to the next. Of what
 * it held nothing may be left when the last is gone; who was killed, and io_uring, may take a moment to let go.
 */
static const char *renew(void)
{
	static const struct ring_create made[RINGS] = {
		{ .slots = 64, .slot_size = 64, .bulk_size = 4096 },
		{ .slots = 64, .slot_size = 32, .bulk_size = 65536, .policy = RING_OVERWRITE },
		{ .slots = 4, .slot_size = 32, .policy = RING_OVERWRITE, .ring_flags = RING_DIRECT },
		{ .slots = 64, .slot_size = 32, .bulk_size = 4096, .ring_flags = RING_DIRECT },
	};
	static struct ring_list_entry all[64];
	struct ring_list list = { .size = sizeof(list), .array = (uintptr_t)all };
	int fd = open("/dev/ring-control", O_RDWR | O_CLOEXEC);
	__u64 deadline = rt_in_ms(10000 * rt_slow());
	const char *wrong = NULL;

	do {
		list.count = ARRAY_SIZE(all);
		if (ioctl(fd, RING_CTL_LIST, &list)) {
			wrong = "the rings are not listed";
			break;
		}
		for (unsigned int i = 0; i < list.count; i++) {
			struct ring_destroy d = { .size = sizeof(d), .flags = RING_DESTROY_FORCE, .id = all[i].id };

			/* an ephemeral one may just go */
			if (ioctl(fd, RING_CTL_DESTROY, &d) && errno != ENOENT)
				wrong = "a ring is not removed";
		}
	} while (list.count && !wrong);
	while (!wrong && bytes_held(fd)) {
		if (rt_now() > deadline) {
			printf("# %llu bytes\n", (unsigned long long)bytes_held(fd));
			wrong = "no ring is left, but memory is held";
		}
		usleep(1000);
	}
	for (int i = 0; i < RINGS && !wrong; i++) {
		struct ring_create c = made[i];

		c.size = sizeof(c);
		c.id = i;
		if (ioctl(fd, RING_CTL_CREATE, &c))
			wrong = "the rings cannot be made anew";
	}
	close(fd);
	return wrong;
}

/* Parameters at random: loaded or refused, and as they should be after that */
static int reload(void)
{
	static const struct {
		const char *name;
		const char *good[4];
	} parameters[] = {
		{ "rings", { "0", "1", "3", "20" } }, { "slots", { "4", "64", "4096", "1K" } },
		{ "slot_size", { "32", "64", "4096", "48" } }, { "size", { "0", "4096", "1M", "64K" } },
		{ "policy", { "block", "overwrite", "block", "block" } }, { "direct", { "0", "1", "y", "off" } },
		{ "max_bytes", { "16M", "1G", "4096", "64K" } },
	};
	static const char *const odd[] = {
		"", "-1", "3", "256", "257", "0", "block", "18446744073709551616", ",", "0x40", "1T", "9999999999G",
		"'", "%s%n", "1M", "1",
	};
	char args[1000] = "";
	size_t at = 0;

	for (int n = below(6); n; n--) {
		unsigned int which = below(ARRAY_SIZE(parameters));

		at += snprintf(args + at, sizeof(args) - at, "%s=", parameters[which].name);
		for (int values = which ? 1 + below(4) : 1; values; values--)
			at += snprintf(args + at, sizeof(args) - at, "%s%c",
				       below(8) ? parameters[which].good[below(4)] : odd[below(ARRAY_SIZE(odd))],
				       values > 1 ? ',' : ' ');
	}
	if (rt_unload())
		return -1;
	if (!rt_insert(args) && rt_unload())
		return -1;
	return rt_insert(PARAMETERS);
}

/* ---- All of it ---- */

/* Where the programs run last are, also when the machine dies. Not mapped: it would keep them to itself. */
static int last = -1;

static void remember(const struct program *p, int count, unsigned long number)
{
	char lines[TOGETHER][LINE + 1];

	memset(lines, ' ', sizeof(lines));
	for (int i = 0; i < TOGETHER; i++) {
		if (i < count)
			write_program(lines[i], &p[i], i);
		lines[i][LINE] = '\n';
	}
	(void)!pwrite(last, lines, sizeof(lines), number % LAST * sizeof(lines));
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

static unsigned int killed;

/* Its end. false: it does not end even though it was killed. */
static bool ends(pid_t pid)
{
	__u64 kill_at = rt_in_ms(2000 * rt_slow()), give_up = kill_at + 20 * RT_SECOND * rt_slow();

	while (pid > 0 && !waitpid(pid, NULL, WNOHANG)) {
		__u64 now = rt_now();

		if (now > kill_at) {
			kill(pid, SIGKILL);
			killed++;
			kill_at = give_up;
		}
		if (now > give_up)
			return false;
		usleep(200);
	}
	return true;
}

static struct program *read_programs(const char *path, unsigned int *count)
{
	struct program *programs = calloc(CORPUS_MAX, sizeof(*programs));
	static char line[LINE + 2];
	FILE *f = fopen(path, "r");

	*count = 0;
	while (f && fgets(line, sizeof(line), f))
		if (*count < CORPUS_MAX)
			*count += read_program(line, &programs[*count]);
	if (f)
		fclose(f);
	printf("# %u programs in %s\n", *count, path);
	fflush(stdout);
	return programs;
}

static int reached_more(const void *a, const void *b)
{
	const struct program *p = a, *q = b;

	return p->reached == q->reached ? 0 : p->reached < q->reached ? 1 : -1;
}

static bool write_kept(const char *path)
{
	FILE *f = fopen(path, "w");
	char line[LINE + 1];

	if (!f)
		return false;
	qsort(corpus, kept, sizeof(*corpus), reached_more);
	for (unsigned int i = 0; i < kept; i++) {
		memset(line, 0, sizeof(line));
		write_program(line, &corpus[i], false);
		line[strlen(line) - 2] = '\0';
		fprintf(f, "%s\n", line + 1);
	}
	return !fclose(f);
}

static bool keep(const struct program *p, unsigned int reached)
{
	if (kept == CORPUS_MAX || (cover ? !reached : kept >= BLIND))
		return false;
	corpus[kept] = *p;
	corpus[kept++].reached = reached;
	return true;
}

static const char *option(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return i + 1 < argc ? argv[i + 1] : "";
	return NULL;
}

static __u64 number_option(int argc, char **argv, const char *name, __u64 otherwise)
{
	const char *text = option(argc, argv, name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

int main(int argc, char **argv)
{
	__u64 seed = number_option(argc, argv, "--seed", rt_now() ^ getpid()), generator, end;
	__u64 seconds = number_option(argc, argv, "--seconds", 120);
	const char *replay = option(argc, argv, "--replay"), *given = option(argc, argv, "--corpus");
	const char *path = option(argc, argv, "--last") ?: "fuzz.last", *to = option(argc, argv, "--keep");
	const char *wrong = NULL;
	unsigned int others = 0, next = 0, fresh = 0;
	struct program *other = NULL;
	unsigned long number = 0;

	printf("1..1\n# seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	corpus = calloc(CORPUS_MAX, sizeof(*corpus));
	room = mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(room + ROOM, 4096);
	memset(room, 'x', ROOM);
	if (replay || given) {
		other = read_programs(replay ?: given, &others);
		if (!others)
			wrong = "no programs there";
	}
	if (!replay)
		last = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (rt_load(PARAMETERS))
		wrong = "the module cannot be loaded";
	cover_init();
	if (!cover && option(argc, argv, "--guided"))
		wrong = "no KCOV";
	if (!cover && given) {	/* all of it, for none can be told from another */
		memcpy(corpus, other, others * sizeof(*other));
		kept = others;
		others = 0;
	}
	seed_with(seed);
	generator = state;
	for (end = rt_in_ms(seconds * 1000); !wrong && rt_now() < end; number++) {
		struct program p[TOGETHER];
		int count = 1;
		pid_t pids[TOGETHER];

		state = generator;
		if (replay) {
			p[0] = other[next++ % others];
			while (count < TOGETHER && other[next % others].beside)
				p[count++] = other[next++ % others];
		} else {
			if (next < others && below(2))
				p[0] = other[next++];
			else
				p[0] = kept && below(4) ? vary(corpus[below(kept)]) : random_program();
			while (kept && count < TOGETHER)
				p[count++] = corpus[below(kept)];
		}
		generator = state;
		remember(p, count, number);
		for (int i = 0; i < count; i++)
			pids[i] = start(&p[i], !i);
		for (int i = 0; i < count; i++)
			if (!ends(pids[i]))
				wrong = "a program does not end";
		if (!replay && keep(&p[0], cover_new()))
			fresh += next >= others;
		if (!wrong && number % 64 == 63)
			wrong = renew();
		state = generator;
		if (!wrong && number % 128 == 16 && reload())
			wrong = "the module cannot be loaded anew";
		generator = state;
	}
	if (!wrong)
		wrong = renew();
	if (!wrong && !replay && option(argc, argv, "--guided") && !kept)
		wrong = "nothing was reached";
	if (!wrong && to && !write_kept(to))
		wrong = "what was kept cannot be written";
	printf("# %lu programs, %u kept, %u of them new, %u steps from one place to another, %u were killed\n", number,
	       kept, fresh, places, killed);
	printf(wrong ? "not ok 1 %s\n" : "ok 1 nothing found\n", wrong);
	return !!wrong;
}
