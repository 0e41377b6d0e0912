//go:build guest

#include "textflag.h"

// func clone(flags uintptr, threads int) (pid int)
TEXT ·clone(SB), NOSPLIT, $0-24
	MOVQ	flags+0(FP), DI
	MOVQ	threads+8(FP), R12 // system calls preserve it
	XORL	SI, SI // on the caller's stack
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	MOVL	$56, AX // clone
	SYSCALL
	TESTQ	AX, AX
	JEQ	child
	MOVQ	AX, pid+16(FP)
	RET
child:
	TESTQ	R12, R12
	JLT	exit
	JEQ	sleep
	DECQ	R12
	MOVL	$0x10f00, DI // a thread: CLONE_VM | FS | FILES | SIGHAND | THREAD
	MOVL	$56, AX // clone
	SYSCALL
	TESTQ	AX, AX
	JNE	child
sleep:
	MOVL	$34, AX // pause
	SYSCALL
	JMP	sleep
exit:
	XORL	DI, DI
	MOVL	$231, AX // exit_group
	SYSCALL
	JMP	exit
