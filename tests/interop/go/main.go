// The Go peer of the interop tests: one process that serves and connects as its standard input tells it.
//
// The protocol is the one of ../programs/README.md: a command a line, fields separated by tabs.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

const deadline = 30 * time.Second

var groupCodes = map[string]tls.CurveID{
	"secp256r1": tls.CurveP256, "secp384r1": tls.CurveP384, "secp521r1": tls.CurveP521, "x25519": tls.X25519,
	"X25519MLKEM768": tls.X25519MLKEM768, "SecP256r1MLKEM768": 0x11eb, "SecP384r1MLKEM1024": 0x11ed,
}

var versionCodes = map[string]uint16{
	"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13,
}

// suiteCodes finds the suites of TLS 1.2 and before by name, the insecure ones too.
func suiteCodes(names []string) (codes []uint16) {
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		for _, name := range names {
			if suite.Name == name {
				codes = append(codes, suite.ID)
			}
		}
	}
	return codes
}

var (
	output  sync.Mutex
	servers sync.Map // port -> *server
	caches  sync.Map // name -> tls.ClientSessionCache, for connections that resume one another
)

type server struct {
	listener net.Listener
	outcomes chan string
}

type fields map[string]string

func reply(id string, rest string) {
	output.Lock()
	defer output.Unlock()
	fmt.Println(strings.TrimRight("id="+id+"\t"+strings.TrimLeft(rest, "\t"), "\t"))
}

func oneLine(err error) string {
	return strings.NewReplacer("\t", " ", "\n", " ").Replace(err.Error())
}

func list(value string) []string {
	if value == "" {
		return nil
	}
	return strings.Split(value, ",")
}

func configure(command fields) (*tls.Config, error) {
	config := &tls.Config{ServerName: command["server_name"], NextProtos: list(command["alpn"])}
	versions := list(command["versions"])
	config.MinVersion, config.MaxVersion = versionCodes[versions[0]], versionCodes[versions[len(versions)-1]]
	if config.MaxVersion < tls.VersionTLS13 {
		config.CipherSuites = suiteCodes(list(command["suites"]))
	}
	config.SessionTicketsDisabled = command["tickets"] == "off"
	if name := command["session"]; name != "" {
		cache, _ := caches.LoadOrStore(name, tls.NewLRUClientSessionCache(8))
		config.ClientSessionCache = cache.(tls.ClientSessionCache)
	}
	pem, err := os.ReadFile(command["trust"])
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	config.RootCAs, config.ClientCAs = pool, pool
	if command["certificate"] != "" {
		pair, err := tls.LoadX509KeyPair(command["certificate"], command["key"])
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	for _, name := range list(command["groups"]) {
		code, known := groupCodes[name]
		if !known {
			return nil, fmt.Errorf("no group %s", name)
		}
		config.CurvePreferences = append(config.CurvePreferences, code)
	}
	switch command["client_authentication"] {
	case "request":
		config.ClientAuth = tls.VerifyClientCertIfGiven
	case "require":
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, nil
}

func groupName(code tls.CurveID) string {
	for name, known := range groupCodes {
		if known == code {
			return name
		}
	}
	return fmt.Sprintf("%#04x", uint16(code))
}

func facts(conn *tls.Conn, command fields) string {
	state := conn.ConnectionState()
	text := fmt.Sprintf("version=%s\tsuite=%s\tgroup=%s\talpn=%s\tserver_name=%s\thello_retried=%t\tresumed=%t",
		tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), groupName(state.CurveID),
		state.NegotiatedProtocol, state.ServerName, state.HelloRetryRequest, state.DidResume)
	if label := command["export_label"]; label != "" {
		length, _ := strconv.Atoi(command["export_length"])
		if material, err := state.ExportKeyingMaterial(label, nil, length); err == nil {
			text += "\texported=" + hex.EncodeToString(material)
		}
	}
	if len(state.PeerCertificates) > 0 {
		digest := sha256.Sum256(state.PeerCertificates[0].Raw)
		text += "\tpeer_leaf=" + hex.EncodeToString(digest[:])
	}
	return text
}

// pattern makes the data that every side can make for itself.
func pattern(length int) []byte {
	data := make([]byte, length)
	for index := range data {
		data[index] = byte(index % 251)
	}
	return data
}

// readToEnd tells how the peer's side of the connection ended.
func readToEnd(conn io.Reader) (string, error) {
	rest, err := io.ReadAll(conn)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "truncated", nil
	}
	if err != nil {
		return "", err
	}
	if len(rest) > 0 {
		return "", fmt.Errorf("%d octets after the end", len(rest))
	}
	return "close_notify", nil
}

func finish(conn *tls.Conn, reader io.Reader, weCloseFirst bool) (closed string, err error) {
	if weCloseFirst {
		if err = conn.CloseWrite(); err != nil {
			return "", err
		}
	}
	if closed, err = readToEnd(reader); err != nil {
		return closed, err
	}
	if !weCloseFirst {
		err = conn.CloseWrite()
	}
	return closed, err
}

func serveOne(conn *tls.Conn, command fields) (string, error) {
	conn.SetDeadline(time.Now().Add(deadline))
	if err := conn.Handshake(); err != nil {
		return "", err
	}
	told := facts(conn, command)
	reader := bufio.NewReaderSize(conn, 1<<16)
	line, err := reader.ReadString('\n')
	if err != nil {
		return told, err
	}
	var upload, download int
	var first string
	if _, err = fmt.Sscan(line, &upload, &download, &first); err != nil {
		return told, err
	}
	hash := sha256.New()
	if _, err = io.CopyN(hash, reader, int64(upload)); err != nil {
		return told, err
	}
	digest := hex.EncodeToString(hash.Sum(nil))
	if _, err = conn.Write(append([]byte(digest+"\n"), pattern(download)...)); err != nil {
		return told, err
	}
	closed, err := finish(conn, reader, first == "server")
	return fmt.Sprintf("%s\treceived=%d\tdigest=%s\tclosed=%s", told, upload, digest, closed), err
}

func connectOne(command fields) (string, error) {
	config, err := configure(command)
	if err != nil {
		return "", err
	}
	plain, err := net.DialTimeout("tcp", "127.0.0.1:"+command["port"], deadline)
	if err != nil {
		return "", err
	}
	defer plain.Close()
	conn := tls.Client(plain, config)
	conn.SetDeadline(time.Now().Add(deadline))
	if err = conn.Handshake(); err != nil {
		return "", err
	}
	told := facts(conn, command)
	upload, _ := strconv.Atoi(command["upload"])
	download, _ := strconv.Atoi(command["download"])
	sent := pattern(upload)
	header := fmt.Sprintf("%d %d %s\n", upload, download, command["first"])
	if _, err = conn.Write(append([]byte(header), sent...)); err != nil {
		return told, err
	}
	reader := bufio.NewReaderSize(conn, 1<<16)
	theirs, err := reader.ReadString('\n')
	if err != nil {
		return told, err
	}
	if sum := sha256.Sum256(sent); strings.TrimSpace(theirs) != hex.EncodeToString(sum[:]) {
		return told, errors.New("the server received other data than was sent")
	}
	var received bytes.Buffer
	if _, err = io.CopyN(&received, reader, int64(download)); err != nil {
		return told, err
	}
	digest := sha256.Sum256(received.Bytes())
	closed, err := finish(conn, reader, command["first"] == "client")
	return fmt.Sprintf("%s\treceived=%d\tdigest=%x\tclosed=%s", told, download, digest, closed), err
}

func outcome(told string, err error) string {
	if err != nil {
		return told + "\terror=" + oneLine(err)
	}
	return told
}

func serve(command fields) (string, error) {
	config, err := configure(command)
	if err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	running := &server{listener, make(chan string, 4096)}
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	servers.Store(port, running)
	go func() {
		for {
			plain, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer plain.Close()
				running.outcomes <- outcome(serveOne(tls.Server(plain, config), command))
			}()
		}
	}()
	return "port=" + port, nil
}

func obey(command fields) (string, error) {
	switch command["do"] {
	case "serve":
		return serve(command)
	case "connect":
		return connectOne(command)
	}
	found, known := servers.Load(command["port"])
	if !known {
		return "", fmt.Errorf("no server on port %s", command["port"])
	}
	running := found.(*server)
	switch command["do"] {
	case "outcome":
		select {
		case told := <-running.outcomes:
			return told, nil
		case <-time.After(deadline):
			return "", errors.New("no connection has ended")
		}
	case "stop":
		servers.Delete(command["port"])
		return "", running.listener.Close()
	}
	return "", fmt.Errorf("unknown command %s", command["do"])
}

func main() {
	reply("0", "version="+runtime.Version())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		command := fields{}
		for _, field := range strings.Split(lines.Text(), "\t") {
			name, value, _ := strings.Cut(field, "=")
			command[name] = value
		}
		go func() { reply(command["id"], outcome(obey(command))) }()
	}
}
