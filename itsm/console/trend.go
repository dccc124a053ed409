package console

import (
	"fmt"
	"strings"

	"signalbox/itsm/report"
)

// trendChart is the trend of a report as a picture: bars of counts, else lines that
// break where nothing is known.
type trendChart struct {
	ID            string
	Width, Height int
	Base, Left    int // where the axes meet
	Summary       string
	Most, Half    string // labels of the scale
	HalfY         int
	From, To      string
	Bars          []chartBar
	Lines         []trendLine
	Series        []trendKey // when there is more than one
}

type trendLine struct {
	Class string // s0, s1
	D     string
	Dots  []trendDot
}

type trendDot struct{ X, Y int }

type trendKey struct{ Class, Label string }

// viewTrend draws a trend. Shares are drawn on a scale of 0 to 100 %, the rest from 0
// to the most there was. Without any value there is no picture.
func viewTrend(t *report.Trend, id, title string, width, height int) *trendChart {
	const top, bottom = 12, 24
	c := &trendChart{ID: id, Width: width, Height: height, Base: height - bottom, Left: 52}
	most, known, last := 0.0, 0, ""
	for _, s := range t.Slots {
		for i, v := range s.Values {
			if v.IsNumber() {
				most = max(most, v.Number)
				known++
				if i == 0 {
					last = report.Say(t.Unit, v)
				}
			}
		}
	}
	if known == 0 || most == 0 && t.Unit == report.Count {
		return nil
	}
	if t.Unit == report.Share {
		most = 1
	}
	if t.Unit == report.Count && most > 1 && int(most)%2 == 1 {
		most++ // half of it is a whole number
	}
	scale := func(v float64) int {
		if most == 0 {
			return c.Base
		}
		return c.Base - int(v/most*float64(c.Base-top)+0.5)
	}
	c.Most, c.HalfY = sayCell(t.Unit, most), scale(most/2)
	if t.Unit != report.Count || most > 1 {
		c.Half = sayCell(t.Unit, most/2)
	}
	n := len(t.Slots)
	step := float64(width-c.Left-4) / float64(n)
	c.From, c.To = t.Slots[0].From.Std().Format("2 Jan"), (t.Slots[n-1].To - 1).Std().Format("2 Jan")
	c.Summary = fmt.Sprintf("%s, %s to %s: highest %s, last %s", title, c.From, c.To, highest(t), last)
	if t.Unit == report.Count {
		for i, s := range t.Slots {
			if v := s.Values[0]; v.IsNumber() && v.Number > 0 {
				y := min(scale(v.Number), c.Base-2)
				c.Bars = append(c.Bars, chartBar{X: c.Left + int(float64(i)*step), Y: y, W: max(2, int(step)-2), H: c.Base - y})
			}
		}
		return c
	}
	for k, label := range t.Series {
		l := trendLine{Class: fmt.Sprintf("s%d", k)}
		var d strings.Builder
		pen := false
		for i, s := range t.Slots {
			v := s.Values[k]
			if !v.IsNumber() {
				pen = false
				continue
			}
			p := trendDot{X: c.Left + int((float64(i)+0.5)*step), Y: scale(v.Number)}
			move := "M"
			if pen {
				move = "L"
			}
			fmt.Fprintf(&d, "%s%d %d", move, p.X, p.Y)
			pen = true
			l.Dots = append(l.Dots, p)
		}
		l.D = d.String()
		c.Lines = append(c.Lines, l)
		if len(t.Series) > 1 {
			c.Series = append(c.Series, trendKey{l.Class, label})
		}
	}
	return c
}

func sayCell(u report.Unit, v float64) string { return report.Say(u, report.Number(v)) }

func highest(t *report.Trend) string {
	most := 0.0
	for _, s := range t.Slots {
		if v := s.Values[0]; v.IsNumber() {
			most = max(most, v.Number)
		}
	}
	return sayCell(t.Unit, most)
}
