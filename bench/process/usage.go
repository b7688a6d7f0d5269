package process

import (
	"runtime"
	"time"
)

// Usage is what a server process has used.
type Usage struct {
	// CPU is the processor time since the process began, in user and kernel
	// mode together.
	CPU time.Duration

	// Resident is the memory that the operating system counts, Heap what is
	// in use of Go's heap, and Stack what stacks take, in bytes. Resident is
	// 0 where the system does not tell.
	Resident, Heap, Stack int64
}

// usage returns that of this process.
func usage() Usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Usage{CPU: cpuTime(), Resident: resident(), Heap: int64(m.HeapInuse), Stack: int64(m.StackInuse)}
}
