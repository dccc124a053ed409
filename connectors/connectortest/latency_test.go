package connectortest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"signalbox/connectors"
	"signalbox/itsm"
)

// BenchmarkAcknowledgeToOthers is how long it takes from an acknowledgement heard of
// one tool until four others were told it, at 100 a second.
func BenchmarkAcknowledgeToOthers(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	names := []string{"here", "a", "b", "c", "d"}
	core := newCore(b, true, names...)
	go core.ticks(ctx)
	var running sync.WaitGroup
	tools := map[string]*slowly{}
	for _, name := range names {
		tools[name] = &slowly{name: name}
		s := connectors.NewSender(connectors.Options{Connector: tools[name], Outbox: core, Actor: core, Wake: core.Wake(name), PerMinute: 60_000})
		running.Go(func() { s.Run(ctx) })
	}
	var numbers []itsm.IncidentNumber
	for n := range b.N {
		numbers = append(numbers, core.Fire(fmt.Sprintf("ci%016x", uint64(n+1)*0x9e3779b97f4a7c15), "trouble"))
	}
	for core.waiting(names) > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	at := map[itsm.IncidentNumber]time.Time{}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	b.ResetTimer()
	for n, in := range numbers {
		<-tick.C
		at[in] = time.Now()
		core.Do(ctx, itsm.Act{Kind: itsm.ActAcknowledge, Incident: in, Epoch: 1, Actor: "here:jane", Origin: "here", DeliveryID: fmt.Sprint(n), PartnerVersion: time.Now().UnixMilli()})
	}
	for core.waiting(names) > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	b.StopTimer()
	cancel()
	running.Wait()
	var waits []time.Duration
	for _, p := range tools {
		for n, in := range p.got {
			if in.Transition == itsm.Acknowledge {
				waits = append(waits, p.when[n].Sub(at[in.Incident]))
			}
		}
	}
	if slices.Sort(waits); len(waits) > 0 {
		b.ReportMetric(float64(waits[len(waits)*50/100].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds())/1000, "p99-ms")
	}
}

func (c *Core) waiting(names []string) (n int) {
	for _, name := range names {
		list, _ := c.Intents(name, 1)
		n += len(list)
	}
	return n
}
