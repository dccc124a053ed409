package itsm

// ObjectRecord is what a sweep saw of a partner's record of a change or a problem,
// besides how it stands. It is the body of an act sync that names an object.
type ObjectRecord struct {
	// Said is what the record says to whoever did not hear of its last change: the
	// acts that its webhook would have brought. Empty when we made that change.
	Said []Act `json:"said,omitempty"`
	// Differs is where it is not as it was wanted when it was looked at.
	Differs []Difference `json:"differs,omitempty"`
}
