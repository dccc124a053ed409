package itsm

// BulkMax bounds the incidents that one request acts on. Each is an act of its own:
// what one of them refuses keeps nothing from happening to the others.
const BulkMax = 200
