package corpus

import (
	"bytes"
	"fmt"
	"time"

	"github.com/postweave/postweave/test/loggen"
)

// Lines takes a situation's log apart, as Logstash would have with the right zone and the right
// year: where stamps without a year go back by months, a new one has begun, and of the two times that
// a stamp in autumn's repeated hour may mean, the one next to the line before is right.
func (s *Situation) Lines() ([]loggen.Line, error) {
	zone, err := s.Facts.Location()
	if err != nil {
		return nil, err
	}
	var lines []loggen.Line
	err = loggen.Read(bytes.NewReader(s.Log), s.Facts.Year(), zone, func(l loggen.Line) error {
		if n := len(lines); n > 0 {
			before := lines[n-1].Time
			const months = 183 * 24 * time.Hour
			if l.Time.Before(before.Add(-months)) {
				l.Time = l.Time.AddDate(1, 0, 0)
			}
			clock := l.Time.In(zone).Format(time.DateTime)
			for _, other := range [...]time.Time{l.Time.Add(-time.Hour), l.Time.Add(time.Hour)} {
				if other.In(zone).Format(time.DateTime) == clock && other.Sub(before).Abs() < l.Time.Sub(before).Abs() {
					l.Time = other
				}
			}
		}
		lines = append(lines, l)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", s.Name, err)
	}
	return lines, nil
}
