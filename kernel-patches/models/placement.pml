/*
 * A fork beside changes of cpusets and beside moves: where the child is allowed to run.  README.md says how to run it.
 *
 * There are two cpusets, A and B, neither of which is the root, the parent, and its child, a process of its own.  A cpuset's
 * effective CPUs are a number, and so is what a task has of them.
 *
 *   here             C                                           file
 *   Changer          cpuset_unsettle(), cpuset_update_cpus(), cpuset_follow(), cpuset_settle()   cpuset_place.c
 *   visit            settle_due() of a task that container_walk_tasks() finds, or misses
 *   Mover            cpuset_can_attach(), move_switch(), cpuset_attach(), task_settled()   cpuset_place.c, move.c
 *   Forker           dup_task_struct(), container_can_fork(), container_fork_stale(), container_join()   fork.c, member.c
 *   look             __container_cpuset_post_fork()              cpuset_place.c
 *   as_parent        is_as_parent()                              cpuset_place.c
 *   settle_child     settle_child(), may_be_missed()             cpuset_place.c
 *
 * A scene, -DSCENE=n:
 *
 *   1  The CPUs of the parent's cpuset change, twice.
 *   2  The parent is moved from A to B and back.
 *   3  The parent is moved from A to B, and the CPUs of A change.
 *   4  The parent is moved from A to B, and the CPUs of B change.
 *   5  The parent is moved from A to B and back, and the CPUs of A change.
 *   6  The child is moved to B as soon as it can be found, and the CPUs of A change.
 *   7  The child is moved to B as soon as it can be found, and the CPUs of B change.
 *   8  The CPUs of both change while the parent is moved from A to B.
 *   9  The parent is moved from A to B, back, and to B again, and the CPUs of B change.
 *
 * What holds in them: when all is quiet each of the two has the CPUs of its own cpuset; and the child has them before, when
 * its fork is over, unless a change or a move is under way.
 *
 * A switch breaks one step, and is found in a scene:
 *
 *   -DALONE_IS_FORGOTTEN   2  fork does not look whether its child is in another cpuset than the parent
 *   -DOF_NO_MOMENT         2  fork does not look whether a move has begun since it began to look
 *   -DNOT_COMPARED         1  fork does not compare its child with the parent
 *   -DSETTLED_IS_FORGOTTEN 1  fork does not look whether a change or a move is under way
 *   -DSETTLED_LAST         1  fork looks at that after it has compared
 *   -DDUE_IS_FORGOTTEN     1  a child that is as the parent is taken to be right though its cpuset has tasks to go through
 *   -DMOVE_IS_FORGOTTEN    2  the same though the parent is being moved
 *   -DUNSETTLED_LATE       1  a change is announced when it has gone through the tasks half the way
 *   -DSETTLED_EARLY        1  a change is over before it has gone through the tasks
 *   -DDUE_EARLY            1  what is due is taken back before a change has gone through the tasks
 *   -DSTORED_LATE          4  the new CPUs are stored after the tasks have been gone through
 *   -DPLACED_FIRST         4  a move gives the task the CPUs before it is the cpuset's
 *   -DANNOUNCED_LATE       2  a move is announced after the parent has been switched
 */

#ifndef SCENE
#define SCENE 1
#endif

#define A	0
#define B	1

#define PARENT	0
#define CHILD	1
#define NOBODY	2

byte cpus[2];			/* effective, of a cpuset */
bool due[2];
byte unsettled;			/* changes and moves under way, the lower half, and */
byte begun;			/* how many ever began, the upper one */
byte arriving = NOBODY;		/* ->arriving_group: whose */
bool mutex;			/* cpuset_mutex */

bool found[2];			/* a task can be found */
bool in[2];			/* its cpuset: A or B */
byte has[2];			/* its CPUs */

byte changes;			/* under way, and moves */
byte running;

inline take_mutex()
{
	atomic { !mutex -> mutex = true }
}

/* The walk of a cpuset's tasks is where the task is, or would be.  It may be moved away before it is placed. */
inline visit(task, cs)
{
	if
	:: found[task] && in[task] == cs -> has[task] = cpus[cs]
	:: else
	fi
}

/* Gives a cpuset other CPUs. */
proctype Changer(bool cs; byte to)
{
	byte first;

	take_mutex();
	changes++;
#ifndef UNSETTLED_LATE
	atomic { unsettled++; begun++ };
#endif
	due[cs] = true;
#ifndef STORED_LATE
	cpus[cs] = to;
#endif
#ifdef SETTLED_EARLY
	unsettled--;
#endif
#ifdef DUE_EARLY
	due[cs] = false;
#endif
	if
	:: first = PARENT
	:: first = CHILD
	fi;
	visit(first, cs);
#ifdef UNSETTLED_LATE
	atomic { unsettled++; begun++ };
#endif
	visit(1 - first, cs);
#ifdef STORED_LATE
	cpus[cs] = to;
#endif
	due[cs] = false;
#ifndef SETTLED_EARLY
	unsettled--;
#endif
	atomic { changes--; mutex = false };
	running--
}

inline announce(task)
{
	take_mutex();
	arriving = task;
	atomic { unsettled++; begun++ };
	mutex = false
}

/* Moves the group of one task, and perhaps back.  The framework has one move at a time. */
proctype Mover(byte task; bool to; byte times)
{
	byte n;

	found[task];
	do
	:: n < times ->
		changes++;
#ifndef ANNOUNCED_LATE
		announce(task);
#endif
#ifdef PLACED_FIRST
		take_mutex();
		has[task] = cpus[to];
		mutex = false;
#endif
		in[task] = to;
#ifdef ANNOUNCED_LATE
		announce(task);
#endif
		take_mutex();
#ifndef PLACED_FIRST
		has[task] = cpus[to];
#endif
		arriving = NOBODY;
		unsettled--;
		atomic { changes--; mutex = false };
		to = !to;
		n++
	:: else -> break
	od;
	running--
}

/* Is the child as its parent is, and in the same cpuset, and has no move begun since @state? */
inline as_parent(state)
{
	alike = true;
#ifndef ALONE_IS_FORGOTTEN
	alike = in[CHILD] == in[PARENT];
#endif
#ifndef NOT_COMPARED
	alike = alike && has[CHILD] == has[PARENT];
#endif
#ifndef OF_NO_MOMENT
	alike = alike && begun == state
#endif
}

/* Does the child need nothing, though something is under way? */
inline settle_child()
{
	state = begun;
	missed = false;
#ifndef DUE_IS_FORGOTTEN
	missed = due[in[CHILD]];
#endif
#ifndef MOVE_IS_FORGOTTEN
	missed = missed || arriving == PARENT;
#endif
	as_parent(state);
	if
	:: !missed && alike
	:: else ->
		take_mutex();
		has[CHILD] = cpus[in[CHILD]];
		mutex = false
	fi
}

/* Once the child can be found, and before it runs. */
inline look()
{
#ifdef SETTLED_LAST
	state = begun;
	as_parent(state);
	settled = unsettled == 0;
#else
	atomic { state = begun; settled = unsettled == 0 };
#ifdef SETTLED_IS_FORGOTTEN
	settled = true;
#endif
	as_parent(state);
#endif
	if
	:: !settled || !alike -> settle_child()
	:: else
	fi
}

proctype Forker()
{
	bool born_in, settled, alike, missed;
	byte state;

	has[CHILD] = has[PARENT];
	born_in = in[PARENT];
	do				/* until nothing is stale */
	:: atomic { born_in != in[PARENT] -> born_in = in[PARENT] }
	:: atomic { born_in == in[PARENT] -> in[CHILD] = born_in; found[CHILD] = true; break }
	od;
	look();
	assert(changes || has[CHILD] == cpus[in[CHILD]]);
	running--
}

init
{
	atomic {
		cpus[A] = 1;
		cpus[B] = 2;
		has[PARENT] = 1;
		found[PARENT] = true;
		running = 2;
		run Forker();
#if SCENE == 1
		running = 3;
		run Changer(A, 2);
		run Changer(A, 3);
#elif SCENE == 2
		run Mover(PARENT, B, 2);
#elif SCENE == 3
		running = 3;
		run Mover(PARENT, B, 1);
		run Changer(A, 2);
#elif SCENE == 4
		running = 3;
		run Mover(PARENT, B, 1);
		run Changer(B, 1);
#elif SCENE == 5
		running = 3;
		run Mover(PARENT, B, 2);
		run Changer(A, 2);
#elif SCENE == 6
		running = 3;
		run Mover(CHILD, B, 1);
		run Changer(A, 2);
#elif SCENE == 7
		running = 3;
		run Mover(CHILD, B, 1);
		run Changer(B, 1);
#elif SCENE == 8
		running = 4;
		run Mover(PARENT, B, 1);
		run Changer(A, 2);
		run Changer(B, 1);
#elif SCENE == 9
		running = 3;
		run Mover(PARENT, B, 3);
		run Changer(B, 1);
#endif
	}
	running == 0;
	assert(!mutex && !unsettled && arriving == NOBODY);
	assert(has[PARENT] == cpus[in[PARENT]]);
	assert(has[CHILD] == cpus[in[CHILD]])
}
