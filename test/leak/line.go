package leak

import (
	"encoding/json"
	"mime"
	"regexp"
)

var (
	subject = regexp.MustCompile(`Subject: (.*?) from [^ ;]+; (?:from|to|proto)=`)
	// The client's or relay's name and address, as Postfix writes them.
	peer  = regexp.MustCompile(`(?:\b(?:client|relay)=|\b(?:from|to|host|by) )([^ =,;\[\]]+)\[([0-9A-Fa-f.:]+)\]`)
	greet = regexp.MustCompile(`\bhelo=<([^>]*)>`)
	login = regexp.MustCompile(`\bsasl_username=([^ ,]+)`)
)

// AddLine takes up what a line of a mail log tells of a mail, save for addresses
// and message ids: those are found by their shape.
func (k *Known) AddLine(line string) {
	if m := subject.FindStringSubmatch(line); m != nil {
		k.Add("a subject", m[1])
		if decoded, err := new(mime.WordDecoder).DecodeHeader(m[1]); err == nil {
			k.Add("a subject", decoded)
		}
	}
	for _, m := range peer.FindAllStringSubmatch(line, -1) {
		k.Add("a name of a client or relay", m[1])
		k.Add("an address of a client or relay", m[2])
	}
	if m := greet.FindStringSubmatch(line); m != nil {
		k.Add("a helo", m[1])
	}
	if m := login.FindStringSubmatch(line); m != nil {
		k.Add("a login", m[1])
	}
}

// AddDocument does the same for each text of a JSON document.
func (k *Known) AddDocument(doc []byte) {
	for _, s := range stringsOf(doc) {
		k.AddLine(s)
	}
}

// stringsOf are all texts of a JSON document, the names of its fields included; nil where
// it is none.
func stringsOf(doc []byte) []string {
	var v any
	if json.Unmarshal(doc, &v) != nil {
		return nil
	}
	var all []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			all = append(all, v)
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for name, x := range v {
				all = append(all, name)
				walk(x)
			}
		}
	}
	walk(v)
	return all
}
