// Package sim is the seeded simulation of Signalbox: a small world with a virtual
// clock in which everything goes wrong that goes wrong outside, and the laws that
// must hold nevertheless. One seed is one world; the same seed and number of
// steps give the same run, byte for byte.
//
// The product runs as it is: entries are encoded, folded by engine.Folder, applied
// by desk.Desk on kv.Mem, and what the outbox holds goes to a partner. Modelled
// are the journal (a slice), the door (an answer once the slice holds the entry),
// the sender's loop (it keeps real time and goroutines; what it decides with,
// connectors.Coalesce, is real), and everybody outside: senders, people, partners
// and their network.
//
// The main types: World (a run), machine (our process: journal, folder, desk,
// snapshots, crashes), condition (what a sender watches, and what must be known
// of it), partner (its objects and the calls it saw), mirror (the records as
// decided, against which every batch is judged).
//
// Laws are judged where they are cheap: on each event (a repeat changes counters
// only, a clear opens nothing), on each batch (numbers are dense, every firing
// episode has one incident and evidence, every intent has its own key and the next
// serial, nobody is told of what they did), at checkpoints (counters are what
// their members imply, conservation) and at the end, when faults stop and time
// passes: partners agree, alerts say what is so, and a cold replay in other
// batches gives the same state and the same desk. A Violation names the law by its
// number (I1, R3, …) where the specification has one.
//
// # Decisions
//
// 2026-11 A failing run is kept as the journal it wrote, shrunk, in
// testdata/*.jsonl, not as its seed: the journal still means the same after the
// generator has changed. What only a whole world shows is kept as a seed.
//
// 2026-11 Planted faults live beside the code they break, as constants that are
// false unless the build tag fault is set. Plant chooses one. TestFaults shows
// that each is found; a law that no fault can break is not a law.
//
// 2026-11 What an alert says is compared with the sender's truth only while the
// sender's times were usable: with a clock that runs hours ahead, order cannot be
// known, and no outcome is right.
package sim
