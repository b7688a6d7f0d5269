//go:build (amd64 || arm64) && !purego

package frame

// canVector is asked for once: CPUID takes a virtual machine microseconds.
var canVector = hasVector()

// eachCode calls f with the Go code in use and, if the CPU runs it, with the
// vector code, and says which it is. It works in benchmarks and fuzz targets too.
func eachCode(f func(code string)) {
	defer func(before bool) { vector = before }(vector)
	vector = false
	f("go")
	if canVector {
		vector = true
		f("vector")
	}
}
