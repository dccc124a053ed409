package rules

// Bounds of a rule set and of what its conditions may cost.
const (
	FilesMax       = 1000
	RulesMax       = 10_000
	SetBytesMax    = 16 << 20 // all files together
	FileBytesMax   = 4 << 20
	RuleBytesMax   = 64 << 10 // one rule, as it is written
	ProblemsMax    = 100
	TablesMax      = 100
	TableRowsMax   = 100_000
	TableColsMax   = 50
	ConditionMax   = 4096 // bytes of one condition or template
	ListMax        = 100  // entries of one list in a rule
	TextMax        = 1024 // bytes of a name, a one-line text or a value
	GroupByMax     = 8
	CountMax       = 10_000 // of what a correlation counts up to
	HopsMax        = 5
	TemplateResult = 1024 // bytes a template may come to

	// CostMax is what one condition may cost, in the units of CEL (about one a
	// comparison). It is checked with the largest alert the door accepts when the
	// rule is saved, and again while it runs.
	CostMax = 100_000
	// costFree is the cost below which a condition runs without being measured:
	// measuring takes longer than the condition.
	costFree = 5_000
	// costSpare is how much longer than real ones the longest labels are that the
	// door accepts: what is not measured is charged that much less than it may cost.
	costSpare = 50
)
