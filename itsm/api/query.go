package api

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
)

// Bounds of what a query may ask.
const (
	limitDefault  = 50
	limitMax      = 500
	filterMax     = 100 // values of one filter
	queryBytesMax = 4096
	idBytesMax    = 512 // of an id in a path
)

// afterOffset is the parameter every GET takes.
const afterOffset = "after_offset"

// query holds the parameters of a request; all are among those its route takes.
// Its strings are copies that may outlive the request.
type query map[string]string

// parseQuery reads the parameters and refuses those the route does not know,
// because a misspelt filter that is ignored answers with the wrong list.
func parseQuery(c *fiber.Ctx, allowed []string) (query, error) {
	args := c.Context().QueryArgs()
	if args.Len() == 0 {
		return nil, nil
	}
	if len(c.Context().URI().QueryString()) > queryBytesMax {
		return nil, itsm.Errorf(itsm.TooLarge, "query: more than %d bytes", queryBytesMax)
	}
	q := make(query, args.Len())
	for k, v := range args.All() {
		name, value := string(k), string(v)
		if !slices.Contains(allowed, name) {
			return nil, unknownName("query parameter", name, allowed)
		}
		if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return nil, itsm.Errorf(itsm.Invalid, "%s: expected text in UTF-8", name)
		}
		if old, twice := q[name]; twice && old != value {
			return nil, itsm.Errorf(itsm.Invalid, "%s: given more than once; separate several values by commas", name)
		}
		q[name] = value
	}
	return q, nil
}

func unknownName(what, name string, allowed []string) error {
	if len(allowed) == 0 {
		return itsm.Errorf(itsm.Invalid, "%s %q: unknown; this takes none", what, name)
	}
	return itsm.Errorf(itsm.Invalid, "%s %q: unknown; expected one of %s", what, name, strings.Join(allowed, ", "))
}

// list returns the comma-separated values of a filter.
func (q query) list(name string) ([]string, error) {
	if q[name] == "" {
		return nil, nil
	}
	var out []string
	for v := range strings.SplitSeq(q[name], ",") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	if len(out) > filterMax {
		return nil, itsm.Errorf(itsm.TooLarge, "%s: %d values; at most %d", name, len(out), filterMax)
	}
	return out, nil
}

// parsed returns the values of a filter, each read by parse.
func parsed[T any](q query, name string, parse func(string) (T, error)) ([]T, error) {
	words, err := q.list(name)
	if err != nil {
		return nil, err
	}
	var out []T
	for _, w := range words {
		v, err := parse(w)
		if err != nil {
			return nil, notParsed(name, err)
		}
		out = append(out, v)
	}
	return out, nil
}

// notParsed names the filter of a value that was not understood, unless the error
// begins with that name already.
func notParsed(name string, err error) error {
	msg := itsm.MessageOf(err)
	if !strings.HasPrefix(msg, name+" ") {
		msg = name + ": " + msg
	}
	return itsm.Errorf(itsm.Invalid, "%s", msg)
}

// limit returns how many items a page may hold.
func (q query) limit() (int, error) {
	v, ok := q["limit"]
	if !ok {
		return limitDefault, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > limitMax {
		return 0, itsm.Errorf(itsm.Invalid, "limit %q: expected a number from 1 to %d", v, limitMax)
	}
	return n, nil
}

// flag returns a yes or no; a parameter without a value is yes.
func (q query) flag(name string) (bool, error) {
	v, ok := q[name]
	switch {
	case !ok || v == "false" || v == "0":
		return false, nil
	case v == "" || v == "true" || v == "1":
		return true, nil
	}
	return false, itsm.Errorf(itsm.Invalid, "%s %q: expected true or false", name, v)
}

func (q query) offset() (itsm.Offset, error) {
	v, ok := q[afterOffset]
	if !ok {
		return 0, nil
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		return 0, itsm.Errorf(itsm.Invalid, "%s %q: expected the offset of an answer to a delivery", afterOffset, v)
	}
	return itsm.Offset(n), nil
}
