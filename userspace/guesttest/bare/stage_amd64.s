//go:build guest

#include "textflag.h"

// func thread(word *uint32) (tid int)
TEXT ·thread(SB), NOSPLIT, $0-16
	MOVQ	word+0(FP), R12 // system calls preserve it
	MOVL	$0x10f00, DI // CLONE_VM | FS | FILES | SIGHAND | THREAD
	XORL	SI, SI // on the caller's stack
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	MOVL	$56, AX // clone
	SYSCALL
	TESTQ	AX, AX
	JEQ	child
	MOVQ	AX, tid+8(FP)
	RET
child:
	MOVL	(R12), AX
	TESTL	AX, AX
	JNE	exit
	MOVQ	R12, DI
	XORL	SI, SI // FUTEX_WAIT
	XORL	DX, DX // while it is 0
	XORL	R10, R10
	MOVL	$202, AX // futex
	SYSCALL
	JMP	child
exit:
	XORL	DI, DI
	MOVL	$60, AX // exit
	SYSCALL
	JMP	exit
