/* SPDX-License-Identifier: MIT */
/* libring - the inline functions of libring.h as symbols, for languages that cannot compile C */

#define RING_INLINE	__attribute__((visibility("default")))

#include <libring.h>
