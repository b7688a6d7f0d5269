// Package web serves duplex.js, the client for browsers, and the chat page, which
// shows what it can do. Neither needs a build: their source is what the browser
// runs.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"io"
	"net/http"
	"path"
	"time"
)

//go:embed page
var page embed.FS

// library is duplex.js and its types, which pages of other origins may load too.
//
//go:embed duplex.js duplex.d.ts
var library embed.FS

// policy lets the page load its own files and nothing else: no script, style
// or picture from elsewhere, none written into the document, no frame around
// it. Sockets may go anywhere because browsers differ in whether 'self' covers
// ws: (CSP 3 §6.7.2.8). Pictures that peers send are shown from blob: URLs.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; " +
	"connect-src 'self' ws: wss:; img-src 'self' data: blob:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// contentTypes are those of the files of the page. They stand here because the
// types that the system knows differ between machines.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".ts":   "text/plain; charset=utf-8", // application/typescript is not registered
}

// A file is one file as it is answered.
type file struct {
	name        string
	contentType string
	etag        string
	body        []byte
	open        bool // to pages of other origins
}

// Handler serves the page at "/" and its files and the library beside it. It answers
// GET and HEAD; 304 to a browser that has the file already (files are compared with
// each load, so a new version of the server is a new page at once), 404 and 405
// in words. It may be called by any number of goroutines.
func Handler() http.Handler {
	files := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		f, ok := files[r.URL.Path]
		switch {
		case !ok:
			refuse(w, r, http.StatusNotFound, "There is nothing here. The chat is at /, a room's WebSocket at /t/{room}.")
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			refuse(w, r, http.StatusMethodNotAllowed, "This is a page to be read: use GET or HEAD.")
		default:
			h.Set("Content-Type", f.contentType)
			h.Set("Cache-Control", "no-cache")
			h.Set("ETag", f.etag)
			if f.open {
				h.Set("Access-Control-Allow-Origin", "*")
			}
			http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(f.body))
		}
	})
}

// refuse answers with the status and one sentence.
func refuse(w http.ResponseWriter, r *http.Request, status int, sentence string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, sentence+"\n")
	}
}

// load reads the embedded files by the paths they are served at.
func load() map[string]file {
	files := map[string]file{}
	add(files, page, "page", false)
	add(files, library, ".", true)
	files["/"] = files["/index.html"]
	delete(files, "/index.html")
	return files
}

// add reads the files of a directory.
func add(files map[string]file, from embed.FS, dir string, open bool) {
	entries, err := from.ReadDir(dir)
	if err != nil {
		panic(err) // the directory is part of the binary
	}
	for _, entry := range entries {
		name := entry.Name()
		body, err := from.ReadFile(path.Join(dir, name))
		if err != nil {
			panic(err)
		}
		files["/"+name] = file{
			name:        name,
			contentType: contentTypes[path.Ext(name)],
			etag:        fmt.Sprintf(`"%.12x"`, sha256.Sum256(body)),
			body:        body,
			open:        open,
		}
	}
}
