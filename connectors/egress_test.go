package connectors

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestAddressesNeverDialled goes through the ways to write an address that ought
// not to be called, and those that must stay usable.
func TestAddressesNeverDialled(t *testing.T) {
	for _, c := range []struct {
		address string
		refused bool
	}{
		{"169.254.169.254:80", true},
		{"169.254.0.1:443", true},
		{"[::ffff:169.254.169.254]:80", true}, // IPv6-mapped
		{"[::ffff:a9fe:a9fe]:80", true},
		{"[::169.254.169.254]:80", true},              // IPv4-compatible
		{"[::ffff:0:a9fe:a9fe]:80", true},             // IPv4-translated
		{"[2002:a9fe:a9fe::1]:80", true},              // 6to4
		{"[64:ff9b::a9fe:a9fe]:80", true},             // NAT64
		{"[64:ff9b:1::a9fe:a9fe]:80", true},           // NAT64 of one's own
		{"[2001:0:4136:e378:0:0:5601:5601]:80", true}, // Teredo, which inverts
		{"[fe80::1]:80", true},
		{"[fe80::1%lo]:80", true}, // with a zone
		{"[febf::1]:80", true},
		{"[fd00:ec2::254]:80", true},
		{"[fd20:ce::254]:80", true},
		{"100.100.100.200:80", true},
		{"168.63.129.16:80", true},
		{"0.0.0.0:80", true},
		{"0.1.2.3:80", true},
		{"[::]:80", true},
		{"[::ffff:0.0.0.0]:80", true},
		{"224.0.0.1:80", true},
		{"239.255.255.255:80", true},
		{"255.255.255.255:80", true},
		{"[ff02::1]:80", true},
		{"2852039166:80", true}, // a number is no address that is dialled
		{"0251.0376.0251.0376:80", true},
		{"0xa9.0xfe.0xa9.0xfe:80", true},
		{"169.254.43518:80", true},
		{"", true},
		{"127.0.0.1:80", false}, // what the operator configured may be here or near
		{"[::1]:80", false},
		{"10.1.2.3:443", false},
		{"172.16.0.1:443", false},
		{"192.168.1.1:443", false},
		{"100.64.0.1:443", false},
		{"[fd00:1::254]:443", false},
		{"[64:ff9b::808:808]:443", false}, // IPv4 from a network without it
		{"[2002:808:808::1]:443", false},
		{"8.8.8.8:443", false},
		{"[2606:4700::1111]:443", false},
	} {
		if got := control("tcp", c.address, nil); IsRefused(got) != c.refused {
			t.Errorf("control(%q) = %v; want refused: %v", c.address, got, c.refused)
		}
	}
}

func TestCheckURL(t *testing.T) {
	for raw, refused := range map[string]bool{
		"http://169.254.169.254/latest/meta-data": true, "https://[::ffff:169.254.169.254]:8443/": true, "http://0.0.0.0:1": true, "http://[fe80::1%25eth0]/": true,
		"": false, "http://127.0.0.1:8080": false, "https://events.pagerduty.com": false, "http://2852039166/": false, "::": false,
	} {
		if err := CheckURL(raw); IsRefused(err) != refused {
			t.Errorf("CheckURL(%q) = %v; want refused: %v", raw, err, refused)
		}
	}
}

// TestRebinding calls a name that changes its mind between two calls: the second
// address is looked at as the first was, and nothing is sent there.
func TestRebinding(t *testing.T) {
	var served atomic.Int32
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { served.Add(1) }))
	defer partner.Close()
	_, port, err := net.SplitHostPort(partner.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var answer atomic.Value
	answer.Store(net.IPv4(127, 0, 0, 1))
	names := nameServer(t, &answer)
	d := NewDialer()
	d.Resolver = &net.Resolver{PreferGo: true, Dial: names}
	c := newClient(slog.New(slog.DiscardHandler), d)
	call := func() error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://partner.example.:"+port, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Close = true // every call dials
		resp, err := c.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := call(); err != nil || served.Load() != 1 {
		t.Fatalf("the partner at loopback: %v, served %d times; want once", err, served.Load())
	}
	for _, ip := range []net.IP{net.IPv4(169, 254, 169, 254), net.IPv4(0, 0, 0, 0), net.IPv4(224, 0, 0, 1)} {
		answer.Store(ip)
		if err := call(); !IsRefused(err) || !strings.Contains(err.Error(), ip.String()) {
			t.Errorf("after the name led to %v: %v; want a refusal that names it", ip, err)
		}
	}
	if served.Load() != 1 {
		t.Errorf("served %d times; want once", served.Load())
	}
}

// TestNumbersAreNotAddresses: the spellings of C's inet_aton lead nowhere.
func TestNumbersAreNotAddresses(t *testing.T) {
	var answer atomic.Value
	answer.Store(net.IPv4(169, 254, 169, 254)) // as a hostile name server does
	d := NewDialer()
	d.Resolver = &net.Resolver{PreferGo: true, Dial: nameServer(t, &answer)}
	c := newClient(slog.New(slog.DiscardHandler), d)
	for _, host := range []string{"2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "0xa9.0xfe.0xa9.0xfe", "169.254.43518"} {
		resp, err := c.Get("http://" + host + "/")
		if err == nil {
			resp.Body.Close()
			t.Errorf("http://%s/ was answered", host)
			continue
		}
		if _, dns := errors.AsType[*net.DNSError](err); !dns && !IsRefused(err) {
			t.Errorf("http://%s/: %v; want a refusal, or no such name", host, err)
		}
	}
}

// nameServer answers every question for an IPv4 address with what answer holds.
func nameServer(t *testing.T, answer *atomic.Value) func(context.Context, string, string) (net.Conn, error) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			pc.WriteTo(answerTo(b[:n], answer.Load().(net.IP).To4()), from)
		}
	}()
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", pc.LocalAddr().String())
	}
}

// answerTo makes a DNS answer (RFC 1035) of one A record; other questions get none.
func answerTo(question []byte, ip net.IP) []byte {
	end := 12
	for question[end] != 0 {
		end += int(question[end]) + 1
	}
	end += 5 // the root, type and class
	isA := binary.BigEndian.Uint16(question[end-4:]) == 1
	out := append([]byte{}, question[:end]...)
	copy(out[2:12], []byte{0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0}) // an answer with authority, to one question
	if isA {
		out[7] = 1
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		out = append(out, ip...)
	}
	return out
}
