/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ring_look_alone(): the only producer publishes records of one and of two slots, and batches, of which it fills all or
 * some and commits all, fewer or none; it may die in between; somebody looks at one sequence, once, any time, and has
 * come by nothing before. The ring is an overwrite ring; its tail moves before a claim, as far as it must or further.
 *
 * The states are store-releases, so they become visible in order, through a buffer that holds one; without RB_HEAD a
 * state inside may pass the claim in it. The payload that matters, that of the sequence which is looked at, has a buffer
 * of its own, and is ordered by RB_PAYLOAD alone. A claim that compares is a full barrier; this one is a plain store.
 *
 * Asserted: what is found there is whole and a record of a committed batch, unless it was overwritten meanwhile; and
 * what was committed before is found.
 *
 * WHOLE: no batch is committed with fewer records than were claimed. Else a state inside may be that of a record which
 * is not used: it stays behind what says so, or was looked at before that was said. EACH: each record that is not used
 * is discarded by itself. TWICE: who has come by the batch's first slot looks at the sequence again. It takes both.
 */
#define N 4
#define KMAX 3
#define LAST 9		/* sequences N to LAST - 1, as in memory.pml */

#define FREE 0
#define BUSY 1
#define COMMITTED 2
#define DISCARDED 3

/* enum ring_look, where it is not a phase */
#define EMPTY 0
#define PASSED 4

typedef state {
	byte sequence;	/* stands for the lap */
	byte k;
	bool named;	/* an owner */
	byte phase;
};
state states[N + 1];	/* the last one is the buffer */
byte payload;		/* at sequence q */
byte payload_to;
byte q;			/* the sequence that is looked at */
byte tail = N;
byte used;		/* how many records of the batch are committed */
bool committed;		/* for the assertions: the record at q is */
bool looked;

#define SLOT(s) states[(s) % N]
#define TO states[N]

#ifdef NO_RB_PAYLOAD_COMMIT
#define RB_PAYLOAD_commit_A true
#else
#define RB_PAYLOAD_commit_A (!payload_to)
#endif

inline set_state(at, from, length, owned, what)
{
	states[at].sequence = from;
	states[at].k = length;
	states[at].named = owned;
	states[at].phase = what
}

inline store(where, slots, what)
{
	d_step { !TO.phase -> set_state(N, where, slots, 1, what) }
}

/* ring_mem_batch_store() */
inline batch_store(where, slots, what)
{
#ifdef NO_RB_HEAD_BATCH
	d_step { TO.phase == FREE || TO.phase == BUSY -> set_state((where) % N, where, slots, 0, what) }
#else
	d_step { !TO.phase -> set_state(N, where, slots, 0, what) }
#endif
}

proctype memory()
{
end:
	do
	:: d_step { TO.phase == COMMITTED && TO.named && RB_PAYLOAD_commit_A ->
		set_state(TO.sequence % N, TO.sequence, TO.k, 1, COMMITTED);
		if
		:: q >= TO.sequence && q < TO.sequence + used * TO.k && SLOT(q).sequence == q && SLOT(q).phase == COMMITTED ->
			committed = 1
		:: else
		fi;
		used = 0;
		set_state(N, 0, 0, 0, FREE) }
	:: d_step { TO.phase && (TO.phase != COMMITTED || !TO.named) ->
		set_state(TO.sequence % N, TO.sequence, TO.k, TO.named, TO.phase);
		set_state(N, 0, 0, 0, FREE) }
	:: d_step { payload_to -> payload = payload_to; payload_to = 0 }
	od
}

proctype producer()
{
	byte s, n, k, at, count;

	s = N;
	do
	:: looked -> break
	:: d_step { !looked && !TO.phase && !payload_to -> n = 0; k = 0; at = 0; count = 0 };
		if
		:: d_step { true -> n = 1; k = 1 }
		:: d_step { true -> n = 1; k = 2 }
		:: d_step { true -> n = 2; k = 1 }
		:: d_step { true -> n = 3; k = 1 }
		fi;
		/* reclaim(), by whomever: as far as there must be room, or further */
		do
		:: d_step { tail < s && SLOT(tail).phase >= COMMITTED -> tail = tail + SLOT(tail).k }
		:: s + n * k <= LAST && s + n * k - tail <= N -> break
		:: s + n * k > LAST -> goto done
		od;
		store(s, n * k, BUSY);
		at = 1;
		do					/* ring_batch_at() */
		:: at < n -> batch_store(s + at * k, k, COMMITTED); at++
		:: at < n -> at++
		:: at >= n -> break
		od;
		/* ring_commit_many(): as many as count */
		count = n;
#ifndef WHOLE
		do
		:: count > 1 -> count--
		:: break
		od;
#endif
		if
		:: s <= q && q < s + n * k -> payload_to = q
		:: else
		fi;
		if
		:: true ->
#ifdef EACH
			at = count;
			do
			:: at < n -> batch_store(s + at * k, k, DISCARDED); at++
			:: at == n -> break
			od;
#else
			if
			:: count < n -> batch_store(s + count * k, (n - count) * k, DISCARDED)
			:: else
			fi;
#endif
			at = 1;
			do				/* what nobody has described */
			:: at < count && SLOT(s + at * k).sequence != s + at * k && TO.sequence != s + at * k ->
				batch_store(s + at * k, k, DISCARDED);
				at++
			:: at < count && (SLOT(s + at * k).sequence == s + at * k || TO.sequence == s + at * k) -> at++
			:: at >= count -> break
			od;
			if
			:: d_step { !TO.phase ->
				used = count;
				set_state(N, s, k, 1, COMMITTED) }	/* RB_PAYLOAD commit/A */
			fi
		:: store(s, n * k, DISCARDED)
		:: d_step { !TO.phase && !payload_to -> set_state(s % N, s, n * k, 1, DISCARDED) }	/* reap() */
		fi;
		s = s + n * k
	od;
done:	skip
}

/* ring_mem_look() */
inline look(at, is)
{
	if
	:: SLOT(at).phase == FREE || SLOT(at).sequence < at -> is = EMPTY
	:: SLOT(at).phase != FREE && SLOT(at).sequence > at -> is = PASSED
	:: else -> is = SLOT(at).phase
	fi
}

proctype looker()
{
	byte s, t, k, is, before;
	bool named, was;

	if
	:: d_step { true ->
		was = committed;
		look(q, is);
		named = SLOT(q).named }
	fi;
	t = tail;						/* RB_TAIL walk/B */
#ifndef NO_WALK
	if
	:: is == BUSY || is == PASSED || (is != EMPTY && named) -> goto known
	:: else
	fi;
	s = q;
	do
	:: s > t && q - s < KMAX ->
		d_step {
			s--;
			look(s, before);
			named = SLOT(s).named;
			k = SLOT(s).k
		};
		if
		:: before == EMPTY || (before != PASSED && !named)
		:: else ->
			if
			:: q - s < k && (before == BUSY || (before == DISCARDED && is != EMPTY)) -> is = before
			:: else
			fi;
			break
		fi
	:: else -> break
	od;
#ifdef TWICE
	/* Behind the batch's first slot, or the tail or the later record beyond it, the state is the last one. */
	if
	:: d_step { is == COMMITTED -> look(q, is) }
	:: is != COMMITTED
	fi;
#endif
known:
#endif
	if
	:: is == COMMITTED ->
		k = payload;
		if						/* RB_LAPPED read/C */
		:: tail > q
		:: tail <= q -> assert(k == q && committed)
		fi
	:: else ->
		assert(!was || tail > q)
	fi;
	d_step { looked = 1; s = 0; t = 0; k = 0; is = 0; before = 0; named = 0; was = 0 }
}

init {
	q = N;
	do
	:: q < LAST - 1 -> q++
	:: break
	od;
	atomic {
		run memory();
		run producer();
		run looker()
	}
}
