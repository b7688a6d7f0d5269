package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// A peer is somebody else's WebSocket.
type peer struct {
	command []string
	check   []string // a command that succeeds if everything is there
	install string   // what to do if it fails
}

// node is a script of testdata/node that uses a package of npm.
func node(script, module string) peer {
	return peer{
		command: []string{"node", "testdata/node/" + script},
		check:   []string{"node", "--input-type=module", "-e", "import " + quote(module)},
		install: "node with the npm package " + module + " is missing: apt-get install nodejs npm, and npm ci in server/e2e",
	}
}

// python is a script of testdata/python, for the python that sees the packages of
// the system.
func python(script string) peer {
	return peer{
		command: []string{"/usr/bin/python3", "testdata/python/" + script},
		check:   []string{"/usr/bin/python3", "-c", "import websockets"},
		install: "Python's websockets is missing: apt-get install python3-websockets",
	}
}

// start starts the peer with an argument, which it gets as JSON.
func (p peer) start(t testing.TB, arg any) *process {
	t.Helper()
	if !p.isThere() {
		missing(t, p.install)
	}
	text, err := json.Marshal(arg)
	assert.NoError(t, err)
	return start(t, p.command[0], append(p.command[1:len(p.command):len(p.command)], string(text))...)
}

// there holds what checks found, by their command.
var there sync.Map

// isThere runs the check, once for all tests.
func (p peer) isThere() bool {
	check, _ := there.LoadOrStore(fmt.Sprint(p.check), sync.OnceValue(func() bool {
		return exec.Command(p.check[0], p.check[1:]...).Run() == nil
	}))
	return check.(func() bool)()
}

// report waits for the end of a peer and returns the object that it printed last.
func report(t testing.TB, p *process) map[string]string {
	t.Helper()
	status := p.wait()
	lines := p.lines()
	if status != 0 || len(lines) == 0 {
		t.Fatalf("%s ended with status %d:\n%s", p.cmd, status, p.output())
	}
	var raw map[string]json.RawMessage
	assert.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &raw))
	seen := map[string]string{}
	for key, value := range raw {
		seen[key] = string(value)
	}
	return seen
}

// compare ends the test unless both have the same values for the same keys, and
// names those that differ.
func compare(t testing.TB, got, want map[string]string) {
	t.Helper()
	for key := range want {
		if got[key] != want[key] {
			t.Errorf("%s:\ngot  %s\nwant %s", key, got[key], want[key])
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			t.Errorf("%s: got %s, want nothing", key, got[key])
		}
	}
}

// A certificate is one that its owner signed.
type certificate struct {
	tls               tls.Certificate
	pool              *x509.CertPool // with the certificate in it
	certFile, keyFile string         // the same in PEM
}

func selfSigned(t testing.TB) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "duplex e2e"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	assert.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	assert.NoError(t, err)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	dir := t.TempDir()
	c := certificate{pool: x509.NewCertPool(), certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem")}
	assert.NoError(t, os.WriteFile(c.certFile, certPEM, 0o600))
	assert.NoError(t, os.WriteFile(c.keyFile, keyPEM, 0o600))
	c.tls, err = tls.X509KeyPair(certPEM, keyPEM)
	assert.NoError(t, err)
	assert.True(t, c.pool.AppendCertsFromPEM(certPEM), "the certificate is one")
	return c
}
