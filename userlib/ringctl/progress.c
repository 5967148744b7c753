/* SPDX-License-Identifier: MIT */
/* ringctl - a progress bar on stderr */

#include <stdio.h>
#include <unistd.h>

#include "ringctl.h"

#define WIDTH		40
#define FIRST_AFTER	300000000u	/* ns: what is done sooner needs no bar */
#define EVERY		100000000u

void progress_begin(struct progress *p, uint64_t total)
{
	p->total = total;
	p->done = 0;
	p->shown = 0;
	p->began = now_ns();
	p->wanted = total && isatty(STDERR_FILENO);
}

static void draw(struct progress *p, uint64_t now)
{
	static const char full[] = "########################################";
	double part = p->done < p->total ? (double)p->done / (double)p->total : 1;
	int width = (int)(part * WIDTH);
	double seconds = (double)(now - p->began) / 1e9;

	fprintf(stderr, "\r[%-*.*s] %3d%% %s of %s, %s/s \033[K", WIDTH, width, full, (int)(part * 100),
		size_text(p->done), size_text(p->total), size_text((uint64_t)((double)p->done / seconds)));
	p->shown = now;
}

void progress_add(struct progress *p, uint64_t bytes)
{
	uint64_t now;

	p->done += bytes;
	if (!p->wanted)
		return;
	now = now_ns();
	if (now - p->began > FIRST_AFTER && now - p->shown > EVERY)
		draw(p, now);
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = 0;
}
