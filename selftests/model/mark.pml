/* SPDX-License-Identifier: GPL-2.0 */
/*
 * RB_MARK: the kernel moves the tail three times and publishes each time the pair (tail, ordinal) and, the first
 * time, the base of a cursor; a lossy subscriber that finds itself lapped catches up. Records are of two slots,
 * so the ordinal is half the tail. The kernel's stores become visible in any order that its barriers allow:
 * each has a buffer of its own, drained at any time, and stores of one word in order.
 *
 * Asserted: who saw a tail gets a whole pair, at least as new, and finds the base.
 */
#define MOVES 4

#define TAIL 0
#define INDEX 1
#define BASE 2
#define MARK_TAIL 3	/* and 4 */
#define MARK_ORDINAL 5	/* and 6 */

byte word[7];
byte to[7];
bool pending[7];

#define NOTHING_BEFORE(w) \
	(!pending[BASE] && !pending[3] && !pending[4] && !pending[5] && !pending[6] && \
	(w == INDEX || !pending[INDEX]))

#ifdef NO_RB_MARK_INDEX
#define INDEX_MAY true
#else
#define INDEX_MAY NOTHING_BEFORE(INDEX)		/* RB_MARK reclaim/F: the store-release of the index */
#endif
#ifdef NO_RB_MARK_TAIL
#define TAIL_MAY true
#else
#define TAIL_MAY NOTHING_BEFORE(TAIL)		/* RB_MARK reclaim/F: of the tail, RB_TAIL reclaim/B */
#endif

inline drain(w)
{
	d_step { word[w] = to[w]; pending[w] = 0; to[w] = 0 }
}

inline store(w, v)
{
	d_step { !pending[w] -> to[w] = v; pending[w] = 1 }
}

proctype memory()
{
end:
	do
	:: pending[TAIL] && TAIL_MAY -> drain(TAIL)
	:: pending[INDEX] && INDEX_MAY -> drain(INDEX)
	:: pending[BASE] -> drain(BASE)
	:: pending[3] -> drain(3)
	:: pending[4] -> drain(4)
	:: pending[5] -> drain(5)
	:: pending[6] -> drain(6)
	od
}

/* pass(), ring_pass_end() */
proctype kernel()
{
	byte n;

	store(BASE, 1);						/* tell_ordinal() */
	for (n : 1 .. MOVES) {
#ifndef NO_RB_MARK_WMB
		/* ring_wmb(): RB_MARK reclaim/F */
		NOTHING_BEFORE(TAIL) && !pending[TAIL];
#endif
		store(MARK_TAIL + n % 2, 2 * n);
		store(MARK_ORDINAL + n % 2, n);
		store(INDEX, n);
		store(TAIL, 2 * n)
	}
}

/* ring_mem_lapped(), ring_mem_mark_read(), ring_cursor_catch_up() */
proctype subscriber()
{
	byte tail, index, mark_tail, mark_ordinal, again;
#ifdef NO_RB_MARK_READ
	byte tails[2], ordinals[2];
#endif

	/* Without its acquire, the load of the tail may be done last, although it decides about the rest. */
#ifndef NO_RB_MARK_LAPPED
	atomic { word[TAIL] -> tail = word[TAIL] };		/* RB_MARK tail/F */
	assert(word[BASE]);
#endif
	do
	::
#ifdef NO_RB_MARK_READ
		/* The copies are loaded before the index that says which one. */
		tails[0] = word[MARK_TAIL];
		ordinals[0] = word[MARK_ORDINAL];
		tails[1] = word[MARK_TAIL + 1];
		ordinals[1] = word[MARK_ORDINAL + 1];
		index = word[INDEX];				/* RB_MARK mark/F */
		mark_tail = tails[index % 2];
		mark_ordinal = ordinals[index % 2];
#else
		index = word[INDEX];				/* RB_MARK mark/F */
#ifdef NO_RB_MARK_LOOK
		again = word[INDEX];
#endif
		mark_tail = word[MARK_TAIL + index % 2];
		mark_ordinal = word[MARK_ORDINAL + index % 2];
#endif
#ifndef NO_RB_MARK_LOOK
		again = word[INDEX];				/* RB_MARK mark/F */
#endif
		if
		:: again == index -> break
		:: else
		fi
	od;
#ifdef NO_RB_MARK_LAPPED
	atomic { word[TAIL] -> tail = word[TAIL] };
#endif
	assert(mark_tail == 2 * mark_ordinal);
	assert(mark_tail >= tail)
}

init {
	atomic {
		run memory();
		run kernel();
		run subscriber()
	}
}
