// SPDX-License-Identifier: GPL-2.0
/* One sample: processes or threads, pinned, that begin together */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "sample.h"

#define SECONDS_MAX	20u	/* for one sample: longer is stuck */
#define PROBES		9u
#define PROBE_ROUNDS	60u

/**
 * struct stage - what the workers of a sample share
 * @turn: the line that the probe hands over
 * @arrived: at the barrier
 * @began: ns when the first worker began
 * @ended: ns when each had done
 * @before: the probe's results
 * @after:
 */
struct stage {
	uint64_t turn __attribute__((aligned(APART)));
	unsigned int arrived __attribute__((aligned(APART)));
	uint64_t began __attribute__((aligned(APART)));
	uint64_t ended[WORKERS_MAX];
	double before;
	double after;
};

struct worker {
	const struct peer *peer;
	const struct work *work;
	struct stage *stage;
	void **channels;
	unsigned int id;
	unsigned int count;
	uint64_t warm;
	uint64_t records;
	bool quick;
};

uint64_t bench_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void bench_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("# ", stderr);
	vfprintf(stderr, format, args);
	fputs("\n", stderr);
	va_end(args);
	_exit(1);
}

void *bench_shared(size_t bytes)
{
	size_t length = (bytes + 8191) / 4096 * 4096;
	char *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED || mprotect(p + length - 4096, 4096, PROT_NONE))
		bench_fail("%zu bytes of shared memory: %s", bytes, strerror(errno));
	return p;
}

/* ---- CPUs ---- */

static int cpus[CPU_SETSIZE];
static unsigned int cpu_count;

static void find_cpus(void)
{
	cpu_set_t set;
	int i;

	if (cpu_count || sched_getaffinity(0, sizeof(set), &set))
		return;
	for (i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			cpus[cpu_count++] = i;
}

static void pin(unsigned int worker)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpus[worker % cpu_count], &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		bench_fail("CPU %d: %s", cpus[worker % cpu_count], strerror(errno));
}

static unsigned int worker_count(const struct work *w)
{
	return w->kind == PIPELINE ? 3 : w->kind == PINGPONG ? 2 : w->producers + w->consumers;
}

bool sample_crowded(const struct work *w)
{
	find_cpus();
	return worker_count(w) > (w->one_cpu ? 1 : cpu_count);
}

/* ---- The probe ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The first two workers hand a line to and fro; returns how long one way takes, to the first. */
static double probe(struct stage *s, unsigned int me, uint64_t *turn)
{
	double one_way[PROBES];
	uint64_t begun;
	unsigned int i, j;

	for (i = 0; i < PROBES; i++) {
		begun = bench_ns();
		for (j = 0; j < PROBE_ROUNDS; j++) {
			while (__atomic_load_n(&s->turn, __ATOMIC_ACQUIRE) != *turn + me)
				bench_pause();
			*turn += 2;
			__atomic_store_n(&s->turn, me ? *turn : *turn - 1, __ATOMIC_RELEASE);
		}
		one_way[i] = (double)(bench_ns() - begun) / (2 * PROBE_ROUNDS);
	}
	qsort(one_way, PROBES, sizeof(one_way[0]), by_value);
	return one_way[PROBES / 2];
}

/* ---- Workers ---- */

static void meet(const struct worker *worker, unsigned int *met)
{
	unsigned int all = ++*met * worker->count, turns = 0;

	__atomic_fetch_add(&worker->stage->arrived, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&worker->stage->arrived, __ATOMIC_ACQUIRE) < all)
		if ((sample_crowded(worker->work) || worker->work->waiting == SLEEP) && ++turns > 200)
			sched_yield();	/* others are to begin while both have a CPU */
		else
			bench_pause();
}

static void end_init(struct end *e, const struct worker *worker, void *channel, unsigned int id, bool sends)
{
	size_t record = worker->work->size > 4096 ? worker->work->size : 4096 * BATCH;
	unsigned int i;

	memset(e, 0, sizeof(*e));
	e->work = worker->work;
	e->channel = channel;
	e->id = id;
	e->crowded = sample_crowded(worker->work);
	e->record = aligned_alloc(4096, record);
	if (!e->record)
		bench_fail("no memory");
	memset(e->record, 1, record);
	for (i = 0; i < BENCH_AHEAD && worker->work->size <= 256; i++)
		bench_put(e->record + i * worker->work->size, bench_number(e, i));
	if (worker->peer->attach)
		worker->peer->attach(e, sends);
}

/* What each worker does, by its number and the kind of work */
static unsigned int ends_of(const struct worker *worker, struct end *ends)
{
	const struct work *w = worker->work;
	unsigned int i, n = 1, me = worker->id;

	switch (w->kind) {
	case STREAM:
		end_init(&ends[0], worker, worker->channels[0], 0, me == 0);
		break;
	case BROADCAST:
		if (worker->peer->broadcasts) {
			end_init(&ends[0], worker, worker->channels[0], me ? me - 1 : 0, me == 0);
		} else if (me) {
			end_init(&ends[0], worker, worker->channels[me - 1], 0, false);
		} else {
			n = w->consumers;
			for (i = 0; i < n; i++)
				end_init(&ends[i], worker, worker->channels[i], 0, true);
		}
		break;
	case GATHER:
		end_init(&ends[0], worker, worker->channels[0], me < w->producers ? me : 0, me < w->producers);
		break;
	case PIPELINE:
		end_init(&ends[0], worker, worker->channels[me == 2], 0, me == 0);
		if (me == 1) {
			end_init(&ends[1], worker, worker->channels[1], 0, true);
			n = 2;
		}
		break;
	case PINGPONG:
		end_init(&ends[0], worker, worker->channels[0], 0, me == 0);
		end_init(&ends[1], worker, worker->channels[1], 0, me == 1);
		n = 2;
		break;
	}
	return n;
}

static void work(const struct worker *worker, struct end *ends, unsigned int n, uint64_t count)
{
	const struct work *w = worker->work;
	const struct peer *peer = worker->peer;
	unsigned int me = worker->id;

	switch (w->kind) {
	case STREAM:
	case BROADCAST:
		if (me)
			peer->consume(&ends[0], count);
		else
			peer->produce(ends, n, count);
		break;
	case GATHER:
		if (me < w->producers)
			peer->produce(ends, 1, count);
		else
			peer->consume(&ends[0], count * w->producers);
		break;
	case PIPELINE:
		if (me == 0)
			peer->produce(ends, 1, count);
		else if (me == 1)
			peer->forward(&ends[0], &ends[1], count);
		else
			peer->consume(&ends[0], count);
		break;
	case PINGPONG:
		(me ? peer->pong : peer->ping)(&ends[0], &ends[1], count);
		break;
	}
}

static void *run(void *arg)
{
	struct worker *worker = arg;
	struct stage *s = worker->stage;
	struct end ends[WORKERS_MAX];
	unsigned int i, n, met = 0;
	bool probes = !worker->quick && worker->id < 2 && cpu_count > 1 && !worker->work->one_cpu;
	uint64_t turn = 0;
	double took;

	pin(worker->work->one_cpu ? 0 : worker->id);
	n = ends_of(worker, ends);
	meet(worker, &met);
	work(worker, ends, n, worker->warm);
	meet(worker, &met);
	if (probes) {
		took = probe(s, worker->id, &turn);
		if (!worker->id)
			s->before = took;
	}
	meet(worker, &met);
	if (!worker->id)
		s->began = bench_ns();
	work(worker, ends, n, worker->records);
	s->ended[worker->id] = bench_ns();
	meet(worker, &met);
	if (probes) {
		took = probe(s, worker->id, &turn);
		if (!worker->id)
			s->after = took;
	}
	meet(worker, &met);
	if (worker->peer->detach)
		for (i = 0; i < n; i++)
			worker->peer->detach(&ends[i]);
	return NULL;
}

static unsigned int channel_count(const struct peer *peer, const struct work *w)
{
	return w->kind == BROADCAST && !peer->broadcasts ? w->consumers :
	       w->kind == PIPELINE || w->kind == PINGPONG ? 2 : 1;
}

/* A process of its own for each sample: what it leaves behind goes with it. */
static void stand_alone(const struct peer *peer, const struct work *w, uint64_t warm, uint64_t count,
			bool quick, struct stage *s)
{
	struct rlimit queues = { RLIM_INFINITY, RLIM_INFINITY };
	struct worker workers[WORKERS_MAX];
	void *channels[WORKERS_MAX];
	pthread_t threads[WORKERS_MAX];
	pid_t pid, parent = getpid();
	unsigned int i, n = worker_count(w);
	int status;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(SECONDS_MAX);
	setrlimit(RLIMIT_MSGQUEUE, &queues);
	for (i = 0; i < channel_count(peer, w); i++)
		channels[i] = peer->open(w);
	for (i = 0; i < n; i++)
		workers[i] = (struct worker) { peer, w, s, channels, i, n, warm, count, quick };
	for (i = 0; i < n; i++) {
		if (peer->threads) {
			if (pthread_create(&threads[i], NULL, run, &workers[i]))
				bench_fail("no thread");
			continue;
		}
		pid = fork();
		if (pid < 0)
			bench_fail("fork: %s", strerror(errno));
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (getppid() != parent)
				_exit(1);
			run(&workers[i]);
			_exit(0);
		}
	}
	for (i = 0; i < n; i++) {
		if (peer->threads)
			pthread_join(threads[i], NULL);
		else if (wait(&status) < 0 || status)
			_exit(1);	/* the others with it */
	}
	_exit(0);
}

bool sample_take(const struct peer *peer, const struct work *w, uint64_t count, bool quick, struct sample *out)
{
	struct stage *s = bench_shared(sizeof(*s));
	uint64_t end = 0;
	unsigned int i;
	int status = 0;
	pid_t pid;
	bool ok;

	find_cpus();
	fflush(NULL);
	pid = fork();
	if (!pid) {
		/* Once around: every page is there, and every slot has been used. */
		uint64_t warm = w->kind == PINGPONG && w->waiting == SLEEP ? 50 : 2 * DEPTH(w->size);

		stand_alone(peer, w, warm < 2 * count ? warm : 2 * count, count, quick, s);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		bench_fail("fork: %s", strerror(errno));
	for (i = 0; i < worker_count(w); i++)
		end = s->ended[i] > end ? s->ended[i] : end;
	out->count = w->kind == GATHER ? count * w->producers : count;
	out->ns = end - s->began;
	out->before = s->before;
	out->after = s->after;
	ok = !status && s->began && end > s->began;
	if (!ok)
		fprintf(stderr, "# %s: no sample%s\n", peer->name, WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ?
			", it was stuck" : "");
	munmap(s, (sizeof(*s) + 8191) / 4096 * 4096);
	return ok;
}
