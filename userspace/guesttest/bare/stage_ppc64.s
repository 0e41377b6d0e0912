//go:build guest

#include "textflag.h"

// func thread(word *uint32) (tid int)
TEXT ·thread(SB), NOSPLIT|NOFRAME, $0-16
	MOVD	word+0(FP), R14 // system calls preserve it
	MOVD	$0x10f00, R3 // CLONE_VM | FS | FILES | SIGHAND | THREAD
	MOVD	$0, R4 // on the caller's stack
	MOVD	$0, R5
	MOVD	$0, R6
	MOVD	$0, R7
	SYSCALL	$120 // clone
	BVC	ok
	NEG	R3
ok:
	MOVD	$0, R0 // as Go wants it
	CMP	R3, $0
	BEQ	child
	MOVD	R3, tid+8(FP)
	RET
child:
	MOVWZ	(R14), R3
	CMP	R3, $0
	BNE	exit
	MOVD	R14, R3
	MOVD	$0, R4 // FUTEX_WAIT
	MOVD	$0, R5 // while it is 0
	MOVD	$0, R6
	SYSCALL	$221 // futex
	MOVD	$0, R0
	BR	child
exit:
	MOVD	$0, R3
	SYSCALL	$1 // exit
	BR	exit
