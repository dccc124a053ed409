package desk

import (
	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// The whole layout of the view. A version byte begins every value.
//
//	(meta, name)                                    -> cursor, format
//	(alert, ↓number)                                -> alert record
//	(pack, ↓group)                                  -> 32 alerts that were new together, and their evidence
//	(column, ↓page)                                 -> one word for each of 256 alerts; says where each is
//	(incident, ↓number)                             -> incident record
//	(open, ↓number)                                 -> state, priority; only of open incidents
//	(evidence, incident, ↓alert, ↓episode)          -> evidence record that is in no pack
//	(run, incident, ↓lowest alert)                  -> members whose evidence is in packs, newest first
//	(timeline, incident, ↓offset, ↓n)               -> timeline entry, n counts within the offset
//	(intent, connector, key)                        -> intent and what became of it
//	(pending, connector, offset, subject, serial)   -> key of an unsettled intent, oldest first
//	(dead, connector, ↓offset, subject, serial)     -> key of an abandoned intent
//	(quarantine, id)                                -> quarantined delivery
//	(quarantined, ↓offset, id)                      -> whether it waits
//	(blob, name)                                    -> bytes
//	(mark, slot)                                    -> one batch: serial, cursor before, cursor after
//	(fates, ↓first offset)                          -> what became of deliveries that one batch folded
//	(object, kind, id)                              -> record that is neither alert nor incident
//	(object ref, ref, kind, id)                     -> nothing; what an object is found by
//	(past, subject, ↓incident)                      -> nothing; incidents that are or were over, by each CI and service
//	(part, ↓incident, part)                         -> lists of an open incident that its record says are here
const (
	kindMeta        = 1
	kindAlert       = 2
	kindColumn      = 3
	kindIncident    = 4
	kindOpen        = 5
	kindEvidence    = 6
	kindTimeline    = 7
	kindIntent      = 8
	kindPending     = 9
	kindDead        = 10
	kindQuarantine  = 11
	kindQuarantined = 12
	kindBlob        = 13
	kindMark        = 14
	kindPack        = 15
	kindRun         = 16
	kindFates       = 17
	kindObject      = 18
	kindObjectRef   = 19
	kindPast        = 20
	kindPart        = 21
)

// The names below (meta).
const (
	metaCursor = "cursor"
	metaFormat = "format"
	metaLoad   = "load"  // present while a dump is being loaded
	metaBegin  = "begin" // serial of the batch that was begun last
	metaFates  = "fates" // the oldest entry whose fates are kept
)

func metaKey(name string) []byte { return kv.Key(kindMeta, name) }
func blobKey(name string) []byte { return kv.Key(kindBlob, name) }
func markKey(slot uint64) []byte { return kv.Key(kindMark, slot) }

func (b *rawBuffer) descKey(kind byte, n uint64) []byte {
	return b.key(func(k []byte) []byte { return kv.AppendDesc(kv.Begin(k, kind), n) })
}

func (b *rawBuffer) alertKey(n itsm.AlertNumber) []byte { return b.descKey(kindAlert, uint64(n)) }
func (b *rawBuffer) columnKey(page uint64) []byte       { return b.descKey(kindColumn, page) }
func (b *rawBuffer) packKey(group uint64) []byte        { return b.descKey(kindPack, group) }
func (b *rawBuffer) incidentKey(n itsm.IncidentNumber) []byte {
	return b.descKey(kindIncident, uint64(n))
}
func (b *rawBuffer) openKey(n itsm.IncidentNumber) []byte { return b.descKey(kindOpen, uint64(n)) }

func (b *rawBuffer) partKey(n itsm.IncidentNumber, part uint64) []byte {
	return b.key(func(k []byte) []byte { return kv.AppendUint(kv.AppendDesc(kv.Begin(k, kindPart), uint64(n)), part) })
}

// pastKey finds an incident that is over by what it was about.
func (b *rawBuffer) pastKey(subject string, n itsm.IncidentNumber) []byte {
	return b.key(func(k []byte) []byte {
		return kv.AppendDesc(kv.AppendString(kv.Begin(k, kindPast), subject), uint64(n))
	})
}

// fatesKey is also the cursor of the list of deliveries.
func (b *rawBuffer) fatesKey(first itsm.Offset) []byte { return b.descKey(kindFates, uint64(first)) }

// evidenceKey is also the cursor of the lists of members.
func (b *rawBuffer) evidenceKey(m memberRef) []byte {
	return b.key(func(k []byte) []byte {
		k = kv.AppendUint(kv.Begin(k, kindEvidence), uint64(m.incident))
		return kv.AppendDesc(kv.AppendDesc(k, uint64(m.alert)), uint64(m.episode))
	})
}

// runKey is by the lowest member, so that a seek from any member finds its run first.
func (b *rawBuffer) runKey(n itsm.IncidentNumber, lowest itsm.AlertNumber) []byte {
	return b.key(func(k []byte) []byte {
		return kv.AppendDesc(kv.AppendUint(kv.Begin(k, kindRun), uint64(n)), uint64(lowest))
	})
}

func (b *rawBuffer) timelineKey(n itsm.IncidentNumber, at itsm.Offset, ordinal uint64) []byte {
	return b.key(func(k []byte) []byte {
		k = kv.AppendUint(kv.Begin(k, kindTimeline), uint64(n))
		return kv.AppendDesc(kv.AppendDesc(k, uint64(at)), ordinal)
	})
}

func intentKey(connector, key string) []byte { return kv.Key(kindIntent, connector, key) }

// pendingKey orders the unsettled intents of a connector as they were made: the
// serial orders those of one incident, and an entry that moves several incidents
// orders them by number.
func pendingKey(in *itsm.Intent) []byte {
	return kv.Key(kindPending, in.Connector, uint64(in.Offset), subject(in), uint64(in.Serial))
}

// deadKey orders the abandoned intents of a connector newest first.
func deadKey(in *itsm.Intent) []byte {
	return kv.Key(kindDead, in.Connector, kv.Desc(in.Offset), subject(in), uint64(in.Serial))
}

// Changes and problems have numbers beyond those of incidents in keys of intents.
const (
	changesFrom  = 1 << 62
	problemsFrom = 1 << 63
)

// subject is the number of what an intent is about.
func subject(in *itsm.Intent) uint64 {
	if in.Object == "" {
		return uint64(in.Incident)
	}
	if n, err := itsm.ParseChangeNumber(in.Object); err == nil {
		return changesFrom + uint64(n)
	}
	n, _ := itsm.ParseProblemNumber(in.Object) // the fold makes no others
	return problemsFrom + uint64(n)
}

func quarantineKey(id string) []byte { return kv.Key(kindQuarantine, id) }
func quarantinedKey(at itsm.Offset, id string) []byte {
	return kv.Key(kindQuarantined, kv.Desc(at), id)
}

// damagedKey is what a key that this package did not write comes to.
func damagedKey(key []byte) error {
	return itsm.Errorf(itsm.Internal, "damaged key %s", kv.Format(key))
}

// numberOf reads the number of a key that holds nothing else.
func numberOf(key []byte) (n uint64, err error) {
	if !kv.Uints(key, &n) {
		return 0, damagedKey(key)
	}
	return n, nil
}

// memberOf reads the key of an evidence record.
func memberOf(key []byte) (memberRef, error) {
	var incident, alert, episode uint64
	if !kv.Uints(key, &incident, &alert, &episode) {
		return memberRef{}, damagedKey(key)
	}
	return memberRef{incident: itsm.IncidentNumber(incident), alert: itsm.AlertNumber(alert), episode: uint32(episode)}, nil
}

// runIncident reads the incident of a run's key.
func runIncident(key []byte) (itsm.IncidentNumber, error) {
	var incident, lowest uint64
	if !kv.Uints(key, &incident, &lowest) {
		return 0, damagedKey(key)
	}
	return itsm.IncidentNumber(incident), nil
}

func timelineParts(key []byte) (itsm.IncidentNumber, itsm.Offset, uint64, error) {
	var incident, offset, n uint64
	if !kv.Uints(key, &incident, &offset, &n) {
		return 0, 0, 0, damagedKey(key)
	}
	return itsm.IncidentNumber(incident), itsm.Offset(offset), n, nil
}

// stringsOf reads the parts of a key that are strings, in order.
func stringsOf(key []byte, want int) ([]string, error) {
	_, parts, err := kv.Parts(key)
	if err != nil {
		return nil, damagedKey(key)
	}
	var out []string
	for _, p := range parts {
		if s, ok := p.(string); ok {
			out = append(out, s)
		}
	}
	if len(out) != want {
		return nil, damagedKey(key)
	}
	return out, nil
}
