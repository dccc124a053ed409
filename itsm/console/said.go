package console

import (
	"net/url"
	"regexp"
	"strings"
)

// said is a sentence with links for what it names.
type said []part

// part is a piece of a sentence; Href is "" for plain text.
type part struct{ Text, Href string }

// saidLinksMax bounds the links of one sentence.
const saidLinksMax = 12

// nameLike finds what may be a number or a CI id. A plain word is never taken for
// one: a CI named "checkout" would turn prose into links.
var nameLike = regexp.MustCompile(`[\pL\pN][\pL\pN._:/-]*[\pL\pN]`)

// said splits text, which line or block has bounded, at the incidents, alerts and
// known CIs that it names.
func (v inventory) said(text string) said {
	var out said
	links, done := 0, 0
	for _, at := range nameLike.FindAllStringIndex(text, -1) {
		href := v.hrefOf(text[at[0]:at[1]])
		if href == "" || links == saidLinksMax {
			continue
		}
		links++
		if at[0] > done {
			out = append(out, part{Text: text[done:at[0]]})
		}
		out = append(out, part{Text: text[at[0]:at[1]], Href: href})
		done = at[1]
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

var (
	incidentLike = regexp.MustCompile(`^INC\d{7,10}$`)
	alertLike    = regexp.MustCompile(`^ALR\d{7,12}$`)
	changeLike   = regexp.MustCompile(`^CHG\d{7,12}$`)
	windowLike   = regexp.MustCompile(`^MNT\d{7,12}$`)
	problemLike  = regexp.MustCompile(`^PRB\d{7,12}$`)
)

// hrefOf is the page of what word names, or "".
func (v inventory) hrefOf(word string) string {
	switch {
	case incidentLike.MatchString(word):
		return "/incidents/" + word
	case alertLike.MatchString(word):
		return "/alerts/" + word
	case changeLike.MatchString(word):
		return "/changes/" + word
	case windowLike.MatchString(word):
		return "/maintenance/" + word
	case problemLike.MatchString(word):
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
