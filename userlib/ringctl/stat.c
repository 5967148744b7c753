/* SPDX-License-Identifier: MIT */
/* ringctl stat - how rings are doing: rates, lags, losses, and who waits for whom */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ringctl.h"

/* "123", or "123 (45.6/s)" */
static const char *counted(const struct report *report, uint64_t first, uint64_t last)
{
	static char texts[8][64];
	static unsigned int next;
	char *text = texts[next++ % 8];

	if (report->first.at)
		snprintf(text, sizeof(texts[0]), "%llu (%.1f/s)", (unsigned long long)last,
			 report_rate(report, first, last));
	else
		snprintf(text, sizeof(texts[0]), "%llu", (unsigned long long)last);
	return text;
}

static void print_waits(const struct report *report)
{
	const struct ring_stat *stat = &report->last.stat;
	const struct ring_stat_subscriber *s = stat->slowest ? sample_find(&report->last, stat->slowest) : NULL;

	if (s)
		printf("  %s: subscriber %u, pid %u (%s), %llu slots behind\n",
		       s->lag >= report->info.slots ? "writers wait for" : "slowest reliable", s->id, s->pid,
		       printable(s->comm, sizeof(s->comm)), (unsigned long long)s->lag);
	if (stat->busy_sequence != RING_NONE)
		printf("  readers wait for: record %llu of producer %u, pid %u, not committed since %s\n",
		       (unsigned long long)stat->busy_sequence, stat->busy_owner, stat->busy_pid,
		       duration_text(sample_busy_for(&report->last)));
}

static void print_text(const struct report *report)
{
	const struct ring_stat *a = &report->first.stat, *b = &report->last.stat;
	const char *name = printable(report->info.name, sizeof(report->info.name));
	uint32_t i;

	printf("%s%s%s%s: %s, %s%s%s\n", report->title, *name ? " (" : "", name, *name ? ")" : "",
	       policy_name(report->info.policy),
	       report->info.ring_flags & RING_DIRECT ? "direct" : "mediated",
	       b->status & RING_STATUS_SHUTDOWN ? ", shut down" : "",
	       b->status & RING_STATUS_CORRUPT ? ", CORRUPT" : "");
	printf("  head %llu, tail %llu, %llu of %u slots, %llu records retained, %s\n",
	       (unsigned long long)b->head, (unsigned long long)b->tail,
	       (unsigned long long)(b->head - b->tail), report->info.slots,
	       (unsigned long long)b->retained, size_text(b->bytes));
	printf("  published %s, discarded %s, lost %s\n", counted(report, a->published, b->published),
	       counted(report, a->discarded, b->discarded), counted(report, a->lost, b->lost));
	printf("  sleeps: readers %s, writers %s; reclaims %s\n",
	       counted(report, a->reader_sleeps, b->reader_sleeps),
	       counted(report, a->writer_sleeps, b->writer_sleeps),
	       counted(report, a->reclaims, b->reclaims));
	printf("  producers %u%s, subscribers %u\n", b->producers, b->exclusive ? " (exclusive)" : "",
	       b->subscribers);
	print_waits(report);
	if (b->subscriber_count)
		printf("  %6s %8s %-15s %-8s %12s %8s %12s %10s%s\n", "ID", "PID", "COMM", "KIND", "CURSOR",
		       "LAG", "TAKEN", "LOST", report->first.at ? "    TAKEN/S" : "");
	for (i = 0; i < b->subscriber_count; i++) {
		const struct ring_stat_subscriber *s = &report->last.subscribers[i];

		printf("  %6u %8u %-15s %-8s %12llu %8llu %12llu %10llu", s->id, s->pid,
		       printable(s->comm, sizeof(s->comm)),
		       s->flags & RING_STAT_LOSSY ? "lossy" : "reliable", (unsigned long long)s->cursor,
		       (unsigned long long)s->lag, (unsigned long long)s->taken,
		       (unsigned long long)s->lost);
		if (report->first.at)
			printf(" %10.1f", report_taken_rate(report, s));
		putchar('\n');
	}
}

static int print(const struct report *report, bool json)
{
	if (json)
		return json_print(report_json(report));
	print_text(report);
	return EXIT_OK;
}

/* Complain about those that could not be sampled. With @names, titles of the others go there. */
static int tell_problems(const struct reports *reports, bool gone_too, char **names, int *count)
{
	int i, ret = EXIT_OK;

	for (i = 0; i < reports->count; i++) {
		const struct report *report = &reports->all[i];

		if (report->problem && (gone_too || !report->gone))
			ret = complain(report->title, "%s", report->problem);
		else if (!report->problem && names)
			names[(*count)++] = strdup(report->title);
	}
	return ret;
}

static void sleep_for(uint64_t ns)
{
	uint64_t end = ring_deadline_in(ns);
	struct timespec until = {
		.tv_sec = (time_t)(end / 1000000000),
		.tv_nsec = (long)(end % 1000000000),
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "interval", required_argument, NULL, 'i' },
		{ "json", no_argument, NULL, 'j' },
		{ "once", no_argument, NULL, 'o' },
		{ 0 },
	};
	uint64_t interval = 1000000000;
	struct reports reports = { 0 };
	bool json = false, named;
	int option, ret, worst, i, count = 0;
	char **names;

	while ((option = next_option(argc, argv, &verb_stat, options)) != -1) {
		switch (option) {
		case 'i':
			interval = parse_duration("--interval", optarg);
			if (!interval)
				misused("--interval", "must be longer than nothing; see --once");
			break;
		case 'j':
			json = true;
			break;
		case 'o':
			interval = 0;
			break;
		}
	}
	named = optind < argc;
	ret = reports_sample(&reports, argc - optind, argv + optind);
	if (ret)
		return complain(CONTROL, "%s", error_text(ret));
	names = calloc((size_t)reports.count + 1, sizeof(*names));
	if (!names)
		out_of_memory();
	worst = tell_problems(&reports, true, names, &count);
	/* All rings share one interval. Who went in it is missed only by who has named it. */
	if (interval && count) {
		sleep_for(interval);
		reports_sample(&reports, count, names);
		ret = tell_problems(&reports, named, NULL, NULL);
		worst = ret > worst ? ret : worst;
	}
	for (i = 0; i < reports.count; i++) {
		if (reports.all[i].problem)
			continue;
		ret = print(&reports.all[i], json);
		worst = ret > worst ? ret : worst;
	}
	for (i = 0; i < count; i++)
		free(names[i]);
	free(names);
	reports_free(&reports);
	return end_of_output(worst);
}

const struct verb verb_stat = {
	.name = "stat",
	.arguments = "[RING]...",
	.summary = "show how rings are doing: rates, lags, losses, who waits for whom",
	.options = "Of all rings when none is given. Rates are taken from two samples.\n\n"
		   "  --interval DURATION  between the two samples (1s)\n"
		   "  --once               one sample, no rates\n"
		   "  --json               one object a line\n",
	.run = run,
};
