//go:build guest

#include "textflag.h"

// func clone(flags uintptr, threads int) (pid int)
TEXT ·clone(SB), NOSPLIT|NOFRAME, $0-24
	MOVD	flags+0(FP), R3
	MOVD	threads+8(FP), R14 // system calls preserve it
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
	MOVD	R3, pid+16(FP)
	RET
child:
	CMP	R14, $0
	BLT	exit
	BEQ	sleep
	ADD	$-1, R14
	MOVD	$0x10f00, R3 // a thread: CLONE_VM | FS | FILES | SIGHAND | THREAD
	MOVD	$0, R4
	MOVD	$0, R5
	MOVD	$0, R6
	MOVD	$0, R7
	SYSCALL	$120 // clone
	CMP	R3, $0
	BNE	child
sleep:
	SYSCALL	$29 // pause
	BR	sleep
exit:
	MOVD	$0, R3
	SYSCALL	$234 // exit_group
	BR	exit
