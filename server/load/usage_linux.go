package load

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// cpuTime returns the processor time that the threads of a process have used, to
// the nanosecond: the first number in schedstat of each. That of threads that have
// ended is lost, but a Go program, as an event loop, keeps its threads.
func cpuTime(id int) (sum time.Duration, err error) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", id))
	if err != nil {
		return 0, plainPath(err)
	}
	for _, t := range threads {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", id, t.Name()))
		if err != nil {
			continue // it has ended since
		}
		first, _, _ := bytes.Cut(b, []byte(" "))
		n, err := strconv.ParseInt(string(first), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("schedstat: %w", err)
		}
		sum += time.Duration(n)
	}
	return sum, nil
}

// resident returns the resident memory of a process, in bytes: from smaps_rollup,
// which is exact, or, where that may not be read, from statm, which may lag behind
// by some pages for each thread.
func resident(id int) (int64, error) {
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", id)); err == nil {
		if _, rest, found := bytes.Cut(b, []byte("\nRss:")); found {
			var kilobytes int64
			if _, err := fmt.Fscan(bytes.NewReader(rest), &kilobytes); err == nil {
				return kilobytes << 10, nil
			}
		}
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", id))
	if err != nil {
		return 0, plainPath(err)
	}
	var size, pages int64
	if _, err := fmt.Fscan(bytes.NewReader(b), &size, &pages); err != nil {
		return 0, fmt.Errorf("statm: %w", err)
	}
	return pages * int64(os.Getpagesize()), nil
}

// plainPath says what a missing directory means.
func plainPath(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("there is no such process")
	}
	return err
}
