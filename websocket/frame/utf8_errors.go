package frame

// What can be wrong with a byte and the one before it, as bits of utf8Errors.
const (
	tooShort  = 1 << iota // a sequence is open, and no continuation byte comes
	tooLong               // a continuation byte behind ASCII
	overlong2             // C0 or C1, then a continuation byte
	overlong3             // E0, then 80 to 9F
	overlong4             // F0, then 80 to 8F
	surrogate             // ED, then A0 to BF
	tooLarge              // F4 or above, then 90 to BF
	twoTails              // two continuation bytes: right or wrong by what comes before

	tooLarge8 = overlong4 // F5 or above, then 80 to 8F; no byte can be both

	// These do not depend on the low nibble of the first byte.
	anyLow = tooShort | tooLong | twoTails
)

// utf8Errors are the tables for validVector: the errors that are possible
// with the high nibble of the first byte, with its low nibble, and with the
// high nibble of the second byte. An error is there if all three say so. This is
// the algorithm of J. Keiser and D. Lemire, "Validating UTF-8 In Less Than One
// Instruction Per Byte" (2021).
var utf8Errors = [3][16]byte{
	{
		0x0: tooLong, 0x1: tooLong, 0x2: tooLong, 0x3: tooLong,
		0x4: tooLong, 0x5: tooLong, 0x6: tooLong, 0x7: tooLong,
		0x8: twoTails, 0x9: twoTails, 0xA: twoTails, 0xB: twoTails,
		0xC: tooShort | overlong2,
		0xD: tooShort,
		0xE: tooShort | overlong3 | surrogate,
		0xF: tooShort | overlong4 | tooLarge | tooLarge8,
	},
	{
		0x0: anyLow | overlong2 | overlong3 | overlong4,
		0x1: anyLow | overlong2,
		0x2: anyLow,
		0x3: anyLow,
		0x4: anyLow | tooLarge,
		0x5: anyLow | tooLarge | tooLarge8,
		0x6: anyLow | tooLarge | tooLarge8,
		0x7: anyLow | tooLarge | tooLarge8,
		0x8: anyLow | tooLarge | tooLarge8,
		0x9: anyLow | tooLarge | tooLarge8,
		0xA: anyLow | tooLarge | tooLarge8,
		0xB: anyLow | tooLarge | tooLarge8,
		0xC: anyLow | tooLarge | tooLarge8,
		0xD: anyLow | tooLarge | tooLarge8 | surrogate,
		0xE: anyLow | tooLarge | tooLarge8,
		0xF: anyLow | tooLarge | tooLarge8,
	},
	{
		0x0: tooShort, 0x1: tooShort, 0x2: tooShort, 0x3: tooShort,
		0x4: tooShort, 0x5: tooShort, 0x6: tooShort, 0x7: tooShort,
		0x8: tooLong | overlong2 | twoTails | overlong3 | overlong4 | tooLarge8,
		0x9: tooLong | overlong2 | twoTails | overlong3 | tooLarge,
		0xA: tooLong | overlong2 | twoTails | surrogate | tooLarge,
		0xB: tooLong | overlong2 | twoTails | surrogate | tooLarge,
		0xC: tooShort, 0xD: tooShort, 0xE: tooShort, 0xF: tooShort,
	},
}
