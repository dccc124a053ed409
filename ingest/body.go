package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"signalbox/ingest/source"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// errUndecodable marks a body that arrived whole but is not what its
// Content-Encoding says; it goes to quarantine like any undecodable body.
var errUndecodable = errors.New("undecodable body")

// bodyNames say which of the two bodies of a request is meant.
var bodyNames = map[string]string{boundBody: "a body", boundDecompressed: "a decompressed body"}

// readBounded reads r to its end into dst; more than limit bytes are TooLarge.
func readBounded(dst []byte, r io.Reader, limit int, l *lease, bound string) ([]byte, error) {
	for {
		if len(dst) == cap(dst) {
			grown := min(max(4<<10, 2*cap(dst)), limit+1)
			if grown <= cap(dst) {
				grown = cap(dst) + 512
			}
			if err := l.grow(grown); err != nil {
				return dst, err
			}
			dst = append(make([]byte, 0, grown), dst...)
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if len(dst) > limit {
			return dst, source.Exceeded(bound, itsm.TooLarge, "%s of more than %d bytes", bodyNames[bound], limit)
		}
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
	}
}

// readBody reads the raw body of a request, at most limit bytes. The result is
// ours to keep until the buffer goes back to its pool.
func readBody(c *fiber.Ctx, dst []byte, limit int, l *lease) ([]byte, error) {
	if n := c.Request().Header.ContentLength(); n > limit {
		return dst, source.Exceeded(boundBody, itsm.TooLarge, "a body of %d bytes, at most %d are accepted", n, limit)
	} else if n > 0 {
		// What is announced is not there yet: a large body's memory is taken, and
		// counted, as it arrives.
		if limit = n; n > cap(dst) {
			dst = make([]byte, 0, min(n+1, strangerFreeBytes))
		}
	}
	stream := c.Context().RequestBodyStream()
	if stream == nil {
		return append(dst, c.Request().Body()...), nil
	}
	body, err := readBounded(dst, stream, limit, l, boundBody)
	if err != nil && itsm.CodeOf(err) == itsm.Internal {
		// The sender stopped in the middle, or was too slow. Nobody may be there to
		// read the answer, and the connection is of no more use.
		c.Context().SetConnectionClose()
		return body, itsm.Wrap(itsm.Invalid, err, "the body ended early or came too slowly")
	}
	return body, err
}

// encodingOf returns the one content coding of a request, "" for none.
func encodingOf(c *fiber.Ctx) (string, error) {
	all := c.Request().Header.PeekAll(fiber.HeaderContentEncoding)
	if len(all) == 0 {
		return "", nil
	}
	enc := strings.ToLower(strings.TrimSpace(string(all[0])))
	switch enc {
	case "", "identity":
		enc = ""
	case "gzip", "x-gzip", "deflate", "zstd", "br":
	default:
		return "", itsm.Errorf(itsm.Invalid, "Content-Encoding %.40q: expected gzip, deflate, zstd or br, once", enc)
	}
	if len(all) > 1 {
		return "", itsm.Errorf(itsm.Invalid, "%d Content-Encoding headers: expected one", len(all))
	}
	return enc, nil
}

// decompress undoes one content coding into dst.
func decompress(dst, raw []byte, enc string, limit int, l *lease) ([]byte, error) {
	zr, done, err := opener(enc, raw)
	if err != nil {
		return dst, errUndecodable
	}
	defer done()
	// A bomb is stopped by its ratio long before it reaches the bound of bytes.
	allowed := min(limit, max(smallBodyBytes, CompressionRatioMax*len(raw)))
	out, err := readBounded(dst, zr, allowed, l, boundDecompressed)
	switch itsm.CodeOf(err) {
	case itsm.Internal:
		if err != nil {
			return out, errUndecodable
		}
	case itsm.TooLarge:
		if allowed < limit {
			return out, source.Exceeded(boundRatio, itsm.TooLarge, "a body that decompresses to more than %d times its size", CompressionRatioMax)
		}
	}
	return out, err
}

var (
	gzipPool  = sync.Pool{New: func() any { return new(gzip.Reader) }}
	zstdPool  = sync.Pool{New: func() any { return newZstd() }}
	bodyPool  = sync.Pool{New: func() any { return new(buffer) }}
	pooledMax = 1 << 20 // larger buffers are left to the garbage collector

	encoderPool = sync.Pool{New: func() any { return new(entry.Encoder) }}
)

func putEncoder(e *entry.Encoder) {
	if e.Size() <= pooledMax {
		encoderPool.Put(e)
	}
}

// buffer is a pooled byte slice.
type buffer struct{ b []byte }

func (b *buffer) put() {
	if cap(b.b) <= pooledMax {
		b.b = b.b[:0]
		bodyPool.Put(b)
	}
}

func newZstd() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderMaxMemory(DecompressedBytesMax))
	if err != nil {
		panic(err) // the options are constants
	}
	return d
}

// opener returns a reader of the plain bytes and what to call when done with it.
func opener(enc string, raw []byte) (io.Reader, func(), error) {
	in := bytes.NewReader(raw)
	switch enc {
	case "gzip", "x-gzip":
		z := gzipPool.Get().(*gzip.Reader)
		if err := z.Reset(in); err != nil {
			return nil, nil, err
		}
		return z, func() { gzipPool.Put(z) }, nil
	case "deflate":
		// RFC 9110 means zlib; some senders mean the bare stream.
		if z, err := zlib.NewReader(in); err == nil {
			return z, func() { z.Close() }, nil
		}
		z := flate.NewReader(bufio.NewReader(bytes.NewReader(raw)))
		return z, func() { z.Close() }, nil
	case "zstd":
		z := zstdPool.Get().(*zstd.Decoder)
		if err := z.Reset(in); err != nil {
			return nil, nil, err
		}
		return z, func() { _ = z.Reset(nil); zstdPool.Put(z) }, nil
	default: // encodingOf lets only br through
		return brotli.NewReader(in), func() {}, nil
	}
}
