package web

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func get(t *testing.T, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// names are the files of the page, by their names in the directory.
func names(t *testing.T) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(page, "page", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(name, "page/"))
		}
		return err
	})
	if err != nil || len(names) == 0 {
		t.Fatalf("files %v, error %v", names, err)
	}
	return names
}

func source(t *testing.T, name string) string {
	t.Helper()
	b, err := page.ReadFile("page/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryFileIsServed(t *testing.T) {
	types := map[string]string{
		".html": "text/html; charset=utf-8",
		".css":  "text/css; charset=utf-8",
		".js":   "text/javascript; charset=utf-8",
		".svg":  "image/svg+xml",
	}
	for _, name := range names(t) {
		target := "/" + name
		if name == "index.html" {
			target = "/"
		}
		w := get(t, "GET", target)
		want(t, target+": status", w.Code, 200)
		want(t, target+": type", w.Header().Get("Content-Type"), types[path.Ext(name)])
		want(t, target+": Cache-Control", w.Header().Get("Cache-Control"), "no-cache")
		want(t, target+": body", w.Body.String(), source(t, name))
	}
}

// Pages of other origins, Deno and editors load the library from where it is served.
func TestLibrary(t *testing.T) {
	for name, contentType := range map[string]string{
		"duplex.js":   "text/javascript; charset=utf-8",
		"duplex.d.ts": "text/plain; charset=utf-8",
	} {
		body, err := library.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		w := get(t, "GET", "/"+name)
		want(t, name+": status", w.Code, 200)
		want(t, name+": type", w.Header().Get("Content-Type"), contentType)
		want(t, name+": origins", w.Header().Get("Access-Control-Allow-Origin"), "*")
		want(t, name+": body", w.Body.String(), string(body))
	}
	want(t, "origins of the page", get(t, "GET", "/chat.js").Header().Get("Access-Control-Allow-Origin"), "")
}

func TestLibraryIsSmall(t *testing.T) {
	body, err := library.ReadFile("duplex.js")
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if packed.Len() >= 3<<10 {
		t.Errorf("duplex.js is %d bytes when compressed, want less than 3 KB", packed.Len())
	}
	if found := regexp.MustCompile(`\bimport\b|\brequire\(`).Find(body); found != nil {
		t.Errorf("duplex.js depends on something: %s", found)
	}
}

// Whatever a program can use is told in the types: methods, fields and events.
func TestTypesAreComplete(t *testing.T) {
	code, _ := library.ReadFile("duplex.js")
	types, _ := library.ReadFile("duplex.d.ts")
	member := regexp.MustCompile(`(?m)^  (?:async |get )?([a-z]\w*)(?:\(| = |;)|this\.([a-z]\w*) = `)
	for _, m := range member.FindAllSubmatch(code, -1) {
		name := string(m[1]) + string(m[2])
		if !slices.Contains([]string{"constructor", "if", "for", "return", "frame", "reject"}, name) &&
			!regexp.MustCompile(`(?m)^  (readonly )?`+name+`[?:(]`).Match(types) {
			t.Errorf("duplex.d.ts does not know %s", name)
		}
	}
	events := regexp.MustCompile(`for \(const type of \[(.*)\]\)`).FindSubmatch(code)
	for _, m := range regexp.MustCompile(`"(\w+)"`).FindAllSubmatch(events[1], -1) {
		want(t, "times of on"+string(m[1])+" in duplex.d.ts", strings.Contains(string(types), "\n  on"+string(m[1])+": "), true)
	}
}

func TestQueryIsThePagesOwnBusiness(t *testing.T) {
	want(t, "status", get(t, "GET", "/?room=team.küche").Code, 200)
}

func TestProtectiveHeadersOnEveryAnswer(t *testing.T) {
	for _, target := range []string{"/", "/chat.js", "/nothing"} {
		h := get(t, "GET", target).Header()
		want(t, "nosniff", h.Get("X-Content-Type-Options"), "nosniff")
		want(t, "referrer", h.Get("Referrer-Policy"), "no-referrer")
		want(t, "policy", h.Get("Content-Security-Policy"),
			"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; "+
				"img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	}
}

func TestBrowserThatHasTheFileIsToldSo(t *testing.T) {
	etag := get(t, "GET", "/style.css").Header().Get("ETag")
	if !regexp.MustCompile(`^"[0-9a-f]{24}"$`).MatchString(etag) {
		t.Fatalf("ETag is %s", etag)
	}
	w := get(t, "GET", "/style.css", "If-None-Match", etag)
	want(t, "status", w.Code, http.StatusNotModified)
	want(t, "length", w.Body.Len(), 0)
	want(t, "ETag", w.Header().Get("ETag"), etag)

	want(t, "status of an old version", get(t, "GET", "/style.css", "If-None-Match", `"old"`).Code, 200)
	if other := get(t, "GET", "/chat.js").Header().Get("ETag"); other == etag {
		t.Error("two files have the same ETag")
	}
}

func TestHeadIsGetWithoutTheBody(t *testing.T) {
	for _, target := range []string{"/", "/chat.js", "/nothing"} {
		head, full := get(t, "HEAD", target), get(t, "GET", target)
		want(t, target+": status", head.Code, full.Code)
		want(t, target+": body", head.Body.Len(), 0)
		for name := range full.Header() {
			want(t, target+": "+name, head.Header().Get(name), full.Header().Get(name))
		}
		if full.Code == 200 {
			want(t, target+": length", head.Header().Get("Content-Length"), strconv.Itoa(full.Body.Len()))
		}
	}
}

func TestWhatIsNotThereIsSaidInWords(t *testing.T) {
	for _, target := range []string{"/nothing", "/index.html", "/page/chat.js", "/../web.go", "/t", "/CHAT.JS", "/chat.js/", "//"} {
		w := get(t, "GET", "http://duplex.example"+target)
		want(t, target+": status", w.Code, 404)
		want(t, target+": type", w.Header().Get("Content-Type"), "text/plain; charset=utf-8")
		want(t, target+": body", w.Body.String(), "There is nothing here. The chat is at /, a room's WebSocket at /t/{room}.\n")
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	w := get(t, "POST", "/")
	want(t, "status", w.Code, 405)
	want(t, "Allow", w.Header().Get("Allow"), "GET, HEAD")
	want(t, "body", w.Body.String(), "This is a page to be read: use GET or HEAD.\n")
}

// references finds what a file loads: attributes of HTML, imports of modules,
// url() and @import of styles.
var references = regexp.MustCompile(`(?:\s(?:src|href)=|\bfrom |\bimport\(|url\(|@import )["']?([^"')\s]+)["']?`)

func TestEverythingThatIsLoadedExists(t *testing.T) {
	loaded := map[string]bool{}
	for _, name := range names(t) {
		for _, m := range references.FindAllStringSubmatch(source(t, name), -1) {
			ref := m[1]
			if strings.HasPrefix(ref, "#") {
				if !strings.Contains(source(t, name), ` id="`+ref[1:]+`"`) {
					t.Errorf("%s refers to %s, which is not in it", name, ref)
				}
				continue
			}
			if !strings.HasPrefix(ref, "/") && !strings.HasPrefix(ref, "./") {
				continue // prose: "from the console"
			}
			target := path.Join("/", ref)
			want(t, name+" loads "+ref+": status", get(t, "GET", target).Code, 200)
			loaded[target] = true
		}
	}
	for _, name := range names(t) {
		if name != "index.html" && !loaded["/"+name] {
			t.Errorf("nothing loads %s", name)
		}
	}
}

// Modules are fetched one level of imports after the other unless the page
// names them all at once.
func TestEveryModuleIsPreloaded(t *testing.T) {
	html := source(t, "index.html")
	for _, name := range names(t) {
		if path.Ext(name) == ".js" && name != "chat.js" && !strings.Contains(html, `<link rel="modulepreload" href="/`+name+`">`) {
			t.Errorf("%s is not preloaded", name)
		}
	}
}

var (
	external   = regexp.MustCompile(`(?i)(?:https?:|wss?:)?//[a-z0-9-]+(?:\.[a-z0-9-]+)+`)
	inlineCode = regexp.MustCompile(`(?i)\son[a-z]+=|\sstyle=|javascript:|<script(?:\s[^>]*)?>[^<]|<style`)
	// Text of a peer must not become markup or code, in whatever way.
	markup = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTML|\beval\(|new Function|srcdoc`)
)

func TestNothingComesFromElsewhere(t *testing.T) {
	const svgNamespace = "http://www.w3.org/2000/svg" // a name, never fetched
	for _, name := range names(t) {
		text := strings.ReplaceAll(source(t, name), svgNamespace, "")
		if found := external.FindString(text); found != "" {
			t.Errorf("%s refers to %s", name, found)
		}
	}
}

func TestNoCodeInTheMarkupAndNoMarkupInTheCode(t *testing.T) {
	if found := inlineCode.FindString(source(t, "index.html")); found != "" {
		t.Errorf("index.html contains %q, which its policy forbids", found)
	}
	for _, name := range names(t) {
		if found := markup.FindString(source(t, name)); found != "" && path.Ext(name) == ".js" {
			t.Errorf("%s uses %s", name, found)
		}
	}
}

// A script that asks for an element by its id gets one.
func TestElementsThatScriptsUseExist(t *testing.T) {
	html := source(t, "index.html")
	byID := regexp.MustCompile(`\$\("([a-z-]+)"\)`)
	for _, name := range names(t) {
		for _, m := range byID.FindAllStringSubmatch(source(t, name), -1) {
			if !strings.Contains(html, ` id="`+m[1]+`"`) {
				t.Errorf("%s uses the element %s, which does not exist", name, m[1])
			}
		}
	}
}

// What the tests in a browser hold on to, and what a screen reader needs.
func TestHooksAndLandmarks(t *testing.T) {
	html := source(t, "index.html")
	for _, id := range []string{"name", "room", "text", "send", "log", "state", "people", "count"} {
		want(t, "times of data-testid "+id, strings.Count(html, ` data-testid="`+id+`"`), 1)
	}
	for _, part := range []string{
		`<html lang="en">`, "<header", "<main", "<aside", "<h1", `role="log" aria-live="polite"`, `role="status"`,
		`<label for="name">`, `for="text">`, `for="room">`, "<noscript>",
	} {
		if !strings.Contains(html, part) {
			t.Errorf("index.html has no %s", part)
		}
	}
	ids := regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(html, -1)
	slices.SortFunc(ids, func(a, b []string) int { return strings.Compare(a[1], b[1]) })
	for i := 1; i < len(ids); i++ {
		if ids[i][1] == ids[i-1][1] {
			t.Errorf("the id %s stands twice", ids[i][1])
		}
	}
}
