package page

import (
	"math"
	"strings"
	"time"
)

// tableView is a table as the template writes it.
type tableView struct {
	Section, Title, About string
	Head                  []headCell
	Rows                  []rowView
	Others                []string // the cells of the last row behind its head, nothing where no more is there
	Wide                  bool
	Many                  bool // columns, of which each row is a block of its own where it is narrow
}

type headCell struct {
	Text  string
	Right bool // numbers
}

// rowView is a row: its head, of one line or several, and the cells behind it.
type rowView struct {
	Lines []lineView
	Bar   int // in percent, 0 for none
	Class string
	Cells []bodyCell
}

// bodyCell is a number with its column's title.
type bodyCell struct{ Label, Text string }

// lineView is one line of a row's head. Text that came with a mail is kept apart from what stands around it, so that its
// direction turns nothing else.
type lineView struct {
	Text, Class string
	Quoted      bool
}

func (r *Report) tableView(t Table) tableView {
	v := tableView{Section: t.Section, Title: t.Title, About: t.About}
	switch t.Section {
	case "biggest":
		return r.biggestView(v, t)
	case "bounces", "deferrals", "rejects":
		return r.reasonView(v, t)
	}
	for _, c := range t.Columns {
		v.Head = append(v.Head, headCell{c.Title, c.Kind != Name && c.Kind != Text})
	}
	most := largest(t)
	for _, row := range t.Rows {
		x := rowView{Lines: []lineView{r.nameLine(row[0])}, Bar: percent(t, row, most)}
		if t.Section == "outcomes" || t.Section == "recipient-outcomes" {
			x.Class = statusClass(row[0])
		}
		for i := 1; i < len(row); i++ {
			x.Cells = append(x.Cells, bodyCell{t.Columns[i].Title, Show(t.Columns[i].Kind, row[i])})
		}
		v.Rows = append(v.Rows, x)
	}
	v.Others = others(t)
	v.Wide, v.Many = len(t.Columns) > 5, len(t.Columns) > 4
	return v
}

func (r *Report) nameLine(cell any) lineView {
	if at, ok := cell.(time.Time); ok {
		return lineView{Text: at.UTC().Format("2006-01-02 15:04:05")}
	}
	s, _ := cell.(string)
	return lineView{Text: r.short(s), Quoted: true}
}

func statusClass(cell any) string {
	switch status, _ := cell.(string); status {
	case "sent", "deferred", "rejected":
		return status
	case "bounced", "expired":
		return "bounced"
	}
	return "other"
}

// biggestView has all of a message but its size in the row's head.
func (r *Report) biggestView(v tableView, t Table) tableView {
	v.Head, v.Wide = []headCell{{"Message", false}, {"Size", true}}, true
	most := largest(t)
	for _, b := range r.Figures.Biggest {
		subject := lineView{r.short(b.Subject), "", true}
		if b.Subject == "" {
			subject = lineView{"(no subject logged)", "muted", false}
		}
		to := r.short(b.To)
		if b.To == "" {
			to = "(no recipient known)"
		}
		if b.Recipients > 1 {
			to += " and " + counted(b.Recipients-1, "other", "others")
		}
		v.Rows = append(v.Rows, rowView{
			Lines: []lineView{
				subject,
				{r.short(b.From) + " → " + to, "small", true},
				{b.Time.Format("2006-01-02 15:04:05") + " · " + r.short(b.Status) + " · " + r.short(b.Host) + " " + r.short(b.QueueID), "small muted", true},
			},
			Bar: part(float64(b.Size), most), Cells: []bodyCell{{"Size", bytesText(b.Size)}},
		})
	}
	return v
}

// reasonView has all of a reason but its count in the row's head.
func (r *Report) reasonView(v tableView, t Table) tableView {
	last := len(t.Columns) - 1
	v.Head = []headCell{{"Reason", false}, {t.Columns[last].Title, true}}
	most := largest(t)
	for _, row := range t.Rows {
		code := ""
		for i := range last - 2 { // stage, reply and code, or the code alone
			if s, _ := row[i].(string); s != "" {
				if code != "" {
					code += " "
				}
				code += r.short(s)
			}
		}
		if code == "" {
			code = "no code"
		}
		meaning, _ := row[last-2].(string)
		answer, _ := row[last-1].(string)
		lines := []lineView{{code, "code", true}}
		if meaning != "" {
			lines[0].Text += " – " + meaning
		}
		if answer != "" {
			lines = append(lines, lineView{r.short(answer), "small muted", true})
		}
		v.Rows = append(v.Rows, rowView{Lines: lines, Bar: percent(t, row, most), Cells: []bodyCell{{v.Head[1].Text, Show(Number, row[last])}}})
	}
	if t.Others > 0 {
		v.Others = []string{Thousands(t.Others)}
	}
	return v
}

// others is the last row's cells.
func others(t Table) []string {
	if t.Others <= 0 {
		return nil
	}
	cells := make([]string, len(t.Columns)-1)
	cells[t.Measure-1] = Thousands(t.Others)
	return cells
}

// largest is the greatest value of what bars show.
func largest(t Table) float64 {
	most := 0.0
	for _, row := range t.Rows {
		most = max(most, measure(t, row))
	}
	return most
}

func measure(t Table, row []any) float64 {
	if t.Measure < 0 {
		return 0
	}
	switch n := row[t.Measure].(type) {
	case int64:
		return float64(n)
	case float64:
		return n
	}
	return 0
}

func percent(t Table, row []any, most float64) int { return part(measure(t, row), most) }

// part is a length in percent of the greatest; what is there at all is seen.
func part(n, most float64) int {
	if n <= 0 || most <= 0 {
		return 0
	}
	return max(1, int(math.Round(n/most*100)))
}

// Parts are the text, divided where a line breaks rather than elsewhere: in front of an address's domain.
func (l lineView) Parts() []string {
	if at := strings.LastIndexByte(l.Text, '@'); at > 0 && l.Class == "" {
		return []string{l.Text[:at], l.Text[at:]}
	}
	return []string{l.Text}
}
