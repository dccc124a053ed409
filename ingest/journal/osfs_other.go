//go:build unix && !linux

package journal

// Preallocate fills the file with zeros.
func (f osFile) Preallocate(size int64) error { return f.fill(size) }

// SyncData is Sync where nothing lighter is known to be safe.
func (f osFile) SyncData() error { return f.Sync() }
