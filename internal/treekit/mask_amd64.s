#include "textflag.h"

// func searchAVX512(a *searchArgs)
// What askedColumn.search does in plain Go, for 64 values. The thresholds are a heap: node i has the children 2i (value ≤
// threshold) and 2i+1. Nodes 1 to 63 stay in Z16-Z23 and are looked up by permutation, later ones are gathered.
// Z0 values, Z1 node, Z2 Z3 thresholds.
TEXT ·searchAVX512(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	MOVQ 0(AX), SI
	MOVQ 8(AX), DI
	MOVQ 16(AX), R8
	MOVQ 40(AX), DX
	LEAQ 48(AX), R9
	VPBROADCASTQ 24(AX), Z26
	VPBROADCASTQ 32(AX), Z27
	VMOVUPD 0(DI), Z16
	VMOVUPD 64(DI), Z17
	VMOVUPD 128(DI), Z18
	VMOVUPD 192(DI), Z19
	VMOVUPD 256(DI), Z20
	VMOVUPD 320(DI), Z21
	VMOVUPD 384(DI), Z22
	VMOVUPD 448(DI), Z23
	VBROADCASTSD 8(DI), Z24
	MOVQ $1, BX
	VPBROADCASTQ BX, Z25
	VPADDQ Z25, Z25, Z28
	MOVQ $16, BX
	VPBROADCASTQ BX, Z29
	MOVQ $8, CX

search512:
	VMOVUPD (SI), Z0
	PREFETCHT0 512(SI) // the column's next 64 rows, which come after 64 rows of all other columns
	VCMPPD $3, Z0, Z0, K3
	VCMPPD $0x16, Z24, Z0, K1
	VMOVDQA64 Z28, Z1
	VPADDQ Z25, Z1, K1, Z1
	VPERMPD Z16, Z1, Z2
	VCMPPD $0x16, Z2, Z0, K1
	VPADDQ Z1, Z1, Z1
	VPADDQ Z25, Z1, K1, Z1
	VPERMPD Z16, Z1, Z2
	VCMPPD $0x16, Z2, Z0, K1
	VPADDQ Z1, Z1, Z1
	VPADDQ Z25, Z1, K1, Z1
	VPERMPD Z17, Z1, Z2
	VCMPPD $0x16, Z2, Z0, K1
	VPADDQ Z1, Z1, Z1
	VPADDQ Z25, Z1, K1, Z1
	VMOVDQA64 Z1, Z2
	VPERMI2PD Z19, Z18, Z2
	VCMPPD $0x16, Z2, Z0, K1
	VPADDQ Z1, Z1, Z1
	VPADDQ Z25, Z1, K1, Z1
	VMOVDQA64 Z1, Z2
	VMOVDQA64 Z1, Z3
	VPERMI2PD Z21, Z20, Z2
	VPERMI2PD Z23, Z22, Z3
	VPTESTMQ Z29, Z1, K2
	VMOVAPD Z3, K2, Z2
	VCMPPD $0x16, Z2, Z0, K1
	VPADDQ Z1, Z1, Z1
	VPADDQ Z25, Z1, K1, Z1
	MOVQ R8, R10
	TESTQ R10, R10
	JZ found512

gather512:
	KXNORW K2, K2, K2
	VPXORQ Z2, Z2, Z2
	VGATHERQPD (DI)(Z1*8), K2, Z2
	VCMPPD $0x16, Z2, Z0, K1
	VPADDQ Z1, Z1, Z1
	VPADDQ Z25, Z1, K1, Z1
	DECQ R10
	JNZ gather512

found512:
	VPSUBQ Z26, Z1, Z1
	VPMINUQ Z27, Z1, Z1
	VPMOVQW Z1, (DX)
	KMOVW K3, BX
	MOVB BX, (R9)
	ADDQ $64, SI
	ADDQ $16, DX
	INCQ R9
	DECQ CX
	JNZ search512
	VZEROUPPER
	RET

// func masksAVX512(below *[64]uint16, masks *uint64, n int, missing uint64)
// masks[k] = (below ≤ k) | missing. Z0 numbers, Z1 k.
TEXT ·masksAVX512(SB), NOSPLIT, $0-32
	MOVQ below+0(FP), SI
	MOVQ masks+8(FP), DI
	MOVQ n+16(FP), CX
	KMOVQ missing+24(FP), K2
	VMOVDQU64 (SI), Z0
	VMOVDQU64 64(SI), Z1
	VPMOVWB Z0, Y0
	VPMOVWB Z1, Y1
	VINSERTI64X4 $1, Y1, Z0, Z0
	VPXORQ Z1, Z1, Z1
	VPTERNLOGD $0xff, Z2, Z2, Z2

masks512:
	VPCMPUB $2, Z1, Z0, K1
	KORQ K2, K1, K1
	KMOVQ K1, (DI)
	VPSUBB Z2, Z1, Z1
	ADDQ $8, DI
	DECQ CX
	JNZ masks512
	VZEROUPPER
	RET

// func numbersAVX512(masks *uint64, nodes *maskNode, n int, values *[512][64]uint8, number *[64]uint8)
// From the last node to the first, a row's number is that of the left child where the mask is set, else the right's.
TEXT ·numbersAVX512(SB), NOSPLIT, $0-40
	MOVQ masks+0(FP), SI
	MOVQ nodes+8(FP), R8
	MOVQ n+16(FP), CX
	MOVQ values+24(FP), DI
	MOVQ number+32(FP), R9
	LEAQ -8(R8)(CX*8), R8
	MOVQ CX, DX
	SHLQ $6, DX
	LEAQ 16320(DI)(DX*1), DX // node n−1 is value 256+n−1

numbers512:
	MOVL (R8), AX
	MOVWLZX 4(R8), BX
	MOVWLZX 6(R8), R10
	KMOVQ (SI)(AX*8), K1
	VMOVDQU64 (DI)(R10*1), Z0
	VMOVDQU8 (DI)(BX*1), K1, Z0
	VMOVDQU64 Z0, (DX)
	SUBQ $64, DX
	SUBQ $8, R8
	DECQ CX
	JNZ numbers512
	VMOVDQU64 Z0, (R9)
	VZEROUPPER
	RET

// func levelsAVX512(masks *uint64, levels *uint32, n int, number *[64]uint8)
// Bit k of the number is the mask of question levels[k], n ≤ 8.
TEXT ·levelsAVX512(SB), NOSPLIT, $0-32
	MOVQ masks+0(FP), SI
	MOVQ levels+8(FP), R8
	MOVQ n+16(FP), CX
	MOVQ number+24(FP), R9
	VPXORQ Z0, Z0, Z0
	VPTERNLOGD $0xff, Z1, Z1, Z1
	VPABSB Z1, Z1

levels512:
	MOVL (R8), AX
	KMOVQ (SI)(AX*8), K1
	VPADDB Z1, Z0, K1, Z0
	VPADDB Z1, Z1, Z1
	ADDQ $4, R8
	DECQ CX
	JNZ levels512
	VMOVDQU64 Z0, (R9)
	VZEROUPPER
	RET

// func addAVX512(score *float64, number *[64]uint8, leaf *float64, width int)
// score[r] += leaf[number[r]·width].
TEXT ·addAVX512(SB), NOSPLIT, $0-32
	MOVQ score+0(FP), DI
	MOVQ number+8(FP), SI
	MOVQ leaf+16(FP), R8
	MOVQ width+24(FP), AX
	VPBROADCASTQ AX, Z3
	MOVQ $8, CX

add512:
	VPMOVZXBQ (SI), Z0
	VPMULUDQ Z3, Z0, Z0
	KXNORW K1, K1, K1
	VPXORQ Z1, Z1, Z1
	VGATHERQPD (R8)(Z0*8), K1, Z1
	VADDPD (DI), Z1, Z1
	VMOVUPD Z1, (DI)
	ADDQ $8, SI
	ADDQ $64, DI
	DECQ CX
	JNZ add512
	VZEROUPPER
	RET
