package cmdb

// Named bounds of what a CMDB may hold. Whatever exceeds one is a Problem with
// the line it stands on, never a silent cut.
const (
	CIsMax            = 1 << 24 // CIs a graph ever held, retired ones included
	IDBytesMax        = 512
	NameBytesMax      = 1024
	ClassBytesMax     = 128
	WordBytesMax      = 256 // env, owner, support group, relation type
	AliasesMax        = 64
	AttributesMax     = 64 << 10 // bytes of a CI's attributes in canonical JSON
	AttributeDepthMax = 16
	TierMax           = 5
	RelationTypesMax  = 4096  // distinct types a graph ever held
	SourceSetsMax     = 60000 // distinct sets of import sources that list the same thing

	LineBytesMax = 512 << 10 // one NDJSON line, one CSV record
	YAMLBytesMax = 64 << 20  // YAML is read whole; larger imports use NDJSON
	YAMLNodesMax = 4 << 20   // nodes of a YAML document with its aliases followed
	ProblemsMax  = 200       // problems listed by one Parse or Plan; the rest are counted

	ReachMax    = 1024  // CIs one walk returns
	ImpactMax   = 10000 // CIs one walk over dependants visits
	ServicesMax = 200   // services one walk returns
	NameHitsMax = 64    // CIs one name may stand for before it names nothing
	ListingMax  = 200   // entries of each list in a Diff; totals are exact
)
