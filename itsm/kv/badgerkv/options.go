package badgerkv

import (
	"log/slog"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// Sizes that bound memory and disk. With them an idle process holds some tens of
// megabytes, a writing one at most the memtables, the caches and what two
// compactions work on.
const (
	memTableBytes   = 16 << 20
	memTables       = 3
	blockCacheBytes = 16 << 20
	indexCacheBytes = 16 << 20
	valueLogBytes   = 64 << 20
	valueThreshold  = 1 << 20 // the highest Badger allows: values below it stay in the tables
	tableBytes      = 8 << 20
	levelBytes      = 32 << 20 // of the first level below the newest tables
	blockBytes      = 8 << 10
)

// Options says where the store is.
type Options struct {
	Dir string       // created when missing; one process at a time
	Log *slog.Logger // nil: what Badger says is dropped
}

func badgerOptions(o Options) badger.Options {
	b := badger.DefaultOptions(o.Dir)
	b.Logger = logger{o.Log}
	b.SyncWrites = false
	b.DetectConflicts = false
	b.NumVersionsToKeep = 1
	b.MetricsEnabled = false
	b.NumGoroutines = 1
	b.MemTableSize = memTableBytes
	b.NumMemtables = memTables
	b.BlockCacheSize = blockCacheBytes
	b.IndexCacheSize = indexCacheBytes
	b.ValueLogFileSize = valueLogBytes
	b.ValueThreshold = valueThreshold
	b.BaseTableSize = tableBytes
	b.BaseLevelSize = levelBytes
	b.BlockSize = blockBytes
	b.NumCompactors = 2 // the least it allows
	b.Compression = options.Snappy
	b.ChecksumVerificationMode = options.OnBlockRead
	return b
}
