/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the models share: the areas of a ring, the stores on their way to them, the kernel's lock and
 * queues. Names are those of uapi/linux/ring_protocol.h and of module/.
 *
 * Memory is that of a machine on which a store becomes visible to all others at one time, and accesses
 * that no barrier orders happen in any order. Nearly every load of the protocol is an acquire and every
 * store a release, so they keep the program's order, but for one thing: a store may become visible after
 * later loads of its party. Hence the store buffers below, drained by memory() whenever it likes, and waited
 * for where the registry has a full barrier. The payload's accesses are ordered by nothing but their
 * barrier: without it (-DNO_RB_..., see check), the model makes them in the order that was forbidden.
 *
 * C11's happens-before asks for more: RB_RELEASE and RB_TAIL must be a release and an acquire each, or the
 * payload's accesses race. So the model also follows what is known: cursor_known[] how far a reader's
 * loads are ordered before its cursor, tail_known how far those of all readers are ordered before the tail. Who
 * stores a payload asserts that it knows enough.
 *
 * Steps in one d_step are those between which nobody else can see or do anything that matters, for the reason
 * given there. What "together" joins is apart with -DFINE.
 *
 * Not here: watermarks, poll, seek and flush, hostile memory, the hint; and machines where a store is not visible to
 * all others at one time, but for the tail in overwrite.pml.
 *
 * Parties 0 and 1 are producers, 2 and 3 subscribers. Sequences begin at N, in lap 1: a slot of sequence
 * 0 was never claimed, or is free for so long that its state does not matter.
 */

#ifndef N
#define N 3		/* slots */
#endif

#ifdef FINE
#define together
#else
#define together atomic
#endif

#define NONE 255	/* RING_NONE */

#define FREE 0
#define BUSY 1
#define COMMITTED 2
#define DISCARDED 3

/* struct ring_slot: its state, taken apart, and two words for the payload, the first and the last byte */
typedef slot {
	byte sequence;	/* stands for the lap */
	byte k;
	byte owner;
	byte phase;
	byte first;
	byte last;
	bool promised;	/* for the assertions: committed by its producer */
};
slot slots[N];

byte tail = N;
byte wake_data = NONE;
byte wake_space = NONE;
byte cursor[2] = N;
bool gate[2];			/* in ring.gates */

byte cursor_known[2] = N;
byte tail_known = N;

/*
 * Store buffers: the commit of a producer, the cursor of a subscriber, the wake words of who holds the lock. Of a
 * producer's states, which become visible in order, it loads nothing between one and the next, so one at a time is
 * enough.
 */
byte commit_to[2];
byte commit_owner[2];
#ifdef STATES
/* All of the state, and whether it takes no BUSY's place: inside a batch, or not claimed before */
byte commit_k[2];
byte commit_phase[2];
bool commit_new[2];
#endif
byte cursor_to[2];
byte cursor_to_known[2];
byte wake_space_to = NONE;
byte wake_data_to = NONE;

byte lock;			/* ring.lock: 0 or the party + 1. Free when what it stored is visible. */
bool writers_want_data;
bool queued[4];			/* on ring.readers or ring.writers */
bool woken[4];			/* no longer to sleep */

#define SLOT(s) slots[(s) % N]

/* ring_mem_look() */
#define EMPTY(s) (SLOT(s).sequence < (s))
#define PASSED(s) (SLOT(s).sequence > (s))
#define IS(s, p) (SLOT(s).sequence == (s) && SLOT(s).phase == (p))

#define drained_producer(p) (!commit_to[p])
#define drained_subscriber(p) (!cursor_to[(p) - 2])
#define drained_lock(p) (lock != (p) + 1)

inline drain_commit(p)
{
	d_step { commit_to[p] ->
		/*
		 * Nobody else changes the state of a record that its producer holds. What a batch does not use may have
		 * a state already.
		 */
#ifdef STATES
		if
		:: commit_new[p] ->
			assert(EMPTY(commit_to[p]) || (IS(commit_to[p], COMMITTED) && !SLOT(commit_to[p]).promised))
		:: else -> assert(IS(commit_to[p], BUSY) && SLOT(commit_to[p]).owner == commit_owner[p])
		fi;
		SLOT(commit_to[p]).sequence = commit_to[p];
		SLOT(commit_to[p]).k = commit_k[p];
		SLOT(commit_to[p]).owner = commit_owner[p];
		SLOT(commit_to[p]).phase = commit_phase[p];
		commit_k[p] = 0;
		commit_phase[p] = 0;
		commit_new[p] = 0;
#else
		assert(IS(commit_to[p], BUSY) && SLOT(commit_to[p]).owner == commit_owner[p]);
		SLOT(commit_to[p]).phase = COMMITTED;
#endif
		commit_to[p] = 0;
		commit_owner[p] = 0
	}
}

inline drain_cursor(p)
{
	d_step { cursor_to[p] ->
		cursor[p] = cursor_to[p];
		cursor_known[p] = cursor_to_known[p];
		cursor_to[p] = 0;
		cursor_to_known[p] = 0
	}
}

proctype memory()
{
end:
	do
	:: drain_commit(0)
	:: drain_commit(1)
	:: drain_cursor(0)
	:: drain_cursor(1)
	:: d_step { wake_space_to != NONE ->
		wake_space = wake_space_to;
		wake_space_to = NONE;
		if
		:: wake_data_to == NONE -> lock = 0
		:: else
		fi }
	:: d_step { wake_space_to == NONE && wake_data_to != NONE ->
		wake_data = wake_data_to;
		wake_data_to = NONE;
		lock = 0 }
	od
}

/* wake_up_poll() of the queue of parties a and a + 1, which takes the queue's lock */
inline wake_queue(a)
{
	d_step {
		if
		:: queued[a] -> woken[a] = 1; queued[a] = 0
		:: else
		fi;
		if
		:: queued[a + 1] -> woken[a + 1] = 1; queued[a + 1] = 0
		:: else
		fi
	}
}

/*
 * ring_wake_readers() and ring_wake_writers() in two halves: the word is cleared, under the lock, then the queue
 * is woken: nobody who was queued when the word was cleared may be left asleep.
 */
inline clear_data(too)
{
	d_step { lock == 0 ->
		wake_data = NONE;
		too = writers_want_data;
		writers_want_data = 0
	}
}

inline clear_space()
{
	d_step { lock == 0 -> wake_space = NONE }
}

inline wake_writers_too(too)
{
	if
	:: too -> wake_queue(0); too = 0
	:: else
	fi
}
