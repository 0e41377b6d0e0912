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
 *   idle_above     idle_above()                    numtasks.c
 *   find_owner     find_owner()                    numtasks.c
 *   take_own       take_own()                      numtasks.c
 *   take_borrowed  take_borrowed(), refuse()       numtasks.c
 *   charge         charge()                        numtasks.c
 *   can_fork       numtasks_can_fork(), can_fork_slow()
 *   take_left      take_left()                     numtasks_forced.c
 *   take_paid      take_paid()                     numtasks_forced.c
 *   take_forced    take_forced()                   numtasks_forced.c
 *   transfer       numtasks_transfer()             numtasks_forced.c
 *   set_min        numtasks_set_min()              numtasks_forced.c
 *   read_usage     numtasks_usage()                numtasks_forced.c
 *   set_total      set_total(), divide_total()     numtasks.c
 *   divide         tighten() and relax(), as enforce() of shares.c calls them
 *   begin_change, end_change   shares_begin(), shares_end()   shares.c
 *   hold, release  write_seqlock(), write_sequnlock() of numtasks_unsettled
 *
 * A scene, -DSCENE=n, says who is there and what must hold:
 *
 *   1  A task moves between A and B, guaranteed there or not, and P and R have room for
 *      one more: no fork is refused, and whoever reads P's usage finds the task, and
 *      finds it once.
 *   2  A total of what is in use is tried, beside forks: if it is refused, no fork is.
 *   3  A total is lowered to what is in use, beside forks: if that is accepted, no more
 *      than that is in use from then on.
 *   4  P's maximum is lowered beside forks: none that is counted after that exceeds it.
 *   5  A is guaranteed one task of P's two: it can always have it, and there are never
 *      more than two.
 *   6  P's maximum and A's guarantee grow in one write: never can B have what is A's.
 *   7  Forks and exits in A, of which one is guaranteed, and in B, beside a task that
 *      moves there and back: P never counts less than there is.
 *   8  A total is raised, and A's guarantee with it: a fork in B, which fits before and
 *      after, is not refused.
 *   9  A total is lowered, and A's guarantee with it, beside forks in A: as 3.
 *  10  A task moves to B, finds itself there, and forks: B never has more than its
 *      maximum.
 *  11  A's guarantee changes while a task moves there and back, and P's usage is read.
 *
 * At the end of each, the groups count what they have, and nothing else.
 *
 * A switch breaks one step, and a scene finds it:
 *
 *   -DUNNOTICED       1  who is refused during a move does not ask again
 *   -DREAD_ANYHOW     1  who reads the usage does not look whether a task is moving
 *   -DREPAY_ANYHOW    1  who has paid for nothing takes that back in two steps
 *   -DFINAL_REFUSAL   2  who is refused while a total is tried does not ask again
 *   -DLOOK_FIRST      3  the usage is looked at before the total is set
 *   -DLOOK_ONCE       4  a fork does not look at the maximum again
 *   -DTOP_DOWN        7  who leaves tells the groups above first
 *   -DRELAX_FIRST     6  the maximum grows before the guarantee does
 *   -DLEAVE_FIRST     7  the task leaves A before it is counted in B
 *   -DTWO_STEPS       7  who leaves looks at the account in one step, and counts in another
 *   -DSEVERAL_CHANGES 8  the guarantee and the total are changes of their own
 *   -DLOOK_EARLY      9  the usage is looked at before the guarantees are the new ones
 *   -DIDLE_LATE       9  a fork is in the account first, and then not idle above
 *   -DSTORE_FIRST    10  the task is found in B before it is counted there
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
short idle[4];

byte living[4];		/* what there is: tasks in the group itself */
bool mutex;		/* the controller's lock */
byte changes;		/* of the controller */
bool spinlock;		/* of numtasks_unsettled */
byte seq;		/* its sequence */
bool there;		/* a task that moves finds itself in B */
byte running;		/* processes */
bool accepted;		/* a new limit is in force: */
byte limit = UNLIMITED;

#define in_P		(living[P] + living[A] + living[B])

#define at(level)	((level) == 0 -> R : ((level) == 1 -> P : g))
#define taken(n, m)	((n) > (m) -> (n) : (m))

/* The variables of the steps below; g is the group, at level 2. */
#define LOCALS								\
	byte g, owner, level, l, n, m, less, bl, bn, bm, fl, fn, fm, sn, sm; \
	byte paid, owed, noted_changes, noted_seq, un;			\
	short ui;							\
	bool given, refused, done, late, unsure, alone

inline hold()
{
	atomic { !spinlock -> spinlock = true };
	seq++
}

inline release()
{
	seq++;
	spinlock = false
}

inline begin_change()
{
	atomic { !mutex -> mutex = true };
	changes++
}

inline end_change()
{
	changes++;
	mutex = false
}

/* Let the group at level @from, and those above, need @amount less, which is idle. */
inline give_back(from, amount)
{
	bl = from;
	less = amount;
	do
	:: less == 0 -> break
	:: else ->
		idle[at(bl)] = idle[at(bl)] - less;
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
		:: l < from && need[at(from)] <= min[at(from)] ->
			idle[at(l)] = idle[at(l)] + 1
		:: else -> need[at(l)] = need[at(l)] - 1
		fi;
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
	   :: !given -> idle[at(l)] = idle[at(l)] + 1
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
	   if
	   :: l == top -> break
	   :: else -> l--
	   fi
	od;
#endif
	l = 0;
}

/* Let the groups above level @owner have @more idle, or less. */
inline idle_above(more)
{
	level = owner;
	do
	:: level == 0 -> break
	:: else ->
		level--;
		idle[at(level)] = idle[at(level)] + more
	od
}

/* Sets owner, and n and m to its account. */
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
	   :: owner > 0 && n >= max[at(owner)] -> refused = true; break
	   :: else ->
		if
		:: n + 1 <= m -> break
		:: else ->
			if
			:: owner == 0 -> refused = true; break
			:: else -> owner--
			fi
		fi
	   fi
	od
}

inline compare_and_take()
{
	d_step {
		done = need[at(owner)] == n && min[at(owner)] == m;
		if
		:: done ->
			need[at(owner)] = n + 1;
			late = late || (accepted && owner == 1 && n + 1 > limit);
		:: else
		fi
	}
}

inline take_own()
{
#ifndef IDLE_LATE
	idle_above(-1);
#endif
	compare_and_take();
	if
#ifdef IDLE_LATE
	:: done -> idle_above(-1)
#else
	:: !done -> idle_above(1)
#endif
	:: else
	fi
}

/* A new maximum, or whoever sets it sees this task. */
inline look_again()
{
#ifdef LOOK_ONCE
	skip
#else
	if
	:: owner > 0 && n >= max[at(owner)] ->
		leave(owner, 0);
		refused = true
	:: else
	fi
#endif
}

inline take_borrowed()
{
	done = false;
	do
	:: d_step {
		n = need[at(owner)];
		m = min[at(owner)];
	   }
	   if
	   :: n >= max[at(owner)] ->
		leave(owner - 1, 0);
		refused = true;
		break
	   :: else -> compare_and_take()
	   fi;
	   if
	   :: done -> break
	   :: else
	   fi
	od;
	if
	:: done && n + 1 <= m ->
#ifndef REPAY_ANYHOW
		if
		:: alone -> give_back(owner - 1, 1)
		:: else -> hold(); give_back(owner - 1, 1); release()
		fi
#else
		give_back(owner - 1, 1)
#endif
	:: else
	fi;
	if
	:: done -> look_again()
	:: else
	fi
}

/* Sets refused. */
inline charge()
{
	late = false;
	done = false;
	do
	:: find_owner();
	   if
	   :: refused -> break
	   :: else -> take_own()
	   fi;
	   if
	   :: done -> look_again(); break
	   :: else
	   fi
	od;
	do
	:: refused || owner == 2 -> break
	:: else ->
		owner++;
		take_borrowed()
	od;
	n = 0;
	m = 0;
	level = 0;
	owner = 0;
	done = false;
	given = false;
}

inline can_fork()
{
	charge();
	if
	:: refused ->
		noted_changes = changes;
		noted_seq = seq;
		charge();
		unsure = noted_changes % 2 == 1 || noted_seq % 2 == 1;
#ifndef FINAL_REFUSAL
		unsure = unsure || changes != noted_changes;
#else
		unsure = noted_seq % 2 == 1;
#endif
#ifndef UNNOTICED
		unsure = unsure || seq != noted_seq;
#else
		unsure = noted_changes % 2 == 1 || changes != noted_changes;
#endif
		noted_changes = 0;
		noted_seq = 0;
		if
		:: refused && unsure ->
			atomic { !mutex -> mutex = true };
			hold();
			alone = true;
			charge();
			alone = false;
			release();
			mutex = false
		:: else
		fi;
		unsure = false
	:: else
	fi
}

inline take_left(at_level, more)
{
	d_step {
		done = need[at(at_level)] + more <= min[at(at_level)];
		if
		:: done -> need[at(at_level)] = need[at(at_level)] + more
		:: else
		fi
	};
	if
	:: done -> idle[at(at_level)] = idle[at(at_level)] + more
	:: else
	fi
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
	idle[at(at_level)] = idle[at(at_level)] + more;
	fm = (at_level > 0 -> more - fm : 0);
	give_back(at_level - 1, fm);
	fm = 0;
}

inline take_forced(to, more)
{
	fl = to;
	do
	:: fl == 0 -> take_paid(0, more); break
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
	hold();
#ifdef LEAVE_FIRST
	g = from;
	leave(2, 2);
	if
	:: given -> give_back(1, 1)
	:: else
	fi;
	g = to;
	take_forced(2, 1);
	idle[to] = idle[to] - 1;
#else
	g = to;
	take_forced(2, 1);
	idle[to] = idle[to] - 1;
	g = from;
	leave(2, 2);
	if
	:: given -> give_back(1, 1)
	:: else
	fi;
#endif
	given = false;
	release()
}

/* Guarantee g @to tasks. */
inline set_min(to)
{
	hold();
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
	release()
}

/* Set un to the usage of @group. */
inline read_usage(group)
{
	do
	:: noted_seq = seq;
	   un = need[group];
	   ui = idle[group];
	   if
#ifndef READ_ANYHOW
	   :: noted_seq % 2 == 1 || seq != noted_seq
#endif
	   :: else ->
		if
		:: need[group] == un -> break
		:: else
		fi
	   fi
	od;
	un = un - (ui > 0 -> ui : 0);
	noted_seq = 0;
	ui = 0
}

/* The root has @total, and A is guaranteed @of_A of it. */
inline divide(total, of_A)
{
	g = A;
	if
	:: min[R] > total -> min[R] = total
	:: else
	fi;
	if
	:: min[A] < of_A -> set_min(of_A)
	:: else
	fi;
#ifdef SEVERAL_CHANGES
	end_change();
	begin_change();
#endif
	min[R] = total;
	if
	:: min[A] != of_A -> set_min(of_A)
	:: else
	fi
}

inline set_total(to, of_A, old, old_of_A)
{
	begin_change();
	read_usage(R);
	if
	:: un > to
	:: else ->
#ifdef LOOK_EARLY
		min[R] = to;
		read_usage(R);
#endif
		divide(to, of_A);
#ifndef LOOK_EARLY
#ifndef LOOK_FIRST
		read_usage(R);
#endif
#endif
		if
		:: un > to -> divide(old, old_of_A)
		:: else -> limit = to; accepted = true
		fi
	fi;
	un = 0;
	end_change()
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
#if SCENE == 2
		assert(!must || !refused || accepted);
#else
		assert(!must || !refused);
#endif
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

/* Moves to B by the hand of another, while it forks there once. */
proctype MovesToB()
{
	LOCALS;

#ifdef STORE_FIRST
	d_step { living[A]--; living[B]++; there = true };
	transfer(A, B);
#else
	transfer(A, B);
	d_step { living[A]--; living[B]++; there = true };
#endif
	running--
}

proctype ForksOnceThere()
{
	LOCALS;

	there;
	g = B;
	can_fork();
	if
	:: refused
	:: else -> living[B]++
	fi;
	running--
}

/* Nobody else forks or exits meanwhile than who is told of by the scene. */
proctype Reader(byte least; byte most)
{
	LOCALS;

	read_usage(P);
	assert(un >= least && un <= most);
	running--
}

proctype SetTotal(byte to; byte of_A; byte old; byte old_of_A)
{
	LOCALS;

	set_total(to, of_A, old, old_of_A);
	running--
}

proctype Guarantee(byte of_A)
{
	LOCALS;

	g = A;
	begin_change();
	set_min(of_A);
	end_change();
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
	begin_change();
#ifdef RELAX_FIRST
	max[P] = 2;
	set_min(1);
#else
	set_min(1);
	max[P] = 2;
#endif
	end_change();
	running--
}

/* Begin with so many tasks in A and B. */
inline begin(in_A, in_B)
{
	living[A] = in_A;
	living[B] = in_B;
	need[A] = in_A;
	need[B] = in_B;
	need[P] = taken(need[A], min[A]) + taken(need[B], min[B]);
	idle[P] = need[P] - in_A - in_B;
	need[R] = need[P];
	idle[R] = idle[P];
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
		running = 3;
		run Mover(1);
		run Forker(B, 1, true);
		run Reader(1, 2);
	}
#elif SCENE == 2
	atomic {
		min[R] = 3;
		begin(1, 0);
		running = 2;
		run SetTotal(1, 0, 3, 0);
		run Forker(B, 2, true);
	}
#elif SCENE == 3
	atomic {
		min[R] = 3;
		begin(1, 0);
		running = 3;
		run SetTotal(2, 0, 3, 0);
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
#elif SCENE == 8
	atomic {
		min[R] = 2;
		min[A] = 1;
		begin(0, 0);
		running = 2;
		run SetTotal(4, 2, 2, 1);
		run Forker(B, 1, true);
	}
#elif SCENE == 9
	atomic {
		min[R] = 3;
		min[A] = 2;
		begin(0, 0);
		running = 3;
		run SetTotal(1, 0, 3, 2);
		run Forker(A, 1, false);
		run Forker(A, 1, false);
	}
#elif SCENE == 10
	atomic {
		max[B] = 1;
		begin(1, 0);
		running = 2;
		run MovesToB();
		run ForksOnceThere();
	}
#elif SCENE == 11
	atomic {
		begin(1, 0);
		running = 3;
		run Mover(1);
		run Guarantee(2);
		run Reader(1, 1);
	}
#endif
	running == 0;
	assert(need[P] - idle[P] == in_P && need[R] - idle[R] == in_P);
	assert(idle[A] == 0 && idle[B] == 0);
	assert(need[A] == living[A] && need[B] == living[B]);
	assert(need[P] == taken(need[A], min[A]) + taken(need[B], min[B]));
	assert(need[R] == taken(need[P], min[P]));
}

/* What must hold all the time. */
#if SCENE == 3 || SCENE == 9
#define right	(!accepted || in_P <= limit)
#elif SCENE == 5
#define right	(in_P <= 2)
#elif SCENE == 6
#define right	(living[B] <= 1)
#elif SCENE == 7
#define right	(running == 0 || need[P] >= in_P)
#elif SCENE == 10
#define right	(living[B] <= 1)
#else
#define right	true
#endif

active proctype Always()
{
end:	atomic { !(right) -> assert(right) }
}
