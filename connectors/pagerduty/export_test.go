package pagerduty

import "time"

// Fresh lets the next LookMany take its last listing for one of now.
func (c *Connector) Fresh() { c.listedLast.at = time.Now() }

// Forget lets the next LookMany list anew.
func (c *Connector) Forget() { c.listedLast = nil }
