/* SPDX-License-Identifier: MIT */
/* libring - what a ring is and how it is doing */

#include "internal.h"

EXPORT int ring_fd(struct ring *r)
{
	struct handle *h = handle_of(r);
	int err = usable(h);

	if (err)
		return err;
	h->polled = true;
	return h->fd;
}

EXPORT int ring_get_info(struct ring *r, struct ring_info *info)
{
	struct handle *h = handle_of(r);
	int err = usable(h);

	if (!err)
		*info = h->info;
	return err;
}

EXPORT int ring_get_stat(struct ring *r, struct ring_stat *stat, struct ring_stat_subscriber *subscribers,
			 unsigned int count)
{
	struct handle *h = handle_of(r);
	int err = usable(h);

	if (err)
		return err;
	memset(stat, 0, sizeof(*stat));
	stat->size = sizeof(*stat);
	if (subscribers && count) {
		stat->subscriber_array = (uintptr_t)subscribers;
		stat->subscriber_count = count;
	}
	return ring_call(h, RING_IOC_STAT, stat);
}
