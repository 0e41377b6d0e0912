/*
 * The charges of BeanCounters: two tasks that charge and give back, one that lowers and raises limits and resets
 * extremes, one that reads; a container below its parent, one CPU's stock, one resource.
 *
 *	spin -run -safety -DMEMLIM=8000 bc.pml		no error: what bc_counter.h promises holds in every interleaving
 *	spin -run -safety -DBREAK=n bc.pml		n from 1 to 11, below: an error, or the model would prove nothing
 *	spin -run -safety -DREAD=0 ...			the reader and the changer at the container instead of its parent
 *
 * Seen so far: without a BREAK and with -DROUNDS=1, 34 million states without an error, the search not complete; an assertion
 * that fails with BREAK 1, 4, 5 and 10.  3 and 11 found none within a minute; 2, 6, 7, 8 and 9 have not been seen to fail yet.
 *
 * Each line that touches what others see is one step. What it stands for in kernel/container/:
 *
 *	step here				there
 *	take: reads, notes, change		take(), bc_charge.c
 *	give: reads, notes, change		give_back(), bc_charge.c
 *	fast_take, fast_give			bc_charge_at_hand(), bc_uncharge_at_hand(), bc.h
 *	open_stock: count, publish, undo	count_stock(), bc_open_stock(), bc_stock.c
 *	recall: xchg, then level by level	recall_stock(), bc_stock.c
 *	charge, with its undo			charge_path(), bc_charge.c
 *	change: grace, fill, flip, merge	change_terms(), bc_terms.c
 *	reader: look, state, look again		bc_read(), bc_terms.c
 *	enter, leave, grace			rcu_read_lock(), rcu_read_unlock(), cond_synchronize_rcu()
 *
 * What is really in use is kept beside it, in variables that only the assertions look at: real, gmax, gmin. The turn of
 * a state, its stocks and its held are one word there, and are read and changed together here.
 *
 * BREAK	what is done wrong
 *	1	who refuses does not recall what is at hand
 *	2	with stocks, a charge does not look at maxheld
 *	3	an extreme is noted after it has been left
 *	4	terms are changed where they are, without a turn
 *	5	terms are filled without a grace period
 *	6	a stock is opened without a note of what is held
 *	7	a stock is opened though minheld is not 0
 *	8	the turn is flipped while there are stocks
 *	9	a stock is opened above the barrier
 *	10	who is refused by the parent keeps what it took below
 *	11	the reader does not recall
 */
#ifndef BREAK
#define BREAK 0
#endif
#ifndef READ
#define READ 1
#endif
#ifndef ROUNDS
#define ROUNDS	2		/* of the first charger; the second has one */
#endif
#define BIG	7		/* no minimum has been left yet */
#define LEVELS	2

typedef word { bit turn; byte stocks; byte held };
typedef terms { byte lim; byte max; byte min };
typedef counter { word w; terms t[2] };

counter c[LEVELS];		/* 0 is the container, 1 its parent */
byte stock;			/* 0: none, else 1 + units at hand, at most one */
byte real[LEVELS], gmax[LEVELS], gmin[LEVELS];
bool in_op[3];			/* RCU sections: two chargers, the reader */
byte ops[3];
byte done;

#define LIM(l)		c[l].t[c[l].w.turn].lim

inline used(l)			/* one unit more is in use at this level */
{
	real[l]++;
	assert(real[l] <= LIM(l));
	if :: real[l] > gmax[l] -> gmax[l] = real[l] :: else fi
}

inline unused(l)
{
	assert(real[l] > 0);
	real[l]--;
	if :: real[l] < gmin[l] -> gmin[l] = real[l] :: else fi
}

inline enter(me) { atomic { in_op[me] = true; ops[me]++ } }
inline leave(me) { in_op[me] = false }

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
	fi
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
		:: BREAK != 3 ->
			atomic { if :: s.held < c[l].t[s.turn].min -> c[l].t[s.turn].min = s.held :: else fi }
		:: else
		fi
	   :: s.stocks > 0 && BREAK == 1 && s.held + 1 > lim ->
		atomic {
			if :: SAME(l) -> assert(real[l] + 1 > lim) :: else fi;
			ok = 0
		}; break
	   :: s.stocks > 0 && (s.held + 1 > lim && BREAK != 1 || s.held + 1 > max && BREAK != 2) ->
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
		:: BREAK == 3 ->
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
	   :: s.stocks == 0 && BREAK != 3 ->
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
		:: BREAK == 3 && s.stocks == 0 ->
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
	   :: s.held > lim && BREAK != 9 || min > 0 && BREAK != 7 -> ok = 0; break
	   :: else
	   fi;
	   if
	   :: s.stocks == 0 && BREAK != 6 ->
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

active [2] proctype charger()
{
	word s;
	byte lim, max, min, u, k, ok, round, me = _pid;
	bool have;

	do
	:: round < (me == 0 -> ROUNDS : 1) ->
		round++;
		/* charge */
		enter(me);
		have = false;
		atomic {		/* fast_take */
			if
			:: stock > 1 -> stock--; used(0); used(1); have = true
			:: else
			fi
		};
		if
		:: !have ->
			take(0);
			if
			:: ok ->
				take(1);
				if
				:: ok -> have = true
				:: else ->
					if :: BREAK != 10 -> give(0) :: else fi
				fi
			:: else
			fi
		:: else
		fi;
		leave(me);
		if :: !have -> goto next :: else fi;

		/* give back */
		enter(me);
		atomic {		/* fast_give */
			if
			:: stock == 1 -> stock = 2; unused(0); unused(1); have = false
			:: else
			fi
		};
		if
		:: have ->
			if
			:: true -> ok = 0	/* quiet, or more than a stock takes */
			:: true ->		/* open_stock */
				count_stock(0);
				if
				:: ok ->
					count_stock(1);
					if
					:: ok ->
						atomic {
							if
							:: stock == 0 ->
								stock = 2; unused(0); unused(1); have = false
							:: else -> ok = 0
							fi
						};
						if
						:: !ok ->
							atomic { c[0].w.stocks = c[0].w.stocks - 1 };
							atomic { c[1].w.stocks = c[1].w.stocks - 1 }
						:: else
						fi
					:: else -> atomic { c[0].w.stocks = c[0].w.stocks - 1 }
					fi
				:: else
				fi
			fi;
			if :: have -> give(0); give(1); have = false :: else fi
		:: else
		fi;
		leave(me);
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
	:: BREAK != 5 ->
		k = 0;
		do
		:: k < 3 ->
			u = ops[k];
			!in_op[k] || ops[k] != u;
			k++
		:: else -> break
		od
	:: else
	fi;
	old = c[READ].w.turn;
	skip;
	if
	:: BREAK == 4 -> atomic {	/* in place; only the limit */
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
		   :: c[READ].w.stocks > 0 && BREAK != 8 -> recall(u, k)
		   :: else
		   fi;
		   atomic {
			if
			:: c[READ].w.stocks == 0 || BREAK == 8 ->
				c[READ].w.turn = 1 - old;
				if :: newmax -> gmax[READ] = real[READ] :: else fi;
				if :: newmin -> gmin[READ] = real[READ] :: else fi;
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

active proctype changer()
{
	byte u, k;
	bit old;
	bool flipped;

	atomic { !lock -> lock = 1 };
	change(1, false, false);
	lock = 0;
	atomic { !lock -> lock = 1 };
	if
	:: true -> change(1, true, false)
	:: true -> change(1, false, true)
	:: true -> change(2, false, false)
	fi;
	lock = 0;
	done++
}

active proctype reader()
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
		:: c[READ].w.stocks == 0 || BREAK == 11 ->
			held = c[READ].w.held;
			u = 1;
			k = (held == real[READ] &&
			     (max > held -> max : held) == gmax[READ] &&
			     (min < held -> min : held) == gmin[READ])
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

init {
	atomic {
		c[0].t[0].lim = 2;
		c[1].t[0].lim = 2
	}
}

/* When all is given back, and recalled, nothing is counted. */
active proctype end_of_all()
{
	byte u, k;

	done == 4;
	recall(u, k);
	assert(c[0].w.held == 0 && c[0].w.stocks == 0 && c[1].w.held == 0 && c[1].w.stocks == 0);
	assert(real[0] == 0 && real[1] == 0)
}
