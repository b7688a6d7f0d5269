package wire

import (
	"net/http"

	"github.com/duplexhq/duplex/websocket/handshake"
)

// What pages of other origins may send and see, beside what the Fetch standard
// allows anyway.
const (
	corsRequest = "Content-Type, Idempotency-Key, Last-Event-ID"
	corsAnswer  = "Retry-After"
	corsMaxAge  = "600" // seconds for which a browser need not ask again
)

// Guard is the rule of all HTTP forms for pages of other origins. A request from the
// server's own pages, or from no page at all, goes to next. One from a page
// elsewhere goes there too if a pattern of origins allows the page, as it does for
// WebSockets ([handshake.CheckOrigin]), and its answer has the headers that let the
// page see it (CORS). All others are answered with 403: a browser would send them
// even if it does not let the page see the answer, and publishing needs no answer.
//
// methods lists what next takes, as Allow does. OPTIONS is answered here, a
// preflight or not, and other methods with 405.
func Guard(origins []string, methods string, next http.Handler) http.Handler {
	allowed := make(map[string]bool)
	for _, m := range fields(methods) {
		allowed[m] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		foreign, err := checkPage(r, origins)
		if err != nil {
			Problem(w, r, err)
			return
		}
		if foreign {
			h := w.Header()
			h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
			h.Set("Access-Control-Expose-Headers", corsAnswer)
		} else {
			w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		}
		switch {
		case r.Method == http.MethodOptions:
			answerOptions(w, r, methods, foreign)
		case !allowed[r.Method]:
			Problem(w, r, MethodNotAllowed(methods+", OPTIONS"))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// checkPage tells whether a request comes from a page of another origin, which is
// allowed if err is nil.
func checkPage(r *http.Request, origins []string) (foreign bool, err error) {
	sent, secure := r.Header["Origin"], r.TLS != nil
	if len(sent) == 0 {
		return false, checkSite(r)
	}
	if handshake.CheckOrigin(sent, r.Host, secure, nil) == nil {
		return false, nil
	}
	if err := handshake.CheckOrigin(sent, r.Host, secure, origins); err != nil {
		return true, &Refusal{
			Status: http.StatusForbidden,
			Code:   "denied",
			Detail: "pages of this origin may not use this server; start it with --origin to allow them",
		}
	}
	return true, nil
}

// checkSite refuses what a page elsewhere sends in a way that leaves Origin out, unless it
// reads by following a link: a page may have a stream opened that it cannot see, under a
// name that is then present. Browsers say in Sec-Fetch-Site where a request comes from and
// in Sec-Fetch-Mode what it is (W3C Fetch Metadata §2.2 and §2.3), other clients nothing.
func checkSite(r *http.Request) error {
	site := r.Header.Get("Sec-Fetch-Site")
	if site == "" || site == "same-origin" || site == "none" {
		return nil
	}
	mode := r.Header.Get("Sec-Fetch-Mode")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if mode == "" || mode == "navigate" {
			return nil
		}
	case http.MethodOptions:
		return nil
	}
	return &Refusal{
		Status: http.StatusForbidden,
		Code:   "denied",
		Detail: "the request comes from a page of another site and does not name its origin",
	}
}

// answerOptions answers OPTIONS, which for browsers is the question whether a page may
// send what it wants to send (Fetch §3.2.2).
func answerOptions(w http.ResponseWriter, r *http.Request, methods string, foreign bool) {
	h := w.Header()
	h.Set("Allow", methods+", OPTIONS")
	h.Set("Cache-Control", "no-store")
	if foreign && r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Allow-Headers", corsRequest)
		h.Set("Access-Control-Max-Age", corsMaxAge)
		h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	}
	w.WriteHeader(http.StatusNoContent)
}
