package group

import "signalbox/itsm"

// bucketMillis is the width of one count of a wave; the last four are kept.
const bucketMillis = 30_000

// wave follows how many onsets a group gets, to tell a second failure in the same
// place from the tail of the first.
type wave struct {
	bucket int64    // index of the current half minute
	counts [4]int32 // onsets in it and in the three before, the current one first
	peak   int32    // most in a minute so far
	lull   bool     // after the peak came two minutes that were nearly still
	spent  bool     // a second wave began: the group takes no more
}

// minute is the onsets of the current and the last half minute.
func (w *wave) minute() int32 { return w.counts[0] + w.counts[1] }

// shift moves on to the bucket of at.
func (w *wave) shift(at itsm.Time, lullMilli int) {
	now := int64(at) / bucketMillis
	if w.bucket == 0 {
		w.bucket = now
	}
	for steps := 0; w.bucket < now; steps++ {
		sum := w.minute() + w.counts[2] + w.counts[3]
		if w.peak > 0 && int(sum)*1000 <= int(w.peak)*lullMilli {
			w.lull = true
		}
		w.counts = [4]int32{0, w.counts[0], w.counts[1], w.counts[2]}
		w.bucket++
		if steps == len(w.counts) {
			w.bucket = now
		}
	}
}

// add counts one onset.
func (w *wave) add(at itsm.Time, lullMilli int) {
	w.shift(at, lullMilli)
	w.counts[0]++
	w.peak = max(w.peak, w.minute())
}

// rises reports whether one more onset at at makes a second wave: the first was a
// storm, it died down, and now comes a considerable part of it again.
func (w *wave) rises(at itsm.Time, c *Config) bool {
	w.shift(at, c.WaveLullMilli)
	return w.lull && int(w.peak) >= c.WaveMin && int(w.minute()+1)*1000 >= int(w.peak)*c.WaveRiseMilli
}

// merge joins the history of another group's wave.
func (w *wave) merge(o wave) {
	w.peak = max(w.peak, o.peak)
	w.lull = w.lull && o.lull
	w.spent = w.spent && o.spent
}
