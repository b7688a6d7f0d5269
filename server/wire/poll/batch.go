package poll

import (
	"net/http"
	"sync"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/wire"
)

// An outcome is what became of one message of a batch.
type outcome struct {
	receipt hub.Receipt
	err     error
}

// batch answers POST /batch once everything is stored that can be. Messages of one
// topic come in the order of the array.
func (a *api) batch(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	items, err := wire.ReadBatch(w, r, a.maxMessage)
	if err != nil {
		return nil, err
	}
	outcomes := make([]outcome, len(items))
	var stored sync.WaitGroup
	for i, item := range items {
		if item.Err != nil {
			outcomes[i].err = item.Err
			continue
		}
		stored.Add(1)
		a.hub.PublishAsync(item.Message, func(receipt hub.Receipt, err error) {
			outcomes[i] = outcome{receipt, err}
			stored.Done()
		})
	}
	stored.Wait()
	for _, o := range outcomes {
		if o.err != nil {
			a.complain(r, o.err)
		}
	}
	return appendOutcomes(nil, outcomes), nil
}

// appendOutcomes appends {"results":[…]}.
func appendOutcomes(dst []byte, outcomes []outcome) []byte {
	dst = append(dst, `{"results":[`...)
	for i, o := range outcomes {
		if i > 0 {
			dst = append(dst, ',')
		}
		if o.err == nil {
			dst = appendReceipt(dst, o.receipt)
			continue
		}
		dst = appendJSON(dst, refused(o.err))
	}
	return append(dst, "]}"...)
}

// A refused message, as JSON.
type refusal struct {
	Code    string `json:"code"`
	Retry   bool   `json:"retry"`
	Message string `json:"message"`
}

func refused(err error) refusal {
	e := wire.RefusalOf(err)
	return refusal{e.Code, e.Retry, e.Detail}
}
