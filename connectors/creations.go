package connectors

import (
	"net/http"
	"sync"
	"time"

	"signalbox/itsm"
)

// IndexLag is how long a partner's search may not show a record that exists.
const IndexLag = time.Minute

// creationsMax bounds, each, the creates of unknown outcome and the records that are
// remembered.
const creationsMax = 10_000

// Creations is for a partner that makes another record of every create it gets. It
// remembers which creates may have been carried out although nobody heard of it,
// so that a look-up which finds nothing is not taken for proof too soon.
type Creations struct {
	lag   time.Duration
	began time.Time // of this process: an earlier one may have sent what is older

	mu     sync.Mutex
	tried  map[string]time.Time // last create of unknown outcome, by the record's key
	forgot time.Time            // when some of tried were last dropped: of what is older nothing is certain
	made   map[string]record    // by the record's key
	order  []string             // keys of made, oldest first
}

// record is one that a partner has.
type record struct {
	id string    // the partner's
	at time.Time // when this process made it; zero: it was found
}

// NewCreations makes one; lag 0 is IndexLag.
func NewCreations(lag time.Duration) *Creations {
	if lag <= 0 {
		lag = IndexLag
	}
	return &Creations{lag: lag, began: time.Now(), tried: map[string]time.Time{}, made: map[string]record{}}
}

// Missed judges a look-up that did not find the record of an intent: nil when there
// is none, so that it may be made now or was deleted, else when to look again.
func (c *Creations) Missed(in *itsm.Intent, key string) error {
	c.mu.Lock()
	at := c.tried[key]
	if made := c.made[key].at; made.After(at) {
		at = made
	}
	c.mu.Unlock()
	if at.IsZero() && in.At.Std().Before(c.began) {
		at = c.began
	}
	if wait := c.lag - time.Since(at); !at.IsZero() && wait > 0 && !faultNoLookUp {
		return Retry(wait, "an earlier try may have made the record %s, and the partner's search may not show it yet", key)
	}
	return nil
}

// Unseen judges how a call about a record ended: that it does not exist is not believed
// of one that this process has just made, so that it is called again.
func (c *Creations) Unseen(key string, err error) error {
	c.mu.Lock()
	at := c.made[key].at
	c.mu.Unlock()
	if wait := c.lag - time.Since(at); StatusOf(err) == http.StatusNotFound && !at.IsZero() && wait > 0 {
		return Retry(wait, "the record %s was made just now, and the partner does not show it yet: %w", key, err)
	}
	return err
}

// Doubtful reports whether what an intent makes may have been made although this
// process does not know it.
func (c *Creations) Doubtful(in *itsm.Intent, key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, tried := c.tried[key]
	at := in.At.Std()
	return tried || at.Before(c.began) || at.Before(c.forgot)
}

// Trying notes that a create is about to be sent.
func (c *Creations) Trying(key string) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tried) >= creationsMax {
		for k, at := range c.tried {
			if now.Sub(at) > c.lag {
				delete(c.tried, k)
				c.forgot = now
			}
		}
	}
	c.tried[key] = now
}

// Settled notes what came of it: nothing was made when the partner refused, and
// what was made is found by other means.
func (c *Creations) Settled(key string, err error) {
	if IsPassing(err) {
		return // it may have been made
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tried, key)
}

// Ended notes how a create ended that may have been sent before anybody knew that it
// is one: in doubt when the outcome is unknown, else not at all.
func (c *Creations) Ended(key string, err error) {
	if IsUnknown(err) {
		c.Trying(key)
		return
	}
	c.Settled(key, nil)
}

// Made notes the partner's id of a record that was made now, so that it is found at
// once although the partner's search does not show it yet.
func (c *Creations) Made(key, id string) { c.know(key, record{id, time.Now()}) }

// Found notes the partner's id of a record that its search shows.
func (c *Creations) Found(key, id string) { c.know(key, record{id: id}) }

func (c *Creations) know(key string, r record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.made[key]; !known {
		if len(c.made) >= creationsMax {
			delete(c.made, c.order[0]) // it is found by its key, too
			c.order = c.order[1:]
		}
		c.order = append(c.order, key)
	}
	c.made[key] = r
}

// ID returns the partner's id of a record; "" when this process does not know it.
func (c *Creations) ID(key string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.made[key].id
}
