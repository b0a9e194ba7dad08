package directus_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"leveret/protocol/protocoltest"
	"leveret/protocol/transport"
)

// A wire is a WebSocket client that sends whatever it is told to, over a
// connection in memory: what a browser cannot send was recorded too.
type wire struct {
	conn   net.Conn
	frames chan []byte
	ended  chan struct{}
	end    error // once ended is closed

	mu sync.Mutex // of writing
}

// A listener hands out the server's ends of connections in memory.
type listener chan net.Conn

func (l listener) Accept() (net.Conn, error) {
	conn, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l listener) Close() error   { return nil }
func (l listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8055} }

// local is a net.Conn that says that it comes from this machine.
type local struct{ net.Conn }

func (local) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 50000} }

// openWire upgrades a connection to a server that listens.
func openWire(l listener, upgrade protocoltest.Upgrade) (transport.Conn, error) {
	near, far := net.Pipe()
	l <- local{far}
	request := "GET " + upgrade.URL + " HTTP/1.1\r\nHost: 127.0.0.1:8055\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	for name, value := range upgrade.Headers {
		request += name + ": " + value + "\r\n"
	}
	go io.WriteString(near, request+"\r\n")
	reader := bufio.NewReader(near)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		near.Close()
		return nil, &transport.RefusedError{Status: response.StatusCode}
	}
	w := &wire{conn: near, frames: make(chan []byte, 4096), ended: make(chan struct{})}
	go w.read(reader)
	return w, nil
}

const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

func (w *wire) read(r *bufio.Reader) {
	end := &transport.CloseError{Code: transport.CloseAbnormal}
	defer func() {
		w.end = end
		close(w.ended)
		w.conn.Close()
	}()
	for {
		var head [2]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		size := uint64(head[1] & 127)
		switch size {
		case 126:
			var wide [2]byte
			if _, err := io.ReadFull(r, wide[:]); err != nil {
				return
			}
			size = uint64(binary.BigEndian.Uint16(wide[:]))
		case 127:
			var wide [8]byte
			if _, err := io.ReadFull(r, wide[:]); err != nil {
				return
			}
			size = binary.BigEndian.Uint64(wide[:])
		}
		payload := make([]byte, size)
		if _, err := io.ReadFull(r, payload); err != nil {
			return
		}
		switch head[0] & 15 {
		case opText, opBinary:
			w.frames <- payload
		case opClose:
			end.Code, end.Reason = transport.CloseNoStatus, ""
			if len(payload) >= 2 {
				end.Code, end.Reason = int(binary.BigEndian.Uint16(payload)), string(payload[2:])
			}
			w.write(opClose, true, payload)
			return
		}
	}
}

// write sends a frame. Its mask is zero, which is one like any other.
func (w *wire) write(op byte, final bool, payload []byte) error {
	head := []byte{op, 0x80}
	if final {
		head[0] |= 0x80
	}
	switch n := len(payload); {
	case n < 126:
		head[1] |= byte(n)
	case n < 1<<16:
		head[1] |= 126
		head = binary.BigEndian.AppendUint16(head, uint16(n))
	default:
		head[1] |= 127
		head = binary.BigEndian.AppendUint64(head, uint64(n))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.conn.Write(bytes.Join([][]byte{head, {0, 0, 0, 0}, payload}, nil))
	return err
}

func (w *wire) Receive(ctx context.Context) ([]byte, error) {
	select {
	case frame := <-w.frames:
		return frame, nil
	default:
	}
	select {
	case frame := <-w.frames:
		return frame, nil
	case <-w.ended:
		select {
		case frame := <-w.frames:
			return frame, nil
		default:
			return nil, w.end
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *wire) Send(frame []byte) error { return w.write(opText, true, frame) }

func (w *wire) Close(code int, reason string) error {
	select {
	case <-w.ended:
		return nil
	default:
	}
	var payload []byte
	if code != transport.CloseNoStatus {
		payload = append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
	}
	w.write(opClose, true, payload)
	return nil
}

// SendLine sends what a recorded line says, or describes.
func (w *wire) SendLine(line protocoltest.Line) error {
	text := line.Text()
	var size int
	switch {
	case line.Dir == "c2s-ctl":
		kind, data, _ := strings.Cut(text, " ")
		if kind != "ping" {
			return fmt.Errorf("cannot send the control frame %q", text)
		}
		return w.write(opPing, true, []byte(data))
	case line.Binary:
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return err
		}
		return w.write(opBinary, true, data)
	case scan(text, "(create with text of %d bytes)", &size):
		frame, err := json.Marshal(map[string]any{"type": "items", "collection": "messages", "action": "create",
			"data": map[string]string{"text": strings.Repeat("x", size)}, "query": map[string]any{"fields": []string{"id"}}, "uid": "big" + strconv.Itoa(size)})
		if err != nil {
			return err
		}
		return w.write(opText, true, frame)
	case scan(text, "(one text frame of %d MiB)", &size):
		w.write(opText, true, make([]byte, size<<20)) // the server closes before it has read it
		return nil
	case strings.HasPrefix(text, "(3 fragments) "):
		message, _, _ := strings.Cut(strings.TrimPrefix(text, "(3 fragments) "), " with ")
		third := len(message) / 3
		return errors.Join(
			w.write(opText, false, []byte(message[:third])), w.write(0, false, []byte(message[third:2*third])),
			w.write(opPing, true, nil), w.write(0, true, []byte(message[2*third:])))
	case text == "(text frame with invalid utf-8 ff fe)":
		return w.write(opText, true, []byte{'"', 0xff, 0xfe, '"'})
	}
	return fmt.Errorf("cannot send %q", text)
}

func scan(text, format string, n *int) bool {
	_, err := fmt.Sscanf(text, format, n)
	return err == nil
}
