package ruletest

// assign finds for each of n wanted things one of m that fits it, each used once,
// so that as many as can be are found; -1 for those that find none.
func assign(n, m int, fits func(i, j int) bool) []int {
	owner := make([]int, m)
	for j := range owner {
		owner[j] = -1
	}
	var seen []bool
	var try func(i int) bool
	try = func(i int) bool {
		for j := range m {
			if seen[j] || !fits(i, j) {
				continue
			}
			seen[j] = true
			if owner[j] < 0 || try(owner[j]) {
				owner[j] = i
				return true
			}
		}
		return false
	}
	out := make([]int, n)
	for i := range n {
		seen = make([]bool, m)
		try(i)
		out[i] = -1
	}
	for j, i := range owner {
		if i >= 0 {
			out[i] = j
		}
	}
	return out
}

// pair is a wanted thing and what there is; -1 for what is missing on a side.
type pair struct{ want, got int }

// align pairs two lists in their order so that the least differs: cost is how
// much a pair differs, missing what a wanted one costs that finds none, extra what
// one costs that nobody wants.
func align(n, m int, cost func(i, j int) int, missing func(i int) int, extra int) []pair {
	best := make([][]int, n+1) // what the rest of both lists costs
	for i := n; i >= 0; i-- {
		best[i] = make([]int, m+1)
		for j := m; j >= 0; j-- {
			switch {
			case i == n:
				best[i][j] = (m - j) * extra
			case j == m:
				best[i][j] = missing(i) + best[i+1][j]
			default:
				best[i][j] = min(cost(i, j)+best[i+1][j+1], missing(i)+best[i+1][j], extra+best[i][j+1])
			}
		}
	}
	var out []pair
	for i, j := 0, 0; i < n || j < m; {
		switch {
		case i < n && j < m && best[i][j] == cost(i, j)+best[i+1][j+1]:
			out = append(out, pair{i, j})
			i, j = i+1, j+1
		case j < m && best[i][j] == extra+best[i][j+1]:
			out = append(out, pair{-1, j})
			j++
		default:
			out = append(out, pair{i, -1})
			i++
		}
	}
	return out
}
