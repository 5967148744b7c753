// SPDX-License-Identifier: GPL-2.0
/* ring - tracepoints: the one place where what trace.h declares is made */

#include "internal.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
