//go:build unix

package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// The program as it is built and run by everybody: a server and a client joined
// by the network, ended by SIGTERM.
func TestProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "duplex")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../cmd/duplex").CombinedOutput()
	assert.Equal(t, string(out), "")
	assert.NoError(t, err)

	log := newOutput(t)
	server := exec.CommandContext(t.Context(), program, "serve")
	server.Env = append(os.Environ(), "DUPLEX_LISTEN=127.0.0.1:0")
	server.Stderr = log
	assert.NoError(t, server.Start())
	at := address(t, log.until(`"listening"`))

	once := exec.CommandContext(t.Context(), program, "connect", "-q", "-1", at+"/echo")
	once.Stdin = strings.NewReader("hello\n")
	out, err = once.Output()
	assert.NoError(t, err)
	assert.Equal(t, string(out), "hello\n")

	notes := newOutput(t)
	client := exec.CommandContext(t.Context(), program, "connect", at+"/t/lobby")
	client.Stderr = notes
	var received bytes.Buffer
	client.Stdout = &received
	typed, err := client.StdinPipe()
	assert.NoError(t, err)
	assert.NoError(t, client.Start())
	_, err = typed.Write([]byte("hello\n/ping\n"))
	assert.NoError(t, err)
	notes.until("pong after")

	assert.NoError(t, server.Process.Signal(syscall.SIGTERM))
	assert.NoError(t, client.Wait())
	assert.NoError(t, server.Wait())
	assert.Equal(t, received.String(), "hello\n")
	assert.Contains(t, notes.until("closed"), `closed by the server: 1001 going away "server is shutting down"`+"\n")
	assert.Contains(t, log.until(`"bye"`), `"sockets":1`)

	wrong := exec.CommandContext(t.Context(), program, "connect")
	assert.Equal(t, wrong.Run().Error(), "exit status 2")
}
