/*
 * A child that needs no stack: it makes one system call without arguments, for ever, and touches no memory. So thousands of
 * them can share their parent's, and its birth is the kernel's work alone.
 */
#ifndef SPAWN_H
#define SPAWN_H

/* For a child that sleeps: it shares everything but its membership. */
#define SLEEPER (CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD)

/*
 * clone(flags), with the child's number stored at *tid and cleared there when it ends, where flags say so. The child does the
 * system call nr. Returns the child's number, or -1 with errno.
 */
#if defined(__x86_64__)
static inline long spawn(unsigned long flags, int *tid, long nr)
{
	register int *child_tid __asm__("r10") = tid;
	register long tls __asm__("r8") = 0;
	long ret = 56; /* clone */

	__asm__ volatile("	syscall\n"
			 "	test	%%rax, %%rax\n"
			 "	jnz	1f\n"
			 "0:	mov	%[nr], %%rax\n"
			 "	xor	%%edi, %%edi\n"
			 "	syscall\n"
			 "	jmp	0b\n"
			 "1:\n"
			 : "+a"(ret)
			 : "D"(flags), "S"(0), "d"(tid), "r"(child_tid), "r"(tls), [nr] "b"(nr)
			 : "rcx", "r11", "memory");
	return __sysret(ret);
}
#elif defined(__powerpc64__)
static inline long spawn(unsigned long flags, int *tid, long nr)
{
	register long number __asm__("r0") = 120; /* clone */
	register long ret __asm__("r3") = flags;
	register long stack __asm__("r4") = 0;
	register int *parent_tid __asm__("r5") = tid;
	register long tls __asm__("r6") = 0;
	register int *child_tid __asm__("r7") = tid;
	register long then __asm__("r30") = nr; /* a register that system calls keep */

	__asm__ volatile("	sc\n"
			 "	bns+	1f\n"
			 "	neg	3, 3\n"
			 "	b	2f\n"
			 "1:	cmpdi	3, 0\n"
			 "	bne+	2f\n"
			 "0:	mr	0, %[then]\n"
			 "	li	3, 0\n"
			 "	sc\n"
			 "	b	0b\n"
			 "2:\n"
			 : "+r"(number), "+r"(ret), "+r"(stack), "+r"(parent_tid), "+r"(tls), "+r"(child_tid)
			 : [then] "r"(then)
			 : "r8", "r9", "r10", "r11", "r12", "ctr", "xer", "cr0", "memory");
	return __sysret(ret);
}
#endif

#endif
