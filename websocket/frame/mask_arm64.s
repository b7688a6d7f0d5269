//go:build !purego

#include "textflag.h"

// The last 16 bytes (V2) are masked before anything is stored, and stored
// wherever they lie. The steps before them may overlap them: the same bytes are
// then stored twice, but each of them was loaded before.

// func xorVector(dst, src *byte, n int, key uint32)
TEXT ·xorVector(SB), NOSPLIT, $0-28
	MOVD  dst+0(FP), R0
	MOVD  src+8(FP), R1
	MOVD  n+16(FP), R2
	MOVWU key+24(FP), R3
	VDUP  R3, V0.S4

	// The key for the last 16 bytes: 8 bits further for each byte before.
	LSL  $3, R2, R4
	RORW R4, R3, R4
	VDUP R4, V1.S4
	SUB  $16, R2, R5
	ADD  R0, R5, R6
	ADD  R1, R5, R5
	VLD1 (R5), [V2.B16]
	VEOR V1.B16, V2.B16, V2.B16
	SUBS $64, R2, R2
	BLO  rest

loop64:
	VLD1.P 64(R1), [V4.B16, V5.B16, V6.B16, V7.B16]
	VEOR   V0.B16, V4.B16, V4.B16
	VEOR   V0.B16, V5.B16, V5.B16
	VEOR   V0.B16, V6.B16, V6.B16
	VEOR   V0.B16, V7.B16, V7.B16
	VST1.P [V4.B16, V5.B16, V6.B16, V7.B16], 64(R0)
	SUBS   $64, R2, R2
	BHS    loop64

rest:
	// R2 is the number of bytes left, less 64. The last 16 are in V2.
	ADDS $48, R2, R2
	BLE  done

loop16:
	VLD1.P 16(R1), [V4.B16]
	VEOR   V0.B16, V4.B16, V4.B16
	VST1.P [V4.B16], 16(R0)
	SUBS   $16, R2, R2
	BGT    loop16

done:
	VST1 [V2.B16], (R6)
	RET
