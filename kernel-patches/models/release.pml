/*
 * What happens when a container falls empty: its release agent, and its removal by auto_delete, beside whatever brings it
 * back to life.  README.md says how to run it.
 *
 * There are a container P and C, a child of it.  What is done under a container's lock is one step here.
 *
 *   here             C                                           file
 *   is_empty         is_empty()                                  release.c
 *   queue_release    queue_release()                             release.c
 *   queue_delete     queue_delete()                              release.c
 *   check_release    container_check_release()                   release.c
 *   take_back        container_take_back_release()               release.c
 *   busy_inc         container_busy_inc(), and _locked()         release.c
 *   busy_dec         container_busy_dec(), and _locked()         release.c
 *   arrive, leave    container_set_arrive(), container_set_leave()   internal.h
 *   move_on          move_switch(), between two sets of one container   move.c
 *   tryget, put_css  container_css_tryget(), container_css_put() css.c
 *   keep, unkeep     container_keep(), container_unkeep()        release.c
 *   make             container_mkdir(), container_create(), link_child()   dir.c
 *   remove           container_remove(), mark_removed(), uncount_child()   dir.c
 *   Agents           release_workfn(), settle_release(), prepare_release(), run_agent(), agent_init()
 *   Deleter          delete_workfn(), settle_delete()            release.c
 *   TurnsOff         write_notify_on_release()                   file.c
 *   TurnsDeleteOn    write_auto_delete()                         file.c
 *
 * A scene, -DSCENE=n.  To start an agent may fail for want of memory in each, a bounded number of times:
 *
 *   1  notify_on_release: C's task leaves, comes back and leaves.
 *   2  The same beside a reference to a state of C.
 *   3  The same of two sets of C, each with a task.
 *   4  notify_on_release and auto_delete: C's task leaves, comes back and leaves.
 *   5  auto_delete in C and in P, which has no task: C's task leaves and comes back.
 *   6  notify_on_release in P: a child is made and removed while P's task leaves.
 *   7  auto_delete in P: a child is made, or cannot be made, while P's task leaves.
 *   8  A user removes C while it is released, by notify_on_release and auto_delete.
 *   9  notify_on_release is turned off while C's task leaves and comes back.
 *  10  A task of C moves in another hierarchy, and so from one of C's sets to another: C is not released.
 *  11  notify_on_release in both: C's task leaves, and P's, and C's comes back.
 *  12  auto_delete in C while a reference to its state comes and goes.
 *  13  notify_on_release, and perhaps auto_delete, which is turned off and on while C's task leaves and comes back.
 *
 * What holds in them: an agent starts only for a container that is empty, and once for each release that is not taken back;
 * the worker finds the mark of a release if there has been one that it has not seen, and the container has not come back
 * to life or been removed, nor the file turned off; when all is quiet no release is left for which no agent has started,
 * but for these reasons; a container with auto_delete that was released is gone then, and no other, nor one in which it
 * has been turned off since; none is removed before its agent
 * has started, nor with anything in it, nor twice; nothing is used after its last reference has gone.
 *
 * A switch breaks one step, and is found in a scene:
 *
 *   -DREVIVED_IS_RELEASED  1  a task that comes back does not take the release back
 *   -DAGENT_LOOKS_EARLY    1  whether the container is empty is not looked at when the agent starts
 *   -DAGENT_OF_BEFORE      1  an agent that is about to start is not taken back: a later release has two
 *   -DMARK_TAKEN_EARLY     1  the worker takes the mark in one step and looks whether it was there in another
 *   -DQUEUED_TAKEN_LATE    1  the worker says that the container is on its list no longer when the agent has started
 *   -DFORGETS_FAILURE      1  an agent that could not be started is not tried again
 *   -DLAST_REFERENCE       2  the last reference does not release the container
 *   -DTWO_COUNTS           2  the last task looks at the count in one step and releases in another
 *   -DDELETE_AT_ONCE       4  the deleter does not wait for the agent
 *   -DNO_DELETE_AFTER      4  the container is not given to the deleter when its agent has started
 *   -DNOT_IN_TURN          5  the last child's removal does not release the parent
 *   -DCHILD_UNSEEN         6  a new child does not take the release back
 *   -DKEPT_IS_FORGOTTEN    7  who has kept a container from being removed does not look at it again
 *   -DREMOVED_RELEASES     8  the worker does not look whether the container has been removed
 *   -DREMOVED_TWICE        8  the deleter does not look whether the container has been removed
 *   -DNO_QUEUE_REFERENCE   8  what is on the agents' list is not held
 *   -DOFF_IS_LATE          9  notify_on_release does not take a release back that is pending
 *   -DLEAVE_FIRST         10  the task leaves one set before it arrives in the other
 *   -DREMOVED_IS_FOUND    12  who takes a reference does not look whether the container has been removed
 *   -DSET_TOO_LATE        13  the workers look whether auto_delete is set, and not whether it was
 *   -DOFF_AND_ON          13  auto_delete that is turned off does not take the removal back
 */

#ifndef SCENE
#define SCENE 1
#endif

#define P	0
#define C	1

byte busy[2];
byte children[2];
byte kept[2];
bool removed[2];
bool notify[2];
bool deletes[2];		/* ->auto_delete */
bool pending[2];		/* ->release_pending */
bool queued[2];			/* ->release_queued: */
bool on_list[2];		/* on release_list */
bool starting[2];		/* ->agent_starting */
bool to_delete[2];		/* ->delete_queued, and on delete_list */
bool missed[2];			/* ->delete_missed */
bool wanted[2];			/* ->delete_due */
byte refs[2];			/* to its memory */

byte tasks[2];			/* in each of C's sets; in P's one */
byte css;			/* references to a state of C */
bool mutex;
bool work;			/* release_work is to run, at once or in a second */

/* What the assertions alone look at. */
byte releases[2];
bool due[2];			/* released, and no agent has started since */
bool doomed[2];			/* released, with auto_delete */
bool unseen[2];			/* released, and the worker has not seen it */
byte failures;			/* of agents to come */
byte running;

#define is_empty(c)	(!busy[c] && !children[c] && !removed[c])

#ifdef SET_TOO_LATE
#define to_go(c)	deletes[c]
#else
#define to_go(c)	wanted[c]
#endif

inline take_mutex()
{
	atomic { !mutex -> mutex = true }
}

inline get(c)
{
	assert(refs[c] > 0);
	refs[c] = refs[c] + 1
}

inline put(c)
{
	d_step { assert(refs[c] > 0); refs[c] = refs[c] - 1 }
}

/* What follows down to busy_dec is done under the lock of @c: within a step. */

inline queue_release(c)
{
	pending[c] = true;
	if
	:: queued[c]
	:: else ->
		queued[c] = true;
#ifndef NO_QUEUE_REFERENCE
		get(c);
#endif
		work = work || !on_list[P] && !on_list[C];
		on_list[c] = true
	fi
}

inline queue_delete(c)
{
	if
	:: to_delete[c]
	:: else -> to_delete[c] = true; get(c)
	fi
}

inline check_release(c)
{
	if
	:: is_empty(c) && notify[c] -> wanted[c] = deletes[c]; queue_release(c)
	:: is_empty(c) && !notify[c] && deletes[c] -> wanted[c] = true; queue_delete(c)
	:: is_empty(c) && !notify[c] && !deletes[c] -> wanted[c] = false
	:: else
	fi
}

/* For the assertions: something has left the container, which may be empty now. */
inline note_left(c)
{
	if
	:: is_empty(c) ->
		doomed[c] = deletes[c];
		due[c] = notify[c];
		unseen[c] = notify[c];
		releases[c] = releases[c] + 1
	:: else
	fi
}

/* For the assertions: it has come back to life, or is no more to be released. */
inline note_back(c)
{
	doomed[c] = false;
	due[c] = false;
	unseen[c] = false
}

inline take_back(c)
{
	pending[c] = false;
	starting[c] = false
}

inline busy_inc(c)
{
	assert(refs[c] > 0 && !removed[c]);
	busy[c] = busy[c] + 1;
	note_back(c);
#ifndef REVIVED_IS_RELEASED
	take_back(c)
#endif
}

inline busy_dec(c)
{
	assert(refs[c] > 0 && busy[c] > 0);
	busy[c] = busy[c] - 1;
	note_left(c);
	if
	:: busy[c] == 0 -> check_release(c)
	:: else
	fi
}

/* Under the set's lock. */

inline arrive(x, c)
{
	atomic {
		tasks[x] = tasks[x] + 1;
		if
		:: tasks[x] == 1 -> busy_inc(c)
		:: else
		fi
	}
}

inline leave(x, c)
{
#ifdef TWO_COUNTS
	atomic { tasks[x] = tasks[x] - 1; n = busy[c] };
	atomic {
		busy[c] = busy[c] - 1;
		note_left(c);
		if
		:: n == 1 -> check_release(c)
		:: else
		fi
	}
#else
	atomic {
		tasks[x] = tasks[x] - 1;
		if
		:: tasks[x] == 0 -> busy_dec(c)
		:: else
		fi
	}
#endif
}

/* Under container_mutex, which is dropped and taken again. */
inline remove(c)
{
	atomic {
		if
#ifdef REMOVED_TWICE
		:: busy[c] || children[c] || kept[c]
#else
		:: busy[c] || children[c] || kept[c] || removed[c]
#endif
		:: else ->
			assert(!removed[c]);
			removed[c] = true;
			pending[c] = false;
			note_back(c);
			gone = true
		fi
	};
	if
	:: gone ->
		mutex = false;
		take_mutex();
		if
		:: c == C ->
			atomic {
				assert(children[P] > 0);
				children[P] = children[P] - 1;
				note_left(P);
#ifndef NOT_IN_TURN
				check_release(P)
#endif
			}
		:: else
		fi;
		put(c)
	:: else
	fi;
	gone = false
}

/* The worker that starts agents. */

inline settle_release(c)
{
	take_mutex();
#ifdef MARK_TAKEN_EARLY
	atomic {
		assert(refs[c] > 0);
		queued[c] = false;
		due_now = pending[c] && !removed[c];
		assert(due_now == unseen[c]);
		unseen[c] = false
	};
	atomic { pending[c] = false; starting[c] = due_now };
#else
	atomic {
		assert(refs[c] > 0);
#ifndef QUEUED_TAKEN_LATE
		queued[c] = false;
#endif
#ifdef REMOVED_RELEASES
		due_now = true;
#else
		due_now = pending[c] && !removed[c];
		assert(due_now == unseen[c]);
#endif
		unseen[c] = false;
		pending[c] = false;
		starting[c] = due_now
	};
#endif
	mutex = false;
	if
	:: due_now ->
		if
		:: failures > 0 -> failures--; failed = true
		:: atomic {
#ifdef AGENT_LOOKS_EARLY
			true ->
#else
#ifdef REMOVED_RELEASES
			!busy[c] && !children[c] ->
#else
#ifdef AGENT_OF_BEFORE
			is_empty(c) ->
#else
			starting[c] && is_empty(c) ->
#endif
#endif
#endif
			assert(is_empty(c) && due[c]);
			due[c] = false
		   }
		:: atomic { !(starting[c] && is_empty(c)) -> skip }
		fi
	:: else
	fi;
	atomic {
		starting[c] = false;
#ifdef QUEUED_TAKEN_LATE
		queued[c] = false;
#endif
#ifdef FORGETS_FAILURE
		failed = false;
#endif
		if
		:: is_empty(c) && failed && notify[c] -> queue_release(c); unseen[c] = true
#ifndef NO_DELETE_AFTER
		:: is_empty(c) && !(failed && notify[c]) && to_go(c) && !pending[c] -> queue_delete(c)
#endif
		:: else
		fi;
		failed = false;
		due_now = false
	};
#ifndef NO_QUEUE_REFERENCE
	put(c)
#endif
}

active proctype Agents()
{
	bool due_now, failed, p, c;

end:	do
	:: atomic {
		work -> work = false;
		p = on_list[P];
		c = on_list[C];
		on_list[P] = false;
		on_list[C] = false
	   };
	   if
	   :: p -> settle_release(P)
	   :: else
	   fi;
	   if
	   :: c -> settle_release(C)
	   :: else
	   fi;
	   atomic { p = false; c = false }
	od
}

/* The worker that removes. */

inline settle_delete(c)
{
	take_mutex();
	atomic {
		assert(refs[c] > 0);
		to_delete[c] = false;
#ifdef DELETE_AT_ONCE
		now = to_go(c) && is_empty(c);
#else
#ifdef REMOVED_TWICE
		now = to_go(c) && !busy[c] && !children[c] && !pending[c] && !starting[c];
#else
		now = to_go(c) && is_empty(c) && !pending[c] && !starting[c];
#endif
#endif
		if
		:: now && kept[c] -> missed[c] = true; now = false
		:: else
		fi;
		assert(!now || !due[c] && doomed[c])
	};
	if
	:: now -> remove(c)
	:: else
	fi;
	now = false;
	mutex = false;
	put(c)
}

active proctype Deleter()
{
	bool now, gone;

end:	do
	:: to_delete[P] -> settle_delete(P)
	:: to_delete[C] -> settle_delete(C)
	od
}

/* Who fills and empties. */

/* A task in set @x leaves @c, and is moved back and leaves as often as @times. */
proctype Task(byte x; byte c; byte times)
{
	byte n;

	do
	:: leave(x, c);
	   if
	   :: times == 0 -> break
	   :: else
	   fi;
	   times--;
	   take_mutex();
	   if
	   :: removed[c] -> mutex = false; break
	   :: else -> arrive(x, c)
	   fi;
	   mutex = false
	od;
	running--
}

/* A reference to a state of C, by who has found it under RCU. */
proctype Holder()
{
	bool held;

	atomic {
#ifdef REMOVED_IS_FOUND
		if
		:: true ->
#else
		if
		:: !removed[C] ->
#endif
			css++;
			held = true;
			if
			:: css == 1 -> busy_inc(C)
			:: else
			fi
		:: else
		fi
	};
	if
	:: held ->
		atomic {
			css--;
#ifdef LAST_REFERENCE
			busy[C] = busy[C] - 1;
			note_left(C)
#else
			if
			:: css == 0 -> busy_dec(C)
			:: else
			fi
#endif
		}
	:: else
	fi;
	running--
}

/* Makes C, and may remove it again. */
proctype Maker(bool may_fail; bool removes)
{
	bool gone, made;

	take_mutex();
	if
	:: removed[P]
	:: else ->
		atomic { kept[P] = kept[P] + 1 };
		mutex = false;
		take_mutex();
		if
		:: may_fail
		:: true ->
			made = true;
			removed[C] = false;
			refs[C] = 1;
			atomic {
				assert(!removed[P]);
				children[P] = children[P] + 1;
				note_back(P);
#ifndef CHILD_UNSEEN
				take_back(P)
#endif
			}
		fi;
		atomic {
			kept[P] = kept[P] - 1;
#ifndef KEPT_IS_FORGOTTEN
			if
			:: !kept[P] && missed[P] ->
				missed[P] = false;
				if
				:: is_empty(P) && to_go(P) -> queue_delete(P)
				:: else
				fi
			:: else
			fi
#endif
		}
	fi;
	if
	:: made && removes -> remove(C)
	:: else
	fi;
	mutex = false;
	running--
}

proctype User()
{
	bool gone;

	take_mutex();
	if
	:: removed[C]
	:: else -> remove(C)
	fi;
	mutex = false;
	running--
}

proctype TurnsOff()
{
	atomic {
		notify[C] = false;
#ifndef OFF_IS_LATE
		take_back(C);
#endif
		due[C] = false;
		unseen[C] = false
	};
	running--
}

proctype TurnsDeleteOn()
{
	atomic {
		deletes[C] = false;
#ifndef OFF_AND_ON
		wanted[C] = false;
#endif
		doomed[C] = false
	};
	atomic { deletes[C] = true };
	running--
}

/* Moves a task of C from one set of it to the other, under both sets' locks. */
proctype MovesOn()
{
#ifdef LEAVE_FIRST
	atomic { tasks[0] = tasks[0] - 1; busy_dec(C) };
	atomic { tasks[1] = tasks[1] + 1; busy_inc(C) };
#else
	atomic { tasks[1] = tasks[1] + 1; busy_inc(C) };
	atomic { tasks[0] = tasks[0] - 1; busy_dec(C) };
#endif
	running--
}

/* C is there, with a task in set 1. */
inline begin_C()
{
	refs[C] = 1;
	children[P] = 1;
	tasks[1] = 1;
	busy[C] = 1
}

init
{
	atomic {
		refs[P] = 1;
		failures = 1;
#if SCENE == 1
		begin_C();
		notify[C] = true;
		failures = 2;
		running = 1;
		run Task(1, C, 2);
#elif SCENE == 2
		begin_C();
		notify[C] = true;
		running = 2;
		run Task(1, C, 1);
		run Holder();
#elif SCENE == 3
		begin_C();
		notify[C] = true;
		tasks[0] = 1;
		busy[C] = 2;
		running = 2;
		run Task(0, C, 1);
		run Task(1, C, 1);
#elif SCENE == 4
		begin_C();
		notify[C] = true;
		deletes[C] = true;
		running = 1;
		run Task(1, C, 2);
#elif SCENE == 5
		begin_C();
		deletes[C] = true;
		deletes[P] = true;
		running = 1;
		run Task(1, C, 1);
#elif SCENE == 6
		removed[C] = true;
		notify[P] = true;
		tasks[0] = 1;
		busy[P] = 1;
		running = 2;
		run Task(0, P, 1);
		run Maker(true, true);
#elif SCENE == 7
		removed[C] = true;
		deletes[P] = true;
		tasks[0] = 1;
		busy[P] = 1;
		running = 2;
		run Task(0, P, 1);
		run Maker(true, true);
#elif SCENE == 8
		begin_C();
		notify[C] = true;
		deletes[C] = true;
		running = 2;
		run Task(1, C, 1);
		run User();
#elif SCENE == 9
		begin_C();
		notify[C] = true;
		running = 2;
		run Task(1, C, 1);
		run TurnsOff();
#elif SCENE == 10
		begin_C();
		notify[C] = true;
		tasks[0] = 1;
		tasks[1] = 0;
		running = 1;
		run MovesOn();
#elif SCENE == 11
		begin_C();
		notify[C] = true;
		notify[P] = true;
		children[P] = 0;		/* another hierarchy's top: released by itself */
		tasks[0] = 1;
		busy[P] = 1;
		running = 2;
		run Task(0, P, 0);
		run Task(1, C, 1);
#elif SCENE == 12
		begin_C();
		deletes[C] = true;
		running = 2;
		run Task(1, C, 1);
		run Holder();
#elif SCENE == 13
		begin_C();
		notify[C] = true;
		if
		:: deletes[C] = true
		:: true
		fi;
		running = 2;
		run Task(1, C, 1);
		run TurnsDeleteOn();
#endif
	}
	/* All have done what they do, and the workers have nothing left. */
	running == 0 && !mutex && !work && !to_delete[P] && !to_delete[C] && refs[P] == !removed[P] && refs[C] == !removed[C] &&
		!starting[P] && !starting[C];
	assert(!due[P] && !due[C]);
	assert(!doomed[P] && !doomed[C]);
	assert(SCENE != 10 || releases[C] == 0);
	assert(!removed[P] || !busy[P] && !children[P]);
	assert(!removed[C] || !busy[C] && !children[C])
}
