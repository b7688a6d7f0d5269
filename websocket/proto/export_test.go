package proto

// A Cell is one cell of the table of transitions, as the tests see it.
type Cell struct {
	From   State
	Input  string
	Next   State
	Sends  bool
	Server Transport
	Client Transport
}

// Cells returns the table row by row.
func Cells() (cells []Cell) {
	for from, row := range transitions {
		for in, t := range row {
			cells = append(cells, Cell{State(from), input(in).String(), t.next, t.send, t.server, t.client})
		}
	}
	return cells
}

// FailureReason is the reason that goes into the close frame for err.
func FailureReason(err error) string { return failureReason(err) }

// Held returns how many bytes the machine has set aside for what is cut.
func (r *receiver) Held() int {
	n := len(r.hdr)
	if r.control != nil {
		n += len(r.control)
	}
	return n
}
