/*
 * The accounts of the subsystem numtasks, with all that forks, exits, moves and new
 * limits do to them at the same time.  README.md has the commands.
 *
 * The groups are R, the root; P below it; and A and B below P.  What is one atomic
 * operation in C is one d_step here, and a load of its own is a step of its own.
 *
 *   here           C                               file
 *   give_back      numtasks_give_back()            numtasks_forced.c
 *   leave          numtasks_leave(), uncharge()    numtasks.h, numtasks.c
 *   find_owner     find_owner()                    numtasks.c
 *   tell_above     tell_above()                    numtasks.c
 *   take           take()                          numtasks.c
 *   charge         charge()                        numtasks.c
 *   can_fork       the loop of numtasks_can_fork(), with was_unsettled()
 *   take_left      take_left()                     numtasks_forced.c
 *   take_paid      take_paid()                     numtasks_forced.c
 *   take_forced    numtasks_take_forced()          numtasks_forced.c
 *   transfer       numtasks_transfer()             numtasks_forced.c
 *   set_min        numtasks_set_min()              numtasks_forced.c
 *   lower_total    lower_total()                   numtasks.c
 *   grow           tighten() and relax(), as enforce() of shares.c calls them
 *
 * A scene, -DSCENE=n, says who is there and what must hold:
 *
 *   1  A task moves between A and B, guaranteed there or not, and P and R have room for
 *      one more: no fork is refused, and P and R always count the task, and count it
 *      once.
 *   2  A total below what is in use is tried: it is refused, and no fork is.
 *   3  A total is lowered to what is in use, beside forks: if that is accepted, no more
 *      than that is in use from then on.
 *   4  P's maximum is lowered beside forks: none that is counted after that exceeds it.
 *   5  A is guaranteed one task of P's two: it can always have it, and there are never
 *      more than two.
 *   6  P's maximum and A's guarantee grow in one write: never can B have what is A's.
 *   7  Forks and exits in A, of which one is guaranteed, and in B, beside a task that
 *      moves there and back: P never counts less than there is.
 *
 * At the end of each, the groups count what they have, and nothing else.
 *
 * A switch breaks one step, and a scene finds it:
 *
 *   -DUNNOTICED      1  who is refused during a move does not ask again
 *   -DFINAL_REFUSAL  2  who is refused while a total is tried does not ask again
 *   -DLOOK_FIRST     3  the usage is looked at before the total is set
 *   -DUSAGE_LATE     3  a fork is in the account first, and then in the usage
 *   -DLOOK_ONCE      4  a fork does not look at the maximum again
 *   -DTOP_DOWN       7  who leaves tells the groups above first
 *   -DRELAX_FIRST    6  the maximum grows before the guarantee does
 *   -DLEAVE_FIRST    7  the task leaves A before it is counted in B
 *   -DTWO_STEPS      7  who leaves looks at the account in one step, and counts in another
 */

#ifndef SCENE
#define SCENE 1
#endif

#define R 0
#define P 1
#define A 2
#define B 3

#define UNLIMITED 100

byte need[4];
byte min[4];
byte max[4];
byte usage[4];

byte living[4];		/* what there is: tasks in the group itself */
byte seq;		/* of numtasks_unsettled */
byte running;		/* processes */
bool accepted;		/* a new limit is in force: */
byte limit = UNLIMITED;

#define in_P		(living[P] + living[A] + living[B])

#define at(level)	((level) == 0 -> R : ((level) == 1 -> P : g))
#define taken(n, m)	((n) > (m) -> (n) : (m))

/* The variables of the steps below; g is the group, at level 2. */
#define LOCALS								\
	byte g, owner, level, l, n, m, less, bl, bn, bm, fl, fn, fm, sn, sm; \
	byte paid, owed, noted;						\
	bool given, refused, done, again, late

/* Let the group at level @from, and those above, need @amount less. */
inline give_back(from, amount)
{
	bl = from;
	less = amount;
	do
	:: less == 0 -> break
	:: else ->
		d_step {
			bn = need[at(bl)];
			bm = min[at(bl)];
			assert(bn >= less);
			need[at(bl)] = bn - less;
			less = taken(bn, bm) - taken(bn - less, bm);
			bn = 0;
			bm = 0;
		}
		if
		:: bl == 0 -> break
		:: else -> bl--
		fi
	od;
	bl = 0;
	less = 0;
}

/* Let the groups at levels @from to @top, from the bottom up, count a task no more. */
inline leave(from, top)
{
	given = true;
#ifdef TOP_DOWN
	l = top;
	do
	:: d_step {
		if
		:: l < from && need[at(from)] <= min[at(from)]
		:: else -> need[at(l)] = need[at(l)] - 1
		fi;
		usage[at(l)] = usage[at(l)] - 1;
	   }
	   if
	   :: l == from -> break
	   :: else -> l++
	   fi
	od;
#else
	l = from;
	do
	:: if
	   :: !given
	   :: else ->
#ifdef TWO_STEPS
		given = need[at(l)] > min[at(l)];
		need[at(l)] = need[at(l)] - 1;
#else
		d_step {
			assert(need[at(l)] > 0);
			given = need[at(l)] > min[at(l)];
			need[at(l)] = need[at(l)] - 1;
		}
#endif
	   fi;
	   usage[at(l)] = usage[at(l)] - 1;
	   if
	   :: l == top -> break
	   :: else -> l--
	   fi
	od;
#endif
	l = 0;
}

inline find_owner()
{
	refused = false;
	owner = 2;
	do
	:: d_step {
		n = need[at(owner)];
		m = min[at(owner)];
	   }
	   if
	   :: n >= max[at(owner)] -> refused = true; break
	   :: n < max[at(owner)] && n + 1 <= m -> break
	   :: n < max[at(owner)] && n + 1 > m ->
		if
		:: owner == 0 -> refused = true; break
		:: else -> owner--
		fi
	   fi
	od;
	n = 0;
	m = 0;
}

/* Let the groups above level @owner have one more in their usage, or one less. */
inline tell_above(one)
{
	level = owner;
	do
	:: level == 0 -> break
	:: else ->
		level--;
		usage[at(level)] = usage[at(level)] + one
	od
}

/* Let the group at level @owner count one more, and set n to what it needs then. */
inline take(is_paid)
{
	done = false;
	refused = false;
#ifndef USAGE_LATE
	usage[at(owner)] = usage[at(owner)] + 1;
#endif
	d_step {
		n = need[at(owner)];
		m = min[at(owner)];
	}
	do
	:: n >= max[at(owner)] -> refused = true; break
	:: else ->
		if
		:: !is_paid && n + 1 > m -> break
		:: else
		fi;
		d_step {
			if
			:: need[at(owner)] == n && min[at(owner)] == m ->
				need[at(owner)] = n + 1;
				done = true;
				late = late || (accepted && owner == 1 &&
						n + 1 > limit);
			:: else ->
				n = need[at(owner)];
				m = min[at(owner)];
			fi
		}
		if
		:: done -> break
		:: else
		fi
	od;
	if
#ifdef USAGE_LATE
	:: done -> usage[at(owner)] = usage[at(owner)] + 1
#else
	:: !done -> usage[at(owner)] = usage[at(owner)] - 1
#endif
	:: else
	fi;
	if
	:: done && is_paid && n + 1 <= m -> give_back(owner - 1, 1)
	:: else
	fi;
	n++;
	m = 0;
}

/* Sets refused, and owner to who refuses. */
inline charge()
{
	late = false;
	do
	:: find_owner();
	   if
	   :: refused -> break
	   :: else
	   fi;
	   tell_above(1);
	   take(false);
	   if
	   :: done -> break
	   :: else -> tell_above(-1)
	   fi;
	   if
	   :: refused -> break
	   :: else	/* BORROW */
	   fi
	od;
	do
	:: refused -> break
	:: else ->
#ifndef LOOK_ONCE
		if
		:: n > max[at(owner)] ->
			leave(owner, 0);
			refused = true;
			break
		:: else
		fi;
#endif
		if
		:: owner == 2 -> break
		:: else
		fi;
		owner++;
		take(true);
		if
		:: done
		:: else -> leave(owner - 1, 0); refused = true; break
		fi
	od;
	n = 0;
	level = 0;
	done = false;
	given = false;
}

inline can_fork()
{
	noted = 1;
	do
	:: charge();
	   if
	   :: !refused -> break
	   :: else
	   fi;
#ifdef FINAL_REFUSAL
	   break
#else
	   if
	   :: noted % 2 == 0 && seq == noted -> break
	   :: else
	   fi;
	   atomic { seq % 2 == 0 -> noted = seq }
#endif
	od;
	noted = 0;
	owner = 0;
}

inline take_left(at_level, more)
{
	d_step {
		done = need[at(at_level)] + more <= min[at(at_level)];
		if
		:: done -> need[at(at_level)] = need[at(at_level)] + more
		:: else
		fi
	}
}

inline take_paid(at_level, more)
{
	d_step {
		fn = need[at(at_level)];
		fm = min[at(at_level)];
		need[at(at_level)] = fn + more;
		fm = taken(fn + more, fm) - taken(fn, fm);	/* borrowed */
		fn = 0;
	}
	fm = more - fm;
	give_back(at_level - 1, fm);
	fm = 0;
}

inline take_forced(to, more)
{
	fl = to;
	do
	:: fl == 0 ->
		need[R] = need[R] + more;
		break
	:: else ->
		take_left(fl, more);
		if
		:: done -> break
		:: else -> fl--
		fi
	od;
	do
	:: fl == to -> break
	:: else -> fl++; take_paid(fl, more)
	od;
	fl = 0;
	done = false;
}

/* Count a task in @to instead of in @from, which are both below P. */
inline transfer(from, to)
{
#ifndef UNNOTICED
	seq++;
#endif
#ifdef LEAVE_FIRST
	g = from;
	leave(2, 2);
	if
	:: given -> give_back(1, 1)
	:: else
	fi;
	g = to;
	take_forced(2, 1);
	usage[to] = usage[to] + 1;
#else
	g = to;
	take_forced(2, 1);
	usage[to] = usage[to] + 1;
	g = from;
	leave(2, 2);
	if
	:: given -> give_back(1, 1)
	:: else
	fi;
#endif
	given = false;
#ifndef UNNOTICED
	seq++;
#endif
}

/* Guarantee g @to tasks. */
inline set_min(to)
{
	paid = 0;
	d_step {
		sn = need[g];
		sm = min[g];
	}
	do
	:: owed = 0;
	   if
	   :: taken(sn, to) > taken(sn, sm) -> owed = taken(sn, to) - taken(sn, sm)
	   :: else
	   fi;
	   if
	   :: owed > paid -> take_forced(1, owed - paid); paid = owed
	   :: else
	   fi;
	   d_step {
		done = need[g] == sn && min[g] == sm;
		if
		:: done -> min[g] = to
		:: else ->
			sn = need[g];
			sm = min[g]
		fi
	   }
	   if
	   :: done -> break
	   :: else
	   fi
	od;
	paid = paid + taken(sn, sm) - taken(sn, to);
	give_back(1, paid);
	sn = 0;
	sm = 0;
	paid = 0;
	owed = 0;
	done = false;
}

inline lower_total(to)
{
#ifdef LOOK_FIRST
	if
	:: usage[R] > to
	:: else ->
		min[R] = to;
		limit = to;
		accepted = true
	fi;
#else
	seq++;
	noted = min[R];
	min[R] = to;
	if
	:: usage[R] > to -> min[R] = noted
	:: else ->
		limit = to;
		accepted = true
	fi;
	seq++;
	noted = 0;
#endif
}

/* Forks in @group, and lets the child exit, @times times. */
proctype Forker(byte group; byte times; bool must)
{
	LOCALS;

	g = group;
	do
	:: times == 0 -> break
	:: else ->
		times--;
		can_fork();
		assert(!must || !refused);
		if
		:: refused
		:: else ->
			assert(!late);
			living[g]++;
			skip;
			living[g]--;
			leave(2, 0);
			given = false;
		fi;
		refused = false;
	od;
	running--
}

/* Moves a task from A to B and back, @times times. */
proctype Mover(byte times)
{
	LOCALS;

	do
	:: times == 0 -> break
	:: else ->
		times--;
		d_step { living[A]--; living[B]++ }
		transfer(A, B);
		d_step { living[B]--; living[A]++ }
		transfer(B, A);
	od;
	running--
}

proctype LowerTotal(byte to)
{
	byte noted;

	lower_total(to);
	running--
}

proctype LowerMaximum(byte to)
{
	max[P] = to;
	d_step { limit = to; accepted = true };
	running--
}

/* A's guarantee grows to one, and P's maximum to two. */
proctype Grow()
{
	LOCALS;

	g = A;
#ifdef RELAX_FIRST
	max[P] = 2;
	set_min(1);
#else
	set_min(1);
	max[P] = 2;
#endif
	running--
}

/* Begin with so many tasks in A and B. */
inline begin(in_A, in_B)
{
	living[A] = in_A;
	living[B] = in_B;
	usage[A] = in_A;
	usage[B] = in_B;
	need[A] = in_A;
	need[B] = in_B;
	usage[P] = in_A + in_B;
	usage[R] = in_A + in_B;
	need[P] = taken(need[A], min[A]) + taken(need[B], min[B]);
	need[R] = need[P];
}

init
{
	d_step {
		min[R] = UNLIMITED;
		max[R] = UNLIMITED;
		max[P] = UNLIMITED;
		max[A] = UNLIMITED;
		max[B] = UNLIMITED;
	}
#if SCENE == 1
	if
	:: min[A] = 0
	:: min[A] = 1
	fi;
	if
	:: min[B] = 0
	:: min[B] = 1
	fi;
	atomic {
		max[P] = 2 + min[A];
		min[R] = 2 + min[A];
		begin(1, 0);
		running = 2;
		run Mover(2);
		run Forker(B, 2, true);
	}
#elif SCENE == 2
	atomic {
		min[R] = 3;
		begin(1, 1);
		running = 2;
		run LowerTotal(1);
		run Forker(B, 2, true);
	}
#elif SCENE == 3
	atomic {
		min[R] = 3;
		begin(1, 0);
		running = 3;
		run LowerTotal(2);
		run Forker(A, 2, false);
		run Forker(B, 2, false);
	}
#elif SCENE == 4
	atomic {
		max[P] = 3;
		begin(0, 0);
		running = 3;
		run LowerMaximum(1);
		run Forker(A, 2, false);
		run Forker(B, 2, false);
	}
#elif SCENE == 5
	atomic {
		max[P] = 2;
		min[A] = 1;
		begin(0, 0);
		running = 3;
		run Forker(A, 2, true);
		run Forker(B, 1, false);
		run Forker(B, 1, false);
	}
#elif SCENE == 6
	atomic {
		max[P] = 1;
		begin(0, 0);
		running = 3;
		run Grow();
		run Forker(B, 1, false);
		run Forker(B, 1, false);
	}
#elif SCENE == 7
	atomic {
		max[P] = 3;
		min[A] = 1;
		begin(1, 0);
		running = 3;
		run Mover(1);
		run Forker(A, 1, false);
		run Forker(B, 1, false);
	}
#endif
	running == 0;
	assert(usage[A] == living[A] && usage[B] == living[B]);
	assert(usage[P] == in_P && usage[R] == in_P);
	assert(need[A] == living[A] && need[B] == living[B]);
	assert(need[P] == taken(need[A], min[A]) + taken(need[B], min[B]));
	assert(need[R] == taken(need[P], min[P]));
}

/* What must hold all the time. */
#if SCENE == 1
#define right	(running == 0 || usage[P] >= in_P && usage[R] >= in_P &&	\
		 usage[P] <= 2 && usage[R] <= 2)
#elif SCENE == 3
#define right	(!accepted || in_P <= limit)
#elif SCENE == 5
#define right	(in_P <= 2)
#elif SCENE == 6
#define right	(living[B] <= 1)
#elif SCENE == 7
#define right	(running == 0 || need[P] >= in_P)
#else
#define right	true
#endif

ltl always_right { [] right }
