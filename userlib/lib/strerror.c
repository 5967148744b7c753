/* SPDX-License-Identifier: MIT */
/* libring - errors in words, and the version */

#include "internal.h"

static const struct {
	int err;
	const char *text;
} texts[] = {
	{ E2BIG, "the options are of a later release" },
	{ EACCES, "permission denied" },
	{ EAGAIN, "nothing there yet, or no room" },
	{ EBADF, "the ring was not opened for that" },
	{ EBUSY, "in use, or something is not ended yet" },
	{ EEXIST, "the number or the name is taken" },
	{ EINTR, "interrupted by a signal" },
	{ EINVAL, "invalid argument" },
	{ EMSGSIZE, "too long: for the ring, or for the buffer" },
	{ ENODATA, "the record is no longer there" },
	{ ENODEV, "the ring was destroyed, or the module is not loaded" },
	{ ENOENT, "no such ring" },
	{ ENOMEM, "out of memory" },
	{ ENOSPC, "there are as many rings as there can be" },
	{ ENOTTY, "not a ring" },
	{ EOPNOTSUPP, "this ring cannot do that" },
	{ EOVERFLOW, "records were overwritten before they were read" },
	{ EPERM, "the handle belongs to another process" },
	{ EPIPE, "the ring was shut down" },
	{ EPROTO, "the driver's answer makes no sense" },
	{ EPROTONOSUPPORT, "the module and the library are of different versions" },
	{ ETIMEDOUT, "timed out" },
	{ EUCLEAN, "the ring is corrupt" },
};

EXPORT const char *ring_strerror(int err)
{
	size_t i;

	if (err < 0)
		err = -err;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].err == err)
			return texts[i].text;
	return strerror(err);
}

EXPORT const char *ring_version(void)
{
	return RING_VERSION;
}
