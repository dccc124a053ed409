package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Digits of the numbers that are patched into a template.
const (
	hostDigits   = 5
	deviceDigits = 10
	nameDigits   = 2
	printDigits  = 16
)

// alertNames is how many alert rules the generated alerts come from.
const alertNames = 20

// holes are where one alert of a template has its numbers.
type holes struct{ names, hosts, devices, prints []int }

// template is the body of one request with holes in place of numbers, so that
// making the next request costs next to nothing.
type template struct {
	request []byte
	alerts  []holes
}

// shape says what bodies look like.
type shape struct {
	addr, path string
	webhook    bool // Alertmanager's webhook instead of a POST to its API
	batch      int
	began      time.Time // startsAt of every alert
	resolved   bool
	own        bool // every host is an explicit CI of its own
}

// marks stand for the numbers while a template is made.
const (
	markName   = "@N"
	markHost   = "@HHHH"
	markDevice = "@DDDDDDDDD"
	markPrint  = "@PPPPPPPPPPPPPPP"
)

func newTemplate(s shape) *template {
	one := func() string {
		const stamp = "2006-01-02T15:04:05.000Z"
		ends := s.began.Add(12 * time.Hour)
		if s.resolved {
			ends = s.began.Add(time.Millisecond)
		}
		ci := ""
		if s.own {
			ci = `"ci":"box-` + markHost + `",`
		}
		text := `"labels":{"alertname":"Rule` + markName + `",` + ci + `"cluster":"prod-eu-1","device":"` + markDevice + `","instance":"` + hostName(markHost) + `:9100","job":"node","namespace":"shop","severity":"major","team":"storage"},` +
			`"annotations":{"description":"` + strings.Repeat("The device fills up. ", 5) + `","summary":"Device ` + markDevice + ` of host ` + markHost + ` is full"},` +
			`"startsAt":"` + s.began.UTC().Format(stamp) + `","endsAt":"` + ends.UTC().Format(stamp) + `","generatorURL":"http://prometheus:9090/graph?g0.expr=disk_used+%3E+0.9"`
		if !s.webhook {
			return "{" + text + "}"
		}
		status := "firing"
		if s.resolved {
			status = "resolved"
		}
		return `{"status":"` + status + `","fingerprint":"` + markPrint + `",` + text + "}"
	}
	list := "[" + strings.TrimSuffix(strings.Repeat(one()+",", s.batch), ",") + "]"
	if s.webhook {
		list = `{"version":"4","groupKey":"{}:{alertname=\"disk\"}","truncatedAlerts":0,"status":"firing","receiver":"signalbox",` +
			`"groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"http://alertmanager:9093","alerts":` + list + "}"
	}
	request := append(head(s.addr, s.path), strconv.Itoa(len(list))...)
	request = append(append(request, "\r\n\r\n"...), list...)
	return &template{request: request, alerts: findHoles(request, s.batch)}
}

// findHoles finds the marks of every alert; each alert begins with its name.
func findHoles(b []byte, batch int) []holes {
	find := func(mark string) (at []int) {
		for i := 0; ; {
			j := bytes.Index(b[i:], []byte(mark))
			if j < 0 {
				return at
			}
			at = append(at, i+j)
			i += j + len(mark)
		}
	}
	names, hosts, devices, prints := find(markName), find(markHost), find(markDevice), find(markPrint)
	out := make([]holes, batch)
	each := len(hosts) / batch
	for i := range out {
		out[i] = holes{names[i : i+1], hosts[each*i : each*i+each], devices[2*i : 2*i+2], nil}
		if len(prints) > 0 {
			out[i].prints = prints[i : i+1]
		}
	}
	return out
}

// set makes the i-th alert of the body the alert with a number. The number decides
// its host and rule.
func (t *template) set(i int, n uint64, hosts int) {
	h := &t.alerts[i]
	scattered := n * 0x9E3779B97F4A7C15
	fill(t.request, h.hosts, scattered>>40%uint64(hosts), hostDigits)
	fill(t.request, h.names, scattered>>16%alertNames, nameDigits)
	fill(t.request, h.devices, n, deviceDigits)
	fill(t.request, h.prints, n, printDigits)
}

func fill(b []byte, at []int, n uint64, digits int) {
	for _, i := range at {
		v := n
		for k := i + digits - 1; k >= i; k-- {
			b[k] = byte('0' + v%10)
			v /= 10
		}
	}
}

func hostName(number string) string { return "h" + number + ".bench.example.net" }

// The storm's cause, and on how many hosts, the first ones, it shows.
const (
	plantedCause = "array-0"
	plantedHosts = 600
)

// hostsUnknown is on how many hosts the alerts are when there is no CMDB.
const hostsUnknown = 8000

// estate is a CMDB of n CIs as lines of JSON: hosts behind switches, switches
// behind a core router for each site, services on five hosts each.
func estate(n int) (lines []byte, hosts int) {
	if n == 0 {
		return nil, hostsUnknown
	}
	hosts = max(n*8/10, 10)
	switches, sites := max(hosts/20, 1), 4
	services := max(n-hosts-switches-sites, 1)
	var b bytes.Buffer
	for i := range sites {
		fmt.Fprintf(&b, `{"id":"core-%d","name":"core-%d","class":"NetworkDevice","env":"prod","tier":1}`+"\n", i, i)
	}
	for i := range switches {
		fmt.Fprintf(&b, `{"id":"sw-%04d","name":"sw-%04d","class":"NetworkDevice","env":"prod"}`+"\n", i, i)
		fmt.Fprintf(&b, `{"from":"sw-%04d","type":"depends_on","to":"core-%d"}`+"\n", i, siteOf(i, switches, sites))
	}
	for i := range hosts {
		name := hostName(fmt.Sprintf("%0*d", hostDigits, i))
		fmt.Fprintf(&b, `{"id":"%s","name":"%s","class":"Host","env":"prod"}`+"\n", name, name)
		fmt.Fprintf(&b, `{"from":"%s","type":"depends_on","to":"sw-%04d"}`+"\n", name, i*switches/hosts)
	}
	fmt.Fprintf(&b, `{"id":"%s","name":"%[1]s","class":"Storage","env":"prod","tier":1}`+"\n", plantedCause)
	for i := range min(plantedHosts, hosts) {
		fmt.Fprintf(&b, `{"from":"%s","type":"depends_on","to":"%s"}`+"\n", hostName(fmt.Sprintf("%0*d", hostDigits, i)), plantedCause)
	}
	for i := range services {
		fmt.Fprintf(&b, `{"id":"svc-%05d","name":"svc-%05d","class":"Service","env":"prod","tier":%d}`+"\n", i, i, i%3+2)
		for k := range 5 {
			fmt.Fprintf(&b, `{"from":"svc-%05d","type":"depends_on","to":"%s"}`+"\n", i, hostName(fmt.Sprintf("%0*d", hostDigits, (i*5+k)%hosts)))
		}
	}
	return b.Bytes(), hosts
}

func siteOf(i, of, sites int) int { return i * sites / of }
