package maillog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/postweave/postweave/worker/message"
)

const (
	partitionBits = 6
	partitions    = 1 << partitionBits
	// maxSplits is how often a partition of several keys that does not fit memory is
	// split again. What still does not fit is one key, whose lines must be together to be merged.
	maxSplits = 4
)

// spill is the temporary file and what is known of it. Keys are spread over
// partitions by their hash; a partition is a list of blocks, appended as they fill. A sort
// of the whole file would give the order of keys too, which nobody needs.
type spill struct {
	dir       string
	block     int // bytes gathered before a block is written
	file      *os.File
	size      int64
	parts     *[partitions]partition
	keys      filter
	keyMemory int64
}

type partition struct {
	buffer []byte
	blocks []extent
	size   int64
	key    uint64 // hash of the first key in it
	keys   int    // that lie in it: none, one, or 2 for more
}

// note counts a record's key.
func (p *partition) note(key uint64) {
	switch {
	case p.keys == 0:
		p.key, p.keys = key, 1
	case p.key != key:
		p.keys = 2
	}
}

type extent struct {
	at   int64
	size int
}

func newSpill(dir string, memory int64) spill {
	return spill{
		dir:       dir,
		block:     int(min(max(memory/(8*partitions), 512), 64<<10)),
		keyMemory: min(max(memory/16, 4<<10), 64<<20),
	}
}

// has tells whether lines of the key lie in the file. It may be wrong for a key
// that never went there, which does no harm: its lines then go there too, and are
// merged at the end.
func (s *spill) has(host, id string) bool { return s.parts != nil && s.keys.has(hashKey(host, id)) }

// mark notes that lines of the key lie in the file.
func (s *spill) mark(host, id string) {
	if s.keys.bits == nil {
		s.keys = newFilter(s.keyMemory)
	}
	s.keys.add(hashKey(host, id))
}

// Kinds of records.
const (
	lineRecord = 'L'
	pastRecord = 'P'
)

func (s *spill) addLine(host, id string, l message.Line) error {
	p := s.partition(host, id)
	b := append(p.buffer, lineRecord)
	b = appendText(appendText(b, host), id)
	b = appendTime(b, l.Time)
	p.buffer = appendText(appendText(appendText(b, l.Program), l.PID), l.Text)
	return s.flush(p, s.block)
}

func (s *spill) addPast(host, id string, past message.Past) error {
	p := s.partition(host, id)
	b := append(p.buffer, pastRecord)
	b = appendText(appendText(b, host), id)
	b = appendTime(appendTime(b, past.Arrival), past.LastSeen)
	p.buffer = binary.AppendUvarint(b, uint64(past.Ordinal))
	return s.flush(p, s.block)
}

func (s *spill) partition(host, id string) *partition {
	if s.parts == nil {
		s.parts = new([partitions]partition)
	}
	key := hashKey(host, id)
	p := &s.parts[part(key, 0)]
	p.note(key)
	return p
}

// part is the partition of a hash after so many splits.
func part(hash uint64, splits int) uint64 {
	return hash >> (64 - partitionBits*(splits+1)) % partitions
}

// flush writes the partition's buffer out where it has reached a size.
func (s *spill) flush(p *partition, from int) error {
	if len(p.buffer) < from || len(p.buffer) == 0 {
		return nil
	}
	if s.file == nil {
		if err := s.create(); err != nil {
			return err
		}
	}
	if _, err := s.file.WriteAt(p.buffer, s.size); err != nil {
		return s.problem("be written", err)
	}
	p.blocks = append(p.blocks, extent{s.size, len(p.buffer)})
	p.size += int64(len(p.buffer))
	s.size += int64(len(p.buffer))
	p.buffer = p.buffer[:0]
	return nil
}

// create makes the file, for its owner only: it holds mail data. Where the
// system lets an open file be unlinked it has no name from the start, so that no crash leaves it
// behind.
func (s *spill) create() error {
	f, err := os.CreateTemp(s.dir, "postweave-merge-*")
	if err != nil {
		return s.problem("be made", err)
	}
	s.file = f
	os.Remove(f.Name())
	return nil
}

func (s *spill) problem(what string, err error) error {
	dir := s.dir
	if dir == "" {
		dir = os.TempDir()
	}
	return fmt.Errorf("the temporary file for open messages cannot %s in %s: %w (make room there, set TMPDIR to another folder, or allow more memory)", what, dir, err)
}

func (s *spill) close() {
	if s.file == nil {
		return
	}
	name := s.file.Name()
	s.file.Close()
	os.Remove(name)
	s.file = nil
}

// each hands over every key with all its lines, and the record of what was
// written of it before.
func (s *spill) each(memory int64, take func(message.Key, []message.Line, message.Past) error) error {
	if s.parts == nil {
		return nil
	}
	parts := s.parts
	s.keys = filter{}
	return s.drain(parts, 0, memory, take)
}

func (s *spill) drain(parts *[partitions]partition, splits int, memory int64, take func(message.Key, []message.Line, message.Past) error) error {
	for i := range parts {
		p := &parts[i]
		if p.size+int64(len(p.buffer)) > memory && splits < maxSplits && p.keys > 1 {
			if err := s.split(p, splits+1, memory, take); err != nil {
				return err
			}
			continue
		}
		if err := s.load(p, take); err != nil {
			return err
		}
		*p = partition{}
	}
	return nil
}

// split spreads a partition over new ones.
func (s *spill) split(p *partition, splits int, memory int64, take func(message.Key, []message.Line, message.Past) error) error {
	parts := new([partitions]partition)
	err := s.read(p, func(r *record) error {
		key := hashKey(r.key.Host, r.key.QueueID)
		to := &parts[part(key, splits)]
		to.note(key)
		to.buffer = append(to.buffer, r.raw...)
		return s.flush(to, s.block)
	})
	if err != nil {
		return err
	}
	*p = partition{}
	return s.drain(parts, splits, memory, take)
}

// load reads a partition and hands over its keys in the order of their first
// lines.
func (s *spill) load(p *partition, take func(message.Key, []message.Line, message.Past) error) error {
	type content struct {
		lines []message.Line
		past  message.Past
	}
	contents := map[message.Key]*content{}
	var order []message.Key
	err := s.read(p, func(r *record) error {
		c := contents[r.key]
		if c == nil {
			c = &content{}
			contents[r.key] = c
		}
		switch {
		case r.kind == lineRecord:
			if c.lines == nil {
				order = append(order, r.key)
			}
			c.lines = append(c.lines, r.line)
		case r.past.LastSeen.After(c.past.LastSeen):
			c.past = r.past
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range order {
		c := contents[k]
		delete(contents, k)
		if err := take(k, c.lines, c.past); err != nil {
			return err
		}
	}
	return nil
}

// record is what addLine or addPast wrote.
type record struct {
	kind byte
	key  message.Key
	line message.Line
	past message.Past
	raw  string
}

// read hands over the partition's records in the order in which they were
// added.
func (s *spill) read(p *partition, take func(*record) error) error {
	var block []byte
	for _, x := range p.blocks {
		block = append(block[:0], make([]byte, x.size)...)
		if _, err := s.file.ReadAt(block, x.at); err != nil && !errors.Is(err, io.EOF) {
			return s.problem("be read", err)
		}
		if err := s.decode(string(block), take); err != nil {
			return err
		}
	}
	return s.decode(string(p.buffer), take)
}

// errRecord cannot happen unless someone writes into the file.
var errRecord = errors.New("a record in it is malformed")

func (s *spill) decode(block string, take func(*record) error) error {
	for block != "" {
		d := decoder{rest: block}
		r := record{kind: d.byte()}
		r.key = message.Key{Host: d.text(), QueueID: d.text()}
		switch r.kind {
		case lineRecord:
			r.line = message.Line{Time: d.time(), Program: d.text(), PID: d.text(), Text: d.text()}
		case pastRecord:
			r.past = message.Past{Arrival: d.time(), LastSeen: d.time(), Ordinal: int(d.number())}
		default:
			d.bad = true
		}
		if d.bad {
			return s.problem("be read", errRecord)
		}
		r.raw = block[:len(block)-len(d.rest)]
		block = d.rest
		if err := take(&r); err != nil {
			return err
		}
	}
	return nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(b, t.Unix()), uint64(t.Nanosecond()))
}

// decoder takes values off the front of a block; bad is set where there is
// none.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) byte() byte {
	if d.rest == "" {
		d.bad = true
		return 0
	}
	c := d.rest[0]
	d.rest = d.rest[1:]
	return c
}

func (d *decoder) number() uint64 {
	var n uint64
	for shift := 0; shift < 64 && d.rest != ""; shift += 7 {
		c := d.byte()
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n
		}
	}
	d.bad = true
	return 0
}

func (d *decoder) text() string {
	n := d.number()
	if d.bad || n > uint64(len(d.rest)) {
		d.bad = true
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) time() time.Time {
	u := d.number()
	sec := int64(u >> 1)
	if u&1 != 0 {
		sec = ^sec
	}
	return time.Unix(sec, int64(d.number())).UTC()
}

// hashKey is FNV-1a: the same in each process, so that the order of what is
// emitted is, with its bits mixed once more, since partitions go by the upper ones.
func hashKey(host, id string) uint64 {
	h := uint64(14695981039346656037)
	for _, s := range [...]string{host, "\x00", id} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
	}
	h ^= h >> 32
	h *= 0x9e3779b97f4a7c15
	return h ^ h>>29
}
