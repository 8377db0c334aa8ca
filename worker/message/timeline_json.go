package message

import "time"

// AppendTimelineJSON appends a timeline as a list of objects, fields absent where empty. elapsed are the seconds since
// arrival, which are negative for a line from before it.
func AppendTimelineJSON(b []byte, moments []Moment, arrival time.Time) []byte {
	w := writer{b: append(b, '[')}
	for i := range moments {
		w.begin("", '{')
		moments[i].write(&w, arrival)
		w.end('}')
	}
	w.end(']')
	return w.b[:len(w.b)-1]
}

func (m *Moment) write(w *writer, arrival time.Time) {
	w.time(`"time":`, m.Time)
	if !arrival.IsZero() {
		w.float(`"elapsed":`, m.Time.Sub(arrival).Seconds())
	}
	w.str(`"kind":`, m.Kind)
	w.str(`"text":`, m.Text)
	writeList(w, `"recipients":`, m.To, (*Receiver).write)
	w.str(`"transport":`, m.Transport)
	w.str(`"relay":`, m.Relay)
	w.str(`"dsn":`, m.DSN)
	w.str(`"answer":`, m.Answer)
	w.str(`"queue_id":`, m.QueueID)
	if m.HasDelay {
		w.float(`"delay":`, m.Delay)
	}
	if m.HasDelays {
		w.delays(m.Delays)
	}
	writeLines(w, m.Lines, false)
}

func (r *Receiver) write(w *writer) {
	w.str(`"to":`, r.To)
	w.str(`"orig_to":`, r.OrigTo)
}

// delays writes where a delivery's time went.
func (w *writer) delays(d [4]float64) {
	w.begin(`"delays":`, '{')
	w.float(`"before_qmgr":`, d[0])
	w.float(`"in_qmgr":`, d[1])
	w.float(`"conn_setup":`, d[2])
	w.float(`"transmission":`, d[3])
	w.end('}')
}
