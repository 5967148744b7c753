/* SPDX-License-Identifier: MIT */
/* ringctl top - how rings are doing, again and again: a line a ring and a line a subscriber */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "ringctl.h"

#define BAR		20
#define INTERVAL_MAX	86400000000000u	/* ns */

/* Home, and clear all below */
#define NEW_SCREEN	"\033[H\033[J"

/**
 * struct top - what the options say, and what is shown
 * @count: rings that were named, 0 for all
 * @names: them
 * @interval: ns between two refreshes
 * @json: --json
 * @screen: stdout is a terminal: each refresh takes the place of the one before
 * @reports: the rings
 * @out: the refresh being made
 */
struct top {
	int count;
	char **names;
	uint64_t interval;
	bool json;
	bool screen;
	struct reports reports;
	struct output out;
};

static volatile bool stop, resized;

static void on_signal(int number)
{
	if (number == SIGWINCH)
		resized = true;
	else
		stop = true;
}

static void row(struct output *o, const char *ring, const char *name, const char *kind, const char *rate,
		uint64_t lost, uint64_t used, uint32_t slots)
{
	static const char full[] = "####################";
	double part = used < slots ? (double)used / slots : 1;

	output_format(o, "%-8s %-24.24s %-9s %12s %10llu %8llu  [%-*.*s] %3d%%", ring, name, kind, rate,
		      (unsigned long long)lost, (unsigned long long)used, BAR, (int)(part * BAR), full,
		      (int)(part * 100));
}

static void rate_text(char text[32], bool known, double rate)
{
	snprintf(text, 32, known ? "%.1f" : "-", rate);
}

static void add_ring(struct top *t, const struct report *report)
{
	const struct ring_stat *a = &report->first.stat, *b = &report->last.stat;
	char rate[32], id[32], who[64];
	uint32_t i;

	rate_text(rate, report->first.at, report_rate(report, a->published, b->published));
	row(&t->out, report->title, *report->info.name ? printable(report->info.name, 64) : "-",
	    policy_name(report->info.policy), rate, b->lost, b->head - b->tail, report->info.slots);
	if (b->status & RING_STATUS_SHUTDOWN)
		output_format(&t->out, " shut down");
	if (b->status & RING_STATUS_CORRUPT)
		output_format(&t->out, " CORRUPT");
	output_format(&t->out, "\n");
	for (i = 0; i < b->subscriber_count; i++) {
		const struct ring_stat_subscriber *s = &report->last.subscribers[i];

		rate_text(rate, report->first.at && sample_find(&report->first, s->id),
			  report_taken_rate(report, s));
		snprintf(id, sizeof(id), "  %u", s->id);
		snprintf(who, sizeof(who), "%u %s", s->pid, printable(s->comm, sizeof(s->comm)));
		row(&t->out, id, who, s->flags & RING_STAT_LOSSY ? "lossy" : "reliable", rate, s->lost, s->lag,
		    report->info.slots);
		output_format(&t->out, "%s\n", s->id == b->slowest && s->lag >= report->info.slots ?
			      " writers wait" : "");
	}
}

static void add_text(struct top *t)
{
	struct ring_version module;
	int i;

	if (!ring_module_version(&module))
		output_format(&t->out, "rings hold %s of %s\n", size_text(module.bytes),
			      size_text(module.max_bytes));
	output_format(&t->out, "%-8s %-24s %-9s %12s %10s %8s\n", "RING/ID", "NAME/PROGRAM", "KIND", "RECORDS/S",
		      "LOST", "LAG");
	for (i = 0; i < t->reports.count; i++) {
		if (t->reports.all[i].problem)
			output_format(&t->out, "%-8.40s %s\n", printable(t->reports.all[i].title, 40),
				      t->reports.all[i].problem);
		else
			add_ring(t, &t->reports.all[i]);
	}
}

static void add_json(struct top *t)
{
	cJSON *object;
	int i;

	for (i = 0; i < t->reports.count; i++) {
		const struct report *report = &t->reports.all[i];

		if (report->problem) {
			object = cJSON_CreateObject();
			cJSON_AddStringToObject(object, "ring", printable(report->title, 64));
			cJSON_AddStringToObject(object, "error", report->problem);
		} else {
			object = report_json(report);
		}
		output_json(&t->out, object);
	}
}

/* What does not fit on the terminal would scroll the rest away: leave it out. */
static void fit(struct output *o)
{
	size_t from = 0, to = 0, column = 0, rows = 1;
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col || !size.ws_row)
		return;
	for (; from < o->len && rows < size.ws_row; from++) {
		if (o->data[from] == '\n') {
			column = 0;
			rows++;
		} else if (column++ >= size.ws_col) {
			continue;
		}
		o->data[to++] = o->data[from];
	}
	o->len = to;
}

/* Returns 0, or what output_flush() does. */
static int show(struct top *t, bool first)
{
	struct output *o = &t->out;

	if (t->json) {
		add_json(t);
		return output_flush(o, &stop);
	}
	if (!t->screen && !first)
		output_bytes(o, "\n", 1);
	add_text(t);
	if (t->screen) {
		fit(o);
		output_room(o, strlen(NEW_SCREEN));
		memmove(o->data + strlen(NEW_SCREEN), o->data, o->len);
		memcpy(o->data, NEW_SCREEN, strlen(NEW_SCREEN));
		o->len += strlen(NEW_SCREEN);
	}
	return output_flush(o, &stop);
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };

#define SIGNALS	(sizeof(signals) / sizeof(signals[0]))

/* Sleep until then, or a signal. */
static void sleep_until(uint64_t end)
{
	uint64_t now = now_ns(), left = end > now ? end - now : 0;
	struct timespec timeout = {
		.tv_sec = (time_t)(left / 1000000000),
		.tv_nsec = (long)(left % 1000000000),
	};
	sigset_t ours, before;
	size_t i;

	/* They come in ppoll() only, or one could come between the look at stop and the sleep. */
	sigemptyset(&ours);
	for (i = 0; i < SIGNALS; i++)
		sigaddset(&ours, signals[i]);
	sigprocmask(SIG_BLOCK, &ours, &before);
	if (!stop && !resized)
		ppoll(NULL, 0, &timeout, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* A ring that was named must be there to begin with. */
static int check_names(const struct top *t)
{
	int i, ret = EXIT_OK;

	for (i = 0; t->count && i < t->reports.count; i++)
		if (t->reports.all[i].problem)
			ret = complain(t->reports.all[i].title, "%s", t->reports.all[i].problem);
	return ret;
}

static int watch(struct top *t, uint64_t refreshes)
{
	struct sigaction action = { .sa_handler = on_signal };
	uint64_t done, next;
	size_t i;
	int err;

	err = reports_sample(&t->reports, t->count, t->names);
	if (err)
		return complain(CONTROL, "%s", error_text(err));
	if (check_names(t))
		return EXIT_FAILED;
	for (i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	next = now_ns();
	for (done = 0; done < refreshes && !stop && !err; done++) {
		/* Unloaded meanwhile: there are no rings. */
		if (done && reports_sample(&t->reports, t->count, t->names))
			reports_free(&t->reports);
		err = show(t, !done);
		if (done + 1 == refreshes)
			break;
		/* Not one after the other if this was stopped for long */
		next = now_ns() > next + t->interval ? now_ns() : next + t->interval;
		while (!err && !stop && now_ns() < next) {
			sleep_until(next);
			if (!resized)
				continue;
			resized = false;
			if (t->screen)
				err = show(t, false);
		}
	}
	return stop || !err || err == -EPIPE ? EXIT_OK : EXIT_FAILED;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "interval", required_argument, NULL, 'i' },
		{ "count", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	struct top top = { .interval = 1000000000 };
	uint64_t refreshes = UINT64_MAX;
	int option, ret;

	while ((option = next_option(argc, argv, &verb_top, options)) != -1) {
		switch (option) {
		case 'i':
			top.interval = parse_duration("--interval", optarg);
			if (!top.interval || top.interval > INTERVAL_MAX)
				misused("--interval", "%s: more than nothing and at most a day", optarg);
			break;
		case 'n':
			refreshes = parse_number("--count", optarg);
			break;
		case 'j':
			top.json = true;
			break;
		}
	}
	top.count = argc - optind;
	top.names = argv + optind;
	top.screen = !top.json && isatty(STDOUT_FILENO);
	ret = watch(&top, refreshes);
	reports_free(&top.reports);
	free(top.out.data);
	return ret;
}

const struct verb verb_top = {
	.name = "top",
	.arguments = "[RING]...",
	.summary = "watch rings and their subscribers: rates, losses, lags",
	.options = "Of all rings when none is given. A bar is the lag in proportion to the ring's slots; of a\n"
		   "ring itself, the slots that it retains.\n\n"
		   "  --interval DURATION  between two refreshes (1s)\n"
		   "  -n, --count N        end after N refreshes\n"
		   "  --json               one object a ring and refresh, a line each\n",
	.run = run,
};
