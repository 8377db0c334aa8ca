package loggen

import (
	"strconv"
	"time"
)

// Line is one syslog line of Postfix in parts.
type Line struct {
	Time    time.Time // cut to the unit of the stamps
	Host    string
	Program string // postfix/smtpd
	PID     string
	Text    string
}

// AppendRFC3164 appends the line as traditional syslog writes it to a file, newline included: month, day and time without a year,
// in the line's own zone.
func (l Line) AppendRFC3164(dst []byte) []byte {
	dst = appendRFC3164Stamp(dst, l.Time)
	return l.appendRest(dst)
}

// AppendRFC3339 appends the line with an RFC 3339 stamp with microseconds, as rsyslog's file format writes it.
func (l Line) AppendRFC3339(dst []byte) []byte {
	dst = l.Time.AppendFormat(dst, "2006-01-02T15:04:05.000000Z07:00")
	return l.appendRest(dst)
}

func (l Line) appendRest(dst []byte) []byte {
	dst = append(dst, ' ')
	dst = append(dst, l.Host...)
	dst = append(dst, ' ')
	dst = append(dst, l.Program...)
	dst = append(dst, '[')
	dst = append(dst, l.PID...)
	dst = append(dst, "]: "...)
	dst = append(dst, l.Text...)
	return append(dst, '\n')
}

// appendRFC3164Stamp is time.Stamp by hand: AppendFormat took a quarter of the generator's time.
func appendRFC3164Stamp(dst []byte, t time.Time) []byte {
	_, month, day := t.Date()
	hour, minute, sec := t.Clock()
	dst = append(dst, month.String()[:3]...)
	dst = append(dst, ' ')
	if day < 10 {
		dst = append(dst, ' ', byte('0'+day))
	} else {
		dst = strconv.AppendInt(dst, int64(day), 10)
	}
	dst = append(dst, ' ', byte('0'+hour/10), byte('0'+hour%10))
	dst = append(dst, ':', byte('0'+minute/10), byte('0'+minute%10))
	return append(dst, ':', byte('0'+sec/10), byte('0'+sec%10))
}
