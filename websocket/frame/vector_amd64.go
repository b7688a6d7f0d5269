//go:build !purego

package frame

// hasVector reports whether the CPU runs the assembly of this package: it must
// have AVX2, and the operating system must keep the registers of 32 bytes. The
// order of the questions is that of the Intel 64 and IA-32 Architectures
// Software Developer's Manual, volume 1, §14.7.1.
func hasVector() bool {
	const (
		osxsave = 1 << 27 // leaf 1, ECX: XGETBV may be used
		avx     = 1 << 28 // leaf 1, ECX
		avx2    = 1 << 5  // leaf 7, EBX
		xmmYMM  = 1<<1 | 1<<2
	)
	if highest, _, _ := cpuid(0); highest < 7 {
		return false
	}
	if _, _, c := cpuid(1); c&osxsave == 0 || c&avx == 0 || xgetbv()&xmmYMM != xmmYMM {
		return false
	}
	_, b, _ := cpuid(7)
	return b&avx2 != 0
}

// cpuid runs the instruction of this name for sub-leaf 0 of leaf.
func cpuid(leaf uint32) (eax, ebx, ecx uint32)

// xgetbv returns the low half of the extended control register 0.
func xgetbv() uint32
