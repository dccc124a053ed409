package connectortest

import (
	"errors"

	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv"
)

// errDied is what a store answers when the process is gone.
var errDied = errors.New("the process died")

// disk is a store whose process dies between two transactions.
type disk struct {
	kv.DB
	mortal bool // it may die
	dying  bool
	left   int // transactions that it still makes when it is dying
}

func (d *disk) lives() bool {
	d.left--
	return !d.dying || d.left >= 0
}

// Update implements kv.DB.
func (d *disk) Update(fn func(kv.Tx) error) error {
	if !d.lives() {
		return errDied
	}
	return d.DB.Update(fn)
}

// UpdateLarge implements kv.DB.
func (d *disk) UpdateLarge(fn func(kv.Tx) error) error {
	if !d.lives() {
		return errDied
	}
	return d.DB.UpdateLarge(fn)
}

// lasts says that the process never dies, so that the journal need not be kept.
func (c *Core) lasts() { c.disk.mortal, c.log = false, nil }

// dies lets the process die after one more transaction.
func (c *Core) dies() { c.disk.dying, c.disk.left = true, 1 }

// restart is the next process: it has what is stored, and folds the journal again.
func (c *Core) restart() error {
	c.disk.dying = false
	d, err := desk.Open(c.disk)
	if err != nil {
		return err
	}
	f := engine.NewFolder()
	stored, _ := d.Cursor()
	for _, r := range c.log {
		b, err := f.Fold([]journal.Record{r})
		if err == nil && r.Offset > stored {
			err = d.Apply(*b)
		}
		if err != nil {
			return err
		}
	}
	c.desk, c.folder = d, f
	return nil
}
