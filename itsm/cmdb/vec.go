package cmdb

// vecBits sets the page length of a vec: a change copies one page per touched
// page, and the page directory.
const (
	vecBits = 9
	vecLen  = 1 << vecBits
	vecMask = vecLen - 1
)

// vec is a persistent array. A reader never sees it change; an editor copies
// the pages it touches and shares the rest.
type vec[T any] struct {
	pages []*[vecLen]T
	n     int
}

// at returns element i, which must be in range; callers must not write to it.
func (v *vec[T]) at(i int) *T { return &v.pages[i>>vecBits][i&vecMask] }

// vecEditor builds the next version of a vec.
type vecEditor[T any] struct {
	vec[T]
	mine []bool // pages this editor allocated and may write to
}

// edit starts the next version.
func (v vec[T]) edit() vecEditor[T] {
	pages := make([]*[vecLen]T, len(v.pages), len(v.pages)+1)
	copy(pages, v.pages)
	return vecEditor[T]{vec: vec[T]{pages: pages, n: v.n}, mine: make([]bool, len(v.pages), len(v.pages)+1)}
}

// grow extends the array with zero elements to n.
func (e *vecEditor[T]) grow(n int) {
	for len(e.pages)*vecLen < n {
		e.pages = append(e.pages, new([vecLen]T))
		e.mine = append(e.mine, true)
	}
	e.n = max(e.n, n)
}

// ref returns element i for writing.
func (e *vecEditor[T]) ref(i int) *T {
	p := i >> vecBits
	if !e.mine[p] {
		page := *e.pages[p]
		e.pages[p] = &page
		e.mine[p] = true
	}
	return &e.pages[p][i&vecMask]
}
