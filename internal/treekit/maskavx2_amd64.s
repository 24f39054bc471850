#include "textflag.h"

// Eight bytes of each of a mask's four, and a bit for each byte.
DATA eachBit<>+0(SB)/8, $0x0000000000000000
DATA eachBit<>+8(SB)/8, $0x0101010101010101
DATA eachBit<>+16(SB)/8, $0x0202020202020202
DATA eachBit<>+24(SB)/8, $0x0303030303030303
DATA eachBit<>+32(SB)/8, $0x8040201008040201
GLOBL eachBit<>(SB), RODATA|NOPTR, $40

// func masksAVX2(below *[64]uint16, masks *uint64, n int, missing uint64)
// masks[k] = (below ≤ k) | missing. Y0 Y1 numbers, Y2 k, Y3 −1.
TEXT ·masksAVX2(SB), NOSPLIT, $0-32
	MOVQ below+0(FP), SI
	MOVQ masks+8(FP), DI
	MOVQ n+16(FP), CX
	MOVQ missing+24(FP), DX
	VMOVDQU (SI), Y0
	VMOVDQU 64(SI), Y1
	VPACKUSWB 32(SI), Y0, Y0
	VPACKUSWB 96(SI), Y1, Y1
	VPERMQ $0xd8, Y0, Y0
	VPERMQ $0xd8, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPCMPEQB Y3, Y3, Y3

masks2:
	VPMINUB Y2, Y0, Y4
	VPMINUB Y2, Y1, Y5
	VPCMPEQB Y4, Y0, Y4
	VPCMPEQB Y5, Y1, Y5
	VPMOVMSKB Y4, AX
	VPMOVMSKB Y5, BX
	SHLQ $32, BX
	ORQ BX, AX
	ORQ DX, AX
	MOVQ AX, (DI)
	VPSUBB Y3, Y2, Y2
	ADDQ $8, DI
	DECQ CX
	JNZ masks2
	VZEROUPPER
	RET

// func numbersAVX2(masks *uint64, nodes *maskNode, n int, values *[512][64]uint8, number *[64]uint8)
// From the last node to the first, a row's number is that of the left child where the mask is set, else the right's.
TEXT ·numbersAVX2(SB), NOSPLIT, $0-40
	MOVQ masks+0(FP), SI
	MOVQ nodes+8(FP), R8
	MOVQ n+16(FP), CX
	MOVQ values+24(FP), DI
	MOVQ number+32(FP), R9
	LEAQ -8(R8)(CX*8), R8
	MOVQ CX, DX
	SHLQ $6, DX
	LEAQ 16320(DI)(DX*1), DX // node n−1 is value 256+n−1
	VMOVDQU eachBit<>+0(SB), Y6
	VPBROADCASTQ eachBit<>+32(SB), Y7

numbers2:
	MOVL (R8), AX
	MOVWLZX 4(R8), BX
	MOVWLZX 6(R8), R10
	VPBROADCASTD (SI)(AX*8), Y0
	VPBROADCASTD 4(SI)(AX*8), Y1
	VPSHUFB Y6, Y0, Y0
	VPSHUFB Y6, Y1, Y1
	VPAND Y7, Y0, Y0
	VPAND Y7, Y1, Y1
	VPCMPEQB Y7, Y0, Y0
	VPCMPEQB Y7, Y1, Y1
	VMOVDQU (DI)(R10*1), Y2
	VMOVDQU 32(DI)(R10*1), Y3
	VPBLENDVB Y0, (DI)(BX*1), Y2, Y2
	VPBLENDVB Y1, 32(DI)(BX*1), Y3, Y3
	VMOVDQU Y2, (DX)
	VMOVDQU Y3, 32(DX)
	SUBQ $64, DX
	SUBQ $8, R8
	DECQ CX
	JNZ numbers2
	VMOVDQU Y2, (R9)
	VMOVDQU Y3, 32(R9)
	VZEROUPPER
	RET

// func levelsAVX2(masks *uint64, levels *uint32, n int, number *[64]uint8)
// Bit k of the number is the mask of question levels[k], n ≤ 8.
TEXT ·levelsAVX2(SB), NOSPLIT, $0-32
	MOVQ masks+0(FP), SI
	MOVQ levels+8(FP), R8
	MOVQ n+16(FP), CX
	MOVQ number+24(FP), R9
	VMOVDQU eachBit<>+0(SB), Y6
	VPBROADCASTQ eachBit<>+32(SB), Y7
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPCMPEQB Y4, Y4, Y4
	VPABSB Y4, Y4

levels2:
	MOVL (R8), AX
	VPBROADCASTD (SI)(AX*8), Y0
	VPBROADCASTD 4(SI)(AX*8), Y1
	VPSHUFB Y6, Y0, Y0
	VPSHUFB Y6, Y1, Y1
	VPAND Y7, Y0, Y0
	VPAND Y7, Y1, Y1
	VPCMPEQB Y7, Y0, Y0
	VPCMPEQB Y7, Y1, Y1
	VPAND Y4, Y0, Y0
	VPAND Y4, Y1, Y1
	VPOR Y0, Y2, Y2
	VPOR Y1, Y3, Y3
	VPADDB Y4, Y4, Y4
	ADDQ $4, R8
	DECQ CX
	JNZ levels2
	VMOVDQU Y2, (R9)
	VMOVDQU Y3, 32(R9)
	VZEROUPPER
	RET

// func addAVX2(score *float64, number *[64]uint8, leaf *float64, width int)
// score[r] += leaf[number[r]·width].
TEXT ·addAVX2(SB), NOSPLIT, $0-32
	MOVQ score+0(FP), DI
	MOVQ number+8(FP), SI
	MOVQ leaf+16(FP), R8
	MOVQ width+24(FP), AX
	MOVQ AX, X3
	VPBROADCASTD X3, X3
	MOVQ $16, CX

add2:
	VPMOVZXBD (SI), X0
	VPMULLD X3, X0, X0
	VPCMPEQD Y2, Y2, Y2
	VXORPD Y1, Y1, Y1
	VGATHERDPD Y2, (R8)(X0*8), Y1
	VADDPD (DI), Y1, Y1
	VMOVUPD Y1, (DI)
	ADDQ $4, SI
	ADDQ $32, DI
	DECQ CX
	JNZ add2
	VZEROUPPER
	RET
