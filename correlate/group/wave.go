package group

import "signalbox/itsm"

// bucketMillis is the width of one count of a wave.
const bucketMillis = 30_000

// wave follows how many onsets a group gets, to tell a second failure in the same
// place from the tail of the first.
type wave struct {
	bucket int64 // index of cur
	cur    int32 // onsets in the current half minute
	prev   int32 // and in the one before
	peak   int32 // most in a minute so far
	lull   bool  // after the peak a minute came that was nearly still
	spent  bool  // a second wave began: the group takes no more by topology
}

// shift moves on to the bucket of at.
func (w *wave) shift(at itsm.Time, lullMilli int) {
	now := int64(at) / bucketMillis
	if w.bucket == 0 {
		w.bucket = now
	}
	for w.bucket < now {
		if w.peak > 0 && int(w.cur+w.prev)*1000 <= int(w.peak)*lullMilli {
			w.lull = true
		}
		w.prev, w.cur = w.cur, 0
		w.bucket++
		if now-w.bucket > 2 {
			w.bucket = now - 2
		}
	}
}

// add counts one onset.
func (w *wave) add(at itsm.Time, lullMilli int) {
	w.shift(at, lullMilli)
	w.cur++
	w.peak = max(w.peak, w.cur+w.prev)
}

// rises reports whether one more onset at at makes a second wave: the first was a
// storm, it died down, and now comes a considerable part of it again.
func (w *wave) rises(at itsm.Time, c *Config) bool {
	w.shift(at, c.WaveLullMilli)
	n := int(w.cur + w.prev + 1)
	return w.lull && int(w.peak) >= c.WaveMin && n*1000 >= int(w.peak)*c.WaveRiseMilli
}

// merge joins the history of another group's wave.
func (w *wave) merge(o wave) {
	w.peak = max(w.peak, o.peak)
	w.lull = w.lull && o.lull
	w.spent = w.spent && o.spent
}
