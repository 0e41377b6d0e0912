/*
 * The charges of BeanCounters: two tasks that charge and give back, one that changes limits or resets extremes, one that
 * reads; a container below its parent, one CPU's stock, one resource.  README.md says how to run it.
 *
 * What is really in use is kept beside it, in variables that only the assertions look at: real, gmax, gmin.  The turn of a
 * state, its stocks and its held are one word there, and are read and changed together here.
 *
 *   here             C                                           file
 *   take             take()                                      bc_charge.c
 *   give             give_back()                                 bc_charge.c
 *   charger          charge_path() without its look(), __bc_uncharge()   bc_charge.c
 *   fast_take        bc_charge_at_hand()                         bc.h
 *   fast_give        bc_uncharge_at_hand()                       bc.h
 *   count_stock      count_stock(), bc_open_stock()              bc_stock.c
 *   recall           recall_stock(), end_stock()                 bc_stock.c
 *   change           change_terms()                              bc_terms.c
 *   reader           bc_read()                                   bc_terms.c
 *
 * A scene, -DSCENE=n, is what changes meanwhile; in all but the last the container is alone:
 *
 *   1  The limit is lowered.
 *   2  maxheld begins anew.
 *   3  minheld begins anew.
 *   4  The limit is set twice, and lower the second time; nobody reads.
 *   5  The limit of the parent is lowered; nobody reads.
 *
 * What holds in them: nobody has more than the limit in force when he gets it; who is refused by what is at hand could not
 * have had it; what is read is of one moment, extremes included; in the end nothing is counted.
 *
 * Not here: barriers, forced charges and moves, two CPUs' stocks, who lives in a container and that it is removed, and how
 * long a recall can take.  That a charge looks before it takes is not, either: all come as far as a race would bring them.
 *
 * A switch breaks one step, and is found in a scene, with two rounds of the first charger:
 *
 *   -DREFUSES_AT_HAND      1  who refuses does not recall what is at hand
 *   -DCHANGED_IN_PLACE     1  terms are changed where they are, without a turn
 *   -DFLIPPED_WITH_STOCKS  1  the turn is flipped while there are stocks
 *   -DOPENED_ABOVE_BARRIER 1  a stock is opened above the barrier
 *   -DREADS_AT_HAND        1  the reader does not recall
 *   -DMAX_UNSEEN           2  with stocks, a charge does not look at maxheld
 *   -DNOTED_LATE           2  an extreme is noted after it has been left
 *   -DOPENED_UNNOTED       2  a stock is opened without a note of what is held
 *   -DOPENED_ABOVE_MIN     3  a stock is opened though minheld is not 0; one charger is enough
 *   -DNO_GRACE             4  terms are filled without a grace period
 *   -DKEPT_BELOW           5  who is refused by the parent keeps what it took below
 */
#ifndef SCENE
#define SCENE 1
#endif
/* 1 where the switch is given. */
#ifndef REFUSES_AT_HAND
#define REFUSES_AT_HAND 0
#endif
#ifndef MAX_UNSEEN
#define MAX_UNSEEN 0
#endif
#ifndef NOTED_LATE
#define NOTED_LATE 0
#endif
#ifndef CHANGED_IN_PLACE
#define CHANGED_IN_PLACE 0
#endif
#ifndef NO_GRACE
#define NO_GRACE 0
#endif
#ifndef OPENED_UNNOTED
#define OPENED_UNNOTED 0
#endif
#ifndef OPENED_ABOVE_MIN
#define OPENED_ABOVE_MIN 0
#endif
#ifndef FLIPPED_WITH_STOCKS
#define FLIPPED_WITH_STOCKS 0
#endif
#ifndef OPENED_ABOVE_BARRIER
#define OPENED_ABOVE_BARRIER 0
#endif
#ifndef KEPT_BELOW
#define KEPT_BELOW 0
#endif
#ifndef READS_AT_HAND
#define READS_AT_HAND 0
#endif
#define BROKEN	(REFUSES_AT_HAND || MAX_UNSEEN || NOTED_LATE || CHANGED_IN_PLACE || \
		 NO_GRACE || OPENED_UNNOTED || OPENED_ABOVE_MIN || FLIPPED_WITH_STOCKS || \
		 OPENED_ABOVE_BARRIER || KEPT_BELOW || READS_AT_HAND)
#if SCENE == 5
#define LEVELS	2
#else
#define LEVELS	1
#endif
#define READ	(LEVELS - 1)	/* where the limit changes, and who is read */
#if !BROKEN || SCENE == 5
#define ROUNDS	1		/* of the first charger */
#else
#define ROUNDS	2
#endif
#if OPENED_ABOVE_MIN
#define SECOND	0		/* of the second */
#else
#define SECOND	1
#endif
#define BIG	7		/* no minimum has been left yet */
typedef word { bit turn; byte stocks; byte held };
typedef terms { byte lim; byte max; byte min };
typedef counter { word w; terms t[2] };

counter c[LEVELS];		/* 0 is the container, 1 its parent */
byte stock;			/* 0: none, else 1 + units at hand, at most one */
byte real[LEVELS];
byte gmax, gmin;		/* of READ */
bool in_op[2];			/* RCU sections of the chargers */
byte done;

#define LIM(l)		c[l].t[c[l].w.turn].lim

inline used(l)			/* one unit more is in use at this level */
{
	real[l]++;
	assert(real[l] <= LIM(l));
	if :: l == READ && real[l] > gmax -> gmax = real[l] :: else fi
}

inline unused(l)
{
	assert(real[l] > 0);
	real[l]--;
	if :: l == READ && real[l] < gmin -> gmin = real[l] :: else fi
}

#if LEVELS == 2
#define all_used	used(0); used(1)
#define all_unused	unused(0); unused(1)
#else
#define all_used	used(0)
#define all_unused	unused(0)
#endif

/* Recall the stock; u and k are the caller's. */
inline recall(u, k)
{
	atomic { u = stock; stock = 0 };
	if
	:: u > 0 ->
		k = 0;
		do
		:: k < LEVELS ->
			atomic {
				c[k].w.held = c[k].w.held - (u - 1);
				c[k].w.stocks = c[k].w.stocks - 1;
				k++
			}
		:: else -> break
		od
	:: else
	fi;
	u = 0; k = 0
}

#define SAME(l)	(c[l].w.turn == s.turn && c[l].w.stocks == s.stocks && c[l].w.held == s.held)
#define GET(l)	s.turn = c[l].w.turn; s.stocks = c[l].w.stocks; s.held = c[l].w.held

/* One counter takes a unit: ok tells whether. */
inline take(l)
{
	do
	:: atomic { GET(l) };
	   atomic { lim = c[l].t[s.turn].lim; max = c[l].t[s.turn].max };
	   if
	   :: s.stocks == 0 && s.held + 1 > lim ->
		ok = 0; break
	   :: s.stocks == 0 && s.held + 1 <= lim ->
		ok = 0;
		if
		:: !NOTED_LATE ->
			atomic { if :: s.held < c[l].t[s.turn].min -> c[l].t[s.turn].min = s.held :: else fi }
		:: else
		fi
	   :: s.stocks > 0 && REFUSES_AT_HAND && s.held + 1 > lim ->
		atomic {
			if :: SAME(l) -> assert(real[l] + 1 > lim) :: else fi;
			ok = 0
		}; break
	   :: s.stocks > 0 && (s.held + 1 > lim && !REFUSES_AT_HAND || s.held + 1 > max && !MAX_UNSEEN) ->
		recall(u, k); ok = 3
	   :: else -> ok = 0
	   fi;
	   atomic {
		if
		:: ok == 0 && SAME(l) ->
			c[l].w.held = c[l].w.held + 1; used(l); ok = 1
		:: else -> ok = 2
		fi
	   };
	   if
	   :: ok == 1 ->
		if
		:: NOTED_LATE ->
			atomic { if :: s.held < c[l].t[s.turn].min -> c[l].t[s.turn].min = s.held :: else fi }
		:: else
		fi;
		break
	   :: else
	   fi
	od
}

/* One counter gives a unit back. */
inline give(l)
{
	do
	:: atomic { GET(l) };
	   if
	   :: s.stocks == 0 && !NOTED_LATE ->
		atomic { if :: s.held > c[l].t[s.turn].max -> c[l].t[s.turn].max = s.held :: else fi }
	   :: else
	   fi;
	   atomic {
		if
		:: SAME(l) ->
			c[l].w.held = c[l].w.held - 1; unused(l); ok = 1
		:: else -> ok = 2
		fi
	   };
	   if
	   :: ok == 1 ->
		if
		:: NOTED_LATE && s.stocks == 0 ->
			atomic { if :: s.held > c[l].t[s.turn].max -> c[l].t[s.turn].max = s.held :: else fi }
		:: else
		fi;
		break
	   :: else
	   fi
	od
}

/* One counter counts a stock: ok tells whether. */
inline count_stock(l)
{
	do
	:: atomic { GET(l) };
	   atomic { lim = c[l].t[s.turn].lim; min = c[l].t[s.turn].min };
	   if
	   :: s.held > lim && !OPENED_ABOVE_BARRIER || min > 0 && !OPENED_ABOVE_MIN -> ok = 0; break
	   :: else
	   fi;
	   if
	   :: s.stocks == 0 && !OPENED_UNNOTED ->
		atomic { if :: s.held > c[l].t[s.turn].max -> c[l].t[s.turn].max = s.held :: else fi }
	   :: else
	   fi;
	   atomic {
		if
		:: SAME(l) -> c[l].w.stocks = c[l].w.stocks + 1; ok = 1
		:: else -> ok = 2
		fi
	   };
	   if :: ok == 1 -> break :: else fi
	od
}

#if LEVELS == 2
#define all_give	give(0); give(1)
#define uncount_stocks	atomic { c[0].w.stocks = c[0].w.stocks - 1 }; atomic { c[1].w.stocks = c[1].w.stocks - 1 }
#define UNUSED		(c[1].w.held == 0 && c[1].w.stocks == 0 && real[1] == 0)
#else
#define all_give	give(0)
#define uncount_stocks	c[0].w.stocks = c[0].w.stocks - 1
#define UNUSED		true
#endif

proctype charger(byte me)
{
	word s;
	byte lim, max, min, u, k, ok, round;
	bool have;

	do
	:: round < (me == 0 -> ROUNDS : SECOND) ->
		round++;
		/* charge */
		in_op[me] = true;
		have = false;
		atomic {		/* fast_take */
			if
			:: stock > 1 -> stock--; all_used; have = true
			:: else
			fi
		};
		if
		:: !have ->
			take(0);
#if LEVELS == 2
			if
			:: ok ->
				take(1);
				if
				:: !ok && !KEPT_BELOW -> give(0); ok = 0
				:: else
				fi
			:: else
			fi;
#endif
			have = ok
		:: else
		fi;
		atomic { in_op[me] = false; lim = 0; max = 0; min = 0; ok = 0; s.turn = 0; s.stocks = 0; s.held = 0 };
		if :: !have -> goto next :: else fi;

		/* give back */
		in_op[me] = true;
		atomic {		/* fast_give */
			if
			:: stock == 1 -> stock = 2; all_unused; have = false
			:: else
			fi
		};
		if
		:: have ->
			if
			:: true -> ok = 0	/* quiet, or more than a stock takes */
			:: true ->		/* open_stock */
				count_stock(0);
#if LEVELS == 2
				if
				:: ok ->
					count_stock(1);
					if
					:: !ok -> c[0].w.stocks = c[0].w.stocks - 1
					:: else
					fi
				:: else
				fi;
#endif
				if
				:: ok ->
					atomic {
						if
						:: stock == 0 ->
							stock = 2; all_unused; have = false
						:: else -> ok = 0
						fi
					};
					if
					:: !ok -> uncount_stocks
					:: else
					fi
				:: else
				fi
			fi;
			if :: have -> all_give; have = false :: else fi
		:: else
		fi;
		atomic { in_op[me] = false; lim = 0; max = 0; min = 0; ok = 0; s.turn = 0; s.stocks = 0; s.held = 0 };
next:		skip
	:: else -> break
	od;
	done++
}

/* Let the terms of the counter READ change, in one step. */
inline change(newlim, newmax, newmin)
{
	skip;
	/* grace: those in an RCU section now must have left it */
	if
	:: !NO_GRACE -> !in_op[0]; !in_op[1]
	:: else
	fi;
	old = c[READ].w.turn;
	skip;
	if
	:: CHANGED_IN_PLACE -> atomic {	/* in place; only the limit */
		c[READ].t[old].lim = newlim
	   }
	:: else ->
		atomic {
			c[READ].t[1 - old].lim = newlim;
			c[READ].t[1 - old].max = (newmax -> 0 : c[READ].t[old].max);
			c[READ].t[1 - old].min = (newmin -> BIG : c[READ].t[old].min)
		};
		do
		:: skip;
		   if
		   :: c[READ].w.stocks > 0 && !FLIPPED_WITH_STOCKS -> recall(u, k)
		   :: else
		   fi;
		   atomic {
			if
			:: c[READ].w.stocks == 0 || FLIPPED_WITH_STOCKS ->
				c[READ].w.turn = 1 - old;
				if :: newmax -> gmax = real[READ] :: else fi;
				if :: newmin -> gmin = real[READ] :: else fi;
				flipped = true
			:: else
			fi
		   };
		   if :: flipped -> flipped = false; break :: else fi
		od;
		if
		:: !newmax -> atomic {
			if :: c[READ].t[old].max > c[READ].t[1 - old].max ->
				c[READ].t[1 - old].max = c[READ].t[old].max
			   :: else fi }
		:: else
		fi;
		if
		:: !newmin -> atomic {
			if :: c[READ].t[old].min < c[READ].t[1 - old].min ->
				c[READ].t[1 - old].min = c[READ].t[old].min
			   :: else fi }
		:: else
		fi
	fi
}

bit lock;	/* bc->lock: changer and reader */

proctype changer()
{
	byte u, k;
	bit old;
	bool flipped;

	atomic { !lock -> lock = 1 };
#if SCENE == 1 || SCENE == 5
	change(1, false, false);
#elif SCENE == 4
	change(2, false, false);
#elif SCENE == 2
	change(2, true, false);
#else
	change(2, false, true);
#endif
	lock = 0;
#if SCENE == 4
	atomic { !lock -> lock = 1 };
	change(1, false, false);
	lock = 0;
#endif
	done++
}

proctype reader()
{
	byte u, k, held, max, min;
	bit t;

	atomic { !lock -> lock = 1 };
	do
	:: t = c[READ].w.turn;
	   max = c[READ].t[t].max;
	   min = c[READ].t[t].min;
	   do
	   :: atomic {		/* the moment: what would be shown, if the second look agrees */
		if
		:: c[READ].w.stocks == 0 || READS_AT_HAND ->
			held = c[READ].w.held;
			u = 1;
			k = (held == real[READ] &&
			     (max > held -> max : held) == gmax &&
			     (min < held -> min : held) == gmin)
		:: else -> u = 0
		fi
	      };
	      if
	      :: u == 1 -> break
	      :: else -> recall(u, k)
	      fi
	   od;
	   if
	   :: c[READ].t[t].max == max && c[READ].t[t].min == min ->
		assert(k); break
	   :: else
	   fi
	od;
	lock = 0;
	done++
}

#if SCENE >= 4
#define PROCESSES 3
#else
#define PROCESSES 4
#endif

/* When all is given back, and recalled, nothing is counted. */
init {
	byte u, k;

	atomic {
		c[0].t[0].lim = 2;
		c[LEVELS - 1].t[0].lim = 2;
		run charger(0);
		run charger(1);
		run changer();
#if SCENE < 4
		run reader();
#endif
	}
	done == PROCESSES;
	recall(u, k);
	assert(c[0].w.held == 0 && c[0].w.stocks == 0 && real[0] == 0 && UNUSED)
}
