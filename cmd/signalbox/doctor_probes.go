package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"signalbox/connectors"
	"signalbox/ingest/journal"
)

// probes are a doctor's hands: everything it touches outside its own head.
type probes struct {
	now      func() time.Time
	get      func(ctx context.Context, url, token string) (status int, body []byte, err error)
	listen   func(address string) error
	writable func(dir string) error
	owner    func(dir string) int // user id; -1: unknown
	room     func(dir string) (bytes, inodes int64, err error)
	reserve  func(dir string) int64                         // below which nothing is accepted
	files    func() (uint64, error)                         // open files at most
	memory   func() (limit, soft int64)                     // of the control group, and GOMEMLIMIT; 0: none
	synced   func() (ok bool, off time.Duration, err error) // whether something keeps the clock right, and how far off it may be
	verify   func(journal.Options) (journal.Report, error)
	dial     func(ctx context.Context, url string, may connectors.Reach) error // connects and closes
	resolve  func(ctx context.Context, host string) error
}

const (
	probeWithin   = 5 * time.Second
	probeBytesMax = 8 << 20
)

func realProbes() probes {
	return probes{now: time.Now, get: probeGet, listen: probeListen, writable: probeWritable, owner: probeOwner, room: freeRoom, reserve: probeReserve,
		files: probeFiles, memory: probeMemory, synced: probeSynced, verify: journal.Verify, dial: probeDial, resolve: probeResolve}
}

func probeGet(ctx context.Context, address, token string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	// The listen address is not the name in the certificate; whose it is is not the question here.
	t := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: t}).Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, probeBytesMax))
	return resp.StatusCode, b, err
}

func probeListen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return l.Close()
}

// probeWritable makes a file and removes it.
func probeWritable(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Remove(f.Name())
}

func probeOwner(dir string) int {
	st, err := os.Stat(dir)
	if err != nil {
		return -1
	}
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}

func probeReserve(dir string) int64 {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return reserveMax
	}
	return reserveOf(int64(st.Blocks) * st.Bsize)
}

func probeFiles() (uint64, error) {
	var r syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r)
	return max(r.Cur, r.Max), err // a Go program raises the one to the other itself
}

func probeMemory() (limit, soft int64) {
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if v, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && v < 1<<50 {
			limit = v
		}
		break
	}
	if soft = debug.SetMemoryLimit(-1); soft == math.MaxInt64 {
		soft = 0
	}
	return limit, soft
}

// probeSynced asks the kernel what time synchronisation has told it; it changes nothing.
func probeSynced() (ok bool, off time.Duration, err error) {
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	if err != nil {
		return false, 0, err
	}
	return state != unix.TIME_ERROR && tx.Status&unix.STA_UNSYNC == 0, time.Duration(tx.Maxerror) * time.Microsecond, nil
}

// probeDial connects to a URL's host, through the proxy if one is set, and with TLS
// if the URL says so, as far as a connector may call it.
func probeDial(ctx context.Context, address string, may connectors.Reach) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("not a URL")
	}
	if err := may.CheckURL(address); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u})
	if err != nil {
		return err
	}
	if proxy != nil {
		u, may = &url.URL{Scheme: "http", Host: proxy.Host}, connectors.Reach{}
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), map[string]string{"https": "443"}[u.Scheme])
		if u.Scheme == "http" {
			host = net.JoinHostPort(u.Hostname(), "80")
		}
	}
	var c net.Conn
	if u.Scheme == "https" {
		c, err = (&tls.Dialer{NetDialer: may.Dialer(u.Hostname()), Config: &tls.Config{ServerName: u.Hostname()}}).DialContext(ctx, "tcp", host)
	} else {
		c, err = may.Dialer(u.Hostname()).DialContext(ctx, "tcp", host)
	}
	if err != nil {
		return err
	}
	return c.Close()
}

func probeResolve(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	_, err := net.DefaultResolver.LookupHost(ctx, host)
	return err
}
