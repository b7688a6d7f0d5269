//go:build !linux

package process

import "time"

// CPU returns the processor time of the process up to now.
func (p *Process) CPU() (time.Duration, error) {
	u, err := p.Usage()
	return u.CPU, err
}

// Resident returns its resident memory, in bytes; 0 where the system does not tell.
func (p *Process) Resident() (int64, error) {
	u, err := p.Usage()
	return u.Resident, err
}
