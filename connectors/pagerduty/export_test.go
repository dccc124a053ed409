package pagerduty

// Forget lets the next LookMany list anew.
func (c *Connector) Forget() { c.listedLast = nil }
