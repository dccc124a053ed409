package console

import (
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
)

//go:embed static/*
var staticFiles embed.FS

// assets are the static files under addresses that contain their hash, so that a
// browser may keep them for ever and still gets a new one at once.
type assets struct {
	byName  map[string]asset  // "app.1a2b3c4d.css"
	address map[string]string // "app.css" → "/static/app.1a2b3c4d.css"
}

type asset struct {
	mime         string
	plain, small []byte // small is gzipped
}

var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func loadAssets() (assets, error) {
	a := assets{byName: map[string]asset{}, address: map[string]string{}}
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		return a, fmt.Errorf("console: static files: %w", err)
	}
	for _, e := range entries {
		body, err := staticFiles.ReadFile("static/" + e.Name())
		if err != nil {
			return a, fmt.Errorf("console: static file %s: %w", e.Name(), err)
		}
		ext := path.Ext(e.Name())
		if assetTypes[ext] == "" {
			return a, fmt.Errorf("console: static file %s: no media type for %s", e.Name(), ext)
		}
		sum := sha256.Sum256(body)
		name := strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		a.byName[name] = asset{mime: assetTypes[ext], plain: body, small: gzipped(body, gzip.BestCompression)}
		a.address[e.Name()] = "/static/" + name
	}
	return a, nil
}

// path is the template function "asset".
func (a assets) path(name string) (string, error) {
	if p, ok := a.address[name]; ok {
		return p, nil
	}
	return "", fmt.Errorf("no static file %s", name)
}

func (c *Console) static(ctx *fiber.Ctx) error {
	a, ok := c.assets.byName[ctx.Params("name")]
	if !ok {
		return itsm.Errorf(itsm.NotFound, "no such file; reload the page to get the current version")
	}
	ctx.Set(fiber.HeaderContentType, a.mime)
	ctx.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	ctx.Set(fiber.HeaderVary, "Accept-Encoding")
	if acceptsGzip(ctx) {
		ctx.Set(fiber.HeaderContentEncoding, "gzip")
		return ctx.Status(http.StatusOK).Send(a.small)
	}
	return ctx.Status(http.StatusOK).Send(a.plain)
}
