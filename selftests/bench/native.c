// SPDX-License-Identifier: GPL-2.0
/*
 * The bench: ring and its peers on the same work, the sides in turn, in one run. With other peers it is the bench
 * of the virtual machine too.
 *
 *	native [OPTION]... [WORK]...	by default all of the matrix
 *	vm [OPTION]... [WORK]...	the same, of the real module
 *
 *	--rounds N	samples of each contestant (9)
 *	--ms N		how long a sample takes (10)
 *	--only NAMES	only these contestants besides ring, separated by commas; a part of the name will do
 *	--csv FILE	add a line for each contestant to FILE
 *	--instructions	where each takes 1 ns (vm/run --icount): how many a record takes, of all workers on one CPU
 *	--smoke		each contestant once at a few of the works, as short as can be: whether they work at all
 *	--list		the works and the contestants
 *
 * A WORK is KIND-SIZE-xBATCH-WAY-WAITING[-1cpu]: 1to1, 1toN, Nto1, 3stage or pingpong; bytes of a record; x1 or x32
 * at a time; copy or place; spin, spinsleep or sleep. Example: 1to1-64-x1-copy-spin
 *
 * Virtual CPUs may be near to each other or far, and change that while one looks. So each sample has the time of a
 * cache line's way from one to the other measured before and after it. Where the two disagree it counts for nothing;
 * what is left is near or far, or between two siblings of one core.
 */
#include <getopt.h>

#include "sample.h"

#define ROUNDS_MAX	101u
#define PEERS_MAX	64u
#define SIBLINGS_NS	20.0	/* a line that takes less is handed over between siblings, on one core */
#define FAR_NS		100.0	/* one that takes longer is far */
#define AGREE		1.7	/* so far apart may the two probes be */

enum placement { SIBLINGS, NEAR, FAR, SAME, PLACEMENTS };

static const char *const placement_names[] = { "siblings", "near", "far", "one CPU" };
static const char *const waiting_names[] = { "spin", "spinsleep", "sleep" };

struct peer *peers;

static unsigned int rounds = 9;
static double target_ms = 10;
static const char *only;
static bool smoke;
static bool instructions;
static bool emulated;	/* processors that are nowhere: no probes */
static FILE *csv;
static const char *program;

/* ---- Work ---- */

static bool work_parse(const char *text, struct work *w)
{
	char kind[16], way[16], waiting[16], rest[16] = "";
	unsigned int n = 0, batch;
	int got = sscanf(text, "%15[^-]-%zu-x%u-%15[^-]-%15[^-]-%15s", kind, &w->size, &batch, way, waiting, rest);

	if (got < 5 || (rest[0] && strcmp(rest, "1cpu")))
		return false;
	w->batch = batch;
	w->one_cpu = rest[0];
	w->producers = 1;
	w->consumers = 1;
	w->kind = STREAM;
	if (!strcmp(kind, "3stage")) {
		w->kind = PIPELINE;
	} else if (!strcmp(kind, "pingpong")) {
		w->kind = PINGPONG;
	} else if (sscanf(kind, "1to%u", &n) == 1 && n >= 1 && n <= 8) {
		w->consumers = n;
		w->kind = n > 1 ? BROADCAST : STREAM;
	} else if (sscanf(kind, "%uto1", &n) == 1 && n >= 2 && n <= PRODUCERS_MAX) {
		w->producers = n;
		w->kind = GATHER;
	} else {
		return false;
	}
	w->in_place = !strcmp(way, "place");
	for (n = 0; n < 3 && strcmp(waiting, waiting_names[n]); n++)
		;
	w->waiting = (enum waiting)n;
	return n < 3 && (w->in_place || !strcmp(way, "copy")) && (batch == 1 || batch == BATCH) &&
	       (w->size == 8 || w->size == 64 || w->size == 256 || w->size == 1024 || w->size == 4096 ||
		w->size == 65536) &&
	       (w->kind != PINGPONG || (w->size <= 64 && batch == 1 && !w->in_place));
}

static const char *const matrix[] = {
	"1to1-8-x1-copy-spin", "1to1-8-x32-copy-spin",
	"1to1-64-x1-copy-spin", "1to1-64-x32-copy-spin", "1to1-64-x1-place-spin", "1to1-64-x32-place-spin",
	"1to1-64-x1-copy-spinsleep", "1to1-64-x32-copy-spinsleep", "1to1-64-x1-copy-sleep",
	"1to1-256-x1-copy-spin", "1to1-256-x32-copy-spin", "1to1-256-x32-place-spin",
	"1to1-1024-x1-copy-spin", "1to1-1024-x32-copy-spin", "1to1-1024-x1-place-spin", "1to1-1024-x32-place-spin",
	"1to1-65536-x1-copy-spin", "1to1-65536-x1-place-spin",
	"1to2-64-x1-copy-spin", "1to2-64-x32-copy-spin", "1to4-64-x1-copy-spin", "1to4-64-x32-copy-spin",
	"1to8-64-x1-copy-spin", "1to8-64-x32-copy-spin", "1to4-1024-x1-copy-spin",
	"2to1-64-x1-copy-spin", "2to1-64-x32-copy-spin", "4to1-64-x1-copy-spin", "2to1-1024-x1-copy-spin",
	"3stage-64-x1-copy-spin", "3stage-64-x32-copy-spin",
	"pingpong-8-x1-copy-spin", "pingpong-64-x1-copy-spin", "pingpong-8-x1-copy-spinsleep",
	"pingpong-8-x1-copy-sleep", "pingpong-8-x1-copy-sleep-1cpu",
};

/* On the real module, in the virtual machine */
static const char *const vm_matrix[] = {
	"1to1-64-x1-copy-sleep", "1to1-1024-x1-copy-sleep", "1to1-64-x32-copy-sleep", "1to1-1024-x32-copy-sleep",
	"pingpong-8-x1-copy-sleep", "pingpong-8-x1-copy-sleep-1cpu", "1to4-4096-x1-place-sleep",
};

/* Where instructions are counted: somebody always runs, or the time for which all sleep would count too */
static const char *const instructions_matrix[] = {
	"1to1-64-x1-copy-sleep-1cpu", "1to1-1024-x1-copy-sleep-1cpu",
	"1to1-64-x32-copy-sleep-1cpu", "1to1-1024-x32-copy-sleep-1cpu", "1to1-64-x1-place-sleep-1cpu",
	"1to4-4096-x1-place-sleep-1cpu", "pingpong-8-x1-copy-sleep-1cpu",
};

/* What there is of kinds of loops */
static const char *const smoke_matrix[] = {
	"1to1-64-x1-copy-spin", "1to1-1024-x32-place-spin", "1to1-64-x1-copy-spinsleep", "1to1-65536-x1-place-spin",
	"1to2-64-x32-copy-spin", "2to1-64-x1-copy-spin", "3stage-64-x1-copy-spin", "pingpong-8-x1-copy-spin",
	"pingpong-8-x1-copy-sleep-1cpu",
};

#define COUNT(list)	(sizeof(list) / sizeof((list)[0]))

static const char *const *all_works = matrix;
static unsigned int works = COUNT(matrix);

/* ---- Figures ---- */

/* One contestant's samples of one placement: @ratio is ring's sample of the same round against it */
struct figures {
	double value[ROUNDS_MAX];
	double ratio[ROUNDS_MAX];
	unsigned int values;
	unsigned int ratios;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The @part'th of four; sorts */
static double quartile(double *values, unsigned int n, unsigned int part)
{
	qsort(values, n, sizeof(*values), by_value);
	return n ? values[(n - 1) * part / 4] : 0;
}

/* Less is better */
static bool is_cost(const struct work *w)
{
	return instructions || w->kind == PINGPONG;
}

/* Million records a second; of a ping-pong, the ns that one way takes; or the instructions of either */
static double value_of(const struct work *w, const struct sample *s)
{
	if (!is_cost(w))
		return (double)s->count * 1e3 / (double)s->ns;
	return (double)s->ns / (double)s->count / (w->kind == PINGPONG ? 2 : 1);
}

/* How many times better a is than b */
static double better(const struct work *w, double a, double b)
{
	return is_cost(w) ? b / a : a / b;
}

static enum placement placement_of(double ns)
{
	return ns < SIBLINGS_NS ? SIBLINGS : ns > FAR_NS ? FAR : NEAR;
}

/* What was measured elsewhere, or counted, stands beside the same work's native figures under a name of its own. */
static const char *where_name(enum placement where)
{
	return instructions ? "VM, counted" : emulated ? "VM" : placement_names[where];
}

static bool place_of(const struct work *w, const struct sample *s, enum placement *where)
{
	double low = s->before < s->after ? s->before : s->after;
	double high = s->before < s->after ? s->after : s->before;

	*where = SAME;
	if (w->one_cpu || !low)
		return true;
	*where = placement_of(high);
	return high / low < AGREE && placement_of(low) == *where;
}

/* As many records as take the time wanted; something else may have had the CPU, so the quickest of some counts. */
static uint64_t calibrate(const struct peer *p, const struct work *w)
{
	uint64_t count = smoke ? 200 : w->waiting == SLEEP || w->size > 4096 ? 50 : 512, quickest;
	double wanted = target_ms * 1e6;
	struct sample s;
	int tries, again;

	for (tries = 0; tries < 8; tries++) {
		quickest = UINT64_MAX;
		for (again = 0; again < (smoke ? 1 : 4) && (double)quickest > wanted / 8; again++) {
			if (!sample_take(p, w, count, smoke || emulated, &s))
				return 0;
			quickest = s.ns < quickest ? s.ns : quickest;
		}
		if (smoke || (double)quickest > wanted / 3)
			break;
		count = (uint64_t)((double)count * ((double)quickest * 20 < wanted ? 16 : wanted / (double)quickest));
	}
	return smoke ? count : ((uint64_t)((double)count * wanted / (double)quickest) + 64) / 64 * 64;
}

static bool wanted(const struct peer *p)
{
	char list[256], *name, *rest = list;

	if (!only || !strcmp(p->name, "ring"))
		return true;
	snprintf(list, sizeof(list), "%s", only);
	while ((name = strsep(&rest, ",")))
		if (*name && strstr(p->name, name))
			return true;
	return false;
}

static const struct peer *find_ring(void)
{
	const struct peer *p;

	for (p = peers; p; p = p->next)
		if (!strcmp(p->name, "ring"))
			return p;
	return NULL;
}

static void print(const char *text, const struct work *w, const struct peer *p, enum placement where,
		  struct figures *f)
{
	double low, median, high, ratio, ratio_low, ratio_high;

	if (!f->values)
		return;
	low = quartile(f->value, f->values, 1);
	median = quartile(f->value, f->values, 2);
	high = quartile(f->value, f->values, 3);
	ratio_low = quartile(f->ratio, f->ratios, 1);
	ratio = quartile(f->ratio, f->ratios, 2);
	ratio_high = quartile(f->ratio, f->ratios, 3);
	printf("%-32s %-11s %-28s %9.3f %9.3f %9.3f %s", text, where_name(where), p->name, low, median, high,
	       instructions ? "insns" : w->kind == PINGPONG ? "ns " : "M/s");
	if (f->ratios)
		printf("  ring %6.2f (%.2f-%.2f) x, %u", ratio, ratio_low, ratio_high, f->ratios);
	printf("\n");
	if (csv)
		fprintf(csv, "%s,\"%s\",\"%s\",%s,%.4g,%.4g,%.4g,%s,%u,%.4g,%.4g,%.4g,%u,selftests/bench/build/%s %s%s\n",
			text, where_name(where), p->name, p->limit ? "limit" : "contestant", low, median, high,
			instructions ? w->kind == PINGPONG ? "instructions one way" : "instructions a record" :
			w->kind == PINGPONG ? "ns one way" : "M records/s", f->values, ratio_low, ratio, ratio_high,
			f->ratios, program, instructions ? "--instructions " : "", text);
	fflush(stdout);
}

static void put(struct figures *f, const struct work *w, const struct sample *s, const struct sample *ring)
{
	f->value[f->values++] = value_of(w, s);
	if (ring)
		f->ratio[f->ratios++] = better(w, value_of(w, ring), value_of(w, s));
}

/* Whether all that were tried could do it */
static bool measure(const char *text, const struct work *w)
{
	static struct figures figures[PEERS_MAX][PLACEMENTS];
	const struct peer *list[PEERS_MAX], *p, *ring = find_ring();
	uint64_t counts[PEERS_MAX], ring_count = calibrate(ring, w);
	enum placement where, ring_where;
	struct sample s, rs;
	unsigned int i, n = 0, round;
	bool ok = ring_count;

	memset(figures, 0, sizeof(figures));
	list[n++] = ring;
	for (p = peers; p && ring_count; p = p->next) {
		if (p == ring || !wanted(p) || !p->can(w) || n == PEERS_MAX)
			continue;
		if (p->convoys && w->kind == GATHER && sample_crowded(w))
			continue;
		counts[n] = calibrate(p, w);
		if (counts[n])
			list[n++] = p;
		else
			ok = false;
	}
	for (round = 0; ok && !smoke && round < rounds; round++) {
		for (i = 1; i < n; i++) {
			bool placed, ring_placed;

			/* Who goes first, changes. */
			if (round & 1) {
				ok &= sample_take(ring, w, ring_count, emulated, &rs);
				ok &= sample_take(list[i], w, counts[i], emulated, &s);
			} else {
				ok &= sample_take(list[i], w, counts[i], emulated, &s);
				ok &= sample_take(ring, w, ring_count, emulated, &rs);
			}
			if (!ok)
				break;
			placed = place_of(w, &s, &where);
			ring_placed = place_of(w, &rs, &ring_where);
			if (placed)
				put(&figures[i][where], w, &s, ring_placed && where == ring_where ? &rs : NULL);
			if (ring_placed && figures[0][ring_where].values < ROUNDS_MAX)
				put(&figures[0][ring_where], w, &rs, NULL);
		}
		if (n == 1 && sample_take(ring, w, ring_count, emulated, &rs) && place_of(w, &rs, &where))
			put(&figures[0][where], w, &rs, NULL);
	}
	for (where = SIBLINGS; where < PLACEMENTS && !smoke; where++)
		for (i = 0; i < n; i++)
			print(text, w, list[i], where, &figures[i][where]);
	return ok;
}

static int list(void)
{
	const struct peer *p;
	unsigned int i;

	for (i = 0; i < works; i++)
		printf("%s\n", all_works[i]);
	for (p = peers; p; p = p->next)
		printf("%s: %s%s\n", p->limit ? "limit" : "contestant", p->name, p->threads ? ", threads" : "");
	return 0;
}

/* Whether an instruction takes 1 ns here */
static bool clock_counts(void)
{
#if defined(__x86_64__) || defined(__aarch64__)
	uint64_t n = 5000000, took, begun = bench_ns();

#ifdef __x86_64__
	__asm__ __volatile__("1:	dec	%0\n"
			     "	jnz	1b" : "+r"(n) : : "cc");
#else
	__asm__ __volatile__("1:	subs	%0, %0, #1\n"
			     "	b.ne	1b" : "+r"(n) : : "cc");
#endif
	took = bench_ns() - begun;
	return took > 9900000 && took < 10300000;
#else
	return false;
#endif
}

static double number(const char *option, const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (*end || end == text || value < least || value > most) {
		fprintf(stderr, "native: --%s: %s: not from %g to %g\n", option, text, least, most);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rounds", required_argument, NULL, 'r' }, { "ms", required_argument, NULL, 'm' },
		{ "only", required_argument, NULL, 'o' },   { "csv", required_argument, NULL, 'c' },
		{ "smoke", no_argument, NULL, 's' },	    { "list", no_argument, NULL, 'l' },
		{ "instructions", no_argument, NULL, 'i' },
		{ 0 },
	};
	struct work w;
	bool failed = false;
	unsigned int i;
	int option;

	program = strrchr(argv[0], '/');
	program = program ? program + 1 : argv[0];
	if (!strcmp(program, "vm")) {
		all_works = vm_matrix;
		emulated = true;
		works = COUNT(vm_matrix);
	}
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			rounds = (unsigned int)number("rounds", optarg, 1, ROUNDS_MAX);
			break;
		case 'm':
			target_ms = number("ms", optarg, 0.1, 1000);
			break;
		case 'o':
			only = optarg;
			break;
		case 'c':
			csv = fopen(optarg, "a");
			if (!csv) {
				perror(optarg);
				return 1;
			}
			break;
		case 'i':
			instructions = true;
			emulated = true;
			all_works = instructions_matrix;
			works = COUNT(instructions_matrix);
			break;
		case 's':
			smoke = true;
			break;
		case 'l':
			return list();
		default:
			return 2;
		}
	}
	if (smoke && all_works == matrix) {
		all_works = smoke_matrix;
		works = COUNT(smoke_matrix);
	}
	if (instructions && !clock_counts()) {
		fprintf(stderr, "%s: the clock of this machine does not count instructions\n", program);
		return 2;
	}
	for (i = 0; i < (optind < argc ? (unsigned int)(argc - optind) : works); i++) {
		const char *text = optind < argc ? argv[(unsigned int)optind + i] : all_works[i];

		if (!work_parse(text, &w)) {
			fprintf(stderr, "native: %s: no such work\n", text);
			return 2;
		}
		if (!measure(text, &w)) {
			printf("%s: FAILED\n", text);
			failed = true;
		}
	}
	return failed;
}
