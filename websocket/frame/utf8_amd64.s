//go:build !purego

#include "textflag.h"

DATA utf8Bytes<>+0(SB)/1, $0x0F // a nibble
DATA utf8Bytes<>+1(SB)/1, $0x60 // E0 less 80
DATA utf8Bytes<>+2(SB)/1, $0x70 // F0 less 80
DATA utf8Bytes<>+3(SB)/1, $0x80 // the high bit
GLOBL utf8Bytes<>(SB), RODATA|NOPTR, $4

// CHECK adds to Y15 what is wrong at the 32 bytes in Y0. Y1, Y2 and Y3 hold the
// bytes that stand 1, 2 and 3 before each of them. It changes Y0 to Y4.
//
// The tables of utf8Errors give the errors that a pair of bytes may be, seen
// from each of three nibbles; it is those that all three agree on. Two
// continuation bytes in a row are right where the byte 2 before is at least E0
// or the byte 3 before at least F0, and nowhere else.
#define CHECK \
	VPSRLW   $4, Y1, Y4   \
	VPSRLW   $4, Y0, Y0   \
	VPAND    Y11, Y4, Y4  \
	VPAND    Y11, Y1, Y1  \
	VPAND    Y11, Y0, Y0  \
	VPSHUFB  Y4, Y8, Y4   \
	VPSHUFB  Y1, Y9, Y1   \
	VPSHUFB  Y0, Y10, Y0  \
	VPSUBUSB Y12, Y2, Y2  \
	VPSUBUSB Y13, Y3, Y3  \
	VPAND    Y4, Y1, Y1   \
	VPOR     Y3, Y2, Y2   \
	VPAND    Y1, Y0, Y0   \
	VPAND    Y14, Y2, Y2  \
	VPXOR    Y2, Y0, Y0   \
	VPOR     Y0, Y15, Y15

// CHECKAT is CHECK of the 32 bytes at an offset to SI, 3 of which or more are
// behind the first byte of the text.
#define CHECKAT(offset) \
	VMOVDQU offset(SI), Y0     \
	VMOVDQU (offset-1)(SI), Y1 \
	VMOVDQU (offset-2)(SI), Y2 \
	VMOVDQU (offset-3)(SI), Y3 \
	CHECK

// ASCII128 jumps to a label if one of the 128 bytes at an address is not ASCII.
// It changes Y0, Y1 and AX.
#define ASCII128(at, other) \
	VMOVDQU   (at), Y0       \
	VMOVDQU   32(at), Y1     \
	VPOR      64(at), Y0, Y0 \
	VPOR      96(at), Y1, Y1 \
	VPOR      Y1, Y0, Y0     \
	VPMOVMSKB Y0, AX         \
	TESTL     AX, AX         \
	JNE       other

// func validVector(p *byte, n int, tables *[3][16]byte) bool
TEXT ·validVector(SB), NOSPLIT, $0-25
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	LEAQ (SI)(CX*1), DX
	MOVQ tables+16(FP), AX

	VBROADCASTI128 (AX), Y8
	VBROADCASTI128 16(AX), Y9
	VBROADCASTI128 32(AX), Y10
	VPBROADCASTB   utf8Bytes<>+0(SB), Y11
	VPBROADCASTB   utf8Bytes<>+1(SB), Y12
	VPBROADCASTB   utf8Bytes<>+2(SB), Y13
	VPBROADCASTB   utf8Bytes<>+3(SB), Y14
	VPXOR          Y15, Y15, Y15

	CMPQ CX, $128
	JAE  long

	// The whole of a short text, in four parts that may overlap.
	VMOVDQU   (SI), Y0
	VMOVDQU   32(SI), Y1
	VPOR      -64(SI)(CX*1), Y0, Y0
	VPOR      -32(SI)(CX*1), Y1, Y1
	VPOR      Y1, Y0, Y0
	VPMOVMSKB Y0, AX
	TESTL     AX, AX
	JEQ       done
	JMP       first

long:
	ASCII128(SI, first)

ascii:
	// All bytes before SI are checked, and no sequence is open.
	ADDQ $128, SI
	LEAQ 128(SI), BX
	CMPQ BX, DX
	JHI  asciiEnd
	ASCII128(SI, other)
	JMP  ascii

asciiEnd:
	LEAQ -128(DX), BX
	ASCII128(BX, rest)
	JMP  done

first:
	// Nothing stands before the first 32 bytes: zeros are shifted in.
	VMOVDQU    (SI), Y0
	VPERM2I128 $0x08, Y0, Y0, Y4
	VPALIGNR   $15, Y4, Y0, Y1
	VPALIGNR   $14, Y4, Y0, Y2
	VPALIGNR   $13, Y4, Y0, Y3
	CHECK
	ADDQ       $32, SI

text:
	// All bytes before SI are checked, but a sequence may be open.
	LEAQ 128(SI), BX
	CMPQ BX, DX
	JHI  rest
	ASCII128(SI, other)
	CHECKAT(0)
	JMP  ascii

other:
	CHECKAT(0)
	CHECKAT(32)
	CHECKAT(64)
	CHECKAT(96)
	ADDQ   $128, SI
	VPTEST Y15, Y15
	JEQ    text
	JMP    done

rest:
	LEAQ 32(SI), BX
	CMPQ BX, DX
	JHI  last
	CHECKAT(0)
	MOVQ BX, SI
	JMP  rest

last:
	// Less than 32 bytes: together with some that were checked before.
	CMPQ SI, DX
	JEQ  done
	LEAQ -32(DX), SI
	CHECKAT(0)

done:
	VPTEST Y15, Y15
	SETEQ  ret+24(FP)
	VZEROUPPER
	RET
