/* SPDX-License-Identifier: MIT */
/* libring - what is done to a whole ring */

#include "internal.h"

static int control(struct ring *r, unsigned long request)
{
	struct handle *h = handle_of(r);
	int err = usable_for_writing(h);

	if (err)
		return err;
	err = ring_call_value(h, request, 0);
	return err < 0 ? err : 0;
}

EXPORT int ring_flush(struct ring *r)
{
	return control(r, RING_IOC_FLUSH);
}

EXPORT int ring_shutdown(struct ring *r)
{
	return control(r, RING_IOC_SHUTDOWN);
}
