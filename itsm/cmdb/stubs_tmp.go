package cmdb
import "io"
func (b *builder) yaml(r io.Reader) {}
func (b *builder) csvCIs(r io.Reader) {}
func (b *builder) csvRelations(r io.Reader) {}
