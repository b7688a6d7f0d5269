//go:build !linux

package cli

// canSeeProcesses tells whether the processor time of processes can be read here.
const canSeeProcesses = false
