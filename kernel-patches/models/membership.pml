/*
 * Membership: fork, move, exec, exit and reaping, and the first mount and the last unmount beside them.  README.md says
 * how to run it.
 *
 * There are the top and two containers, A and B, at most three tasks, and one subsystem that counts them in both ways that
 * the framework knows: "charge" as ->can_attach() and ->attach() do, of the living; "num" as ->moving() and ->reaped() do,
 * of all that have a number.  One process, the hand, holds container_mutex and does what only its holder does.
 *
 *   here            C                                              file
 *   task_set_get    task_set_get()                                 internal.h
 *   charge_child    charge_child()                                 member.c
 *   cancel_fork     container_cancel_fork()                        member.c
 *   fork            kernel_clone(): container_fork_wait(); copy_process(): container_can_fork(), container_fork_stale(),
 *                   container_fork_again(), container_join()       0001-containers-core.patch, member.c
 *   in_set          container_task_set_lock() and what is done under the lock
 *   exit            PF_EXITING, __container_exit()                 member.c
 *   reap            container_reap_begin(), __exit_signal(), __container_reaped(), container_free()
 *   exec            de_thread(): the leader's number changes hands, release_task()
 *   list_task       move_list_task(), move_list()                  move.c
 *   prepare         move_prepare(), container_set_find()           move.c, set.c
 *   charge_for      move_charge()                                  move.c
 *   switch          move_switch()                                  move.c
 *   unmark          container_unmark_moved()                       member.c
 *   attach          container_attach(): move_round(), move_settle(), move_cancel(), move_free()
 *   move_pid        move_pid(), may_move()                         tasks.c
 *   remove          mark_removed(), container_sets_kill()          dir.c, set.c
 *   mount           container_tracking_start(), container_counting_start(), count_task()   tracking.c
 *   unmount         container_counting_stop(), uncount_task(), container_tracking_stop()   tracking.c
 *   grace           synchronize_rcu(): spinlocks with interrupts off are read sections, too
 *   look_key        static_branch_unlikely(&containers_tracked): many places that change one by one, and processors
 *                   that may see the old code until a grace period is over
 *
 * Not here: containers made by the kernel for a task, and kill.
 *
 * A scene, -DSCENE=n:
 *
 *   1  A task forks while it is moved from A to B and back; the child exits and is reaped.
 *   2  Of a group of two threads one makes a third, and exits, while the group is moved.
 *   3  A task exits and is reaped while it is moved from A to B and back.
 *   4  A thread executes a program while its group is moved by the leader's number.
 *   5  The first mount beside a fork, and beside the child's exit; then both are moved.
 *   6  The last unmount beside a fork, and beside the child's exit and reaping.
 *   7  A hierarchy ends and another begins beside a fork, and beside the child's exit and reaping.
 *   8  A task forks while it is moved, and what it leaves is removed, freed and made anew.
 *   9  A task exits in A, which is removed before it is reaped.
 *  10  As 5, but of a hierarchy where nobody counts; the child is moved, twice.
 *  11  As 6, but of a subsystem that does not count the dead.
 *
 * What holds in them: a child is born where its parent is, and charged there; threads of a group are in one container
 * whenever the siglock is free; there are never fewer charges than tasks, and as many in the end; the subsystem hears of
 * a task's moves in their order, then of its exit, and then of its reaping, each once, with the right state; a move that
 * is refused changes nothing; a move of a group with a living thread finds it, and leaves none behind; while a hierarchy
 * is mounted each living task is on a list, and counted; none hears of a hierarchy that has ended; nothing is used after it
 * has been freed.
 *
 * A switch breaks one step, and is found in a scene:
 *
 *   -DFORK_LOOKS_ONCE     1  fork does not look again whether its parent has moved
 *   -DFORK_KEEPS_CHARGE   1  a fork that has to ask again keeps its first charge
 *   -DCHARGE_LATE         1  the move charges the new state after the store
 *   -DTRANSFER_LATE       1  ->moving() is called after the store
 *   -DCANCELS_NOTHING     2  a move that is refused keeps what it has charged
 *   -DONE_ROUND           2  a thread that is born during the move is left behind
 *   -DFORK_DOES_NOT_WAIT  2  a clone that begins during the move does not wait, and so is born during it
 *   -DMOVE_OF_THE_DEAD    3  the move does not look whether the task is still on the list
 *   -DNO_MARK             3  exit and reaping are told before the move is
 *   -DSET_UNCHECKED       3  who has locked a set does not look whether the task is still there
 *   -DREAPED_IN_ORDER     3  only the exit waits for the move to be told, the reaping does not
 *   -DLEADER_ONLY         4  the move takes the siglock by the first task alone, and does not ask for the number again
 *   -DKEY_WITHOUT_GRACE   5  the lists begin before every exit looks at them
 *   -DMOVE_WITHOUT_GRACE 10  tasks are moved before births that the walk has met are through
 *   -DWALK_OF_THE_EXITING 5  the walk does not look at PF_EXITING
 *   -DJOIN_TWICE          5  fork does not look whether the walk has listed the child
 *   -DCOUNT_TWICE         5  the walk counts a task that has been counted when it was born
 *   -DCOUNT_WITHOUT_GRACE 5  the walk counts before births that have not seen the bit are listed
 *   -DSTALE_BIT           6  fork does not look whether counting has changed
 *   -DSTOP_WITHOUT_GRACE 11  the bits are taken before births that are counted are visible
 *   -DWALK_TAKES_THE_DEAD 6  the walk of the lists takes the bits of a task that has just left them
 *   -DDEAD_WITHOUT_GRACE  6  the dead are looked for before the exits under way have told of themselves
 *   -DEND_WITHOUT_GRACE   6  the hierarchy ends before those who have taken a bit are through
 *   -DREAP_WITHOUT_RCU    6  who reaps is not waited for
 *   -DNO_REFERENCE        8  a child that is being made has no reference to its set
 *   -DSET_WITHOUT_RCU     8  fork takes its reference without rcu_read_lock()
 *   -DEXIT_PUTS           9  exit drops the reference that reaping needs
 */

#ifndef SCENE
#define SCENE 1
#endif

#define TASKS	3
#define SETS	4		/* addresses; 0 is init_container_set */
#define TOP	0
#define A	1
#define B	2
#define NONE	7

#define COUNTS	(SCENE != 10)
#define REAPS	(SCENE != 11)	/* the subsystem has ->reaped() */
#define BEGINS	(SCENE == 5 || SCENE == 10)	/* with nothing mounted */
#define THREADS	(SCENE == 2 || SCENE == 4)

/* Tasks.  All are of group 0 where the scene has threads, else each is of its own. */
#define group(t)	(THREADS -> 0 : (t))

byte at[TASKS];			/* ->containers */
bool visible[TASKS];		/* on the lists of all tasks and threads */
bool listed[TASKS];		/* on its set's list */
bool exiting[TASKS];		/* PF_EXITING */
bool dead[TASKS];		/* has been through container_exit() */
bool bit_of[TASKS];		/* ->container_counted: the subsystem's bit, */
bool moved[TASKS];		/* COUNTED_MOVED, */
bool reaped[TASKS];		/* COUNTED_REAPED */
byte pins[TASKS];		/* get_task_struct() */
bool reading[TASKS];		/* in an RCU read section */
bool siglock[TASKS];		/* by group */
byte owner;			/* of the leader's number */

/* Sets. */
byte cont[SETS];		/* its container */
byte refs[SETS];
bool freed[SETS];
bool gone[SETS];		/* ->dead */
bool lock[SETS];
bool destroyed[3];		/* a container's memory */

/* The framework. */
byte key = 2;			/* containers_tracked: 0 off, 1 turning, 2 on */
bool tracking = true;
bool counting = true;
byte moving = NONE;		/* container_moving, a group */

/* The subsystem. */
byte charge[3];
byte num[3];

/* What the assertions alone look at. */
byte told[TASKS] = NONE;	/* where the subsystem has heard the task is */
bool told_exit[TASKS];
bool told_reaped[TASKS];
bool mounted = true;		/* the mount is over, the unmount has not begun */
bool ended;			/* the unmount is over */
bool switching;			/* a move holds two sets' locks */
bool hand_done;
byte running;

#define in_charge(t, c)	(listed[t] && bit_of[t] && cont[at[t]] == c)
#define in_num(t, c)	(bit_of[t] && visible[t] && cont[at[t]] == c)
#define charged(c)	(in_charge(0, c) + in_charge(1, c) + in_charge(2, c))
#define numbered(c)	(in_num(0, c) + in_num(1, c) + in_num(2, c))
#define alive(t)	(visible[t] && !exiting[t])

/* The subsystem's callbacks. */

inline ss_can_fork(c, v)
{
	d_step {
		assert(!destroyed[c]);
		charge[c] = charge[c] + 1;
		num[c] = num[c] + 1;
		told[v] = c
	}
}

inline ss_cancel_fork(c, v)
{
	d_step {
		assert(!destroyed[c] && charge[c] > 0 && num[c] > 0);
		charge[c] = charge[c] - 1;
		num[c] = num[c] - 1;
		told[v] = NONE
	}
}

inline ss_exit(c, v)
{
	d_step {
		assert(!ended && !destroyed[c]);
		assert(told[v] == c && !told_exit[v] && charge[c] > 0);
		charge[c] = charge[c] - 1;
		num[c] = num[c] - !REAPS;
		told_exit[v] = true;
		told_reaped[v] = !REAPS
	}
}

inline ss_reaped(c, v)
{
	d_step {
		assert(!ended && !destroyed[c]);
		assert(told[v] == c && told_exit[v] && !told_reaped[v] && num[c] > 0);
		num[c] = num[c] - 1;
		told_reaped[v] = true
	}
}

/* Let the subsystem forget the exit, too: a later hierarchy counts the task anew. */
inline forget(v)
{
	d_step {
		if
		:: told_reaped[v] ->
			told[v] = NONE;
			told_exit[v] = false;
			told_reaped[v] = false
		:: else
		fi
	}
}

/* The task is counted where it goes before anybody finds it there. */
inline ss_moving(c, d)
{
	d_step {
		if
		:: COUNTS ->
			num[c] = num[c] + 1;
			assert(num[c] > numbered(c) && num[d] > 0);
			num[d] = num[d] - 1
		:: else
		fi
	}
}

/* Sets. */

inline put(x)
{
	d_step {
		if
		:: x != 0 -> assert(refs[x] > 0); refs[x] = refs[x] - 1
		:: else
		fi
	}
}

/* Do what @body does with the set s that @t is in, under its lock. */
#ifdef SET_UNCHECKED
#define still(t)	true
#else
#define still(t)	(s == at[t])
#endif
#define in_set(t, body)							\
	do								\
	:: s = at[t];							\
	   assert(!freed[s]);						\
	   atomic {							\
		!lock[s] ->						\
		if							\
		:: still(t) -> body; break				\
		:: else							\
		fi							\
	   }								\
	od

inline look_key()
{
	if
	:: key != 0 -> k = true
	:: key != 2 -> k = false
	fi
}

/* Fork: of task @p, in whose process this is, a child @c. */

inline task_set_get(p)
{
#ifndef SET_WITHOUT_RCU
	reading[p] = true;
#endif
	do
	:: s = at[p];
	   atomic {
		assert(!freed[s]);
		if
		:: s == 0 || refs[s] > 0 ->
#ifndef NO_REFERENCE
			if
			:: s != 0 -> refs[s] = refs[s] + 1
			:: else
			fi;
#endif
			reading[p] = false;
			break
		:: else
		fi
	   }
	od
}

/* Sets failed. */
inline charge_child(p, c)
{
	task_set_get(p);
	b = counting;
	atomic {
		at[c] = s;
		asked = true;
		bit_of[c] = b
	};
	if
	:: b -> assert(!freed[s]); ss_can_fork(cont[s], c)
	:: b -> bit_of[c] = false; failed = true	/* refused */
	:: !b
	fi
}

inline cancel_fork(c)
{
	s = at[c];
	if
	:: bit_of[c] -> assert(!freed[s]); ss_cancel_fork(cont[s], c)
	:: else
	fi;
	atomic {
		bit_of[c] = false;
		at[c] = 0;
		asked = false;
#ifndef NO_REFERENCE
		put(s)
#endif
	}
}

inline fork(p, c)
{
#ifdef FORK_DOES_NOT_WAIT
	late = moving == group(p);
#else
	moving != group(p);
#endif
	look_key();
	if
	:: k -> charge_child(p, c)
	:: else
	fi;
	do
	:: failed -> cancel_fork(c); break
	:: else ->
		atomic { !siglock[group(p)] -> siglock[group(p)] = true; reading[p] = true };
		if
		:: failed = true	/* a signal */
		:: skip
		fi;
		look_key();
#ifdef FORK_LOOKS_ONCE
		stale = false;
#else
#ifdef STALE_BIT
		stale = (k || asked || bit_of[c]) && (at[c] != at[p] || !asked);
#else
		stale = (k || asked || bit_of[c]) && (at[c] != at[p] || !asked || bit_of[c] != counting);
#endif
#endif
		if
		:: failed || stale ->
			atomic { siglock[group(p)] = false; reading[p] = false };
			if
			:: failed -> cancel_fork(c); break
			:: else ->
#ifdef FORK_KEEPS_CHARGE
				bit_of[c] = false;
#endif
				cancel_fork(c);
				charge_child(p, c)
			fi
		:: else ->
			d_step {
				visible[c] = true;
				assert(at[c] == at[p] && !freed[at[c]]);
				assert(!bit_of[c] || told[c] == cont[at[c]]);
				assert(!gone[at[c]]);
				assert(!late || moving != group(p));
				s = at[c]
			};
			look_key();
			if
			:: k && tracking ->
				atomic {
					!lock[s] ->
#ifndef JOIN_TWICE
					if
					:: !listed[c] -> assert(s == at[c]); listed[c] = true
					:: else
					fi
#else
					assert(!listed[c]);
					listed[c] = true
#endif
				}
			:: else
			fi;
			atomic { siglock[group(p)] = false; reading[p] = false };
			break
		fi
	od;
	atomic {
		stale = false;
		asked = false;
		late = false;
		b = false;
		k = false;
		s = 0
	}
}

/* Exit and reaping, of task @t; the latter by the process of @r. */

inline exit(w)
{
	exiting[w] = true;
	look_key();
	if
	:: k ->
		reading[w] = true;
		in_set(w, listed[w] = false; b = bit_of[w] && !moved[w]; bit_of[w] = bit_of[w] && (moved[w] || REAPS));
#ifdef EXIT_PUTS
		put(s);
#endif
		if
		:: b -> assert(!freed[s]); ss_exit(cont[s], w)
		:: else
		fi;
		reading[w] = false
	:: else
	fi;
	atomic { dead[w] = true; k = false; b = false; s = 0 }
}

#ifdef REAPED_IN_ORDER
#define reaps(t)	b = bit_of[t]; bit_of[t] = false
#else
#define reaps(t)	b = bit_of[t] && !moved[t]; reaped[t] = moved[t]; bit_of[t] = bit_of[t] && moved[t]
#endif

inline reap(w, by)
{
#ifndef REAP_WITHOUT_RCU
	reading[by] = true;
#endif
	atomic { !siglock[group(w)] -> visible[w] = false };
	look_key();
	if
	:: k && (bit_of[w] || moved[w]) ->
		in_set(w, reaps(w));
		if
		:: b -> assert(!freed[s]); ss_reaped(cont[s], w)
		:: else
		fi
	:: else
	fi;
	reading[by] = false;
	pins[w] == 0;
	atomic {
#ifndef EXIT_PUTS
		put(at[w]);
#endif
		k = false;
		b = false;
		s = 0
	}
}

/* The process of task @t, which makes @child, or none, and may then exit and be reaped. */
proctype Task(byte t; byte child; bool exits)
{
	byte s;
	bool k, b, asked, failed, stale, late;

	if
	:: child != NONE ->
		fork(t, child);
		if
		:: !failed -> run Task(child, NONE, true)
		:: else -> running--
		fi;
		failed = false
	:: else
	fi;
	if
	:: exits -> exit(t); reap(t, t)
	:: else
	fi;
	running--
}

/* The leader, task 0, is killed by the thread that executes a program. */
bool killed;

proctype Leader()
{
	byte s;
	bool k, b;

	killed;
	exit(0);
	running--
}

proctype Exec()
{
	byte s;
	bool k, b;

	killed = true;
	dead[0];
	owner = 1;
	reap(0, 1);
	running--
}

/* The hand. */

#define HAND								\
	byte s, i, n, t, to, count, prepared, ready, room, seen, task;		\
	byte mt[TASKS], mfrom[TASKS], mto[TASKS];			\
	bool mcharged[TASKS], mmoved[TASKS], mmarked[TASKS];		\
	bool b, found, complete, done, some_there, any_moved, refused, was_reaped; \
	byte ret, x, y

#define OK	0
#define ESRCH	1
#define REFUSED	2

/* Wait until all who are in a read section now have left it. */
inline grace()
{
	!reading[0];
	!reading[1];
	!reading[2]
}

/* Find or make the set for container @c, with a reference: sets x. */
inline set_find(c)
{
	atomic {
		x = 1;
		do
		:: x == SETS || (refs[x] > 0 && cont[x] == c && !gone[x] && !freed[x]) -> break
		:: else -> x++
		od;
		if
		:: c == TOP -> x = 0
		:: c != TOP && x < SETS -> refs[x] = refs[x] + 1
		:: else ->
			x = 1;
			do
			:: freed[x] -> break
			:: else -> x++
			od;
			assert(x < SETS);
			freed[x] = false;
			refs[x] = 1;
			cont[x] = c;
			gone[x] = false
		fi
	}
}

/* kfree_rcu() of the sets that nobody refers to; of their containers, if removed. */
inline collect()
{
	y = 1;
	do
	:: y == SETS -> break
	:: else ->
		if
		:: !freed[y] && refs[y] == 0 ->
			grace();
			d_step { freed[y] = true; destroyed[cont[y]] = gone[y]; cont[y] = 0 }
		:: else
		fi;
		y++
	od;
	y = 0
}

inline list_task(u)
{
	d_step {
		if
		:: !visible[u] || !listed[u]
		:: else ->
			found = true;
			if
			:: cont[at[u]] == to -> some_there = true
			:: else ->
				do
				:: seen < count && mt[seen] != u -> seen++
				:: else -> break
				od;
				if
				:: seen == count && count < room ->
					mt[count] = u;
					mfrom[count] = at[u];
					pins[u] = pins[u] + 1;
					count++
				:: else
				fi;
				seen++
			fi
		fi
	}
}

inline prepare(j)
{
	if
	:: true ->
		set_find(to);
		mto[j] = x;
		prepared++
	:: SCENE == 2 -> refused = true
	fi
}

inline charge_for(j)
{
	if
	:: true ->
#ifndef CHARGE_LATE
		charge[to] = charge[to] + COUNTS;
#endif
		mcharged[j] = true
	:: SCENE == 2 -> refused = true
	fi
}

inline switch(j)
{
	t = mt[j];
	atomic { !lock[mfrom[j]] -> lock[mfrom[j]] = true };
	atomic { !lock[mto[j]] -> lock[mto[j]] = true; switching = true };
#ifdef MOVE_OF_THE_DEAD
	if
	:: true ->
#else
	if
	:: listed[t] ->
#endif
#ifndef TRANSFER_LATE
		ss_moving(to, cont[mfrom[j]]);
#endif
		listed[t] = false;
		at[t] = mto[j];
#ifdef TRANSFER_LATE
		ss_moving(to, cont[mfrom[j]]);
#endif
#ifndef NO_MARK
		if
		:: bit_of[t] -> moved[t] = true; mmarked[j] = true
		:: else
		fi;
#endif
		mmoved[j] = true;
		any_moved = true;
		listed[t] = true
	:: else
	fi;
	atomic { lock[mto[j]] = false; lock[mfrom[j]] = false; switching = false }
}

inline unmark(m)
{
	in_set(m, b = listed[m]; moved[m] = moved[m] && !b);
	if
	:: b
	:: else ->
		if
		:: bit_of[m] -> ss_exit(cont[s], m)
		:: else
		fi;
		in_set(m, was_reaped = reaped[m]; b = bit_of[m]; moved[m] = false; reaped[m] = false; b = b && REAPS; bit_of[m] = b && !was_reaped);
		if
		:: was_reaped && b -> ss_reaped(cont[s], m)
		:: else
		fi
	fi;
	b = false;
	was_reaped = false;
	s = 0
}

inline round()
{
	/* make room */
	if
	:: THREADS && visible[0] + visible[1] + visible[2] > room -> room = visible[0] + visible[1] + visible[2]
	:: else
	fi;
	if
	:: count + 1 > room -> room = count + 1
	:: else
	fi;
	found = false;
	i = 0;
	do
	:: i > count -> break
	:: else ->
		n = (i == 0 -> task : mt[i - 1]);
		if
		:: atomic { visible[n] && !siglock[group(n)] -> siglock[group(n)] = true };
			seen = 0;
			some_there = false;
			if
			:: THREADS -> list_task(0); list_task(1); list_task(2)
			:: else -> list_task(task)
			fi;
			complete = seen <= count;
#ifdef ONE_ROUND
			complete = true;
			if
			:: count > ready && ready > 0 -> count--; pins[mt[count]] = pins[mt[count]] - 1
			:: else
			fi;
#endif
			if
			:: complete && ready == count ->
				i = 0;
				do
				:: i == count -> break
				:: else -> switch(i); i++
				od;
				done = true
			:: else
			fi;
			siglock[group(n)] = false;
			break
		:: atomic { !visible[n] ->
#ifdef LEADER_ONLY
			break
#else
			i++
#endif
		   }
		fi
	od;
	if
	:: !found -> ret = ESRCH
	:: else ->
		do
		:: prepared == count || refused -> break
		:: else -> prepare(prepared)
		od;
		do
		:: ready == count || refused -> break
		:: else ->
			charge_for(ready);
			if
			:: refused
			:: else -> ready++
			fi
		od;
		if
		:: refused -> ret = REFUSED
		:: else
		fi
	fi;
	i = 0;
	n = 0
}

/* Move task @of_whom, or where the scene has threads its group, to container @c. */
inline attach(c, of_whom)
{
	to = c;
	task = of_whom;
	ret = OK;
	if
	:: THREADS -> moving = group(task)
	:: else
	fi;
	do
	:: round();
	   if
	   :: ret != OK || done -> break
	   :: else
	   fi
	od;
	moving = NONE;
	i = 0;
	do
	:: i == count -> break
	:: else ->
		if
		:: mmoved[i] ->
			d_step {
				assert(told[mt[i]] == cont[mfrom[i]] || !bit_of[mt[i]]);
				assert(!told_exit[mt[i]]);
#ifdef CHARGE_LATE
				charge[to] = charge[to] + COUNTS;
#endif
				assert(charge[cont[mfrom[i]]] >= COUNTS);
				charge[cont[mfrom[i]]] = charge[cont[mfrom[i]]] - COUNTS;
				told[mt[i]] = to
			};
			if
			:: mmarked[i] -> unmark(mt[i])
			:: else
			fi;
			put(mfrom[i])
		:: else ->
#ifndef CANCELS_NOTHING
			if
			:: mcharged[i] -> charge[to] = charge[to] - COUNTS
			:: else
			fi;
#endif
			if
			:: i < prepared -> put(mto[i])
			:: else
			fi
		fi;
		d_step {
			pins[mt[i]] = pins[mt[i]] - 1;
			mt[i] = 0;
			mfrom[i] = 0;
			mto[i] = 0;
			mcharged[i] = false;
			mmoved[i] = false;
			mmarked[i] = false
		};
		i++
	od;
	i = 0;
	d_step {
		assert(ret == OK || !any_moved);
		if
		:: ret == OK && !any_moved && !some_there -> ret = ESRCH
		:: else
		fi;
		t = 0;
		x = 0;
		count = 0;
		prepared = 0;
		ready = 0;
		room = 0;
		seen = 0;
		task = 0;
		done = false;
		found = false;
		complete = false;
		some_there = false;
		any_moved = false;
		refused = false
	}
}

/* Move the group that has the leader's number, as writers of "procs" do. */
inline move_pid(c)
{
	do
	:: atomic { task = owner; pins[task] = pins[task] + 1; n = task };
	   y = n;
	   if
	   :: alive(0) || alive(1) || alive(2) -> attach(c, y)
	   :: else -> ret = ESRCH
	   fi;
	   pins[y] = pins[y] - 1;
#ifdef LEADER_ONLY
	   break
#else
	   if
	   :: ret == ESRCH && owner != y
	   :: else -> break
	   fi
#endif
	od;
	y = 0
}

/* rmdir */
inline remove(c)
{
	if
	:: cont[at[0]] == c && listed[0] || cont[at[1]] == c && listed[1] || cont[at[2]] == c && listed[2]
	:: else ->
		d_step {
			x = 1;
			do
			:: x == SETS -> break
			:: else ->
				gone[x] = gone[x] || (cont[x] == c && !freed[x]);
				x++
			od;
			x = 0
		}
	fi
}

inline track(u)
{
	if
	:: visible[u] ->
#ifdef WALK_OF_THE_EXITING
		in_set(u, listed[u] = true)
#else
		in_set(u, listed[u] = listed[u] || !exiting[u])
#endif
	:: else
	fi
}

inline count_task(u)
{
	if
#ifdef COUNT_TWICE
	:: listed[u] ->
#else
	:: listed[u] && !bit_of[u] ->
#endif
		pins[u] = pins[u] + 1;
		charge[TOP] = charge[TOP] + 1;
		in_set(u, b = listed[u]; bit_of[u] = bit_of[u] || b; moved[u] = moved[u] || b);
		if
		:: b ->
			d_step {
				assert(told[u] == NONE);
				num[TOP] = num[TOP] + 1;
				told[u] = TOP
			};
			unmark(u)
		:: else -> charge[TOP] = charge[TOP] - 1
		fi;
		b = false;
		s = 0;
		pins[u] = pins[u] - 1
	:: else
	fi
}

inline mount()
{
	ended = false;
	key = 1;
#ifndef KEY_WITHOUT_GRACE
	grace();
	key = 2;
#endif
	tracking = true;
	grace();
	key = 2;
	track(0);
	track(1);
	track(2);
#ifndef MOVE_WITHOUT_GRACE
	grace();
#endif
	if
	:: COUNTS ->
		counting = true;
#ifndef COUNT_WITHOUT_GRACE
		grace();
#endif
		count_task(0);
		count_task(1);
		count_task(2)
	:: else
	fi;
	mounted = true
}

inline uncount(u, dead_too)
{
#ifdef WALK_TAKES_THE_DEAD
	in_set(u, found = listed[u]; b = bit_of[u]; bit_of[u] = false);
#else
	in_set(u, found = listed[u]; b = bit_of[u] && (found || dead_too); bit_of[u] = bit_of[u] && !b);
#endif
	if
	:: b && found -> ss_exit(cont[s], u)
	:: else
	fi;
	if
	:: b && REAPS -> ss_reaped(cont[s], u)
	:: else
	fi;
	found = false;
	b = false;
	s = 0
}

inline untrack(u)
{
	atomic { !lock[0] -> listed[u] = false }
}

inline unmount()
{
	mounted = false;
	counting = false;
#ifndef STOP_WITHOUT_GRACE
	grace();
#endif
	if :: listed[0] -> uncount(0, false) :: else fi;
	if :: listed[1] -> uncount(1, false) :: else fi;
	if :: listed[2] -> uncount(2, false) :: else fi;
	if
	:: REAPS ->
#ifndef DEAD_WITHOUT_GRACE
		grace();
#endif
		if :: visible[0] && bit_of[0] -> uncount(0, true) :: else fi;
		if :: visible[1] && bit_of[1] -> uncount(1, true) :: else fi;
		if :: visible[2] && bit_of[2] -> uncount(2, true) :: else fi
	:: else
	fi;
#ifndef END_WITHOUT_GRACE
	grace();
#endif
	ended = true;
	tracking = false;
	grace();
	untrack(0);
	untrack(1);
	untrack(2);
	key = 1
}

proctype Hand()
{
	HAND;

#if SCENE == 1 || SCENE == 3
	attach(B, 0);
	attach(A, 0)
#elif SCENE == 2
	attach(B, 0);
	d_step {
		assert(ret != ESRCH);
		assert(ret != OK || (!listed[0] || cont[at[0]] == B) && (!listed[1] || cont[at[1]] == B) && (!listed[2] || cont[at[2]] == B))
	}
#elif SCENE == 4
	move_pid(B);
	d_step {
		assert(ret == OK);
		assert((!listed[0] || cont[at[0]] == B) && (!listed[1] || cont[at[1]] == B))
	}
#elif SCENE == 5
	mount();
	attach(A, 0);
	attach(A, 1)
#elif SCENE == 10
	mount();
	attach(A, 1);
	attach(B, 1)
#elif SCENE == 6 || SCENE == 11
	unmount()
#elif SCENE == 7
	unmount();
	forget(0);
	forget(1);
	mount()
#elif SCENE == 8
	attach(TOP, 0);
	remove(A);
	collect();
	attach(B, 0)
#elif SCENE == 9
	remove(A);
	collect()
#endif
	;
	hand_done = true;
	running--
}

/* Let task @u live in the container that set @x stands for. */
inline begin(u, x)
{
	at[u] = x;
	visible[u] = true;
	if
	:: x != 0 -> refs[x] = refs[x] + 1
	:: else
	fi;
	if
	:: !BEGINS ->
		listed[u] = true;
		bit_of[u] = true;
		charge[cont[x]] = charge[cont[x]] + 1;
		num[cont[x]] = num[cont[x]] + 1;
		told[u] = cont[x]
	:: else
	fi
}

init
{
	atomic {
		cont[1] = A;
		cont[2] = B;
		freed[2] = true;
		freed[3] = true;
#if SCENE == 1
		begin(0, 1);
		running = 3;
		run Task(0, 1, false);
#elif SCENE == 2
		begin(0, 1);
		begin(1, 1);
		running = 3;
		run Task(1, 2, true);
#elif SCENE == 3
		begin(0, 1);
		running = 2;
		run Task(0, NONE, true);
#elif SCENE == 4
		begin(0, 1);
		begin(1, 1);
		running = 3;
		run Leader();
		run Exec();
#elif BEGINS
		freed[1] = true;
		key = 0;
		tracking = false;
		counting = false;
		mounted = false;
		begin(0, 0);
		running = 3;
		run Task(0, 1, false);
#elif SCENE == 6 || SCENE == 11
		freed[1] = true;
		begin(0, 0);
		running = 3;
		run Task(0, 1, false);
#elif SCENE == 7
		freed[1] = true;
		begin(0, 0);
		running = 3;
		run Task(0, 1, false);
#elif SCENE == 8
		begin(0, 1);
		running = 3;
		run Task(0, 1, false);
#elif SCENE == 9
		begin(0, 1);
		running = 2;
		run Task(0, NONE, true);
#endif
		run Hand();
	}
	running == 0;
	assert(charge[TOP] == charged(TOP) && charge[A] == charged(A) && charge[B] == charged(B));
	assert(num[TOP] == numbered(TOP) && num[A] == numbered(A) && num[B] == numbered(B));
	assert(!moved[0] && !moved[1] && !moved[2]);
	assert(!mounted || listed[0] == alive(0) && listed[1] == alive(1) && listed[2] == alive(2));
	assert(!mounted || !COUNTS || bit_of[0] == visible[0] && bit_of[1] == visible[1] && bit_of[2] == visible[2]);
	assert(mounted || !listed[0] && !listed[1] && !listed[2]);
}

/* What must hold all the time. */
#define enough		(charge[TOP] >= charged(TOP) && charge[A] >= charged(A) && charge[B] >= charged(B))
#define enough_num	(!mounted || switching || num[TOP] >= numbered(TOP) && num[A] >= numbered(A) && num[B] >= numbered(B))
#define together	(!THREADS || siglock[0] || \
			 (!listed[0] || !listed[1] || at[0] == at[1]) && (!listed[1] || !listed[2] || at[1] == at[2]) && \
			 (!listed[0] || !listed[2] || at[0] == at[2]))
#define all_listed	(!mounted || switching || (!alive(0) || listed[0]) && (!alive(1) || listed[1] || siglock[0] || siglock[1]) && \
			 (!alive(2) || listed[2] || siglock[0]))
#define right		(enough && enough_num && together && all_listed)

active proctype Always()
{
end:	atomic { !right -> assert(enough); assert(enough_num); assert(together); assert(all_listed) }
}
