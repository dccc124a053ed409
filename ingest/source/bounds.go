package source

import (
	"errors"

	"signalbox/itsm"
)

// Bounds of what a decoder accepts from one source; zero is the default of each,
// which is also the most: what comes later relies on it.
type Bounds struct {
	Depth           int // nesting of a document
	Labels          int // labels an alert
	Annotations     int // annotations an alert
	NameBytes       int // a label or annotation name, an identity, an id, a CI name
	LabelBytes      int // a label value
	AnnotationBytes int // an annotation value
}

// OrDefaults fills what is not set.
func (b Bounds) OrDefaults() Bounds {
	for _, f := range []struct {
		v   *int
		def int
	}{{&b.Depth, DepthMax}, {&b.Labels, LabelsMax}, {&b.Annotations, AnnotationsMax}, {&b.NameBytes, NameBytesMax},
		{&b.LabelBytes, LabelBytesMax}, {&b.AnnotationBytes, AnnotationBytesMax}} {
		if *f.v <= 0 || *f.v > f.def {
			*f.v = f.def
		}
	}
	return b
}

// Names of the bounds that a decoder finds exceeded: the keys of limits in the
// configuration.
const (
	BoundDepth           = "depth"
	BoundAlerts          = "alerts_per_request"
	BoundLabels          = "labels"
	BoundAnnotations     = "annotations"
	BoundNameBytes       = "name_bytes"
	BoundLabelBytes      = "label_bytes"
	BoundAnnotationBytes = "annotation_bytes"
)

// Excess counts how often a bound was exceeded: once for each alert, or for the
// whole document.
type Excess struct {
	Bound string
	N     int
}

// Excesses are counts by bound, in the order they were met.
type Excesses []Excess

// Add counts n more.
func (x *Excesses) Add(bound string, n int) {
	for i := range *x {
		if (*x)[i].Bound == bound {
			(*x)[i].N += n
			return
		}
	}
	*x = append(*x, Excess{bound, n})
}

// exceeded is an error that knows which bounds are behind it.
type exceeded struct {
	error
	over Excesses
}

// Unwrap returns the error itself.
func (e *exceeded) Unwrap() error { return e.error }

// Exceeded is itsm.Errorf for a bound that was exceeded.
func Exceeded(bound string, code itsm.Code, format string, args ...any) error {
	return &exceeded{itsm.Errorf(code, format, args...), Excesses{{bound, 1}}}
}

// ExcessesOf returns which bounds are behind an error.
func ExcessesOf(err error) Excesses {
	var e *exceeded
	if errors.As(err, &e) {
		return e.over
	}
	return nil
}
