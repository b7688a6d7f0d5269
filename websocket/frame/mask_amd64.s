//go:build !purego

#include "textflag.h"

// The first 32 bytes (Y2) and the last 32 (Y3) are masked before anything is
// stored, and stored wherever they lie. What is between them is masked in
// steps that may overlap both: the same bytes are then stored twice, but each
// of them was loaded before.

// func xorVector(dst, src *byte, n int, key uint32)
TEXT ·xorVector(SB), NOSPLIT, $0-28
	MOVQ         dst+0(FP), DI
	MOVQ         src+8(FP), SI
	MOVQ         n+16(FP), DX
	MOVL         key+24(FP), AX
	VMOVD        AX, X0
	VPBROADCASTD X0, Y0

	// The key for the last 32 bytes: 8 bits further for each byte before.
	MOVL         AX, BX
	LEAQ         (DX*8), CX
	RORL         CX, BX
	VMOVD        BX, X1
	VPBROADCASTD X1, Y1
	VPXOR        (SI), Y0, Y2
	VPXOR        -32(SI)(DX*1), Y1, Y3
	CMPQ         DX, $64
	JBE          ends
	CMPQ         DX, $128
	JA           long

	VPXOR   32(SI), Y0, Y4
	VPXOR   -64(SI)(DX*1), Y1, Y5
	VMOVDQU Y4, 32(DI)
	VMOVDQU Y5, -64(DI)(DX*1)

ends:
	VMOVDQU Y2, (DI)
	VMOVDQU Y3, -32(DI)(DX*1)
	VZEROUPPER
	RET

long:
	// From the first address in dst on that is a multiple of 32, so that no
	// store and, in place, no load lies in two cache lines.
	LEAQ         (DI)(DX*1), R9  // the end of dst
	MOVQ         DI, R8
	MOVQ         DI, CX
	NEGQ         CX
	ANDQ         $31, CX
	ADDQ         CX, R8
	ADDQ         CX, SI
	SUBQ         CX, DX
	SHLQ         $3, CX
	RORL         CX, AX
	VMOVD        AX, X0
	VPBROADCASTD X0, Y0
	SUBQ         $128, DX
	JB           rest

loop128:
	VPXOR   (SI), Y0, Y4
	VPXOR   32(SI), Y0, Y5
	VPXOR   64(SI), Y0, Y6
	VPXOR   96(SI), Y0, Y7
	VMOVDQU Y4, (R8)
	VMOVDQU Y5, 32(R8)
	VMOVDQU Y6, 64(R8)
	VMOVDQU Y7, 96(R8)
	ADDQ    $128, SI
	ADDQ    $128, R8
	SUBQ    $128, DX
	JAE     loop128

rest:
	// DX is the number of bytes left, less 128. The last 32 are in Y3.
	CMPQ DX, $-96
	JLE  done

loop32:
	VPXOR   (SI), Y0, Y4
	VMOVDQU Y4, (R8)
	ADDQ    $32, SI
	ADDQ    $32, R8
	SUBQ    $32, DX
	CMPQ    DX, $-96
	JGT     loop32

done:
	VMOVDQU Y2, (DI)
	VMOVDQU Y3, -32(R9)
	VZEROUPPER
	RET
