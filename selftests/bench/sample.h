/* SPDX-License-Identifier: GPL-2.0 */
/* One sample: a contestant does some work once, with the hand-over time between the CPUs before and after it. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "bench.h"

/**
 * struct sample - what came out
 * @count: records, or round trips
 * @ns: for all of them
 * @before: ns in which a cache line gets from one CPU to the other, before; 0: all on one CPU
 * @after: the same, after
 */
struct sample {
	uint64_t count;
	uint64_t ns;
	double before;
	double after;
};

/* Whether it could be taken. Why not, has been said. @quick: without the hand-over times. */
bool sample_take(const struct peer *peer, const struct work *w, uint64_t count, bool quick, struct sample *out);

/* Whether such work has more workers than there are CPUs */
bool sample_crowded(const struct work *w);

#endif /* SAMPLE_H */
