package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"signalbox/ingest/source"
	"signalbox/ingest/source/kind"
	"signalbox/itsm"
)

// Bounds of a source unless its Limits say otherwise.
const (
	BodyBytesMax         = 8 << 20
	DecompressedBytesMax = 32 << 20  // limits may say less, not more; nor may a body be larger
	NewKeysPerMinuteMax  = 1_000_000 // an open alert takes about 1 KiB and its labels, so a minute of it is 1 to 2 GiB; ten times a large storm
)

// The least that a source's limits may say: below, ordinary alerts would not pass,
// and some decoders add labels and annotations of their own.
const (
	depthMin       = 4
	labelsMin      = 8
	annotationsMin = 16
	textBytesMin   = 64
)

// Bounds of the door as a whole.
const (
	InflightBytesMax    = 96 << 20 // memory for large bodies of all requests together
	SourceBytesMax      = 48 << 20 // of it, for one source: two cannot be pushed out by one
	smallBodyBytes      = 1 << 20  // bodies up to here do not count against it
	CompressionRatioMax = 100      // checked once smallBodyBytes have come out
	RawBytesMax         = 8 << 20  // a larger body is journaled as its events only
	EventBytesMax       = 40 << 20 // decoded text of one delivery, so that its entry can always be read back
	knownQuarantineMax  = 4096     // quarantine ids remembered in memory
	signaturesMax       = 16       // signatures looked at in one header

	// Of bodies that must be read before their signature can be checked, whoever sent
	// them: senders that sign may be kept waiting by strangers, all others may not.
	InflightStrangerBytesMax = 36 << 20 // of all sources
	StrangerBytesMax         = 12 << 20 // of one source; a body of BodyBytesMax fits
	strangerFreeBytes        = 64 << 10 // what of each does not count, and what any body gets before it arrives
)

// SignatureSkew is how far a signed timestamp may be from our clock.
const SignatureSkew = 5 * time.Minute

// retryAfter is what a refused sender is told to wait.
const retryAfter = 5 * time.Second

// greedyPause is how much longer the answer to a source takes that brings more new alerts
// than it may. One that sends as fast as it is answered would take from all others the
// processor time that refusing it costs.
const greedyPause = 100 * time.Millisecond

// Appender is the journal as the door sees it. It keeps nothing of the bodies once
// Append returned: their memory is used again.
type Appender interface {
	Append(ctx context.Context, bodies ...[]byte) (first itsm.Offset, at itsm.Time, err error)
}

// QuarantineIndex knows what is already in quarantine.
type QuarantineIndex interface {
	Known(id string) bool
}

// Partners finds the incident behind a partner's record when its webhook does
// not name it. NotFound means that it is not ours.
type Partners interface {
	IncidentOf(ctx context.Context, ref itsm.ExternalRef) (itsm.IncidentNumber, uint32, error)
}

// Pacer slows down senders that bring more than is folded. It is asked by every
// request at once.
type Pacer interface {
	// Wait is how long a delivery of the source, which has waited so long, waits before it
	// asks again; 0 lets it be read.
	Wait(source string, waited time.Duration) time.Duration
	Brought(source string, events int) // by a delivery that is stored
}

// AlertsView reads the alerts of one source for the impersonated Alertmanager,
// newest first, at most limit.
type AlertsView interface {
	SourceAlerts(source string, limit int) ([]itsm.Alert, error)
}

// Limits bound one source; zero is the default of each.
type Limits struct {
	BodyBytes         int `json:"body_bytes"`
	DecompressedBytes int `json:"decompressed_bytes"`
	AlertsPerRequest  int `json:"alerts_per_request"`
	NewKeysPerMinute  int `json:"new_keys_per_minute"`
	Depth             int `json:"depth"`            // levels a document is nested
	Labels            int `json:"labels"`           // an alert
	Annotations       int `json:"annotations"`      // an alert
	NameBytes         int `json:"name_bytes"`       // a label's name, an identity, an id
	LabelBytes        int `json:"label_bytes"`      // a label's value
	AnnotationBytes   int `json:"annotation_bytes"` // an annotation's value
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	set(&l.BodyBytes, BodyBytesMax)
	set(&l.DecompressedBytes, DecompressedBytesMax)
	set(&l.AlertsPerRequest, source.AlertsMax)
	set(&l.NewKeysPerMinute, NewKeysPerMinuteMax)
	b := l.Bounds().OrDefaults()
	l.Depth, l.Labels, l.Annotations, l.NameBytes, l.LabelBytes, l.AnnotationBytes = b.Depth, b.Labels, b.Annotations, b.NameBytes, b.LabelBytes, b.AnnotationBytes
	return l
}

// validate refuses what cannot be kept.
func (l Limits) validate(path string) error {
	var errs []error
	for _, b := range []struct {
		name            string
		is, least, most int
	}{
		{boundBody, l.BodyBytes, 1, DecompressedBytesMax}, {boundDecompressed, l.DecompressedBytes, 1, DecompressedBytesMax},
		{source.BoundAlerts, l.AlertsPerRequest, 1, source.AlertsMax}, {boundNewKeys, l.NewKeysPerMinute, 1, math.MaxInt32},
		{source.BoundDepth, l.Depth, depthMin, source.DepthMax}, {source.BoundLabels, l.Labels, labelsMin, source.LabelsMax},
		{source.BoundAnnotations, l.Annotations, annotationsMin, source.AnnotationsMax}, {source.BoundNameBytes, l.NameBytes, textBytesMin, source.NameBytesMax},
		{source.BoundLabelBytes, l.LabelBytes, textBytesMin, source.LabelBytesMax}, {source.BoundAnnotationBytes, l.AnnotationBytes, textBytesMin, source.AnnotationBytesMax},
	} {
		if b.is != 0 && (b.is < b.least || b.is > b.most) {
			errs = append(errs, itsm.Errorf(itsm.Invalid, "%s.%s: %d: expected %d to %d, or nothing for the default", path, b.name, b.is, b.least, b.most))
		}
	}
	return errors.Join(errs...)
}

// Bounds are the limits that decoders keep.
func (l Limits) Bounds() source.Bounds {
	return source.Bounds{Depth: l.Depth, Labels: l.Labels, Annotations: l.Annotations, NameBytes: l.NameBytes, LabelBytes: l.LabelBytes, AnnotationBytes: l.AnnotationBytes}
}

// Source is one configured sender.
type Source struct {
	Name      string // part of its route
	Kind      string // one of kind.Names
	Auth      Auth
	Limits    Limits
	Kinds     kind.Options // what its decoder can be told
	Connector string       // connector whose partner sends here; acts name it as their origin. "": Name
}

// BuiltinSources exist without configuration.
func BuiltinSources() []Source {
	return []Source{
		{Name: "alertmanager", Kind: kind.Alertmanager},
		{Name: "datadog", Kind: kind.Datadog},
		{Name: "generic", Kind: kind.Generic},
		{Name: "main", Kind: kind.Prometheus},
	}
}

// Options configure a Door. Journal and Log must be set.
type Options struct {
	Sources    []Source
	Open       bool // sources without credentials accept; only for a loopback address
	Journal    Appender
	Quarantine QuarantineIndex // nil: only what this process saw is known
	Partners   Partners        // nil: acts that do not name their incident are left out
	Alerts     AlertsView      // nil: the impersonated Alertmanager lists no alerts
	Gate       func() error    // why nothing may be accepted now (full disk, stopping); nil: always open
	Pace       Pacer           // nil: nobody is slowed down
	OmitRaw    bool            // journal.keep_raw: false
	Log        *slog.Logger
	Metrics    *Metrics         // nil: none kept
	Clock      func() time.Time // nil: time.Now
	Version    string           // shown by the impersonated Alertmanager
}

// validName reports whether s can stand in a route and in an alert key.
func validName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// IsOpen reports whether the source has no credentials to check.
func (s Source) IsOpen() bool { return s.Auth.empty() }

func (s Source) validate(open bool) error {
	if !validName(s.Name) {
		return itsm.Errorf(itsm.Invalid, "sources.%s: a source name is 1 to 64 letters, digits, dots, dashes or underscores", s.Name)
	}
	if err := s.Limits.validate(fmt.Sprintf("sources.%s.limits", s.Name)); err != nil {
		return err
	}
	if err := s.Auth.validate(fmt.Sprintf("sources.%s.auth", s.Name)); err != nil {
		return err
	}
	if s.Auth.empty() && !open {
		return itsm.Errorf(itsm.Invalid, "sources.%s.auth: no credentials, and Signalbox does not listen on loopback; set bearer, basic, hmac or query_token", s.Name)
	}
	return nil
}
