//go:build !purego

#include "textflag.h"

// CHECK adds to V31 what is wrong at the 16 bytes in V0. V1, V2 and V3 hold the
// bytes that stand 1, 2 and 3 before each of them. It changes V0 to V4.
//
// The tables of utf8Errors give the errors that a pair of bytes may be, seen
// from each of three nibbles; it is those that all three agree on. Two
// continuation bytes in a row are right where the byte 2 before is at least E0
// or the byte 3 before at least F0, and nowhere else. As NEON has it, the larger
// of DF and a byte, less DF, plus 7F: the high bit is set if the byte was larger.
#define CHECK \
	VUSHR $4, V1.B16, V4.B16        \
	VUSHR $4, V0.B16, V0.B16        \
	VAND  V20.B16, V1.B16, V1.B16   \
	VTBL  V4.B16, [V16.B16], V4.B16 \
	VTBL  V1.B16, [V17.B16], V1.B16 \
	VTBL  V0.B16, [V18.B16], V0.B16 \
	VUMAX V21.B16, V2.B16, V2.B16   \
	VUMAX V22.B16, V3.B16, V3.B16   \
	VADD  V23.B16, V2.B16, V2.B16   \
	VADD  V24.B16, V3.B16, V3.B16   \
	VAND  V4.B16, V1.B16, V1.B16    \
	VORR  V3.B16, V2.B16, V2.B16    \
	VAND  V1.B16, V0.B16, V0.B16    \
	VAND  V25.B16, V2.B16, V2.B16   \
	VEOR  V2.B16, V0.B16, V0.B16    \
	VORR  V0.B16, V31.B16, V31.B16

// CHECKAT is CHECK of the 16 bytes at R0, 3 of which or more are behind the
// first byte of the text. It moves R0 behind them and changes R3 to R5.
#define CHECKAT \
	SUB    $1, R0, R3         \
	SUB    $2, R0, R4         \
	SUB    $3, R0, R5         \
	VLD1   (R3), [V1.B16]     \
	VLD1   (R4), [V2.B16]     \
	VLD1   (R5), [V3.B16]     \
	VLD1.P 16(R0), [V0.B16]   \
	CHECK

// FOLD sets R4 to the bits of both halves of a vector. It changes R5.
#define FOLD(vector) \
	VMOV vector.D[0], R4 \
	VMOV vector.D[1], R5 \
	ORR  R5, R4, R4

// ASCII64 jumps to a label if one of the 64 bytes at an address is not ASCII.
// It changes V0 to V3, R4 and R5.
#define ASCII64(at, other) \
	VLD1 (at), [V0.B16, V1.B16, V2.B16, V3.B16] \
	VORR V1.B16, V0.B16, V0.B16                 \
	VORR V3.B16, V2.B16, V2.B16                 \
	VORR V2.B16, V0.B16, V0.B16                 \
	FOLD(V0)                                    \
	TST  $0x8080808080808080, R4                \
	BNE  other

// func validVector(p *byte, n int, tables *[3][16]byte) bool
TEXT ·validVector(SB), NOSPLIT, $0-25
	MOVD p+0(FP), R0
	MOVD n+8(FP), R1
	ADD  R0, R1, R1

	MOVD tables+16(FP), R3
	VLD1 (R3), [V16.B16, V17.B16, V18.B16]
	MOVD $0x0F, R3
	VDUP R3, V20.B16
	MOVD $0xDF, R3
	VDUP R3, V21.B16
	MOVD $0xEF, R3
	VDUP R3, V22.B16
	MOVD $(0x17F-0xDF), R3
	VDUP R3, V23.B16
	MOVD $(0x17F-0xEF), R3
	VDUP R3, V24.B16
	MOVD $0x80, R3
	VDUP R3, V25.B16
	VEOR V31.B16, V31.B16, V31.B16

	ASCII64(R0, first)

ascii:
	// All bytes before R0 + 64 are checked, and no sequence is open.
	ADD $64, R0
	ADD $64, R0, R2
	CMP R1, R2
	BHI asciiEnd
	ASCII64(R0, other)
	B   ascii

asciiEnd:
	SUB $64, R1, R2
	ASCII64(R2, rest)
	B   done

first:
	// Nothing stands before the first 16 bytes: zeros are shifted in.
	VLD1.P 16(R0), [V0.B16]
	VEXT   $15, V0.B16, V31.B16, V1.B16
	VEXT   $14, V0.B16, V31.B16, V2.B16
	VEXT   $13, V0.B16, V31.B16, V3.B16
	CHECK

text:
	// All bytes before R0 are checked, but a sequence may be open.
	ADD $64, R0, R2
	CMP R1, R2
	BHI rest
	ASCII64(R0, other)
	MOVD R0, R7
	CHECKAT
	MOVD R7, R0
	B   ascii

other:
	CHECKAT
	CHECKAT
	CHECKAT
	CHECKAT
	FOLD(V31)
	CBZ R4, text
	B   done

rest:
	ADD $16, R0, R2
	CMP R1, R2
	BHI last
	CHECKAT
	B   rest

last:
	// Less than 16 bytes: together with some that were checked before.
	CMP R1, R0
	BEQ done
	SUB $16, R1, R0
	CHECKAT

done:
	FOLD(V31)
	CMP  $0, R4
	CSET EQ, R4
	MOVB R4, ret+24(FP)
	RET
