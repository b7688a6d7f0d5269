package load

import (
	"fmt"
	"time"
)

// Processes are the ids of a server's processes.
type Processes []int

// Check says what is wrong if their processor time cannot be read.
func (p Processes) Check() error {
	for _, id := range p {
		if _, err := cpuTime(id); err != nil {
			return fmt.Errorf("load: process %d: %w", id, err)
		}
	}
	return nil
}

// CPU returns the processor time that the processes have used, user and system. A
// process that has ended adds nothing.
func (p Processes) CPU() (sum time.Duration) {
	for _, id := range p {
		t, _ := cpuTime(id)
		sum += t
	}
	return sum
}

// Memory returns the resident memory of the processes, in bytes. Pages that they
// share count for each.
func (p Processes) Memory() (sum int64) {
	for _, id := range p {
		n, _ := resident(id)
		sum += n
	}
	return sum
}
