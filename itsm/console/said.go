package console

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// said is a sentence with links for what it names.
type said []part

// part is a piece of a sentence; Href is "" for plain text.
type part struct{ Text, Href string }

// saidLinksMax bounds the links of one sentence.
const saidLinksMax = 12

// nextName finds what may be a number or a CI id at or after from: letters and digits,
// two of them at least, with . _ : / - between. end is 0 when there is none. A plain
// word is never taken for one: a CI named "checkout" would turn prose into links.
func nextName(text string, from int) (begin, end int) {
	begin = -1
	first := 0 // where the first letter of the name ends
	for at := from; at < len(text); {
		r, size := rune(text[at]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[at:])
		}
		switch {
		case isWord(r) && begin < 0:
			begin, first, end = at, at+size, at+size
		case isWord(r):
			end = at + size
		case begin >= 0 && !strings.ContainsRune("._:/-", r):
			if end > first {
				return begin, end
			}
			begin = -1
		}
		at += size
	}
	if begin < 0 || end == first {
		return 0, 0
	}
	return begin, end
}

// isWord reports whether r is a letter or a number of any script.
func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r)
}

// said splits text, which line or block has bounded, at the incidents, alerts and
// known CIs that it names.
func (v inventory) said(text string) said {
	var out said
	links, done := 0, 0
	for begin, end := nextName(text, 0); end > 0 && links < saidLinksMax; begin, end = nextName(text, end) {
		href := v.hrefOf(text[begin:end])
		if href == "" {
			continue
		}
		links++
		if begin > done {
			out = append(out, part{Text: text[done:begin]})
		}
		out = append(out, part{Text: text[begin:end], Href: href})
		done = end
	}
	if done < len(text) {
		out = append(out, part{Text: text[done:]})
	}
	return out
}

// named lists CIs by name, as links.
func (v inventory) named(ids []string) (out said) {
	for n, id := range ids[:min(len(ids), saidLinksMax)] {
		if n > 0 {
			out = append(out, part{Text: ", "})
		}
		l := v.link(id)
		out = append(out, part{l.Name, l.Href})
	}
	if more := len(ids) - saidLinksMax; more > 0 {
		out = append(out, part{Text: " and " + thousands(more) + " more"})
	}
	return out
}

// isNumber reports whether word is a number such as INC0000001: a prefix and from seven
// to so many digits.
func isNumber(word, prefix string, most int) bool {
	digits, ok := strings.CutPrefix(word, prefix)
	if !ok || len(digits) < 7 || len(digits) > most {
		return false
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// isIncident reports whether word is the number of an incident.
func isIncident(word string) bool { return isNumber(word, "INC", 10) }

// hrefOf is the page of what word names, or "".
func (v inventory) hrefOf(word string) string {
	switch {
	case isIncident(word):
		return "/incidents/" + word
	case isNumber(word, "ALR", 12):
		return "/alerts/" + word
	case isNumber(word, "CHG", 12):
		return "/changes/" + word
	case isNumber(word, "MNT", 12):
		return "/maintenance/" + word
	case isNumber(word, "PRB", 12):
		return "/problems/" + word
	case !strings.ContainsAny(word, "-._:/0123456789"):
		return ""
	}
	if _, ok := v.ci(word); ok {
		return ciPath(word)
	}
	return ""
}

func (v inventory) saidAll(texts []string) []said {
	var out []said
	for _, t := range texts {
		out = append(out, v.said(t))
	}
	return out
}

// alertsOfCI is the page for a CI that the CMDB does not know: what names it.
func alertsOfCI(id string) string {
	if id == "" || len(id) > queryMax {
		return ""
	}
	return "/alerts?" + url.Values{"ci": {id}, "status": {"all"}}.Encode()
}
